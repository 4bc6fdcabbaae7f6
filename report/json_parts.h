/*
 * The values that JSON output is built of, so that all of it says the same in the same way.
 *
 *     json_t *vma = JSON_OBJECT({"start", json_parts_address(start)},       "0x7f4674483000"
 *                               {"name", json_parts_text(name)},            null for NULL
 *                               {"rss_bytes", json_parts_number(rss)});     null for UNKNOWN
 *     err = json_parts_write(vma, JSON_INDENT(2), out);
 *
 * jansson's constructors return NULL for want of memory, and refuse NULL as a value: what holds it
 * fails in turn, so that one check at the end is enough.
 */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/error.h"

struct json_part {
    const char *name;
    json_t *value;
};

/* Takes the values over; PARTS end with a NULL name. */
json_t *json_parts_object(const struct json_part *parts);

#define JSON_OBJECT(...) json_parts_object((const struct json_part[]){__VA_ARGS__, {NULL, NULL}})

/* Above INT64_MAX (all the UNKNOWNs): null. */
json_t *json_parts_number(uint64_t number);
json_t *json_parts_id(pid_t id); /* 0: null */
json_t *json_parts_real(double value);
json_t *json_parts_address(uint64_t address);

/* A name may hold any bytes, JSON holds Unicode: what is not UTF-8 is escaped as in base/escape.h.
 */
json_t *json_parts_text(const char *text);

/* Prints JSON in plain ASCII and drops the reference to it; NULL is out of memory. Nothing of it can
 * steer a terminal. */
struct seep_error *json_parts_write(json_t *json, size_t flags, FILE *out);
