/*
 * The templates of a stream of strings: strings that differ in numbers, ids, addresses, dates, hashes,
 * base64, or in one word of many, as one, with how often they came.
 *
 *     Message-ID: <138824349.581113.1614644953220.JavaMail.root@mx1>
 *     Message-ID: <138824350.581117.1614644953771.JavaMail.root@mx7>
 *         ->   Message-ID: <*.*.JavaMail.root@mx*>     12,345 times
 *
 *     templates_create(&templates);
 *     struct strings_sink *sinks[] = {&templates->sink};      ... a pass (strings_pass.h) ...
 *     templates_list(templates, 20, &items);
 *
 * It is a miner of the Drain family (He, Zhu, Zheng, Lyu 2017): one look at each string, candidates by
 * its form and first word, in TEMPLATES_KEPT places. Other than Drain's
 *  - what is likely to be a parameter is seen by its looks first (template_shape.h), in all threads;
 *  - words that are none become one only when TEMPLATES_VARIANTS templates differ in just these, a
 *    quarter of their words at most: "text/plain" and "text/html" stay two;
 *  - a parameter that was always the same is shown as it is. A string without any, or with such only,
 *    is its own template.
 * Of strings longer than TEMPLATE_SHAPE_BYTES only the beginning counts. Templates that come once are
 * forgotten when there is no room; one that has lost its place before it came again counts from then
 * on, so that counts are never too high. The same strings in the same order give the same list.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/vector.h"
#include "content/strings_pass.h"
#include "content/template_shape.h"

enum {
    TEMPLATES_KEPT = 8192,
    TEMPLATES_VARIANTS = 4,
    TEMPLATES_EXAMPLES = 3,
    TEMPLATES_BLOCK_BYTES = 4096,
};

struct templates_state;

struct templates {
    struct strings_sink sink;
    struct templates_state *state;
};

struct templates_item {
    char *text; /* UTF-8, parameters as "*", "..." where it was cut */
    uint64_t count;
    uint64_t bytes;                     /* of the strings, in memory */
    uint64_t block_bytes;               /* of the pages in which they begin */
    char *examples[TEMPLATES_EXAMPLES]; /* different ones, the first first; NULL: no more */
};

VECTOR_TYPE(templates_items, struct templates_item);

struct seep_error *templates_create(struct templates **ret_templates);
void templates_destroy(struct templates *templates);
DEFINE_CLEANUP(struct templates *, templates_destroy);

/* The MAX templates that stand in the most memory (block_bytes, then bytes); those that came once behind
 * all others. Call it when the pass has ended. RET_ITEMS: the caller's to templates_items_deinit. */
struct seep_error *templates_list(const struct templates *templates, size_t max,
                                  struct templates_items *ret_items);
void templates_items_deinit(struct templates_items *items);
