#include "importer/oom_report.h"

#include <limits.h>

enum { PAGE_BYTES = 4096 };

void oom_report_init(struct oom_report *report)
{
    *report = (struct oom_report){
        .usage_bytes = OOM_REPORT_UNKNOWN,
        .limit_bytes = OOM_REPORT_UNKNOWN,
        .virtual_bytes = OOM_REPORT_UNKNOWN,
        .anon_bytes = OOM_REPORT_UNKNOWN,
        .file_bytes = OOM_REPORT_UNKNOWN,
        .shmem_bytes = OOM_REPORT_UNKNOWN,
    };
}

void oom_report_deinit(struct oom_report *report)
{
    vector_deinit(&report->tasks);
    oom_report_init(report);
}

static void copy(char *text, size_t size, struct span s)
{
    size_t len = s.len < size ? s.len : size - 1;

    memcpy(text, s.text, len);
    text[len] = '\0';
}

/* "[12345.678901] ", with blanks where the number is short. */
static bool take_uptime(struct span *s, int64_t *ret_ns)
{
    struct span at = *s;
    uint64_t seconds;
    int64_t ns = 0, scale = 1000000000;

    if (!span_take(&at, "["))
        return false;
    span_skip_blanks(&at);
    if (!span_take_number(&at, &seconds) || seconds > INT64_MAX / 2000000000 ||
        !span_take(&at, "."))
        return false;
    for (; at.len && at.text[0] >= '0' && at.text[0] <= '9'; at = span_from(at, 1)) {
        scale /= 10;
        ns += (at.text[0] - '0') * scale;
    }
    if (!span_take(&at, "]"))
        return false;
    span_skip_blanks(&at);
    *ret_ns = (int64_t)seconds * 1000000000 + ns;
    *s = at;
    return true;
}

/* What stands before the message: "Nov 20 08:22:40 host kernel: ", "<4>", "kern  :warn  : ". */
static struct span behind_prefix(struct span line)
{
    struct span at = line, before;

    if (span_take_through(&at, "kernel: ", &before) && before.len < 160)
        line = at;
    else if (span_starts(line, "<") || span_starts(line, "kern"))
        for (size_t i = 0; i + 1 < line.len && i < 24; i++)
            if (line.text[i] == '[') {
                line = span_from(line, i);
                break;
            }
    return line;
}

bool oom_report_uptime(struct span line, int64_t *ret_ns)
{
    line = behind_prefix(line);
    return take_uptime(&line, ret_ns);
}

struct span oom_report_message(struct span line)
{
    int64_t ns;
    size_t at;

    line = behind_prefix(line);
    /* dmesg -T: "[Fri Nov 20 08:22:40 2026] " */
    if (!take_uptime(&line, &ns) && span_starts(line, "[") && span_find(line, "] ", &at) &&
        at >= 20 && at < 32 && !span_has(span_first(line, at), "pid"))
        line = span_from(line, at + 2);
    return line;
}

/* --- the table --- */

/* "[ pid ]   uid  tgid total_vm      rss ...": which word is which. */
static bool take_headline(struct oom_report *report, struct span line)
{
    struct span inside, word;

    if (!span_take(&line, "[") || !span_take_through(&line, "]", &inside) ||
        !span_is(span_trim(inside), "pid"))
        return false;
    report->uid_column = report->tgid_column = report->vm_column = report->rss_column = -1;
    report->column_count = 0;
    span_skip_blanks(&line);
    while (line.len) {
        int column = report->column_count++;

        word = span_take_word(&line);
        if (span_is(word, "uid"))
            report->uid_column = column;
        else if (span_is(word, "tgid"))
            report->tgid_column = column;
        else if (span_is(word, "total_vm"))
            report->vm_column = column;
        else if (span_is(word, "rss"))
            report->rss_column = column;
        if (column >= 32)
            return false;
    }
    return report->rss_column >= 0;
}

static uint64_t pages_to_bytes(uint64_t pages)
{
    uint64_t bytes;

    return __builtin_mul_overflow(pages, PAGE_BYTES, &bytes) ? OOM_REPORT_UNKNOWN - 1 : bytes;
}

static bool take_row(const struct oom_report *report, struct span line,
                     struct oom_report_task *task)
{
    uint64_t pid;

    *task = (struct oom_report_task){0};
    if (report->column_count < 2 || !span_take(&line, "["))
        return false;
    span_skip_blanks(&line);
    if (!span_take_number(&line, &pid) || pid == 0 || pid > INT_MAX)
        return false;
    span_skip_blanks(&line);
    if (!span_take(&line, "]"))
        return false;
    span_skip_blanks(&line);
    task->pid = task->tgid = (pid_t)pid;
    /* The last column is the name, which may hold blanks. */
    for (int column = 0; column < report->column_count - 1; column++) {
        struct span word = span_take_word(&line);
        bool negative = span_take(&word, "-");
        uint64_t number;

        if (!span_take_number(&word, &number) || word.len)
            return false;
        if (column == report->uid_column && number <= INT_MAX)
            task->uid = (pid_t)number;
        else if (column == report->tgid_column && number <= INT_MAX)
            task->tgid = (pid_t)number;
        else if (column == report->vm_column && !negative)
            task->virtual_bytes = pages_to_bytes(number);
        else if (column == report->rss_column && !negative)
            task->rss_bytes = pages_to_bytes(number);
    }
    copy(task->name, sizeof(task->name), span_trim(line));
    return true;
}

/* --- the rest --- */

static uint64_t size_behind(struct span line, const char *key)
{
    uint64_t bytes = OOM_REPORT_UNKNOWN;

    if (span_take_through(&line, key, NULL))
        span_take_size(&line, &bytes);
    return bytes;
}

/* "... Killed process 17667 (java) total-vm:12681216kB, anon-rss:524008kB, ...", to 4.19 in two lines
 * of which the first only says "Kill process"; RHEL: "Killed process 17667, UID 0, (java) ...". */
static bool take_killed(struct oom_report *report, struct span line)
{
    struct span rest = line, name;
    uint64_t pid;
    size_t end, open;

    if (!span_take_through(&rest, "Killed process ", NULL) || !span_take_number(&rest, &pid) ||
        pid == 0 || pid > INT_MAX || !span_find(rest, " total-vm:", &end))
        return false;
    name = span_first(rest, end);
    if (span_ends(name, ","))
        name.len--;
    if (!span_ends(name, ")") || !span_find(name, "(", &open))
        return false;
    copy(report->name, sizeof(report->name), span_from(span_first(name, name.len - 1), open + 1));
    report->killed = (pid_t)pid;
    report->virtual_bytes = size_behind(rest, " total-vm:");
    report->anon_bytes = size_behind(rest, " anon-rss:");
    report->file_bytes = size_behind(rest, " file-rss:");
    report->shmem_bytes = size_behind(rest, " shmem-rss:");
    report->in_cgroup |= span_starts(line, "Memory cgroup out of memory");
    return true;
}

/* "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/docker/ab,
 * task_memcg=..." */
static bool take_constraint(struct oom_report *report, struct span line)
{
    struct span path;
    size_t end;

    if (!span_take(&line, "oom-kill:constraint="))
        return false;
    report->in_cgroup |= span_starts(line, "CONSTRAINT_MEMCG");
    if (span_take_through(&line, ",oom_memcg=", NULL)) {
        path = span_find(line, ",task_memcg=", &end) ? span_first(line, end) : line;
        copy(report->cgroup, sizeof(report->cgroup), path);
    }
    return true;
}

static bool take_old_cgroup(struct oom_report *report, struct span line)
{
    struct span path;

    if (!span_starts(line, "Task in ") ||
        !span_take_through(&line, " killed as a result of limit of ", NULL))
        return false;
    path = span_trim(line);
    report->in_cgroup = true;
    copy(report->cgroup, sizeof(report->cgroup), path);
    return true;
}

/* A comm stands before it, and no call whose argument it is. */
bool oom_report_begins(struct span message, struct span *ret_trigger)
{
    size_t at;

    if (!span_find(message, " invoked oom-killer: ", &at) || at >= OOM_REPORT_NAME_BYTES ||
        memchr(message.text, '"', at))
        return false;
    *ret_trigger = span_first(message, at);
    return true;
}

struct seep_error *oom_report_line(struct oom_report *report, struct span message,
                                   enum oom_report_said *ret_said)
{
    struct oom_report_task task;
    struct span trigger;

    message = span_trim(message);
    *ret_said = OOM_REPORT_NOTHING;
    if (oom_report_begins(message, &trigger)) {
        oom_report_deinit(report);
        copy(report->trigger, sizeof(report->trigger), trigger);
        *ret_said = OOM_REPORT_BEGINS;
    } else if (take_killed(report, message)) {
        *ret_said = OOM_REPORT_KILLED;
    } else if (span_starts(message, "memory: usage ")) {
        report->usage_bytes = size_behind(message, "usage ");
        report->limit_bytes = size_behind(message, "limit ");
        *ret_said = OOM_REPORT_HEADLINE;
    } else if (take_constraint(report, message) || take_old_cgroup(report, message) ||
               span_starts(message, "Out of memory: Kill process ") ||
               span_starts(message, "Memory cgroup out of memory: Kill process ")) {
        *ret_said = OOM_REPORT_HEADLINE;
    } else if (take_headline(report, message)) {
        *ret_said = OOM_REPORT_TABLE;
    } else if (take_row(report, message, &task)) {
        *ret_said = OOM_REPORT_TABLE;
        if (report->tasks.count < OOM_REPORT_MAX_TASKS)
            return vector_push(&report->tasks, task);
    }
    return NULL;
}
