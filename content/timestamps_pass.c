#include "content/timestamps_pass.h"

#include <string.h>

/* Shorter stretches are read in order. */
enum { LEAST_BYTES = 4 * TIMESTAMPS_HELD_BYTES, ZERO_BYTES = TIMESTAMPS_HELD_BYTES };

struct part {
    struct timestamps_reader reader;
    VECTOR(struct timestamps_found) found;
};

static struct seep_error *keep(const struct timestamps_found *found, void *context)
{
    struct part *part = context;

    return vector_push(&part->found, *found);
}

static void drop(struct scan_consumer *consumer, void *context)
{
    struct part *part = context;

    (void)consumer;
    vector_deinit(&part->found);
    free(part);
}

static struct seep_error *look(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                               void **ret_part)
{
    struct timestamps_pass *pass = (struct timestamps_pass *)consumer;

    if (!stretch->bytes || stretch->len < LEAST_BYTES)
        return NULL;

    struct part *part = calloc(1, sizeof(*part));

    if (!part)
        return error_no_memory();
    timestamps_reader_init(&part->reader, &pass->options, keep, part);
    part->reader.skip = TIMESTAMPS_BEFORE_BYTES;

    struct seep_error *err =
        timestamps_reader_push(&part->reader, stretch->address, stretch->bytes, stretch->len);

    if (err)
        drop(consumer, part);
    else
        *ret_part = part;
    return err;
}

static struct seep_error *judge(const struct timestamps_found *found, void *context)
{
    struct timestamps_pass *pass = context;

    return timestamp_judge_take(&pass->judge, found);
}

/* PART's reader takes over, once the other one has told of the first bytes. */
static struct seep_error *take_over(struct timestamps_pass *pass,
                                    const struct scan_stretch *stretch, const struct part *part)
{
    struct seep_error *err = timestamps_reader_push(&pass->carried, stretch->address,
                                                    stretch->bytes, TIMESTAMPS_HELD_BYTES);

    for (size_t i = 0; i < part->found.count && !err; i++)
        err = timestamp_judge_take(&pass->judge, &part->found.items[i]);
    pass->carried = part->reader;
    pass->carried.found = judge;
    pass->carried.context = pass;
    return err;
}

/* Of many zeros a few at either end are as good as all. */
static struct seep_error *push_zeros(struct timestamps_reader *reader,
                                     const struct scan_stretch *stretch)
{
    static const uint8_t zeros[ZERO_BYTES];
    size_t len = stretch->len < ZERO_BYTES ? stretch->len : ZERO_BYTES;
    struct seep_error *err = timestamps_reader_push(reader, stretch->address, zeros, len);
    size_t rest = stretch->len - len;

    len = rest < ZERO_BYTES ? rest : ZERO_BYTES;
    if (!err && len)
        err = timestamps_reader_push(reader, stretch->address + stretch->len - len, zeros, len);
    return err;
}

static struct seep_error *merge_stretch(struct timestamps_pass *pass,
                                        const struct scan_stretch *stretch, const struct part *part)
{
    struct timestamps_reader *carried = &pass->carried;
    struct seep_error *err = stretch->first ? timestamps_reader_finish(carried) : NULL;

    if (pass->origin != stretch->origin)
        timestamp_judge_reset(&pass->judge);
    pass->origin = stretch->origin;
    if (err)
        return err;
    if (!stretch->bytes)
        return push_zeros(carried, stretch);
    return part ? take_over(pass, stretch, part)
                : timestamps_reader_push(carried, stretch->address, stretch->bytes, stretch->len);
}

static struct seep_error *merge(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                                void *context)
{
    struct timestamps_pass *pass = (struct timestamps_pass *)consumer;
    struct seep_error *err = merge_stretch(pass, stretch, context);

    if (context)
        drop(consumer, context);
    return err;
}

static struct seep_error *finish(struct scan_consumer *consumer)
{
    struct timestamps_pass *pass = (struct timestamps_pass *)consumer;

    return timestamps_reader_finish(&pass->carried);
}

void timestamps_pass_init(struct timestamps_pass *pass, const struct timestamps_options *options,
                          timestamps_callback found, void *context)
{
    *pass = (struct timestamps_pass){
        .consumer = {.look = look, .merge = merge, .finish = finish, .drop = drop},
        .options = *options,
    };
    timestamps_reader_init(&pass->carried, options, judge, pass);
    timestamp_judge_init(&pass->judge, &pass->carried.windows, found, context);
}
