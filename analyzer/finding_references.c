#include "analyzer/finding_references.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analyzer/references.h"

enum { MOST = 8 /* findings of a process; each costs a table in memory */ };

/* The findings of one process that are asked about. */
struct asked {
    struct finding *findings[MOST];
    struct references_target targets[MOST];
    size_t count;
};

static bool is_asked(const struct finding *f)
{
    return f->verdict != VERDICT_NOT_LEAK && f->culprit.pid &&
           (f->region == REGION_ANON_MMAP || f->region == REGION_SHARED_MEMORY ||
            f->region == REGION_OTHER);
}

static int by_start(const void *left, const void *right)
{
    const struct address_range *a = left, *b = right;

    return (a->start > b->start) - (a->start < b->start);
}

static struct seep_error *ask(struct asked *asked, struct finding *f)
{
    struct references_target *target = &asked->targets[asked->count];
    struct address_range *ranges = calloc(f->vmas.count + 1, sizeof(*ranges));
    size_t count = 0;

    if (!ranges)
        return error_no_memory();
    for (size_t i = 0; i < f->vmas.count; i++)
        if (f->vmas.items[i].pid == f->culprit.pid && f->vmas.items[i].start < f->vmas.items[i].end)
            ranges[count++] = (struct address_range){f->vmas.items[i].start, f->vmas.items[i].end};
    qsort(ranges, count, sizeof(*ranges), by_start);
    target->ranges = ranges;
    target->range_count = count;
    if (count)
        asked->findings[asked->count++] = f;
    else
        free(ranges);
    return NULL;
}

static void deinit(struct asked *asked)
{
    for (size_t i = 0; i < asked->count; i++)
        free((void *)asked->targets[i].ranges);
}

static struct seep_error *append(char **text, const char *more)
{
    char *longer = NULL;

    if (asprintf(&longer, "%s%s%s", *text ? *text : "", *text ? "; " : "", more) < 0)
        return error_no_memory();
    free(*text);
    *text = longer;
    return NULL;
}

/* A path that a shell would take apart is left to who knows it. */
static bool is_plain(const char *path)
{
    return path && path[0] && path[0] != '-' &&
           path[strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "_./:@%+,-")] == '\0';
}

static struct seep_error *tell(const struct case_dir *c, struct finding *f,
                               const struct references_result *result)
{
    _cleanup_free_ char *sentence = NULL;
    char *step = NULL;
    struct seep_error *err = references_sentence(result, &sentence);

    if (err || !sentence)
        return err;
    err = append(&f->reason, sentence);
    if (err || !result->holders.count || !is_plain(c->path))
        return err;
    if (asprintf(&step, "seep show %s pointers --finding %u", c->path, f->rank) < 0)
        return error_no_memory();
    err = vector_push(&f->next, step);
    if (err)
        free(step);
    return err;
}

/* True when more was saved of the process than what ASKED is about. */
static bool has_more(const struct references *r, const struct asked *asked)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < asked->count; i++)
        for (size_t n = 0; n < asked->targets[i].range_count; n++)
            bytes += asked->targets[i].ranges[n].end - asked->targets[i].ranges[n].start;
    return r->pieces.count && r->searched_bytes > bytes;
}

static struct seep_error *add_process(struct case_dir *c, const struct dumps *dumps,
                                      const struct asked *asked, const char *runtime)
{
    struct references references = {0};
    struct references_result results[MOST];
    struct scan_options options = {0};
    struct seep_error *err =
        references_open(c, dumps, asked->findings[0]->culprit.pid, runtime, &references);

    if (err)
        return err;
    if (!has_more(&references, asked)) {
        references_deinit(&references);
        return NULL;
    }
    err = references_find(&references, asked->targets, asked->count, &options, results);
    if (!err) {
        for (size_t i = 0; i < asked->count; i++) {
            if (!err)
                err = tell(c, asked->findings[i], &results[i]);
            references_result_deinit(&results[i]);
        }
    }
    references_deinit(&references);
    return err;
}

static bool was_saved(const struct dumps *dumps, pid_t pid)
{
    for (size_t i = 0; i < dumps->dumps.count; i++)
        if (dumps->dumps.items[i]->pid == pid)
            return true;
    return false;
}

struct seep_error *finding_references_add(struct case_dir *c, const struct dumps *dumps,
                                          struct analysis *analysis)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < analysis->findings.count && !err; i++) {
        pid_t pid = analysis->findings.items[i].culprit.pid;
        struct asked asked = {.count = 0};
        bool is_first = was_saved(dumps, pid);

        for (size_t before = 0; before < i && is_first; before++)
            is_first = analysis->findings.items[before].culprit.pid != pid;
        for (size_t n = i; n < analysis->findings.count && is_first && asked.count < MOST && !err;
             n++) {
            struct finding *f = &analysis->findings.items[n];

            if (f->culprit.pid == pid && is_asked(f))
                err = ask(&asked, f);
        }
        if (!err && asked.count)
            err = add_process(c, dumps, &asked, analysis->info.runtime);
        deinit(&asked);
    }
    return err;
}
