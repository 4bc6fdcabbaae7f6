#include "base/cursor.h"
#include "evidence/block.h"
#include "evidence/case.h"
#include "evidence/event_code.h"
#include "evidence/events_file.h"

struct reader {
    struct events_reader public;
    int fd;
    bool in_block, ended; /* ended: the END block was the last */
    struct block_reader blocks;
    struct event_decoder *decoder;
    struct stack_table *stacks; /* the caller's; NULL: not wanted */
};

/* The END block says how many events there are. */
static bool is_all(const struct reader *r)
{
    struct cursor c = cursor_of(r->blocks.raw.bytes, r->blocks.raw.len);

    return cursor_varint(&c) == r->public.event_count && !c.failed;
}

/* Moves to the next block of events; *RET_MORE false: there is none. */
static struct seep_error *next_block(struct reader *r, bool *ret_more)
{
    enum block_step step;
    uint8_t type;
    struct seep_error *err = block_reader_next(&r->blocks, &type, &step);

    if (err)
        return err;
    *ret_more = step == BLOCK_MORE;
    if (step != BLOCK_MORE) {
        r->public.cut = !r->ended || step == BLOCK_CUT;
        return NULL;
    }
    r->ended = type == BLOCK_EVENTS_END && is_all(r);
    r->in_block = type == BLOCK_EVENTS;
    if (type == BLOCK_STACKS && r->stacks)
        return stack_table_decode(r->stacks, r->blocks.raw.bytes, r->blocks.raw.len);
    return r->in_block ? event_decoder_begin(r->decoder, r->blocks.raw.bytes, r->blocks.raw.len)
                       : NULL;
}

static struct seep_error *next(struct event_source *src, struct event *ret_ev,
                               enum event_source_step *ret_step)
{
    struct reader *r = (struct reader *)src;
    struct seep_error *err = NULL;
    bool more = true;

    while (!err && more) {
        if (r->in_block) {
            err = event_decoder_next(r->decoder, ret_ev, &r->in_block);
            if (!err && r->in_block) {
                r->public.event_count++;
                *ret_step = EVENT_SOURCE_MORE;
                return NULL;
            }
        } else {
            err = next_block(r, &more);
        }
    }
    if (!err)
        *ret_step = EVENT_SOURCE_END;
    return error_prefix(err, "events");
}

static void destroy(struct event_source *src)
{
    struct reader *r = (struct reader *)src;

    event_decoder_destroy(r->decoder);
    block_reader_deinit(&r->blocks);
    cleanup_close(&r->fd);
    free(r);
}

struct seep_error *events_reader_create(int dir_fd, struct stack_table *stacks,
                                        struct events_reader **ret_reader)
{
    _cleanup_close_ int fd = -1;
    _cleanup_(event_decoder_destroyp) struct event_decoder *decoder = NULL;
    struct seep_error *err = case_open_file(dir_fd, "events", &fd);

    if (!err)
        err = event_decoder_create(&decoder);
    if (err)
        return err;

    struct reader *r = calloc(1, sizeof(*r));

    if (!r)
        return error_no_memory();
    block_reader_init(&r->blocks, fd);
    r->public.source = (struct event_source){next, destroy};
    r->fd = take_fd(&fd);
    r->decoder = take_ptr(decoder);
    r->stacks = stacks;
    *ret_reader = &r->public;
    return NULL;
}
