/*
 * The command line in a core: what exec put on top of the first thread's stack.
 *
 *     argc  argv[0] argv[1] ... NULL  envp[0] ... NULL  auxv ...  strings
 *                                                       ^ the same words as in NT_AUXV
 *
 * See create_elf_tables() in fs/binfmt_elf.c.
 */
#include <stdlib.h>
#include <string.h>

#include "evidence/core_reader.h"

enum {
    CHUNK_BYTES = 64 * 1024,
    SEARCH_BYTES = 8 << 20, /* below AT_RANDOM's bytes; arguments and environment may be 6 MiB */
    MAX_ARGUMENTS = 1 << 20,
    MAX_TEXT_BYTES = 8 << 20,
};

struct stack {
    const struct core *core;
    struct mem_source *memory;
    size_t word;
};

static struct seep_error *read_all(const struct stack *s, uint64_t addr, void *buf, size_t len,
                                   bool *ret_there)
{
    size_t got = 0;
    struct seep_error *err = mem_source_read(s->memory, addr, buf, len, &got);

    *ret_there = !err && got == len;
    return err;
}

static struct seep_error *read_word(const struct stack *s, uint64_t addr, uint64_t *ret_word,
                                    bool *ret_there)
{
    *ret_word = 0;
    return read_all(s, addr, ret_word, s->word, ret_there);
}

/* Where auxv stands: it lies below the bytes that AT_RANDOM points to. */
static struct seep_error *find_auxv(const struct stack *s, uint64_t *ret_addr)
{
    const struct buffer *auxv = &s->core->auxv;
    size_t need = 4 * s->word; /* two entries are enough to tell it */
    _cleanup_free_ char *chunk = malloc(CHUNK_BYTES);
    uint64_t top = s->core->stack_at, low = top > SEARCH_BYTES ? top - SEARCH_BYTES : 0;

    *ret_addr = 0;
    if (!chunk)
        return error_no_memory();
    if (auxv->len < need)
        return NULL;
    while (top > low && !*ret_addr) {
        uint64_t from = top - low > CHUNK_BYTES ? top - CHUNK_BYTES : low;
        size_t len = (size_t)(top - from);
        bool there;
        struct seep_error *err = read_all(s, from, chunk, len, &there);
        const char *hit;

        if (err || !there)
            return err;
        hit = memmem(chunk, len, auxv->bytes, need);
        if (hit)
            *ret_addr = from + (uint64_t)(hit - chunk);
        if (from == low)
            break;
        top = from + need - 1;
    }
    return NULL;
}

/* Walks down over a list of pointers that a NULL ends; *AT is behind that NULL, and then where the
 * list begins: the word that is not an address on the stack (argc), or another list's NULL. */
static struct seep_error *walk_down(const struct stack *s, uint64_t *at, uint64_t *ret_count,
                                    bool *ret_there)
{
    uint64_t place = *at - s->word, count = 0, value;
    struct seep_error *err = read_word(s, place, &value, ret_there);

    *ret_there = *ret_there && value == 0;
    while (!err && *ret_there && count < MAX_ARGUMENTS) {
        err = read_word(s, place - s->word, &value, ret_there);
        if (err || !*ret_there || value <= *at || value == 0)
            break;
        place -= s->word;
        count++;
    }
    *at = place;
    *ret_count = count;
    return err;
}

static struct seep_error *append_text(const struct stack *s, uint64_t addr, struct buffer *out)
{
    while (out->len < MAX_TEXT_BYTES) {
        char piece[256];
        size_t got = 0;
        struct seep_error *err = mem_source_read(s->memory, addr, piece, sizeof(piece), &got);
        const char *end = got ? memchr(piece, '\0', got) : NULL;

        if (err)
            return err;
        buffer_bytes(out, piece, end ? (size_t)(end - piece) : got);
        if (end || got < sizeof(piece))
            break;
        addr += got;
    }
    buffer_u8(out, '\0');
    return out->failed ? error_no_memory() : NULL;
}

static struct seep_error *read_arguments(const struct stack *s, uint64_t auxv_at,
                                         struct buffer *out)
{
    uint64_t at = auxv_at, environment, count, argc = 0;
    bool there;
    struct seep_error *err = walk_down(s, &at, &environment, &there);

    if (!err && there)
        err = walk_down(s, &at, &count, &there);
    if (err || !there)
        return err;
    err = read_word(s, at - s->word, &argc, &there);
    if (err || !there || argc != count)
        return err;
    for (uint64_t i = 0; i < count && !err; i++) {
        uint64_t text;

        err = read_word(s, at + i * s->word, &text, &there);
        if (!err && there)
            err = append_text(s, text, out);
    }
    return err;
}

/* AT_EXECFN. */
static struct seep_error *read_executable(const struct stack *s, struct buffer *out)
{
    enum { EXECUTABLE = 31 };

    for (size_t at = 0; at + 2 * s->word <= s->core->auxv.len; at += 2 * s->word) {
        uint64_t type = 0, value = 0;

        memcpy(&type, s->core->auxv.bytes + at, s->word);
        memcpy(&value, s->core->auxv.bytes + at + s->word, s->word);
        if (type == EXECUTABLE)
            return append_text(s, value, out);
    }
    return NULL;
}

struct seep_error *core_command_line(const struct core *core, struct mem_source *file,
                                     struct buffer *ret_arguments, struct buffer *ret_executable)
{
    _cleanup_(mem_source_destroyp) struct mem_source *memory = NULL;
    struct stack s = {core, NULL, core->bits / 8};
    uint64_t auxv_at = 0;
    struct seep_error *err;

    if (!core->stack_at)
        return NULL;
    err = core_source_create(core, file, &memory);
    s.memory = memory;
    if (!err)
        err = find_auxv(&s, &auxv_at);
    if (!err && auxv_at)
        err = read_arguments(&s, auxv_at, ret_arguments);
    return err ? err : read_executable(&s, ret_executable);
}
