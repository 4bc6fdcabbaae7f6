#include "tracer/attach.h"

#include <stdio.h>

struct attaching {
    const struct session_options *options;
    struct ptrace_source *source;
    struct proc_pids *untraced;
};

/* A process that may not be traced is watched by snapshots, where /proc allows that. */
static struct seep_error *watch_untraced(const struct attaching *a, pid_t pid,
                                         struct seep_error *refusal)
{
    _cleanup_buffer_ struct buffer maps = {0};
    struct seep_error *unreadable = NULL;
    char text[512];

    if (refusal->code != ERROR_DENIED)
        return refusal;
    unreadable = proc_read(pid, "smaps", &maps);
    if (unreadable) {
        error_destroy(unreadable);
        return refusal;
    }
    snprintf(text, sizeof(text), "process %d is watched by snapshots only: %s%s%s%s", (int)pid,
             refusal->message, refusal->remedy ? " (" : "", refusal->remedy ? refusal->remedy : "",
             refusal->remedy ? ")" : "");
    a->options->say(text);
    error_destroy(refusal);
    return vector_push(a->untraced, pid);
}

static struct seep_error *attach_one(const struct attaching *a, pid_t pid)
{
    struct seep_error *err = ptrace_source_attach(a->source, pid);

    return err ? watch_untraced(a, pid, err) : NULL;
}

/* PID's descendants, and theirs that came meanwhile: children born after the attach are followed. */
static struct seep_error *attach_tree(const struct attaching *a, pid_t pid)
{
    _cleanup_(proc_pids_deinit) struct proc_pids family = {0};
    struct seep_error *err = proc_descendants(pid, &family);

    for (size_t i = 0; !err && i < family.count; i++) {
        err = attach_one(a, family.items[i]);
        if (err && (err->code == ERROR_GONE || err->code == ERROR_NOT_FOUND)) {
            error_destroy(err);
            err = NULL;
        }
    }
    return err;
}

struct seep_error *attach_targets(const struct session_options *options,
                                  struct ptrace_source *source, struct proc_pids *untraced)
{
    const struct attaching attaching = {options, source, untraced}, *a = &attaching;
    struct seep_error *err = NULL;

    for (size_t i = 0; !err && i < a->options->pid_count; i++) {
        err = attach_one(a, a->options->pids[i]);
        if (!err && a->options->tree)
            err = attach_tree(a, a->options->pids[i]);
    }
    return err;
}
