/*
 * What pmap prints, turned into the text of maps or smaps that says the same.
 *
 *     1360:   nginx: worker process                         pid, command
 *     Address           Kbytes     RSS   Dirty Mode  Mapping
 *     0000000000400000    4092     616       0 r-x-- nginx
 *
 *     00400000-007ff000 r-xp 00000000 00:00 0 /.../nginx    text
 *     Size:               4092 kB
 *     Rss:                 616 kB
 *     Dirty:                 0 kB
 *
 * Plain, -x, -d, -X and -XX of all procps versions: columns are told by the names above them; a line
 * without such is taken when its shape leaves no choice. What pmap did not print is not in the text,
 * but for what a line of maps cannot leave out (offset, device, inode), which is 0. pmap prints the
 * last part of a path: "/.../nginx" stands for one whose beginning is unknown. One process at a time:
 *
 *     switch (pmap_text_feed(&text, line, len))
 *     case PMAP_LINE_NEXT:   take what is there, pmap_text_clear(), feed the line again
 *
 * Pure: knows neither files nor times.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"

enum { PMAP_MAX_COLUMNS = 48 };

enum pmap_line {
    PMAP_LINE_TAKEN, /* or of no matter: a ruler, an empty line */
    PMAP_LINE_BAD,   /* not understood */
    PMAP_LINE_NEXT,  /* another process begins */
};

struct pmap_column {
    char name[24];
    size_t end; /* where the name ends in its line: numbers and flags are set flush right */
};

struct pmap_text {
    pid_t pid;             /* 0: not told */
    struct buffer command; /* of the headline */
    struct buffer text;    /* for maps_parse */
    bool has_fields;       /* TEXT is that of smaps; else of maps */
    size_t regions;
    uint64_t size_bytes;   /* of all regions */
    uint64_t shared_bytes; /* of those that are shared: procps 3.3.3 to 3.3.9 counts them twice */
    uint64_t end;          /* of the last */
    uint64_t total_bytes;  /* by pmap's own last line; UINT64_MAX: there was none */
    uint64_t rss_total_bytes; /* likewise */
    bool unordered;           /* an address was lower than the one before */
    bool no_header;           /* lines were taken by their shape */

    struct pmap_column columns[PMAP_MAX_COLUMNS];
    size_t column_count; /* 0: no header yet */
    bool ruled;          /* the ruler was seen: what comes is the total */
};

void pmap_text_init(struct pmap_text *ret_text);
void pmap_text_deinit(struct pmap_text *text);

/* LINE without its end. */
enum pmap_line pmap_text_feed(struct pmap_text *text, const char *line, size_t len);

/* For the next process; the columns stay unless it brings its own. */
void pmap_text_clear(struct pmap_text *text);

/* "1360 total   1338040K": the only line that `pmap PID | tail -1` leaves, as people put it. */
bool pmap_text_total(const char *line, size_t len, pid_t *ret_pid, uint64_t *ret_bytes);
