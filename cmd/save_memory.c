#include "cmd/save_memory.h"

#include "evidence/snapshot.h"
#include "target/mapped.h"
#include "target/proc.h"

/* The regions of PID at its first snapshot since its last exec, with resident sizes where one of them
 * has them: the very first looks at the maps alone. */
static struct seep_error *first_look(int case_fd, pid_t pid, uint64_t start_ticks,
                                     struct snapshot *ret_first, bool *ret_found)
{
    _cleanup_(snapshots_reader_destroyp) struct snapshots_reader *reader = NULL;
    struct seep_error *err = snapshots_reader_create(case_fd, &reader);
    bool more = true, found = false;

    if (err && err->code == ERROR_NOT_FOUND) {
        error_destroy(err);
        return NULL;
    }
    while (!err && more) {
        _cleanup_(snapshot_record_deinit) struct snapshot_record record = {0};
        struct snapshot snap;

        err = snapshots_reader_next(reader, &record, &more);
        if (err || !more || record.pid != pid ||
            (record.start_ticks && record.start_ticks != start_ticks) ||
            (found && ret_first->maps.has_smaps && record.reason != SNAPSHOT_EXEC))
            continue;
        err = snapshot_parse(&record, &snap);
        if (err || snap.maps.count == 0 ||
            (found && !snap.maps.has_smaps && record.reason != SNAPSHOT_EXEC)) {
            if (!err)
                snapshot_deinit(&snap);
            continue;
        }
        if (found)
            snapshot_deinit(ret_first);
        *ret_first = snap;
        found = true;
    }
    if (err && found)
        snapshot_deinit(ret_first);
    if (!err)
        *ret_found = found;
    return err;
}

struct seep_error *save_memory_find_growing(int case_fd, pid_t pid,
                                            struct growing_ranges *ret_ranges, bool *ret_found)
{
    struct snapshot first;
    struct proc_stat stat;
    bool found = false;
    struct seep_error *err = proc_stat(pid, &stat);

    if (!err)
        err = first_look(case_fd, pid, stat.start_ticks, &first, &found);
    if (!err && found) {
        _cleanup_(maps_deinit) struct maps now = {0};

        err = mapped_regions(proc_memory_thread(pid), &now);
        if (!err)
            err = growing_find(&first.maps, &now, ret_ranges);
        snapshot_deinit(&first);
    }
    if (!err)
        *ret_found = found;
    return err;
}

struct seep_error *save_memory_ranges(int case_fd, pid_t pid, const struct growing_ranges *ranges,
                                      const struct dumper_options *options,
                                      struct dumper_result *ret_result)
{
    VECTOR(struct dumper_range) copies = {0};
    struct dumper_options with_ranges = *options;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < ranges->count && !err; i++)
        err = vector_push(&copies,
                          (struct dumper_range){ranges->items[i].start, ranges->items[i].end});
    with_ranges.what = DUMPER_RANGES;
    with_ranges.ranges = copies.items;
    with_ranges.range_count = copies.count;
    if (!err && copies.count)
        err = dumper_dump(case_fd, pid, &with_ranges, ret_result);
    vector_deinit(&copies);
    return err;
}

struct seep_error *save_memory_growing(int case_fd, pid_t pid, bool show_progress)
{
    const struct dumper_options options = {.why = "growing", .show_progress = show_progress};
    struct growing_ranges ranges = {0};
    struct dumper_result result = {0};
    bool found = false;
    struct seep_error *err = save_memory_find_growing(case_fd, pid, &ranges, &found);

    if (!err)
        err = save_memory_ranges(case_fd, pid, &ranges, &options, &result);
    vector_deinit(&ranges);
    return err;
}

struct seep_error *save_memory_all(int case_fd, pid_t pid, bool show_progress)
{
    const struct dumper_options options = {
        .what = DUMPER_ALL, .why = "all", .show_progress = show_progress};
    struct dumper_result result = {0};

    return dumper_dump(case_fd, pid, &options, &result);
}
