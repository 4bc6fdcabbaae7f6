/*
 * What went wrong, for a person who has to do something about it.
 *
 * A function that can fail unexpectedly returns `struct seep_error *`: NULL is success, anything
 * else belongs to the caller, who destroys it or returns it. Expected outcomes (the end of a
 * stream, a hole, a process that is gone) are values, not errors. Only cmd/ prints, once:
 *
 *     seep: WHAT failed: WHY (what to do)
 *           ^ cmd        ^ message  ^ remedy
 *
 *     struct seep_error *err = error_errno(errno, path, "cannot open %s", path);
 *     error_remedy(err, "run seep as root");
 *
 * Making an error never fails: out of memory gives a static one that may be destroyed too.
 */
#pragma once

#include <stdint.h>

#include "base/cleanup.h"

enum error_code {
    ERROR_SYSTEM,      /* a system call failed: see errnum */
    ERROR_INVALID,     /* an argument or option makes no sense */
    ERROR_CORRUPT,     /* bytes that do not follow their format */
    ERROR_NOT_FOUND,   /* no such process, file, case, region */
    ERROR_DENIED,      /* the right is missing */
    ERROR_GONE,        /* the process ended meanwhile */
    ERROR_FULL,        /* no room: disk, quota, --max-size */
    ERROR_UNSUPPORTED, /* this kernel, machine or file cannot */
    ERROR_NO_MEMORY,
};

struct seep_error {
    enum error_code code;
    int errnum;       /* 0: none */
    char *path;       /* NULL: none */
    uint64_t address; /* 0: none */
    char *message;    /* why, without newline */
    char *remedy;     /* what to do; NULL: none */
};

struct seep_error *error_create(enum error_code code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* As error_create with the code that fits ERRNUM (ENOSPC: ERROR_FULL ...); ": strerror" is appended
 * to the message. PATH may be NULL. */
struct seep_error *error_errno(int errnum, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct seep_error *error_no_memory(void);

/* Puts "FORMAT...: " before the message; returns ERR itself. NULL stays NULL. */
struct seep_error *error_prefix(struct seep_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sets what to do about it; returns ERR itself. NULL stays NULL. */
struct seep_error *error_remedy(struct seep_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct seep_error *error_address(struct seep_error *err, uint64_t address);

void error_destroy(struct seep_error *err);
DEFINE_CLEANUP(struct seep_error *, error_destroy);

#define _cleanup_error_ _cleanup_(error_destroyp)
