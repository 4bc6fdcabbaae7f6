/* How many times are seen where there are none: in random bytes and in machine code, in several
 * windows. Less than one in 100 MiB. */
#include "tests/unit/times.h"

#include <elf.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>

#include "base/io.h"

enum { MIB = 1 << 20, RANDOM_MIB = 128, CODE_MIB = 96 };

/* 2021, 2023, 2025, 2026: what looks like a time differs from year to year. */
static const uint64_t moments_s[] = {TRUTH_S, 1700000000, 1764000000, 1795600000};

struct window_scan {
    struct timestamps_scan scan;
    uint64_t count, forms[TIMESTAMPS_FORM_COUNT];
};

static struct seep_error *count_one(const struct timestamps_found *found, void *context)
{
    struct window_scan *w = context;

    w->count++;
    w->forms[found->form]++;
    return NULL;
}

static void begin(struct window_scan *scans)
{
    for (size_t i = 0; i < ARRAY_SIZE(moments_s); i++) {
        struct timestamps_options options = defaults;

        options.first_ns = (moments_s[i] - 30 * 86400) * S;
        options.last_ns = (moments_s[i] + 86400) * S;
        memset(&scans[i], 0, sizeof(scans[i]));
        timestamps_scan_init(&scans[i].scan, &options, count_one, &scans[i]);
    }
}

static void push(struct window_scan *scans, uint64_t address, const void *bytes, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(moments_s); i++)
        assert_null(timestamps_scan_push(&scans[i].scan, address, bytes, len));
}

/* BYTES were pushed, in each window. */
static void judge(struct window_scan *scans, const char *what, uint64_t bytes)
{
    uint64_t count = 0, looked_at = bytes * ARRAY_SIZE(moments_s);

    for (size_t i = 0; i < ARRAY_SIZE(moments_s); i++) {
        assert_null(timestamps_scan_finish(&scans[i].scan));
        count += scans[i].count;
        for (int form = 0; form < TIMESTAMPS_FORM_COUNT; form++)
            if (scans[i].forms[form])
                print_message("%s around %lu: %lu %s\n", what, (unsigned long)moments_s[i],
                              (unsigned long)scans[i].forms[form],
                              timestamps_form_name((enum timestamps_form)form));
    }
    print_message("%s: %lu false times in %lu MiB\n", what, (unsigned long)count,
                  (unsigned long)(looked_at / MIB));
    assert_true(count * 100 * MIB < looked_at);
}

static void test_random(void **state)
{
    static struct window_scan scans[ARRAY_SIZE(moments_s)];
    uint64_t *words = malloc(MIB), x = UINT64_C(88172645463325252);

    (void)state;
    assert_non_null(words);
    begin(scans);
    for (size_t m = 0; m < RANDOM_MIB; m++) {
        for (size_t i = 0; i < MIB / sizeof(*words); i++) {
            x ^= x << 13; /* xorshift64 */
            x ^= x >> 7;
            x ^= x << 17;
            words[i] = x;
        }
        push(scans, BASE + m * MIB, words, MIB);
    }
    judge(scans, "random bytes", (uint64_t)RANDOM_MIB * MIB);
    free(words);
}

/* The executable sections of a 64-bit ELF file (segments hold tables too); returns how many bytes they
 * have. */
static uint64_t push_code(struct window_scan *scans, uint64_t address, const struct buffer *file)
{
    Elf64_Ehdr header;
    uint64_t pushed = 0;

    if (file->len < sizeof(header))
        return 0;
    memcpy(&header, file->bytes, sizeof(header));
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
        return 0;
    for (size_t i = 0; i < header.e_shnum; i++) {
        uint64_t at = header.e_shoff + i * sizeof(Elf64_Shdr);
        Elf64_Shdr section;

        if (at > file->len || file->len - at < sizeof(section))
            return pushed;
        memcpy(&section, file->bytes + at, sizeof(section));
        if (section.sh_type != SHT_PROGBITS || !(section.sh_flags & SHF_EXECINSTR) ||
            section.sh_offset > file->len || section.sh_size > file->len - section.sh_offset)
            continue;
        push(scans, address + section.sh_offset, file->bytes + section.sh_offset, section.sh_size);
        pushed += section.sh_size;
    }
    return pushed;
}

static void test_code(void **state)
{
    static struct window_scan scans[ARRAY_SIZE(moments_s)];
    static const char *const patterns[] = {"/usr/lib/*-linux-gnu/*.so.*", "/usr/bin/*"};
    uint64_t pushed = 0, address = BASE;
    glob_t names = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++)
        glob(patterns[i], i ? GLOB_APPEND : 0, NULL, &names);
    begin(scans);
    for (size_t i = 0; i < names.gl_pathc && pushed < (uint64_t)CODE_MIB * MIB; i++) {
        _cleanup_buffer_ struct buffer file = {0};
        struct seep_error *err =
            io_read_file(AT_FDCWD, names.gl_pathv[i], 256 * (size_t)MIB, &file);

        if (!err)
            pushed += push_code(scans, address, &file);
        error_destroy(err);
        address += UINT64_C(1) << 30;
    }
    globfree(&names);
    if (pushed * ARRAY_SIZE(moments_s) < 100 * (uint64_t)MIB) {
        print_message("skipped: only %lu bytes of code here\n", (unsigned long)pushed);
        skip();
    }
    judge(scans, "machine code", pushed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
