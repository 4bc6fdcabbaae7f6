#include "stacks/symbols_wire.h"

#include <endian.h>
#include <string.h>

#include "base/cursor.h"

enum {
    LENGTH_BYTES = 4,
    LINE_INLINED = 1,
    LINE_HAS_FUNCTION = 2,
    LINE_HAS_FILE = 4,
};

void symbols_message_deinit(struct symbols_message *message)
{
    free(message->text);
    symbols_lines_deinit(&message->lines);
    *message = (struct symbols_message){0};
}

/* Returns where the length goes once it is known. */
static size_t begin(struct buffer *out, enum symbols_wire_kind kind)
{
    size_t at = out->len;

    buffer_u32(out, 0);
    buffer_u8(out, (uint8_t)kind);
    return at;
}

static void end(struct buffer *out, size_t at)
{
    if (out->failed)
        return;

    uint32_t length = htole32((uint32_t)(out->len - at - LENGTH_BYTES));

    memcpy(out->bytes + at, &length, sizeof(length));
}

static void put_text(struct buffer *out, const char *text)
{
    buffer_text(out, text, strnlen(text, SYMBOLS_MAX_TEXT));
}

void symbols_wire_number(struct buffer *out, enum symbols_wire_kind kind, uint64_t index)
{
    size_t at = begin(out, kind);

    buffer_varint(out, index);
    end(out, at);
}

void symbols_wire_text(struct buffer *out, enum symbols_wire_kind kind, const char *text)
{
    size_t at = begin(out, kind);

    put_text(out, text);
    end(out, at);
}

void symbols_wire_place(struct buffer *out, uint64_t index, const struct symbols_lines *lines)
{
    size_t at = begin(out, SYMBOLS_WIRE_PLACE);
    size_t count = lines->count < SYMBOLS_MAX_LINES ? lines->count : SYMBOLS_MAX_LINES;

    buffer_varint(out, index);
    buffer_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        const struct symbols_line *line = &lines->items[i];

        buffer_u8(out, (uint8_t)((i + 1 < count ? LINE_INLINED : 0) |
                                 (line->function ? LINE_HAS_FUNCTION : 0) |
                                 (line->file ? LINE_HAS_FILE : 0)));
        if (line->function)
            put_text(out, line->function);
        if (line->file)
            put_text(out, line->file);
        buffer_varint(out, line->line);
    }
    end(out, at);
}

size_t symbols_wire_length(const void *bytes, size_t len)
{
    struct cursor c = cursor_of(bytes, len);
    uint32_t length = cursor_u32(&c);

    if (c.failed)
        return 0;
    if (length == 0 || length > SYMBOLS_WIRE_MAX_BYTES)
        return SIZE_MAX;
    return len - LENGTH_BYTES < length ? 0 : LENGTH_BYTES + (size_t)length;
}

/* One string: a NUL in the middle would hide what is behind it. */
static struct seep_error *get_text(struct cursor *c, char **ret_text)
{
    size_t len;
    const char *text = cursor_text(c, &len);

    if (c->failed || len > SYMBOLS_MAX_TEXT || (len && memchr(text, '\0', len)))
        return error_create(ERROR_CORRUPT, "a text of a form that cannot be");
    *ret_text = strndup(len ? text : "", len);
    return *ret_text ? NULL : error_no_memory();
}

static struct seep_error *get_line(struct cursor *c, struct symbols_line *line)
{
    uint8_t flags = cursor_u8(c);
    struct seep_error *err = NULL;

    line->inlined = flags & LINE_INLINED;
    if (flags & LINE_HAS_FUNCTION)
        err = get_text(c, &line->function);
    if (!err && flags & LINE_HAS_FILE)
        err = get_text(c, &line->file);

    uint64_t number = cursor_varint(c);

    if (!err && (c->failed || number > UINT32_MAX))
        err = error_create(ERROR_CORRUPT, "a line that cannot be");
    line->line = (uint32_t)number;
    return err;
}

static struct seep_error *get_lines(struct cursor *c, struct symbols_lines *lines)
{
    uint64_t count = cursor_varint(c);

    if (c->failed || count > SYMBOLS_MAX_LINES)
        return error_create(ERROR_CORRUPT, "too many lines for one place");
    for (uint64_t i = 0; i < count; i++) {
        struct seep_error *err = vector_push(lines, (struct symbols_line){0});

        if (!err)
            err = get_line(c, &lines->items[i]);
        if (err)
            return err;
        if (lines->items[i].inlined != (i + 1 < count))
            return error_create(ERROR_CORRUPT, "lines that are inlined into nothing");
    }
    return NULL;
}

struct seep_error *symbols_wire_decode(const void *bytes, size_t len,
                                       struct symbols_message *ret_message)
{
    struct symbols_message message = {0};
    struct cursor c = cursor_of(bytes, len);
    struct seep_error *err = NULL;

    cursor_u32(&c);
    message.kind = cursor_u8(&c);
    switch (message.kind) {
    case SYMBOLS_WIRE_BEGIN:
    case SYMBOLS_WIRE_END:
        message.index = cursor_varint(&c);
        break;
    case SYMBOLS_WIRE_WAIT:
    case SYMBOLS_WIRE_READ:
    case SYMBOLS_WIRE_TROUBLE:
        err = get_text(&c, &message.text);
        break;
    case SYMBOLS_WIRE_PLACE:
        message.index = cursor_varint(&c);
        err = get_lines(&c, &message.lines);
        break;
    default:
        err = error_create(ERROR_CORRUPT, "a message of unknown kind");
    }
    if (!err && (c.failed || cursor_left(&c)))
        err = error_create(ERROR_CORRUPT, "a message of wrong length");
    if (err) {
        symbols_message_deinit(&message);
        return err;
    }
    *ret_message = message;
    return NULL;
}
