#include <xxhash.h>

#include "evidence/event_model.h"

#define HASH_NONFATAL_OOM                   1 /* what cannot be looked up is defined again */
#define HASH_FUNCTION(key, key_len, hashed) ((hashed) = (unsigned)XXH3_64bits((key), (key_len)))
#include <uthash.h>

_Static_assert(EVENT_CODE_PARTS == 1 + EVENT_COLUMNS, "a head and the columns");

enum { KNOWN_STARTS = 2 * EVENT_EXTENTS };

struct known_shape {
    struct event_shape shape;
    UT_hash_handle hh;
};

struct known_thread {
    struct {
        int32_t pid, tid;
    } key;
    UT_hash_handle hh;
};

struct event_encoder {
    struct buffer head, columns[EVENT_COLUMNS];
    uint64_t event_count;
    struct known_shape *shape_table;
    struct known_thread *thread_table;
    uint32_t shape_count, thread_count;
    struct event_model model;
    uint32_t starts[KNOWN_STARTS]; /* extent numbers by a hash of their start; may be stale */
    struct known_shape shapes[EVENT_MAX_SHAPES];
    struct known_thread threads[EVENT_MAX_THREADS];
};

#define BIT(field) (1 << (field))

/* Fields worth a prediction: addresses, sizes, ids. The others (flags, descriptors, protections)
 * take few values, and those together, which makes them part of the shape. */
static const uint8_t varying[EVENT_SYSCALL_LAST + 1] = {
    [EVENT_MMAP] = BIT(0) | BIT(1),
    [EVENT_MUNMAP] = BIT(0) | BIT(1),
    [EVENT_MREMAP] = BIT(0) | BIT(1) | BIT(2) | BIT(4),
    [EVENT_BRK] = BIT(0),
    [EVENT_MPROTECT] = BIT(0) | BIT(1),
    [EVENT_PKEY_MPROTECT] = BIT(0) | BIT(1),
    [EVENT_MADVISE] = BIT(0) | BIT(1),
    [EVENT_SHMAT] = BIT(0) | BIT(1) | BIT(3),
    [EVENT_SHMDT] = BIT(0),
    [EVENT_SHMGET] = BIT(0) | BIT(1),
    [EVENT_SHMCTL] = BIT(0) | BIT(2),
    [EVENT_MEMFD_CREATE] = BIT(0),
    [EVENT_PROCESS_MADVISE] = BIT(1),
    [EVENT_IO_SETUP] = BIT(1) | BIT(2),
    [EVENT_IO_DESTROY] = BIT(0),
    [EVENT_MAP_SHADOW_STACK] = BIT(0) | BIT(1),
    [EVENT_REMAP_FILE_PAGES] = BIT(0) | BIT(1) | BIT(3),
};

struct seep_error *event_encoder_create(struct event_encoder **ret_encoder)
{
    struct event_encoder *encoder = calloc(1, sizeof(*encoder));

    if (!encoder)
        return error_no_memory();
    *ret_encoder = encoder;
    return NULL;
}

void event_encoder_clear(struct event_encoder *encoder)
{
    for (int i = 0; i < EVENT_COLUMNS; i++)
        buffer_clear(&encoder->columns[i]);
    HASH_CLEAR(hh, encoder->shape_table);
    HASH_CLEAR(hh, encoder->thread_table);
    encoder->event_count = encoder->shape_count = encoder->thread_count = 0;
    event_model_clear(&encoder->model);
}

void event_encoder_destroy(struct event_encoder *encoder)
{
    if (!encoder)
        return;
    event_encoder_clear(encoder);
    for (int i = 0; i < EVENT_COLUMNS; i++)
        buffer_deinit(&encoder->columns[i]);
    buffer_deinit(&encoder->head);
    free(encoder);
}

static size_t coded_bytes(const struct event_encoder *encoder)
{
    size_t len = 0;

    for (int i = 0; i < EVENT_COLUMNS; i++)
        len += encoder->columns[i].len;
    return len;
}

bool event_encoder_full(const struct event_encoder *encoder)
{
    return coded_bytes(encoder) >= EVENT_CODE_BLOCK_BYTES ||
           encoder->shape_count == EVENT_MAX_SHAPES || encoder->thread_count == EVENT_MAX_THREADS;
}

uint64_t event_encoder_count(const struct event_encoder *encoder)
{
    return encoder->event_count;
}

/* COLUMN is followed by that of the lowest bytes. */
static void put_split(struct event_encoder *encoder, enum event_column column, uint64_t value)
{
    buffer_varint(&encoder->columns[column], value >> 8);
    buffer_u8(&encoder->columns[column + 1], (uint8_t)value);
}

static void put_signed(struct event_encoder *encoder, enum event_column column, int64_t value)
{
    put_split(encoder, column, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

static uint32_t intern_thread(struct event_encoder *encoder, pid_t pid, pid_t tid)
{
    struct buffer *definitions = &encoder->columns[EVENT_COLUMN_DEFINITIONS];
    struct known_thread *added = &encoder->threads[encoder->thread_count];
    struct known_thread *known;

    added->key.pid = pid;
    added->key.tid = tid;
    HASH_FIND(hh, encoder->thread_table, &added->key, sizeof(added->key), known);
    if (known)
        return (uint32_t)(known - encoder->threads);
    HASH_ADD(hh, encoder->thread_table, key, sizeof(added->key), added);
    buffer_svarint(definitions, pid);
    buffer_svarint(definitions, (int64_t)tid - pid);
    return encoder->thread_count++;
}

static uint32_t intern_shape(struct event_encoder *encoder, const struct event_shape *shape)
{
    struct buffer *definitions = &encoder->columns[EVENT_COLUMN_DEFINITIONS];
    struct known_shape *added = &encoder->shapes[encoder->shape_count];
    struct known_shape *known;

    HASH_FIND(hh, encoder->shape_table, shape, sizeof(*shape), known);
    if (known)
        return (uint32_t)(known - encoder->shapes);
    added->shape = *shape;
    HASH_ADD(hh, encoder->shape_table, shape, sizeof(*shape), added);
    buffer_u8(definitions, shape->kind);
    buffer_u8(definitions, shape->abi);
    buffer_u8(definitions, shape->flags);
    buffer_bytes(definitions, shape->modes, EVENT_FIELDS);
    for (int i = 0; i < EVENT_FIELDS; i++)
        if (shape->modes[i] == EVENT_MODE_CONSTANT)
            buffer_svarint(definitions, (int64_t)shape->constants[i]);
    return encoder->shape_count++;
}

static uint32_t *known_start(struct event_encoder *encoder, uint64_t start)
{
    return &encoder->starts[XXH3_64bits(&start, sizeof(start)) % KNOWN_STARTS];
}

/* How many extents ago the latest one at START was. */
static bool find_extent(struct event_encoder *encoder, uint64_t start, uint32_t *ret_ago)
{
    struct event_model *model = &encoder->model;
    uint32_t number = *known_start(encoder, start);
    uint32_t ago = model->extent_count - 1 - number;

    if (number >= model->extent_count || ago >= event_model_extents_kept(model) ||
        event_model_extent(model, number)->start != start)
        return false;
    *ret_ago = ago;
    return true;
}

static bool is_small(uint64_t value)
{
    return value < 4096 || value > UINT64_MAX - 4096;
}

/* Codes fields[i] in the cheapest way; EXTENT: the one that a START of this event named. */
static void code_field(struct event_encoder *encoder, struct event_shape *shape, int i,
                       const uint64_t fields[EVENT_FIELDS], const uint64_t *prediction,
                       const struct event_extent **extent)
{
    static const uint64_t page_mask = (1 << EVENT_PAGE_BITS) - 1;
    struct event_model *model = &encoder->model;
    uint64_t value = fields[i];
    uint8_t *mode = &shape->modes[i];
    uint32_t ago;

    if (*extent && i < EVENT_FIELD_RESULT && value == (*extent)->length) {
        *mode = EVENT_MODE_LENGTH;
    } else if (i > 0 && value == fields[0]) {
        *mode = EVENT_MODE_ARGUMENT;
    } else if (value == prediction[i]) {
        *mode = EVENT_MODE_SAME;
    } else if (i < EVENT_FIELD_RESULT && find_extent(encoder, value, &ago)) {
        *mode = EVENT_MODE_START;
        *extent = event_model_extent(model, model->extent_count - 1 - ago);
        put_split(encoder, EVENT_COLUMN_VALUES, ago);
    } else if ((value & page_mask) == 0) {
        uint64_t from = prediction[i] & ~page_mask;

        *mode = EVENT_MODE_PAGES;
        put_signed(encoder, EVENT_COLUMN_VALUES, (int64_t)(value - from) >> EVENT_PAGE_BITS);
    } else {
        *mode = EVENT_MODE_BYTES;
        put_signed(encoder, EVENT_COLUMN_VALUES, (int64_t)(value - prediction[i]));
    }
}

static void code_fields(struct event_encoder *encoder, struct event_shape *shape,
                        const uint64_t fields[EVENT_FIELDS], const uint64_t *prediction)
{
    const struct event_extent *extent = NULL;
    unsigned codable = BIT(EVENT_FIELD_RESULT) | BIT(EVENT_FIELD_STACK);

    if (shape->kind <= EVENT_SYSCALL_LAST)
        codable |= varying[shape->kind];
    for (int i = 0; i < EVENT_FIELDS; i++) {
        /* No stack is part of the shape; stack numbers are small and yet many. */
        bool constant = i == EVENT_FIELD_STACK ? fields[i] == 0 : is_small(fields[i]);

        if ((codable & BIT(i)) && !constant)
            code_field(encoder, shape, i, fields, prediction, &extent);
        else
            shape->constants[i] = fields[i];
    }
}

static void code_times(struct event_encoder *encoder, struct event_shape *shape,
                       const struct event *ev)
{
    struct event_model *model = &encoder->model;

    put_split(encoder, EVENT_COLUMN_EXITS, ev->exit_ns - model->exit_ns);
    if (model->pending_ns && ev->enter_ns == model->pending_ns)
        shape->flags |= EVENT_SHAPE_ENTER_KNOWN;
    else
        put_split(encoder, EVENT_COLUMN_BEFORE, ev->exit_ns - ev->enter_ns);
    if (ev->pending_ns) {
        shape->flags |= EVENT_SHAPE_PENDING;
        if (ev->pending_ns == model->pending_ns)
            shape->flags |= EVENT_SHAPE_PENDING_SAME;
        else
            put_split(encoder, EVENT_COLUMN_BEFORE, ev->exit_ns - ev->pending_ns);
        model->pending_ns = ev->pending_ns;
    }
    model->exit_ns = ev->exit_ns;
}

struct seep_error *event_encoder_put(struct event_encoder *encoder, const struct event *ev)
{
    struct event_model *model = &encoder->model;
    struct event_shape shape = {.kind = ev->kind, .abi = ev->abi};
    uint64_t fields[EVENT_FIELDS];
    size_t name_len = ev->name ? strlen(ev->name) : 0;

    if (name_len > EVENT_CODE_MAX_NAME_BYTES)
        return error_create(ERROR_INVALID, "an event's name of %zu bytes is too long", name_len);
    memcpy(fields, ev->args, sizeof(ev->args));
    fields[EVENT_FIELD_RESULT] = (uint64_t)ev->result;
    fields[EVENT_FIELD_STACK] = ev->stack_id;

    uint32_t thread = intern_thread(encoder, ev->pid, ev->tid);
    uint64_t *prediction = event_model_prediction(model, thread, ev->kind);

    code_times(encoder, &shape, ev);
    code_fields(encoder, &shape, fields, prediction);
    if (ev->name)
        shape.flags |= EVENT_SHAPE_NAME;
    buffer_varint(&encoder->columns[EVENT_COLUMN_THREADS], thread);
    buffer_varint(&encoder->columns[EVENT_COLUMN_SHAPES], intern_shape(encoder, &shape));
    if (ev->name)
        buffer_text(&encoder->columns[EVENT_COLUMN_DEFINITIONS], ev->name, name_len);
    if (event_model_learn(model, &shape, prediction, fields))
        *known_start(encoder, fields[EVENT_FIELD_RESULT]) = model->extent_count - 1;
    encoder->event_count++;
    for (int i = 0; i < EVENT_COLUMNS; i++)
        if (encoder->columns[i].failed)
            return error_no_memory();
    return NULL;
}

struct seep_error *event_encoder_take(struct event_encoder *encoder,
                                      struct block_part ret_parts[EVENT_CODE_PARTS])
{
    struct buffer *head = &encoder->head;
    bool failed = false;

    buffer_clear(head);
    buffer_varint(head, encoder->event_count);
    for (int i = 0; i < EVENT_COLUMNS; i++) {
        buffer_varint(head, encoder->columns[i].len);
        failed |= encoder->columns[i].failed;
    }
    if (failed || head->failed)
        return error_no_memory();
    ret_parts[0] = (struct block_part){head->bytes, head->len, BLOCK_TEXT};
    for (int i = 0; i < EVENT_COLUMNS; i++)
        ret_parts[1 + i] =
            (struct block_part){encoder->columns[i].bytes, encoder->columns[i].len,
                                i == EVENT_COLUMN_DEFINITIONS ? BLOCK_TEXT : BLOCK_NUMBERS};
    return NULL;
}
