/*
 * What the encoder and the decoder of a block of events know at the same point of it: shared by
 * event_encoder.c and event_decoder.c, and by nobody else.
 *
 *     predictions   the values that the last event of a thread and kind had
 *     extents       the mappings that the block's events made, as a ring
 */
#pragma once

#include <string.h>

#include "base/buffer.h"
#include "base/cursor.h"
#include "evidence/event_code.h"

enum event_column {
    EVENT_COLUMN_DEFINITIONS, /* of shapes, threads and names, as they come up */
    EVENT_COLUMN_SHAPES,
    EVENT_COLUMN_THREADS,
    /* Numbers split in two: the lowest byte and the rest. The one is all but random and would
     * spoil the compression of the other. */
    EVENT_COLUMN_EXITS, /* exit_ns after the exit_ns before */
    EVENT_COLUMN_EXITS_LOW,
    EVENT_COLUMN_BEFORE, /* enter_ns and pending_ns before exit_ns */
    EVENT_COLUMN_BEFORE_LOW,
    EVENT_COLUMN_VALUES,
    EVENT_COLUMN_VALUES_LOW,
    EVENT_COLUMNS,
};

/* How a field is coded. The numbers are in the file format. */
enum event_mode {
    EVENT_MODE_CONSTANT = 0, /* the value is in the shape */
    EVENT_MODE_SAME = 1,     /* as predicted */
    EVENT_MODE_BYTES = 2,    /* signed difference from the prediction */
    EVENT_MODE_PAGES = 3,    /* the same, of page numbers; the value's low 12 bits are 0 */
    EVENT_MODE_ARGUMENT = 4, /* equal to field 0 */
    EVENT_MODE_START = 5,    /* start of an extent; how many extents ago, from 0 */
    EVENT_MODE_LENGTH = 6,   /* length of the extent that the last START of the event named */
    EVENT_MODES,
};

enum event_shape_flags {
    EVENT_SHAPE_NAME = 1 << 0,         /* there is a name */
    EVENT_SHAPE_ENTER_KNOWN = 1 << 1,  /* enter_ns is the last pending_ns of the block */
    EVENT_SHAPE_PENDING = 1 << 2,      /* pending_ns is not 0 */
    EVENT_SHAPE_PENDING_SAME = 1 << 3, /* pending_ns is the last one of the block */
};

enum {
    EVENT_FIELD_RESULT = 6,
    EVENT_FIELD_STACK = 7,
    EVENT_FIELDS = 8,
    EVENT_PAGE_BITS = 12,
    EVENT_MAX_SHAPES = 4096, /* of each, in a block */
    EVENT_MAX_THREADS = 4096,
    EVENT_PREDICTIONS = 4096, /* powers of two */
    EVENT_EXTENTS = 4096,
};

struct event_shape {
    uint8_t kind, abi, flags;
    uint8_t modes[EVENT_FIELDS];
    uint8_t zeros[5]; /* no padding: shapes are compared as bytes */
    uint64_t constants[EVENT_FIELDS];
};

struct event_extent {
    uint64_t start, length;
};

struct event_model {
    uint64_t exit_ns;    /* of the last event */
    uint64_t pending_ns; /* the last that was not 0 */
    uint32_t extent_count;
    struct event_extent extents[EVENT_EXTENTS];
    uint64_t predictions[EVENT_PREDICTIONS][EVENT_FIELDS];
};

static inline void event_model_clear(struct event_model *model)
{
    model->exit_ns = 0;
    model->pending_ns = 0;
    model->extent_count = 0;
    memset(model->predictions, 0, sizeof(model->predictions));
}

/* Threads that share a slot predict each other badly, and no worse. */
static inline uint64_t *event_model_prediction(struct event_model *model, uint32_t thread,
                                               uint8_t kind)
{
    return model->predictions[(thread * 32 + kind) % EVENT_PREDICTIONS];
}

static inline struct event_extent *event_model_extent(struct event_model *model, uint32_t number)
{
    return &model->extents[number % EVENT_EXTENTS];
}

/* Extents whose numbers are still in the ring. */
static inline uint32_t event_model_extents_kept(const struct event_model *model)
{
    return model->extent_count < EVENT_EXTENTS ? model->extent_count : EVENT_EXTENTS;
}

/* After an event: what it teaches about those to come. false: no extent was added. */
static inline bool event_model_learn(struct event_model *model, const struct event_shape *shape,
                                     uint64_t *prediction, const uint64_t fields[EVENT_FIELDS])
{
    for (int i = 0; i < EVENT_FIELDS; i++)
        if (shape->modes[i] != EVENT_MODE_CONSTANT)
            prediction[i] = fields[i];
    if ((shape->kind != EVENT_MMAP && shape->kind != EVENT_MREMAP) ||
        shape->modes[EVENT_FIELD_RESULT] == EVENT_MODE_CONSTANT)
        return false;
    *event_model_extent(model, model->extent_count++) = (struct event_extent){
        fields[EVENT_FIELD_RESULT], fields[shape->kind == EVENT_MMAP ? 1 : 2]};
    return true;
}
