#include "report/told_json.h"

#include "base/moment.h"
#include "evidence/maps.h"
#include "report/json_parts.h"

/* An array of what MAKE makes of each item of VECTOR for ANALYSIS. */
#define ARRAY(vector, make)                                                                        \
    ({                                                                                             \
        json_t *array_ = json_array();                                                             \
        bool failed_ = false;                                                                      \
        for (size_t i_ = 0; i_ < (vector)->count; i_++)                                            \
            failed_ |= json_array_append_new(array_, make(&(vector)->items[i_])) < 0;              \
        if (failed_) {                                                                             \
            json_decref(array_);                                                                   \
            array_ = NULL;                                                                         \
        }                                                                                          \
        array_;                                                                                    \
    })

static json_t *import_json(const struct analysis_import *import)
{
    return JSON_OBJECT({"file", json_parts_text(import->file)},
                       {"format", json_parts_text(import->format)},
                       {"lines", json_parts_number(import->lines)},
                       {"skipped", json_parts_number(import->skipped)});
}

json_t *told_json_imports(const struct analysis *a)
{
    return ARRAY(&a->imports, import_json);
}

static json_t *missing_json(const struct analysis_missing *missing)
{
    return JSON_OBJECT({"what", json_parts_text(missing->what)},
                       {"command", json_parts_text(missing->command)});
}

json_t *told_json_missing(const struct analysis *a)
{
    return ARRAY(&a->missing, missing_json);
}

static json_t *resident_json(const struct analysis_resident *row)
{
    char perms[5];

    return JSON_OBJECT(
        {"pid", json_parts_id(row->pid)},
        {"start", row->end ? json_parts_address(row->start) : json_null()},
        {"end", row->end ? json_parts_address(row->end) : json_null()},
        {"perms", row->end ? json_string(vma_perms_text(row->perms, perms)) : json_null()},
        {"name", json_parts_text(row->name)}, {"region", json_string(region_name(row->region))},
        {"size_bytes", json_parts_number(row->size_bytes)},
        {"rss_bytes", json_parts_number(row->rss_bytes)},
        {"pss_bytes", json_parts_number(row->pss_bytes)},
        {"shared_clean_bytes", json_parts_number(row->shared_clean_bytes)},
        {"shared_dirty_bytes", json_parts_number(row->shared_dirty_bytes)},
        {"private_clean_bytes", json_parts_number(row->private_clean_bytes)},
        {"private_dirty_bytes", json_parts_number(row->private_dirty_bytes)},
        {"dirty_bytes", json_parts_number(row->dirty_bytes)},
        {"anon_huge_pages_bytes", json_parts_number(row->huge_bytes)});
}

json_t *told_json_residents(const struct analysis *a)
{
    return ARRAY(&a->residents, resident_json);
}

static json_t *difference_json(const struct analysis_difference *d)
{
    return JSON_OBJECT(
        {"pid", json_parts_id(d->pid)}, {"from_pid", json_parts_id(d->from_pid)},
        {"region", json_string(region_name(d->region))},
        {"from_bytes", json_parts_number(d->from_bytes)}, {"bytes", json_parts_number(d->bytes)},
        {"appeared", json_parts_number(d->appeared)}, {"gone", json_parts_number(d->gone)},
        {"resized", json_parts_number(d->resized)});
}

json_t *told_json_differences(const struct analysis *a)
{
    return ARRAY(&a->differences, difference_json);
}

static json_t *category_json(const struct analysis_category *category)
{
    return JSON_OBJECT({"name", json_parts_text(category->name)},
                       {"reserved_bytes", json_parts_number(category->reserved_bytes)},
                       {"committed_bytes", json_parts_number(category->committed_bytes)},
                       {"malloc_bytes", json_parts_number(category->malloc_bytes)},
                       {"mmap_bytes", json_parts_number(category->mmap_bytes)},
                       {"growth_bytes", json_parts_number(category->growth_bytes)},
                       {"first_bytes", json_parts_number(category->first_bytes)});
}

static json_t *java_json(const struct analysis_java *java)
{
    return JSON_OBJECT({"pid", json_parts_id(java->pid)},
                       {"version", json_parts_text(java->version)},
                       {"heap_max_bytes", json_parts_number(java->heap_max_bytes)},
                       {"heap_committed_bytes", json_parts_number(java->heap_committed_bytes)},
                       {"heap_used_bytes", json_parts_number(java->heap_used_bytes)},
                       {"direct_used_bytes", json_parts_number(java->direct_used_bytes)},
                       {"direct_max_bytes", json_parts_number(java->direct_max_bytes)},
                       {"direct_wanted_bytes", json_parts_number(java->direct_wanted_bytes)},
                       {"threads", json_parts_number(java->threads)},
                       {"reserved_bytes", json_parts_number(java->reserved_bytes)},
                       {"committed_bytes", json_parts_number(java->committed_bytes)},
                       {"rss_bytes", json_parts_number(java->rss_bytes)},
                       {"outside_bytes", json_parts_number(java->outside_bytes)},
                       {"malloc_bytes", json_parts_number(java->malloc_bytes)},
                       {"unmapped_bytes", json_parts_number(java->unmapped_bytes)},
                       {"categories", ARRAY(&java->categories, category_json)});
}

json_t *told_json_java(const struct analysis *a)
{
    return ARRAY(&a->java, java_json);
}

static json_t *incident_json(const struct analysis_incident *incident, enum moment_basis basis)
{
    struct units_text buf;
    const char *time =
        incident->time_ns == ANALYSIS_UNKNOWN ? NULL : moment_json(&buf, basis, incident->time_ns);

    return JSON_OBJECT(
        {"kind", json_parts_text(incident->kind)}, {"pid", json_parts_id(incident->pid)},
        {"name", json_parts_text(incident->name)}, {"bytes", json_parts_number(incident->bytes)},
        {"text", json_parts_text(incident->text)}, {"time", json_parts_text(time)},
        {"file", json_parts_text(incident->file)},
        {"line", incident->line ? json_parts_number(incident->line) : json_null()});
}

json_t *told_json_incidents(const struct analysis *a)
{
    json_t *array = json_array();
    bool failed = false;

    for (size_t i = 0; i < a->incidents.count; i++)
        failed |=
            json_array_append_new(array, incident_json(&a->incidents.items[i], a->info.basis)) < 0;
    if (failed) {
        json_decref(array);
        return NULL;
    }
    return array;
}

static json_t *string_json(const struct analysis_string *string)
{
    return JSON_OBJECT({"text", json_parts_text(string->text)},
                       {"count", json_parts_number(string->count)},
                       {"bytes", json_parts_number(string->bytes)});
}

static json_t *date_or_null(uint64_t epoch_ns)
{
    struct units_text text;

    return epoch_ns == ANALYSIS_UNKNOWN ? json_null()
                                        : json_string(units_format_time(&text, epoch_ns, false));
}

static json_t *content_json(const struct analysis_content *content)
{
    return JSON_OBJECT(
        {"pid", json_parts_id(content->pid)}, {"start", json_parts_address(content->start)},
        {"end", json_parts_address(content->end)}, {"name", json_parts_text(content->name)},
        {"region", json_string(region_name(content->region))},
        {"strings", ARRAY(&content->strings, string_json)},
        {"times", JSON_OBJECT({"first", date_or_null(content->times_first_ns)},
                              {"last", date_or_null(content->times_last_ns)},
                              {"count", json_parts_number(content->times_count)})});
}

json_t *told_json_contents(const struct analysis *a)
{
    return ARRAY(&a->contents, content_json);
}
