#include "evidence/event_model.h"

struct event_decoder {
    struct cursor columns[EVENT_COLUMNS];
    uint64_t left; /* events */
    uint64_t at;   /* events delivered */
    struct buffer name;
    uint32_t shape_count, thread_count;
    struct event_model model;
    struct event_shape shapes[EVENT_MAX_SHAPES];
    struct {
        int32_t pid, tid;
    } threads[EVENT_MAX_THREADS];
};

struct seep_error *event_decoder_create(struct event_decoder **ret_decoder)
{
    struct event_decoder *decoder = calloc(1, sizeof(*decoder));

    if (!decoder)
        return error_no_memory();
    *ret_decoder = decoder;
    return NULL;
}

void event_decoder_destroy(struct event_decoder *decoder)
{
    if (!decoder)
        return;
    buffer_deinit(&decoder->name);
    free(decoder);
}

struct seep_error *event_decoder_begin(struct event_decoder *decoder, const void *raw, size_t len)
{
    struct cursor c = cursor_of(raw, len);
    uint64_t count = cursor_varint(&c);
    uint64_t column_bytes[EVENT_COLUMNS];

    for (int i = 0; i < EVENT_COLUMNS; i++)
        column_bytes[i] = cursor_varint(&c);
    for (int i = 0; i < EVENT_COLUMNS; i++)
        decoder->columns[i] = cursor_of(cursor_bytes(&c, column_bytes[i]), column_bytes[i]);
    if (c.failed || cursor_left(&c) || len > EVENT_CODE_MAX_BLOCK_BYTES)
        return error_create(ERROR_CORRUPT, "the block's columns do not fit its %zu bytes", len);
    decoder->left = count;
    decoder->at = 0;
    decoder->shape_count = decoder->thread_count = 0;
    event_model_clear(&decoder->model);
    return NULL;
}

/* A number below 2^31 either way. */
static bool read_id(struct cursor *c, int64_t base, int32_t *ret_id)
{
    int64_t id;

    if (__builtin_add_overflow(base, cursor_svarint(c), &id) || id < INT32_MIN || id > INT32_MAX)
        return false;
    *ret_id = (int32_t)id;
    return true;
}

static bool read_thread(struct event_decoder *decoder, uint32_t *ret_thread)
{
    struct cursor *definitions = &decoder->columns[EVENT_COLUMN_DEFINITIONS];
    uint64_t thread = cursor_varint(&decoder->columns[EVENT_COLUMN_THREADS]);

    if (thread > decoder->thread_count || thread >= EVENT_MAX_THREADS)
        return false;
    if (thread == decoder->thread_count) {
        if (!read_id(definitions, 0, &decoder->threads[thread].pid) ||
            !read_id(definitions, decoder->threads[thread].pid, &decoder->threads[thread].tid))
            return false;
        decoder->thread_count++;
    }
    *ret_thread = (uint32_t)thread;
    return true;
}

static bool define_shape(struct event_decoder *decoder)
{
    struct cursor *definitions = &decoder->columns[EVENT_COLUMN_DEFINITIONS];
    struct event_shape *shape = &decoder->shapes[decoder->shape_count];
    const uint8_t *head = cursor_bytes(definitions, 3 + EVENT_FIELDS);

    if (!head)
        return false;
    *shape = (struct event_shape){.kind = head[0], .abi = head[1], .flags = head[2]};
    memcpy(shape->modes, head + 3, EVENT_FIELDS);
    for (int i = 0; i < EVENT_FIELDS; i++) {
        if (shape->modes[i] >= EVENT_MODES)
            return false;
        if (shape->modes[i] == EVENT_MODE_CONSTANT)
            shape->constants[i] = (uint64_t)cursor_svarint(definitions);
    }
    decoder->shape_count++;
    return true;
}

static const struct event_shape *read_shape(struct event_decoder *decoder)
{
    uint64_t number = cursor_varint(&decoder->columns[EVENT_COLUMN_SHAPES]);

    if (number > decoder->shape_count || number >= EVENT_MAX_SHAPES ||
        (number == decoder->shape_count && !define_shape(decoder)))
        return NULL;
    return &decoder->shapes[number];
}

/* COLUMN is followed by that of the lowest bytes. */
static uint64_t read_split(struct event_decoder *decoder, enum event_column column)
{
    uint64_t high = cursor_varint(&decoder->columns[column]);

    return high << 8 | cursor_u8(&decoder->columns[column + 1]);
}

static uint64_t read_signed(struct event_decoder *decoder, enum event_column column)
{
    uint64_t value = read_split(decoder, column);

    return value >> 1 ^ -(value & 1);
}

static bool read_fields(struct event_decoder *decoder, const struct event_shape *shape,
                        const uint64_t *prediction, uint64_t fields[EVENT_FIELDS])
{
    static const uint64_t page_mask = (1 << EVENT_PAGE_BITS) - 1;
    struct event_model *model = &decoder->model;
    uint64_t length = 0;

    for (int i = 0; i < EVENT_FIELDS; i++) {
        switch ((enum event_mode)shape->modes[i]) {
        case EVENT_MODE_CONSTANT:
            fields[i] = shape->constants[i];
            break;
        case EVENT_MODE_SAME:
            fields[i] = prediction[i];
            break;
        case EVENT_MODE_BYTES:
            fields[i] = prediction[i] + read_signed(decoder, EVENT_COLUMN_VALUES);
            break;
        case EVENT_MODE_PAGES:
            fields[i] = (prediction[i] & ~page_mask) +
                        (read_signed(decoder, EVENT_COLUMN_VALUES) << EVENT_PAGE_BITS);
            break;
        case EVENT_MODE_ARGUMENT:
            fields[i] = i ? fields[0] : 0;
            break;
        case EVENT_MODE_START: {
            uint64_t ago = read_split(decoder, EVENT_COLUMN_VALUES);

            if (ago >= event_model_extents_kept(model))
                return false;

            const struct event_extent *extent =
                event_model_extent(model, model->extent_count - 1 - (uint32_t)ago);

            fields[i] = extent->start;
            length = extent->length;
            break;
        }
        case EVENT_MODE_LENGTH:
            fields[i] = length;
            break;
        case EVENT_MODES:
            return false;
        }
    }
    return fields[EVENT_FIELD_STACK] <= UINT32_MAX;
}

static void read_times(struct event_decoder *decoder, const struct event_shape *shape,
                       struct event *ev)
{
    struct event_model *model = &decoder->model;

    ev->exit_ns = model->exit_ns + read_split(decoder, EVENT_COLUMN_EXITS);
    ev->enter_ns = shape->flags & EVENT_SHAPE_ENTER_KNOWN
                       ? model->pending_ns
                       : ev->exit_ns - read_split(decoder, EVENT_COLUMN_BEFORE);
    if (shape->flags & EVENT_SHAPE_PENDING) {
        if (!(shape->flags & EVENT_SHAPE_PENDING_SAME))
            model->pending_ns = ev->exit_ns - read_split(decoder, EVENT_COLUMN_BEFORE);
        ev->pending_ns = model->pending_ns;
    }
    model->exit_ns = ev->exit_ns;
}

static bool read_name(struct event_decoder *decoder, struct event *ev)
{
    size_t len;
    const char *name = cursor_text(&decoder->columns[EVENT_COLUMN_DEFINITIONS], &len);

    buffer_clear(&decoder->name);
    buffer_bytes(&decoder->name, name, len);
    ev->name = decoder->name.bytes;
    return !decoder->name.failed;
}

static struct seep_error *read_event(struct event_decoder *decoder, struct event *ret_ev)
{
    struct event ev = {0};
    uint64_t fields[EVENT_FIELDS];
    uint32_t thread = 0;
    bool ok = read_thread(decoder, &thread);
    const struct event_shape *shape = ok ? read_shape(decoder) : NULL;

    if (shape) {
        uint64_t *prediction = event_model_prediction(&decoder->model, thread, shape->kind);

        ok = read_fields(decoder, shape, prediction, fields);
        if (ok) {
            read_times(decoder, shape, &ev);
            event_model_learn(&decoder->model, shape, prediction, fields);
        }
        if (ok && shape->flags & EVENT_SHAPE_NAME && !read_name(decoder, &ev))
            return error_no_memory();
    }
    for (int i = 0; i < EVENT_COLUMNS; i++)
        ok = ok && !decoder->columns[i].failed;
    if (!ok || !shape)
        return error_create(ERROR_CORRUPT, "event %llu of the block makes no sense",
                            (unsigned long long)decoder->at);
    memcpy(ev.args, fields, sizeof(ev.args));
    ev.result = (int64_t)fields[EVENT_FIELD_RESULT];
    ev.stack_id = (uint32_t)fields[EVENT_FIELD_STACK];
    ev.pid = decoder->threads[thread].pid;
    ev.tid = decoder->threads[thread].tid;
    ev.kind = shape->kind;
    ev.abi = shape->abi;
    *ret_ev = ev;
    return NULL;
}

struct seep_error *event_decoder_next(struct event_decoder *decoder, struct event *ret_ev,
                                      bool *ret_more)
{
    if (decoder->left == 0) {
        *ret_more = false;
        return NULL;
    }

    struct seep_error *err = read_event(decoder, ret_ev);

    if (err)
        return err;
    decoder->left--;
    decoder->at++;
    *ret_more = true;
    return NULL;
}
