/* Any bytes as messages of the child: what is read is within the bounds, and the same when said again. */
#include <stdlib.h>
#include <string.h>

#include "stacks/symbols_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text)
{
    if (text && strlen(text) > SYMBOLS_MAX_TEXT)
        abort();
}

static void say(const struct symbols_message *message, struct buffer *out)
{
    switch (message->kind) {
    case SYMBOLS_WIRE_BEGIN:
    case SYMBOLS_WIRE_END:
        symbols_wire_number(out, message->kind, message->index);
        break;
    case SYMBOLS_WIRE_PLACE:
        symbols_wire_place(out, message->index, &message->lines);
        break;
    default:
        symbols_wire_text(out, message->kind, message->text);
        break;
    }
}

static void check(const struct symbols_message *message)
{
    struct buffer once = {0}, twice = {0};
    struct symbols_message again;

    check_text(message->text);
    if (message->lines.count > SYMBOLS_MAX_LINES)
        abort();
    for (size_t i = 0; i < message->lines.count; i++) {
        check_text(message->lines.items[i].function);
        check_text(message->lines.items[i].file);
    }
    say(message, &once);
    if (once.failed || symbols_wire_length(once.bytes, once.len) != once.len ||
        symbols_wire_decode(once.bytes, once.len, &again))
        abort();
    say(&again, &twice);
    if (twice.failed || once.len != twice.len || memcmp(once.bytes, twice.bytes, once.len) != 0)
        abort();
    symbols_message_deinit(&again);
    buffer_deinit(&once);
    buffer_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0, len;

    while ((len = symbols_wire_length(data + at, size - at)) != 0 && len != SIZE_MAX) {
        struct symbols_message message;
        struct seep_error *err = symbols_wire_decode(data + at, len, &message);

        at += len;
        if (err) {
            error_destroy(err);
            continue;
        }
        check(&message);
        symbols_message_deinit(&message);
    }
    return 0;
}
