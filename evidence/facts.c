#include "evidence/facts.h"

#include <limits.h>
#include <string.h>

#include "base/escape.h"

static const char *const kind_names[FACT_COUNT] = {
    [FACT_JAVA_HEAP_MAX] = "java-heap-max",
    [FACT_JAVA_HEAP_COMMITTED] = "java-heap-committed",
    [FACT_JAVA_HEAP_USED] = "java-heap-used",
    [FACT_JAVA_VERSION] = "java-version",
    [FACT_NMT_RESERVED] = "nmt-reserved",
    [FACT_NMT_COMMITTED] = "nmt-committed",
    [FACT_NMT_MALLOC] = "nmt-malloc",
    [FACT_NMT_MMAP] = "nmt-mmap",
    [FACT_NMT_GROWTH] = "nmt-growth",
    [FACT_NMT_THREADS] = "nmt-threads",
    [FACT_NMT_SCALE] = "nmt-scale",
    [FACT_NMT_REGION] = "nmt-region",
    [FACT_NMT_SITE] = "nmt-site",
    [FACT_DIRECT_MEMORY_USED] = "direct-memory-used",
    [FACT_DIRECT_MEMORY_MAX] = "direct-memory-max",
    [FACT_DIRECT_MEMORY_WANTED] = "direct-memory-wanted",
    [FACT_OUT_OF_MEMORY] = "out-of-memory",
    [FACT_OOM_KILLED] = "oom-killed",
    [FACT_OOM_LIMIT] = "oom-limit",
    [FACT_OOM_REPORT] = "oom-report",
    [FACT_CRASH] = "crash",
    [FACT_THP_ENABLED] = "thp-enabled",
    [FACT_THP_DEFRAG] = "thp-defrag",
    [FACT_MEMORY_TOTAL] = "memory-total",
    [FACT_MEMORY_AVAILABLE] = "memory-available",
    [FACT_SWAP_TOTAL] = "swap-total",
    [FACT_SWAP_FREE] = "swap-free",
    [FACT_HUGE_PAGES] = "huge-pages",
    [FACT_PROCESS] = "process",
    [FACT_PARENT] = "parent",
    [FACT_DELETED_FILE] = "deleted-file",
    [FACT_VIRTUAL] = "virtual",
    [FACT_RSS_SHARED] = "rss-shared",
    [FACT_RSS_PRIVATE_CLEAN] = "rss-private-clean",
    [FACT_RSS_PRIVATE_DIRTY] = "rss-private-dirty",
    [FACT_REGION_PRIVATE] = "region-private",
    [FACT_REGION_SHARED] = "region-shared",
};

const char *fact_kind_name(enum fact_kind kind)
{
    return (unsigned)kind < FACT_COUNT ? kind_names[kind] : NULL;
}

/* jansson takes valid UTF-8 only. */
static json_t *text_to_json(const char *text)
{
    json_t *json = json_string(text);

    if (!json) {
        _cleanup_free_ char *escaped = escape_text(text, strlen(text));

        json = escaped ? json_string(escaped) : NULL;
    }
    return json;
}

/* What is not known is not there. */
static bool add_text(json_t *json, const char *name, const char *text)
{
    return !text || json_object_set_new(json, name, text_to_json(text)) == 0;
}

static bool add_number(json_t *json, const char *name, bool known, uint64_t number)
{
    return !known || number > INT64_MAX ||
           json_object_set_new(json, name, json_integer((json_int_t)number)) == 0;
}

json_t *fact_to_json(const struct fact *fact)
{
    json_t *json = json_object();

    if (json && add_text(json, "kind", fact_kind_name(fact->kind)) &&
        add_number(json, "pid", fact->pid > 0, (uint64_t)fact->pid) &&
        add_text(json, "name", fact->name) &&
        add_number(json, "value", fact->has_value, fact->value) &&
        add_text(json, "text", fact->text) &&
        add_number(json, "time_ns", fact->time_ns > 0, fact->time_ns) &&
        add_text(json, "file", fact->file) && add_number(json, "line", fact->line > 0, fact->line))
        return json;
    json_decref(json);
    return NULL;
}

static uint64_t number_of(const json_t *json, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(json, name));

    return number > 0 ? (uint64_t)number : 0;
}

bool fact_from_json(const json_t *json, struct fact *ret_fact)
{
    const char *word = json_string_value(json_object_get(json, "kind"));
    const json_t *value = json_object_get(json, "value");
    uint64_t pid = number_of(json, "pid");

    for (int kind = 0; word && kind < FACT_COUNT; kind++) {
        if (strcmp(word, kind_names[kind]) != 0)
            continue;
        *ret_fact = (struct fact){
            .kind = (enum fact_kind)kind,
            .pid = pid <= INT_MAX ? (pid_t)pid : 0,
            .name = json_string_value(json_object_get(json, "name")),
            .has_value = json_is_integer(value) && json_integer_value(value) >= 0,
            .value = number_of(json, "value"),
            .text = json_string_value(json_object_get(json, "text")),
            .time_ns = number_of(json, "time_ns"),
            .file = json_string_value(json_object_get(json, "file")),
            .line = number_of(json, "line"),
        };
        return true;
    }
    return false;
}
