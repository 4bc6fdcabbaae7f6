#include "analyzer/thread_names.h"

#include <stdlib.h>
#include <string.h>

void thread_names_deinit(struct thread_names *names)
{
    for (size_t i = 0; i < names->items.count; i++)
        free(names->items.items[i].text);
    vector_deinit(&names->items);
}

/* The older half. */
static void forget(struct thread_names *names)
{
    size_t gone = names->items.count / 2;

    for (size_t i = 0; i < gone; i++)
        free(names->items.items[i].text);
    names->items.count -= gone;
    memmove(names->items.items, names->items.items + gone,
            names->items.count * sizeof(*names->items.items));
    names->forgot = true;
}

struct seep_error *thread_names_add(struct thread_names *names, uint64_t time_ns, const char *text)
{
    struct thread_name *last =
        names->items.count ? &names->items.items[names->items.count - 1] : NULL;
    struct thread_name name = {.since_ns = time_ns};
    struct seep_error *err;

    if (last && strncmp(last->text, text, THREAD_NAMES_MAX_BYTES) == 0)
        return NULL;
    if (last && name.since_ns < last->since_ns)
        name.since_ns = last->since_ns;
    name.text = strndup(text, THREAD_NAMES_MAX_BYTES);
    if (!name.text)
        return error_no_memory();
    if (names->items.count == THREAD_NAMES_MAX)
        forget(names);
    err = vector_push(&names->items, name);
    if (err)
        free(name.text);
    return err;
}

struct seep_error *thread_names_look(struct thread_names *names, uint64_t time_ns, const char *text)
{
    const struct thread_name *last =
        names->items.count ? &names->items.items[names->items.count - 1] : NULL;

    if (last && last->text[0] && last->since_ns >= time_ns)
        return NULL;
    return thread_names_add(names, time_ns, text);
}

const char *thread_names_at(const struct thread_names *names, uint64_t time_ns)
{
    size_t low = 0, high = names->items.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (names->items.items[middle].since_ns <= time_ns)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 && names->forgot)
        return NULL;
    /* Before the first name that is known, and where none was known at the start. */
    if (low > 0)
        low--;
    if (low < names->items.count && !names->items.items[low].text[0] &&
        low + 1 < names->items.count)
        low++;
    return low < names->items.count && names->items.items[low].text[0]
               ? names->items.items[low].text
               : NULL;
}
