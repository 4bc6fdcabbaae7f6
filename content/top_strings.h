/*
 * The most frequent strings of a stream, with how often they came and the bytes they took, in
 * memory that does not grow with the stream.
 *
 *     top_strings_create(&top);
 *     top_strings_add(top, found);                          each strings_found, in its order
 *     top_strings_list(top, 10, &list);                     the most bytes first
 *
 *     "Message-ID: <1388..." 1     "MIME-Version: 1.0" 12345 times, 209,865 bytes     ...
 *
 * Strings are the same when their first TOP_STRINGS_TEXT_BYTES are. While there is room all are
 * kept; then one that comes for the second time within a while takes the place of the least
 * frequent (space-saving; Metwally, Agrawal, El Abbadi 2005). What came before it got its place is
 * not counted: `count` and `bytes` are exact unless `at_least` says that there may be more. The
 * same stream gives the same list.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/vector.h"
#include "content/strings.h"

enum { TOP_STRINGS_KEPT = 8192, TOP_STRINGS_TEXT_BYTES = 256 };

struct top_strings;

struct top_strings_item {
    const char *text; /* UTF-8, not NUL-terminated; valid until the next add */
    size_t len;
    uint64_t count, bytes; /* bytes in memory */
    bool at_least;
};

VECTOR_TYPE(top_strings_items, struct top_strings_item);

struct seep_error *top_strings_create(struct top_strings **ret_top);
void top_strings_destroy(struct top_strings *top);
DEFINE_CLEANUP(struct top_strings *, top_strings_destroy);

struct seep_error *top_strings_add(struct top_strings *top, const struct strings_found *found);

/* Up to MAX of them, those that came once behind all others. The items are the caller's to
 * vector_deinit. */
struct seep_error *top_strings_list(const struct top_strings *top, size_t max,
                                    struct top_strings_items *ret_items);
