#include "evidence/strace_format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/tree.h>
#include <sys/wait.h>

#include "base/units.h"
#include "evidence/call_text.h"

enum {
    RESULT_COLUMN = 40, /* strace's -a */
};

/* One end of a call, or a life: each makes a line or a part of one. */
struct moment {
    RB_ENTRY(moment) node;
    uint64_t time_ns;
    uint64_t sequence; /* among moments of the same time */
    struct call *call;
    bool is_exit;
};

struct call {
    struct event ev;
    struct moment enter, exit;
    size_t known_len, arguments_len; /* of the arguments' text: what came with the enter; all */
};

RB_HEAD(moments, moment);

struct printer {
    struct strace_format base;
    FILE *out;
    uint64_t wall_offset_ns;
    struct moments held;
    uint64_t sequence;
    struct buffer text;      /* what is not written yet: the open line */
    size_t line_at;          /* in text */
    const struct call *open; /* the line waits for its return; NULL: none does */
};

static int compare_moments(const struct moment *a, const struct moment *b)
{
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

RB_GENERATE_INTERNAL(moments, moment, node, compare_moments, __attribute__((unused)) static)

static void call_destroy(struct call *call)
{
    free(call->ev.name);
    free(call);
}

/* --- lines --- */

static void begin_line(struct printer *printer, pid_t tid, uint64_t time_ns)
{
    const uint64_t wall_ns = time_ns + printer->wall_offset_ns;
    struct buffer *text = &printer->text;

    if (printer->open)
        buffer_printf(text, " <unfinished ...>\n");
    printer->open = NULL;
    printer->line_at = text->len;
    if (tid > 0)
        buffer_printf(text, "%-5d ", (int)tid);
    buffer_printf(text, "%" PRIu64 ".%06" PRIu64 " ", wall_ns / NS_PER_S,
                  wall_ns % NS_PER_S / NS_PER_US);
}

static void print_enter(struct printer *printer, struct call *call)
{
    struct buffer *text = &printer->text;
    size_t start;

    begin_line(printer, call->ev.tid, call->ev.enter_ns);
    buffer_printf(text, "%s(", call_text_name(&call->ev));
    start = text->len;
    call->known_len = call_text_arguments(text, &call->ev);
    call->arguments_len = text->len - start;
    text->len = start + call->known_len;
    printer->open = call;
}

/* The rest of the arguments, which the call's return made known. */
static void print_stored(struct printer *printer, const struct call *call)
{
    _cleanup_buffer_ struct buffer arguments = {0};

    call_text_arguments(&arguments, &call->ev);
    if (arguments.failed)
        printer->text.failed = true;
    else
        buffer_bytes(&printer->text, arguments.bytes + call->known_len,
                     arguments.len - call->known_len);
}

static void print_exit(struct printer *printer, const struct call *call)
{
    const struct event *ev = &call->ev;
    const uint64_t duration_us = (call->exit.time_ns - ev->enter_ns) / NS_PER_US;
    const uint64_t us_per_s = NS_PER_S / NS_PER_US;
    struct buffer *text = &printer->text;
    size_t column;

    if (printer->open != call) {
        begin_line(printer, ev->tid, call->exit.time_ns);
        buffer_printf(text, "<... %s resumed>", call_text_name(ev));
    }
    if (call->known_len < call->arguments_len) {
        if (ev->result == EVENT_RESULT_UNKNOWN)
            buffer_printf(text, " <unfinished ...>");
        else
            print_stored(printer, call);
    }
    buffer_printf(text, ") ");
    column = text->len - printer->line_at;
    if (column < RESULT_COLUMN)
        buffer_printf(text, "%*s", (int)(RESULT_COLUMN - column), "");
    buffer_printf(text, "= ");
    call_text_result(text, ev);
    if (ev->result != EVENT_RESULT_UNKNOWN)
        buffer_printf(text, " <%" PRIu64 ".%06" PRIu64 ">", duration_us / us_per_s,
                      duration_us % us_per_s);
    buffer_printf(text, "\n");
    if (ev->stack_id && printer->base.put_stack)
        printer->base.put_stack(text, ev, printer->base.context);
    printer->open = NULL;
}

static void print_life(struct printer *printer, const struct event *ev)
{
    struct buffer *text = &printer->text;
    int status = (int)ev->result;

    begin_line(printer, ev->tid, ev->exit_ns);
    if (ev->kind == EVENT_EXEC) {
        buffer_printf(text, "+++ superseded by execve in pid %d +++\n", (int)ev->args[0]);
    } else if (WIFSIGNALED(status)) {
        buffer_printf(text, "+++ killed by ");
        call_text_signal(text, WTERMSIG(status));
        buffer_printf(text, "%s +++\n", WCOREDUMP(status) ? " (core dumped)" : "");
    } else {
        buffer_printf(text, "+++ exited with %d +++\n", WEXITSTATUS(status));
    }
}

static struct seep_error *write_out(struct printer *printer)
{
    struct buffer *text = &printer->text;

    if (text->failed)
        return error_no_memory();
    if (printer->open)
        return NULL; /* its column is still needed */
    if (fwrite(text->bytes, 1, text->len, printer->out) != text->len)
        return error_errno(errno, NULL, "cannot write");
    buffer_clear(text);
    return NULL;
}

/* --- the order of lines --- */

/* Prints all that happened up to UNTIL_NS. */
static struct seep_error *print_until(struct printer *printer, uint64_t until_ns)
{
    struct moment *moment;

    while ((moment = RB_MIN(moments, &printer->held)) && moment->time_ns <= until_ns) {
        struct call *call = moment->call;
        struct seep_error *err;

        RB_REMOVE(moments, &printer->held, moment);
        if (!event_is_syscall(&call->ev))
            print_life(printer, &call->ev);
        else if (moment->is_exit)
            print_exit(printer, call);
        else
            print_enter(printer, call);
        if (moment->is_exit)
            call_destroy(call);
        err = write_out(printer);
        if (err)
            return err;
    }
    return NULL;
}

static void hold(struct printer *printer, struct moment *moment, struct call *call,
                 uint64_t time_ns, bool is_exit)
{
    *moment = (struct moment){
        .time_ns = time_ns, .sequence = printer->sequence++, .call = call, .is_exit = is_exit};
    RB_INSERT(moments, &printer->held, moment);
}

static bool has_line(const struct event *ev)
{
    if (ev->kind == EVENT_EXEC)
        return ev->args[0] &&
               (pid_t)ev->args[0] != ev->pid; /* by a thread that was not the leader */
    return event_is_syscall(ev) || ev->kind == EVENT_THREAD_EXIT;
}

static struct seep_error *put(struct event_sink *sink, const struct event *ev)
{
    struct printer *printer = (struct printer *)sink;
    struct call *call;

    if (!has_line(ev))
        return NULL;
    call = calloc(1, sizeof(*call));
    if (!call)
        return error_no_memory();
    call->ev = *ev;
    if (ev->name && !(call->ev.name = strdup(ev->name))) {
        free(call);
        return error_no_memory();
    }
    if (event_is_syscall(ev))
        hold(printer, &call->enter, call, ev->enter_ns, false);
    hold(printer, &call->exit, call, ev->exit_ns > ev->enter_ns ? ev->exit_ns : ev->enter_ns, true);
    return print_until(printer, ev->pending_ns && ev->pending_ns < ev->exit_ns ? ev->pending_ns
                                                                               : ev->exit_ns);
}

static struct seep_error *finish(struct event_sink *sink)
{
    struct printer *printer = (struct printer *)sink;
    struct seep_error *err = print_until(printer, UINT64_MAX);

    if (!err && fflush(printer->out) != 0)
        err = error_errno(errno, NULL, "cannot write");
    return err;
}

struct seep_error *strace_format_create(FILE *out, uint64_t wall_offset_ns,
                                        struct strace_format **ret_format)
{
    struct printer *printer = calloc(1, sizeof(*printer));

    if (!printer)
        return error_no_memory();
    printer->base.sink = (struct event_sink){.put = put, .finish = finish};
    printer->out = out;
    printer->wall_offset_ns = wall_offset_ns;
    RB_INIT(&printer->held);
    *ret_format = &printer->base;
    return NULL;
}

void strace_format_destroy(struct strace_format *format)
{
    struct printer *printer = (struct printer *)format;
    struct moment *moment;

    if (!printer)
        return;
    while ((moment = RB_MIN(moments, &printer->held))) {
        RB_REMOVE(moments, &printer->held, moment);
        if (moment->is_exit)
            call_destroy(moment->call);
    }
    buffer_deinit(&printer->text);
    free(printer);
}
