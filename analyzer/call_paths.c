#include "analyzer/call_paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/vector.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* More pairs of a call and what is further out than this are not told apart: the paths beyond have no
 * class. */
enum { MAX_NODES = 1 << 20 };

/* A function, or a call, by what tells it from others. */
struct label {
    uint32_t id;
    UT_hash_handle hh;
    char text[];
};

/* A path of functions, or of calls: its innermost one and the path that is left without it. */
struct node {
    struct node_key {
        uint32_t outer; /* a node; 0: the outermost call */
        uint32_t label;
    } key;
    uint32_t id;
    UT_hash_handle hh;
};

/* What a frame's levels are, worked out once. */
struct frame_labels {
    const struct stack_frame *frame; /* the key */
    uint32_t call;                   /* a label of its own: module and offset */
    size_t first, count;             /* in levels */
    UT_hash_handle hh;
};

struct level {
    uint32_t function; /* a label */
    const struct allocators_row *row;
    bool known; /* something is known of whose code it is */
};

struct call_paths {
    const struct stack_table *table;
    const struct frame_names *names;
    VECTOR(struct call_path) paths; /* number N at N - 1; culprit 0: not compared */
    uint32_t next_id;
};

/* While they are made. */
struct making {
    struct call_paths *paths;
    struct label *labels; /* uthash tables */
    struct node *nodes;
    struct frame_labels *frames;
    VECTOR(struct level) levels;
    struct buffer text;
    bool full;
};

/* --- numbers for what is the same --- */

/* The number of the label that MAKING's text holds. */
static struct seep_error *intern_label(struct making *m, uint32_t *ret_id)
{
    struct label *label;

    if (m->text.failed)
        return error_no_memory();
    HASH_FIND(hh, m->labels, m->text.bytes, m->text.len, label);
    if (!label) {
        label = malloc(sizeof(*label) + m->text.len);
        if (!label)
            return error_no_memory();
        memcpy(label->text, m->text.bytes, m->text.len);
        label->id = m->paths->next_id++;
        HASH_ADD_KEYPTR(hh, m->labels, label->text, m->text.len, label);
        if (!label->hh.tbl) {
            free(label);
            return error_no_memory();
        }
    }
    *ret_id = label->id;
    return NULL;
}

static struct seep_error *intern_node(struct making *m, uint32_t outer, uint32_t label,
                                      uint32_t *ret_id)
{
    struct node_key key = {outer, label};
    struct node *node;

    HASH_FIND(hh, m->nodes, &key, sizeof(key), node);
    if (!node) {
        m->full = HASH_COUNT(m->nodes) >= MAX_NODES;
        if (m->full)
            return NULL;
        node = malloc(sizeof(*node));
        if (!node)
            return error_no_memory();
        node->key = key;
        node->id = m->paths->next_id++;
        HASH_ADD(hh, m->nodes, key, sizeof(node->key), node);
        if (!node->hh.tbl) {
            free(node);
            return error_no_memory();
        }
    }
    *ret_id = node->id;
    return NULL;
}

/* --- frames --- */

static void put_module(struct buffer *text, const struct stack_frame *frame)
{
    buffer_clear(text);
    if (frame->module) {
        buffer_text(text, frame->module->path, strlen(frame->module->path));
        buffer_bytes(text, frame->module->build_id, frame->module->build_id_len);
    }
    buffer_u8(text, 0);
}

/* Processes have the same module at different addresses. */
static void put_place(struct buffer *text, const struct stack_frame *frame)
{
    buffer_u8(text, frame->module ? 1 : 2);
    buffer_u64(text, frame->module ? frame->offset : frame->address);
}

static struct seep_error *add_level(struct making *m, const struct stack_frame *frame,
                                    const struct frame_level *name)
{
    struct level level = {
        .row = frame->kind == STACK_FRAME_GAP
                   ? NULL
                   : allocators_find(frame->module ? frame->module->path : NULL, name->function),
        .known = frame->kind != STACK_FRAME_GAP && (frame->module || name->function),
    };
    struct seep_error *err;

    put_module(&m->text, frame);
    if (name->function)
        buffer_text(&m->text, name->function, strlen(name->function));
    else
        put_place(&m->text, frame);
    buffer_u8(&m->text, frame->kind);
    err = intern_label(m, &level.function);
    return err ? err : vector_push(&m->levels, level);
}

static struct seep_error *label_frame(struct making *m, const struct stack_frame *frame,
                                      const struct frame_labels **ret_labels)
{
    const struct frame_level *levels;
    struct frame_labels *labels;
    struct seep_error *err;
    size_t count;

    HASH_FIND_PTR(m->frames, &frame, labels);
    *ret_labels = labels;
    if (labels)
        return NULL;
    labels = calloc(1, sizeof(*labels));
    if (!labels)
        return error_no_memory();
    labels->frame = frame;
    labels->first = m->levels.count;
    HASH_ADD_PTR(m->frames, frame, labels);
    if (!labels->hh.tbl) {
        free(labels);
        return error_no_memory();
    }
    put_module(&m->text, frame);
    put_place(&m->text, frame);
    if (!frame->module && frame->function)
        buffer_text(&m->text, frame->function, strlen(frame->function));
    buffer_u8(&m->text, UINT8_MAX);
    buffer_u32(&m->text, frame->line);
    err = intern_label(m, &labels->call);
    levels = frame_names_of(m->paths->names, frame, &count);
    for (size_t i = 0; i < count && !err; i++)
        err = add_level(m, frame, &levels[i]);
    labels->count = m->levels.count - labels->first;
    *ret_labels = labels;
    return err;
}

/* --- paths --- */

/* The innermost level that is nobody's allocation path; what is not known may be anything, and nothing
 * further out is blamed for it. */
static struct seep_error *find_culprit(struct making *m, const struct stack *stack,
                                       struct call_path *path, uint32_t *ret_frame,
                                       size_t *ret_level)
{
    for (uint32_t i = 0; i < stack->count; i++) {
        const struct frame_labels *labels;
        struct seep_error *err = label_frame(m, stack->frames[i], &labels);

        if (err)
            return err;
        for (size_t l = 0; l < labels->count; l++) {
            const struct level *level = &m->levels.items[labels->first + l];

            if (!level->row) {
                *ret_frame = i;
                *ret_level = l;
                path->has_culprit = level->known;
                return NULL;
            }
            if (level->row->kind == ALLOCATORS_POOL && !path->pool)
                path->pool = level->row->what;
            path->depth++;
        }
    }
    *ret_frame = 0;
    *ret_level = 0;
    return NULL;
}

/* From the outermost call inwards to the culprit. */
static struct seep_error *compare_path(struct making *m, const struct stack *stack,
                                       struct call_path *path)
{
    uint32_t last = 0, class = 0, site = 0, culprit = 0;
    size_t last_level = 0;
    struct seep_error *err = find_culprit(m, stack, path, &last, &last_level);

    for (uint32_t i = stack->count; i-- > last && !err && !m->full;) {
        const struct frame_labels *labels;

        err = label_frame(m, stack->frames[i], &labels);
        for (size_t l = labels ? labels->count : 0; l-- > 0 && !err && !m->full;) {
            if (i == last && l < last_level)
                break;
            culprit = m->levels.items[labels->first + l].function;
            err = intern_node(m, class, culprit, &class);
        }
        if (!err && !m->full)
            err = intern_node(m, site, labels->call, &site);
    }
    if (err || m->full)
        return err;
    path->class = class;
    path->site = site;
    path->culprit = path->has_culprit ? culprit : class;
    return NULL;
}

static void making_deinit(struct making *m)
{
    struct label *label, *next_label;
    struct node *node, *next_node;
    struct frame_labels *labels, *next_labels;

    HASH_ITER(hh, m->labels, label, next_label)
    {
        HASH_DEL(m->labels, label);
        free(label);
    }
    HASH_ITER(hh, m->nodes, node, next_node)
    {
        HASH_DEL(m->nodes, node);
        free(node);
    }
    HASH_ITER(hh, m->frames, labels, next_labels)
    {
        HASH_DEL(m->frames, labels);
        free(labels);
    }
    vector_deinit(&m->levels);
    buffer_deinit(&m->text);
}

struct seep_error *call_paths_create(const struct stack_table *table,
                                     const struct frame_names *names, struct call_paths **ret_paths)
{
    _cleanup_(call_paths_destroyp) struct call_paths *paths = calloc(1, sizeof(*paths));
    _cleanup_(making_deinit) struct making m = {.paths = paths};
    uint32_t count = stack_table_count(table);
    struct seep_error *err;

    if (!paths)
        return error_no_memory();
    paths->table = table;
    paths->names = names;
    paths->next_id = 1;
    err = vector_reserve(&paths->paths, (size_t)count + 1);
    for (uint32_t id = 1; id <= count && !err; id++) {
        struct call_path path = {0};

        m.full = false;
        err = compare_path(&m, stack_table_get(table, id), &path);
        if (!err)
            err = vector_push(&paths->paths, path);
    }
    if (!err)
        *ret_paths = take_ptr(paths);
    return err;
}

void call_paths_destroy(struct call_paths *paths)
{
    if (!paths)
        return;
    vector_deinit(&paths->paths);
    free(paths);
}

const struct call_path *call_paths_get(const struct call_paths *paths, uint32_t id)
{
    const struct call_path *path =
        paths && id > 0 && id <= paths->paths.count ? &paths->paths.items[id - 1] : NULL;

    return path && path->class ? path : NULL;
}

uint32_t call_paths_limit(const struct call_paths *paths)
{
    return paths ? paths->next_id : 0;
}

void call_paths_each_level(const struct call_paths *paths, uint32_t id,
                           bool (*visit)(const struct call_paths_level *level, void *context),
                           void *context)
{
    const struct stack *stack = paths ? stack_table_get(paths->table, id) : NULL;
    uint32_t number = 0;

    for (uint32_t i = 0; stack && i < stack->count; i++) {
        size_t count;
        const struct frame_level *levels = frame_names_of(paths->names, stack->frames[i], &count);

        for (size_t l = 0; l < count; l++, number++)
            if (!visit(&(struct call_paths_level){stack->frames[i], &levels[l], number}, context))
                return;
    }
}

enum stack_end call_paths_end(const struct call_paths *paths, uint32_t id)
{
    const struct stack *stack = paths ? stack_table_get(paths->table, id) : NULL;

    return stack ? stack->end : STACK_END_UNKNOWN;
}
