/*
 * A file that somebody saved: plain or gzip-compressed, of any size, read once from front to back.
 *
 *     input_open("strace.log.gz@2021-03-02T08:22:40", &in)     in->path, in->suffix
 *     input_head(in, &head, &len)                              by which its format is recognised
 *     while (!(err = input_next_line(in, &line)) && line.text)
 *         use(line.text, line.len, line.number);               without the line's end
 *
 * Lines end with LF or CRLF, or with CR in a file that has no LF in its head. Memory is bounded: of a
 * line that is longer than INPUT_MAX_LINE_BYTES only the beginning is seen. Nothing in the bytes is
 * trusted; a line may hold any byte, NUL too. A gzip file that is cut ends where it is cut: `cut`.
 *
 * What reads bytes rather than lines takes input_read. What needs to go back and forth (a core, a raw
 * dump) takes input_seekable: the file itself, or what it expands to in a file without a name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "importer/when.h"

enum { INPUT_HEAD_BYTES = 64 << 10, INPUT_MAX_LINE_BYTES = 1 << 20 };

struct input {
    char *path;          /* as the user named it, without the suffix */
    char *suffix;        /* what stood behind the last '@': a time, or an address; NULL: none */
    uint64_t size_bytes; /* on the disk; 0 for what is no regular file */
    uint64_t mtime_ns;   /* wall clock: when the file was last written */
    bool compressed;
    bool cut;             /* known at the end: the gzip stream was cut or damaged */
    uint64_t lines;       /* given so far */
    uint64_t long_lines;  /* of these, how many were cut at INPUT_MAX_LINE_BYTES */
    uint64_t taken_bytes; /* of the file, for progress */

    /* For input.c and input_next_line. */
    const char *at, *end; /* what was read and not given yet */
    char line_end;
    struct input_stream *stream;
};

struct input_line {
    const char
        *text; /* LEN bytes, then a byte that may be written to; valid until the next call; NULL:
                         the end */
    size_t len;
    uint64_t number; /* from 1 */
};

/* TEXT: "FILE", "FILE@SUFFIX", or "-" for the standard input. A file whose whole name is TEXT is taken
 * as such, whatever '@' it has. ERROR_NOT_FOUND and its like name the file. Directories are refused. */
struct seep_error *input_open(const char *text, struct input **ret_input);
void input_destroy(struct input *in);
DEFINE_CLEANUP(struct input *, input_destroy);

/* The first bytes, expanded: INPUT_HEAD_BYTES, fewer only if there are no more. Takes nothing; only
 * before anything is read. */
struct seep_error *input_head(struct input *in, const char **ret_head, size_t *ret_len);

/* For input_next_line: the next line when it is not whole in memory yet. */
struct seep_error *input_fill_line(struct input *in, struct input_line *ret_line);

/* RET_LINE->text NULL: the end. A last line without an end is a line. */
static inline struct seep_error *input_next_line(struct input *in, struct input_line *ret_line)
{
    const char *end = in->at < in->end
                          ? (const char *)memchr(in->at, in->line_end, (size_t)(in->end - in->at))
                          : NULL;
    size_t len;

    if (!end)
        return input_fill_line(in, ret_line);
    len = (size_t)(end - in->at);
    ret_line->text = in->at;
    ret_line->len = len && in->at[len - 1] == '\r' ? len - 1 : len;
    ret_line->number = ++in->lines;
    in->at = end + 1;
    return NULL;
}

/* Reads LEN bytes, expanded; fewer only at the end. Not to be mixed with lines. */
struct seep_error *input_read(struct input *in, void *bytes, size_t len, size_t *ret_got);

/* All of it, expanded, from where reading stands, followed by a NUL; ERROR_INVALID when it is longer
 * than MAX_LEN. *RET_TEXT is the caller's to free. */
struct seep_error *input_read_all(struct input *in, size_t max_len, char **ret_text,
                                  size_t *ret_len);

/* A descriptor for pread(2) of the expanded bytes, the caller's to close. */
struct seep_error *input_seekable(struct input *in, int *ret_fd, uint64_t *ret_size_bytes);

/* SHA-256 of the file as it is on the disk, in hexadecimal; reads what was not read yet. */
struct seep_error *input_sha256(struct input *in, char ret_hex[65]);

/* The suffix, which is there, as a time; ERROR_INVALID says what was expected. */
struct seep_error *input_suffix_time(const struct input *in, struct when *ret_when);

/* The suffix as an address; ERROR_INVALID says what was expected. false in *RET_THERE: no suffix. */
struct seep_error *input_suffix_address(const struct input *in, uint64_t *ret_address,
                                        bool *ret_there);
