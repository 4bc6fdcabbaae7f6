/*
 * What in a string is likely to differ from one like it: numbers, ids, addresses, dates, hashes and
 * base64, as wild tokens between constant words.
 *
 *     10.0.0.7 - [02/Mar/2021:08:29:13 +0800] "GET /item/4711 HTTP/1.1" 200
 *     *          *                             GET  item *    HTTP *    *          wild ones: *
 *
 * A token is a word, or something of which the whole is one value however many parts it has. What is
 * between tokens belongs to the string's form. Two strings are of one template when all but their wild
 * tokens is the same (`key`).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TEMPLATE_SHAPE_BYTES = 256, /* of a string that are looked at */
    TEMPLATE_SHAPE_TOKENS = 48, /* those behind count as part of the form */
};

struct template_token {
    uint32_t hash; /* of its text */
    uint16_t start, len;
    bool wild;
};

struct template_shape {
    size_t len; /* bytes that were looked at */
    size_t count;
    uint64_t key;  /* of all but the wild tokens */
    uint64_t form; /* of what is between the tokens, and of their number */
    struct template_token tokens[TEMPLATE_SHAPE_TOKENS];
};

/* The shape of LEN bytes of UTF-8. */
void template_shape_of(const char *text, size_t len, struct template_shape *ret_shape);
