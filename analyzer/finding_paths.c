#include "analyzer/finding_paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"

/* A path of a diagnosis with what it is compared by. */
struct entry {
    uint32_t stack_id;
    uint64_t site, culprit; /* paths without a class are compared by their number alone */
    const struct call_path *path;
    uint64_t count, bytes;
};

VECTOR_TYPE(entries, struct entry);

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t total;

    return __builtin_add_overflow(a, b, &total) ? UINT64_MAX - 1 : total;
}

static int order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_sites(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int o = order(x->site, y->site);

    o = o ? o : order(x->culprit, y->culprit);
    o = o ? o : order(y->bytes, x->bytes);
    return o ? o : order(x->stack_id, y->stack_id);
}

static int compare_bytes(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int o = order(y->bytes, x->bytes);

    return o ? o : order(x->stack_id, y->stack_id);
}

static int compare_culprits(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int o = order(x->culprit, y->culprit);

    return o ? o : compare_bytes(a, b);
}

static void sort(struct entries *entries, int (*compare)(const void *, const void *))
{
    if (entries->count > 1)
        qsort(entries->items, entries->count, sizeof(*entries->items), compare);
}

/* Paths of the same calls from the culprit outwards become the largest of them. */
static void merge(struct entries *entries)
{
    size_t kept = 0;

    sort(entries, compare_sites);
    for (size_t i = 0; i < entries->count; i++) {
        struct entry *last = kept ? &entries->items[kept - 1] : NULL;
        const struct entry *entry = &entries->items[i];

        if (last && last->site == entry->site && last->culprit == entry->culprit) {
            last->count = sum(last->count, entry->count);
            last->bytes = sum(last->bytes, entry->bytes);
        } else {
            entries->items[kept++] = *entry;
        }
    }
    entries->count = kept;
    sort(entries, compare_bytes);
}

static struct seep_error *gather(const struct diagnosis *d, const struct call_paths *paths,
                                 struct entries *entries)
{
    const uint64_t by_number = UINT64_C(1) << 32;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < d->paths.count && !err; i++) {
        const struct suspect_path *p = &d->paths.items[i];
        const struct call_path *path = call_paths_get(paths, p->stack_id);

        if (p->stack_id)
            err =
                vector_push(entries, (struct entry){
                                         .stack_id = p->stack_id,
                                         .site = path ? path->site : by_number + p->stack_id,
                                         .culprit = path ? path->culprit : by_number + p->stack_id,
                                         .path = path,
                                         .count = p->count,
                                         .bytes = p->bytes,
                                     });
    }
    merge(entries);
    return err;
}

/* --- one path, written out --- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static struct seep_error *copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? error_no_memory() : NULL;
}

static struct seep_error *copy_build_id(const struct stack_module *module, char **ret_hex)
{
    char *hex;

    if (module->build_id_len == 0)
        return NULL;
    hex = malloc(2 * (size_t)module->build_id_len + 1);
    if (!hex)
        return error_no_memory();
    for (size_t i = 0; i < module->build_id_len; i++)
        sprintf(hex + 2 * i, "%02x", module->build_id[i]);
    *ret_hex = hex;
    return NULL;
}

struct writing {
    struct analysis_stack *stack;
    struct seep_error *err;
};

static bool write_level(const struct call_paths_level *level, void *context)
{
    struct writing *w = context;
    const struct stack_frame *frame = level->frame;
    struct analysis_frame *f;

    w->err = vector_push(&w->stack->frames,
                         (struct analysis_frame){
                             .kind = frame->kind,
                             .address = frame->address,
                             .inlined = level->level->inlined,
                             .offset = frame->module ? frame->offset : ANALYSIS_UNKNOWN,
                             .line = level->level->line,
                         });
    if (w->err)
        return false;
    f = &w->stack->frames.items[w->stack->frames.count - 1];
    w->err = copy_text(level->level->function, &f->function);
    if (!w->err)
        w->err = copy_text(level->level->file, &f->file);
    if (!w->err && frame->module)
        w->err = copy_text(frame->module->path, &f->module);
    if (!w->err && frame->module)
        w->err = copy_build_id(frame->module, &f->build_id);
    return !w->err;
}

/* A sentence for a person; nothing for a path that is whole. */
static void put_end(struct buffer *text, enum stack_end end, const struct analysis_stack *stack)
{
    const struct analysis_frame *last =
        stack->frames.count ? &stack->frames.items[stack->frames.count - 1] : NULL;
    struct units_text count;

    switch (end) {
    case STACK_END_COMPLETE:
        return;
    case STACK_END_MAX_FRAMES:
        buffer_printf(text, "cut after %s frames", units_format_count(&count, stack->frames.count));
        return;
    case STACK_END_COPY:
        buffer_printf(text, "cut at the end of the bytes of stack that were copied: it goes on "
                            "beyond --stack-bytes, or on another stack");
        return;
    case STACK_END_NO_UNWIND_INFO:
        buffer_printf(text, "unwinding stopped: no unwind information ");
        if (last && last->module)
            buffer_printf(text, "in %s", base_name(last->module));
        else if (last && last->kind == STACK_FRAME_JIT)
            buffer_printf(text, "for code that was made at run time");
        else
            buffer_printf(text, "for that code");
        return;
    case STACK_END_BROKEN:
        buffer_printf(text, "unwinding stopped: what the last frame leads to makes no sense");
        return;
    case STACK_END_UNKNOWN:
        break;
    }
    buffer_printf(text, "whether there are more frames was not recorded");
}

static struct seep_error *take_text(struct buffer *text, char **ret_text)
{
    if (text->failed)
        return error_no_memory();
    *ret_text = take_ptr(text->bytes);
    return NULL;
}

struct seep_error *finding_paths_make(const struct call_paths *paths, uint32_t stack_id,
                                      uint64_t count, uint64_t bytes,
                                      struct analysis_stack *ret_stack)
{
    const struct call_path *path = call_paths_get(paths, stack_id);
    struct analysis_stack stack = {.count = count, .bytes = bytes};
    _cleanup_buffer_ struct buffer end = {0};
    struct writing w = {.stack = &stack};

    call_paths_each_level(paths, stack_id, write_level, &w);
    put_end(&end, call_paths_end(paths, stack_id), &stack);
    if (!w.err)
        w.err = take_text(&end, &stack.end);
    if (w.err) {
        analysis_stack_deinit(&stack);
        return w.err;
    }
    stack.culprit = path && path->has_culprit ? path->depth : stack.frames.count;
    *ret_stack = stack;
    return NULL;
}

/* --- the finding --- */

static struct seep_error *push_stack(struct finding *f, struct analysis_stack *stack)
{
    struct seep_error *err = vector_push(&f->stacks, *stack);

    if (err)
        analysis_stack_deinit(stack);
    return err;
}

/* What is beyond the limit, so that the sum is right. */
static struct seep_error *add_rest(const struct entries *entries, size_t from, struct finding *f)
{
    struct analysis_stack rest = {0};
    struct units_text count;

    for (size_t i = from; i < entries->count; i++) {
        rest.count = sum(rest.count, entries->items[i].count);
        rest.bytes = sum(rest.bytes, entries->items[i].bytes);
    }
    if (asprintf(&rest.end, "%s call paths more",
                 units_format_count(&count, entries->count - from)) < 0)
        return error_no_memory();
    return push_stack(f, &rest);
}

static struct seep_error *add_stacks(const struct call_paths *paths, const struct entries *entries,
                                     struct finding *f)
{
    size_t most = f->verdict == VERDICT_NOT_LEAK ? FINDING_PATHS_MAX_HARMLESS : FINDING_PATHS_MAX;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < entries->count && i < most && !err; i++) {
        const struct entry *entry = &entries->items[i];
        struct analysis_stack stack;

        err = finding_paths_make(paths, entry->stack_id, entry->count, entry->bytes, &stack);
        if (!err)
            err = push_stack(f, &stack);
    }
    return !err && entries->count > most ? add_rest(entries, most, f) : err;
}

/* The culprit with the most bytes: a path of it, and its share of all. */
struct culprit_share {
    const struct call_path *path;
    uint32_t stack_id;
    uint64_t bytes, count;
};

static struct culprit_share find_culprit(struct entries *entries)
{
    struct culprit_share best = {0};

    sort(entries, compare_culprits);
    for (size_t from = 0, to; from < entries->count; from = to) {
        struct culprit_share share = {entries->items[from].path, entries->items[from].stack_id, 0,
                                      0};

        for (to = from;
             to < entries->count && entries->items[to].culprit == entries->items[from].culprit;
             to++) {
            share.bytes = sum(share.bytes, entries->items[to].bytes);
            share.count = sum(share.count, entries->items[to].count);
        }
        if (share.bytes > best.bytes)
            best = share;
    }
    sort(entries, compare_bytes);
    return best;
}

static bool is_sampled(const struct diagnosis *d)
{
    for (size_t i = 0; i < d->parts.count; i++) {
        const struct suspect *s = d->parts.items[i];

        if (s->kind == SUSPECT_HEAP || s->kind == SUSPECT_COMMITS || s->kind == SUSPECT_RUNTIME ||
            s->pool)
            return true;
    }
    return d->judgement.doubts & DOUBT_ALLOCATOR;
}

struct naming {
    struct finding *finding;
    uint32_t depth;
    struct seep_error *err;
};

static bool name_culprit(const struct call_paths_level *level, void *context)
{
    struct naming *n = context;

    if (level->number < n->depth)
        return true;
    n->err = copy_text(level->level->function, &n->finding->culprit.function);
    if (!n->err && level->frame->module)
        n->err = copy_text(level->frame->module->path, &n->finding->culprit.module);
    return false;
}

struct seep_error *finding_paths_fill(const struct diagnosis *d, const struct call_paths *paths,
                                      struct finding *f)
{
    struct entries entries = {0};
    struct culprit_share share;
    struct naming n = {.finding = f};
    struct seep_error *err = paths ? gather(d, paths, &entries) : NULL;

    f->sampled = entries.count && is_sampled(d);
    share = find_culprit(&entries);
    if (!err)
        err = add_stacks(paths, &entries, f);
    vector_deinit(&entries);
    if (err || !share.path || !share.path->has_culprit || f->bytes == ANALYSIS_UNKNOWN)
        return err;
    if (share.bytes <= f->bytes / 2)
        return NULL;
    /* Who asks for the most may free it all, and a wrong name is worse than none. */
    if (f->sampled && (f->region == REGION_HEAP || f->region == REGION_ARENA))
        return NULL;
    if (f->sampled && (share.count < FINDING_PATHS_MIN_SAMPLES ||
                       share.bytes < f->bytes / 100 * FINDING_PATHS_SAMPLES_PER_CENT))
        return NULL;
    n.depth = share.path->depth;
    call_paths_each_level(paths, share.stack_id, name_culprit, &n);
    return n.err;
}

static bool is_of_java(const struct analysis_frame *frame)
{
    return frame->kind == STACK_FRAME_JAVA ||
           (frame->module && strcmp(base_name(frame->module), "libjvm.so") == 0);
}

struct seep_error *finding_paths_advice(const struct finding *f, const char *pid, char **ret_advice)
{
    struct buffer text = {0};
    bool unnamed = false, java = false;

    *ret_advice = NULL;
    for (size_t i = 0; i < f->stacks.count; i++) {
        const struct analysis_stack *stack = &f->stacks.items[i];

        for (size_t n = 0; n < stack->frames.count; n++) {
            const struct analysis_frame *frame = &stack->frames.items[n];

            unnamed |= frame->kind == STACK_FRAME_JIT && !frame->function;
            java |= is_of_java(frame);
        }
    }
    if (!unnamed)
        return NULL;
    buffer_printf(&text, "to name the code made at run time in its call paths: ");
    if (java && pid)
        buffer_printf(&text, "jcmd %s Compiler.perfmap, while it is traced", pid);
    else if (java)
        buffer_printf(&text, "run it with -XX:+DumpPerfMapAtExit");
    else
        buffer_printf(&text,
                      "have its runtime write /tmp/perf-%s.map (node --perf-basic-prof, "
                      "python3 -X perf)",
                      pid ? pid : "PID");
    return take_text(&text, ret_advice);
}

static void put_size(struct buffer *out, uint64_t bytes)
{
    struct units_text text;

    buffer_printf(out, "%s", units_format_size(&text, bytes));
}

void finding_paths_reason(const struct diagnosis *d, const struct call_paths *paths,
                          const struct finding *f, struct buffer *out)
{
    uint64_t without = 0, samples = 0;
    struct units_text count;

    if (!paths || d->paths.count == 0)
        return;
    if (d->paths.items[0].stack_id == 0)
        without = d->paths.items[0].bytes;
    for (size_t i = 0; i < f->stacks.count; i++)
        samples = sum(samples, f->stacks.items[i].count);
    if (f->sampled && f->verdict != VERDICT_NOT_LEAK) {
        buffer_printf(
            out,
            "; its call paths are samples: %s growth call%s, each by whoever asked "
            "when there was no room left, which may be an innocent caller: a function that "
            "frees what it gets shows up here just the same",
            units_format_count(&count, samples), samples == 1 ? "" : "s");
    }
    if (without && f->stacks.count == 0) {
        buffer_printf(out, "; no call path of it was recorded");
    } else if (without) {
        buffer_printf(out, "; of ");
        put_size(out, without);
        buffer_printf(out, " no call path was recorded");
    }
}
