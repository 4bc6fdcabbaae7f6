#include "analyzer/java_stacks.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/conclusions.h"
#include "base/units.h"
#include "evidence/thread_dump.h"
#include "evidence/thread_dumps.h"

enum { MAX_MARKS = 65536 };

/* --- frames --- */

static struct seep_error *push_frame(struct analysis_stack *stack,
                                     const struct thread_dump_frame *named)
{
    struct analysis_frame frame = {
        .kind = STACK_FRAME_JAVA, .offset = ANALYSIS_UNKNOWN, .line = named->line};
    struct seep_error *err = NULL;

    frame.function = strndup(named->method.text, named->method.len);
    frame.file = named->file.len ? strndup(named->file.text, named->file.len) : NULL;
    if (!frame.function || (named->file.len && !frame.file))
        err = error_no_memory();
    if (!err)
        err = vector_push(&stack->frames, frame);
    if (err) {
        free(frame.function);
        free(frame.file);
    }
    return err;
}

struct seep_error *java_stacks_parse(struct span text, struct analysis_stack *ret_stack)
{
    struct analysis_stack stack = {.count = ANALYSIS_UNKNOWN, .bytes = ANALYSIS_UNKNOWN};
    struct seep_error *err = NULL;
    size_t at;

    /* Loggers and people join lines: several frames may stand on one. */
    while (!err && stack.frames.count < JAVA_STACKS_MAX_FRAMES && span_find(text, "at ", &at)) {
        struct span rest = {text.text + at, text.len - at};
        bool begins = at == 0 || strchr(" \t\n", text.text[at - 1]);
        struct thread_dump_frame frame;

        if (begins && thread_dump_take_frame(&rest, &frame) && frame.method.len) {
            err = push_frame(&stack, &frame);
            text = rest;
        } else {
            text = (struct span){text.text + at + 3, text.len - at - 3};
        }
    }
    stack.culprit = java_stacks_culprit(&stack);
    if (err)
        analysis_stack_deinit(&stack);
    else
        *ret_stack = stack;
    return err;
}

static bool is_library(const char *function)
{
    static const char *const packages[] = {"java.", "javax.", "jdk.", "sun.", "com.sun."};

    for (size_t i = 0; i < ARRAY_SIZE(packages); i++)
        if (strncmp(function, packages[i], strlen(packages[i])) == 0)
            return true;
    return strstr(function, ".PlatformDependent") != NULL;
}

size_t java_stacks_culprit(const struct analysis_stack *stack)
{
    size_t i = 0;

    while (i < stack->frames.count && is_library(stack->frames.items[i].function))
        i++;
    return i;
}

/* --- thread dumps --- */

struct nearest {
    pid_t tid;
    const struct thread_dumps_entry *entry;
    uint64_t mark_ns, apart_ns;
};

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

/* The dump and the mapping of TID that lie nearest to each other. */
static struct nearest find_nearest(const struct thread_dumps *dumps, const struct diagnosis *d,
                                   pid_t pid, pid_t tid)
{
    struct nearest nearest = {.tid = tid, .apart_ns = UINT64_MAX};
    size_t looked = 0;

    for (size_t p = 0; p < d->parts.count; p++)
        for (size_t m = 0; m < d->parts.items[p]->marks.count && looked < MAX_MARKS; m++) {
            const struct suspect_mark *mark = &d->parts.items[p]->marks.items[m];
            const struct thread_dumps_entry *entry;

            if (mark->tid != tid)
                continue;
            looked++;
            entry = thread_dumps_nearest(dumps, pid, mark->time_ns, "jstack");
            if (entry && apart(entry->time_ns, mark->time_ns) < nearest.apart_ns)
                nearest = (struct nearest){tid, entry, mark->time_ns,
                                           apart(entry->time_ns, mark->time_ns)};
        }
    /* Dumps of which nobody knows when they were made still tell what threads do. */
    for (size_t i = 0; i < dumps->entries.count && !nearest.entry; i++)
        if (strcmp(dumps->entries.items[i].kind, "jstack") == 0 &&
            (!dumps->entries.items[i].pid || dumps->entries.items[i].pid == pid))
            nearest.entry = &dumps->entries.items[i];
    return nearest;
}

static struct seep_error *take_stack(const struct thread_dump *dump, const struct nearest *nearest,
                                     struct finding *f)
{
    const struct thread_dump_thread *thread = thread_dump_find(dump, (uint64_t)nearest->tid);
    struct analysis_stack stack = {.count = ANALYSIS_UNKNOWN, .bytes = ANALYSIS_UNKNOWN};
    struct units_text distance;
    struct seep_error *err = NULL;

    if (!thread || !thread->frame_count)
        return NULL;
    for (size_t i = 0; i < thread->frame_count && i < JAVA_STACKS_MAX_FRAMES && !err; i++)
        err = push_frame(&stack, &dump->frames.items[thread->first_frame + i]);
    if (!err && nearest->apart_ns == UINT64_MAX)
        err = conclusions_text(&stack.end, "what thread %d did in a thread dump of an unknown time",
                               (int)nearest->tid);
    else if (!err)
        err = conclusions_text(
            &stack.end, "what thread %d did in the thread dump nearest in time, %s %s it mapped",
            (int)nearest->tid, units_format_duration(&distance, nearest->apart_ns),
            nearest->entry->time_ns < nearest->mark_ns ? "before" : "after");
    stack.culprit = java_stacks_culprit(&stack);
    if (!err)
        err = vector_push(&f->stacks, stack);
    if (err)
        analysis_stack_deinit(&stack);
    return err;
}

static int compare_nearest(const void *a, const void *b)
{
    const struct nearest *x = a, *y = b;

    if (x->entry != y->entry)
        return x->entry < y->entry ? -1 : 1;
    return (x->apart_ns > y->apart_ns) - (x->apart_ns < y->apart_ns);
}

/* A dump may be large: it is read once for all threads that it is the nearest of. */
static struct seep_error *take_from_dumps(const struct thread_dumps *dumps,
                                          const struct nearest *nearest, size_t count,
                                          struct finding *f)
{
    struct seep_error *err = NULL;

    for (size_t from = 0, to; from < count && !err; from = to) {
        _cleanup_buffer_ struct buffer text = {0};
        struct thread_dump dump;

        for (to = from + 1; to < count && nearest[to].entry == nearest[from].entry; to++)
            ;
        err = thread_dumps_read(dumps, nearest[from].entry, &text);
        if (err && err->code == ERROR_CORRUPT) {
            error_destroy(err);
            err = NULL;
            continue;
        }
        if (!err)
            err = thread_dump_parse((struct span){text.bytes, text.len}, &dump);
        if (err)
            break;
        for (size_t i = from; i < to && !err; i++)
            err = take_stack(&dump, &nearest[i], f);
        thread_dump_deinit(&dump);
    }
    return err;
}

struct seep_error *java_stacks_add(int case_fd, const struct diagnoses *diagnoses,
                                   struct analysis *a)
{
    struct thread_dumps dumps;
    struct seep_error *err = thread_dumps_open(case_fd, &dumps);

    if (err)
        return err;
    for (size_t i = 0; i < diagnoses->count && dumps.entries.count && !err; i++) {
        struct finding *f = &a->findings.items[i];
        struct nearest nearest[JAVA_STACKS_THREADS];
        size_t count = 0;

        if (f->verdict == VERDICT_NOT_LEAK || f->stacks.count)
            continue;
        for (size_t t = 0; t < f->threads.count && count < JAVA_STACKS_THREADS; t++) {
            nearest[count] = find_nearest(&dumps, &diagnoses->items[i], f->threads.items[t].pid,
                                          f->threads.items[t].tid);
            count += nearest[count].entry != NULL;
        }
        if (count)
            qsort(nearest, count, sizeof(nearest[0]), compare_nearest);
        err = take_from_dumps(&dumps, nearest, count, f);
    }
    thread_dumps_deinit(&dumps);
    return err;
}
