/* When the logs that were imported are, process by process. */
#include <limits.h>
#include <stdlib.h>

#include "analyzer/history.h"

static uint64_t number_of(const json_t *json, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(json, name));

    return number > 0 ? (uint64_t)number : 0;
}

static struct seep_error *add_log(struct history *history, const json_t *pids,
                                  const struct history_log *log)
{
    struct seep_error *err = NULL;
    const json_t *pid;
    size_t index;

    json_array_foreach (pids, index, pid) {
        json_int_t number = json_integer_value(pid);
        struct history_process *p =
            number > 0 && number <= INT_MAX ? history_find(history, (pid_t)number) : NULL;

        if (!err && p && !p->retired)
            err = vector_push(&p->logs, *log);
    }
    return err;
}

static int compare_logs(const void *a, const void *b)
{
    const struct history_log *x = a, *y = b;

    return (x->first_ns > y->first_ns) - (x->first_ns < y->first_ns);
}

static void set_window(const struct history *history, struct history_process *p)
{
    /* Of a case that does not tell, all logs are one. */
    p->log_first_ns = p->logs.count ? UINT64_MAX : history->first_event_ns;
    p->log_last_ns = p->logs.count ? 0 : history->last_event_ns;
    if (p->logs.count > 1)
        qsort(p->logs.items, p->logs.count, sizeof(*p->logs.items), compare_logs);
    for (size_t i = 0; i < p->logs.count; i++) {
        const struct history_log *log = &p->logs.items[i];

        if (i && log->first_ns > p->log_last_ns)
            p->log_gap_ns += log->first_ns - p->log_last_ns;
        p->log_first_ns = log->first_ns < p->log_first_ns ? log->first_ns : p->log_first_ns;
        p->log_last_ns = log->last_ns > p->log_last_ns ? log->last_ns : p->log_last_ns;
        p->log_whole |= log->whole;
    }
    p->log_whole |= p->unmaps > 0;
}

struct seep_error *history_end_logs(struct history *history, const struct case_dir *c)
{
    const json_t *imports = json_object_get(c->json, "imports"), *import;
    struct seep_error *err = NULL;
    size_t index;

    for (size_t i = 0; i < history->processes.count; i++)
        history->processes.items[i]->made_up = case_is_made_up(c, history->processes.items[i]->pid);
    if (!history->worked)
        return NULL;
    json_array_foreach (imports, index, import) {
        const json_t *window = json_object_get(import, "window");
        const struct history_log log = {number_of(window, "first_ns"), number_of(window, "last_ns"),
                                        json_is_true(json_object_get(window, "whole"))};

        if (!err && log.first_ns && log.first_ns <= log.last_ns)
            err = add_log(history, json_object_get(window, "pids"), &log);
    }
    for (size_t i = 0; i < history->processes.count && !err; i++)
        set_window(history, history->processes.items[i]);
    return err;
}
