#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/units.h"
#include "report/json_parts.h"
#include "report/snap.h"

struct field_name {
    char text[48];
};

/* "private_dirty_bytes" for Private_Dirty, "anon_huge_pages_bytes" for AnonHugePages,
 * "mmu_page_size_bytes" for MMUPageSize. */
static const char *field_name(struct field_name *buf, enum smaps_field field)
{
    const char *name = maps_field_name(field);
    size_t len = 0;

    for (size_t i = 0; name[i] && len + 10 < sizeof(buf->text); i++) {
        bool upper = isupper((unsigned char)name[i]);
        bool after_small = i && islower((unsigned char)name[i - 1]);
        bool before_small = islower((unsigned char)name[i + 1]);

        if (i && upper && name[i - 1] != '_' && (after_small || before_small))
            buf->text[len++] = '_';
        buf->text[len++] = (char)tolower((unsigned char)name[i]);
    }
    strcpy(buf->text + len, "_bytes");
    return buf->text;
}

/* Sets every field of smaps in OBJECT. */
static json_t *with_fields(json_t *object, const uint64_t *values)
{
    struct field_name name;
    bool failed = !object;

    for (size_t f = 0; f < SMAPS_FIELD_COUNT && !failed; f++)
        failed =
            json_object_set_new(object, field_name(&name, f), json_parts_number(values[f])) < 0;
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *vma_json(pid_t pid, const struct vma *vma)
{
    uint64_t values[SMAPS_FIELD_COUNT];
    char perms[5], device[24];

    memcpy(values, vma->fields, sizeof(values));
    values[SMAPS_SIZE] = snap_field(vma, SMAPS_SIZE);
    snprintf(device, sizeof(device), "%02x:%02x", vma->major, vma->minor);
    return with_fields(
        JSON_OBJECT(
            {"pid", json_parts_id(pid)}, {"start", json_parts_address(vma->start)},
            {"end", json_parts_address(vma->end)},
            {"perms", json_string(vma_perms_text(vma->perms, perms))},
            {"offset", json_parts_number(vma->offset)}, {"device", json_string(device)},
            {"inode", json_parts_number(vma->inode)}, {"name", json_parts_text(vma->name)},
            {"flags", json_parts_text(vma->flags[0] ? vma->flags : NULL)},
            {"thp_eligible", vma->thp_eligible < 0 ? json_null() : json_integer(vma->thp_eligible)},
            {"protection_key",
             vma->protection_key < 0 ? json_null() : json_integer(vma->protection_key)}),
        values);
}

static json_t *totals_json(const struct maps *maps)
{
    uint64_t totals[SMAPS_FIELD_COUNT];

    memset(totals, 0xff, sizeof(totals));
    for (size_t f = 0; f < SMAPS_FIELD_COUNT; f++)
        for (size_t i = 0; i < maps->count; i++)
            if (f != SMAPS_KERNEL_PAGE_SIZE && f != SMAPS_MMU_PAGE_SIZE)
                snap_add(&totals[f], snap_field(&maps->vmas[i], f));
    return with_fields(json_object(), totals);
}

static json_t *time_json(uint64_t monotonic_ns, uint64_t wall_offset_ns)
{
    struct units_text text;

    return json_string(units_format_time(&text, monotonic_ns + wall_offset_ns, false));
}

static json_t *process_json(const struct snap_process *process, uint64_t wall_offset_ns)
{
    const struct snapshot *snap = process->snap;

    return JSON_OBJECT(
        {"pid", json_parts_id(snap->pid)}, {"ppid", json_parts_id(snap->ppid)},
        {"exe", json_parts_text(process->exe)}, {"command", json_parts_text(process->command)},
        {"start_ticks", json_parts_number(snap->start_ticks)},
        {"began", time_json(snap->begin_ns, wall_offset_ns)},
        {"ended", time_json(snap->end_ns, wall_offset_ns)},
        {"reading_ns", json_parts_number(process->reading_ns)},
        {"torn", json_boolean(snap->maps.torn)}, {"has_smaps", json_boolean(snap->maps.has_smaps)},
        {"mapping_count", json_parts_number(snap->maps.count)},
        {"thread_count", json_parts_number(snap->thread_count)},
        {"rss_bytes", json_parts_number(snap->rss_bytes)},
        {"pss_bytes", json_parts_number(snap->pss_bytes)},
        {"swap_bytes", json_parts_number(snap->swap_bytes)},
        {"virtual_bytes", json_parts_number(snap->virtual_bytes)},
        {"cgroup_limit_bytes", json_parts_number(snap->cgroup_limit_bytes)},
        {"cgroup_used_bytes", json_parts_number(snap->cgroup_used_bytes)},
        {"rlimit_as_bytes", json_parts_number(snap->rlimit_as_bytes)},
        {"rlimit_data_bytes", json_parts_number(snap->rlimit_data_bytes)},
        {"memory_total_bytes", json_parts_number(snap->memory_total_bytes)},
        {"memory_available_bytes", json_parts_number(snap->memory_available_bytes)},
        {"thp_enabled", json_parts_text(snap->thp_enabled[0] ? snap->thp_enabled : NULL)},
        {"cpu_ns", json_parts_number(snap->cpu_ns)},
        {"switches", json_parts_number(snap->switches)},
        {"minor_faults", json_parts_number(snap->minor_faults)},
        {"major_faults", json_parts_number(snap->major_faults)},
        {"io_bytes", json_parts_number(snap->io_bytes)},
        {"io_calls", json_parts_number(snap->io_calls)},
        {"threads_skipped", json_parts_number(snap->tasks_skipped)},
        {"held_skipped", json_parts_number(snap->held_skipped)},
        {"totals", totals_json(&snap->maps)}, {"rollup", with_fields(json_object(), snap->rollup)});
}

static json_t *thread_json(pid_t pid, const struct snapshot_task *task)
{
    char state[2] = {task->state};

    return JSON_OBJECT({"pid", json_parts_id(pid)}, {"tid", json_parts_id(task->tid)},
                       {"name", json_parts_text(task->name)}, {"state", json_parts_text(state)},
                       {"cpu_ns", json_parts_number(task->cpu_ns)},
                       {"switches", json_parts_number(task->switches)});
}

static json_t *held_json(pid_t pid, const struct snapshot_held *held)
{
    char device[24];

    snprintf(device, sizeof(device), "%02x:%02x", major(held->device), minor(held->device));
    return JSON_OBJECT(
        {"pid", json_parts_id(pid)},
        {"kind", json_string(held->kind == SNAPSHOT_HELD_SYSV ? "sysv" : "descriptor")},
        {"id", json_integer(held->id)}, {"device", json_string(device)},
        {"inode", json_parts_number(held->inode)}, {"name", json_parts_text(held->name)},
        {"size_bytes", json_parts_number(held->size_bytes)},
        {"held_bytes", json_parts_number(held->held_bytes)},
        {"attached", json_parts_number(held->attached)});
}

/* One item at a time, for a process can have millions of regions. */
struct list {
    FILE *out;
    struct seep_error *err;
    bool begun;
};

static void list_begin(struct list *list, const char *name)
{
    list->begun = false;
    fprintf(list->out, ",\n\"%s\": [", name);
}

static void list_add(struct list *list, json_t *item)
{
    if (list->err) {
        json_decref(item);
        return;
    }
    fputs(list->begun ? ",\n  " : "\n  ", list->out);
    list->begun = true;
    list->err = json_parts_write(item, 0, list->out);
}

static void list_end(struct list *list)
{
    fputs(list->begun ? "\n]" : "]", list->out);
}

struct seep_error *snap_json(const struct snap_process *processes, size_t count,
                             uint64_t wall_offset_ns, FILE *out)
{
    struct list list = {.out = out};

    fputs("{\"schema\": \"seep-snap/1\"", out);
    list_begin(&list, "processes");
    for (size_t p = 0; p < count; p++)
        list_add(&list, process_json(&processes[p], wall_offset_ns));
    list_end(&list);
    list_begin(&list, "vmas");
    for (size_t p = 0; p < count && !list.err; p++)
        for (size_t i = 0; i < processes[p].snap->maps.count && !list.err; i++)
            list_add(&list, vma_json(processes[p].snap->pid, &processes[p].snap->maps.vmas[i]));
    list_end(&list);
    list_begin(&list, "threads");
    for (size_t p = 0; p < count && !list.err; p++)
        for (size_t i = 0; i < processes[p].snap->tasks.count && !list.err; i++)
            list_add(&list,
                     thread_json(processes[p].snap->pid, &processes[p].snap->tasks.items[i]));
    list_end(&list);
    list_begin(&list, "held");
    for (size_t p = 0; p < count && !list.err; p++)
        for (size_t i = 0; i < processes[p].snap->held.count && !list.err; i++)
            list_add(&list, held_json(processes[p].snap->pid, &processes[p].snap->held.items[i]));
    list_end(&list);
    fputs("}\n", out);
    if (!list.err && (fflush(out) != 0 || ferror(out)))
        list.err = error_errno(errno, NULL, "cannot write JSON");
    return list.err;
}
