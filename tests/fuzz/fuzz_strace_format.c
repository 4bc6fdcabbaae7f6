/* Bytes become events of any kind, in any order of time: what is printed is lines of plain ASCII. */
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "evidence/strace_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_event(struct strace_format *format, struct cursor *c)
{
    struct event ev = {.kind = cursor_u8(c), .abi = cursor_u8(c)};
    const char *text;
    size_t len;

    ev.pid = (pid_t)cursor_varint(c);
    ev.tid = (pid_t)cursor_varint(c);
    ev.enter_ns = cursor_varint(c);
    ev.exit_ns = cursor_varint(c);
    ev.pending_ns = cursor_varint(c);
    ev.result = cursor_svarint(c);
    for (size_t i = 0; i < sizeof(ev.args) / sizeof(ev.args[0]); i++)
        ev.args[i] = cursor_varint(c);
    text = cursor_text(c, &len);
    if (c->failed)
        return;
    ev.name = len ? strndup(text, len) : NULL;
    error_destroy(event_sink_put(&format->sink, &ev));
    free(ev.name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_of(data, size);
    struct strace_format *format;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out || strace_format_create(out, size, &format))
        abort();
    while (cursor_left(&c) > 0)
        put_event(format, &c);
    if (event_sink_finish(&format->sink))
        abort();
    strace_format_destroy(format);
    fclose(out);
    for (size_t i = 0; i < len; i++) {
        if ((text[i] < ' ' || text[i] > '~') && text[i] != '\n')
            abort();
    }
    if (len && text[len - 1] != '\n')
        abort();
    free(text);
    return 0;
}
