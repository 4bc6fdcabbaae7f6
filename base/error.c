#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct seep_error no_memory = {
    .code = ERROR_NO_MEMORY,
    .errnum = ENOMEM,
    .message = (char *)"out of memory",
};

static enum error_code code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ERROR_FULL;
    case EPERM:
    case EACCES:
        return ERROR_DENIED;
    case ENOENT:
        return ERROR_NOT_FOUND;
    case ESRCH:
        return ERROR_GONE;
    case ENOMEM:
        return ERROR_NO_MEMORY;
    default:
        return ERROR_SYSTEM;
    }
}

static __attribute__((format(printf, 2, 0))) struct seep_error *
create(enum error_code code, const char *format, va_list arguments)
{
    struct seep_error *err = calloc(1, sizeof(*err));

    if (!err)
        return &no_memory;
    err->code = code;
    if (vasprintf(&err->message, format, arguments) < 0) {
        free(err);
        return &no_memory;
    }
    return err;
}

struct seep_error *error_create(enum error_code code, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    struct seep_error *err = create(code, format, arguments);
    va_end(arguments);
    return err;
}

struct seep_error *error_errno(int errnum, const char *path, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    struct seep_error *err = create(code_of_errno(errnum), format, arguments);
    va_end(arguments);
    if (err == &no_memory)
        return err;
    err->errnum = errnum;
    err->path = path ? strdup(path) : NULL;

    char *message;

    if (asprintf(&message, "%s: %s", err->message, strerrordesc_np(errnum)) >= 0) {
        free(err->message);
        err->message = message;
    }
    return err;
}

struct seep_error *error_no_memory(void)
{
    return &no_memory;
}

struct seep_error *error_prefix(struct seep_error *err, const char *format, ...)
{
    if (!err || err == &no_memory)
        return err;

    va_list arguments;
    _cleanup_free_ char *prefix = NULL;
    char *message;

    va_start(arguments, format);
    int length = vasprintf(&prefix, format, arguments);
    va_end(arguments);
    if (length < 0) {
        prefix = NULL;
        return err;
    }
    if (asprintf(&message, "%s: %s", prefix, err->message) >= 0) {
        free(err->message);
        err->message = message;
    }
    return err;
}

struct seep_error *error_remedy(struct seep_error *err, const char *format, ...)
{
    if (!err || err == &no_memory)
        return err;

    va_list arguments;
    char *remedy;

    va_start(arguments, format);
    if (vasprintf(&remedy, format, arguments) >= 0) {
        free(err->remedy);
        err->remedy = remedy;
    }
    va_end(arguments);
    return err;
}

struct seep_error *error_address(struct seep_error *err, uint64_t address)
{
    if (err && err != &no_memory)
        err->address = address;
    return err;
}

void error_destroy(struct seep_error *err)
{
    if (!err || err == &no_memory)
        return;
    free(err->path);
    free(err->message);
    free(err->remedy);
    free(err);
}
