#include "analyzer/recording.h"

void recording_deinit(struct recording *recording)
{
    vector_deinit(&recording->geometries);
    call_paths_destroy(recording->paths);
    frame_names_destroy(recording->names);
    history_destroy(recording->history);
    ledger_destroy(recording->ledger);
    stack_table_destroy(recording->stacks);
}

struct seep_error *recording_read(const struct case_dir *c, const struct case_info *info,
                                  struct recording *recording)
{
    struct seep_error *err = stack_table_create(&recording->stacks);

    recording->info = info;
    if (!err)
        err = ledger_create(&recording->ledger);
    if (err)
        return err;
    ledger_set_page_bytes(recording->ledger, info->page_bytes);
    err = history_create(recording->ledger, info->runtime, info->page_bytes, &recording->history);
    if (err)
        return err;
    recording->history->imported = info->imported;
    ledger_on_freed(recording->ledger, history_freed, recording->history);
    err = replay_case(c->fd, recording->ledger,
                      &(struct replay_observer){.on_event = history_event,
                                                .on_snapshot = history_snapshot,
                                                .context = recording->history},
                      recording->stacks, &recording->replay);
    ledger_on_freed(recording->ledger, NULL, NULL);
    if (!err && info->imported)
        err = history_end_logs(recording->history, c);
    return err ? err
               : geometry_place(recording->ledger, recording->history, &recording->geometries);
}

uint64_t recording_ended_ns(const struct case_info *info)
{
    return !info->imported && info->ended_ns && info->wall_offset_ns
               ? info->ended_ns + info->wall_offset_ns
               : 0;
}

struct seep_error *recording_name_paths(struct recording *recording, int case_fd,
                                        const struct recording_naming *naming)
{
    struct symbols_options symbols = {.debug_dirs = naming->debug_dirs,
                                      .recorded_ns = recording_ended_ns(recording->info),
                                      .progress = naming->progress,
                                      .context = naming->context};
    struct seep_error *err;

    if (stack_table_count(recording->stacks) == 0)
        return NULL;
    err = frame_names_create(recording->stacks, &recording->history->uses,
                             &(struct frame_names_options){.skip_symbols = naming->skip_symbols,
                                                           .symbols = &symbols,
                                                           .case_fd = case_fd},
                             &recording->names);
    return err ? err : call_paths_create(recording->stacks, recording->names, &recording->paths);
}
