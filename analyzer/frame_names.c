#include "analyzer/frame_names.h"

#include <stdlib.h>
#include <string.h>

#include "stacks/perf_map.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Numbers are given in the order in which paths come: one far beyond those seen so far is no path's, and
 * must not cost memory for all up to it. */
enum { FIRST_PATHS = 1 << 16 };

struct named_frame {
    const struct stack_frame *frame; /* the key */
    const char *module_path;
    size_t place;              /* index in places, SIZE_MAX: none */
    char *jit_name;            /* owned */
    struct frame_level *items; /* owned; NULL: own */
    size_t count;
    struct frame_level own;
    UT_hash_handle hh;
};

VECTOR_TYPE(places, struct symbols_place);

struct frame_names {
    struct named_frame *frames; /* a uthash table */
    struct places places;
    struct symbols_troubles troubles;
};

/* One copy of a perf map at a time is held: paths come in the order of their first use, and so do the
 * copies. */
struct jit_lookup {
    int case_fd;
    struct jit_maps maps;
    const struct jit_maps_copy *copy; /* the one that MAP was read from */
    struct perf_map *map;             /* NULL: it cannot be read */
};

struct seep_error *frame_uses_note(struct frame_uses *uses, uint32_t stack_id, pid_t pid,
                                   uint64_t time_ns)
{
    struct seep_error *err;

    if (stack_id == 0 || stack_id > 2 * uses->count + FIRST_PATHS)
        return NULL;
    if (stack_id > uses->count) {
        err = vector_reserve(uses, stack_id);
        if (err)
            return err;
        memset(&uses->items[uses->count], 0, (stack_id - uses->count) * sizeof(*uses->items));
        uses->count = stack_id;
    }
    if (uses->items[stack_id - 1].pid == 0)
        uses->items[stack_id - 1] = (struct frame_use){pid, time_ns};
    return NULL;
}

/* --- gathering --- */

static struct named_frame *find(const struct frame_names *names, const struct stack_frame *frame)
{
    struct named_frame *named;

    HASH_FIND_PTR(names->frames, &frame, named);
    return named;
}

static struct seep_error *add_frame(struct frame_names *names, const struct stack_frame *frame,
                                    struct named_frame **ret_named)
{
    struct named_frame *named = calloc(1, sizeof(*named));

    if (!named)
        return error_no_memory();
    named->frame = frame;
    named->place = SIZE_MAX;
    named->own =
        (struct frame_level){.function = frame->function, .file = frame->file, .line = frame->line};
    HASH_ADD_PTR(names->frames, frame, named);
    if (!named->hh.tbl) {
        free(named);
        return error_no_memory();
    }
    *ret_named = named;
    return NULL;
}

/* The instruction meant: that of the call, where the address is the one it returns to. */
static uint64_t instruction(const struct stack_frame *frame, uint64_t at)
{
    return frame->flags & STACK_FRAME_EXACT || at == 0 ? at : at - 1;
}

static struct seep_error *add_place(struct frame_names *names, struct named_frame *named)
{
    const struct stack_frame *frame = named->frame;
    struct seep_error *err;

    if (!frame->module || frame->function || frame->kind != STACK_FRAME_NATIVE)
        return NULL;
    err = vector_push(&names->places,
                      (struct symbols_place){.module = frame->module,
                                             .offset = instruction(frame, frame->offset)});
    if (!err)
        named->place = names->places.count - 1;
    return err;
}

/* Keeps the last line that is whole and no other map: they can be large. */
static struct seep_error *load_map(struct jit_lookup *jit, const struct jit_maps_copy *copy)
{
    _cleanup_buffer_ struct buffer text = {0};
    struct seep_error *err;

    if (jit->copy == copy)
        return NULL;
    perf_map_destroy(jit->map);
    jit->map = NULL;
    jit->copy = copy;
    err = jit_maps_read(jit->case_fd, copy, &text);
    if (!err)
        err = perf_map_parse(text.bytes ? text.bytes : "", text.len, &jit->map);
    if (!err || err->code == ERROR_NO_MEMORY)
        return err;
    /* Names are lost, and nothing else. */
    error_destroy(err);
    return NULL;
}

static struct seep_error *name_jit_frame(struct jit_lookup *jit, const struct frame_use *use,
                                         struct named_frame *named)
{
    const struct stack_frame *frame = named->frame;
    const struct jit_maps_copy *copy;
    struct seep_error *err;
    const char *name;

    if (frame->kind != STACK_FRAME_JIT || frame->function || !use || use->pid == 0)
        return NULL;
    copy = jit_maps_find(&jit->maps, use->pid, use->time_ns);
    if (!copy)
        return NULL;
    err = load_map(jit, copy);
    if (err || !jit->map)
        return err;
    name = perf_map_find(jit->map, instruction(frame, frame->address));
    if (!name)
        return NULL;
    named->jit_name = strdup(name);
    named->own.function = named->jit_name;
    return named->jit_name ? NULL : error_no_memory();
}

static struct seep_error *add_stack(struct frame_names *names, const struct stack *stack,
                                    const struct frame_use *use, struct jit_lookup *jit)
{
    struct seep_error *err = NULL;

    for (uint32_t i = 0; i < stack->count && !err; i++) {
        struct named_frame *named = find(names, stack->frames[i]);

        if (named)
            continue;
        err = add_frame(names, stack->frames[i], &named);
        if (!err)
            err = add_place(names, named);
        if (!err)
            err = name_jit_frame(jit, use, named);
    }
    return err;
}

struct order {
    uint32_t id;
    struct frame_use use;
};

static int compare_uses(const void *a, const void *b)
{
    const struct order *x = a, *y = b;

    if (x->use.pid != y->use.pid)
        return x->use.pid < y->use.pid ? -1 : 1;
    if (x->use.time_ns != y->use.time_ns)
        return x->use.time_ns < y->use.time_ns ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Paths by process and time, so that each perf map is read once. */
static struct seep_error *add_stacks(struct frame_names *names, const struct stack_table *table,
                                     const struct frame_uses *uses, struct jit_lookup *jit)
{
    uint32_t count = stack_table_count(table);
    _cleanup_free_ struct order *order = calloc((size_t)count + 1, sizeof(*order));
    struct seep_error *err = NULL;

    if (!order)
        return error_no_memory();
    for (uint32_t i = 0; i < count; i++) {
        order[i].id = i + 1;
        if (uses && i < uses->count)
            order[i].use = uses->items[i];
    }
    qsort(order, count, sizeof(*order), compare_uses);
    for (uint32_t i = 0; i < count && !err; i++)
        err = add_stack(names, stack_table_get(table, order[i].id), &order[i].use, jit);
    return err;
}

/* --- from places to levels --- */

static struct seep_error *take_lines(struct frame_names *names)
{
    for (struct named_frame *named = names->frames; named; named = named->hh.next) {
        const struct symbols_place *place =
            named->place == SIZE_MAX ? NULL : &names->places.items[named->place];

        if (!place || place->lines.count == 0)
            continue;
        named->items = calloc(place->lines.count, sizeof(*named->items));
        if (!named->items)
            return error_no_memory();
        named->count = place->lines.count;
        for (size_t i = 0; i < named->count; i++)
            named->items[i] = (struct frame_level){
                .function = place->lines.items[i].function,
                .file = place->lines.items[i].file,
                .line = place->lines.items[i].line,
                /* The last level is the function that has the code. */
                .inlined = place->lines.items[i].inlined && i + 1 < named->count,
            };
    }
    return NULL;
}

static struct seep_error *name_all(struct frame_names *names, const struct stack_table *table,
                                   const struct frame_uses *uses,
                                   const struct frame_names_options *options,
                                   struct jit_lookup *jit)
{
    static const struct symbols_options defaults = {0};
    struct seep_error *err = NULL;

    if (options->case_fd >= 0) {
        err = jit_maps_load(options->case_fd, &jit->maps);
        if (err && err->code != ERROR_NO_MEMORY) {
            error_destroy(err);
            err = NULL;
        }
    }
    if (!err)
        err = add_stacks(names, table, uses, jit);
    if (err || options->skip_symbols || names->places.count == 0)
        return err;
    err = symbols_resolve(names->places.items, names->places.count,
                          options->symbols ? options->symbols : &defaults, &names->troubles);
    return err ? err : take_lines(names);
}

struct seep_error *frame_names_create(const struct stack_table *table,
                                      const struct frame_uses *uses,
                                      const struct frame_names_options *options,
                                      struct frame_names **ret_names)
{
    _cleanup_(frame_names_destroyp) struct frame_names *names = calloc(1, sizeof(*names));
    struct jit_lookup jit = {.case_fd = options->case_fd};
    struct seep_error *err = names ? NULL : error_no_memory();

    if (!err)
        err = name_all(names, table, uses, options, &jit);
    perf_map_destroy(jit.map);
    jit_maps_deinit(&jit.maps);
    if (!err)
        *ret_names = take_ptr(names);
    return err;
}

void frame_names_destroy(struct frame_names *names)
{
    struct named_frame *named, *next;

    if (!names)
        return;
    HASH_ITER(hh, names->frames, named, next)
    {
        HASH_DEL(names->frames, named);
        free(named->jit_name);
        free(named->items);
        free(named);
    }
    for (size_t i = 0; i < names->places.count; i++)
        symbols_place_deinit(&names->places.items[i]);
    vector_deinit(&names->places);
    symbols_troubles_deinit(&names->troubles);
    free(names);
}

const struct frame_level *frame_names_of(const struct frame_names *names,
                                         const struct stack_frame *frame, size_t *ret_count)
{
    static const struct frame_level unknown = {0};
    const struct named_frame *named = find(names, frame);

    *ret_count = named && named->items ? named->count : 1;
    if (!named)
        return &unknown;
    return named->items ? named->items : &named->own;
}

const struct symbols_troubles *frame_names_troubles(const struct frame_names *names)
{
    return &names->troubles;
}
