#define XXH_INLINE_ALL
#include "evidence/stack_table.h"

#include <string.h>
#include <xxhash.h>

#include "base/cursor.h"
#include "base/vector.h"

#define HASH_FUNCTION(key, len, hash) ((hash) = (unsigned)XXH3_64bits((key), (len)))
#define HASH_NONFATAL_OOM             1
#include <uthash.h>

/* Of one recording; a case may come from anyone. */
enum {
    MAX_MODULES = 1 << 16,
    MAX_FRAMES = 1 << 18,
    MAX_STACKS = 1 << 18,
    MAX_FRAMES_OF_STACKS = 1 << 22,
    MAX_BYTES = 64 << 20,      /* of memory for all of it */
    ENTRY_OVERHEAD_BYTES = 48, /* the allocation, its place in a vector, its share of the buckets */
};

enum definition { DEFINE_MODULE = 1, DEFINE_FRAME = 2, DEFINE_STACK = 3 };

enum { FLAG_NAMED = 1 << 7 }; /* in the coded flags of a frame: names follow */

struct text {
    UT_hash_handle hh;
    size_t len;
    char bytes[];
};

struct module_entry {
    struct stack_module module;
    uint32_t number;
    uint64_t base;    /* address less offset of its last frame that was coded, or decoded */
    struct text *key; /* build-id behind path, which are looked up together */
    UT_hash_handle hh;
};

struct frame_entry {
    struct stack_frame frame; /* the key, padding zeroed */
    uint32_t number;
    uint32_t module;
    UT_hash_handle hh;
};

struct stack_entry {
    struct stack stack;
    UT_hash_handle hh;
    const struct stack_frame *key[]; /* the end, as if it were a pointer, and the frames */
};

struct stack_table {
    struct text *texts; /* uthash tables */
    struct module_entry *module_table;
    struct frame_entry *frame_table;
    struct stack_entry *stack_table;
    VECTOR(struct module_entry *) modules; /* number N at N - 1 */
    VECTOR(struct frame_entry *) frames;
    VECTOR(struct stack_entry *) stacks;
    uint64_t frames_of_stacks;
    size_t held_bytes;
    size_t told_modules, told_frames, told_stacks; /* encoded already, or decoded */
    uint64_t coded_offset, coded_base;  /* of the last frame; the base of those in no module */
    const struct stack_frame **scratch; /* STACK_MAX_FRAMES + 1 */
};

struct seep_error *stack_table_create(struct stack_table **ret_table)
{
    struct stack_table *table = calloc(1, sizeof(*table));

    if (!table)
        return error_no_memory();
    table->scratch = calloc(STACK_MAX_FRAMES + 1, sizeof(*table->scratch));
    if (!table->scratch) {
        free(table);
        return error_no_memory();
    }
    *ret_table = table;
    return NULL;
}

void stack_table_destroy(struct stack_table *table)
{
    struct text *text, *next;

    if (!table)
        return;
    HASH_CLEAR(hh, table->module_table);
    HASH_CLEAR(hh, table->frame_table);
    HASH_CLEAR(hh, table->stack_table);
    for (size_t i = 0; i < table->modules.count; i++)
        free(table->modules.items[i]);
    for (size_t i = 0; i < table->frames.count; i++)
        free(table->frames.items[i]);
    for (size_t i = 0; i < table->stacks.count; i++)
        free(table->stacks.items[i]);
    HASH_ITER(hh, table->texts, text, next)
    {
        HASH_DEL(table->texts, text);
        free(text);
    }
    vector_deinit(&table->modules);
    vector_deinit(&table->frames);
    vector_deinit(&table->stacks);
    free(table->scratch);
    free(table);
}

/* --- adding; *RET NULL, or 0: the table is full --- */

static bool has_room(const struct stack_table *table, size_t bytes)
{
    return bytes <= MAX_BYTES && bytes + ENTRY_OVERHEAD_BYTES <= MAX_BYTES - table->held_bytes;
}

/* What was added is the same in the table that it is decoded into, in whatever order: one has room for all
 * that the other had room for. */
static void hold(struct stack_table *table, size_t bytes)
{
    table->held_bytes += bytes + ENTRY_OVERHEAD_BYTES;
}

static struct seep_error *add_text(struct stack_table *table, const void *bytes, size_t len,
                                   struct text **ret_text)
{
    struct text *text;

    HASH_FIND(hh, table->texts, bytes, len, text);
    *ret_text = text;
    if (text || !has_room(table, sizeof(*text) + len + 1))
        return NULL;
    text = malloc(sizeof(*text) + len + 1);
    if (!text)
        return error_no_memory();
    text->len = len;
    memcpy(text->bytes, bytes, len);
    text->bytes[len] = '\0';
    HASH_ADD_KEYPTR(hh, table->texts, text->bytes, len, text);
    if (!text->hh.tbl) {
        free(text);
        return error_no_memory();
    }
    hold(table, sizeof(*text) + len + 1);
    *ret_text = text;
    return NULL;
}

static struct seep_error *add_module(struct stack_table *table, const struct stack_module *module,
                                     struct module_entry **ret_module)
{
    _cleanup_buffer_ struct buffer bytes = {0};
    struct module_entry *entry;
    struct text *key = NULL;
    struct seep_error *err;

    buffer_bytes(&bytes, module->path, strlen(module->path) + 1);
    buffer_bytes(&bytes, module->build_id, module->build_id_len);
    if (bytes.failed)
        return error_no_memory();
    *ret_module = NULL;
    HASH_FIND(hh, table->module_table, bytes.bytes, bytes.len, entry);
    if (entry || table->modules.count == MAX_MODULES || !has_room(table, sizeof(*entry))) {
        *ret_module = entry;
        return NULL;
    }
    err = add_text(table, bytes.bytes, bytes.len, &key);
    if (err || !key || !has_room(table, sizeof(*entry)))
        return err;
    entry = calloc(1, sizeof(*entry));
    err = entry ? vector_push(&table->modules, entry) : error_no_memory();
    if (err) {
        free(entry);
        return err;
    }
    entry->number = (uint32_t)table->modules.count;
    entry->module = *module;
    entry->module.path = key->bytes;
    entry->key = key;
    HASH_ADD_KEYPTR(hh, table->module_table, key->bytes, key->len, entry);
    if (!entry->hh.tbl)
        return error_no_memory();
    hold(table, sizeof(*entry));
    *ret_module = entry;
    return NULL;
}

/* FRAME's module and texts are the table's already. */
static struct seep_error *intern_frame(struct stack_table *table, const struct stack_frame *frame,
                                       uint32_t module, struct frame_entry **ret_frame)
{
    struct frame_entry *entry;
    struct stack_frame key;
    struct seep_error *err;

    memset(&key, 0, sizeof(key));
    key.kind = frame->kind;
    key.flags = frame->flags;
    key.address = frame->address;
    key.offset = frame->offset;
    key.module = frame->module;
    key.function = frame->function;
    key.file = frame->file;
    key.line = frame->line;
    HASH_FIND(hh, table->frame_table, &key, sizeof(key), entry);
    *ret_frame = entry;
    if (entry || table->frames.count == MAX_FRAMES || !has_room(table, sizeof(*entry)))
        return NULL;
    entry = calloc(1, sizeof(*entry));
    err = entry ? vector_push(&table->frames, entry) : error_no_memory();
    if (err) {
        free(entry);
        return err;
    }
    memcpy(&entry->frame, &key, sizeof(key));
    entry->number = (uint32_t)table->frames.count;
    entry->module = module;
    HASH_ADD(hh, table->frame_table, frame, sizeof(key), entry);
    if (!entry->hh.tbl)
        return error_no_memory();
    hold(table, sizeof(*entry));
    *ret_frame = entry;
    return NULL;
}

static struct seep_error *add_name(struct stack_table *table, char **name, bool *full)
{
    struct text *text = NULL;
    struct seep_error *err = *name ? add_text(table, *name, strlen(*name), &text) : NULL;

    *full |= *name && !text;
    *name = text ? text->bytes : NULL;
    return err;
}

static struct seep_error *add_frame(struct stack_table *table, const struct stack_frame *frame,
                                    struct frame_entry **ret_frame)
{
    struct stack_frame own = *frame;
    struct module_entry *module = NULL;
    bool full = false;
    struct seep_error *err = NULL;

    *ret_frame = NULL;
    if (frame->module) {
        err = add_module(table, frame->module, &module);
        full = !module;
        own.module = module ? &module->module : NULL;
    }
    if (!err)
        err = add_name(table, &own.function, &full);
    if (!err)
        err = add_name(table, &own.file, &full);
    if (err || full)
        return err;
    return intern_frame(table, &own, module ? module->number : 0, ret_frame);
}

/* The frames are in table->scratch, from its second item on. */
static struct seep_error *intern_stack(struct stack_table *table, enum stack_end end, size_t count,
                                       uint32_t *ret_id)
{
    const size_t key_bytes = (count + 1) * sizeof(table->scratch[0]);
    struct stack_entry *entry;
    struct seep_error *err;

    table->scratch[0] = (const void *)(uintptr_t)end;
    HASH_FIND(hh, table->stack_table, table->scratch, key_bytes, entry);
    if (entry) {
        *ret_id = entry->stack.id;
        return NULL;
    }
    *ret_id = 0;
    if (table->stacks.count == MAX_STACKS ||
        count > MAX_FRAMES_OF_STACKS - table->frames_of_stacks ||
        !has_room(table, sizeof(*entry) + key_bytes))
        return NULL;
    entry = calloc(1, sizeof(*entry) + key_bytes);
    err = entry ? vector_push(&table->stacks, entry) : error_no_memory();
    if (err) {
        free(entry);
        return err;
    }
    memcpy(entry->key, table->scratch, key_bytes);
    entry->stack = (struct stack){.id = (uint32_t)table->stacks.count,
                                  .end = end,
                                  .count = (uint32_t)count,
                                  .frames = entry->key + 1};
    HASH_ADD_KEYPTR(hh, table->stack_table, entry->key, key_bytes, entry);
    if (!entry->hh.tbl)
        return error_no_memory();
    table->frames_of_stacks += count;
    hold(table, sizeof(*entry) + key_bytes);
    *ret_id = entry->stack.id;
    return NULL;
}

struct seep_error *stack_table_add(struct stack_table *table, const struct stack_path *path,
                                   uint32_t *ret_id)
{
    uint32_t id = 0;
    struct seep_error *err = NULL;

    if (path->count > STACK_MAX_FRAMES)
        return error_create(ERROR_INVALID, "a call path of %zu frames is too long", path->count);
    for (size_t i = 0; i < path->count; i++) {
        struct frame_entry *frame;

        err = add_frame(table, &path->frames[i], &frame);
        if (err)
            return err;
        if (!frame) {
            *ret_id = 0;
            return NULL;
        }
        table->scratch[i + 1] = &frame->frame;
    }
    err = intern_stack(table, path->end, path->count, &id);
    if (!err)
        *ret_id = id;
    return err;
}

const struct stack *stack_table_get(const struct stack_table *table, uint32_t id)
{
    return id > 0 && id <= table->stacks.count ? &table->stacks.items[id - 1]->stack : NULL;
}

uint32_t stack_table_count(const struct stack_table *table)
{
    return (uint32_t)table->stacks.count;
}

/* --- as bytes --- */

bool stack_table_has_news(const struct stack_table *table)
{
    return table->told_stacks < table->stacks.count;
}

static void encode_module(const struct stack_module *module, struct buffer *out)
{
    buffer_u8(out, DEFINE_MODULE);
    buffer_text(out, module->path, strlen(module->path));
    buffer_text(out, (const char *)module->build_id, module->build_id_len);
}

/* The base that the frames of a module have in common, as a rule. */
static uint64_t *base_of(struct stack_table *table, uint32_t module)
{
    return module ? &table->modules.items[module - 1]->base : &table->coded_base;
}

static void encode_frame(struct stack_table *table, const struct frame_entry *entry,
                         struct buffer *out)
{
    const struct stack_frame *frame = &entry->frame;
    bool named = frame->function || frame->file;
    uint64_t *base = base_of(table, entry->module);

    buffer_u8(out, DEFINE_FRAME);
    buffer_u8(out, frame->kind);
    buffer_u8(out, frame->flags | (named ? FLAG_NAMED : 0));
    buffer_varint(out, entry->module);
    buffer_svarint(out, (int64_t)(frame->offset - table->coded_offset));
    buffer_svarint(out, (int64_t)(frame->address - frame->offset - *base));
    table->coded_offset = frame->offset;
    *base = frame->address - frame->offset;
    if (!named)
        return;
    buffer_text(out, frame->function ? frame->function : "",
                frame->function ? strlen(frame->function) : 0);
    buffer_text(out, frame->file ? frame->file : "", frame->file ? strlen(frame->file) : 0);
    buffer_varint(out, frame->line);
}

static uint32_t number_of(const struct stack_frame *frame)
{
    return ((const struct frame_entry *)frame)->number;
}

static void encode_stack(const struct stack *stack, struct buffer *out)
{
    uint32_t last = 0;

    buffer_u8(out, DEFINE_STACK);
    buffer_u8(out, (uint8_t)stack->end);
    buffer_varint(out, stack->count);
    for (uint32_t i = 0; i < stack->count; i++) {
        buffer_svarint(out, (int64_t)number_of(stack->frames[i]) - last);
        last = number_of(stack->frames[i]);
    }
}

bool stack_table_encode(struct stack_table *table, size_t max_len, struct buffer *out)
{
    for (; table->told_modules < table->modules.count && out->len < max_len; table->told_modules++)
        encode_module(&table->modules.items[table->told_modules]->module, out);
    for (; table->told_frames < table->frames.count && out->len < max_len; table->told_frames++)
        encode_frame(table, table->frames.items[table->told_frames], out);
    for (; table->told_stacks < table->stacks.count && out->len < max_len; table->told_stacks++)
        encode_stack(&table->stacks.items[table->told_stacks]->stack, out);
    return stack_table_has_news(table);
}

/* Out-of-range numbers of what comes from a file leave *OK false. */
static struct seep_error *decode_module(struct stack_table *table, struct cursor *c, bool *ok)
{
    struct stack_module module = {0};
    struct module_entry *entry = NULL;
    _cleanup_free_ char *path = NULL;
    size_t path_len, id_len;
    size_t before = table->modules.count;
    const char *path_bytes = cursor_text(c, &path_len);
    const char *id = cursor_text(c, &id_len);
    struct seep_error *err;

    *ok = !c->failed && id_len <= STACK_BUILD_ID_BYTES && !memchr(path_bytes, '\0', path_len);
    if (!*ok)
        return NULL;
    path = strndup(path_bytes, path_len);
    if (!path)
        return error_no_memory();
    module.path = path;
    memcpy(module.build_id, id, id_len);
    module.build_id_len = (uint8_t)id_len;
    err = add_module(table, &module, &entry);
    *ok = table->modules.count == before + 1; /* never twice: numbers would shift */
    return err;
}

static struct seep_error *decode_names(struct stack_table *table, struct cursor *c,
                                       struct stack_frame *frame, bool *ok)
{
    struct text *function = NULL, *file = NULL;
    size_t function_len, file_len;
    const char *function_bytes = cursor_text(c, &function_len);
    const char *file_bytes = cursor_text(c, &file_len);
    uint64_t line = cursor_varint(c);
    struct seep_error *err = NULL;

    *ok = !c->failed && line <= UINT32_MAX && !memchr(function_bytes, '\0', function_len) &&
          !memchr(file_bytes, '\0', file_len);
    if (*ok && function_len)
        err = add_text(table, function_bytes, function_len, &function);
    if (*ok && !err && file_len)
        err = add_text(table, file_bytes, file_len, &file);
    *ok = *ok && !err && !function_len == !function && !file_len == !file;
    if (!*ok)
        return err;
    frame->function = function ? function->bytes : NULL;
    frame->file = file ? file->bytes : NULL;
    frame->line = (uint32_t)line;
    return NULL;
}

static struct seep_error *decode_frame(struct stack_table *table, struct cursor *c, bool *ok)
{
    struct stack_frame frame = {.kind = cursor_u8(c), .flags = cursor_u8(c)};
    uint64_t module = cursor_varint(c);
    struct frame_entry *entry = NULL;
    size_t before = table->frames.count;
    struct seep_error *err = NULL;

    *ok = !c->failed && module <= table->modules.count;
    if (!*ok)
        return NULL;

    uint64_t *base = base_of(table, (uint32_t)module);

    frame.module = module ? &table->modules.items[module - 1]->module : NULL;
    frame.offset = table->coded_offset += (uint64_t)cursor_svarint(c);
    *base += (uint64_t)cursor_svarint(c);
    frame.address = frame.offset + *base;
    if (frame.flags & FLAG_NAMED)
        err = decode_names(table, c, &frame, ok);
    frame.flags &= (uint8_t)~FLAG_NAMED;
    if (err || !*ok || c->failed)
        return err;
    err = intern_frame(table, &frame, (uint32_t)module, &entry);
    *ok = table->frames.count == before + 1;
    return err;
}

static struct seep_error *decode_stack(struct stack_table *table, struct cursor *c, bool *ok)
{
    uint8_t end = cursor_u8(c);
    uint64_t count = cursor_varint(c);
    size_t before = table->stacks.count;
    uint64_t number = 0;
    uint32_t id;
    struct seep_error *err;

    *ok = !c->failed && count <= STACK_MAX_FRAMES && count <= cursor_left(c);
    for (uint64_t i = 0; *ok && i < count; i++) {
        number += (uint64_t)cursor_svarint(c);
        *ok = !c->failed && number > 0 && number <= table->frames.count;
        if (*ok)
            table->scratch[i + 1] = &table->frames.items[number - 1]->frame;
    }
    if (!*ok)
        return NULL;
    err = intern_stack(table, end, count, &id);
    *ok = table->stacks.count == before + 1;
    return err;
}

struct seep_error *stack_table_decode(struct stack_table *table, const void *raw, size_t len)
{
    struct cursor c = cursor_of(raw, len);
    struct seep_error *err = NULL;
    bool ok = true;

    while (!err && ok && cursor_left(&c)) {
        switch (cursor_u8(&c)) {
        case DEFINE_MODULE:
            err = decode_module(table, &c, &ok);
            break;
        case DEFINE_FRAME:
            err = decode_frame(table, &c, &ok);
            break;
        case DEFINE_STACK:
            err = decode_stack(table, &c, &ok);
            break;
        default:
            ok = false;
        }
        ok = ok && !c.failed;
    }
    table->told_modules = table->modules.count;
    table->told_frames = table->frames.count;
    table->told_stacks = table->stacks.count;
    if (!err && !ok)
        err = error_create(ERROR_CORRUPT,
                           "the definition of a call path at byte %zu of %zu makes no sense", c.at,
                           len);
    return err;
}
