#include "analyzer/growth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "analyzer/classify.h"

static void range_deinit(struct growth_range *range)
{
    free(range->name);
}

void growth_init(struct growth *growth)
{
    *growth = (struct growth){0};
}

void growth_deinit(struct growth *growth)
{
    for (size_t i = 0; i < growth->tracks.count; i++)
        vector_deinit(&growth->tracks.items[i].steps);
    for (size_t i = 0; i < growth->ranges.count; i++)
        range_deinit(&growth->ranges.items[i]);
    vector_deinit(&growth->tracks);
    vector_deinit(&growth->ranges);
}

static uint64_t known(uint64_t value)
{
    return value == MAPS_UNKNOWN ? 0 : value;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static struct growth_figures sum_of(const struct growth_figures *a, const struct growth_figures *b)
{
    return (struct growth_figures){
        .size_bytes = add(a->size_bytes, b->size_bytes),
        .open_bytes = add(a->open_bytes, b->open_bytes),
        .rss_bytes = add(a->rss_bytes, b->rss_bytes),
        .swap_bytes = add(a->swap_bytes, b->swap_bytes),
    };
}

/* --- steps --- */

static struct seep_error *add_step(struct growth_track *track, uint64_t time_ns,
                                   const struct growth_figures *figures)
{
    size_t count = track->steps.count;

    if (count && memcmp(&track->steps.items[count - 1].figures, figures, sizeof(*figures)) == 0)
        return NULL;
    if (count >= GROWTH_MAX_STEPS) {
        size_t kept = 1;

        for (size_t i = 2; i < count - 1; i += 2)
            track->steps.items[kept++] = track->steps.items[i];
        track->steps.items[kept++] = track->steps.items[count - 1];
        track->steps.count = kept;
    }
    return vector_push(&track->steps, (struct growth_step){time_ns, *figures});
}

/* Adds what FROM held to INTO at every time; FROM is emptied. */
static struct seep_error *join_steps(struct growth_track *into, struct growth_track *from)
{
    struct growth_track sum = {0};
    struct growth_figures a = {0}, b = {0};
    struct seep_error *err = NULL;
    size_t i = 0, j = 0;

    while (!err && (i < into->steps.count || j < from->steps.count)) {
        uint64_t at_i = i < into->steps.count ? into->steps.items[i].time_ns : UINT64_MAX;
        uint64_t at_j = j < from->steps.count ? from->steps.items[j].time_ns : UINT64_MAX;
        struct growth_figures both;

        if (i < into->steps.count && at_i <= at_j)
            a = into->steps.items[i++].figures;
        if (j < from->steps.count && at_j <= at_i)
            b = from->steps.items[j++].figures;
        both = sum_of(&a, &b);
        err = add_step(&sum, at_i < at_j ? at_i : at_j, &both);
    }
    if (err) {
        vector_deinit(&sum.steps);
        return err;
    }
    vector_deinit(&into->steps);
    vector_deinit(&from->steps);
    memcpy(&into->steps, &sum.steps, sizeof(sum.steps));
    return NULL;
}

/* --- one look after the other --- */

static size_t find_root(struct growth *growth, size_t track)
{
    struct growth_track *tracks = growth->tracks.items;

    while (tracks[track].joined != track) {
        tracks[track].joined = tracks[tracks[track].joined].joined;
        track = tracks[track].joined;
    }
    return track;
}

static struct seep_error *join(struct growth *growth, size_t a, size_t b, size_t *ret_root)
{
    a = find_root(growth, a);
    b = find_root(growth, b);
    *ret_root = a;
    if (a == b)
        return NULL;
    growth->tracks.items[b].joined = a;
    return join_steps(&growth->tracks.items[a], &growth->tracks.items[b]);
}

static bool same_thing(const struct growth_range *a, const struct growth_range *b)
{
    return (a->perms & VMA_SHARED) == (b->perms & VMA_SHARED) && a->inode == b->inode &&
           strcmp(a->name, b->name) == 0;
}

static struct seep_error *new_track(struct growth *growth, size_t *ret_track)
{
    struct growth_track track = {.joined = growth->tracks.count};
    struct growth_figures none = {0};
    struct seep_error *err = growth->looks ? add_step(&track, growth->last_ns, &none) : NULL;

    if (!err)
        err = vector_push(&growth->tracks, track);
    if (err)
        vector_deinit(&track.steps);
    else
        *ret_track = growth->tracks.count - 1;
    return err;
}

static struct seep_error *read_range(const struct maps *maps, size_t index, const char *runtime,
                                     struct growth_range *ret_range)
{
    const struct vma *vma = &maps->vmas[index];
    struct growth_range range = {
        .start = vma->start,
        .end = vma->end,
        .device = makedev(vma->major, vma->minor),
        .inode = vma->inode,
        .rss_bytes = vma->fields[SMAPS_RSS],
        .pss_bytes = vma->fields[SMAPS_PSS],
        .swap_bytes = vma->fields[SMAPS_SWAP],
        .anonymous_bytes = vma->fields[SMAPS_ANONYMOUS],
        .name = strdup(vma->name),
        .perms = vma->perms,
        .region = classify_vma(maps, index, runtime),
        .track = SIZE_MAX,
    };

    if (!range.name)
        return error_no_memory();
    *ret_range = range;
    return NULL;
}

/* The track of RANGE: those of the ranges of the look before that it overlaps, joined. AT: index of
 * the first of them that ends after RANGE's start. */
static struct seep_error *find_track(struct growth *growth, const struct growth_range *range,
                                     size_t at, size_t *ret_track)
{
    struct seep_error *err = NULL;
    size_t track = SIZE_MAX;

    for (; at < growth->ranges.count && growth->ranges.items[at].start < range->end && !err; at++) {
        const struct growth_range *old = &growth->ranges.items[at];

        if (!same_thing(old, range))
            continue;
        if (track == SIZE_MAX)
            track = find_root(growth, old->track);
        else
            err = join(growth, track, old->track, &track);
    }
    *ret_track = track;
    return err;
}

static void add_share(uint64_t *figure, uint64_t old, double share)
{
    if (old != MAPS_UNKNOWN)
        *figure = add(known(*figure), (uint64_t)((double)old * share));
}

/* What a look at the maps alone leaves unknown of RANGE is as it was at the look before, AT as of
 * find_track. */
static void carry_over(const struct growth *growth, struct growth_range *range, size_t at)
{
    for (; at < growth->ranges.count && growth->ranges.items[at].start < range->end; at++) {
        const struct growth_range *old = &growth->ranges.items[at];
        uint64_t start = old->start > range->start ? old->start : range->start;
        uint64_t end = old->end < range->end ? old->end : range->end;
        double share = (double)(end - start) / (double)(old->end - old->start);

        if (!same_thing(old, range))
            continue;
        add_share(&range->rss_bytes, old->rss_bytes, share);
        add_share(&range->pss_bytes, old->pss_bytes, share);
        add_share(&range->swap_bytes, old->swap_bytes, share);
        add_share(&range->anonymous_bytes, old->anonymous_bytes, share);
    }
}

/* The first look that tells what is resident: what was there before had it then too, as far as its
 * size allows. A region that was only mapped then has not grown by having it. */
static void learn_rss(struct growth *growth)
{
    memset(growth->first_rss_bytes, 0, sizeof(growth->first_rss_bytes));
    for (size_t i = 0; i < growth->tracks.count; i++) {
        struct growth_track *track = &growth->tracks.items[i];
        const struct growth_figures *now = &track->steps.items[track->steps.count - 1].figures;
        uint64_t *first = &growth->first_rss_bytes[track->region];

        for (size_t j = 0; j + 1 < track->steps.count; j++) {
            struct growth_figures *then = &track->steps.items[j].figures;

            then->rss_bytes = now->rss_bytes < then->size_bytes ? now->rss_bytes : then->size_bytes;
            then->swap_bytes =
                now->swap_bytes < then->size_bytes ? now->swap_bytes : then->size_bytes;
        }
        *first = add(*first, add(track->steps.items[0].figures.rss_bytes,
                                 track->steps.items[0].figures.swap_bytes));
    }
}

static bool is_open(const struct growth_range *range)
{
    return range->perms & (VMA_READ | VMA_WRITE | VMA_EXEC);
}

/* Adds up the ranges of each track, notes the step, and drops the tracks that have none. */
static struct seep_error *settle_tracks(struct growth *growth, uint64_t look_ns)
{
    size_t count = growth->tracks.count, kept = 0;
    _cleanup_free_ struct growth_figures *sums = calloc(count + 1, sizeof(*sums));
    _cleanup_free_ uint64_t *largest = calloc(count + 1, sizeof(*largest));
    _cleanup_free_ size_t *places = calloc(count + 1, sizeof(*places));
    struct seep_error *err = NULL;

    if (!sums || !largest || !places)
        return error_no_memory();
    for (size_t i = 0; i < growth->ranges.count; i++) {
        struct growth_range *range = &growth->ranges.items[i];
        uint64_t size = range->end - range->start;
        bool open = is_open(range);
        struct growth_figures figures = {size, open ? size : 0, known(range->rss_bytes),
                                         known(range->swap_bytes)};

        range->track = find_root(growth, range->track);
        sums[range->track] = sum_of(&sums[range->track], &figures);
        /* Zero is taken: a range is never empty. */
        if (size + open > largest[range->track]) {
            largest[range->track] = size + open;
            growth->tracks.items[range->track].region = range->region;
        }
    }
    for (size_t i = 0; i < count && !err; i++)
        if (largest[i])
            err = add_step(&growth->tracks.items[i], look_ns, &sums[i]);
    if (err)
        return err;
    for (size_t i = 0; i < count; i++) {
        struct growth_track *track = &growth->tracks.items[i];

        if (!largest[i]) {
            vector_deinit(&track->steps);
            continue;
        }
        places[i] = kept;
        track->joined = kept;
        growth->tracks.items[kept++] = *track;
    }
    growth->tracks.count = kept;
    for (size_t i = 0; i < growth->ranges.count; i++)
        growth->ranges.items[i].track = places[growth->ranges.items[i].track];
    return NULL;
}

static void replace_ranges(struct growth *growth, struct growth_range *ranges, size_t count,
                           size_t capacity)
{
    for (size_t i = 0; i < growth->ranges.count; i++)
        range_deinit(&growth->ranges.items[i]);
    vector_deinit(&growth->ranges);
    growth->ranges.items = ranges;
    growth->ranges.count = count;
    growth->ranges.capacity = capacity;
}

struct seep_error *growth_look(struct growth *growth, const struct snapshot *snap,
                               const char *runtime)
{
    const struct maps *maps = &snap->maps;
    struct growth_range *ranges = calloc(maps->count + 1, sizeof(*ranges));
    struct seep_error *err = ranges ? NULL : error_no_memory();
    size_t count = 0, at = 0;

    for (size_t i = 0; i < maps->count && !err; i++) {
        struct growth_range *range = &ranges[count];
        uint64_t start = maps->vmas[i].start;

        /* The entries of torn text overlap. */
        if (count && start < ranges[count - 1].end)
            start = ranges[count - 1].end;
        if (start >= maps->vmas[i].end)
            continue;
        err = read_range(maps, i, runtime, range);
        if (err)
            break;
        range->start = start;
        count++;
        while (at < growth->ranges.count && growth->ranges.items[at].end <= start)
            at++;
        if (!maps->has_smaps)
            carry_over(growth, range, at);
        err = find_track(growth, range, at, &range->track);
        if (!err && range->track == SIZE_MAX)
            err = new_track(growth, &range->track);
    }
    if (err) {
        for (size_t i = 0; i < count; i++)
            range_deinit(&ranges[i]);
        free(ranges);
        return err;
    }
    replace_ranges(growth, ranges, count, maps->count + 1);
    err = settle_tracks(growth, snap->end_ns);
    if (growth->looks++ == 0) {
        growth->first_ns = snap->end_ns;
        growth->first_count = count;
        growth->first_anonymous_bytes = growth_anonymous_bytes(growth);
        for (enum region region = 0; region <= REGION_OTHER; region++) {
            growth->first_open_bytes[region] = growth_open_bytes(growth, region);
            growth->first_rss_bytes[region] = growth_rss_bytes(growth, region);
        }
    }
    if (!err && maps->has_smaps && !growth->has_rss)
        learn_rss(growth);
    growth->last_ns = snap->end_ns;
    growth->has_rss = growth->has_rss || maps->has_smaps;
    return err;
}

uint64_t growth_anonymous_bytes(const struct growth *growth)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < growth->ranges.count; i++) {
        const struct growth_range *range = &growth->ranges.items[i];

        if (is_open(range) && !(range->perms & VMA_SHARED) && range->inode == 0)
            sum = add(sum, range->end - range->start);
    }
    return sum;
}

uint64_t growth_open_bytes(const struct growth *growth, enum region region)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < growth->ranges.count; i++)
        if (growth->ranges.items[i].region == region && is_open(&growth->ranges.items[i]))
            sum = add(sum, growth->ranges.items[i].end - growth->ranges.items[i].start);
    return sum;
}

uint64_t growth_rss_bytes(const struct growth *growth, enum region region)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < growth->ranges.count; i++)
        if (growth->ranges.items[i].region == region)
            sum = add(sum, add(known(growth->ranges.items[i].rss_bytes),
                               known(growth->ranges.items[i].swap_bytes)));
    return sum;
}

const struct growth_range *growth_find(const struct growth *growth, uint64_t addr)
{
    size_t low = 0, high = growth->ranges.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (growth->ranges.items[middle].end <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == growth->ranges.count || growth->ranges.items[low].start > addr)
        return NULL;
    return &growth->ranges.items[low];
}

/* --- what a track says --- */

static uint64_t figure(const struct growth_step *step, enum growth_measure measure)
{
    return measure == GROWTH_OPEN ? step->figures.open_bytes
                                  : add(step->figures.rss_bytes, step->figures.swap_bytes);
}

int64_t growth_gain(const struct growth_track *track, enum growth_measure measure)
{
    int64_t gain;

    if (track->steps.count == 0)
        return 0;

    uint64_t first = figure(&track->steps.items[0], measure);
    uint64_t last = figure(&track->steps.items[track->steps.count - 1], measure);

    if (__builtin_sub_overflow(last, first, &gain))
        return last > first ? INT64_MAX : INT64_MIN;
    return gain;
}

struct seep_error *growth_held(const struct growth_track *track, enum growth_measure measure,
                               struct growth_points *points)
{
    size_t count = track->steps.count;
    _cleanup_free_ uint64_t *floors = calloc(count + 1, sizeof(*floors));
    struct seep_error *err = NULL;

    if (!floors)
        return error_no_memory();
    floors[count] = UINT64_MAX;
    for (size_t i = count; i-- > 0;) {
        uint64_t here = figure(&track->steps.items[i], measure);

        floors[i] = here < floors[i + 1] ? here : floors[i + 1];
    }
    for (size_t i = 1; i < count && !err; i++)
        if (floors[i] > floors[i - 1])
            err = vector_push(points, (struct shape_point){track->steps.items[i].time_ns,
                                                           floors[i] - floors[i - 1]});
    return err;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double growth_slope(const struct growth_sample *samples, size_t count)
{
    _cleanup_free_ double *slopes = calloc(count * count / 2 + 1, sizeof(*slopes));
    size_t found = 0;

    if (!slopes)
        return NAN;
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            if (samples[j].time_ns > samples[i].time_ns)
                slopes[found++] = (samples[j].value - samples[i].value) * 1e9 /
                                  (double)(samples[j].time_ns - samples[i].time_ns);
    if (found == 0)
        return NAN;
    qsort(slopes, found, sizeof(*slopes), compare_doubles);
    return found % 2 ? slopes[found / 2] : (slopes[found / 2 - 1] + slopes[found / 2]) / 2;
}
