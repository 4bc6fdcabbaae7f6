#include "cmd/life_text.h"

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/escape.h"
#include "evidence/call_text.h"

static const struct {
    uint8_t kind;
    const char *name;
} names[] = {
    {EVENT_PROCESS_START, "process-start"},
    {EVENT_THREAD_START, "thread-start"},
    {EVENT_EXEC, "exec"},
    {EVENT_THREAD_EXIT, "thread-exit"},
    {EVENT_PROCESS_EXIT, "process-exit"},
    {EVENT_THREAD_NAME, "thread-name"},
    {EVENT_LOST, "lost"},
    {EVENT_DETACH, "detach"},
};

const char *life_text_name(uint8_t kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (names[i].kind == kind)
            return names[i].name;
    }
    return NULL;
}

uint8_t life_text_kind(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(names[i].name, name) == 0)
            return names[i].kind;
    }
    return 0;
}

void life_text_status(struct buffer *out, int status)
{
    if (!WIFSIGNALED(status)) {
        buffer_printf(out, "exited with %d", WEXITSTATUS(status));
        return;
    }
    buffer_printf(out, "killed by ");
    call_text_signal(out, WTERMSIG(status));
}

static void put_name(struct buffer *out, const char *name)
{
    buffer_printf(out, "\"");
    escape_append(out, name, strlen(name));
    buffer_printf(out, "\"");
}

void life_text_append(struct buffer *out, const struct event *ev)
{
    switch (ev->kind) {
    case EVENT_PROCESS_START:
        if (ev->args[0] == EVENT_START_ATTACHED)
            buffer_printf(out, "there before the trace");
        else
            buffer_printf(out, "child of %" PRIu64 "%s", ev->args[1],
                          ev->args[0] == EVENT_START_SHARED ? ", in the same memory" : "");
        if (ev->name)
            buffer_printf(out, ", ");
        break;
    case EVENT_THREAD_START:
        if (ev->args[0])
            buffer_printf(out, "by thread %" PRIu64, ev->args[0]);
        else
            buffer_printf(out, "there before the trace");
        if (ev->name)
            buffer_printf(out, ", ");
        break;
    case EVENT_THREAD_EXIT:
    case EVENT_PROCESS_EXIT:
        life_text_status(out, (int)ev->result);
        break;
    case EVENT_LOST:
        buffer_printf(out, "%" PRIu64 " events are missing here", ev->args[0]);
        break;
    case EVENT_DETACH:
        buffer_printf(out, "not watched from here on");
        break;
    default:
        break;
    }
    if (ev->name)
        put_name(out, ev->name);
}
