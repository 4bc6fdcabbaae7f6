#include "evidence/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "evidence/proc_text.h"

/* USER_HZ, the unit of the times in /proc/PID/stat, is 100 on every architecture we record. */
enum { NS_PER_TICK = 10 * 1000 * 1000 };

/* A version 1 group without a limit says LONG_MAX rounded down to pages. */
enum { NO_LIMIT_BYTES = 1ULL << 62 };

struct text {
    const char *bytes;
    size_t len;
};

/* The text of section NAME; empty when the record has none. */
static struct text section(const struct snapshot_record *record, const char *name)
{
    const struct snapshot_section *found = snapshot_record_find(record, name);

    return found ? (struct text){found->text, found->len} : (struct text){"", 0};
}

static uint64_t number_of(struct text text, const char *key)
{
    uint64_t number = SNAPSHOT_UNKNOWN;

    proc_text_number(text.bytes, text.len, key, &number);
    return number;
}

/* UINT64_MAX - 1 at most, so that no sum of a hostile text reads as unknown. */
static void add(uint64_t *sum, uint64_t more)
{
    if (more == SNAPSHOT_UNKNOWN)
        return;
    if (*sum == SNAPSHOT_UNKNOWN)
        *sum = 0;
    if (__builtin_add_overflow(*sum, more, sum) || *sum == SNAPSHOT_UNKNOWN)
        *sum = SNAPSHOT_UNKNOWN - 1;
}

/* --- tables: a line is columns parted by one blank, the last one a name --- */

struct columns {
    const char *line;
    size_t len;
    size_t at;
};

static bool next_line(struct text text, size_t *at, struct columns *ret_columns)
{
    size_t len;
    const char *line = proc_text_line(text.bytes, text.len, at, &len);

    *ret_columns = (struct columns){line, len, 0};
    return line != NULL;
}

static struct text next_word(struct columns *c)
{
    const char *start = c->line + c->at;
    const char *blank = memchr(start, ' ', c->len - c->at);
    size_t len = blank ? (size_t)(blank - start) : c->len - c->at;

    c->at += len + (blank ? 1 : 0);
    return (struct text){start, len};
}

static bool word_is(struct text word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.bytes, text, word.len) == 0;
}

/* A number; "-" and "max" are SNAPSHOT_UNKNOWN. */
static bool next_number(struct columns *c, uint64_t *ret_number)
{
    struct text word = next_word(c);
    size_t at = 0;

    if (word_is(word, "-") || word_is(word, "max")) {
        *ret_number = SNAPSHOT_UNKNOWN;
        return true;
    }
    return proc_text_digits(word.bytes, word.len, &at, ret_number) && at == word.len;
}

static bool next_hex(struct columns *c, char after, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t start = c->at;

    for (; c->at < c->len && c->at - start < 8; c->at++) {
        char digit = c->line[c->at];

        if (digit >= '0' && digit <= '9')
            number = number << 4 | (uint64_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            number = number << 4 | (uint64_t)(digit - 'a' + 10);
        else
            break;
    }
    if (c->at == start || c->at >= c->len || c->line[c->at] != after)
        return false;
    c->at++;
    *ret_number = number;
    return true;
}

/* "skipped 3400": as many were there beyond those that the table lists. */
static bool read_skipped(struct columns line, uint64_t *ret_count)
{
    return word_is(next_word(&line), "skipped") && next_number(&line, ret_count);
}

static struct seep_error *parse_tasks(struct text text, struct snapshot *snap)
{
    struct seep_error *err = NULL;
    struct columns line;

    for (size_t at = 0; !err && next_line(text, &at, &line);) {
        struct snapshot_task task = {0};
        char name[64];
        uint64_t tid;

        if (read_skipped(line, &snap->tasks_skipped) || !next_number(&line, &tid) || tid == 0 ||
            tid > INT32_MAX)
            continue;

        struct text state = next_word(&line);

        if (state.len != 1 || !next_number(&line, &task.cpu_ns) ||
            !next_number(&line, &task.switches))
            continue;
        task.tid = (pid_t)tid;
        task.state = state.bytes[0];

        size_t len = line.len - line.at < sizeof(name) ? line.len - line.at : sizeof(name) - 1;

        len = proc_text_unescape(line.line + line.at, len, name);
        memcpy(task.name, name, len < sizeof(task.name) ? len : sizeof(task.name) - 1);
        err = vector_push(&snap->tasks, task);
    }
    return err;
}

/* Reads one line of `held`; its name goes to *NAMES, which is moved on. */
static bool parse_held_line(struct columns line, struct snapshot_held *ret_held, char **names)
{
    struct snapshot_held held = {0};
    struct text kind = next_word(&line);
    uint64_t id, major, minor;

    if (word_is(kind, "fd"))
        held.kind = SNAPSHOT_HELD_DESCRIPTOR;
    else if (word_is(kind, "sysv"))
        held.kind = SNAPSHOT_HELD_SYSV;
    else
        return false;
    if (!next_number(&line, &id) || id > INT64_MAX || !next_hex(&line, ':', &major) ||
        !next_hex(&line, ' ', &minor) || !next_number(&line, &held.inode) ||
        !next_number(&line, &held.size_bytes) || !next_number(&line, &held.held_bytes) ||
        !next_number(&line, &held.attached))
        return false;
    held.id = (int64_t)id;
    held.device = makedev((unsigned)major, (unsigned)minor);
    held.name = *names;
    *names += proc_text_unescape(line.line + line.at, line.len - line.at, *names) + 1;
    *ret_held = held;
    return true;
}

static struct seep_error *parse_held(struct text text, struct snapshot *snap)
{
    struct seep_error *err = NULL;
    struct columns line;
    char *names = malloc(text.len + 1);

    if (!names)
        return error_no_memory();
    snap->names = names;
    for (size_t at = 0; !err && next_line(text, &at, &line);) {
        struct snapshot_held held;

        if (read_skipped(line, &snap->held_skipped))
            continue;
        if (parse_held_line(line, &held, &names))
            err = vector_push(&snap->held, held);
    }
    return err;
}

/* Lines "group USED LIMIT PATH", from the process's own group up to the root: the tightest limit
 * holds. A version 1 group knows the tightest of its ancestors too, even those out of sight. */
static void parse_cgroup(const struct snapshot_record *record, struct snapshot *snap)
{
    struct text text = section(record, "cgroup_memory"), stat = section(record, "memory.stat");
    struct columns line;

    for (size_t at = 0; next_line(text, &at, &line);) {
        uint64_t used, limit;

        if (!word_is(next_word(&line), "group") || !next_number(&line, &used) ||
            !next_number(&line, &limit))
            continue;
        if (limit >= NO_LIMIT_BYTES)
            limit = SNAPSHOT_UNKNOWN;
        if (limit < snap->cgroup_limit_bytes || snap->cgroup_used_bytes == SNAPSHOT_UNKNOWN) {
            snap->cgroup_limit_bytes = limit;
            snap->cgroup_used_bytes = used;
        }
    }
    for (size_t at = 0; next_line(stat, &at, &line);) {
        uint64_t limit;

        if (word_is(next_word(&line), "hierarchical_memory_limit") && next_number(&line, &limit) &&
            limit < snap->cgroup_limit_bytes && limit < NO_LIMIT_BYTES)
            snap->cgroup_limit_bytes = limit;
    }
}

/* The soft limit in "Max address space         unlimited            unlimited            bytes". */
static uint64_t soft_limit(struct text text, const char *name)
{
    size_t name_len = strlen(name), at = 0, len;
    const char *line;

    while ((line = proc_text_line(text.bytes, text.len, &at, &len))) {
        uint64_t limit;

        if (len <= name_len || memcmp(line, name, name_len) != 0)
            continue;
        while (name_len < len && line[name_len] == ' ')
            name_len++;
        return proc_text_digits(line, len, &name_len, &limit) ? limit : SNAPSHOT_UNKNOWN;
    }
    return SNAPSHOT_UNKNOWN;
}

/* The word in brackets of "enabled always [madvise] never". */
static void parse_thp(struct text text, struct snapshot *snap)
{
    struct columns line;

    for (size_t at = 0; next_line(text, &at, &line);) {
        if (!word_is(next_word(&line), "enabled"))
            continue;
        while (line.at < line.len) {
            struct text word = next_word(&line);

            if (word.len > 2 && word.bytes[0] == '[' && word.bytes[word.len - 1] == ']' &&
                word.len - 2 < sizeof(snap->thp_enabled)) {
                memcpy(snap->thp_enabled, word.bytes + 1, word.len - 2);
                snap->thp_enabled[word.len - 2] = '\0';
            }
        }
    }
}

static void parse_stat(const struct snapshot_record *record, struct snapshot *snap)
{
    struct text text = section(record, "stat");
    struct proc_text_stat stat;
    uint64_t ticks;

    if (!proc_text_stat(text.bytes, text.len, &stat))
        return;
    snap->ppid = stat.ppid;
    snap->minor_faults = stat.minor_faults;
    snap->major_faults = stat.major_faults;
    snap->thread_count = stat.thread_count;
    snap->virtual_bytes = stat.virtual_bytes;
    if (!snap->start_ticks)
        snap->start_ticks = stat.start_ticks;
    if (__builtin_add_overflow(stat.user_ticks, stat.system_ticks, &ticks) ||
        __builtin_mul_overflow(ticks, NS_PER_TICK, &snap->cpu_ns))
        snap->cpu_ns = SNAPSHOT_UNKNOWN;
}

/* VALUE where it is known, else the sum of FIELD over the regions, if these are all. */
static uint64_t known_or_sum(uint64_t value, const struct maps *maps, bool partial,
                             enum smaps_field field)
{
    if (value == SNAPSHOT_UNKNOWN && maps->has_smaps && !partial)
        for (size_t i = 0; i < maps->count; i++)
            add(&value, maps->vmas[i].fields[field]);
    return value;
}

static void parse_numbers(const struct snapshot_record *record, struct snapshot *snap)
{
    struct text status = section(record, "status"), io = section(record, "io");
    struct text limits = section(record, "limits"), meminfo = section(record, "meminfo");
    uint64_t virtual_bytes = number_of(status, "VmSize");

    parse_stat(record, snap);
    if (virtual_bytes != SNAPSHOT_UNKNOWN)
        snap->virtual_bytes = virtual_bytes;
    if (snap->thread_count == SNAPSHOT_UNKNOWN)
        snap->thread_count = number_of(status, "Threads");
    snap->rss_bytes = number_of(status, "VmRSS");
    if (snap->rss_bytes == SNAPSHOT_UNKNOWN)
        snap->rss_bytes =
            known_or_sum(snap->rollup[SMAPS_RSS], &snap->maps, snap->partial, SMAPS_RSS);
    snap->swap_bytes = number_of(status, "VmSwap");
    if (snap->swap_bytes == SNAPSHOT_UNKNOWN)
        snap->swap_bytes =
            known_or_sum(snap->rollup[SMAPS_SWAP], &snap->maps, snap->partial, SMAPS_SWAP);
    snap->pss_bytes = known_or_sum(snap->rollup[SMAPS_PSS], &snap->maps, snap->partial, SMAPS_PSS);
    snap->rlimit_as_bytes = soft_limit(limits, "Max address space");
    snap->rlimit_data_bytes = soft_limit(limits, "Max data size");
    snap->memory_total_bytes = number_of(meminfo, "MemTotal");
    snap->memory_available_bytes = number_of(meminfo, "MemAvailable");
    /* Sockets and pipes count here, the block layer's read_bytes would not see them. */
    add(&snap->io_bytes, number_of(io, "rchar"));
    add(&snap->io_bytes, number_of(io, "wchar"));
    add(&snap->io_calls, number_of(io, "syscr"));
    add(&snap->io_calls, number_of(io, "syscw"));
    for (size_t i = 0; i < snap->tasks.count; i++)
        add(&snap->switches, snap->tasks.items[i].switches);
    parse_cgroup(record, snap);
    parse_thp(section(record, "thp"), snap);
}

struct seep_error *snapshot_parse(const struct snapshot_record *record, struct snapshot *ret_snap)
{
    struct snapshot snap = {
        .pid = record->pid,
        .start_ticks = record->start_ticks,
        .begin_ns = record->begin_ns,
        .end_ns = record->end_ns,
        .reason = record->reason,
        .stopped = record->stopped,
        .partial =
            snapshot_record_find(record, "partial") ||
            (!snapshot_record_find(record, "smaps") && !snapshot_record_find(record, "maps")),
        .rss_bytes = SNAPSHOT_UNKNOWN,
        .pss_bytes = SNAPSHOT_UNKNOWN,
        .virtual_bytes = SNAPSHOT_UNKNOWN,
        .swap_bytes = SNAPSHOT_UNKNOWN,
        .thread_count = SNAPSHOT_UNKNOWN,
        .cgroup_limit_bytes = SNAPSHOT_UNKNOWN,
        .cgroup_used_bytes = SNAPSHOT_UNKNOWN,
        .cpu_ns = SNAPSHOT_UNKNOWN,
        .switches = SNAPSHOT_UNKNOWN,
        .minor_faults = SNAPSHOT_UNKNOWN,
        .major_faults = SNAPSHOT_UNKNOWN,
        .io_bytes = SNAPSHOT_UNKNOWN,
        .io_calls = SNAPSHOT_UNKNOWN,
    };
    struct text text = section(record, "smaps"), rollup = section(record, "smaps_rollup");

    if (!text.len)
        text = section(record, "maps");

    struct seep_error *err = maps_parse(text.bytes, text.len, &snap.maps);

    if (!err)
        err = maps_parse_rollup(rollup.bytes, rollup.len, snap.rollup);
    if (!err)
        err = parse_tasks(section(record, "tasks"), &snap);
    if (!err)
        err = parse_held(section(record, "held"), &snap);
    if (err) {
        snapshot_deinit(&snap);
        return err;
    }
    parse_numbers(record, &snap);
    *ret_snap = snap;
    return NULL;
}

void snapshot_deinit(struct snapshot *snap)
{
    maps_deinit(&snap->maps);
    vector_deinit(&snap->tasks);
    vector_deinit(&snap->held);
    free(snap->names);
    *snap = (struct snapshot){0};
}
