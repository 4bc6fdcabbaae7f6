#include "importer/java_log.h"

#include "base/cleanup.h"

static bool is_name_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '.' ||
           c == '_' || c == '$';
}

/* The line from where the class's name begins, which ends with NAME. */
static bool find_class(struct span line, const char *name, struct span *ret_message)
{
    size_t at;

    if (!span_find(line, name, &at))
        return false;
    while (at > 0 && is_name_char(line.text[at - 1]))
        at--;
    *ret_message = span_trim(span_from(line, at));
    return true;
}

static uint64_t number_behind(struct span s, const char *key)
{
    uint64_t number = JAVA_LOG_UNKNOWN;

    if (span_take_through(&s, key, NULL))
        span_take_number(&s, &number);
    return number;
}

bool java_log_error(struct span line, struct java_log_error *ret_error)
{
    struct java_log_error error = {.direct = true,
                                   .wanted_bytes = JAVA_LOG_UNKNOWN,
                                   .used_bytes = JAVA_LOG_UNKNOWN,
                                   .max_bytes = JAVA_LOG_UNKNOWN};

    if (!span_has(line, "OutOf"))
        return false;
    if (find_class(line, "OutOfDirectMemoryError:", &error.message)) {
        error.wanted_bytes = number_behind(error.message, "failed to allocate ");
        error.used_bytes = number_behind(error.message, "(used: ");
        error.max_bytes = number_behind(error.message, ", max: ");
    } else if (find_class(line, "java.lang.OutOfMemoryError", &error.message)) {
        error.wanted_bytes = number_behind(error.message, "Cannot reserve ");
        error.used_bytes = number_behind(error.message, "(allocated: ");
        error.max_bytes = number_behind(error.message, ", limit: ");
        error.direct = span_has(error.message, "irect buffer memory");
    } else {
        return false;
    }
    *ret_error = error;
    return true;
}

bool java_log_is_stack(struct span line)
{
    line = span_trim(line);
    return span_starts(line, "at ") || span_starts(line, "... ") ||
           span_starts(line, "Caused by: ") || span_starts(line, "Suppressed: ");
}

bool java_log_direct_memory(struct span line, uint64_t *ret_used_bytes)
{
    static const char *const keys[] = {"netty_direct_memory", "netty direct memory",
                                       "netty.direct.memory", "usedDirectMemory"};

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        struct span at = line;
        uint64_t bytes, exact;
        size_t between = 0;

        if (!span_take_through(&at, keys[i], NULL))
            continue;
        while (between < at.len && memchr(" :=(\"'", at.text[between], 6))
            between++;
        at = span_from(at, between);
        if (between == 0 || !span_take_size(&at, &bytes))
            continue;
        /* "2032MB(2130706439B)": rounded, then in full. */
        if (span_take(&at, "(") && span_take_size(&at, &exact) && span_take(&at, ")"))
            bytes = exact;
        *ret_used_bytes = bytes;
        return true;
    }
    return false;
}
