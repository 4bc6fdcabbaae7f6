#include <stdlib.h>
#include <string.h>

#include "evidence/case.h"
#include "evidence/dump_writer.h"
#include "importer/collection_state.h"

enum { COPY_BYTES = 1 << 20 };

/* --- one range --- */

/* The pages from *AT on of which no byte can be had: skipped a page at a time, then in growing steps. */
static struct seep_error *copy_page(struct mem_source *bytes,
                                    const struct collection_memory *memory, uint64_t at,
                                    uint8_t *page, size_t *ret_known)
{
    uint64_t from = at < memory->start ? memory->start : at;
    uint64_t to = at + DUMP_PAGE_BYTES < memory->end ? at + DUMP_PAGE_BYTES : memory->end;

    *ret_known = 0;
    memset(page, 0, DUMP_PAGE_BYTES);
    while (from < to) {
        size_t got = 0;
        struct seep_error *err = mem_source_read(bytes, from, page + (from - at), to - from, &got);

        if (err)
            return err;
        *ret_known += got;
        from += got ? got : 1;
    }
    return NULL;
}

/* Memory that begins or ends inside a page has zeros for the rest of it. */
static struct seep_error *copy_range(struct dump_writer *writer, struct kept_memory *kept)
{
    const struct collection_memory *memory = &kept->memory;
    const uint64_t page_mask = DUMP_PAGE_BYTES - 1;
    uint64_t at = memory->start & ~page_mask;
    _cleanup_free_ uint8_t *room = malloc(COPY_BYTES);
    struct seep_error *err = room ? dump_writer_begin(writer, at) : error_no_memory();

    while (!err && at < memory->end) {
        size_t want = COPY_BYTES, got = 0;

        if (at >= memory->start && want <= memory->end - at)
            err = mem_source_read(kept->bytes, at, room, want, &got);
        got &= ~(size_t)page_mask;
        if (!err && got) {
            err = dump_writer_put(writer, room, got);
            at += got;
            continue;
        }
        if (!err)
            err = copy_page(kept->bytes, memory, at, room, &got);
        if (!err && got)
            err = dump_writer_put(writer, room, DUMP_PAGE_BYTES);
        else if (!err)
            err = dump_writer_fill(writer, DUMP_PAGE_UNREADABLE, DUMP_PAGE_BYTES);
        at += DUMP_PAGE_BYTES;
    }
    return err ? err : dump_writer_end(writer, false);
}

static struct seep_error *add_region(struct dump_writer *writer,
                                     const struct collection_memory *memory)
{
    struct dump_region region = {.start = memory->start & ~(uint64_t)(DUMP_PAGE_BYTES - 1),
                                 .end = (memory->end + DUMP_PAGE_BYTES - 1) &
                                        ~(uint64_t)(DUMP_PAGE_BYTES - 1),
                                 .perms = memory->perms,
                                 .saved_bytes = memory->end - memory->start,
                                 .name = strdup(memory->name ? memory->name : "")};
    struct seep_error *err =
        region.name ? vector_push(&writer->dump.regions, region) : error_no_memory();

    if (err)
        free(region.name);
    return err;
}

/* --- dumps --- */

static int compare_memory(const void *a, const void *b)
{
    const struct collection_memory *x = &((const struct kept_memory *)a)->memory;
    const struct collection_memory *y = &((const struct kept_memory *)b)->memory;

    if (x->pid != y->pid)
        return x->pid < y->pid ? -1 : 1;
    if (x->when.basis != y->when.basis)
        return x->when.basis < y->when.basis ? -1 : 1;
    if (x->when.ns != y->when.ns)
        return x->when.ns < y->when.ns ? -1 : 1;
    return x->start < y->start ? -1 : x->start > y->start;
}

/* How many from FIRST on can be one dump: of one process and time, and apart from each other. */
static size_t count_of_dump(const struct collection *c, size_t first)
{
    const struct collection_memory *one = &c->memories.items[first].memory;
    size_t count = 1;

    while (first + count < c->memories.count) {
        const struct collection_memory *before = &c->memories.items[first + count - 1].memory;
        const struct collection_memory *next = &c->memories.items[first + count].memory;

        if (next->pid != one->pid || next->when.basis != one->when.basis ||
            next->when.ns != one->when.ns || next->start < before->end ||
            (next->start & ~(uint64_t)(DUMP_PAGE_BYTES - 1)) <
                ((before->end + DUMP_PAGE_BYTES - 1) & ~(uint64_t)(DUMP_PAGE_BYTES - 1)))
            break;
        count++;
    }
    return count;
}

static struct seep_error *write_dump(struct collection *c, const struct settled *settled,
                                     struct case_dir *into, size_t first, size_t count)
{
    _cleanup_(dump_writer_destroyp) struct dump_writer *writer = NULL;
    struct kept_memory *items = c->memories.items + first;
    const struct collection_memory *memory = &items[0].memory;
    uint64_t time_ns = settled->last_ns;
    struct seep_error *err =
        dump_writer_create(into->fd, settle_pid(c, settled, memory->pid), &writer);

    settle_time(settled, memory->when, &time_ns);
    if (err)
        return err;
    writer->dump.why = strdup(memory->why ? memory->why : "import");
    writer->dump.begin_ns = writer->dump.end_ns = time_ns;
    writer->dump.wall_begin_ns = time_ns + settled->wall_offset_ns;
    for (size_t i = 0; i < count && !err; i++)
        err = add_region(writer, &items[i].memory);
    if (!err)
        err = dump_writer_start(writer);
    for (size_t i = 0; i < count && !err; i++)
        err = copy_range(writer, &items[i]);
    if (err)
        return err;
    writer->dump.complete = true;
    if (time_ns)
        collection_note_time(c, time_ns);
    return dump_writer_finish(writer);
}

struct seep_error *collection_write_memory(struct collection *c, const struct settled *settled,
                                           struct case_dir *into)
{
    struct seep_error *err = NULL;

    if (c->memories.count)
        qsort(c->memories.items, c->memories.count, sizeof(struct kept_memory), compare_memory);
    for (size_t i = 0, count; i < c->memories.count && !err; i += count) {
        count = count_of_dump(c, i);
        err = write_dump(c, settled, into, i, count);
    }
    return err;
}

/* --- all of it --- */

void collection_note_time(struct collection *c, uint64_t time_ns)
{
    if (!time_ns)
        return;
    c->first_ns = c->first_ns && c->first_ns < time_ns ? c->first_ns : time_ns;
    c->last_ns = time_ns > c->last_ns ? time_ns : c->last_ns;
}

/* What is rewritten is hashed again at the end. */
static void forget_hash(struct case_dir *into, const char *path)
{
    json_t *files = json_object_get(into->json, "files");

    for (size_t i = json_array_size(files); i-- > 0;) {
        const char *name = json_string_value(json_object_get(json_array_get(files, i), "path"));

        if (name && strcmp(name, path) == 0)
            json_array_remove(files, i);
    }
}

struct seep_error *collection_write(struct collection *c, struct case_dir *into)
{
    struct settled settled;
    struct seep_error *err = NULL;
    bool events = c->names.count > 0;

    err = collection_events_added(c);
    for (int basis = 0; basis < WHEN_BASES && !err; basis++)
        events |= c->lanes[basis].events != NULL;
    if (!err && events)
        err = collection_take_events(c, into);
    if (!err)
        err = collection_events_added(c);
    if (!err)
        err = settle(c, into, &settled);
    if (!err && events)
        err = error_prefix(collection_write_events(c, &settled, into), "%s/events", into->path);
    if (!err)
        err =
            error_prefix(collection_write_snapshots(c, &settled, into), "%s/snapshots", into->path);
    if (!err)
        err = collection_write_memory(c, &settled, into);
    if (!err)
        err = error_prefix(collection_write_threads(c, &settled, into), "%s/threads", into->path);
    if (!err)
        err = collection_write_json(c, &settled, into);
    forget_hash(into, "events");
    forget_hash(into, "snapshots");
    return err;
}
