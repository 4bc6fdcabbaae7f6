#include "content/strings_pass.h"

#include <string.h>

enum {
    /* While looking for a place where nothing is open: steps of so many bytes and up to the next
     * control character ... */
    FINE_STEP = 16,
    /* ... for so long; then larger ones. */
    FINE_BYTES = 16 * 1024,
    COARSE_STEP = 4096,
    STEP_MORE = 64,
    ZERO_BYTES = 64,
};

/* A scanner, and where its strings go. */
struct strings_lane {
    struct strings_scan scan;
    struct strings_pass *pass;
    struct strings_lane *next; /* when free */
    bool deaf;                 /* what it finds is dropped */
    const void *origin;
    void *parts[]; /* of each sink; NULL: none yet */
};

/* What look leaves for merge. */
struct part {
    struct strings_lane *lane;
    size_t from; /* what it found begins here or later */
};

/* --- lanes --- */

static struct seep_error *on_string(const struct strings_found *found, void *context)
{
    struct strings_lane *lane = context;
    struct strings_pass *pass = lane->pass;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < pass->sink_count && !err && !lane->deaf; i++) {
        struct strings_sink *sink = pass->sinks[i];

        if (!lane->parts[i])
            err = sink->begin(sink, lane->origin, &lane->parts[i]);
        if (!err)
            err = sink->found(found, lane->parts[i]);
    }
    return err;
}

static void drop_parts(struct strings_lane *lane)
{
    for (size_t i = 0; i < lane->pass->sink_count; i++) {
        struct strings_sink *sink = lane->pass->sinks[i];

        if (lane->parts[i])
            sink->drop(sink, take_ptr(lane->parts[i]));
    }
}

static struct seep_error *merge_parts(struct strings_lane *lane)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < lane->pass->sink_count && !err; i++) {
        struct strings_sink *sink = lane->pass->sinks[i];

        if (lane->parts[i])
            err = sink->merge(sink, take_ptr(lane->parts[i]));
    }
    return err;
}

static void destroy_lane(struct strings_lane *lane)
{
    if (!lane)
        return;
    drop_parts(lane);
    strings_scan_deinit(&lane->scan);
    free(lane);
}

static struct seep_error *create_lane(struct strings_pass *pass, struct strings_lane **ret_lane)
{
    struct strings_lane *lane =
        calloc(1, sizeof(*lane) + pass->sink_count * sizeof(lane->parts[0]));

    if (!lane)
        return error_no_memory();
    lane->pass = pass;

    struct seep_error *err = strings_scan_init(&lane->scan, &pass->options, on_string, lane);

    if (err)
        destroy_lane(lane);
    else
        *ret_lane = lane;
    return err;
}

/* One that begins afresh. */
static struct seep_error *take_lane(struct strings_pass *pass, struct strings_lane **ret_lane)
{
    pthread_mutex_lock(&pass->lock);

    struct strings_lane *lane = pass->free_lanes;

    if (lane)
        pass->free_lanes = lane->next;
    pthread_mutex_unlock(&pass->lock);
    if (!lane)
        return create_lane(pass, ret_lane);
    *ret_lane = lane;
    return NULL;
}

/* NULL is fine. */
static void give_back(struct strings_lane *lane)
{
    if (!lane)
        return;

    struct strings_pass *pass = lane->pass;

    drop_parts(lane);
    lane->deaf = true;

    struct seep_error *err = strings_scan_finish(&lane->scan);

    lane->deaf = false;
    if (err) {
        error_destroy(err);
        destroy_lane(lane);
        return;
    }
    pthread_mutex_lock(&pass->lock);
    lane->next = pass->free_lanes;
    pass->free_lanes = lane;
    pthread_mutex_unlock(&pass->lock);
}

/* --- look --- */

/* How far to push from AT before asking whether anything is open: no byte string goes over a
 * control character. */
static size_t next_step(const struct scan_stretch *stretch, size_t at)
{
    size_t left = stretch->len - at;
    size_t step = at < FINE_BYTES ? FINE_STEP : COARSE_STEP, most = step + STEP_MORE;

    if (left <= most)
        return left <= step ? left : step;
    while (step < most && stretch->bytes[at + step - 1] >= ' ')
        step++;
    return step;
}

static struct seep_error *look(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                               void **ret_part)
{
    struct strings_pass *pass = (struct strings_pass *)consumer;
    struct strings_lane *lane;
    size_t at = 0;
    struct seep_error *err;

    if (!stretch->bytes)
        return NULL;
    err = take_lane(pass, &lane);
    if (err)
        return err;
    lane->deaf = true;
    while (at < stretch->len && !err) {
        size_t step = next_step(stretch, at);

        err = strings_scan_push(&lane->scan, stretch->address + at, stretch->bytes + at, step);
        at += step;
        if (strings_scan_is_idle(&lane->scan))
            break;
    }
    lane->deaf = false;
    lane->origin = stretch->origin;
    if (err || at == stretch->len) {
        give_back(lane);
        return err;
    }
    err = strings_scan_push(&lane->scan, stretch->address + at, stretch->bytes + at,
                            stretch->len - at);

    struct part *part = err ? NULL : malloc(sizeof(*part));

    if (!part) {
        give_back(lane);
        return err ? err : error_no_memory();
    }
    *part = (struct part){lane, at};
    *ret_part = part;
    return NULL;
}

static void drop(struct scan_consumer *consumer, void *context)
{
    struct part *part = context;

    (void)consumer;
    give_back(part->lane);
    free(part);
}

/* --- merge --- */

static struct seep_error *push(struct strings_pass *pass, const struct scan_stretch *stretch,
                               size_t from, size_t to)
{
    return strings_scan_push(&pass->carried->scan, stretch->address + from, stretch->bytes + from,
                             to - from);
}

/* Zeros end what is open; many of them are as good as a few at either end. */
static struct seep_error *push_zeros(struct strings_pass *pass, const struct scan_stretch *stretch)
{
    static const uint8_t zeros[ZERO_BYTES];
    struct strings_scan *scan = &pass->carried->scan;
    size_t len = stretch->len < ZERO_BYTES ? stretch->len : ZERO_BYTES;
    struct seep_error *err = strings_scan_push(scan, stretch->address, zeros, len);
    size_t rest = stretch->len - len;

    len = rest < ZERO_BYTES ? rest : ZERO_BYTES;
    if (!err && len)
        err = strings_scan_push(scan, stretch->address + stretch->len - len, zeros, len);
    return err;
}

static struct seep_error *merge_stretch(struct strings_pass *pass,
                                        const struct scan_stretch *stretch, struct part *part)
{
    struct seep_error *err = NULL;

    if (stretch->first) {
        err = strings_scan_finish(&pass->carried->scan);
        if (!err)
            err = merge_parts(pass->carried);
    }
    pass->origin = pass->carried->origin = stretch->origin;
    if (err)
        return err;
    if (!stretch->bytes)
        return push_zeros(pass, stretch);
    if (!part)
        return push(pass, stretch, 0, stretch->len);
    err = push(pass, stretch, 0, part->from);
    if (err)
        return err;
    if (!strings_scan_is_idle(&pass->carried->scan))
        return push(pass, stretch, part->from, stretch->len);
    err = merge_parts(pass->carried);
    give_back(pass->carried);
    pass->carried = take_ptr(part->lane);
    return err;
}

static struct seep_error *merge(struct scan_consumer *consumer, const struct scan_stretch *stretch,
                                void *context)
{
    struct strings_pass *pass = (struct strings_pass *)consumer;
    struct part *part = context;
    struct seep_error *err = pass->carried ? NULL : take_lane(pass, &pass->carried);

    if (!err)
        err = merge_stretch(pass, stretch, part);
    if (!err)
        err = merge_parts(pass->carried);
    if (part)
        drop(consumer, part);
    return err;
}

static struct seep_error *finish(struct scan_consumer *consumer)
{
    struct strings_pass *pass = (struct strings_pass *)consumer;

    if (!pass->carried)
        return NULL;

    struct seep_error *err = strings_scan_finish(&pass->carried->scan);

    return err ? err : merge_parts(pass->carried);
}

/* --- the pass --- */

struct seep_error *strings_pass_init(struct strings_pass *pass,
                                     const struct strings_options *options,
                                     struct strings_sink *const *sinks, size_t sink_count)
{
    *pass = (struct strings_pass){
        .consumer = {.look = look, .merge = merge, .finish = finish, .drop = drop},
        .options = *options,
        .sinks = sinks,
        .sink_count = sink_count,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    return create_lane(pass, &pass->carried);
}

void strings_pass_deinit(struct strings_pass *pass)
{
    struct strings_lane *lane;

    destroy_lane(take_ptr(pass->carried));
    while ((lane = pass->free_lanes)) {
        pass->free_lanes = lane->next;
        destroy_lane(lane);
    }
}

/* --- in order --- */

/* A string of a part: what strings_found says, its text in the part's. */
struct kept {
    uint64_t address;
    uint32_t len, raw_len; /* at most STRINGS_MAX_BYTES */
    uint8_t encoding;
    bool continued;
};

struct in_order_part {
    const void *origin;
    VECTOR(struct kept) strings;
    struct buffer text;
};

static struct seep_error *begin_in_order(struct strings_sink *sink, const void *origin,
                                         void **ret_part)
{
    struct in_order_part *part = calloc(1, sizeof(*part));

    (void)sink;
    if (!part)
        return error_no_memory();
    part->origin = origin;
    *ret_part = part;
    return NULL;
}

static struct seep_error *keep_string(const struct strings_found *found, void *context)
{
    struct in_order_part *part = context;

    buffer_bytes(&part->text, found->text, found->len);
    if (part->text.failed)
        return error_no_memory();
    return vector_push(&part->strings,
                       (struct kept){found->address, (uint32_t)found->len, (uint32_t)found->raw_len,
                                     (uint8_t)found->encoding, found->continued});
}

static void drop_in_order(struct strings_sink *sink, void *context)
{
    struct in_order_part *part = context;

    (void)sink;
    vector_deinit(&part->strings);
    buffer_deinit(&part->text);
    free(part);
}

static struct seep_error *tell_in_order(struct strings_sink *sink, void *context)
{
    struct strings_in_order *in_order = (struct strings_in_order *)sink;
    struct in_order_part *part = context;
    struct seep_error *err = NULL;
    size_t at = 0;

    in_order->origin = part->origin;
    for (size_t i = 0; i < part->strings.count && !err; i++) {
        const struct kept *kept = &part->strings.items[i];
        struct strings_found found = {
            .address = kept->address,
            .text = part->text.bytes + at,
            .len = kept->len,
            .raw_len = kept->raw_len,
            .encoding = kept->encoding,
            .continued = kept->continued,
        };

        at += kept->len;
        err = in_order->found(&found, in_order->context);
    }
    drop_in_order(sink, part);
    return err;
}

void strings_in_order_init(struct strings_in_order *ret_sink, strings_callback found, void *context)
{
    *ret_sink = (struct strings_in_order){
        .sink = {begin_in_order, keep_string, tell_in_order, drop_in_order},
        .found = found,
        .context = context,
    };
}
