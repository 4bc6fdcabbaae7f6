#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/escape.h"
#include "base/io.h"
#include "base/units.h"
#include "evidence/block.h"
#include "evidence/case.h"
#include "evidence/events_file.h"
#include "importer/collection_state.h"

/* --- snapshots --- */

struct seep_error *kept_snapshot_load(const struct collection *c,
                                      const struct kept_snapshot *snapshot,
                                      struct snapshot_record *ret_record)
{
    _cleanup_(snapshot_record_deinit) struct snapshot_record record = snapshot->record;
    struct seep_error *err = NULL;
    size_t room = 0, at = 0;

    for (size_t i = 0; i < snapshot->sections.count; i++)
        room += snapshot->sections.items[i].len + 1;
    record.storage = malloc(room + 1);
    if (!record.storage)
        return error_no_memory();
    for (size_t i = 0; i < snapshot->sections.count && !err; i++) {
        const struct kept_section *section = &snapshot->sections.items[i];
        size_t got = 0;

        err = io_pread(c->spool_fd, record.storage + at, section->len, (off_t)section->at, &got);
        if (!err && got < section->len)
            err = error_create(ERROR_SYSTEM, "the temporary file is shorter than what was written");
        record.storage[at + section->len] = '\0';
        if (!err)
            err = snapshot_record_add(&record, section->name, record.storage + at, section->len);
        at += section->len + 1;
    }
    if (err)
        return err;
    *ret_record = record;
    record = (struct snapshot_record){0};
    return NULL;
}

static bool have_common_section(const struct kept_snapshot *a, const struct kept_snapshot *b)
{
    for (size_t i = 0; i < a->sections.count; i++)
        for (size_t n = 0; n < b->sections.count; n++)
            if (strcmp(a->sections.items[i].name, b->sections.items[n].name) == 0)
                return true;
    return false;
}

/* What several files say of one process at one moment is one look. The second is left without sections.
 */
static struct seep_error *join(struct collection *c, const struct settled *settled,
                               const uint64_t *times)
{
    const uint64_t close_ns = 2ULL * NS_PER_S;
    size_t count = c->snapshots.count;
    struct seep_error *err = NULL;

    for (size_t i = 0; i < count && !err; i++) {
        struct kept_snapshot *one = &c->snapshots.items[i];

        for (size_t n = i + 1; n < count && n < i + 64 && one->sections.count && !err; n++) {
            struct kept_snapshot *other = &c->snapshots.items[n];
            uint64_t apart = times[n] > times[i] ? times[n] - times[i] : times[i] - times[n];

            if (apart > close_ns || one->when.basis != other->when.basis ||
                settle_pid(c, settled, one->record.pid) !=
                    settle_pid(c, settled, other->record.pid) ||
                have_common_section(one, other))
                continue;
            err = vector_reserve(&one->sections, one->sections.count + other->sections.count);
            for (size_t s = 0; s < other->sections.count && !err; s++)
                one->sections.items[one->sections.count++] = other->sections.items[s];
            if (!err)
                other->sections.count = 0;
        }
    }
    return err;
}

struct seep_error *collection_write_snapshots(struct collection *c, const struct settled *settled,
                                              struct case_dir *into)
{
    _cleanup_free_ uint64_t *times = NULL;
    _cleanup_close_ int fd = -1;
    struct seep_error *err;

    if (!c->snapshots.count)
        return NULL;
    err = settle_snapshots(c, settled, &times);
    if (!err)
        err = join(c, settled, times);
    if (!err)
        err = block_open_append(into->fd, "snapshots", &fd);
    for (size_t i = 0; i < c->snapshots.count && !err; i++) {
        const struct kept_snapshot *kept = &c->snapshots.items[i];
        _cleanup_(snapshot_record_deinit) struct snapshot_record record = {0};

        if (!kept->sections.count)
            continue;
        err = kept_snapshot_load(c, kept, &record);
        record.pid = settle_pid(c, settled, kept->record.pid);
        record.begin_ns = record.end_ns = times[i];
        if (!err)
            err = snapshot_write(fd, &record, NULL);
        collection_note_time(c, times[i]);
    }
    return err;
}

/* --- dumps of threads --- */

/* threads/N-PID-TIME.KIND.gz: see docs/FORMAT.md. */
struct seep_error *collection_write_threads(struct collection *c, const struct settled *settled,
                                            struct case_dir *into)
{
    unsigned number = 1;
    _cleanup_close_ int dir_fd = -1;
    struct seep_error *err = NULL;

    if (!c->dumps.count)
        return NULL;
    if (mkdirat(into->fd, "threads", 0700) < 0 && errno != EEXIST)
        return error_errno(errno, into->path, "cannot create %s/threads", into->path);
    dir_fd = openat(into->fd, "threads", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir_fd < 0)
        return error_errno(errno, into->path, "cannot open %s/threads", into->path);
    for (size_t i = 0; i < c->dumps.count && !err; i++) {
        const struct kept_dump *dump = &c->dumps.items[i];
        _cleanup_free_ char *bytes = malloc(dump->len + 1);
        _cleanup_close_ int fd = -1;
        uint64_t time_ns = 0;
        char name[128];
        size_t got = 0;

        if (!bytes)
            return error_no_memory();
        settle_time(settled, dump->when, &time_ns);
        while (fd < 0 && !err) {
            snprintf(name, sizeof(name), "%u-%d-%llu.%.32s.gz", number++,
                     (int)settle_pid(c, settled, dump->pid), (unsigned long long)time_ns,
                     dump->kind);
            fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
            if (fd < 0 && errno != EEXIST)
                err = error_errno(errno, name, "cannot create %s/threads/%s", into->path, name);
        }
        if (!err)
            err = io_pread(c->spool_fd, bytes, dump->len, (off_t)dump->at, &got);
        if (!err)
            err = io_write(fd, bytes, got);
        if (time_ns)
            collection_note_time(c, time_ns);
    }
    return err;
}

/* --- case.json --- */

/* File names may be any bytes; jansson takes UTF-8 only. */
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);

    if (!json) {
        _cleanup_free_ char *escaped = escape_text(text, strlen(text));

        json = escaped ? json_string(escaped) : NULL;
    }
    return json;
}

static json_t *texts_json(char *const *texts, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < count; i++)
        json_array_append_new(array, text_json(texts[i]));
    return array;
}

/* What the log tells of, and of whom; null: it is no log, or nobody is in it. */
static json_t *window_json(const struct collection *c, const struct settled *settled,
                           const struct collection_file *file)
{
    const struct collection_file_window *window = &file->window;
    uint64_t shift_ns = settled->lane_shift_ns[window->basis];
    json_t *pids = json_array();

    for (size_t i = 0; i < window->processes.count; i++) {
        pid_t process = window->processes.items[i];

        /* The one that stands for whom no line tells is not in every log. */
        if (collection_root(c, process) > 0 || collection_has_events(c, process))
            json_array_append_new(pids, json_integer(settle_pid(c, settled, process)));
    }
    if (!json_array_size(pids)) {
        json_decref(pids);
        return json_null();
    }
    return json_pack("{s:I, s:I, s:b, s:o}", "first_ns", (json_int_t)(window->first_ns + shift_ns),
                     "last_ns", (json_int_t)(window->last_ns + shift_ns), "whole", window->whole,
                     "pids", pids);
}

static json_t *file_json(const struct collection *c, const struct settled *settled,
                         const struct collection_file *file)
{
    json_t *skipped = json_array();

    for (size_t i = 0; i < ARRAY_SIZE(file->first_skipped) && file->first_skipped[i].text; i++)
        json_array_append_new(skipped, json_pack("{s:I, s:o}", "line",
                                                 (json_int_t)file->first_skipped[i].number, "text",
                                                 text_json(file->first_skipped[i].text)));
    return json_pack("{s:o, s:s, s:I, s:s, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
                     "file", text_json(file->path), "format", file->format, "size_bytes",
                     (json_int_t)file->size_bytes, "sha256", file->sha256, "lines",
                     (json_int_t)file->lines, "skipped", (json_int_t)file->skipped, "first_skipped",
                     skipped, "assumptions", texts_json(file->remarks.items, file->remarks.count),
                     "events", (json_int_t)file->events, "snapshots", (json_int_t)file->snapshots,
                     "memory_bytes", (json_int_t)file->memory_bytes, "thread_dumps",
                     (json_int_t)file->thread_dumps, "thread_names", (json_int_t)file->thread_names,
                     "facts", (json_int_t)file->facts, "window", window_json(c, settled, file));
}

/* Appends ADDED, which it takes over, to the array NAME of case.json. */
static struct seep_error *extend(struct case_dir *into, const char *name, json_t *added)
{
    json_t *array = json_object_get(into->json, name);
    int failed;

    if (!added)
        return error_no_memory();
    if (!json_is_array(array))
        return case_set(into, NULL, name, added);
    failed = json_array_extend(array, added);
    json_decref(added);
    return failed ? error_no_memory() : NULL;
}

static struct seep_error *write_facts(struct collection *c, const struct settled *settled,
                                      struct case_dir *into)
{
    json_t *facts = json_array();

    for (size_t i = 0; facts && i < c->facts.count; i++) {
        struct fact *fact = &c->facts.items[i].fact;

        settle_time(settled, c->facts.items[i].when, &fact->time_ns);
        fact->pid = fact->pid < 0 ? settle_pid(c, settled, fact->pid) : fact->pid;
        json_array_append_new(facts, fact_to_json(fact));
    }
    return c->facts.count || !facts ? extend(into, "facts", facts) : (json_decref(facts), NULL);
}

static struct seep_error *write_made_up(const struct settled *settled, struct case_dir *into)
{
    json_t *pids = json_array();

    for (size_t i = 0; i < settled->made_up_count; i++)
        json_array_append_new(pids, json_integer(settled->made_up[i]));
    return pids ? case_set(into, "target", "made_up_pids", pids) : error_no_memory();
}

/* The process that the case is about, if it does not say yet. */
static struct seep_error *write_target(struct collection *c, const struct settled *settled,
                                       struct case_dir *into)
{
    struct case_info info;
    pid_t pid = settled->unknown_pid;
    struct seep_error *err = NULL;

    case_info(into, &info);
    if (!pid && c->first_pid)
        pid = settle_pid(c, settled, c->first_pid);
    for (size_t i = 0; i < c->snapshots.count && !pid; i++)
        pid = settle_pid(c, settled, c->snapshots.items[i].record.pid);
    for (size_t i = 0; i < c->processes.count && !pid; i++)
        pid = settle_pid(c, settled, c->processes.items[i].pid);
    if (!info.pid && pid > 0)
        err = case_set_number(into, "target", "pid", (uint64_t)pid);
    if (!err && settled->made_up_count)
        err = write_made_up(settled, into);
    pid = info.pid ? info.pid : pid;
    for (size_t i = 0; i < c->processes.count && !err; i++) {
        const struct kept_process *process = &c->processes.items[i];
        const char *slash = process->exe ? strrchr(process->exe, '/') : NULL;

        if (settle_pid(c, settled, process->pid) != pid)
            continue;
        if (process->exe && !info.exe)
            err = case_set_text(into, "target", "exe", process->exe);
        if (!err && process->exe && !info.name)
            err = case_set_text(into, "target", "name", slash ? slash + 1 : process->exe);
        if (!err && process->command && !info.command)
            err = case_set_text(into, "target", "command", process->command);
        if (!err && process->runtime && !info.runtime)
            err = case_set_text(into, "target", "runtime", process->runtime);
        case_info(into, &info);
    }
    return err;
}

static struct seep_error *write_clock(const struct collection *c, const struct settled *settled,
                                      struct case_dir *into)
{
    const struct when_options *when = &c->options->when;
    struct case_info info;
    struct seep_error *err;

    case_info(into, &info);
    err = case_set_text(into, "clock", "basis", settle_basis_name(settled->basis));
    if (!err && !json_object_get(json_object_get(into->json, "clock"), "wall_offset_ns"))
        err = case_set_number(into, "clock", "wall_offset_ns", settled->wall_offset_ns);
    if (!err && c->first_ns && (!info.started_ns || c->first_ns < info.started_ns))
        err = case_set_number(into, "clock", "started_ns", c->first_ns);
    if (!err && c->last_ns > info.ended_ns)
        err = case_set_number(into, "clock", "ended_ns", c->last_ns);
    if (!err && !info.time_zone && when->has_zone) {
        char zone[32];

        snprintf(zone, sizeof(zone), "<%+03d%02d>%+03d:%02d", (int)(when->zone_s / 3600),
                 abs((int)(when->zone_s / 60 % 60)), (int)(-when->zone_s / 3600),
                 abs((int)(when->zone_s / 60 % 60)));
        err = case_set_text(into, "host", "time_zone", when->zone ? when->zone : zone);
    }
    if (!err && !info.time_zone && !when->has_zone)
        err = case_set_text(into, "host", "time_zone", "<+0000>-00:00");
    if (!err && !info.backend)
        err = case_set_text(into, "watch", "backend", "import");
    return err;
}

/* A process that is looked at itself is no mistake. */
static bool is_looked_at(const struct collection *c, pid_t pid)
{
    for (size_t i = 0; i < c->snapshots.count; i++)
        if (c->snapshots.items[i].record.pid == pid)
            return true;
    return false;
}

/* Another process than the case's is said, not refused: evidence of two runs is often all there is. */
static struct seep_error *remark_pids(struct collection *c, pid_t target)
{
    struct seep_error *err = NULL;

    for (size_t i = 0; i < c->facts.count && target && !err; i++) {
        const struct fact *fact = &c->facts.items[i].fact;

        if (fact->pid > 0 && fact->pid != target && fact->kind != FACT_PROCESS &&
            fact->kind != FACT_PARENT && fact->kind != FACT_OOM_KILLED &&
            fact->kind != FACT_VIRTUAL && !is_looked_at(c, fact->pid))
            err = collection_say(c, "%s is of process %d, not of %d", fact->file ? fact->file : "?",
                                 (int)fact->pid, (int)target);
    }
    return err;
}

struct seep_error *collection_write_json(struct collection *c, const struct settled *settled,
                                         struct case_dir *into)
{
    json_t *files = json_array();
    struct case_info info;
    struct seep_error *err;

    for (size_t i = 0; files && i < c->files.count; i++)
        json_array_append_new(files, file_json(c, settled, &c->files.items[i]));
    err = extend(into, "imports", files);
    if (!err)
        err = write_facts(c, settled, into);
    if (!err)
        err = write_clock(c, settled, into);
    if (!err)
        err = write_target(c, settled, into);
    case_info(into, &info);
    if (!err)
        err = remark_pids(c, info.pid);
    if (!err && c->remarks.count)
        err = extend(into, "remarks", texts_json(c->remarks.items, c->remarks.count));
    return err;
}
