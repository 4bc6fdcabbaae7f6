#include "report/finding_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"
#include "report/path_text.h"
#include "report/wrap.h"

enum {
    ROWS_OF_A_KIND = 3, /* regions, threads or strings */
    MINOR_SHARE = 100,  /* one part of so many is held by minor threads at most */
    STRING_COLUMNS = 100,
};

static bool known(uint64_t value)
{
    return value != ANALYSIS_UNKNOWN;
}

static void write_title(struct rows *r, const struct finding *f)
{
    static const struct {
        const char *word;
        enum rows_colour colour;
    } verdicts[] = {
        [VERDICT_NOT_LEAK] = {"NOT A LEAK", ROWS_GREEN},
        [VERDICT_INCONCLUSIVE] = {"INCONCLUSIVE", ROWS_YELLOW},
        [VERDICT_SUSPECT] = {"SUSPECT", ROWS_YELLOW},
        [VERDICT_LEAK] = {"LEAK", ROWS_RED},
    };
    const char *word = verdicts[f->verdict].word;
    char label[96];
    int columns = snprintf(label, sizeof(label), "%-2u %s  ", f->rank, word);

    snprintf(label, sizeof(label), "%-2u %s%s%s  ", f->rank,
             rows_colour(r, verdicts[f->verdict].colour), word, rows_colour(r, ROWS_PLAIN));
    if (f->title) {
        rows_text(r, f->title);
    } else {
        if (known(f->bytes))
            rows_size(r, f->bytes);
        else
            rows_printf(r, "an unknown size");
        if (known(f->count)) {
            rows_printf(r, " in ");
            rows_count(r, f->count, "allocation");
        }
        if (isfinite(f->bytes_per_s)) {
            rows_printf(r, ", ");
            rows_rate(r, f->bytes_per_s);
        }
    }
    rows_end_labelled(r, label, (size_t)columns);
}

static void add_vma(struct rows *r, const struct analysis *a, const struct finding *f,
                    const struct analysis_vma *vma)
{
    if (vma->pid > 0 && (a->processes.count > 1 || vma->pid != a->info.pid))
        rows_printf(r, "pid %d ", (int)vma->pid);
    rows_printf(r, "%" PRIx64 "-%" PRIx64 " %s", vma->start, vma->end, vma->perms);
    if (vma->name && vma->name[0]) {
        rows_printf(r, " ");
        rows_text(r, vma->name);
    }
    if (f->vmas.count > 1 && known(vma->explained_bytes) && vma->explained_bytes) {
        rows_printf(r, ", ");
        rows_size(r, vma->explained_bytes);
        rows_printf(r, " of it");
    }
    /* Where regions split, what is told of each is the growth of all: no share of its own. */
    if (known(vma->explained_bytes) && vma->explained_bytes && vma->growth_bytes > 0 &&
        (uint64_t)vma->growth_bytes <= vma->end - vma->start) {
        rows_printf(r, ", explains ");
        rows_share(r, vma->explained_bytes, (uint64_t)vma->growth_bytes);
        rows_printf(r, " of its growth of ");
        rows_size(r, (uint64_t)vma->growth_bytes);
    } else if (known(vma->explained_bytes) && vma->growth_bytes == 0 &&
               vma->explained_bytes > vma->size_bytes / 2) {
        rows_printf(r, ", explains ");
        rows_share(r, vma->explained_bytes, vma->size_bytes);
        rows_printf(r, " of its ");
        rows_size(r, vma->size_bytes);
    }
}

static void write_where(struct rows *r, const struct analysis *a, const struct finding *f)
{
    size_t shown = f->vmas.count < ROWS_OF_A_KIND ? f->vmas.count : ROWS_OF_A_KIND;

    for (size_t i = 0; i < shown; i++) {
        add_vma(r, a, f, &f->vmas.items[i]);
        rows_end(r, i ? "" : "where");
    }
    if (f->vmas.count > shown)
        rows_printf(r, "and %zu more; ", f->vmas.count - shown);
    rows_printf(r, "%s", region_name(f->region));
    if (known(f->resident_bytes) && known(f->bytes) && f->bytes > 0) {
        rows_printf(r, ", resident ");
        rows_size(r, f->resident_bytes);
        rows_printf(r, " of ");
        rows_size(r, f->bytes);
    }
    rows_end(r, shown ? "" : "where");
}

static const char *name_of(const struct analysis_thread *thread)
{
    return thread->name ? thread->name : "";
}

/* TID, and the name where there is one. */
static void add_thread(struct rows *r, pid_t tid, const char *name)
{
    rows_printf(r, "%d", (int)tid);
    if (name && name[0]) {
        rows_printf(r, " ");
        rows_text(r, name);
    }
}

/* How many threads hold nearly all of it: the first of them, which hold the most. */
static size_t main_threads(const struct finding *f)
{
    uint64_t all = 0, held = 0;
    size_t count = 0;

    for (size_t i = 0; i < f->threads.count; i++) {
        const struct analysis_thread *thread = &f->threads.items[i];

        if (!known(thread->bytes) || (i && thread->bytes > thread[-1].bytes) ||
            __builtin_add_overflow(all, thread->bytes, &all))
            return f->threads.count;
    }
    while (count < f->threads.count && held < all - all / MINOR_SHARE)
        held += f->threads.items[count++].bytes;
    return count ? count : f->threads.count;
}

/* One thread holds more than all others: it is told with its share, however many there are. */
static bool one_holds_most(const struct finding *f)
{
    uint64_t others = 0;

    for (size_t i = 0; i < f->threads.count; i++)
        if (!known(f->threads.items[i].bytes) ||
            (i && __builtin_add_overflow(others, f->threads.items[i].bytes, &others)))
            return false;
    return f->threads.items[0].bytes > others;
}

static void add_minor_threads(struct rows *r, const struct finding *f, size_t main_count)
{
    uint64_t bytes = 0;

    if (main_count == f->threads.count)
        return;
    for (size_t i = main_count; i < f->threads.count; i++)
        bytes += f->threads.items[i].bytes;
    rows_printf(r, "; ");
    rows_count(r, f->threads.count - main_count, "more thread");
    rows_printf(r, " with ");
    rows_size(r, bytes);
}

static void add_few_threads(struct rows *r, const struct finding *f, size_t main_count)
{
    struct units_text count;

    rows_printf(r, main_count == 1 ? "thread " : "threads ");
    for (size_t i = 0; i < main_count; i++) {
        const struct analysis_thread *thread = &f->threads.items[i];

        rows_printf(r, "%s", i ? ", " : "");
        add_thread(r, thread->tid, thread->name);
        if (!known(thread->bytes))
            continue;
        rows_printf(r, " ");
        rows_size(r, thread->bytes);
        if (known(thread->count))
            rows_printf(r, " in %s", units_format_count(&count, thread->count));
    }
}

/* "8 threads nioEventLoop-1 .. nioEventLoop-8 (25893-25900)": the first and the last by tid. */
static void add_many_threads(struct rows *r, const struct finding *f, size_t main_count)
{
    const struct analysis_thread *first = &f->threads.items[0], *last = first;
    bool one_name = true;

    for (size_t i = 1; i < main_count; i++) {
        const struct analysis_thread *thread = &f->threads.items[i];

        first = thread->tid < first->tid ? thread : first;
        last = thread->tid > last->tid ? thread : last;
        one_name &= strcmp(name_of(thread), name_of(&f->threads.items[0])) == 0;
    }
    rows_count(r, main_count, "thread");
    if (name_of(first)[0]) {
        rows_printf(r, " ");
        rows_text(r, name_of(first));
    }
    if (!one_name) {
        rows_printf(r, " .. ");
        rows_text(r, name_of(last));
    }

    bool dense = (uint64_t)last->tid - (uint64_t)first->tid + 1 == main_count;

    rows_printf(r, dense ? " (%d-%d)" : " (among %d .. %d)", (int)first->tid, (int)last->tid);
}

static void write_who(struct rows *r, const struct analysis *a, const struct finding *f)
{
    const struct analysis_culprit *c = &f->culprit;
    size_t main_count = main_threads(f);

    if (main_count > ROWS_OF_A_KIND && one_holds_most(f))
        main_count = 1;
    if (main_count > ROWS_OF_A_KIND) {
        add_many_threads(r, f, main_count);
    } else if (f->threads.count > 1) {
        add_few_threads(r, f, main_count);
    } else if (f->threads.count == 1) {
        rows_printf(r, "thread ");
        add_thread(r, f->threads.items[0].tid, f->threads.items[0].name);
    } else if (c->tid > 0) {
        rows_printf(r, "thread ");
        add_thread(r, c->tid, c->thread);
    }
    add_minor_threads(r, f, main_count);
    if (c->pid > 0 && (c->pid != a->info.pid || a->processes.count > 1)) {
        rows_between(r, " of ");
        rows_printf(r, "process ");
        add_thread(r, c->pid, c->process);
    }
    rows_end(r, "who");
}

static void write_path(struct rows *r, const struct finding *f)
{
    const struct analysis_culprit *c = &f->culprit;

    if (f->stacks.count) {
        path_text(r, f);
        return;
    }
    if (c->function)
        rows_text(r, c->function);
    if (c->module) {
        rows_between(r, " ");
        rows_printf(r, "in ");
        rows_text(r, c->module);
    }
    rows_end(r, "path");
}

/* True when A and B differ in numbers only. */
static bool alike(const char *a, const char *b)
{
    while (*a && *b) {
        if (isdigit((unsigned char)*a) && isdigit((unsigned char)*b)) {
            a += strspn(a, "0123456789");
            b += strspn(b, "0123456789");
        } else if (*a++ != *b++) {
            return false;
        }
    }
    return *a == *b;
}

static void add_times(struct rows *r, uint64_t count)
{
    struct units_text text;

    rows_printf(r, "%s time%s", units_format_count(&text, count), count == 1 ? "" : "s");
}

/* A string and, in one row with it, those after it that are like it. DONE: one flag a string. */
static void write_string(struct rows *r, const struct finding *f, size_t at, bool *done,
                         const char *label)
{
    const struct analysis_string *string = &f->strings.items[at];
    uint64_t like_count = 0;
    size_t like = 0;

    for (size_t i = at + 1; i < f->strings.count; i++) {
        const struct analysis_string *other = &f->strings.items[i];

        if (done[i] || !alike(string->text, other->text))
            continue;
        done[i] = true;
        like++;
        if (!known(other->count) || __builtin_add_overflow(like_count, other->count, &like_count))
            like_count = UINT64_MAX;
    }
    rows_quote(r, string->text, STRING_COLUMNS);
    if (known(string->count)) {
        rows_printf(r, " ");
        add_times(r, string->count);
    }
    if (like && known(like_count)) {
        rows_printf(r, ", and ");
        add_times(r, like_count);
        rows_printf(r, " with other numbers");
    } else if (like) {
        rows_printf(r, ", and %zu more with other numbers", like);
    }
    rows_end(r, label);
}

/* What came again; false: there is no such template. */
static bool write_templates(struct rows *r, const struct finding *f)
{
    size_t told = 0;

    for (size_t i = 0; i < f->templates.count && told < ROWS_OF_A_KIND; i++) {
        const struct analysis_template *template = &f->templates.items[i];

        if (known(template->count) && template->count < 2)
            continue;
        rows_quote(r, template->text, STRING_COLUMNS);
        if (known(template->count)) {
            rows_printf(r, " ");
            add_times(r, template->count);
        }
        if (template->examples[0] && strcmp(template->examples[0], template->text) != 0) {
            rows_printf(r, ", such as ");
            rows_quote(r, template->examples[0], STRING_COLUMNS);
        }
        rows_end(r, told++ ? "" : "what");
    }
    return told;
}

static void write_what(struct rows *r, const struct finding *f)
{
    if (write_templates(r, f))
        return;

    _cleanup_free_ bool *done = calloc(f->strings.count ? f->strings.count : 1, sizeof(*done));
    size_t told = 0;

    if (!done) {
        r->out.failed = true;
        return;
    }
    for (size_t i = 0; i < f->strings.count && told < ROWS_OF_A_KIND; i++)
        if (!done[i])
            write_string(r, f, i, done, told++ ? "" : "what");
}

/* Content has dates, whatever the calls have. */
static void add_date(struct rows *r, uint64_t epoch_ns)
{
    enum moment_basis basis = r->basis;

    r->basis = MOMENT_ABSOLUTE;
    rows_time(r, epoch_ns);
    r->basis = basis;
}

static void write_when(struct rows *r, const struct finding *f)
{
    bool timed = r->basis != MOMENT_NONE;

    if (timed && known(f->first_ns)) {
        rows_printf(r, "first at ");
        rows_time(r, f->first_ns);
    }
    if (timed && known(f->last_ns) && f->last_ns != f->first_ns) {
        rows_between(r, ", ");
        rows_printf(r, "last at ");
        rows_time(r, f->last_ns);
    }
    if (f->written) {
        rows_between(r, "; ");
        rows_text(r, f->written);
    } else if (known(f->times_count) && f->times_count && known(f->times_first_ns) &&
               known(f->times_last_ns)) {
        rows_between(r, "; ");
        rows_count(r, f->times_count, "time");
        rows_printf(r, " written in it, ");
        add_date(r, f->times_first_ns);
        rows_printf(r, " to ");
        add_date(r, f->times_last_ns);
    }
    rows_end(r, "when");
}

static void write_why(struct rows *r, const struct finding *f)
{
    rows_printf(r, "%s", cause_name(f->cause));
    if (isfinite(f->confidence))
        rows_printf(r, ", confidence %.0f%%", 100 * f->confidence);
    if (f->reason) {
        rows_printf(r, ": ");
        rows_text(r, f->reason);
    }
    rows_end(r, "why");
}

/* The limit is the whole process's, so that it stands with the first finding only. */
static void write_limit(struct rows *r, const struct analysis *a)
{
    struct units_text duration;

    if (!known(a->limit_bytes))
        return;
    if (a->limit_source) {
        rows_text(r, a->limit_source);
        rows_printf(r, " ");
    }
    rows_size(r, a->limit_bytes);
    if (isfinite(a->exhaustion_s) && a->exhaustion_s >= 0 && a->exhaustion_s < 1e9)
        rows_printf(r, ": reached in %s at this rate",
                    units_format_duration(&duration, (uint64_t)(a->exhaustion_s * NS_PER_S)));
    rows_end(r, "limit");
}

void finding_text(struct rows *rows, const struct analysis *a, const struct finding *f)
{
    write_title(rows, f);
    write_where(rows, a, f);
    write_who(rows, a, f);
    write_path(rows, f);
    write_what(rows, f);
    write_when(rows, f);
    write_why(rows, f);
    if (f == a->findings.items)
        write_limit(rows, a);
    for (size_t i = 0; i < f->next.count; i++) {
        const char *next = f->next.items[i];

        rows_text(rows, next);
        if (strncmp(next, "seep ", strlen("seep ")) == 0)
            rows_end_command(rows, i ? "" : "next");
        else
            rows_end(rows, i ? "" : "next");
    }
}
