/* Instructions as assemblers write them: their lengths, and what they do to sp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/cleanup.h"
#include "stacks/x86_code.h"

enum { BOTH, ONLY_64, ONLY_32, NONE = -1 };

static const struct {
    const char *code;
    uint8_t len, kind;
    int8_t reg;
    int32_t value;
    uint32_t writes;
    uint8_t machine;
} cases[] = {
    {"\x90", 1, X86_OTHER, NONE, 0, 0, BOTH},
    {"\xf3\x0f\x1e\xfa", 4, X86_OTHER, NONE, 0, 0, BOTH}, /* endbr64 */
    {"\x0f\x05", 2, X86_OTHER, NONE, 0, 0, BOTH},         /* syscall */
    {"\xcd\x80", 2, X86_OTHER, NONE, 0, 0, BOTH},         /* int $0x80 */
    {"\x55", 1, X86_PUSH, 5, 0, 0, BOTH},
    {"\x41\x57", 2, X86_PUSH, 15, 0, 0, ONLY_64},
    {"\x6a\x05", 2, X86_PUSH, NONE, 0, 0, BOTH},
    {"\x68\1\2\3\4", 5, X86_PUSH, NONE, 0, 0, BOTH},
    {"\xff\x75\x08", 3, X86_PUSH, NONE, 0, 0, BOTH}, /* push 8(bp) */
    {"\x5b", 1, X86_POP, 3, 0, 0, BOTH},
    {"\x41\x5c", 2, X86_POP, 12, 0, 0, ONLY_64},
    {"\x8f\x45\x08", 3, X86_POP, NONE, 0, 0, BOTH}, /* pop 8(bp) */
    {"\x48\x83\xec\x18", 4, X86_ADD_SP, NONE, -24, 0, ONLY_64},
    {"\x83\xc4\x10", 3, X86_ADD_SP, NONE, 16, 0, ONLY_32},
    {"\x48\x81\xc4\0\1\0\0", 7, X86_ADD_SP, NONE, 256, 0, ONLY_64},
    {"\x48\x8d\x64\x24\x08", 5, X86_ADD_SP, NONE, 8, 0, ONLY_64}, /* lea 8(sp),sp */
    {"\x48\x8d\x65\xd8", 4, X86_SP_BP, NONE, -40, 0, ONLY_64},    /* lea -40(bp),sp */
    {"\x89\xec", 2, X86_SP_BP, NONE, 0, 0, ONLY_32},              /* mov bp,sp */
    {"\x48\x8b\xe5", 3, X86_SP_BP, NONE, 0, 0, ONLY_64},
    {"\xc9", 1, X86_LEAVE, NONE, 0, 0, BOTH},
    {"\xc3", 1, X86_RET, NONE, 0, 0, BOTH},
    {"\xf3\xc3", 2, X86_RET, NONE, 0, 0, BOTH},
    {"\xc2\x04\0", 3, X86_RET, NONE, 4, 0, BOTH},
    {"\xe8\x10\0\0\0", 5, X86_CALL, NONE, 16, 0, BOTH},
    {"\xff\xd0", 2, X86_CALL, NONE, 1, 0, BOTH},
    {"\xff\x15\1\2\3\4", 6, X86_CALL, NONE, 1, 0, BOTH},
    {"\xeb\xfe", 2, X86_JUMP, NONE, -2, 0, BOTH},
    {"\xe9\xfb\xff\xff\xff", 5, X86_JUMP, NONE, -5, 0, BOTH},
    {"\x75\x02", 2, X86_BRANCH, NONE, 2, 0, BOTH},
    {"\x0f\x84\0\1\0\0", 6, X86_BRANCH, NONE, 256, 0, BOTH},
    {"\xff\xe0", 2, X86_STOP, NONE, 0, 0, BOTH}, /* jmp *ax */
    {"\xf4", 1, X86_STOP, NONE, 0, 0, BOTH},
    {"\x0f\x0b", 2, X86_STOP, NONE, 0, 0, BOTH},
    {"\x48\x8b\x5c\x24\x10", 5, X86_LOAD, 3, 16, 1 << 3, ONLY_64}, /* mov 16(sp),bx */
    {"\x8b\x5d\xfc", 3, X86_LOAD, 3, -4, 1 << 3, ONLY_32},         /* mov -4(bp),bx */
    {"\x48\x29\xc4", 3, X86_OTHER, NONE, 0, 1 << 4, ONLY_64},      /* sub ax,sp */
    {"\x48\x83\xe4\xf0", 4, X86_OTHER, NONE, 0, 1 << 4, ONLY_64},  /* and $-16,sp */
    {"\x48\x8b\x65\xb0", 4, X86_OTHER, NONE, 0, 1 << 4, ONLY_64},  /* mov -80(bp),sp */
    {"\x94", 1, X86_OTHER, NONE, 0, 1 << 4, BOTH},                 /* xchg sp,ax */
    {"\x48\x39\xe0", 3, X86_OTHER, NONE, 0, 0, ONLY_64},           /* cmp sp,ax */
    {"\x48\x83\xfc\x10", 4, X86_OTHER, NONE, 0, 0, ONLY_64},       /* cmp $16,sp */
    {"\x48\x89\x24\x24", 4, X86_OTHER, NONE, 0, 0, ONLY_64},       /* mov sp,(sp) */
    {"\x48\x89\xdd", 3, X86_OTHER, NONE, 0, 1 << 5, ONLY_64},      /* mov bx,bp */
    {"\x49\x89\xe2", 3, X86_OTHER, NONE, 0, 1 << 10, ONLY_64},     /* mov sp,r10 */
    {"\x48\xb8\1\2\3\4\5\6\7\x08", 10, X86_OTHER, NONE, 0, 1, ONLY_64},
    {"\x66\xb8\1\2", 4, X86_OTHER, NONE, 0, 1, BOTH},
    {"\xa1\1\2\3\4", 5, X86_OTHER, NONE, 0, 0, ONLY_32},
    {"\x65\x48\x8b\x04\x25\x28\0\0\0", 9, X86_OTHER, NONE, 0, 1, ONLY_64}, /* mov gs:40,ax */
    {"\xf6\x05\1\2\3\4\5", 7, X86_OTHER, NONE, 0, 0, BOTH},                /* testb */
    {"\xf7\xd3", 2, X86_OTHER, NONE, 0, 1 << 3, BOTH},                     /* not bx */
    {"\x0f\xb6\xd8", 3, X86_OTHER, NONE, 0, 1 << 3, BOTH},
    {"\x66\x0f\x3a\x0f\xc1\x08", 6, X86_OTHER, NONE, 0, 0, BOTH},     /* palignr */
    {"\xc5\xf8\x77", 3, X86_OTHER, NONE, 0, 0, BOTH},                 /* vzeroupper */
    {"\xc5\xfd\xd7\xd8", 4, X86_OTHER, NONE, 0, 1 << 3, BOTH},        /* vpmovmskb */
    {"\xc4\xe3\xfd\x00\xc0\x4e", 6, X86_OTHER, NONE, 0, 0, BOTH},     /* vpermq */
    {"\x62\xf1\xfe\x48\x6f\x04\x24", 7, X86_OTHER, NONE, 0, 0, BOTH}, /* vmovdqu64 */
    {"\x40", 1, X86_OTHER, NONE, 0, 1, ONLY_32},                      /* inc ax */
};

static void instructions_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        for (int is_64 = 0; is_64 < 2; is_64++) {
            struct x86_instruction in;

            if (cases[i].machine == (is_64 ? ONLY_32 : ONLY_64))
                continue;
            if (!x86_decode((const uint8_t *)cases[i].code, cases[i].len, is_64, &in))
                fail_msg("case %zu is not known", i);
            if (in.len != cases[i].len || in.kind != cases[i].kind || in.reg != cases[i].reg ||
                in.value != cases[i].value || in.writes != cases[i].writes)
                fail_msg("case %zu: length %d, kind %d, reg %d, value %d, writes %x", i, in.len,
                         in.kind, in.reg, in.value, in.writes);
            for (size_t len = 0; len < cases[i].len; len++)
                if (x86_decode((const uint8_t *)cases[i].code, len, is_64, &in) && in.len > len)
                    fail_msg("case %zu: longer than what is there", i);
        }
}

static void what_is_not_known_is_refused(void **state)
{
    static const char *const codes[] = {
        "\x06",
        "\x27",
        "\x60",
        "\xd6",
        "\x9a\1\2\3\4\5\6",
        "\xea\1\2\3\4\5\6",
        "\x0f\x04",
        "\x0f\x24\xc0",
        "\x66\xe8\1\2\3\4",
        "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90",
    };
    struct x86_instruction in;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (x86_decode((const uint8_t *)codes[i],
                       16 < strlen(codes[i]) + 1 ? 16 : strlen(codes[i]) + 1, true, &in))
            fail_msg("case %zu is taken for %d bytes", i, in.len);
    assert_false(x86_decode((const uint8_t *)"\x67\x8b\x00", 3, false, &in)); /* 16-bit addresses */
    assert_false(x86_decode(NULL, 0, true, &in));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instructions_are_read),
        cmocka_unit_test(what_is_not_known_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
