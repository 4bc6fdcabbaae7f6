#include <errno.h>
#include <unistd.h>

#include "evidence/block.h"
#include "evidence/event_code.h"
#include "evidence/events_file.h"

/* The sink is what callers hold; the rest is known here only. */
struct writer {
    struct events_writer public;
    int fd;
    struct event_encoder *encoder;
    struct stack_table *stacks;
    struct buffer definitions;
};

enum { STACKS_BLOCK_BYTES = 256 << 10 };

static struct seep_error *flush_stacks(struct writer *w)
{
    struct seep_error *err = NULL;
    bool more = stack_table_has_news(w->stacks);

    while (more && !err) {
        uint64_t written = 0;

        buffer_clear(&w->definitions);
        more = stack_table_encode(w->stacks, STACKS_BLOCK_BYTES, &w->definitions);
        err = w->definitions.failed ? error_no_memory()
                                    : block_write(w->fd, BLOCK_STACKS, w->definitions.bytes,
                                                  w->definitions.len, &written);
        w->public.written_bytes += written;
    }
    return err;
}

struct seep_error *events_writer_add_stack(struct events_writer *writer,
                                           const struct stack_path *path, uint32_t *ret_id)
{
    return stack_table_add(((struct writer *)writer)->stacks, path, ret_id);
}

struct seep_error *events_writer_flush(struct events_writer *writer)
{
    struct writer *w = (struct writer *)writer;
    struct block_part parts[EVENT_CODE_PARTS];
    uint64_t written;

    if (event_encoder_count(w->encoder) == 0)
        return NULL;

    struct seep_error *err = flush_stacks(w);

    if (!err)
        err = event_encoder_take(w->encoder, parts);
    if (!err)
        err = block_write_parts(w->fd, BLOCK_EVENTS, parts, EVENT_CODE_PARTS, &written);
    if (err)
        return err;
    writer->written_bytes += written;
    event_encoder_clear(w->encoder);
    return NULL;
}

static struct seep_error *put(struct event_sink *sink, const struct event *ev)
{
    struct writer *w = (struct writer *)sink;
    struct seep_error *err =
        event_encoder_full(w->encoder) ? events_writer_flush(&w->public) : NULL;

    if (!err)
        err = event_encoder_put(w->encoder, ev);
    if (!err)
        w->public.event_count++;
    return err;
}

static struct seep_error *finish(struct event_sink *sink)
{
    struct writer *w = (struct writer *)sink;
    _cleanup_buffer_ struct buffer count = {0};
    uint64_t written;
    struct seep_error *err = events_writer_flush(&w->public);

    if (err)
        return err;
    buffer_varint(&count, w->public.event_count);
    if (count.failed)
        return error_no_memory();
    err = block_write(w->fd, BLOCK_EVENTS_END, count.bytes, count.len, &written);
    if (err)
        return err;
    w->public.written_bytes += written;
    return fsync(w->fd) < 0 ? error_errno(errno, NULL, "cannot sync the events") : NULL;
}

struct seep_error *events_writer_create(int fd, struct events_writer **ret_writer)
{
    _cleanup_(events_writer_destroyp) struct events_writer *writer = NULL;
    struct writer *w = calloc(1, sizeof(*w));

    if (!w)
        return error_no_memory();
    writer = &w->public;
    writer->sink = (struct event_sink){put, finish};
    w->fd = fd;

    struct seep_error *err = event_encoder_create(&w->encoder);

    if (!err)
        err = stack_table_create(&w->stacks);
    if (!err)
        err = block_write_mark(fd);
    if (err)
        return err;
    writer->written_bytes = BLOCK_MARK_BYTES;
    *ret_writer = take_ptr(writer);
    return NULL;
}

void events_writer_destroy(struct events_writer *writer)
{
    struct writer *w = (struct writer *)writer;

    if (!w)
        return;
    event_encoder_destroy(w->encoder);
    stack_table_destroy(w->stacks);
    buffer_deinit(&w->definitions);
    free(w);
}
