#include "importer/strace_names.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"

struct meaning {
    const char *name;
    enum strace_meaning meaning;
};

static const struct meaning meanings[] = {
    {"execve", STRACE_EXEC},  {"execveat", STRACE_EXEC},       {"clone", STRACE_CLONE},
    {"clone2", STRACE_CLONE}, {"__clone2", STRACE_CLONE},      {"clone3", STRACE_CLONE},
    {"fork", STRACE_CLONE},   {"vfork", STRACE_CLONE},         {"prctl", STRACE_PRCTL},
    {"gettid", STRACE_WHO},   {"set_tid_address", STRACE_WHO}, {"getpid", STRACE_WHOSE},
};

/* By length and first character, so that a name of no interest is told at once. */
enum { NAME_LENGTHS = 17, BUCKET = 4, MAX_DIGITS = 8 };

struct name {
    const char *text;
    enum strace_meaning meaning;
    const struct syscall_row *row;
};

static struct name names_by_shape[NAME_LENGTHS][32][BUCKET];

static void add_name(const char *text, enum strace_meaning meaning, const struct syscall_row *row)
{
    size_t len = strlen(text);
    struct name *bucket;

    if (len >= NAME_LENGTHS)
        return;
    bucket = names_by_shape[len][text[0] & 31];
    for (int i = 0; i < BUCKET; i++) {
        if (bucket[i].text && strcmp(bucket[i].text, text) == 0)
            return;
        if (bucket[i].text)
            continue;
        bucket[i] = (struct name){text, meaning, row};
        return;
    }
}

__attribute__((constructor)) static void build_names(void)
{
    for (size_t i = 0; i < syscalls_count; i++)
        if (syscalls_table[i].kind)
            add_name(syscalls_table[i].name, STRACE_MEMORY, &syscalls_table[i]);
    for (size_t i = 0; i < syscalls_count; i++)
        if (syscalls_table[i].flags & SYSCALL_OLD_MMAP)
            add_name("old_mmap", STRACE_MEMORY, &syscalls_table[i]);
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
        add_name(meanings[i].name, meanings[i].meaning, NULL);
}

/* "syscall_0x1c5": one that strace did not know yet. Such numbers are the same everywhere. */
static const struct syscall_row *row_of_number(const char *name, size_t len)
{
    char digits[MAX_DIGITS + 1];
    uint64_t number;

    if (len > MAX_DIGITS)
        return NULL;
    memcpy(digits, name, len);
    digits[len] = '\0';
    return units_parse_address(digits, &number) ? syscalls_find(EVENT_ABI_X86_64, number) : NULL;
}

enum strace_meaning strace_names_find(const char *name, size_t len,
                                      const struct syscall_row **ret_row)
{
    static const char unknown[] = "syscall_0x";
    const struct name *bucket;

    *ret_row = NULL;
    if (len > sizeof(unknown) && name[0] == 's' &&
        memcmp(name, unknown, sizeof(unknown) - 1) == 0) {
        *ret_row = row_of_number(name + sizeof(unknown) - 1, len - sizeof(unknown) + 1);
        return *ret_row && (*ret_row)->kind ? STRACE_MEMORY : STRACE_OTHER;
    }
    if (!len || len >= NAME_LENGTHS)
        return STRACE_OTHER;
    bucket = names_by_shape[len][name[0] & 31];
    for (int i = 0; i < BUCKET && bucket[i].text; i++) {
        if (memcmp(bucket[i].text, name, len) != 0)
            continue;
        *ret_row = bucket[i].row;
        return bucket[i].meaning;
    }
    return STRACE_OTHER;
}
