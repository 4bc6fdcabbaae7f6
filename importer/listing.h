/*
 * What the importers of listings (pmap, smaps, status, smem, lsof) share: whose it is and of when.
 *
 *     /proc/1360/smaps             pid 1360
 *     smaps-1360-excerpt.txt       pid 1360 by the file's name, which a remark says
 *     2021-03-02T08:22:40          a line of its own: what follows is of then
 */
#pragma once

#include "base/buffer.h"
#include "importer/collection.h"
#include "importer/input.h"

/* The pid in a path; *RET_SURE: it is that of a file of /proc. 0: none, or several. */
pid_t listing_path_pid(const char *path, bool *ret_sure);

/* Whose IN is when its contents do not say: of its path; 0 when --pid says, or nothing does. */
struct seep_error *listing_pid(const struct input *in, struct collection *c, pid_t *ret_pid);

/* A line that is nothing but a time. */
bool listing_time(const char *line, size_t len, struct when *ret_when);

/* "==> /proc/1360/smaps <==" of head and tail: the path in it. */
bool listing_banner(const char *line, size_t len, char *ret_path, size_t path_size);

/* One look after another. As the file may hold several of one process, and only a line of its own or
 * the file's time tells of when they are, each is handed on when it is known whether there are more. */
struct listing {
    struct input *in;
    struct collection *c;
    struct when when; /* of what comes; WHEN_NONE: not told in the file */
    pid_t pid;        /* of what comes */

    struct {
        struct snapshot_record record; /* its sections are copies */
        struct when when;
        bool there, repeated;
    } held;
};

void listing_init(struct listing *l, struct input *in, struct collection *c);

/* A look at PID with a section NAME. */
struct seep_error *listing_look(struct listing *l, pid_t pid, const char *name,
                                const struct buffer *text);

/* Another section of the same look. */
struct seep_error *listing_also(struct listing *l, const char *name, const char *text, size_t len);

/* Hands the last one on. Needed also on failure, for its memory. */
struct seep_error *listing_end(struct listing *l);
