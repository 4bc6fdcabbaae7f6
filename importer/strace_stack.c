#include "importer/strace_stack.h"

#include <string.h>
#include <xxhash.h>

#include "base/buffer.h"
#include "base/units.h"

/* The same few paths come again and again: they are known by their text. */
enum { KNOWN = 1 << 14, MAX_TEXT_BYTES = 256 << 10, MAX_PART_BYTES = 4096 };

struct known_path {
    XXH128_hash_t hash;
    uint32_t id; /* 0: free */
};

struct strace_stacks {
    struct buffer text; /* of the path at hand, a line a frame */
    struct known_path known[KNOWN];
    struct stack_frame frames[STACK_MAX_FRAMES];
    struct stack_module modules[STACK_MAX_FRAMES];
};

struct seep_error *strace_stacks_create(struct strace_stacks **ret_stacks)
{
    struct strace_stacks *stacks = calloc(1, sizeof(*stacks));

    if (!stacks)
        return error_no_memory();
    *ret_stacks = stacks;
    return NULL;
}

void strace_stacks_destroy(struct strace_stacks *stacks)
{
    if (!stacks)
        return;
    buffer_deinit(&stacks->text);
    free(stacks);
}

void strace_stacks_begin(struct strace_stacks *stacks)
{
    buffer_clear(&stacks->text);
}

void strace_stacks_add(struct strace_stacks *stacks, const char *text, size_t len)
{
    if (stacks->text.len + len + 1 > MAX_TEXT_BYTES || len > MAX_PART_BYTES)
        return;
    buffer_bytes(&stacks->text, text, len);
    buffer_u8(&stacks->text, '\n');
}

/* Where the '(' before the function is: a path may have one too, behind a blank as in " (deleted)", and
 * a C++ function has its own behind that. */
static char *find_function(char *frame)
{
    char *first = NULL;

    for (char *at = frame; (at = strchr(at, '(')); at++) {
        if (!first)
            first = at;
        if (at > frame && at[-1] != ' ')
            return at;
    }
    return first;
}

/* FRAME is taken apart in place: "PATH(FUNCTION+0xOFF) [0xADDRESS]". false: it is no frame. */
static bool parse_frame(char *frame, struct stack_frame *ret_frame, struct stack_module *ret_module)
{
    char *bracket = strrchr(frame, '['), *open, *close, *plus;
    uint64_t address;

    if (!bracket || bracket == frame || bracket[-1] != ' ' || !(close = strchr(bracket, ']')))
        return false;
    *close = '\0';
    if (!units_parse_address(bracket + 1, &address))
        return false;
    bracket[-1] = '\0';
    open = find_function(frame);
    close = strrchr(frame, ')');
    if (!open || !close || close < open || close[1])
        return false;
    *open = '\0';
    *close = '\0';
    plus = strrchr(open + 1, '+');
    if (plus && plus[1] == '0' && plus[2] == 'x')
        *plus = '\0';
    *ret_module = (struct stack_module){.path = frame};
    *ret_frame = (struct stack_frame){.kind = STACK_FRAME_NATIVE,
                                      .offset = address,
                                      .module = ret_module,
                                      .function = open[1] ? open + 1 : NULL};
    return true;
}

static struct seep_error *add_path(struct strace_stacks *stacks, struct collection *c,
                                   uint32_t *ret_id)
{
    struct stack_path path = {.end = STACK_END_UNKNOWN, .frames = stacks->frames};
    char *line = stacks->text.bytes, *end;

    for (; (end = strchr(line, '\n')) && path.count < STACK_MAX_FRAMES; line = end + 1) {
        *end = '\0';
        if (!parse_frame(line, &stacks->frames[path.count], &stacks->modules[path.count])) {
            path.end = STACK_END_BROKEN; /* unexpected_backtracing_error and its like */
            break;
        }
        path.count++;
    }
    if (path.count == STACK_MAX_FRAMES)
        path.end = STACK_END_MAX_FRAMES;
    *ret_id = 0;
    return path.count ? collection_stack(c, &path, ret_id) : NULL;
}

struct seep_error *strace_stacks_end(struct strace_stacks *stacks, struct collection *c,
                                     uint32_t *ret_id)
{
    struct buffer *text = &stacks->text;
    struct known_path *known;
    XXH128_hash_t hash;
    struct seep_error *err;

    *ret_id = 0;
    if (text->failed)
        return error_no_memory();
    if (!text->len)
        return NULL;
    for (size_t i = 0; i < text->len; i++) /* a NUL would end a string too early */
        text->bytes[i] = text->bytes[i] ? text->bytes[i] : '?';
    hash = XXH3_128bits(text->bytes, text->len);
    known = &stacks->known[hash.low64 % KNOWN];
    if (known->id && XXH128_isEqual(known->hash, hash)) {
        *ret_id = known->id;
        return NULL;
    }
    err = add_path(stacks, c, ret_id);
    if (!err && *ret_id)
        *known = (struct known_path){hash, *ret_id};
    return err;
}
