/* seep show CASE events: the trace, for a person, for a program, and for what reads strace. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uthash.h>

#include "base/escape.h"
#include "base/units.h"
#include "base/zone.h"
#include "cmd/life_text.h"
#include "cmd/show.h"
#include "cmd/stack_lines.h"
#include "evidence/call_text.h"
#include "evidence/case.h"
#include "evidence/events_file.h"
#include "evidence/strace_format.h"
#include "evidence/syscalls.h"
#include "report/json_parts.h"
#include "report/wrap.h"

enum {
    KEY_FORMAT = 0x2000,
    KEY_JSON,
    KEY_TID,
    KEY_PID,
    KEY_KIND,
    KEY_FAILED,
    KEY_SINCE,
    KEY_UNTIL,
    KEY_STACKS,
};

enum { NAME_COLUMNS = 15 };

enum format { FORMAT_TABLE, FORMAT_STRACE, FORMAT_JSON };

struct arguments {
    struct naming_options naming;
    enum format format;
    pid_t tid, pid;            /* 0: all */
    bool kinds[UINT8_MAX + 1]; /* wanted, when some are named */
    bool some_kinds, failed, stacks;
    uint64_t since_ns, until_ns; /* after the start of the recording */
};

/* The name, raw, that a thread has when the event at hand happens. */
struct thread_name {
    pid_t tid;
    char *name;
    UT_hash_handle hh;
};

struct listing {
    const struct arguments *arguments;
    struct case_info info;
    struct thread_name *names;
    struct buffer line;
    struct strace_format *strace; /* FORMAT_STRACE */
    struct stack_lines *stacks;   /* with --stacks */
};

static void forget_name(struct listing *listing, pid_t tid)
{
    struct thread_name *name;

    HASH_FIND_INT(listing->names, &tid, name);
    if (!name)
        return;
    HASH_DEL(listing->names, name);
    free(name->name);
    free(name);
}

static void listing_deinit(struct listing *listing)
{
    struct thread_name *name, *next;

    HASH_ITER(hh, listing->names, name, next)
    {
        HASH_DEL(listing->names, name);
        free(name->name);
        free(name);
    }
    buffer_deinit(&listing->line);
    strace_format_destroy(listing->strace);
    stack_lines_destroy(listing->stacks);
}

/* --- which events, and whose --- */

static bool is_wanted(const struct listing *listing, const struct event *ev)
{
    const struct arguments *arguments = listing->arguments;
    uint64_t at_ns =
        ev->exit_ns > listing->info.started_ns ? ev->exit_ns - listing->info.started_ns : 0;

    if (ev->kind == EVENT_LOST && !arguments->some_kinds)
        return true; /* whatever is looked for may be among them */
    return (!arguments->tid || ev->tid == arguments->tid) &&
           (!arguments->pid || ev->pid == arguments->pid) &&
           (!arguments->some_kinds || arguments->kinds[ev->kind]) &&
           (!arguments->failed || (event_is_syscall(ev) && event_failed(ev))) &&
           at_ns >= arguments->since_ns && at_ns <= arguments->until_ns;
}

static struct seep_error *note_name(struct listing *listing, const struct event *ev)
{
    const char *text = ev->name;
    struct thread_name *name;

    if (!text || (ev->kind != EVENT_THREAD_START && ev->kind != EVENT_THREAD_NAME))
        return NULL;
    HASH_FIND_INT(listing->names, &ev->tid, name);
    if (!name) {
        name = calloc(1, sizeof(*name));
        if (!name)
            return error_no_memory();
        name->tid = ev->tid;
        HASH_ADD_INT(listing->names, tid, name);
    }
    free(name->name);
    name->name = strdup(text);
    return name->name ? NULL : error_no_memory();
}

static const char *name_of(const struct listing *listing, pid_t tid)
{
    struct thread_name *name;

    HASH_FIND_INT(listing->names, &tid, name);
    return name ? name->name : NULL;
}

/* --- call paths --- */

/* The lines of EV's path, where they are wanted; out of memory is noted in OUT. */
static void put_stack(struct buffer *out, const struct event *ev, void *context)
{
    struct listing *listing = context;
    const char *lines = listing->stacks ? stack_lines_of(listing->stacks, ev->stack_id) : "";

    out->failed |= !lines;
    if (lines)
        buffer_bytes(out, lines, strlen(lines));
}

/* --- a person's table --- */

static void put_time(struct buffer *line, enum moment_basis basis, uint64_t epoch_ns)
{
    struct units_text moment;

    if (basis >= MOMENT_TIME_OF_DAY) {
        const char *known = moment_json(&moment, basis, epoch_ns);

        buffer_printf(line, "%-26s", known ? known : "-");
        return;
    }

    time_t seconds = (time_t)(epoch_ns / NS_PER_S);
    struct tm tm = {0};
    char text[32];

    localtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
    buffer_printf(line, "%s.%06" PRIu64, text, epoch_ns % NS_PER_S / NS_PER_US);
}

/* NAME, escaped and padded; nothing for NULL. */
static void put_name(struct buffer *line, const char *name)
{
    size_t start = line->len, columns = 0;

    if (name)
        escape_append(line, name, strlen(name));
    if (!line->failed && line->len > start)
        columns = wrap_columns(line->bytes + start, line->len - start);
    if (columns < NAME_COLUMNS)
        buffer_printf(line, "%*s", (int)(NAME_COLUMNS - columns), "");
}

static void table_head(void)
{
    printf("%-26s  %-15s  %-15s  %8s  %s\n", "ENTERED", "PROCESS/THREAD", "NAME", "TOOK", "EVENT");
}

static struct seep_error *table_put(struct listing *listing, const struct event *ev)
{
    struct buffer *line = &listing->line;
    struct units_text took = {0};
    char id[32];

    buffer_clear(line);
    put_time(line, listing->info.basis, ev->enter_ns + listing->info.wall_offset_ns);
    if (event_is_syscall(ev))
        units_format_duration(&took, ev->exit_ns - ev->enter_ns);
    snprintf(id, sizeof(id), "%d/%d", (int)ev->pid, (int)ev->tid);
    buffer_printf(line, "  %-15s  ", id);
    put_name(line, name_of(listing, ev->tid));
    buffer_printf(line, "  %8s  ", took.text);
    if (event_is_syscall(ev)) {
        buffer_printf(line, "%s(", call_text_name(ev));
        call_text_arguments(line, ev);
        buffer_printf(line, ") = ");
        call_text_result(line, ev);
    } else {
        const char *name = life_text_name(ev->kind);

        buffer_printf(line, "%s: ", name ? name : "unknown event");
        life_text_append(line, ev);
    }
    buffer_printf(line, "\n");
    put_stack(line, ev, listing);
    if (line->failed)
        return error_no_memory();
    fwrite(line->bytes, 1, line->len, stdout);
    return NULL;
}

/* --- one JSON object a line --- */

static json_t *json_arguments(const struct event *ev)
{
    json_t *args = json_array();

    for (size_t i = 0; i < ARRAY_SIZE(ev->args); i++)
        json_array_append_new(args, json_parts_address(ev->args[i]));
    if (json_array_size(args) == ARRAY_SIZE(ev->args))
        return args;
    json_decref(args);
    return NULL;
}

static json_t *json_result(const struct event *ev)
{
    const struct syscall_row *row = syscalls_of_event(ev->kind, ev->abi);

    if (event_failed(ev))
        return json_null();
    return row && row->flags & SYSCALL_ADDRESS ? json_parts_address((uint64_t)ev->result)
                                               : json_integer(ev->result);
}

/* "ENOMEM"; null when it did not fail or nobody saw its end. */
static json_t *json_error(const struct event *ev)
{
    if (!event_failed(ev) || ev->result == EVENT_RESULT_UNKNOWN)
        return json_null();

    const char *name = strerrorname_np((int)-ev->result);

    return name ? json_string(name) : json_sprintf("%d", (int)-ev->result);
}

static struct seep_error *json_put(struct listing *listing, const struct event *ev)
{
    const char *name = call_text_name(ev);
    struct units_text time;
    const char *time_json;
    struct seep_error *err;

    if (!name)
        name = life_text_name(ev->kind);
    time_json =
        moment_json(&time, listing->info.basis, ev->enter_ns + listing->info.wall_offset_ns);
    err = json_parts_write(
        JSON_OBJECT(
            {"time", json_parts_text(time_json)}, {"enter_ns", json_parts_number(ev->enter_ns)},
            {"exit_ns", json_parts_number(ev->exit_ns)}, {"pid", json_parts_id(ev->pid)},
            {"tid", json_parts_id(ev->tid)}, {"thread", json_parts_text(name_of(listing, ev->tid))},
            {"event", json_parts_text(name)}, {"args", json_arguments(ev)},
            {"result", json_result(ev)}, {"error", json_error(ev)},
            {"name", json_parts_text(ev->name)}, {"stack", json_parts_id(ev->stack_id)}),
        JSON_COMPACT, stdout);
    putchar('\n');
    return err;
}

/* --- the topic --- */

static struct seep_error *begin(struct listing *listing)
{
    zone_use(listing->info.time_zone);
    if (listing->arguments->format == FORMAT_TABLE)
        table_head();
    if (listing->arguments->format != FORMAT_STRACE)
        return NULL;

    struct seep_error *err =
        strace_format_create(stdout, listing->info.wall_offset_ns, &listing->strace);

    if (!err) {
        listing->strace->put_stack = put_stack;
        listing->strace->context = listing;
    }
    return err;
}

static struct seep_error *print(struct listing *listing, const struct event *ev)
{
    switch (listing->arguments->format) {
    case FORMAT_STRACE:
        return event_sink_put(&listing->strace->sink, ev);
    case FORMAT_JSON:
        return json_put(listing, ev);
    default:
        return table_put(listing, ev);
    }
}

static struct seep_error *put(struct listing *listing, const struct event *ev)
{
    struct seep_error *err = note_name(listing, ev);

    if (!err && is_wanted(listing, ev))
        err = print(listing, ev);
    /* A leader's end is told twice: of the thread, then of the process. */
    if (ev->kind == EVENT_PROCESS_EXIT || (ev->kind == EVENT_THREAD_EXIT && ev->tid != ev->pid))
        forget_name(listing, ev->tid);
    return err;
}

static struct seep_error *list(const char *case_path, const struct arguments *arguments)
{
    _cleanup_(listing_deinit) struct listing listing = {.arguments = arguments};
    _cleanup_(case_destroyp) struct case_dir *c = NULL;
    _cleanup_(event_source_destroyp) struct event_source *source = NULL;
    enum event_source_step step = EVENT_SOURCE_END;
    struct events_reader *reader;
    struct event ev;
    struct seep_error *err = command_open_case(case_path, &c);

    if (err)
        return err;
    err = events_reader_create(c->fd, NULL, &reader);
    if (err && err->errnum == ENOENT) {
        error_destroy(err);
        fprintf(stderr, "seep: the case holds no events: nothing was traced\n");
        return NULL;
    }
    if (err)
        return err;
    source = &reader->source;
    case_info(c, &listing.info);
    if (arguments->stacks && arguments->format != FORMAT_JSON)
        err = stack_lines_read(c, &arguments->naming,
                               arguments->format == FORMAT_TABLE ? "      " : "", &listing.stacks);
    if (!err)
        err = begin(&listing);
    while (!err && !ferror(stdout) && !(err = event_source_next(source, &ev, &step)) &&
           step == EVENT_SOURCE_MORE)
        err = put(&listing, &ev);
    if (!err && listing.strace)
        err = event_sink_finish(&listing.strace->sink);
    err = show_end(err);
    if (!err && reader->cut)
        fprintf(stderr, "seep: the events end in the middle of a block: what came later is lost\n");
    return err;
}

static uint64_t parse_after(const char *text, const char *option, struct argp_state *state)
{
    uint64_t ns = 0;

    if (!units_parse_duration(text, &ns))
        argp_error(state, "%s wants a time after the start, such as 90s or 5m, not '%s'", option,
                   text);
    return ns;
}

/* "mmap,munmap,thread-exit"; mmap2 is mmap here. */
static void parse_kinds(struct arguments *arguments, char *list_text, struct argp_state *state)
{
    for (char *name; (name = strsep(&list_text, ","));) {
        uint8_t kind = life_text_kind(name);

        for (size_t i = 0; !kind && i < syscalls_count; i++) {
            if (strcmp(syscalls_table[i].name, name) == 0)
                kind = syscalls_table[i].kind;
        }
        if (!kind)
            argp_error(state, "'%s' is no kind of event: try mmap, munmap, thread-exit ...", name);
        arguments->kinds[kind] = arguments->some_kinds = true;
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &arguments->naming;
        return 0;
    case KEY_FORMAT:
        if (strcmp(argument, "table") == 0)
            arguments->format = FORMAT_TABLE;
        else if (strcmp(argument, "strace") == 0)
            arguments->format = FORMAT_STRACE;
        else if (strcmp(argument, "json") == 0)
            arguments->format = FORMAT_JSON;
        else
            argp_error(state, "--format wants table, strace or json, not '%s'", argument);
        return 0;
    case KEY_JSON:
        arguments->format = FORMAT_JSON;
        return 0;
    case KEY_TID:
        arguments->tid = show_parse_id(argument, "--tid", state);
        return 0;
    case KEY_PID:
        arguments->pid = show_parse_id(argument, "--pid", state);
        return 0;
    case KEY_KIND:
        parse_kinds(arguments, argument, state);
        return 0;
    case KEY_FAILED:
        arguments->failed = true;
        return 0;
    case KEY_STACKS:
        arguments->stacks = true;
        return 0;
    case KEY_SINCE:
        arguments->since_ns = parse_after(argument, "--since", state);
        return 0;
    case KEY_UNTIL:
        arguments->until_ns = parse_after(argument, "--until", state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"format", KEY_FORMAT, "table|strace|json", 0,
     "A table (default), lines as of strace -f -ttt -T -o, or one JSON object a line", 0},
    {"json", KEY_JSON, NULL, 0, "The same as --format json", 0},
    {"tid", KEY_TID, "TID", 0, "Only this thread's events", 0},
    {"pid", KEY_PID, "PID", 0, "Only this process's events", 0},
    {"kind", KEY_KIND, "KIND[,KIND]", 0,
     "Only these: a syscall's name, or process-start, thread-start, exec, thread-exit, "
     "process-exit, thread-name, lost, detach",
     0},
    {"stacks", KEY_STACKS, NULL, 0,
     "The call path under each call, as strace -k prints it; in JSON its number is always there",
     0},
    {"failed", KEY_FAILED, NULL, 0, "Only calls that failed", 0},
    {"since", KEY_SINCE, "TIME", 0, "Leave out the first TIME (90s, 5m) of the recording", 0},
    {"until", KEY_UNTIL, "TIME", 0, "Leave out what came after the first TIME", 0},
    {0},
};

static const struct argp_child children[] = {{&naming_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .children = children,
    .doc = "Lists the memory calls that were recorded, and the starts and ends of threads.",
};

static int run(const struct show_topic *topic, const char *case_path, int argc, char **argv)
{
    struct arguments arguments = {.until_ns = UINT64_MAX};

    show_parse(topic, argc, argv, &arguments);
    return command_report(list(case_path, &arguments), "showing the events of %s", case_path);
}

const struct show_topic show_events = {
    .name = "events",
    .summary = "every memory call recorded, as a table, JSON or strace's own lines",
    .description =
        "Lists the trace in the order in which the calls returned: when each was entered, by whom, "
        "how long it took, its arguments and its result. With --format strace the lines are those "
        "of `strace -f -ttt -T -o FILE`, in the order and with the unfinished and resumed halves "
        "that strace would have printed.",
    .argp = &argp,
    .run = run,
};
