/*
 * Compares what a test printed with a golden file under tests/golden/.
 *
 *     FILE *out = golden_open(&printed);
 *     report_text(&analysis, &options, out);
 *     golden_check(out, &printed, "report/leak.txt");
 *
 * With UPDATE_GOLDEN=1 in the environment the file is written instead: look at the difference
 * before committing it.
 */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/io.h"

struct golden {
    char *text;
    size_t len;
};

static inline FILE *golden_open(struct golden *golden)
{
    FILE *out = open_memstream(&golden->text, &golden->len);

    assert_non_null(out);
    return out;
}

static inline void golden_check(FILE *out, struct golden *golden, const char *name)
{
    _cleanup_buffer_ struct buffer expected = {0};
    _cleanup_free_ char *path = NULL;

    assert_int_equal(fclose(out), 0);
    assert_true(asprintf(&path, "golden/%s", name) > 0);
    if (getenv("UPDATE_GOLDEN"))
        assert_null(io_replace_file(AT_FDCWD, path, golden->text, golden->len));
    assert_null(io_read_file(AT_FDCWD, path, 1 << 20, &expected));
    assert_string_equal(golden->text, expected.bytes);
    free(golden->text);
}
