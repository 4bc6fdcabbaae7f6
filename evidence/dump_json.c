/* dump.json: what was saved, of whom, when, and why the rest was not. */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/escape.h"
#include "base/units.h"
#include "evidence/dump.h"

#define SCHEMA "seep-dump/1"

static const char *const state_names[] = {
    [DUMP_PAGE_DATA] = "data",
    [DUMP_PAGE_ZERO] = "zero",
    [DUMP_PAGE_ABSENT] = "absent",
    [DUMP_PAGE_SWAPPED] = "swapped",
    [DUMP_PAGE_UNREADABLE] = "unreadable",
};

/* --- writing --- */

/* JSON holds Unicode only; a mapping's name holds any bytes. */
static json_t *text_json(const char *text)
{
    if (!text)
        return json_null();

    json_t *json = json_string(text);

    if (!json) {
        _cleanup_free_ char *escaped = escape_text(text, strlen(text));

        json = escaped ? json_string(escaped) : NULL;
    }
    return json;
}

static json_t *address_json(uint64_t address)
{
    char text[24];

    snprintf(text, sizeof(text), "0x%" PRIx64, address);
    return json_string(text);
}

static json_t *region_json(const struct dump_region *region)
{
    char perms[5];

    return json_pack("{s:o, s:o, s:s, s:o, s:I, s:o, s:b}", "start", address_json(region->start),
                     "end", address_json(region->end), "perms",
                     vma_perms_text(region->perms, perms), "name", text_json(region->name),
                     "saved_bytes", (json_int_t)region->saved_bytes, "skipped",
                     text_json(region->skipped), "vanished", region->vanished);
}

static json_t *gap_json(const struct dump_gap *gap)
{
    return json_pack("{s:o, s:o, s:s}", "start", address_json(gap->start), "end",
                     address_json(gap->end), "state", state_names[gap->state]);
}

struct seep_error *dump_json_format(const struct dump *dump, struct buffer *ret_text)
{
    json_t *regions = json_array(), *gaps = json_array();
    bool failed = !regions || !gaps;

    for (size_t i = 0; i < dump->regions.count && !failed; i++)
        failed = json_array_append_new(regions, region_json(&dump->regions.items[i])) < 0;
    for (size_t i = 0; i < dump->gaps.count && !failed; i++)
        failed = json_array_append_new(gaps, gap_json(&dump->gaps.items[i])) < 0;

    json_t *json = json_pack(
        "{s:s, s:I, s:I, s:o, s:s, s:b, s:o, s:I, s:I, s:I, s:o, s:o}", "schema", SCHEMA, "number",
        (json_int_t)dump->number, "pid", (json_int_t)dump->pid, "why", text_json(dump->why),
        "method", "live", "complete", dump->complete, "reason", text_json(dump->reason),
        "wall_begin_ns", (json_int_t)dump->wall_begin_ns, "begin_ns", (json_int_t)dump->begin_ns,
        "end_ns", (json_int_t)dump->end_ns, "regions", regions, "gaps", gaps);
    _cleanup_free_ char *text = json && !failed ? json_dumps(json, JSON_INDENT(1)) : NULL;

    json_decref(json);
    if (!text)
        return error_no_memory();
    buffer_printf(ret_text, "%s\n", text);
    return ret_text->failed ? error_no_memory() : NULL;
}

/* --- reading --- */

static uint64_t number_of(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));

    return number > 0 ? (uint64_t)number : 0;
}

/* A copy of the text, NULL when it is null or of another type. */
static struct seep_error *copy_text(const json_t *object, const char *key, char **ret_text)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (!text)
        return NULL;

    char *copy = strdup(text);

    if (!copy)
        return error_no_memory();
    free(*ret_text);
    *ret_text = copy;
    return NULL;
}

static bool range_of(const json_t *object, uint64_t *ret_start, uint64_t *ret_end)
{
    const char *start = json_string_value(json_object_get(object, "start"));
    const char *end = json_string_value(json_object_get(object, "end"));

    return start && end && units_parse_address(start, ret_start) &&
           units_parse_address(end, ret_end) && *ret_start < *ret_end;
}

static uint32_t perms_of(const json_t *object)
{
    const char *text = json_string_value(json_object_get(object, "perms"));

    if (!text || strlen(text) != 4)
        return 0;
    return (text[0] == 'r' ? VMA_READ : 0) | (text[1] == 'w' ? VMA_WRITE : 0) |
           (text[2] == 'x' ? VMA_EXEC : 0) | (text[3] == 's' ? VMA_SHARED : 0);
}

/* Out-of-order or broken entries are left out: the readers search by address. */
static struct seep_error *parse_region(const json_t *json, struct dump *dump)
{
    struct dump_region region = {.perms = perms_of(json),
                                 .saved_bytes = number_of(json, "saved_bytes"),
                                 .vanished = json_is_true(json_object_get(json, "vanished"))};
    size_t count = dump->regions.count;

    if (!range_of(json, &region.start, &region.end) ||
        (count && region.start < dump->regions.items[count - 1].end))
        return NULL;

    struct seep_error *err = copy_text(json, "name", &region.name);

    if (!err && !region.name && !(region.name = strdup("")))
        err = error_no_memory();
    if (!err)
        err = copy_text(json, "skipped", &region.skipped);
    if (!err)
        err = vector_push(&dump->regions, region);
    if (err) {
        free(region.name);
        free(region.skipped);
    }
    return err;
}

static struct seep_error *parse_gap(const json_t *json, struct dump *dump)
{
    struct dump_gap gap = {0};
    const char *state = json_string_value(json_object_get(json, "state"));
    size_t count = dump->gaps.count;

    if (!state || !range_of(json, &gap.start, &gap.end) ||
        (count && gap.start < dump->gaps.items[count - 1].end))
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(state_names); i++) {
        if (strcmp(state, state_names[i]) != 0)
            continue;
        gap.state = (enum dump_page)i;
        return vector_push(&dump->gaps, gap);
    }
    return NULL;
}

static struct seep_error *parse_fields(const json_t *json, struct dump *dump)
{
    struct seep_error *err = copy_text(json, "why", &dump->why);
    const json_t *entry;
    size_t i;

    dump->wall_begin_ns = number_of(json, "wall_begin_ns");
    dump->begin_ns = number_of(json, "begin_ns");
    dump->end_ns = number_of(json, "end_ns");
    dump->complete = json_is_true(json_object_get(json, "complete"));
    if (!err)
        err = copy_text(json, "reason", &dump->reason);
    json_array_foreach (json_object_get(json, "regions"), i, entry)
        if (!err)
            err = parse_region(entry, dump);
    json_array_foreach (json_object_get(json, "gaps"), i, entry)
        if (!err)
            err = parse_gap(entry, dump);
    return err;
}

struct seep_error *dump_json_parse(const char *text, size_t len, struct dump *ret_dump)
{
    json_error_t why;
    json_t *json = json_loadb(text, len, 0, &why);
    const char *schema = json_string_value(json_object_get(json, "schema"));

    if (!schema || strcmp(schema, SCHEMA) != 0) {
        json_decref(json);
        return json ? error_create(ERROR_CORRUPT, "not of schema " SCHEMA)
                    : error_create(ERROR_CORRUPT, "line %d: %s", why.line, why.text);
    }

    struct seep_error *err = parse_fields(json, ret_dump);

    json_decref(json);
    return err;
}
