#include <string.h>

#include "base/escape.h"
#include "base/units.h"
#include "report/snap.h"
#include "report/wrap.h"

uint64_t snap_field(const struct vma *vma, enum smaps_field field)
{
    if (field == SMAPS_SIZE && vma->fields[SMAPS_SIZE] == MAPS_UNKNOWN)
        return vma_size(vma);
    return vma->fields[field];
}

void snap_add(uint64_t *sum, uint64_t more)
{
    if (more == MAPS_UNKNOWN)
        return;
    if (*sum == MAPS_UNKNOWN)
        *sum = 0;
    if (__builtin_add_overflow(*sum, more, sum) || *sum == MAPS_UNKNOWN)
        *sum = MAPS_UNKNOWN - 1;
}

const char *snap_kib(struct units_text *buf, uint64_t bytes)
{
    if (bytes == MAPS_UNKNOWN)
        return strcpy(buf->text, "-");
    return units_format_count(buf, bytes / 1024);
}

const char *snap_vma_name(const struct vma *vma)
{
    return vma->name[0] ? vma->name : "[anon]";
}

void snap_name(struct buffer *out, const char *name, size_t columns)
{
    _cleanup_buffer_ struct buffer escaped = {0};
    size_t at = 0;

    escape_append(&escaped, name, strlen(name));
    out->failed |= escaped.failed;
    if (out->failed || !escaped.len)
        return;

    size_t total = wrap_columns(escaped.bytes, escaped.len);

    if (columns && total > columns) {
        buffer_bytes(out, "...", columns < 3 ? columns : 3);
        /* Leave out as many columns as are too many, and then to the end of the character. */
        size_t leave = total - columns + 3;

        at = leave >= total ? escaped.len : wrap_fit(escaped.bytes, escaped.len, leave);
        while (at < escaped.len && wrap_columns(escaped.bytes, at) < leave)
            at += wrap_fit(escaped.bytes + at, escaped.len - at, 2) ?: 1;
    }
    buffer_bytes(out, escaped.bytes + at, escaped.len - at);
}

static void add_size(struct buffer *line, const char *label, uint64_t bytes)
{
    struct units_text text;

    if (bytes != SNAPSHOT_UNKNOWN)
        buffer_printf(line, "%s%s %s", line->len ? ", " : "", label,
                      units_format_size(&text, bytes));
}

/* Ends LINE and appends it to OUT. */
static void end_line(struct buffer *out, struct buffer *line, size_t width)
{
    out->failed |= line->failed;
    if (line->len && !line->failed)
        wrap_append(out, width ? width : SIZE_MAX / 2, "", 0, line->bytes);
    buffer_clear(line);
}

void snap_heading(struct buffer *out, const struct snap_process *process, size_t width)
{
    const struct snapshot *snap = process->snap;
    _cleanup_buffer_ struct buffer line = {0};
    const char *command = process->command ? process->command : "";
    struct units_text text;
    size_t room = width > 30 ? width - 20 : 0;
    size_t fit = room ? wrap_fit(command, strlen(command), room) : strlen(command);

    buffer_printf(&line, "pid %d %.*s%s", (int)snap->pid, (int)fit, command,
                  command[fit] ? "..." : "");
    end_line(out, &line, width);
    add_size(&line, "RSS", snap->rss_bytes);
    add_size(&line, "PSS", snap->pss_bytes);
    add_size(&line, "swap", snap->swap_bytes);
    add_size(&line, "virtual", snap->virtual_bytes);
    if (snap->thread_count != SNAPSHOT_UNKNOWN)
        buffer_printf(&line, "%s%s thread%s", line.len ? ", " : "",
                      units_format_count(&text, snap->thread_count),
                      snap->thread_count == 1 ? "" : "s");
    end_line(out, &line, width);
    add_size(&line, "cgroup limit", snap->cgroup_limit_bytes);
    if (line.len && snap->cgroup_used_bytes != SNAPSHOT_UNKNOWN)
        buffer_printf(&line, " (%s used)", units_format_size(&text, snap->cgroup_used_bytes));
    add_size(&line, "RLIMIT_AS", snap->rlimit_as_bytes);
    add_size(&line, "RLIMIT_DATA", snap->rlimit_data_bytes);
    end_line(out, &line, width);
}
