/*
 * What of a process is resident, region by region, as the look tells that says most of it.
 *
 *     pmap             sizes                                            RESIDENCE_SIZES
 *     pmap -x          RSS and dirty                                    RESIDENCE_RSS
 *     pmap -X, smaps   shared and private, clean and dirty, huge        RESIDENCE_SPLIT
 *
 * Of looks that tell as much the last one counts; one at all regions before one at some. Kept for
 * imported evidence, whose looks are few. It knows nothing of growth: growth.h does.
 */
#pragma once

#include "analyzer/analysis.h"
#include "evidence/snapshot.h"

enum residence_detail { RESIDENCE_NONE, RESIDENCE_SIZES, RESIDENCE_RSS, RESIDENCE_SPLIT };

struct residence {
    enum residence_detail detail;
    bool partial;                          /* rows are some of the regions */
    VECTOR(struct analysis_resident) rows; /* by address */
    struct analysis_resident total;        /* of a partial look: of its rows */
    char thp_enabled[16];                  /* "" unknown */
};

void residence_deinit(struct residence *residence);

struct seep_error *residence_look(struct residence *residence, const struct snapshot *snap,
                                  const char *runtime);

/* All figures unknown. */
void residence_row_init(struct analysis_resident *row);
