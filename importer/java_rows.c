#include "base/cleanup.h"
#include "evidence/java_heap.h"
#include "evidence/java_options.h"
#include "evidence/nmt.h"
#include "evidence/thread_dump.h"
#include "importer/java_log.h"
#include "importer/java_text.h"

enum { ENOUGH_LOG_LINES = 3 };

/* Calls LOOK on each whole line, until it is certain; the highest of what it says. */
static int look_at_lines(const char *head, size_t len, int (*look)(struct span line))
{
    struct span rest = span_of(head, len), line;
    int best = IMPORTER_NEVER;

    while (best < IMPORTER_CERTAIN && span_next_line(&rest, &line)) {
        int score = look(line);

        best = score > best ? score : best;
    }
    return best;
}

static int jstack_line(struct span line)
{
    return span_starts(line, "Full thread dump ") ? IMPORTER_CERTAIN : IMPORTER_NEVER;
}

static int recognise_jstack(const char *head, size_t len)
{
    struct thread_dump_splitter splitter = {0};
    struct span rest = span_of(head, len), line;
    int score = look_at_lines(head, len, jstack_line);

    /* The form of Thread.dump_to_file says less of itself: only at the start of a file. */
    while (score == IMPORTER_NEVER && span_next_line(&rest, &line) &&
           thread_dump_split(&splitter, line) != THREAD_DUMP_OTHER)
        if (splitter.place == THREAD_DUMP_TO_FILE)
            score = IMPORTER_LIKELY;
    return score;
}

static int nmt_line(struct span line)
{
    return nmt_begins(line) || nmt_is_disabled(line) ? IMPORTER_CERTAIN : IMPORTER_NEVER;
}

static int recognise_nmt(const char *head, size_t len)
{
    return look_at_lines(head, len, nmt_line);
}

static int recognise_jmap(const char *head, size_t len)
{
    struct span rest = span_of(head, len), line;
    struct java_heap heap;

    java_heap_init(&heap);
    while (span_next_line(&rest, &line)) {
        struct java_options options;

        line = span_trim(line);
        if (span_is(line, "Heap Configuration:") || span_starts(line, "jvm_args: "))
            return IMPORTER_CERTAIN;
        java_options_init(&options);
        if (span_starts(line, "-XX:") && java_options_take(&options, line) > 0)
            return IMPORTER_LIKELY;
        java_heap_line(&heap, line);
        if (java_heap_known(&heap))
            return IMPORTER_LIKELY;
    }
    return IMPORTER_NEVER;
}

static int log_line(struct span line)
{
    struct java_log_error error;
    uint64_t bytes;

    return java_log_error(line, &error) || java_log_direct_memory(line, &bytes) ? IMPORTER_LIKELY
                                                                                : IMPORTER_NEVER;
}

/* A time and a level: what every application's log has. */
static bool is_log_line(struct span line)
{
    static const char *const levels[] = {"INFO", "WARN", "ERROR", "DEBUG", "FATAL", "TRACE"};
    struct civil_time time;

    if (!civil_time_find(line, &time, NULL))
        return false;
    line = span_first(line, 160);
    for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
        if (span_has(line, levels[i]))
            return true;
    return false;
}

static int recognise_log(const char *head, size_t len)
{
    struct span rest = span_of(head, len), line;
    int lines = 0, score = look_at_lines(head, len, log_line);

    while (score == IMPORTER_NEVER && lines < ENOUGH_LOG_LINES && span_next_line(&rest, &line))
        lines += is_log_line(line);
    return lines == ENOUGH_LOG_LINES ? IMPORTER_PERHAPS : score;
}

extern const struct importer importer_jstack, importer_nmt, importer_jmap, importer_log;

const struct importer importer_jstack = {
    .name = "jstack",
    .option = "jstack",
    .argument = "F",
    .doc = "Java thread dumps of jstack, jcmd or SIGQUIT, any number in one file",
    .expected = "Java thread dumps",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise_jstack,
    .import = java_text_import,
};

const struct importer importer_nmt = {
    .name = "nmt",
    .option = "nmt",
    .argument = "F",
    .doc = "what jcmd PID VM.native_memory printed: summary, detail or a diff",
    .expected = "Java's native memory tracking",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise_nmt,
    .import = java_text_import,
};

const struct importer importer_jmap = {
    .name = "jmap",
    .option = "jmap",
    .argument = "F",
    .doc = "what jmap -heap or jcmd PID GC.heap_info, VM.flags, VM.command_line printed",
    .expected = "Java's heap figures and flags",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise_jmap,
    .import = java_text_import,
};

const struct importer importer_log = {
    .name = "log",
    .option = "log",
    .argument = "F",
    .doc = "an application's log with OutOfMemoryErrors or Netty's direct memory",
    .expected = "logs with OutOfMemoryErrors",
    .stage = IMPORTER_REGIONS,
    .recognise = recognise_log,
    .import = java_text_import,
};
