/*
 * The list of a case's files with size and SHA-256, which ends case.json:
 *
 *     [ {"path": "events", "size_bytes": 52111, "sha256": "9f86d0..."}, ... ]      sorted by path
 */
#pragma once

#include <jansson.h>

#include "base/error.h"

/* Lists the regular files below DIR_FD but case.json. What KNOWN (an earlier list, or anything
 * else) has with the same size is taken from there: its SHA-256 witnesses what was written then. */
struct seep_error *case_files_list(int dir_fd, const json_t *known, json_t **ret_files);
