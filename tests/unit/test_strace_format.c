/* strace's own lines, read back into events by what the system headers say, must come out again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "base/io.h"
#include "base/units.h"
#include "evidence/call_text.h"
#include "evidence/strace_format.h"
#include "evidence/syscalls.h"

/* --- from strace's lines to events --- */

#define WORD(name)                                                                                 \
    {                                                                                              \
#name, (uint64_t)(name)                                                                    \
    }
static const struct {
    const char *name;
    uint64_t value;
} words[] = {
    WORD(PROT_NONE),
    WORD(PROT_READ),
    WORD(PROT_WRITE),
    WORD(PROT_EXEC),
    WORD(PROT_GROWSDOWN),
    WORD(PROT_GROWSUP),
    {"PROT_SEM", 8},
    WORD(MAP_FILE),
    WORD(MAP_SHARED),
    WORD(MAP_PRIVATE),
    WORD(MAP_SHARED_VALIDATE),
    WORD(MAP_FIXED),
    WORD(MAP_ANONYMOUS),
    {"MAP_32BIT", 0x40},
    WORD(MAP_NORESERVE),
    WORD(MAP_POPULATE),
    WORD(MAP_NONBLOCK),
    WORD(MAP_GROWSDOWN),
    WORD(MAP_DENYWRITE),
    WORD(MAP_EXECUTABLE),
    WORD(MAP_LOCKED),
    WORD(MAP_STACK),
    WORD(MAP_HUGETLB),
    WORD(MAP_SYNC),
    WORD(MAP_FIXED_NOREPLACE),
    WORD(MREMAP_MAYMOVE),
    WORD(MREMAP_FIXED),
    {"MREMAP_DONTUNMAP", 4},
    WORD(MADV_NORMAL),
    WORD(MADV_RANDOM),
    WORD(MADV_SEQUENTIAL),
    WORD(MADV_WILLNEED),
    WORD(MADV_DONTNEED),
    WORD(MADV_FREE),
    WORD(MADV_REMOVE),
    WORD(MADV_DONTFORK),
    WORD(MADV_DOFORK),
    WORD(MADV_MERGEABLE),
    WORD(MADV_UNMERGEABLE),
    WORD(MADV_HUGEPAGE),
    WORD(MADV_NOHUGEPAGE),
    WORD(MADV_DONTDUMP),
    WORD(MADV_DODUMP),
    WORD(MADV_WIPEONFORK),
    WORD(MADV_KEEPONFORK),
    WORD(MADV_COLD),
    WORD(MADV_PAGEOUT),
    WORD(MADV_HWPOISON),
    {"MADV_POPULATE_READ", 22},
    {"MADV_POPULATE_WRITE", 23},
    {"MADV_DONTNEED_LOCKED", 24},
    {"MADV_COLLAPSE", 25},
    {"MADV_SOFT_OFFLINE", 101},
    WORD(SHM_RDONLY),
    WORD(SHM_RND),
    WORD(SHM_REMAP),
    WORD(SHM_EXEC),
    WORD(IPC_PRIVATE),
    WORD(IPC_CREAT),
    WORD(IPC_EXCL),
    WORD(SHM_HUGETLB),
    WORD(SHM_NORESERVE),
    WORD(IPC_RMID),
    WORD(IPC_SET),
    WORD(IPC_STAT),
    WORD(SHM_LOCK),
    WORD(SHM_UNLOCK),
    {"IPC_64", 0x100},
    WORD(MFD_CLOEXEC),
    WORD(MFD_ALLOW_SEALING),
    WORD(MFD_HUGETLB),
    {"NULL", 0},
};

/* "MAP_PRIVATE", "0x1000", "0600", "-1", "21<<MAP_HUGE_SHIFT" */
static uint64_t value_of_word(const char *text)
{
    char *end;
    uint64_t value;

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(words[i].name, text) == 0)
            return words[i].value;
    }
    value = *text == '-' ? (uint64_t)strtoll(text, &end, 0) : strtoull(text, &end, 0);
    if (end == text)
        fail_msg("what is %s?", text);
    if (strncmp(end, "<<", 2) == 0)
        value <<= 26;
    return value;
}

/* Words joined by '|', each with an optional comment behind. */
static uint64_t value_of(char *text, bool is_32_bit)
{
    uint64_t value = 0;
    char *rest = text;

    for (char *word; (word = strsep(&rest, "|"));) {
        word[strcspn(word, " ")] = 0;
        value |= value_of_word(word);
    }
    return is_32_bit ? (uint32_t)value : value;
}

/* The C string that TEXT, from its quote on, spells; RET_REST: behind it. */
static char *unquote(const char *text, char **ret_rest)
{
    char *name = calloc(1, strlen(text) + 64), *to = name;
    const char *from = text + 1;

    for (; *from != '"'; from++) {
        static const char letters[] = "f\fn\nr\rt\tv\v\"\"\\\\";
        const char *letter = letters;
        char *end, octal[4] = {0};

        if (*from != '\\') {
            *to++ = *from;
            continue;
        }
        from++;
        while (*letter && *letter != *from)
            letter += 2;
        if (*letter) {
            *to++ = letter[1];
            continue;
        }
        memcpy(octal, from, 3);
        *to++ = (char)strtoul(octal, &end, 8);
        from += end - octal - 1;
    }
    from++;
    if (strncmp(from, "...", 3) == 0) {
        memcpy(to, "cut off", 8);
        from += 3;
    }
    *ret_rest = (char *)from;
    return name;
}

static const struct syscall_row *row_of_name(const char *name, enum event_abi abi)
{
    for (size_t i = 0; i < syscalls_count; i++) {
        if (syscalls_table[i].number[abi] >= 0 && strcmp(syscalls_table[i].name, name) == 0)
            return &syscalls_table[i];
    }
    return NULL;
}

static void parse_arguments(char *text, struct event *ev)
{
    bool is_32_bit = ev->abi != EVENT_ABI_X86_64;

    if (ev->kind == EVENT_MEMFD_CREATE && *text == '"') {
        ev->name = unquote(text, &text);
        ev->args[0] = 0x1000;
        ev->args[1] = value_of(text + strlen(", "), is_32_bit);
        return;
    }
    for (size_t i = 0; *text; i++) {
        char *end = strstr(text, ", ");

        if (end)
            *end = 0;
        if (*text == '[') { /* io_setup's context */
            ev->args[2] = strtoull(text + 1, NULL, 0);
            ev->args[i] = 0x1000;
        } else {
            ev->args[i] = value_of(text, is_32_bit);
        }
        if (!end)
            return;
        text = end + strlen(", ");
    }
}

static int64_t parse_result(const char *text)
{
    char name[32];

    if (sscanf(text, "-1 %31s", name) != 1)
        return (int64_t)strtoull(text, NULL, 0);
    for (int errnum = 1; errnum < 134; errnum++) {
        if (strerrorname_np(errnum) && strcmp(strerrorname_np(errnum), name) == 0)
            return -errnum;
    }
    fail_msg("what is %s?", text);
    return 0;
}

/* Whole lines only, not the halves of one. */
static void parse_line(char *line, enum event_abi abi, struct event *ret_ev)
{
    struct event ev = {.abi = (uint8_t)abi};
    uint64_t s, us, duration_s, duration_us;
    int tid, status, at = 0;
    const struct syscall_row *row;
    char *arguments, *end;

    assert_int_equal(sscanf(line, "%d %" SCNu64 ".%6" SCNu64 " %n", &tid, &s, &us, &at), 3);
    line += at;
    ev.pid = ev.tid = tid;
    ev.enter_ns = ev.exit_ns = s * NS_PER_S + us * NS_PER_US;
    if (sscanf(line, "+++ exited with %d +++", &status) == 1) {
        ev.kind = EVENT_THREAD_EXIT;
        ev.result = status << 8;
        *ret_ev = ev;
        return;
    }
    arguments = strchr(line, '(');
    assert_non_null(arguments);
    *arguments++ = 0;
    row = row_of_name(line, abi);
    assert_non_null(row);
    ev.kind = row->kind;
    if (row->flags & SYSCALL_OLD_MMAP)
        ev.abi = EVENT_ABI_I386_OLD;
    end = strstr(arguments, " = ");
    assert_non_null(end);
    assert_int_equal(
        sscanf(strrchr(end, '<'), "<%" SCNu64 ".%" SCNu64 ">", &duration_s, &duration_us), 2);
    ev.exit_ns += duration_s * NS_PER_S + duration_us * NS_PER_US;
    ev.result = parse_result(end + strlen(" = "));
    while (*end != ')')
        end--;
    *end = 0;
    parse_arguments(arguments, &ev);
    *ret_ev = ev;
}

/* --- printing --- */

struct printed {
    struct strace_format *format;
    FILE *out;
    char *text;
    size_t len;
};

static void printed_begin(struct printed *p, uint64_t wall_offset_ns)
{
    p->out = open_memstream(&p->text, &p->len);
    assert_non_null(p->out);
    assert_null(strace_format_create(p->out, wall_offset_ns, &p->format));
}

static void printed_put(struct printed *p, const struct event *ev)
{
    assert_null(event_sink_put(&p->format->sink, ev));
}

static void printed_end(struct printed *p)
{
    assert_null(event_sink_finish(&p->format->sink));
    strace_format_destroy(p->format);
    fclose(p->out);
}

static void check_recording(const char *path, enum event_abi abi, size_t least)
{
    _cleanup_buffer_ struct buffer recording = {0};
    struct printed p = {0};
    size_t count = 0;
    char *lines, *rest;

    assert_null(io_read_file(AT_FDCWD, path, 1 << 20, &recording));
    lines = rest = strdup(recording.bytes);
    printed_begin(&p, 0);
    for (char *line; (line = strsep(&rest, "\n")) && *line; count++) {
        struct event ev;

        parse_line(line, abi, &ev);
        printed_put(&p, &ev);
        free(ev.name);
    }
    printed_end(&p);
    assert_true(count >= least);
    assert_string_equal(p.text, recording.bytes);
    free(lines);
    free(p.text);
}

static void test_recorded_x86_64(void **state)
{
    (void)state;
    check_recording("unit/data/strace-x86_64.txt", EVENT_ABI_X86_64, 270);
}

static void test_recorded_i386(void **state)
{
    (void)state;
    check_recording("unit/data/strace-i386.txt", EVENT_ABI_I386, 270);
}

static struct event call(pid_t tid, uint64_t enter_us, uint64_t exit_us, uint8_t kind)
{
    return (struct event){.pid = 7,
                          .tid = tid,
                          .kind = kind,
                          .enter_ns = enter_us * NS_PER_US,
                          .exit_ns = exit_us * NS_PER_US};
}

static void test_unfinished(void **state)
{
    struct printed p = {0};
    struct event mmap_call = call(70, 100, 160, EVENT_MMAP);
    struct event setup = call(71, 110, 150, EVENT_IO_SETUP);
    struct event brk_call = call(1234567, 120, 130, EVENT_BRK);
    struct event gone = call(72, 170, 190, EVENT_IO_SETUP);
    struct event death = call(70, 180, 180, EVENT_THREAD_EXIT);

    (void)state;
    brk_call.pending_ns = mmap_call.enter_ns;
    setup.pending_ns = mmap_call.enter_ns;
    setup.args[0] = 5;
    setup.args[1] = 0xf00;
    setup.args[2] = 0x7000;
    mmap_call.args[1] = 4096;
    mmap_call.args[2] = PROT_READ;
    mmap_call.args[3] = MAP_PRIVATE | MAP_ANONYMOUS;
    mmap_call.args[4] = (uint64_t)-1;
    mmap_call.result = 0x1000;
    death.pending_ns = gone.enter_ns;
    death.result = 3 << 8;
    gone.result = EVENT_RESULT_UNKNOWN;
    gone.args[0] = 6;

    printed_begin(&p, 1614644560ULL * NS_PER_S);
    printed_put(&p, &brk_call);
    printed_put(&p, &setup);
    printed_put(&p, &mmap_call);
    printed_put(&p, &death);
    printed_put(&p, &gone);
    printed_end(&p);
    assert_string_equal(
        p.text,
        "70    1614644560.000100 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0"
        " <unfinished ...>\n"
        "71    1614644560.000110 io_setup(5,  <unfinished ...>\n"
        "1234567 1614644560.000120 brk(NULL)     = 0 <0.000010>\n"
        "71    1614644560.000150 <... io_setup resumed>[0x7000]) = 0 <0.000040>\n"
        "70    1614644560.000160 <... mmap resumed>) = 0x1000 <0.000060>\n"
        "72    1614644560.000170 io_setup(6,  <unfinished ...>\n"
        "70    1614644560.000180 +++ exited with 3 +++\n"
        "72    1614644560.000190 <... io_setup resumed> <unfinished ...>) = ?\n");
    free(p.text);
}

static void test_lives(void **state)
{
    static const int signals[] = {SIGKILL, SIGIO, 32, 34, 64};
    struct printed p = {0};
    struct event ev = call(9, 1, 1, EVENT_THREAD_EXIT);

    (void)state;
    printed_begin(&p, 0);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        ev.result = signals[i];
        printed_put(&p, &ev);
    }
    ev.result = SIGABRT | 0x80;
    printed_put(&p, &ev);
    ev = call(7, 2, 2, EVENT_EXEC);
    ev.args[0] = 12;
    printed_put(&p, &ev);
    ev.args[0] = 7; /* the leader itself: strace has no line */
    printed_put(&p, &ev);
    ev.kind = EVENT_PROCESS_EXIT;
    printed_put(&p, &ev);
    printed_end(&p);
    assert_string_equal(p.text, "9     0.000001 +++ killed by SIGKILL +++\n"
                                "9     0.000001 +++ killed by SIGIO +++\n"
                                "9     0.000001 +++ killed by SIGRTMIN +++\n"
                                "9     0.000001 +++ killed by SIGRT_2 +++\n"
                                "9     0.000001 +++ killed by SIGRT_32 +++\n"
                                "9     0.000001 +++ killed by SIGABRT (core dumped) +++\n"
                                "7     0.000002 +++ superseded by execve in pid 12 +++\n");
    free(p.text);
}

enum { THREADS = 5, CALLS = 2000 };

static int by_exit(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    return x->exit_ns < y->exit_ns ? -1 : x->exit_ns > y->exit_ns;
}

/* Calls that overlap at random: the lines' times never go back, every half finds its other half,
 * and "unfinished" stands exactly where another line follows. */
static void test_overlaps(void **state)
{
    static struct event events[CALLS];
    uint64_t clock_us[THREADS] = {0}, last_us = 0;
    char *under_way[THREADS] = {0}, *rest;
    struct printed p = {0};
    size_t whole = 0, halves = 0, seed = 42;

    (void)state;
    for (size_t i = 0; i < CALLS; i++) {
        size_t t = i % THREADS;
        uint64_t enter_us = clock_us[t] + 1 + (seed = seed * 1103515245 + 12345) / 65536 % 50;

        clock_us[t] = enter_us + (seed = seed * 1103515245 + 12345) / 65536 % (i % 7 ? 5 : 200);
        events[i] = call((pid_t)(10 + t), enter_us, clock_us[t], EVENT_MUNMAP);
        events[i].args[0] = 0x1000 * i;
    }
    qsort(events, CALLS, sizeof(events[0]), by_exit);
    printed_begin(&p, 0);
    for (size_t i = 0; i < CALLS; i++) {
        for (size_t k = i + 1; k < CALLS && k < i + 500; k++) {
            if (events[k].enter_ns < events[i].exit_ns &&
                (!events[i].pending_ns || events[k].enter_ns < events[i].pending_ns))
                events[i].pending_ns = events[k].enter_ns;
        }
        printed_put(&p, &events[i]);
    }
    printed_end(&p);
    rest = p.text;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        uint64_t s, us;
        int tid, at;
        char *enter;

        assert_int_equal(sscanf(line, "%d %" SCNu64 ".%" SCNu64 " %n", &tid, &s, &us, &at), 3);
        assert_true(s * 1000000 + us >= last_us);
        last_us = s * 1000000 + us;
        enter = under_way[tid - 10];
        if (strstr(line, "resumed>")) {
            assert_non_null(enter);
            assert_true(line > strchr(enter, 0) + 1); /* a line stands between */
            under_way[tid - 10] = NULL;
            halves++;
        } else if (strstr(line, " <unfinished ...>")) {
            assert_null(enter);
            under_way[tid - 10] = line;
        } else {
            assert_null(enter);
            whole++;
        }
    }
    assert_int_equal(whole + halves, CALLS);
    assert_true(halves > CALLS / 10);
    free(p.text);
}

static void check_call(struct event ev, const char *arguments, const char *result)
{
    _cleanup_buffer_ struct buffer text = {0};

    call_text_arguments(&text, &ev);
    assert_string_equal(text.bytes, arguments);
    buffer_clear(&text);
    call_text_result(&text, &ev);
    assert_string_equal(text.bytes, result);
}

static void test_rare_texts(void **state)
{
    (void)state;
    check_call(
        (struct event){.kind = EVENT_MAP_SHADOW_STACK, .args = {0, 4096, 1}, .result = 0x7000},
        "NULL, 4096, SHADOW_STACK_SET_TOKEN", "0x7000");
    check_call((struct event){.kind = EVENT_MADVISE, .args = {0x1000, 4096, 102}, .result = -512},
               "0x1000, 4096, MADV_GUARD_INSTALL",
               "? ERESTARTSYS (To be restarted if SA_RESTART is set)");
    check_call((struct event){.kind = EVENT_MMAP,
                              .abi = EVENT_ABI_AARCH64,
                              .args = {0, 4096, 3, 0x62, 0xffffffff, 0},
                              .result = -4000},
               "NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|0x40, -1, 0",
               "-1 (errno 4000)");
    check_call((struct event){.kind = EVENT_MMAP,
                              .abi = EVENT_ABI_X32,
                              .args = {0, 4096, 0, 0xe2, 0xffffffff, 0x2000},
                              .result = 0},
               "NULL, 4096, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_32BIT|MAP_ABOVE4G, -1, 0x2000",
               "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recorded_x86_64), cmocka_unit_test(test_recorded_i386),
        cmocka_unit_test(test_unfinished),      cmocka_unit_test(test_lives),
        cmocka_unit_test(test_overlaps),        cmocka_unit_test(test_rare_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
