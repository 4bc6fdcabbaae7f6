#include "evidence/call_text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "base/cleanup.h"
#include "evidence/syscalls.h"

enum {
    NAME_SHOWN_LEN = 32, /* strace's -s */
    HUGE_SHIFT = 26,
    HUGE_MASK = 0x3f,
    MAP_TYPE_MASK = 0xf,
    MAP_X86_ONLY = 0xc0,
    MREMAP_NEW_ADDRESS = MREMAP_MAYMOVE | MREMAP_FIXED,
    SHMGET_MODE = 0777,
    SHMCTL_IPC_64 = 0x100,
    RT_SIGNAL_FIRST = 32,
};

/* In the order of strace's tables, which is the order of printing. The numbers are those of x86 and
 * of the generic headers: the same on every ABI of ours but for MAP_X86_ONLY. */
struct word {
    uint64_t value;
    const char *name;
};

static const struct word prot_words[] = {
    {0, "PROT_NONE"},
    {0x1, "PROT_READ"},
    {0x2, "PROT_WRITE"},
    {0x4, "PROT_EXEC"},
    {0x8, "PROT_SEM"},
    {0x1000000, "PROT_GROWSDOWN"},
    {0x2000000, "PROT_GROWSUP"},
};

static const struct word map_type_words[] = {
    {0, "MAP_FILE"},        {0x1, "MAP_SHARED"}, {0x2, "MAP_PRIVATE"}, {0x3, "MAP_SHARED_VALIDATE"},
    {0x8, "MAP_DROPPABLE"},
};

static const struct word map_words[] = {
    {0x10, "MAP_FIXED"},        {0x20, "MAP_ANONYMOUS"},   {0x40, "MAP_32BIT"},
    {0x80, "MAP_ABOVE4G"},      {0x4000, "MAP_NORESERVE"}, {0x8000, "MAP_POPULATE"},
    {0x10000, "MAP_NONBLOCK"},  {0x100, "MAP_GROWSDOWN"},  {0x800, "MAP_DENYWRITE"},
    {0x1000, "MAP_EXECUTABLE"}, {0x2000, "MAP_LOCKED"},    {0x20000, "MAP_STACK"},
    {0x40000, "MAP_HUGETLB"},   {0x80000, "MAP_SYNC"},     {0x100000, "MAP_FIXED_NOREPLACE"},
};

static const struct word mremap_words[] = {
    {0x1, "MREMAP_MAYMOVE"},
    {0x2, "MREMAP_FIXED"},
    {0x4, "MREMAP_DONTUNMAP"},
};

static const struct word madvise_words[] = {
    {0, "MADV_NORMAL"},           {1, "MADV_RANDOM"},          {2, "MADV_SEQUENTIAL"},
    {3, "MADV_WILLNEED"},         {4, "MADV_DONTNEED"},        {8, "MADV_FREE"},
    {9, "MADV_REMOVE"},           {10, "MADV_DONTFORK"},       {11, "MADV_DOFORK"},
    {12, "MADV_MERGEABLE"},       {13, "MADV_UNMERGEABLE"},    {14, "MADV_HUGEPAGE"},
    {15, "MADV_NOHUGEPAGE"},      {16, "MADV_DONTDUMP"},       {17, "MADV_DODUMP"},
    {18, "MADV_WIPEONFORK"},      {19, "MADV_KEEPONFORK"},     {20, "MADV_COLD"},
    {21, "MADV_PAGEOUT"},         {22, "MADV_POPULATE_READ"},  {23, "MADV_POPULATE_WRITE"},
    {24, "MADV_DONTNEED_LOCKED"}, {25, "MADV_COLLAPSE"},       {100, "MADV_HWPOISON"},
    {101, "MADV_SOFT_OFFLINE"},   {102, "MADV_GUARD_INSTALL"}, {103, "MADV_GUARD_REMOVE"},
};

static const struct word shmat_words[] = {
    {010000, "SHM_RDONLY"},
    {020000, "SHM_RND"},
    {040000, "SHM_REMAP"},
    {0100000, "SHM_EXEC"},
};

static const struct word shmget_words[] = {
    {01000, "IPC_CREAT"},
    {02000, "IPC_EXCL"},
    {04000, "SHM_HUGETLB"},
    {010000, "SHM_NORESERVE"},
};

static const struct word shmctl_words[] = {
    {0, "IPC_RMID"},    {1, "IPC_SET"},   {2, "IPC_STAT"},  {3, "IPC_INFO"},      {11, "SHM_LOCK"},
    {12, "SHM_UNLOCK"}, {13, "SHM_STAT"}, {14, "SHM_INFO"}, {15, "SHM_STAT_ANY"},
};

static const struct word memfd_words[] = {
    {0x1, "MFD_CLOEXEC"},     {0x2, "MFD_ALLOW_SEALING"}, {0x4, "MFD_HUGETLB"},
    {0x8, "MFD_NOEXEC_SEAL"}, {0x10, "MFD_EXEC"},
};

static const struct word shadow_stack_words[] = {
    {0x1, "SHADOW_STACK_SET_TOKEN"},
};

static const struct word key_words[] = {
    {0, "IPC_PRIVATE"},
};

/* Results that only a tracer sees: the call was interrupted (the kernel's linux/errno.h). */
static const struct word interruption_words[] = {
    {512, "ERESTARTSYS (To be restarted if SA_RESTART is set)"},
    {513, "ERESTARTNOINTR (To be restarted)"},
    {514, "ERESTARTNOHAND (To be restarted if no handler)"},
    {516, "ERESTART_RESTARTBLOCK (Interrupted by signal)"},
};

static const char *word_of(uint64_t value, const struct word *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (words[i].value == value)
            return words[i].name;
    }
    return NULL;
}

static void put_unknown(struct buffer *out, uint64_t value, const char *unknown)
{
    buffer_printf(out, "%#" PRIx64, value);
    if (unknown)
        buffer_printf(out, " /* %s */", unknown);
}

/* One of the WORDS. */
static void put_word(struct buffer *out, uint64_t value, const struct word *words, size_t count,
                     const char *unknown)
{
    const char *name = word_of(value, words, count);

    if (name)
        buffer_printf(out, "%s", name);
    else
        put_unknown(out, value, unknown);
}

/* WORDS joined by '|'; what no word covers, and the NAMELESS bits, as a number. */
static void put_flags(struct buffer *out, uint64_t flags, uint64_t nameless,
                      const struct word *words, size_t count, const char *unknown)
{
    const char *separator = "";

    if (flags == 0) {
        const char *name = word_of(0, words, count);

        buffer_printf(out, "%s", name ? name : "0");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t value = words[i].value;

        if (!value || (flags & value) != value || value & nameless)
            continue;
        buffer_printf(out, "%s%s", separator, words[i].name);
        separator = "|";
        flags &= ~value;
    }
    if (!flags)
        return;
    buffer_printf(out, "%s", separator);
    put_unknown(out, flags, *separator ? NULL : unknown);
}

#define PUT_WORD(out, value, words, unknown) put_word(out, value, words, ARRAY_SIZE(words), unknown)
#define PUT_FLAGS(out, flags, words, unknown)                                                      \
    put_flags(out, flags, 0, words, ARRAY_SIZE(words), unknown)

/* The size of huge pages, which mmap, shmget and memfd_create keep in the same bits. */
static unsigned huge_bits(uint64_t flags)
{
    return flags >> HUGE_SHIFT & HUGE_MASK;
}

static uint64_t without_huge_bits(uint64_t flags)
{
    return flags & ~((uint64_t)HUGE_MASK << HUGE_SHIFT);
}

static void put_map_flags(struct buffer *out, uint64_t flags, uint8_t abi)
{
    uint64_t rest = without_huge_bits(flags) & ~(uint64_t)MAP_TYPE_MASK;

    PUT_WORD(out, flags & MAP_TYPE_MASK, map_type_words, "MAP_???");
    if (rest) {
        buffer_printf(out, "|");
        put_flags(out, rest, abi == EVENT_ABI_AARCH64 ? MAP_X86_ONLY : 0, map_words,
                  ARRAY_SIZE(map_words), NULL);
    }
    if (huge_bits(flags))
        buffer_printf(out, "|%u<<MAP_HUGE_SHIFT", huge_bits(flags));
}

static void put_shmget_flags(struct buffer *out, uint32_t flags)
{
    uint32_t rest = (uint32_t)without_huge_bits(flags) & ~(uint32_t)SHMGET_MODE;

    if (rest) {
        PUT_FLAGS(out, rest, shmget_words, NULL);
        buffer_printf(out, "|");
    }
    if (huge_bits(flags))
        buffer_printf(out, "%u<<SHM_HUGE_SHIFT|", huge_bits(flags));
    buffer_printf(out, "%#03o", flags & SHMGET_MODE);
}

static void put_memfd_flags(struct buffer *out, uint32_t flags)
{
    uint32_t rest = (uint32_t)without_huge_bits(flags);

    if (rest || !flags)
        PUT_FLAGS(out, rest, memfd_words, "MFD_???");
    if (rest && huge_bits(flags))
        buffer_printf(out, "|");
    if (huge_bits(flags))
        buffer_printf(out, "%u<<MFD_HUGE_SHIFT", huge_bits(flags));
}

static void put_shmctl_command(struct buffer *out, uint32_t command)
{
    if (command & SHMCTL_IPC_64)
        buffer_printf(out, "IPC_64|");
    PUT_WORD(out, command & ~(uint32_t)SHMCTL_IPC_64, shmctl_words, "SHM_???");
}

static void put_pointer(struct buffer *out, uint64_t address)
{
    if (address)
        buffer_printf(out, "%#" PRIx64, address);
    else
        buffer_printf(out, "NULL");
}

static void put_aio_context(struct buffer *out, const struct event *ev)
{
    if (ev->args[2] && !event_failed(ev))
        buffer_printf(out, "[%#" PRIx64 "]", ev->args[2]);
    else
        put_pointer(out, ev->args[1]);
}

void call_text_quote(struct buffer *out, const char *text, size_t max_len)
{
    static const char letters[] = "\"\"\\\\\ff\nn\rr\tt\vv";
    size_t len = strnlen(text, max_len);

    buffer_printf(out, "\"");
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        const char *letter = letters;

        while (*letter && (unsigned char)*letter != c)
            letter += 2;
        if (*letter)
            buffer_printf(out, "\\%c", letter[1]);
        else if (c >= ' ' && c < 0x7f)
            buffer_printf(out, "%c", c);
        else if (i + 1 < len && text[i + 1] >= '0' && text[i + 1] <= '7')
            buffer_printf(out, "\\%03o", c); /* so that the digit is not taken for a part of it */
        else
            buffer_printf(out, "\\%o", c);
    }
    buffer_printf(out, text[len] ? "\"..." : "\"");
}

static void put_argument(struct buffer *out, const struct event *ev, uint8_t how, uint64_t value)
{
    switch ((enum syscall_argument)how) {
    case SYSCALL_ARG_NONE:
        break;
    case SYSCALL_ARG_POINTER:
        put_pointer(out, value);
        break;
    case SYSCALL_ARG_SIZE:
        buffer_printf(out, "%" PRIu64, value);
        break;
    case SYSCALL_ARG_INT:
    case SYSCALL_ARG_FD:
        buffer_printf(out, "%d", (int)value);
        break;
    case SYSCALL_ARG_UNSIGNED:
        buffer_printf(out, "%u", (unsigned)value);
        break;
    case SYSCALL_ARG_HEX:
        buffer_printf(out, "%#x", (unsigned)value);
        break;
    case SYSCALL_ARG_OFFSET:
        buffer_printf(out, "%#" PRIx64, value);
        break;
    case SYSCALL_ARG_PROT:
        PUT_FLAGS(out, value, prot_words, "PROT_???");
        break;
    case SYSCALL_ARG_MAP_FLAGS:
        put_map_flags(out, value, ev->abi);
        break;
    case SYSCALL_ARG_MREMAP_FLAGS:
        PUT_FLAGS(out, value, mremap_words, "MREMAP_???");
        break;
    case SYSCALL_ARG_MADVICE:
        PUT_WORD(out, (uint32_t)value, madvise_words, "MADV_???");
        break;
    case SYSCALL_ARG_SHMAT_FLAGS:
        PUT_FLAGS(out, (uint32_t)value, shmat_words, "SHM_???");
        break;
    case SYSCALL_ARG_SHMGET_FLAGS:
        put_shmget_flags(out, (uint32_t)value);
        break;
    case SYSCALL_ARG_SHMCTL_COMMAND:
        put_shmctl_command(out, (uint32_t)value);
        break;
    case SYSCALL_ARG_IPC_KEY:
        PUT_WORD(out, (uint32_t)value, key_words, NULL);
        break;
    case SYSCALL_ARG_MEMFD_NAME:
        if (ev->name)
            call_text_quote(out, ev->name, NAME_SHOWN_LEN);
        else
            put_pointer(out, value);
        break;
    case SYSCALL_ARG_MEMFD_FLAGS:
        put_memfd_flags(out, (uint32_t)value);
        break;
    case SYSCALL_ARG_SHADOW_STACK_FLAGS:
        PUT_FLAGS(out, (uint32_t)value, shadow_stack_words, "SHADOW_STACK_???");
        break;
    case SYSCALL_ARG_AIO_CONTEXT:
        put_aio_context(out, ev);
        break;
    }
}

const char *call_text_name(const struct event *ev)
{
    const struct syscall_row *row = syscalls_of_event(ev->kind, ev->abi);

    return row ? row->name : NULL;
}

/* What the kernel stores there is known at the return only. */
static bool is_result(const struct event *ev, size_t argument)
{
    if (ev->kind == EVENT_IO_SETUP)
        return argument == 1;
    if (ev->kind != EVENT_SHMCTL || argument != 2)
        return false;
    switch (ev->args[1] & ~(uint64_t)SHMCTL_IPC_64) {
    case IPC_STAT:
    case IPC_INFO:
    case SHM_STAT:
    case SHM_INFO:
    case SHM_STAT_ANY:
        return true;
    default:
        return false;
    }
}

size_t call_text_arguments(struct buffer *out, const struct event *ev)
{
    const struct syscall_row *row = syscalls_of_event(ev->kind, ev->abi);
    const size_t start = out->len;
    size_t count, known;

    if (!row)
        return 0;
    count = row->count;
    if (ev->kind == EVENT_MREMAP && (ev->args[3] & MREMAP_NEW_ADDRESS) != MREMAP_NEW_ADDRESS)
        count = 4; /* the fifth means nothing */
    known = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_printf(out, ", ");
        if (is_result(ev, i))
            known = out->len - start;
        put_argument(out, ev, row->arguments[i], ev->args[i]);
    }
    return known < SIZE_MAX ? known : out->len - start;
}

static void put_error(struct buffer *out, int errnum)
{
    const char *name = strerrorname_np(errnum);
    const char *interrupted =
        word_of((uint64_t)errnum, interruption_words, ARRAY_SIZE(interruption_words));

    if (interrupted)
        buffer_printf(out, "? %s", interrupted);
    else if (name)
        buffer_printf(out, "-1 %s (%s)", name, strerrordesc_np(errnum));
    else
        buffer_printf(out, "-1 (errno %d)", errnum);
}

void call_text_result(struct buffer *out, const struct event *ev)
{
    const struct syscall_row *row = syscalls_of_event(ev->kind, ev->abi);

    if (ev->result == EVENT_RESULT_UNKNOWN)
        buffer_printf(out, "?");
    else if (event_failed(ev))
        put_error(out, (int)-ev->result);
    else if (row && row->flags & SYSCALL_ADDRESS)
        buffer_printf(out, "%#" PRIx64, (uint64_t)ev->result);
    else
        buffer_printf(out, "%" PRId64, ev->result);
}

void call_text_signal(struct buffer *out, int signal)
{
    const char *name = sigabbrev_np(signal);

    if (signal == SIGIO)
        buffer_printf(out, "SIGIO"); /* glibc says POLL */
    else if (name)
        buffer_printf(out, "SIG%s", name);
    else if (signal == RT_SIGNAL_FIRST)
        buffer_printf(out, "SIGRTMIN");
    else
        buffer_printf(out, "SIGRT_%d", signal - RT_SIGNAL_FIRST);
}

/* --- and back --- */

/* Other spellings: of old straces, and of the C library's headers. */
static const struct word map_aliases[] = {
    {0x20, "MAP_ANON"},
    {HUGE_SHIFT, "MAP_HUGE_SHIFT"},
};

static const struct word shmget_aliases[] = {
    {HUGE_SHIFT, "SHM_HUGE_SHIFT"},
};

static const struct word shmctl_aliases[] = {
    {SHMCTL_IPC_64, "IPC_64"},
};

static const struct word memfd_aliases[] = {
    {HUGE_SHIFT, "MFD_HUGE_SHIFT"},
};

struct word_list {
    const struct word *words;
    size_t count;
};

#define WORDS(words)                                                                               \
    {                                                                                              \
        words, ARRAY_SIZE(words)                                                                   \
    }

/* By enum syscall_argument. */
static const struct word_list words_of_argument[][3] = {
    [SYSCALL_ARG_PROT] = {WORDS(prot_words)},
    [SYSCALL_ARG_MAP_FLAGS] = {WORDS(map_words), WORDS(map_type_words), WORDS(map_aliases)},
    [SYSCALL_ARG_MREMAP_FLAGS] = {WORDS(mremap_words)},
    [SYSCALL_ARG_MADVICE] = {WORDS(madvise_words)},
    [SYSCALL_ARG_SHMAT_FLAGS] = {WORDS(shmat_words)},
    [SYSCALL_ARG_SHMGET_FLAGS] = {WORDS(shmget_words), WORDS(shmget_aliases)},
    [SYSCALL_ARG_SHMCTL_COMMAND] = {WORDS(shmctl_words), WORDS(shmctl_aliases)},
    [SYSCALL_ARG_IPC_KEY] = {WORDS(key_words)},
    [SYSCALL_ARG_MEMFD_FLAGS] = {WORDS(memfd_words), WORDS(memfd_aliases)},
    [SYSCALL_ARG_SHADOW_STACK_FLAGS] = {WORDS(shadow_stack_words)},
};

static bool is_name(const char *name, const char *text, size_t len)
{
    return name && strncmp(name, text, len) == 0 && !name[len];
}

bool call_text_parse_word(uint8_t how, const char *word, size_t len, uint64_t *ret_value)
{
    if (how >= ARRAY_SIZE(words_of_argument))
        return false;
    for (size_t l = 0; l < ARRAY_SIZE(words_of_argument[how]); l++) {
        const struct word_list *list = &words_of_argument[how][l];

        for (size_t i = 0; i < list->count; i++) {
            if (!is_name(list->words[i].name, word, len))
                continue;
            *ret_value = list->words[i].value;
            return true;
        }
    }
    return false;
}

int call_text_parse_error(const char *name, size_t len)
{
    enum { ERRORS = 134 };

    for (int i = 1; i < ERRORS; i++)
        if (is_name(strerrorname_np(i), name, len))
            return i;
    if (is_name("EWOULDBLOCK", name, len))
        return EWOULDBLOCK;
    for (size_t i = 0; i < ARRAY_SIZE(interruption_words); i++)
        if (strncmp(interruption_words[i].name, name, len) == 0 &&
            interruption_words[i].name[len] == ' ')
            return (int)interruption_words[i].value;
    return 0;
}

int call_text_parse_signal(const char *name, size_t len)
{
    for (int i = 1; i < NSIG; i++) {
        _cleanup_buffer_ struct buffer text = {0};

        call_text_signal(&text, i);
        if (text.len == len && memcmp(text.bytes, name, len) == 0)
            return i;
    }
    return 0;
}
