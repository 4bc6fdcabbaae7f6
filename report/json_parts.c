#include "report/json_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/escape.h"

json_t *json_parts_object(const struct json_part *parts)
{
    json_t *object = json_object();
    bool failed = false;

    for (; parts->name; parts++)
        failed |= json_object_set_new(object, parts->name, parts->value) < 0;
    if (failed) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *json_parts_number(uint64_t number)
{
    return number > INT64_MAX ? json_null() : json_integer((json_int_t)number);
}

json_t *json_parts_id(pid_t id)
{
    return id > 0 ? json_integer(id) : json_null();
}

json_t *json_parts_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *json_parts_address(uint64_t address)
{
    char text[32];

    snprintf(text, sizeof(text), "0x%" PRIx64, address);
    return json_string(text);
}

json_t *json_parts_text(const char *text)
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

/* jansson leaves DEL as it is, which some terminals obey. */
static int write_chunk(const char *bytes, size_t len, void *out)
{
    for (size_t at = 0; at < len;) {
        const char *del = memchr(bytes + at, 0x7f, len - at);
        size_t plain = (del ? (size_t)(del - bytes) : len) - at;

        if (fwrite(bytes + at, 1, plain, out) != plain || (del && fputs("\\u007f", out) < 0))
            return -1;
        at += plain + (del ? 1 : 0);
    }
    return 0;
}

struct seep_error *json_parts_write(json_t *json, size_t flags, FILE *out)
{
    if (!json)
        return error_no_memory();

    /* ASCII only: the escapes of U+0080 to U+009F must not reach a terminal raw either. */
    int status = json_dump_callback(json, write_chunk, out, flags | JSON_ENSURE_ASCII);

    json_decref(json);
    return status < 0 ? error_errno(errno, NULL, "cannot write JSON") : NULL;
}
