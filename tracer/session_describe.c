#include "tracer/session_describe.h"

#include <sys/resource.h>

#include "base/units.h"
#include "target/describe.h"

static struct seep_error *describe_program(struct case_dir *c, char *const *argv, pid_t pid)
{
    _cleanup_buffer_ struct buffer command = {0};
    struct seep_error *err = case_set_number(c, "target", "pid", (uint64_t)pid);

    for (size_t i = 0; argv[i]; i++)
        buffer_printf(&command, "%s%s", i ? " " : "", argv[i]);
    if (!err)
        err = case_set_text(c, "target", "exe", argv[0]);
    if (!err)
        err = case_set_text(c, "target", "command", command.bytes);
    return err;
}

struct seep_error *session_describe_start(struct case_dir *c, const struct session_options *options,
                                          pid_t pid, uint64_t started_ns)
{
    struct seep_error *err = describe_host(c);

    if (!err)
        err = case_set_text(c, "tool", "options", options->options_text);
    if (!err)
        err = case_set_text(c, "watch", "backend", "ptrace");
    if (!err)
        err = case_set_number(c, "clock", "started_ns", started_ns);
    if (!err)
        err = options->argv ? describe_program(c, options->argv, pid) : describe_target(c, pid);
    return err;
}

static uint64_t own_cpu_ns(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NS_PER_S +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * NS_PER_US;
}

struct seep_error *session_describe_end(struct case_dir *c, const struct session_figures *figures)
{
    const struct {
        const char *part, *name;
        uint64_t number;
    } numbers[] = {
        {"clock", "ended_ns", figures->ended_ns},
        {"watch", "lost_events", figures->events.lost},
        {"watch", "stacks", figures->stacks.stacks},
        {"watch", "lost_stacks", figures->stacks.lost + figures->events.lost_stacks},
        {"watch", "watcher_cpu_ns", own_cpu_ns()},
        {"watch", "target_stopped_ns", figures->stopped_ns},
        {"watch", "maps_reading_ns", figures->snapshots.reading_ns},
        {"watch", "longest_maps_reading_ns", figures->snapshots.longest_ns},
    };
    struct seep_error *err = case_set_text(c, "watch", "backend", figures->backend);

    for (size_t i = 0; !err && i < ARRAY_SIZE(numbers); i++)
        err = case_set_number(c, numbers[i].part, numbers[i].name, numbers[i].number);
    if (!err)
        err = case_set(c, "watch", "snapshots_spaced_out",
                       json_boolean(figures->snapshots.spaced_out));
    return err;
}
