/*
 * The outstanding mappings of a region, by when what lies in them was written.
 *
 *     outstanding_read(c->fd, &info, &ledger, &times)         times: to be told what was found
 *     outstanding_print(times, pid, start, end, false)
 *         mapped  96 outstanding mappings hold times: 90 written within 30 s of being mapped ...
 */
#pragma once

#include <jansson.h>

#include "analyzer/mapped_times.h"
#include "evidence/case.h"

/* The case's ledger at the end of the recording, empty when there is none. */
struct seep_error *outstanding_read(int case_fd, const struct case_info *info,
                                    struct ledger **ret_ledger, struct mapped_times **ret_times);

/* Nothing when no outstanding mapping in PID's [start, end) holds times. ROWS: each of them too. */
struct seep_error *outstanding_print(const struct mapped_times *times, pid_t pid, uint64_t start,
                                     uint64_t end, bool rows);

/* {"once": N, "later": N, "older": N, "each": [...]}; EACH false: null. */
struct seep_error *outstanding_json(const struct mapped_times *times, pid_t pid, uint64_t start,
                                    uint64_t end, bool each, json_t **ret_json);
