/*
 * Regions followed over time, by overlap and not by their start address.
 *
 *     look 1    |---A---|      |--B--|               A and B are two tracks
 *     look 2  |-----A-----|    |--B--|               A grew downwards and upwards
 *     look 3  |-----------AB---------|               merged: one track from now on, whose past is
 *     look 4  |----AB----|   |---AB--|               the sum of both; split: still that one
 *
 * A region is the same as one of the look before when they overlap and have the same name and
 * sharing. What a track held is kept as steps (size, accessible size, RSS, swap), thinned out when
 * they become too many; what is gone at the last look is forgotten. A look that does not tell the RSS
 * leaves it as it was; before the first one that does it is taken to have been what that one says.
 *
 * It does not know events: who mapped what is the ledger's.
 */
#pragma once

#include "analyzer/analysis.h"
#include "analyzer/shape.h"
#include "evidence/snapshot.h"

enum { GROWTH_MAX_STEPS = 256 };

struct growth_figures {
    uint64_t size_bytes;
    uint64_t open_bytes; /* of that, accessible: not PROT_NONE */
    uint64_t rss_bytes, swap_bytes;
};

struct growth_step {
    uint64_t time_ns; /* holds from then to the next step */
    struct growth_figures figures;
};

struct growth_track {
    VECTOR(struct growth_step) steps; /* from the first look, or zeros at the look before */
    uint64_t spacing_ns;              /* steps nearer to each other are not kept apart */
    enum region region;               /* of its largest range at the last look */
    size_t joined;                    /* used while tracks are joined */
};

/* A VMA of the last look. */
struct growth_range {
    uint64_t start, end;
    uint64_t device, inode;
    uint64_t rss_bytes, pss_bytes, swap_bytes; /* MAPS_UNKNOWN */
    char *name;                                /* "" when anonymous */
    uint32_t perms;
    enum region region;
    size_t track;
};

struct growth {
    VECTOR(struct growth_track) tracks;
    VECTOR(struct growth_range) ranges; /* sorted by start */
    struct growth_track anonymous;      /* all private anonymous memory of any use together */
    uint64_t first_ns, last_ns;         /* of the looks */
    uint64_t looks;
    uint64_t first_count; /* VMAs at the first look */
    uint64_t first_anonymous_bytes;
    uint64_t first_open_bytes[REGION_OTHER + 1], first_rss_bytes[REGION_OTHER + 1];
    bool has_rss;  /* some look told it */
    bool complete; /* at least one look showed all regions */
    bool rss_told; /* the last one did */
};

void growth_init(struct growth *growth);
void growth_deinit(struct growth *growth);

/* The next look at the same address space. RUNTIME as of classify_vma. */
struct seep_error *growth_look(struct growth *growth, const struct snapshot *snap,
                               const char *runtime);

/* Accessible private anonymous memory of any use at the last look; that of one region, or what is
 * resident of it. */
uint64_t growth_anonymous_bytes(const struct growth *growth);
uint64_t growth_open_bytes(const struct growth *growth, enum region region);
uint64_t growth_rss_bytes(const struct growth *growth, enum region region);

/* The range that contains ADDR at the last look, or NULL. */
const struct growth_range *growth_find(const struct growth *growth, uint64_t addr);

enum growth_measure {
    GROWTH_OPEN, /* accessible size: what was mapped */
    GROWTH_RSS,  /* resident and swapped: what was touched */
};

/* What the track gained from its first step to its last, negative when it shrank. */
int64_t growth_gain(const struct growth_track *track, enum growth_measure measure);

/* Appends what was gained when and never given up later: the rises of the lowest level yet to
 * come. A sawtooth gives nothing until its last rise. */
struct growth_points {
    struct shape_point *items;
    size_t count;
    size_t capacity;
};
struct seep_error *growth_held(const struct growth_track *track, enum growth_measure measure,
                               struct growth_points *points);

struct growth_sample {
    uint64_t time_ns;
    double value;
};

/* The slope in units a second of a series sorted by time: the median of the slopes of all pairs
 * (Theil-Sen) of 64 evenly spaced, interpolated points, so that neither a spike nor a crowd of
 * samples at one end moves it. NAN for fewer than two different times. */
double growth_slope(const struct growth_sample *samples, size_t count);
