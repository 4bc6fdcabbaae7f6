#include "report/path_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/vector.h"
#include "report/path_plain.h"
#include "report/wrap.h"

enum {
    NAME_BYTES = 512,    /* of a name that is looked at */
    NAME_COLUMNS = 60,   /* of one that is shown */
    OUTER_COLUMNS = 140, /* at least, for who called the culprit */
    LINE_ROWS = 3,       /* of one path, about */
    TREE_LINES = 8,      /* of several */
    LABEL_COLUMNS = 11,  /* as in rows.c */
    MIN_COLUMNS = 24,
    MIN_SHARE = 2000, /* a part of the bytes that is smaller gets no line */
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* --- one frame --- */

/* Where the parameters begin: "(anonymous namespace)::f(int)" has them behind f. */
static size_t parameters_at(const char *name, size_t len)
{
    static const char anonymous[] = "(anonymous namespace)";
    int depth = 0;

    for (size_t i = 0; i < len; i++) {
        if (depth == 0 && name[i] == '(') {
            if (strncmp(name + i, anonymous, strlen(anonymous)) != 0)
                return i ? i : len;
            i += strlen(anonymous) - 1;
            continue;
        }
        depth += name[i] == '<' || name[i] == '[';
        depth -= depth > 0 && (name[i] == '>' || name[i] == ']');
    }
    return len;
}

/* Without parameters and template arguments. An operator's name (operator<, operator->) is left whole:
 * it has brackets of its own. */
static void put_function(struct buffer *out, const char *name)
{
    _cleanup_buffer_ struct buffer plain = {0}, escaped = {0};
    size_t len;
    bool is_operator = strstr(name, "operator") != NULL;
    int depth = 0;

    /* What glibc calls its functions inside of itself. */
    if (strncmp(name, "__GI_", strlen("__GI_")) == 0)
        name += strlen("__GI_");
    len = strnlen(name, NAME_BYTES);
    len = is_operator ? len : parameters_at(name, len);
    for (size_t i = 0; i < len; i++) {
        /* Rust's "<T as Trait>::f" begins with what it is, and Java's "Cart.<init>" is a name. */
        bool opens = name[i] == '<' && i > 0 && !is_operator && isalnum((unsigned char)name[i - 1]);

        if (depth > 0 && name[i] == '>')
            depth--;
        if (depth == 0)
            buffer_bytes(&plain, &name[i], 1);
        if (opens || (depth > 0 && name[i] == '<'))
            depth++;
    }
    escape_append(&escaped, plain.bytes ? plain.bytes : "", plain.len);
    out->failed |= plain.failed || escaped.failed;
    if (escaped.failed || !escaped.len)
        return;

    size_t fit = wrap_fit(escaped.bytes, escaped.len, NAME_COLUMNS);

    buffer_printf(out, "%.*s%s", (int)fit, escaped.bytes, fit < escaped.len ? "..." : "");
}

void path_text_name(struct buffer *out, const struct analysis_frame *frame)
{
    if (frame->kind == STACK_FRAME_GAP) {
        buffer_printf(out, "(");
        put_function(out, frame->function && frame->function[0] ? frame->function
                                                                : "frames are missing");
        buffer_printf(out, ")");
    } else if (frame->function && frame->function[0]) {
        put_function(out, frame->function);
    } else if (frame->module) {
        const char *base = base_name(frame->module);

        escape_append(out, base, strnlen(base, NAME_BYTES));
        if (frame->offset != ANALYSIS_UNKNOWN)
            buffer_printf(out, "+0x%" PRIx64, frame->offset);
    } else if (frame->kind == STACK_FRAME_JIT) {
        buffer_printf(out, "code made at run time (0x%" PRIx64 ")", frame->address);
    } else {
        buffer_printf(out, "0x%" PRIx64, frame->address);
    }
}

static void put_place(struct buffer *out, const struct analysis_frame *frame, const char *before,
                      const char *after)
{
    _cleanup_buffer_ struct buffer place = {0};
    const char *base = frame->file ? base_name(frame->file) : "";

    if (!base[0])
        return;
    escape_append(&place, base, strnlen(base, NAME_BYTES));
    out->failed |= place.failed;
    if (place.failed)
        return;
    buffer_printf(out, "%s%s", before, place.bytes);
    if (frame->line)
        buffer_printf(out, ":%" PRIu32, frame->line);
    buffer_printf(out, "%s", after);
}

/* --- one path --- */

static size_t columns_of(const struct buffer *text)
{
    return text->len && !text->failed ? wrap_columns(text->bytes, text->len) : 0;
}

static bool is_same_name(const struct analysis_frame *a, const struct analysis_frame *b)
{
    return a->function && b->function && a->kind != STACK_FRAME_GAP && b->kind != STACK_FRAME_GAP &&
           strcmp(a->function, b->function) == 0;
}

/* "parse ×20": frame I and those further out of the same name, whose number is returned. */
static size_t put_run(struct buffer *out, const struct analysis_stack *stack, size_t i)
{
    const struct analysis_frame *frame = &stack->frames.items[i];
    size_t run = 1;

    while (i + run < stack->frames.count && is_same_name(frame, &stack->frames.items[i + run]))
        run++;
    path_text_name(out, frame);
    if (run > 1)
        buffer_printf(out, " ×%zu", run);
    return run;
}

void path_text_chain(struct buffer *out, const struct analysis_stack *stack, size_t from,
                     size_t columns)
{
    static const char separator[] = " < ", left_out[] = "...";
    size_t count = stack->frames.count, used = 0;
    _cleanup_buffer_ struct buffer last = {0}, name = {0};

    if (from >= count)
        return;
    path_text_name(&last, &stack->frames.items[count - 1]);

    size_t tail = strlen(left_out) + 2 * strlen(separator) + columns_of(&last);

    for (size_t i = from, run; i < count; i += run) {
        size_t step;

        buffer_clear(&name);
        run = put_run(&name, stack, i);
        step = columns_of(&name) + (used ? strlen(separator) : 0);
        /* Room is kept for the outermost. */
        if (i + run < count && !used && tail - strlen(separator) > columns) {
            buffer_printf(out, "%s", left_out);
            break;
        }
        if (i + run < count && used + step + tail > columns) {
            buffer_printf(out, "%s%s%s%s", used ? separator : "", left_out, separator,
                          last.bytes ? last.bytes : "");
            break;
        }
        buffer_printf(out, "%s%s", used ? separator : "", name.bytes ? name.bytes : "");
        used += step;
    }
    out->failed |= name.failed || last.failed;
}

/* The call into the kernel, and what of the allocator the frame that is told called. */
static void put_inside(struct buffer *out, const struct analysis_stack *stack, size_t first)
{
    if (first == 0)
        return;
    path_text_name(out, &stack->frames.items[0]);
    buffer_printf(out, " < ");
    if (first == 1)
        return;
    if (first > 2)
        buffer_printf(out, "... < ");
    if (path_plain_is_library(&stack->frames.items[first - 1]))
        return;
    path_text_name(out, &stack->frames.items[first - 1]);
    buffer_printf(out, " < ");
}

void path_text_line(struct buffer *out, const struct analysis_stack *whole, size_t columns)
{
    struct analysis_stack stack;
    size_t start = columns_of(out), first, used;

    if (!path_plain_make(whole, &stack)) {
        out->failed = true;
        return;
    }
    first = path_plain_first(&stack);
    if (stack.frames.count) {
        put_inside(out, &stack, first);
        first += put_run(out, &stack, first);
        if (stack.culprit < stack.frames.count)
            put_place(out, &stack.frames.items[stack.culprit], " (", ")");
    }
    if (first < stack.frames.count) {
        buffer_printf(out, " < ");
        used = columns_of(out) - start;
        path_text_chain(out, &stack, first,
                        columns > used + OUTER_COLUMNS ? columns - used : OUTER_COLUMNS);
    }
    free(stack.frames.items);
}

void path_text_frames(struct buffer *out, const struct analysis_stack *stack, const char *indent)
{
    for (size_t i = 0; i < stack->frames.count; i++) {
        const struct analysis_frame *frame = &stack->frames.items[i];
        const char *function = frame->function ? frame->function : "";

        buffer_printf(out, "%s > ", indent);
        if (frame->module)
            escape_append(out, frame->module, strlen(frame->module));
        buffer_printf(out, "(");
        escape_append(out, function, strlen(function));
        buffer_printf(out, ") [0x%" PRIx64 "]",
                      frame->offset == ANALYSIS_UNKNOWN ? frame->address : frame->offset);
        put_place(out, frame, " ", "");
        buffer_printf(out, "%s\n", frame->inlined ? " inlined" : "");
    }
    if (stack->end) {
        buffer_printf(out, "%s > ", indent);
        escape_append(out, stack->end, strlen(stack->end));
        buffer_printf(out, "\n");
    }
}

/* --- several paths --- */

/* Paths that are the same up to DEPTH frames from the culprit outwards. */
struct branch {
    const struct analysis_stack **stacks; /* the most bytes first */
    size_t count;
    uint64_t bytes;
    size_t from, depth; /* the frames it shows, counted from the culprit */
};

struct tree {
    struct rows *rows;
    uint64_t bytes; /* of all */
    unsigned left;  /* lines */
    bool begun;
};

static uint64_t sum(uint64_t a, uint64_t b)
{
    uint64_t total;

    return __builtin_add_overflow(a, b, &total) ? UINT64_MAX : total;
}

/* Frame number DEPTH from the culprit outwards; NULL: the path ends before. */
static const struct analysis_frame *frame_at(const struct analysis_stack *stack, size_t depth)
{
    size_t at = path_plain_first(stack) + depth;

    return at < stack->frames.count ? &stack->frames.items[at] : NULL;
}

static int compare_texts(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int compare_frames(const struct analysis_frame *a, const struct analysis_frame *b)
{
    int order;

    if (!a || !b)
        return (a != NULL) - (b != NULL);
    if (path_plain_unnamed(a) && path_plain_unnamed(b))
        return 0;
    order = compare_texts(a->module, b->module);
    order = order ? order : compare_texts(a->function, b->function);
    if (order || a->function)
        return order;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    if (a->module)
        return 0;
    return (a->address > b->address) - (a->address < b->address);
}

static int compare_bytes(const void *a, const void *b)
{
    const struct branch *x = a, *y = b;

    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* Cuts what is the same up to DEPTH into what is the same one frame further; the most bytes first. */
static size_t split(const struct analysis_stack **stacks, size_t count, size_t depth,
                    struct branch *branches)
{
    size_t made = 0;

    for (size_t from = 0, to; from < count; from = to) {
        const struct analysis_frame *frame = frame_at(stacks[from], depth);
        struct branch *branch = &branches[made++];

        *branch = (struct branch){.stacks = &stacks[from],
                                  .bytes = stacks[from]->bytes,
                                  .from = depth,
                                  .depth = depth + 1};
        to = from + 1;
        for (size_t i = to; i < count; i++) {
            const struct analysis_stack *stack = stacks[i];

            if (compare_frames(frame, frame_at(stack, depth)) != 0)
                continue;
            memmove(&stacks[to + 1], &stacks[to], (i - to) * sizeof(const void *));
            stacks[to++] = stack;
            branch->bytes = sum(branch->bytes, stack->bytes);
        }
        branch->count = to - from;
    }
    qsort(branches, made, sizeof(*branches), compare_bytes);
    return made;
}

/* Goes out as far as all of BRANCH go the same way. */
static void extend(struct branch *branch)
{
    const struct analysis_frame *frame;

    while ((frame = frame_at(branch->stacks[0], branch->depth))) {
        for (size_t i = 1; i < branch->count; i++)
            if (compare_frames(frame, frame_at(branch->stacks[i], branch->depth)) != 0)
                return;
        branch->depth++;
    }
}

static void put_branch(struct tree *tree, const struct branch *branch, const char *prefix,
                       bool is_last, bool is_root)
{
    struct rows *r = tree->rows;
    const struct analysis_stack *stack = branch->stacks[0];
    size_t from = path_plain_first(stack) + branch->from, used, room;
    /* The frames that all have: further out they differ. */
    struct analysis_stack shown = *stack;

    rows_printf(r, "%s%s", prefix, is_root ? "" : is_last ? "`- " : "|- ");
    rows_size(r, branch->bytes);
    if (branch->bytes < tree->bytes) {
        rows_printf(r, " ");
        rows_share(r, branch->bytes, tree->bytes);
    }
    rows_printf(r, "  ");
    if (from >= stack->frames.count) {
        rows_text(r, stack->end ? stack->end : "(nobody further out)");
    } else {
        if (is_root && path_plain_unnamed(&stack->frames.items[from]))
            put_inside(&r->line, stack, from);
        path_text_name(&r->line, &stack->frames.items[from]);
        put_place(&r->line, &stack->frames.items[from], "  ", "");
        shown.frames.count = path_plain_first(stack) + branch->depth;
        used = LABEL_COLUMNS + columns_of(&r->line) + strlen(" < ");
        room = r->width > used + OUTER_COLUMNS / 2 ? r->width - used : OUTER_COLUMNS / 2;
        /* Who called is told once for all that is below. */
        room += is_root ? OUTER_COLUMNS / 2 : 0;
        if (from + 1 < shown.frames.count) {
            rows_printf(r, " < ");
            path_text_chain(&r->line, &shown, from + 1, room);
        }
    }
    rows_end(r, tree->begun ? "" : "path");
    tree->begun = true;
    tree->left--;
}

static void put_rest(struct tree *tree, const struct branch *branches, size_t count,
                     const char *prefix, bool is_root)
{
    uint64_t bytes = 0;
    size_t paths = 0;

    for (size_t i = 0; i < count; i++) {
        bytes = sum(bytes, branches[i].bytes);
        paths += branches[i].count;
    }
    rows_printf(tree->rows, "%s%sand %zu path%s more, ", prefix, is_root ? "" : "`- ", paths,
                paths == 1 ? "" : "s");
    rows_size(tree->rows, bytes);
    rows_end(tree->rows, tree->begun ? "" : "path");
    tree->begun = true;
    if (tree->left)
        tree->left--;
}

/* STACKS, which go the same way up to DEPTH, as branches; one line is kept for what does not fit. */
static void put_branches(struct tree *tree, const struct analysis_stack **stacks, size_t count,
                         size_t depth, const char *prefix)
{
    struct branch *branches = calloc(count, sizeof(*branches));
    size_t made;

    if (!branches) {
        tree->rows->out.failed = true;
        return;
    }
    made = split(stacks, count, depth, branches);
    for (size_t i = 0; i < made; i++) {
        bool is_last = i + 1 == made, is_root = depth == 0;
        char deeper[64];

        /* The largest come first: what follows is small too. */
        if (branches[i].bytes < tree->bytes / MIN_SHARE ||
            (tree->left <= 1 && !(is_last && tree->left == 1))) {
            put_rest(tree, &branches[i], made - i, prefix, is_root);
            break;
        }
        extend(&branches[i]);
        put_branch(tree, &branches[i], prefix, is_last, is_root);
        if (branches[i].count == 1 || strlen(prefix) > 2)
            continue;
        snprintf(deeper, sizeof(deeper), "%s%s", prefix, is_root ? "" : is_last ? "   " : "|  ");
        /* Another call in the same functions is no branch. */
        if (frame_at(branches[i].stacks[0], branches[i].depth) ||
            frame_at(branches[i].stacks[branches[i].count - 1], branches[i].depth))
            put_branches(tree, branches[i].stacks, branches[i].count, branches[i].depth, deeper);
    }
    free(branches);
}

/* All of them go through the same functions. */
static bool are_alike(const struct analysis_stack **stacks, size_t count)
{
    struct branch all = {.stacks = stacks, .count = count};

    extend(&all);
    for (size_t i = 0; i < count; i++)
        if (frame_at(stacks[i], all.depth))
            return false;
    return true;
}

static void put_one(struct rows *r, const struct finding *f, const struct analysis_stack *stack)
{
    size_t columns =
        r->width > LABEL_COLUMNS + MIN_COLUMNS ? r->width - LABEL_COLUMNS : MIN_COLUMNS;

    if (f->sampled)
        rows_printf(r, "samples: ");
    path_text_line(&r->line, stack, LINE_ROWS * columns);
    if (stack->end) {
        rows_printf(r, " (");
        rows_text(r, stack->end);
        rows_printf(r, ")");
    }
    rows_end(r, "path");
}

VECTOR_TYPE(plain_stacks, struct analysis_stack);

static void plain_stacks_deinit(struct plain_stacks *plain)
{
    for (size_t i = 0; i < plain->count; i++)
        free(plain->items[i].frames.items);
    vector_deinit(plain);
}

static bool add_plain(struct plain_stacks *plain, const struct analysis_stack *stack)
{
    struct analysis_stack made;
    struct seep_error *err;

    if (!path_plain_make(stack, &made))
        return false;
    err = vector_push(plain, made);
    if (err)
        free(made.frames.items);
    error_destroy(err);
    return !err;
}

void path_text(struct rows *r, const struct finding *f)
{
    _cleanup_free_ const struct analysis_stack **stacks =
        calloc(f->stacks.count + 1, sizeof(const void *));
    _cleanup_(plain_stacks_deinit) struct plain_stacks plain = {0};
    struct tree tree = {.rows = r, .left = TREE_LINES};
    size_t count = 0;

    if (!stacks) {
        r->out.failed = true;
        return;
    }
    for (size_t i = 0; i < f->stacks.count; i++) {
        tree.bytes = sum(tree.bytes, f->stacks.items[i].bytes);
        if (!f->stacks.items[i].frames.count)
            continue;
        if (!add_plain(&plain, &f->stacks.items[i])) {
            r->out.failed = true;
            return;
        }
    }
    for (; count < plain.count; count++)
        stacks[count] = &plain.items[count];
    if (count == 0)
        return;
    if (count == f->stacks.count && are_alike(stacks, count)) {
        put_one(r, f, stacks[0]);
        return;
    }
    if (f->sampled) {
        rows_printf(r, "samples, by who asked when there was no room left:");
        rows_end(r, "path");
        tree.begun = true;
    }
    put_branches(&tree, stacks, count, 0, "");
}
