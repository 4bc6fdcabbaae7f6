#include "dumper/dumper.h"

#include <string.h>

#include "base/units.h"
#include "dumper/pages.h"
#include "dumper/plan.h"
#include "dumper/progress.h"
#include "evidence/dump_writer.h"
#include "target/mapped.h"
#include "target/memory.h"
#include "target/proc.h"

enum {
    CHUNK_BYTES = 4 << 20,  /* read from the target at once */
    GAP_BYTES = 64 << 20,   /* from this on a run without bytes splits a region's file */
    MARGIN_BYTES = 2 << 20, /* what a range under way may still need at its end */
};

struct job {
    pid_t pid;
    pid_t tid; /* the thread its memory is read through */
    const struct dumper_options *options;
    struct maps maps;
    struct plan_regions plan;
    struct mem_source *memory;
    struct pagemap *pagemap; /* NULL: refused */
    struct mapped *mapped;
    struct dump_writer *writer;
    struct progress progress;
    struct dumper_result result;
    struct dump_region *region; /* under way */
    struct pages_run empty;     /* the run without bytes that may go on; start == end: none */
    struct dumper_range lead;   /* absent pages before a file's first byte; start == end: none */
    uint8_t *chunk;
};

static void stop(struct job *job, const char *reason)
{
    job->result.stopped = true;
    job->result.reason = reason;
}

static bool must_stop(struct job *job)
{
    const struct dumper_options *options = job->options;

    if (job->result.stopped)
        return true;
    if (options->stop && *options->stop)
        stop(job, "interrupted");
    else if (options->max_bytes && job->writer->written_bytes + MARGIN_BYTES > options->max_bytes)
        stop(job, "the bound on the size was reached");
    return job->result.stopped;
}

/* --- into files --- */

static struct seep_error *add_gap(struct job *job, uint64_t start, uint64_t end,
                                  enum dump_page state)
{
    struct dump_gap gap = {start, end, state};

    return start < end ? vector_push(&job->writer->dump.gaps, gap) : NULL;
}

static struct dumper_range take_lead(struct job *job)
{
    struct dumper_range lead = job->lead;

    job->lead = (struct dumper_range){0};
    return lead;
}

/* Makes sure that a file is open, and that it has come to ADDR. */
static struct seep_error *reach(struct job *job, uint64_t addr)
{
    struct dumper_range lead = take_lead(job);
    uint64_t len = lead.end - lead.start;
    struct seep_error *err;

    if (dump_writer_is_open(job->writer))
        return NULL;
    err = dump_writer_begin(job->writer, addr - len);
    return err ? err : dump_writer_fill(job->writer, DUMP_PAGE_ABSENT, len);
}

/* Puts the run without bytes, now that its length is known, where it belongs: between two files,
 * before the first byte of one, or into one. */
static struct seep_error *settle_empty(struct job *job)
{
    struct pages_run run = job->empty;
    uint64_t len = run.end - run.start;
    struct seep_error *err = NULL;

    job->empty = (struct pages_run){0};
    if (len == 0)
        return NULL;
    if (len >= GAP_BYTES) {
        struct dumper_range lead = take_lead(job);

        err = add_gap(job, lead.start, lead.end, DUMP_PAGE_ABSENT);
        if (!err)
            err = dump_writer_end(job->writer, false);
        return err ? err : add_gap(job, run.start, run.end, run.state);
    }
    if (run.state == DUMP_PAGE_ABSENT && !dump_writer_is_open(job->writer)) {
        job->lead = (struct dumper_range){run.start, run.end};
        return NULL;
    }
    err = reach(job, run.start);
    return err ? err : dump_writer_fill(job->writer, run.state, len);
}

static struct seep_error *put_empty(struct job *job, uint64_t start, uint64_t end,
                                    enum dump_page state)
{
    struct seep_error *err = NULL;

    if (state == DUMP_PAGE_SWAPPED)
        job->result.swapped_bytes += end - start;
    if (state == DUMP_PAGE_UNREADABLE)
        job->result.unreadable_bytes += end - start;
    if (job->empty.end == start && job->empty.state == state && job->empty.end > job->empty.start) {
        job->empty.end = end;
        return NULL;
    }
    err = settle_empty(job);
    job->empty = (struct pages_run){.start = start, .end = end, .state = state};
    return err;
}

/* Puts LEN bytes of the chunk, read at ADDR, as far as there is no reason to stop. */
static struct seep_error *put_chunk(struct job *job, uint64_t addr, size_t len, size_t *ret_done)
{
    struct seep_error *err = len ? settle_empty(job) : NULL;
    size_t done = 0;

    if (!err && len)
        err = reach(job, addr);
    while (done < len && !err && !must_stop(job)) {
        size_t step = len - done < DUMP_MEMBER_BYTES ? len - done : DUMP_MEMBER_BYTES;

        err = dump_writer_put(job->writer, job->chunk + done, step);
        done += step;
        progress_add(&job->progress, step);
    }
    job->result.read_bytes += done;
    job->region->saved_bytes += done;
    *ret_done = done;
    return err;
}

/* The region, or what there still is of it, ends here. */
static struct seep_error *finish_file(struct job *job, bool truncated)
{
    struct seep_error *err = settle_empty(job), *last;
    struct dumper_range lead = take_lead(job);

    if (!err)
        err = add_gap(job, lead.start, lead.end, DUMP_PAGE_ABSENT);
    last = dump_writer_end(job->writer, truncated || err);
    if (err)
        error_destroy(last);
    return err ? err : last;
}

/* --- out of the target --- */

/* Reads whole pages into the chunk, up to the first that cannot be had. */
static struct seep_error *read_chunk(struct job *job, struct pages *pages,
                                     const struct pages_run *run, uint64_t at, size_t len,
                                     size_t *ret_got)
{
    size_t got = 0;
    struct seep_error *err = NULL;

    if (run->from == PAGES_FROM_MEMORY) {
        err = mem_source_read(job->memory, at, job->chunk, len, &got);
    } else {
        object_read(&pages->object, run->object_offset + (at - run->start), job->chunk, len, &got);
        /* The last page of a file is zeros behind its end. */
        memset(job->chunk + got, 0, len - got);
        if (got % DUMP_PAGE_BYTES)
            got += DUMP_PAGE_BYTES - got % DUMP_PAGE_BYTES;
    }
    *ret_got = got - got % DUMP_PAGE_BYTES;
    return err;
}

/* Saves RUN as far as it can be read; *RET_AT is where it came to, before the end of RUN when the
 * region went away, or when it is time to stop. */
static struct seep_error *save_run(struct job *job, struct pages *pages,
                                   const struct pages_run *run, uint64_t *ret_at)
{
    uint64_t at = run->start;
    struct seep_error *err = NULL;

    if (run->from == PAGES_FROM_NOWHERE) {
        *ret_at = run->end;
        return put_empty(job, run->start, run->end, run->state);
    }
    while (at < run->end && !err && !must_stop(job)) {
        size_t len = run->end - at < CHUNK_BYTES ? (size_t)(run->end - at) : CHUNK_BYTES;
        size_t got = 0, done = 0;
        uint64_t mapped_start = 0, mapped_end;

        err = read_chunk(job, pages, run, at, len, &got);
        if (!err)
            err = put_chunk(job, at, got, &done);
        at += done;
        if (err || done == len || done < got)
            continue;
        err = mapped_run(job->mapped, at, at + DUMP_PAGE_BYTES, &mapped_start, &mapped_end);
        if (!err && mapped_start != at)
            break;
        if (!err)
            err = put_empty(job, at, at + DUMP_PAGE_BYTES, DUMP_PAGE_UNREADABLE);
        at += DUMP_PAGE_BYTES;
    }
    *ret_at = at;
    return err;
}

static struct seep_error *save_pages(struct job *job, struct pages *pages, uint64_t start,
                                     uint64_t end)
{
    struct pages_runs runs = {0};
    struct seep_error *err = NULL;
    uint64_t at = start;

    while (at < end && !err && !must_stop(job)) {
        uint64_t next = end, mapped_start = at, mapped_end = end;

        err = pages_look(pages, at, end, &runs, &next);
        if (!err)
            err = mapped_run(job->mapped, at, next, &mapped_start, &mapped_end);
        if (!err && mapped_start > at) {
            job->region->vanished = true;
            err = finish_file(job, true);
            at = mapped_start;
            continue;
        }
        for (size_t i = 0; i < runs.count && !err && runs.items[i].start < mapped_end; i++) {
            struct pages_run run = runs.items[i];

            if (run.end > mapped_end)
                run.end = mapped_end;
            err = save_run(job, pages, &run, &at);
            if (at < run.end)
                break;
        }
    }
    vector_deinit(&runs);
    if (err && err->code == ERROR_GONE) {
        error_destroy(err);
        err = NULL;
        job->region->vanished = true;
        stop(job, "the process ended");
    }

    struct seep_error *last = finish_file(job, err || job->result.stopped);

    if (err)
        error_destroy(last);
    return err ? err : last;
}

static const char *cannot_save(const struct job *job, const struct pages *pages)
{
    if (job->options->what == DUMPER_ALL && pages->object.kind == OBJECT_FILE &&
        (pages->vma->perms & VMA_SHARED))
        return "a shared mapping of a file that is on a disk";
    return NULL;
}

static struct seep_error *set_text(char **text, const char *value)
{
    *text = strdup(value);
    return *text ? NULL : error_no_memory();
}

static void count_skipped(struct job *job, const char *why)
{
    if (job->result.skipped++ == 0)
        job->result.skipped_why = why;
}

static struct seep_error *save_region(struct job *job, const struct plan_region *planned)
{
    struct pages pages;
    const char *skipped;
    struct seep_error *err;

    if (job->region->skipped)
        return NULL;
    pages_init(&pages, job->tid, planned->vma, job->pagemap, job->options->swapped, &skipped);
    if (!skipped)
        skipped = cannot_save(job, &pages);
    if (skipped) {
        err = set_text(&job->region->skipped, skipped);
        count_skipped(job, skipped);
    } else {
        err = save_pages(job, &pages, planned->start, planned->end);
        job->result.vanished += job->region->vanished;
    }
    pages_deinit(&pages);
    return err;
}

/* --- the dump --- */

static struct seep_error *open_target(struct job *job)
{
    struct seep_error *err = memory_create(job->tid, &job->memory);

    if (!err)
        err = mapped_create(job->tid, &job->mapped);
    if (err)
        return err;
    error_destroy(pagemap_create(job->tid, &job->pagemap));
    job->chunk = malloc(CHUNK_BYTES);
    return job->chunk ? NULL : error_no_memory();
}

static struct seep_error *list_regions(struct job *job)
{
    struct dump *dump = &job->writer->dump;
    struct seep_error *err = set_text(&dump->why, job->options->why ? job->options->why : "region");

    for (size_t i = 0; i < job->plan.count && !err; i++) {
        const struct plan_region *planned = &job->plan.items[i];
        struct dump_region region = {
            .start = planned->start, .end = planned->end, .perms = planned->vma->perms};

        err = set_text(&region.name, planned->vma->name);
        if (!err && planned->skipped)
            err = set_text(&region.skipped, planned->skipped);
        if (!err)
            err = vector_push(&dump->regions, region);
        if (err) {
            free(region.name);
            free(region.skipped);
        }
    }
    return err;
}

static struct seep_error *save_all(struct job *job)
{
    struct dump *dump = &job->writer->dump;
    struct seep_error *err = NULL;
    size_t i;

    for (i = 0; i < job->plan.count && !err && !must_stop(job); i++) {
        job->region = &dump->regions.items[i];
        err = save_region(job, &job->plan.items[i]);
    }
    if (err)
        stop(job, err->code == ERROR_FULL ? "the disk is full" : "an error of seep's own");
    for (; i < job->plan.count; i++)
        if (!dump->regions.items[i].skipped)
            dump->regions.items[i].skipped = strdup(job->result.reason);
    return err;
}

static struct seep_error *run(struct job *job, int case_fd)
{
    struct seep_error *err = mapped_regions(job->tid, &job->maps), *last;
    uint64_t total = 0;

    if (!err)
        err = plan_make(&job->maps, job->options, &job->plan);
    if (!err)
        err = open_target(job);
    if (!err)
        err = dump_writer_create(case_fd, job->pid, &job->writer);
    if (err)
        return err;

    struct dump *dump = &job->writer->dump;

    dump->begin_ns = units_monotonic_ns();
    dump->wall_begin_ns = units_wall_ns();
    err = list_regions(job);
    if (!err)
        err = dump_writer_start(job->writer);
    if (err)
        return err;
    for (size_t i = 0; i < job->plan.count; i++) {
        total += job->plan.items[i].present_bytes;
        if (job->plan.items[i].skipped)
            count_skipped(job, job->plan.items[i].skipped);
    }
    progress_begin(&job->progress, job->options->show_progress, total);
    err = save_all(job);
    progress_end(&job->progress);

    dump->end_ns = units_monotonic_ns();
    dump->complete = !job->result.stopped;
    dump->reason = job->result.reason ? strdup(job->result.reason) : NULL;
    last = dump_writer_finish(job->writer);
    if (err)
        error_destroy(last);
    job->result.number = dump->number;
    job->result.ranges = job->writer->file_count;
    job->result.raw_bytes = job->writer->raw_bytes;
    job->result.file_bytes = job->writer->written_bytes;
    return err ? err : last;
}

struct seep_error *dumper_dump(int case_fd, pid_t pid, const struct dumper_options *options,
                               struct dumper_result *ret_result)
{
    struct job job = {.pid = pid, .tid = proc_memory_thread(pid), .options = options};
    struct seep_error *err = run(&job, case_fd);

    if (!err || err->code == ERROR_FULL)
        *ret_result = job.result;
    dump_writer_destroy(job.writer);
    mapped_destroy(job.mapped);
    pagemap_destroy(job.pagemap);
    mem_source_destroy(job.memory);
    vector_deinit(&job.plan);
    maps_deinit(&job.maps);
    free(job.chunk);
    return err;
}
