/* A thread dump, and a log of them: spans stay within the text, each line is in one place. */
#include <stdlib.h>

#include "evidence/thread_dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct span s, const uint8_t *data, size_t size)
{
    if (s.len && ((const uint8_t *)s.text < data || (const uint8_t *)s.text + s.len > data + size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct thread_dump_splitter splitter = {0};
    struct span text = span_of((const char *)data, size), rest = text, line;
    struct thread_dump dump;

    while (span_next_line(&rest, &line))
        thread_dump_split(&splitter, line);
    if (thread_dump_parse(text, &dump))
        return 0;
    within(dump.vm, data, size);
    for (size_t i = 0; i < dump.threads.count; i++) {
        const struct thread_dump_thread *thread = &dump.threads.items[i];

        within(thread->name, data, size);
        within(thread->state, data, size);
        within(thread->status, data, size);
        if (thread->first_frame + thread->frame_count > dump.frames.count)
            abort();
        thread_dump_find(&dump, thread->nid);
    }
    for (size_t i = 0; i < dump.frames.count; i++) {
        within(dump.frames.items[i].method, data, size);
        within(dump.frames.items[i].module, data, size);
        within(dump.frames.items[i].file, data, size);
    }
    thread_dump_deinit(&dump);
    return 0;
}
