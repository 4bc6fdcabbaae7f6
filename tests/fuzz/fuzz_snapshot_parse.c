/* The sections of a record from any bytes: "@NAME\n" starts a section, its text follows. */
#include <stdlib.h>
#include <string.h>

#include "evidence/proc_text.h"
#include "evidence/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
    "smaps",  "maps",          "smaps_rollup", "status", "stat",  "limits",  "io",
    "cgroup", "cgroup_memory", "memory.stat",  "thp",    "tasks", "meminfo", "held",
};

static const char *known_name(const char *line, size_t len)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (len == strlen(names[i]) + 1 && line[0] == '@' &&
            memcmp(line + 1, names[i], len - 1) == 0)
            return names[i];
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snapshot_record record = {.pid = 1};
    struct snapshot snap;
    const char *name = NULL, *line;
    size_t at = 0, len, start = 0, before = 0;

    while ((line = proc_text_line((const char *)data, size, &at, &len))) {
        const char *next = known_name(line, len);

        if (next) {
            if (name)
                error_destroy(
                    snapshot_record_add(&record, name, (const char *)data + start, before - start));
            name = next;
            start = at;
        }
        before = at;
    }
    if (name)
        error_destroy(snapshot_record_add(&record, name, (const char *)data + start, size - start));
    if (!snapshot_parse(&record, &snap)) {
        size_t names_len = 0;

        for (size_t i = 0; i < snap.held.count; i++)
            names_len += strlen(snap.held.items[i].name);
        for (size_t i = 0; i < snap.tasks.count; i++)
            names_len += strlen(snap.tasks.items[i].name);
        if (names_len > size)
            abort();
        snapshot_deinit(&snap);
    }
    snapshot_record_deinit(&record);
    return 0;
}
