/*
 * The trace: a whole file when the input begins with the mark, else the raw bytes of one block, to
 * which no checksum keeps the way.
 */
#include <string.h>

#include "evidence/event_code.h"
#include "evidence/events_file.h"
#include "tests/fuzz/directory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_file(const uint8_t *data, size_t size)
{
    struct events_reader *reader;
    enum event_source_step step = EVENT_SOURCE_MORE;
    struct event ev;
    struct stack_table *stacks;
    struct seep_error *err = stack_table_create(&stacks);

    if (!err)
        err = events_reader_create(directory_with("events", data, size), stacks, &reader);
    if (err)
        abort();
    while (!err && step == EVENT_SOURCE_MORE)
        err = event_source_next(&reader->source, &ev, &step);
    error_destroy(err);
    event_source_destroy(&reader->source);
    stack_table_destroy(stacks);
}

static void read_block(const uint8_t *data, size_t size)
{
    static struct event_decoder *decoder;
    struct seep_error *err = decoder ? NULL : event_decoder_create(&decoder);
    size_t name_bytes = 0;
    bool more = true;

    if (!err)
        err = event_decoder_begin(decoder, data, size);
    while (!err && more) {
        struct event ev;

        err = event_decoder_next(decoder, &ev, &more);
        if (!err && more && ev.name)
            name_bytes += strlen(ev.name);
    }
    if (name_bytes > size)
        abort();
    error_destroy(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 8 && memcmp(data, "SEEPBLK1", 8) == 0)
        read_file(data, size);
    else
        read_block(data, size);
    return 0;
}
