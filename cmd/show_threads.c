/* seep show CASE threads: who was there, what each asked for, and what it still holds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "analyzer/replay.h"
#include "analyzer/thread_names.h"
#include "base/escape.h"
#include "base/units.h"
#include "base/vector.h"
#include "base/zone.h"
#include "cmd/life_text.h"
#include "cmd/show.h"
#include "evidence/case.h"
#include "report/json_parts.h"

enum { KEY_JSON = 0x2000 };

struct arguments {
    bool json;
};

struct thread {
    struct thread_id {
        pid_t pid, tid;
    } id;
    struct thread_names names; /* in the order in which it had them */
    uint64_t first_ns, last_ns;
    uint64_t calls;
    uint64_t mapped_bytes;           /* by all its calls */
    uint64_t live_count, live_bytes; /* of its calls, what is still mapped at the end */
    uint64_t cpu_ns;                 /* SNAPSHOT_UNKNOWN */
    char state;                      /* of the last snapshot; 0: in none */
    bool ended;
    int status; /* of waitpid(2), when ended */
    UT_hash_handle hh;
};

struct threads {
    VECTOR(struct thread *) all; /* owned */
    struct thread *by_id;        /* the last that had each id */
    struct case_info info;
};

static void threads_deinit(struct threads *threads)
{
    HASH_CLEAR(hh, threads->by_id);
    for (size_t i = 0; i < threads->all.count; i++) {
        struct thread *thread = threads->all.items[i];

        thread_names_deinit(&thread->names);
        free(thread);
    }
    vector_deinit(&threads->all);
}

static struct thread *find_thread(const struct threads *threads, pid_t pid, pid_t tid)
{
    struct thread_id id = {pid, tid};
    struct thread *thread;

    HASH_FIND(hh, threads->by_id, &id, sizeof(id), thread);
    return thread;
}

static struct seep_error *add_thread(struct threads *threads, pid_t pid, pid_t tid,
                                     uint64_t time_ns, struct thread **ret_thread)
{
    struct thread *thread = calloc(1, sizeof(*thread));
    struct seep_error *err = thread ? vector_push(&threads->all, thread) : error_no_memory();

    if (err) {
        free(thread);
        return err;
    }
    thread->id = (struct thread_id){pid, tid};
    thread->first_ns = thread->last_ns = time_ns;
    thread->cpu_ns = SNAPSHOT_UNKNOWN;
    HASH_ADD(hh, threads->by_id, id, sizeof(thread->id), thread);
    *ret_thread = thread;
    return NULL;
}

/* The thread of that id, seen at TIME_NS. */
static struct seep_error *see_thread(struct threads *threads, pid_t pid, pid_t tid,
                                     uint64_t time_ns, struct thread **ret_thread)
{
    struct thread *thread = find_thread(threads, pid, tid);

    if (!thread)
        return add_thread(threads, pid, tid, time_ns, ret_thread);
    if (time_ns < thread->first_ns)
        thread->first_ns = time_ns;
    if (time_ns > thread->last_ns)
        thread->last_ns = time_ns;
    *ret_thread = thread;
    return NULL;
}

/* --- gathering --- */

static struct seep_error *on_event(void *context, const struct event *ev)
{
    struct threads *threads = context;
    struct thread *thread = find_thread(threads, ev->pid, ev->tid);
    struct seep_error *err;

    if (ev->kind == EVENT_LOST || ev->kind == EVENT_DETACH || ev->kind == EVENT_PROCESS_START ||
        ev->kind == EVENT_PROCESS_EXIT)
        return NULL;
    if (ev->kind == EVENT_THREAD_START && thread && thread->ended) {
        HASH_DEL(threads->by_id, thread); /* another one, with an id that was free again */
        thread = NULL;
    }
    err = see_thread(threads, ev->pid, ev->tid, ev->exit_ns, &thread);
    if (err)
        return err;
    if (event_is_syscall(ev))
        thread->calls++;
    if (ev->kind == EVENT_THREAD_START || ev->kind == EVENT_THREAD_NAME)
        return ev->name && ev->name[0] ? thread_names_add(&thread->names, ev->exit_ns, ev->name)
                                       : NULL;
    if (ev->kind == EVENT_THREAD_EXIT) {
        thread->ended = true;
        thread->status = (int)ev->result;
    }
    if (ev->kind == EVENT_EXEC && (pid_t)ev->args[0] != ev->tid) {
        struct thread *former = find_thread(threads, ev->pid, (pid_t)ev->args[0]);

        if (former)
            former->ended = true; /* it goes on under the leader's id */
    }
    return NULL;
}

static struct seep_error *on_snapshot(void *context, const struct snapshot *snap)
{
    struct threads *threads = context;

    for (size_t i = 0; i < snap->tasks.count; i++) {
        const struct snapshot_task *task = &snap->tasks.items[i];
        struct thread *thread;
        struct seep_error *err = see_thread(threads, snap->pid, task->tid, snap->end_ns, &thread);

        if (!err && task->name[0])
            err = thread_names_look(&thread->names, snap->begin_ns, task->name);
        if (err)
            return err;
        thread->state = task->state;
        thread->cpu_ns = task->cpu_ns;
    }
    return NULL;
}

static bool on_group(const struct ledger_group *group, void *context)
{
    struct thread *thread = find_thread(context, group->pid, group->tid);

    if (thread) {
        thread->mapped_bytes += group->calls * group->unit_bytes;
        thread->live_count += group->live_count;
        thread->live_bytes += group->live_bytes;
    }
    return true;
}

/* Who holds most first, then in the order of appearance. */
static int by_held(const void *a, const void *b)
{
    const struct thread *x = *(struct thread *const *)a, *y = *(struct thread *const *)b;

    if (x->live_bytes != y->live_bytes)
        return x->live_bytes > y->live_bytes ? -1 : 1;
    if (x->first_ns != y->first_ns)
        return x->first_ns < y->first_ns ? -1 : 1;
    return x->id.tid < y->id.tid ? -1 : x->id.tid > y->id.tid;
}

static struct seep_error *gather(struct case_dir *c, struct threads *threads, bool *ret_cut)
{
    const struct replay_observer observer = {
        .on_event = on_event, .on_snapshot = on_snapshot, .context = threads};
    _cleanup_(ledger_destroyp) struct ledger *ledger = NULL;
    struct replay_result result;
    struct seep_error *err = ledger_create(&ledger);

    if (!err)
        err = replay_case(c->fd, ledger, &observer, NULL, &result);
    if (err)
        return err;
    ledger_each_group(ledger, on_group, threads);
    if (threads->all.count)
        qsort(threads->all.items, threads->all.count, sizeof(threads->all.items[0]), by_held);
    *ret_cut = result.cut;
    return NULL;
}

/* --- telling --- */

static void put_state(struct buffer *text, const struct thread *thread)
{
    static const char *const states[] = {
        ['R'] = "running", ['S'] = "sleeping", ['D'] = "waiting", ['T'] = "stopped",
        ['t'] = "stopped", ['Z'] = "zombie",   ['X'] = "dead",    ['I'] = "idle",
    };
    unsigned char state = (unsigned char)thread->state;

    if (thread->ended)
        life_text_status(text, thread->status);
    else if (state < ARRAY_SIZE(states) && states[state])
        buffer_printf(text, "%s", states[state]);
    else
        buffer_printf(text, "unknown");
}

/* The last name first. */
static void put_names(struct buffer *line, const struct thread *thread)
{
    for (size_t i = thread->names.items.count; i-- > 0;) {
        const char *text = thread->names.items.items[i].text;

        if (i + 2 == thread->names.items.count)
            buffer_printf(line, "  (before: ");
        else if (i + 1 < thread->names.items.count)
            buffer_printf(line, ", ");
        escape_append(line, text, strlen(text));
        if (i == 0 && thread->names.items.count > 1)
            buffer_printf(line, ")");
    }
}

static struct seep_error *print_table(const struct threads *threads)
{
    _cleanup_buffer_ struct buffer line = {0};

    printf("%-15s  %-17s  %-8s  %-8s  %9s  %10s  %10s  %8s  %8s  %s\n", "PROCESS/THREAD", "STATE",
           "FIRST", "LAST", "CALLS", "MAPPED", "HELD", "MAPPINGS", "CPU", "NAME");
    for (size_t i = 0; i < threads->all.count; i++) {
        const struct thread *thread = threads->all.items[i];
        uint64_t offset_ns = threads->info.wall_offset_ns;
        struct units_text first, last, calls, mapped, held, count, cpu = {.text = "-"};
        _cleanup_buffer_ struct buffer state = {0};
        char id[32];

        snprintf(id, sizeof(id), "%d/%d", (int)thread->id.pid, (int)thread->id.tid);
        put_state(&state, thread);
        if (thread->cpu_ns != SNAPSHOT_UNKNOWN)
            units_format_duration(&cpu, thread->cpu_ns);
        buffer_clear(&line);
        buffer_printf(&line, "%-15s  %-17s  %-8.8s  %-8.8s  %9s  %10s  %10s  %8s  %8s  ", id,
                      state.failed ? "" : state.bytes,
                      moment_text(&first, threads->info.basis, thread->first_ns + offset_ns, false),
                      moment_text(&last, threads->info.basis, thread->last_ns + offset_ns, false),
                      units_format_count(&calls, thread->calls),
                      units_format_size(&mapped, thread->mapped_bytes),
                      units_format_size(&held, thread->live_bytes),
                      units_format_count(&count, thread->live_count), cpu.text);
        put_names(&line, thread);
        buffer_printf(&line, "\n");
        if (line.failed || state.failed)
            return error_no_memory();
        fwrite(line.bytes, 1, line.len, stdout);
    }
    return NULL;
}

static json_t *json_time(const struct threads *threads, uint64_t monotonic_ns)
{
    struct units_text text;

    return json_parts_text(
        moment_json(&text, threads->info.basis, monotonic_ns + threads->info.wall_offset_ns));
}

static json_t *json_names(const struct threads *threads, const struct thread *thread)
{
    json_t *names = json_array();
    bool failed = !names;

    for (size_t i = 0; i < thread->names.items.count; i++) {
        const struct thread_name *name = &thread->names.items.items[i];

        failed |=
            json_array_append_new(names, JSON_OBJECT({"since", json_time(threads, name->since_ns)},
                                                     {"name", json_parts_text(name->text)}));
    }
    if (!failed)
        return names;
    json_decref(names);
    return NULL;
}

static json_t *json_thread(const struct threads *threads, const struct thread *thread)
{
    _cleanup_buffer_ struct buffer state = {0};

    put_state(&state, thread);
    return JSON_OBJECT(
        {"pid", json_parts_id(thread->id.pid)}, {"tid", json_parts_id(thread->id.tid)},
        {"names", json_names(threads, thread)},
        {"state", state.failed ? NULL : json_string(state.bytes)},
        {"ended", json_boolean(thread->ended)}, {"first", json_time(threads, thread->first_ns)},
        {"last", json_time(threads, thread->last_ns)}, {"calls", json_parts_number(thread->calls)},
        {"mapped_bytes", json_parts_number(thread->mapped_bytes)},
        {"held_bytes", json_parts_number(thread->live_bytes)},
        {"held_count", json_parts_number(thread->live_count)},
        {"cpu_ns", json_parts_number(thread->cpu_ns)});
}

static struct seep_error *print_json(const struct threads *threads)
{
    json_t *list = json_array();
    bool failed = !list;
    struct seep_error *err;

    for (size_t i = 0; i < threads->all.count; i++)
        failed |= json_array_append_new(list, json_thread(threads, threads->all.items[i])) < 0;
    if (failed) {
        json_decref(list);
        return error_no_memory();
    }
    err = json_parts_write(JSON_OBJECT({"threads", list}), JSON_INDENT(2), stdout);
    putchar('\n');
    return err;
}

static struct seep_error *tell(const char *case_path, const struct arguments *arguments)
{
    _cleanup_(threads_deinit) struct threads threads = {0};
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    bool cut = false;
    struct seep_error *err = command_open_case(case_path, &c);

    if (err)
        return err;
    case_info(c, &threads.info);
    zone_use(threads.info.time_zone);
    err = gather(c, &threads, &cut);
    if (!err)
        err = arguments->json ? print_json(&threads) : print_table(&threads);
    err = show_end(err);
    if (!err && cut)
        fprintf(stderr, "seep: the case was cut short: what came later is lost\n");
    return err;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    (void)argument;
    if (key != KEY_JSON)
        return ARGP_ERR_UNKNOWN;
    arguments->json = true;
    return 0;
}

static const struct argp_option options[] = {
    {"json", KEY_JSON, NULL, 0, "Print one JSON object instead of a table", 0},
    {0},
};

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .doc = "Lists every thread that was seen, who holds most first.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct arguments arguments = {0};

    show_parse(topic, argc, argv, &arguments);
    return command_report(tell(case_path, &arguments), "showing the threads of %s", case_path);
}

const struct show_topic show_threads = {
    .name = "threads",
    .summary = "every thread seen: its names, calls, what it mapped and still holds",
    .description =
        "Lists every thread that was seen, the one that holds most first: its process and id, its "
        "state in the last snapshot or how it ended, when it was seen first and last, how many "
        "memory calls it made, how much they mapped in all (MAPPED), how much of that is still "
        "mapped at the end (HELD) in how many MAPPINGS, its CPU time, and its names.",
    .argp = &argp,
    .run = run,
};
