/*
 * The formats that can be imported, one row a format: a new one is a file importer/NAME.c that defines
 * its row, and a line in the table of formats.c. Options, --help, the man page and what is recognised
 * come from this table.
 *
 *     const struct importer importer_pmap = {"pmap", "pmap", "F", "what pmap prints, any options", ...};
 *
 *     importer_recognise(head, len, path) -> the row whose recognise() scores highest
 *
 * recognise() looks at the first bytes of a file (expanded, up to INPUT_HEAD_BYTES, cut anywhere):
 *
 *       0   not this
 *      30   it might be: a shape that other things have too (a log with times)
 *      60   it looks like it: several lines have the shape
 *      90   it says so: a magic number, a headline that nothing else has
 *
 * import() takes the input to its end and hands what it found to the collection. A line it cannot read
 * is collection_skip()ped and the rest goes on; an error is for what makes the rest useless (a read
 * error, out of memory, no single line understood). It never prints.
 */
#pragma once

#include "importer/collection.h"
#include "importer/input.h"

enum { IMPORTER_NEVER = 0, IMPORTER_PERHAPS = 30, IMPORTER_LIKELY = 60, IMPORTER_CERTAIN = 90 };

/* In which order files are taken, whatever the order on the command line. */
enum importer_stage {
    IMPORTER_REGIONS, /* what tells pids, regions, names */
    IMPORTER_EVENTS,  /* what happened */
    IMPORTER_MEMORY,  /* what was in memory: may ask the collection for the regions */
};

struct importer {
    const char *name;     /* "strace": case.json's imports[].format */
    const char *option;   /* "strace": --strace F */
    const char *argument; /* "F", "F@ADDR", "F@TIME" */
    const char *doc;      /* of the option, for --help: a short sentence without a full stop */
    const char *expected; /* for "is of no known kind; known are: ...": "strace logs" */
    enum importer_stage stage;
    bool repeatable; /* two such files may have the same bytes: settings, of which there are few */
    int (*recognise)(const char *head, size_t len);
    struct seep_error *(*import)(struct input *in, struct collection *c);
};

/* All rows; ends with NULL. */
extern const struct importer *const importers[];

/* The row that scores highest on HEAD; NULL: none scores at all. Of equal scores the first row wins. */
const struct importer *importer_recognise(const char *head, size_t len);

const struct importer *importer_by_name(const char *name);
