/*
 * What a page of memory holds, told by its bytes alone.
 *
 *     48 8b 05 d1 2f 00 00 48 85 c0 74 02 ff d0 ...       code
 *     40 1f 00 a0 46 7f 00 00 21 00 00 00 00 00 00 00     pointers
 *     52 65 63 65 69 76 65 64 3a 20 66 72 6f 6d ...       mail
 *
 * Counts of bytes and of words decide, in this order: zeros; a format that begins in the page
 * (page_formats.h); UTF-16; text, and which; then what most of the words that are not zero are:
 * addresses, floating point or small integers; bytes without any order, which are compressed or
 * encrypted; machine code of x86 or aarch64; protobuf. What is none of that is called binary.
 *
 * A page is judged without its neighbours: the second page of a picture is just compressed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "content/address_ranges.h"

enum { PAGE_KIND_BYTES = 4096 };

enum page_kind {
    PAGE_KIND_ZERO,
    PAGE_KIND_TEXT, /* ASCII or UTF-8 */
    PAGE_KIND_WIDE, /* UTF-16 */
    PAGE_KIND_POINTERS,
    PAGE_KIND_INTEGERS, /* small ones, of 32 or 64 bits */
    PAGE_KIND_FLOATS,   /* of 32 or 64 bits */
    PAGE_KIND_DENSE,    /* compressed or encrypted */
    PAGE_KIND_CODE,
    PAGE_KIND_HTTP,
    PAGE_KIND_MAIL,
    PAGE_KIND_JSON,
    PAGE_KIND_XML,
    PAGE_KIND_PROTOBUF,
    PAGE_KIND_TLS,
    PAGE_KIND_GZIP,
    PAGE_KIND_PNG,
    PAGE_KIND_JPEG,
    PAGE_KIND_JAVA_OBJECTS, /* serialized ones */
    PAGE_KIND_CLASS_FILE,
    PAGE_KIND_SQLITE,
    PAGE_KIND_ELF,
    PAGE_KIND_BINARY, /* nothing of the above */
    PAGE_KIND_COUNT,
};

/* "zero", "utf-16", "class-file": for JSON and options. */
const char *page_kind_name(enum page_kind kind);
/* "zeros", "UTF-16 text", "Java class files": for people. */
const char *page_kind_title(enum page_kind kind);
/* In a strip: '.', 'w', 'K'. */
char page_kind_letter(enum page_kind kind);

/* The kind of LEN bytes, 1 to PAGE_KIND_BYTES, the first at an address divisible by 8. KNOWN: where
 * memory is mapped; when it is empty, what looks like an address counts. */
enum page_kind page_kind_of(const uint8_t *bytes, size_t len, const struct address_ranges *known,
                            struct address_ranges_cache *cache);
