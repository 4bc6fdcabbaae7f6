/*
 * One line of lsof's listing.
 *
 *     COMMAND  PID   USER   FD      TYPE DEVICE SIZE/OFF  NODE NAME
 *     nginx   1360 nobody  mem       REG  202,1    12872 20192 /usr/local/lib/lua/5.1/lsyslog.so
 *     nginx   1360 nobody  DEL       REG    0,5          15856 /dev/zero
 *
 * Which of DEVICE, SIZE/OFF and NODE is missing is told by where the others stand: numbers are set
 * flush right under their names. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "importer/words.h"

#define LSOF_UNKNOWN UINT64_MAX

enum { LSOF_MAX_COLUMNS = 12 };

struct lsof_header {
    struct {
        char name[12];
        size_t start, end;
    } columns[LSOF_MAX_COLUMNS];
    size_t count; /* 0: no header yet */
};

/* What points into the line is valid as long as that. */
struct lsof_row {
    pid_t pid;
    struct word command, user, fd, type, name;
    int64_t descriptor;         /* -1: "mem", "txt", "cwd", "DEL" ... */
    uint32_t major, minor;      /* 0, 0: none */
    uint64_t size_bytes, inode; /* LSOF_UNKNOWN */
    bool deleted;               /* its file has no name any more */
};

bool lsof_text_header(const char *line, size_t len, struct lsof_header *ret_header);

/* false: not understood. */
bool lsof_text_row(const struct lsof_header *header, const char *line, size_t len,
                   struct lsof_row *ret_row);
