#include "report/told_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/units.h"

enum {
    ASSUMED_TOLD = 24,
    CATEGORIES_TOLD = 6,
    INCIDENTS_TOLD = 8,
    STRINGS_TOLD = 4,
    REGIONS_TOLD = 8,
    LINE_BYTES = 200, /* of an incident's first line */
    STRING_COLUMNS = 100,
};

static bool known(uint64_t value)
{
    return value != ANALYSIS_UNKNOWN;
}

/* The table's cell: KiB, or a dash. */
static const char *cell(struct units_text *buf, uint64_t bytes)
{
    if (!known(bytes))
        return "-";
    return units_format_count(buf, bytes / 1024);
}

/* Rows of a table are not wrapped. */
static void end_line(struct rows *r, const char *label)
{
    size_t width = r->width;

    r->width = SIZE_MAX;
    rows_end_labelled(r, label, strlen(label));
    r->width = width;
}

static void add_name(struct rows *r, const char *name, size_t columns)
{
    char part[96];

    snprintf(part, sizeof(part), "%.*s", (int)(columns < sizeof(part) ? columns : sizeof(part) - 1),
             name);
    rows_text(r, part);
}

/* --- processes --- */

static void write_process(struct rows *r, const struct analysis_process *p)
{
    struct units_text mapped, rss, shared, clean, dirty, huge;
    uint64_t private_dirty =
        known(p->private_dirty_bytes) ? p->private_dirty_bytes : p->dirty_bytes;

    rows_printf(r, "%6d %6d %10s %10s %8s %7s %10s %10s  ", (int)p->pid, (int)p->ppid,
                cell(&mapped, p->virtual_bytes), cell(&rss, p->rss_bytes),
                cell(&shared, p->shared_bytes), cell(&clean, p->private_clean_bytes),
                cell(&dirty, private_dirty), cell(&huge, p->huge_bytes));
    add_name(r, p->command ? p->command : p->exe ? p->exe : "", 32);
    end_line(r, "   ");
}

static bool is_anything_known(const struct analysis *a)
{
    for (size_t i = 0; i < a->processes.count; i++)
        if (known(a->processes.items[i].virtual_bytes) || known(a->processes.items[i].rss_bytes))
            return true;
    return false;
}

static void write_processes(struct rows *r, const struct analysis *a)
{
    if (!is_anything_known(a))
        return;
    rows_printf(r, "%s", "KiB; dirty is private where that is told");
    rows_end_paragraph(r, "Processes: ");
    rows_printf(r, "%6s %6s %10s %10s %8s %7s %10s %10s  %s", "PID", "PARENT", "MAPPED", "RSS",
                "SHARED", "CLEAN", "DIRTY", "HUGE", "COMMAND");
    end_line(r, "   ");
    for (size_t i = 0; i < a->processes.count; i++)
        write_process(r, &a->processes.items[i]);
    if (a->thp) {
        rows_printf(r, "transparent huge pages: ");
        rows_text(r, a->thp);
        if (known(a->machine_huge_bytes)) {
            rows_printf(r, "; AnonHugePages of the machine ");
            rows_size(r, a->machine_huge_bytes);
        }
        rows_end_paragraph(r, "   ");
    }
}

static void write_differences(struct rows *r, const struct analysis *a)
{
    for (size_t i = 0; i < a->differences.count; i++) {
        const struct analysis_difference *d = &a->differences.items[i];
        bool first = i == 0 || d[-1].pid != d->pid || d[-1].from_pid != d->from_pid;
        struct units_text size;

        if (first && d->pid == d->from_pid)
            rows_printf(r, "%d since the first look: ", (int)d->pid);
        else if (first)
            rows_printf(r, "%d against %d: ", (int)d->pid, (int)d->from_pid);
        else
            rows_printf(r, "; ");
        rows_printf(r, "%s %s", region_name(d->region), d->bytes < d->from_bytes ? "-" : "+");
        rows_printf(r, "%s (",
                    units_format_size(&size, d->bytes < d->from_bytes ? d->from_bytes - d->bytes
                                                                      : d->bytes - d->from_bytes));
        if (d->appeared)
            rows_printf(r, "%" PRIu64 " appeared", d->appeared);
        if (d->gone)
            rows_printf(r, "%s%" PRIu64 " gone", d->appeared ? ", " : "", d->gone);
        if (d->resized)
            rows_printf(r, "%s%" PRIu64 " of another size", d->appeared || d->gone ? ", " : "",
                        d->resized);
        rows_printf(r, ")");
        if (i + 1 == a->differences.count || d[1].pid != d->pid || d[1].from_pid != d->from_pid)
            rows_end_paragraph(r, "   ");
    }
}

/* --- regions --- */

static void write_resident(struct rows *r, const struct analysis *a,
                           const struct analysis_resident *row)
{
    struct units_text size, rss, clean, dirty, huge;
    uint64_t dirties =
        known(row->private_dirty_bytes) ? row->private_dirty_bytes : row->dirty_bytes;

    if (a->processes.count > 1)
        rows_printf(r, "%7d ", (int)row->pid);
    rows_printf(r, "%11s %11s %9s %11s %11s  ", cell(&size, row->size_bytes),
                cell(&rss, row->rss_bytes), cell(&clean, row->private_clean_bytes),
                cell(&dirty, dirties), cell(&huge, row->huge_bytes));
    if (row->start)
        rows_printf(r, "%" PRIx64 "-%" PRIx64 " ", row->start, row->end);
    if (row->name[0])
        rows_text(r, row->name);
    else
        rows_printf(r, "[%s]", region_name(row->region));
    end_line(r, "   ");
}

static void write_residents(struct rows *r, const struct analysis *a, unsigned top)
{
    size_t told = a->residents.count < top ? a->residents.count : top;

    if (told == 0)
        return;
    rows_printf(r, "KiB, the most private and dirty first");
    if (a->processes.count == 1 && a->processes.items[0].private_dirty_bytes > 0 &&
        known(a->processes.items[0].private_dirty_bytes) &&
        known(a->residents.items[0].private_dirty_bytes)) {
        const struct analysis_resident *most = &a->residents.items[0];

        rows_printf(r, "; ");
        rows_text(r, most->name[0] ? most->name : region_name(most->region));
        rows_printf(r, " alone has ");
        rows_size(r, most->private_dirty_bytes);
        rows_printf(r, ", ");
        rows_share(r, most->private_dirty_bytes, a->processes.items[0].private_dirty_bytes);
        rows_printf(r, " of what is private and dirty");
    }
    rows_end_paragraph(r, "Regions: ");
    if (a->processes.count > 1)
        rows_printf(r, "%7s ", "PID");
    rows_printf(r, "%11s %11s %9s %11s %11s  %s", "SIZE", "RSS", "CLEAN", "DIRTY", "HUGE", "WHAT");
    end_line(r, "   ");
    for (size_t i = 0; i < told; i++)
        write_resident(r, a, &a->residents.items[i]);
    if (a->residents.count > told) {
        rows_printf(r, "and %zu more: --top N tells N, --json all", a->residents.count - told);
        rows_end_paragraph(r, "   ");
    }
}

/* --- the JVM --- */

static void add_amount(struct rows *r, const char *what, uint64_t bytes)
{
    if (!known(bytes))
        return;
    rows_between(r, ", ");
    rows_printf(r, "%s ", what);
    rows_size(r, bytes);
}

static void add_exact(struct rows *r, const char *what, uint64_t bytes)
{
    struct units_text text;

    if (known(bytes))
        rows_printf(r, "%s%s", what, units_format_count(&text, bytes));
}

/* What direct buffers are counted as: JDK 8 has no category of their own. */
static const struct analysis_category *find_category(const struct analysis_java *java,
                                                     const char *name)
{
    for (size_t i = 0; i < java->categories.count; i++)
        if (strcmp(java->categories.items[i].name, name) == 0)
            return &java->categories.items[i];
    return NULL;
}

static void write_categories(struct rows *r, const struct analysis_java *java)
{
    const struct analysis_category *internal = find_category(java, "Internal");
    size_t told = 0;

    add_amount(r, "native memory tracking: committed", java->committed_bytes);
    add_amount(r, "of reserved", java->reserved_bytes);
    for (size_t i = 0; i < java->categories.count && told < CATEGORIES_TOLD; i++) {
        const struct analysis_category *category = &java->categories.items[i];

        if (!known(category->committed_bytes) || !category->committed_bytes)
            continue;
        rows_printf(r, "%s", told++ ? ", " : ": ");
        rows_text(r, category->name);
        rows_printf(r, " ");
        rows_size(r, category->committed_bytes);
        if (known(category->first_bytes) && category->first_bytes != category->committed_bytes) {
            bool more = category->committed_bytes >= category->first_bytes;

            rows_printf(r, " (%s", more ? "+" : "-");
            rows_size(r, more ? category->committed_bytes - category->first_bytes
                              : category->first_bytes - category->committed_bytes);
            rows_printf(r, " since the first report)");
        } else if (known(category->growth_bytes)) {
            rows_printf(r, " (+");
            rows_size(r, category->growth_bytes);
            rows_printf(r, " since the baseline)");
        }
    }
    if (internal && !find_category(java, "Other") && known(internal->malloc_bytes) &&
        known(java->committed_bytes) && internal->malloc_bytes > java->committed_bytes / 8) {
        rows_printf(r, "; Internal: ");
        rows_size(r, internal->malloc_bytes);
        rows_printf(r, " of it from malloc: direct buffers are counted there by a JDK 8");
    }
    rows_end_paragraph(r, "     ");
    if (known(java->outside_bytes) && java->outside_bytes) {
        rows_size(r, java->rss_bytes);
        rows_printf(r, " resident, ");
        rows_size(r, java->outside_bytes);
        rows_printf(r, " more than it says to have committed: of libraries, malloc's own and what "
                       "they map");
        rows_end_paragraph(r, "     ");
    }
}

static void write_unmapped(struct rows *r, const struct analysis_java *java)
{
    if (!known(java->unmapped_bytes))
        return;
    rows_size(r, java->unmapped_bytes);
    rows_printf(r, " of anonymous memory lie in no range of its memory map");
    if (known(java->malloc_bytes)) {
        rows_printf(r, "; it says to have ");
        rows_size(r, java->malloc_bytes);
        rows_printf(r, " from malloc");
        if (java->unmapped_bytes > java->malloc_bytes) {
            rows_printf(r, ": ");
            rows_size(r, java->unmapped_bytes - java->malloc_bytes);
            rows_printf(r, " no category explains");
        }
    }
    rows_end_paragraph(r, "     ");
}

static void write_java(struct rows *r, const struct analysis *a)
{
    for (size_t i = 0; i < a->java.count; i++) {
        const struct analysis_java *java = &a->java.items[i];
        struct units_text count;

        if (java->pid > 0 && java->pid != a->info.pid)
            rows_printf(r, "of process %d", (int)java->pid);
        if (java->version) {
            rows_between(r, ", ");
            rows_printf(r, "version ");
            rows_text(r, java->version);
        }
        add_amount(r, "heap used", java->heap_used_bytes);
        add_amount(r, "of at most", java->heap_max_bytes);
        if (known(java->threads)) {
            rows_between(r, ", ");
            rows_printf(r, "%s threads", units_format_count(&count, java->threads));
        }
        if (known(java->direct_used_bytes)) {
            rows_between(r, ", ");
            add_exact(r, "direct memory ", java->direct_used_bytes);
            add_exact(r, " of ", java->direct_max_bytes);
            rows_printf(r, " bytes used");
            if (known(java->direct_wanted_bytes)) {
                add_exact(r, " when the next ", java->direct_wanted_bytes);
                rows_printf(r, " failed");
            }
        }
        rows_end_paragraph(r, "JVM: ");
        write_categories(r, java);
        write_unmapped(r, java);
    }
}

/* --- logs and memory --- */

static void write_incidents(struct rows *r, const struct analysis *a)
{
    for (size_t i = 0; i < a->incidents.count && i < INCIDENTS_TOLD; i++) {
        const struct analysis_incident *incident = &a->incidents.items[i];
        size_t line = incident->text ? strcspn(incident->text, "\n") : 0;
        char first[LINE_BYTES + 1];

        rows_printf(r, "%s", incident->kind);
        if (incident->pid > 0)
            rows_printf(r, " of process %d", (int)incident->pid);
        if (incident->name) {
            rows_printf(r, " ");
            rows_text(r, incident->name);
        }
        if (known(incident->bytes)) {
            rows_printf(r, ", ");
            rows_size(r, incident->bytes);
        }
        if (line) {
            snprintf(first, sizeof(first), "%.*s", (int)(line < LINE_BYTES ? line : LINE_BYTES),
                     incident->text);
            rows_printf(r, ": ");
            rows_text(r, first);
        }
        if (known(incident->time_ns) && r->basis != MOMENT_NONE) {
            rows_printf(r, ", at ");
            rows_time(r, incident->time_ns);
        }
        if (incident->file) {
            const char *slash = strrchr(incident->file, '/');

            rows_printf(r, " (");
            rows_text(r, slash && slash[1] ? slash + 1 : incident->file);
            if (incident->line)
                rows_printf(r, ", line %" PRIu64, incident->line);
            rows_printf(r, ")");
        }
        rows_end_paragraph(r, i ? "      " : "Logs: ");
    }
}

static void write_contents(struct rows *r, const struct analysis *a)
{
    for (size_t i = 0; i < a->contents.count && i < REGIONS_TOLD; i++) {
        const struct analysis_content *content = &a->contents.items[i];
        struct units_text first, last;

        rows_printf(r, "%" PRIx64 "-%" PRIx64 " %s", content->start, content->end,
                    content->name[0] ? "" : region_name(content->region));
        rows_text(r, content->name);
        rows_printf(r, ", ");
        rows_size(r, content->end - content->start);
        if (content->strings.count == 0)
            rows_printf(r, ": no text in it");
        for (size_t s = 0; s < content->strings.count && s < STRINGS_TOLD; s++) {
            rows_printf(r, "%s", s ? ", " : ": ");
            rows_quote(r, content->strings.items[s].text, STRING_COLUMNS);
            if (content->strings.items[s].count > 1)
                rows_printf(r, " %" PRIu64 " times", content->strings.items[s].count);
        }
        if (known(content->times_first_ns)) {
            units_format_time(&first, content->times_first_ns, false);
            units_format_time(&last, content->times_last_ns, false);
            rows_printf(r, "; %" PRIu64 " times written in it, %.10s %.8s to %.10s %.8s UTC",
                        content->times_count, first.text, first.text + 11, last.text,
                        last.text + 11);
        }
        rows_end_paragraph(r, i ? "        " : "Memory says: ");
    }
    if (a->contents.count > REGIONS_TOLD) {
        rows_printf(r, "and %zu more regions: seep show CASE strings",
                    a->contents.count - REGIONS_TOLD);
        rows_end_paragraph(r, "        ");
    }
}

void told_text(struct rows *r, const struct analysis *a, unsigned top)
{
    if (a->imports.count == 0)
        return;
    if (a->info.imported && a->processes.count)
        write_processes(r, a);
    write_differences(r, a);
    write_residents(r, a, top);
    write_java(r, a);
    write_incidents(r, a);
    write_contents(r, a);
}

void told_text_limits(struct rows *r, const struct analysis *a)
{
    size_t by_file_time = 0, told = 0, left = 0;

    for (size_t i = 0; i < a->assumptions.count; i++) {
        /* Said of nearly every file: once is enough for a person. */
        if (strstr(a->assumptions.items[i], ": taken when the file was last written")) {
            by_file_time++;
        } else if (told < ASSUMED_TOLD) {
            rows_text(r, a->assumptions.items[i]);
            rows_end_paragraph(r, told++ ? "         " : "Assumed: ");
        } else {
            left++;
        }
    }
    if (by_file_time) {
        rows_count(r, by_file_time, "file");
        rows_printf(r, " taken to be of when %s last written (FILE@TIME says else)",
                    by_file_time == 1 ? "it was" : "they were");
        rows_end_paragraph(r, told ? "         " : "Assumed: ");
    }
    if (left) {
        rows_printf(r, "and %zu more: --json", left);
        rows_end_paragraph(r, "         ");
    }
    for (size_t i = 0; i < a->missing.count; i++) {
        rows_text(r, a->missing.items[i].what);
        rows_end_paragraph(r, i ? "           " : "Next time: ");
        rows_text(r, a->missing.items[i].command);
        end_line(r, "             ");
    }
}
