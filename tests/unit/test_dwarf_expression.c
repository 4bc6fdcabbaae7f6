/* Expressions by hand, over made-up registers and memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stacks/dwarf_expression.h"

static struct seep_error *read_nothing_but(struct mem_source *source, uint64_t addr, void *buf,
                                           size_t len, size_t *ret_got)
{
    static const uint8_t word[16] = {0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x91};
    uint64_t at = addr - 0x1000;

    (void)source;
    *ret_got = 0;
    if (at < sizeof(word)) {
        *ret_got = len < sizeof(word) - at ? len : sizeof(word) - (size_t)at;
        memcpy(buf, word + at, *ret_got);
    }
    return NULL;
}

static const struct unwind_abi abis[] = {{.word_bytes = 8}, {.word_bytes = 4}};

static bool evaluate(int bits, const char *ops, size_t len, uint64_t *ret_value)
{
    static struct unwind_window window;
    struct mem_source source = {.read = read_nothing_but};
    struct unwind_state s = {
        .abi = &abis[bits == 32], .window = &window, .registers.known = 1 << 7 | 1 << 16};

    window = (struct unwind_window){.source = &source};
    s.registers.values[7] = 0x1000;
    s.registers.values[16] = 0x4bc;
    return dwarf_expression(&s, (const uint8_t *)ops, len, NULL, ret_value);
}
#define OPS(text) text, sizeof(text) - 1

static void values_are_right(void **state)
{
    static const struct {
        int bits;
        const char *ops;
        size_t len;
        uint64_t value;
    } cases[] = {
        {64, OPS("\x77\x08\x80\0\x3f\x1a\x3b\x2a\x33\x24\x22"), 0x1010}, /* a PLT's */
        {64, OPS("\x77\0\x06"), 0x9122334455667788},
        {32, OPS("\x77\0\x06"), 0x55667788},
        {64, OPS("\x77\x01\x94\x02"), 0x6677},
        {64, OPS("\x92\x07\x7f"), 0xfff},
        {64, OPS("\x09\xff"), UINT64_MAX},
        {32, OPS("\x09\xff"), UINT32_MAX},
        {64, OPS("\x0b\xfe\xff"), UINT64_MAX - 1},
        {64, OPS("\x0a\xfe\xff"), 0xfffe},
        {64, OPS("\x0d\xff\xff\xff\xff"), UINT64_MAX},
        {64, OPS("\x0e\1\2\3\4\5\6\7\x08"), 0x0807060504030201},
        {64, OPS("\x10\x80\x01"), 128},
        {64, OPS("\x11\x7e"), UINT64_MAX - 1},
        {64, OPS("\x31\x32\x33\x17\x1c\x1c"), 3 - (1 - 2)}, /* rot: 3 1 2 */
        {64, OPS("\x31\x32\x16\x1c"), 1},                   /* swap: 2 - 1 */
        {64, OPS("\x31\x32\x14\x1e\x22"), 3},               /* over: 1 + 2 * 1 */
        {64, OPS("\x35\x36\x37\x15\x02"), 5},               /* pick */
        {64, OPS("\x35\x36\x13\x12\x22"), 10},              /* drop, dup */
        {64, OPS("\x09\xfb\x19"), 5},                       /* abs */
        {64, OPS("\x09\xf9\x32\x1b"), (uint64_t)-3},        /* -7 / 2 */
        {32, OPS("\x09\xf9\x32\x1b"), (uint32_t)-3},
        {64, OPS("\x37\x33\x1d"), 1},                          /* 7 mod 3 */
        {64, OPS("\x35\x1f\x20"), 4},                          /* not neg 5 */
        {64, OPS("\x3c\x36\x27\x31\x21"), 11},                 /* xor, or */
        {64, OPS("\x31\x23\x80\x01"), 129},                    /* plus_uconst */
        {64, OPS("\x31\x08\x3f\x24\x08\x3f\x26"), UINT64_MAX}, /* shl, shra */
        {64, OPS("\x31\x08\x40\x24"), 0},
        {32, OPS("\x31\x08\x1f\x24\x34\x25"), 0x08000000}, /* shl, shr */
        {32, OPS("\x31\x08\x1f\x24\x08\x40\x26"), UINT32_MAX},
        {64, OPS("\x09\xff\x31\x2d"), 1}, /* -1 < 1 */
        {32, OPS("\x09\xff\x31\x2b"), 0},
        {64, OPS("\x31\x31\x29\x31\x32\x2e\x22"), 2},
        {64, OPS("\x31\x32\x2c\x31\x32\x2a\x22"), 1},
        {64, OPS("\x31\x28\x01\0\x35\x39"), 9}, /* bra over lit5 */
        {64, OPS("\x30\x28\x01\0\x35"), 5},     /* not taken */
        {64, OPS("\x37\x2f\x01\0\x35\x96"), 7}, /* skip, nop */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t value = 0;

        if (!evaluate(cases[i].bits, cases[i].ops, cases[i].len, &value) || value != cases[i].value)
            fail_msg("case %zu gives %lx, not %lx", i, value, cases[i].value);
    }
}

static void nonsense_gives_none(void **state)
{
    static const struct {
        const char *ops;
        size_t len;
    } cases[] = {
        {"", 0},
        {OPS("\x22")},           /* plus of nothing */
        {OPS("\x31\x22")},       /* plus of one */
        {OPS("\x73\0")},         /* a register that is not known */
        {OPS("\x92\x40\0")},     /* one that is not there */
        {OPS("\x30\x06")},       /* memory that is not there */
        {OPS("\x77\0\x94\x09")}, /* nine bytes of it */
        {OPS("\x31\x30\x1b")},   /* by zero */
        {OPS("\x31\x30\x1d")},
        {OPS("\x35\x15\x01")},     /* pick below the bottom */
        {OPS("\x31\x2f\xfc\xff")}, /* for ever */
        {OPS("\x2f\xfd\xff")},
        {OPS("\x2f\xf0\xff")},           /* before the start */
        {OPS("\x2f\x01\0")},             /* behind the end */
        {OPS("\x0e\1\2")},               /* half a constant */
        {OPS("\x03\1\2\3\4\5\6\7\x08")}, /* an address: where the file lies is not known here */
        {OPS("\xff")},
    };
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (evaluate(64, cases[i].ops, cases[i].len, &value))
            fail_msg("case %zu gives a value", i);

    char deep[100];

    memset(deep, 0x31, sizeof(deep));
    assert_false(evaluate(64, deep, sizeof(deep), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_right),
        cmocka_unit_test(nonsense_gives_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
