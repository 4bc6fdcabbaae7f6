#include "analyzer/residence.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/classify.h"

void residence_row_init(struct analysis_resident *row)
{
    *row = (struct analysis_resident){
        .rss_bytes = ANALYSIS_UNKNOWN,
        .pss_bytes = ANALYSIS_UNKNOWN,
        .shared_clean_bytes = ANALYSIS_UNKNOWN,
        .shared_dirty_bytes = ANALYSIS_UNKNOWN,
        .private_clean_bytes = ANALYSIS_UNKNOWN,
        .private_dirty_bytes = ANALYSIS_UNKNOWN,
        .dirty_bytes = ANALYSIS_UNKNOWN,
        .huge_bytes = ANALYSIS_UNKNOWN,
    };
}

static void forget_rows(struct residence *residence)
{
    for (size_t i = 0; i < residence->rows.count; i++)
        free(residence->rows.items[i].name);
    residence->rows.count = 0;
}

void residence_deinit(struct residence *residence)
{
    forget_rows(residence);
    vector_deinit(&residence->rows);
    *residence = (struct residence){0};
}

static enum residence_detail detail_of(const struct snapshot *snap)
{
    enum residence_detail detail = snap->maps.count ? RESIDENCE_SIZES : RESIDENCE_NONE;

    for (size_t i = 0; i < snap->maps.count; i++) {
        const uint64_t *fields = snap->maps.vmas[i].fields;

        if (fields[SMAPS_PRIVATE_DIRTY] != MAPS_UNKNOWN)
            return RESIDENCE_SPLIT;
        if (fields[SMAPS_RSS] != MAPS_UNKNOWN)
            detail = RESIDENCE_RSS;
    }
    return detail;
}

/* What one row does not say the sum of the others still does. */
static void add(uint64_t *sum, uint64_t bytes)
{
    if (bytes == ANALYSIS_UNKNOWN)
        return;
    if (*sum == ANALYSIS_UNKNOWN)
        *sum = 0;
    if (__builtin_add_overflow(*sum, bytes, sum) || *sum == ANALYSIS_UNKNOWN)
        *sum = ANALYSIS_UNKNOWN - 1;
}

static void add_row(struct analysis_resident *total, const struct analysis_resident *row)
{
    add(&total->size_bytes, row->size_bytes);
    add(&total->rss_bytes, row->rss_bytes);
    add(&total->pss_bytes, row->pss_bytes);
    add(&total->shared_clean_bytes, row->shared_clean_bytes);
    add(&total->shared_dirty_bytes, row->shared_dirty_bytes);
    add(&total->private_clean_bytes, row->private_clean_bytes);
    add(&total->private_dirty_bytes, row->private_dirty_bytes);
    add(&total->dirty_bytes, row->dirty_bytes);
    add(&total->huge_bytes, row->huge_bytes);
}

static struct seep_error *push(struct residence *residence, const struct snapshot *snap,
                               size_t index, const char *runtime)
{
    const struct vma *vma = &snap->maps.vmas[index];
    struct analysis_resident row;
    struct seep_error *err;

    residence_row_init(&row);
    row.pid = snap->pid;
    row.start = vma->start;
    row.end = vma->end;
    row.perms = vma->perms;
    row.inode = vma->inode;
    row.region = classify_vma(&snap->maps, index, runtime);
    row.size_bytes = vma_size(vma);
    row.rss_bytes = vma->fields[SMAPS_RSS];
    row.pss_bytes = vma->fields[SMAPS_PSS];
    row.shared_clean_bytes = vma->fields[SMAPS_SHARED_CLEAN];
    row.shared_dirty_bytes = vma->fields[SMAPS_SHARED_DIRTY];
    row.private_clean_bytes = vma->fields[SMAPS_PRIVATE_CLEAN];
    row.private_dirty_bytes = vma->fields[SMAPS_PRIVATE_DIRTY];
    row.dirty_bytes = vma->fields[SMAPS_DIRTY];
    row.huge_bytes = vma->fields[SMAPS_ANON_HUGE_PAGES];
    row.name = strdup(vma->name);
    err = row.name ? vector_push(&residence->rows, row) : error_no_memory();
    if (err)
        free(row.name);
    else
        add_row(&residence->total, &row);
    return err;
}

struct seep_error *residence_look(struct residence *residence, const struct snapshot *snap,
                                  const char *runtime)
{
    enum residence_detail detail = detail_of(snap);
    struct seep_error *err = NULL;

    if (snap->thp_enabled[0])
        memcpy(residence->thp_enabled, snap->thp_enabled, sizeof(residence->thp_enabled));
    if (detail == RESIDENCE_NONE)
        return NULL;
    if (residence->detail != RESIDENCE_NONE) {
        if (snap->partial && !residence->partial)
            return NULL;
        if (snap->partial == residence->partial && detail < residence->detail)
            return NULL;
    }
    forget_rows(residence);
    residence_row_init(&residence->total);
    residence->detail = detail;
    residence->partial = snap->partial;
    for (size_t i = 0; i < snap->maps.count && !err; i++)
        err = push(residence, snap, i, runtime);
    return err;
}
