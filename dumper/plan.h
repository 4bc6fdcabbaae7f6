/*
 * Which parts of which regions are to be saved, and why the others are not: a pure function of what
 * smaps said.
 *
 *     --region 7f00-9f00       VMAs 6000-8000 rw-p, 8000-a000 r--p [vvar]
 *       ->  7000-8000 saved;  8000-a000 skipped "the kernel's own page"
 */
#pragma once

#include "base/vector.h"
#include "dumper/dumper.h"
#include "evidence/maps.h"

struct plan_region {
    uint64_t start, end;    /* page-aligned */
    const struct vma *vma;  /* in the maps given */
    const char *skipped;    /* why it is not saved; NULL: it is */
    uint64_t present_bytes; /* about how much there is to read; for the progress */
};

VECTOR_TYPE(plan_regions, struct plan_region);

/* RET_REGIONS borrows from MAPS. ERROR_NOT_FOUND when nothing of what was asked for is mapped. */
struct seep_error *plan_make(const struct maps *maps, const struct dumper_options *options,
                             struct plan_regions *ret_regions);
