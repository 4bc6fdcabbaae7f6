/* What a diagnosis leaves to be done. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/narrate.h"

static struct seep_error *add_step(struct narrate_steps *steps, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static struct seep_error *add_step(struct narrate_steps *steps, const char *format, ...)
{
    struct buffer text = {0};
    struct seep_error *err;
    va_list arguments;

    va_start(arguments, format);
    buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    if (text.failed) {
        buffer_deinit(&text);
        return error_no_memory();
    }
    err = vector_push(steps, text.bytes);
    if (err)
        buffer_deinit(&text);
    return err;
}

#define PLAIN_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,-"

/* To see what is written in it. */
static struct seep_error *add_look_inside(const struct diagnosis *d, unsigned rank,
                                          const struct narrate_case *at,
                                          const struct narrate_vma *vma,
                                          struct narrate_steps *steps)
{
    const struct history_process *p = d->parts.items[0]->process;
    /* A path that a shell would take apart is left to who knows it. */
    bool plain = at->path && at->path[0] && at->path[0] != '-' &&
                 at->path[strspn(at->path, PLAIN_CHARACTERS)] == '\0';

    if (vma && at->has_dumps && plain)
        return add_step(steps, "seep show %s strings --region %" PRIx64 "-%" PRIx64, at->path,
                        vma->start, vma->end);
    char pid[16];

    narrate_pid(p, pid, sizeof(pid));
    if (p->end_ns)
        return at->dumped ? NULL : add_step(steps, "record it again with --dump growing");
    return add_step(steps, "seep dump -p %s --finding %u%s%s", pid, rank, plain ? " -o " : "",
                    plain ? at->path : "");
}

struct seep_error *narrate_next(const struct diagnosis *d, unsigned rank,
                                const struct narrate_case *at, const struct narrate_vma *vma,
                                struct narrate_steps *steps)
{
    const struct history_process *p = d->parts.items[0]->process;
    struct seep_error *err = NULL;
    char pid[16];

    narrate_pid(p, pid, sizeof(pid));
    if (d->judgement.verdict == VERDICT_NOT_LEAK)
        return NULL;
    if (d->judgement.verdict >= VERDICT_SUSPECT && narrate_kind(d) != SUSPECT_HELD)
        err = add_look_inside(d, rank, at, vma, steps);
    if (!err && (d->judgement.doubts & DOUBT_NO_EVENTS) && !p->imported)
        err = add_step(steps, "record with --backend ptrace, to see who maps it");
    if (!err && d->judgement.verdict < VERDICT_LEAK)
        err = p->end_ns ? add_step(steps, "record a longer run, with --snap-every 1s")
                        : add_step(steps, "seep trace -p %s --for 10m --snap-every 5s", pid);
    return err;
}
