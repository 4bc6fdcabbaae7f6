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
    vector_deinit(&growth->anonymous.steps);
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

static uint64_t figure(const struct growth_step *step, enum growth_measure measure)
{
    return measure == GROWTH_OPEN ? step->figures.open_bytes
                                  : add(step->figures.rss_bytes, step->figures.swap_bytes);
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
    if (count > 1 && time_ns - track->steps.items[count - 2].time_ns < track->spacing_ns) {
        track->steps.items[count - 1] = (struct growth_step){time_ns, *figures};
        return NULL;
    }
    if (count >= GROWTH_MAX_STEPS) {
        struct growth_step *items = track->steps.items;

        for (size_t i = 1; i < count / 2; i++)
            items[i] = items[2 * i];
        track->spacing_ns = (time_ns - items[0].time_ns) / (GROWTH_MAX_STEPS / 2);
        track->steps.count = count / 2;
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
    into->spacing_ns = sum.spacing_ns;
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

/* pmap prints of a path the last part, which is imported as "/.../libc.so.6". */
static const char *last_part(const char *name)
{
    const char *slash = name[0] == '/' ? strrchr(name, '/') : NULL;

    return slash ? slash + 1 : name;
}

/* What one look does not tell, as an imported pmap may not, is no difference: inodes, the directories
 * of a file, and that [ anon ] is the heap. */
static bool same_thing(const struct growth_range *a, const struct growth_range *b)
{
    bool no_inode = (a->name[0] == '/' && !a->inode) || (b->name[0] == '/' && !b->inode);

    if ((a->perms & VMA_SHARED) != (b->perms & VMA_SHARED) || (a->inode != b->inode && !no_inode))
        return false;
    if (strcmp(a->name, b->name) == 0)
        return true;
    if (strncmp(a->name, "/.../", 5) == 0 || strncmp(b->name, "/.../", 5) == 0)
        return strcmp(last_part(a->name), last_part(b->name)) == 0;
    return a->start == b->start &&
           ((!a->name[0] && b->name[0] == '[') || (a->name[0] == '[' && !b->name[0]));
}

/* What OLD had of a figure, by the share of it that lies in RANGE. */
static uint64_t carry(uint64_t sum, uint64_t old_figure, const struct growth_range *old,
                      const struct growth_range *range)
{
    uint64_t from = old->start > range->start ? old->start : range->start;
    uint64_t to = old->end < range->end ? old->end : range->end;

    if (old_figure == MAPS_UNKNOWN)
        return sum;
    return add(known(sum), (uint64_t)((double)old_figure *
                                      ((double)(to - from) / (double)(old->end - old->start))));
}

/* A look at maps alone leaves what the one before told. */
static void carry_over(struct growth_range *range, const struct growth_range *old)
{
    range->rss_bytes = carry(range->rss_bytes, old->rss_bytes, old, range);
    range->pss_bytes = carry(range->pss_bytes, old->pss_bytes, old, range);
    range->swap_bytes = carry(range->swap_bytes, old->swap_bytes, old, range);
    /* Flags and RSS told what it is. */
    if (range->region == REGION_ANON_MMAP &&
        (old->region != REGION_RESERVATION || range->rss_bytes == 0))
        range->region = old->region;
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
static struct seep_error *find_track(struct growth *growth, struct growth_range *range, size_t at,
                                     size_t *ret_track)
{
    struct seep_error *err = NULL;
    size_t track = SIZE_MAX;

    for (; at < growth->ranges.count && growth->ranges.items[at].start < range->end && !err; at++) {
        const struct growth_range *old = &growth->ranges.items[at];

        if (!same_thing(old, range))
            continue;
        if (!growth->rss_told)
            carry_over(range, old);
        if (track == SIZE_MAX)
            track = find_root(growth, old->track);
        else
            err = join(growth, track, old->track, &track);
    }
    *ret_track = track;
    return err;
}

static bool is_open(const struct growth_range *range)
{
    return range->perms & (VMA_READ | VMA_WRITE | VMA_EXEC);
}

/* What a look without RSS, or the looks before the first one with it, did not say. */
static void complete_rss(const struct growth *growth, struct growth_track *track,
                         struct growth_figures *now)
{
    size_t count = track->steps.count;

    if (!growth->rss_told && count) {
        now->rss_bytes = track->steps.items[count - 1].figures.rss_bytes;
        now->swap_bytes = track->steps.items[count - 1].figures.swap_bytes;
    }
    for (size_t i = 0; growth->rss_told && !growth->has_rss && i < count; i++) {
        struct growth_figures *before = &track->steps.items[i].figures;

        before->rss_bytes =
            now->rss_bytes < before->size_bytes ? now->rss_bytes : before->size_bytes;
        before->swap_bytes =
            now->swap_bytes < before->size_bytes ? now->swap_bytes : before->size_bytes;
    }
}

static struct seep_error *note_anonymous(struct growth *growth, uint64_t look_ns)
{
    struct growth_figures sum = {0};

    for (size_t i = 0; i < growth->ranges.count; i++) {
        const struct growth_range *range = &growth->ranges.items[i];
        uint64_t size = range->end - range->start;
        struct growth_figures figures = {size, is_open(range) ? size : 0, known(range->rss_bytes),
                                         known(range->swap_bytes)};

        if (!(range->perms & VMA_SHARED) && range->inode == 0)
            sum = sum_of(&sum, &figures);
    }
    complete_rss(growth, &growth->anonymous, &sum);
    return add_step(&growth->anonymous, look_ns, &sum);
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
    for (size_t i = 0; i < count && !err; i++) {
        if (!largest[i])
            continue;
        complete_rss(growth, &growth->tracks.items[i], &sums[i]);
        err = add_step(&growth->tracks.items[i], look_ns, &sums[i]);
    }
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

static void note_first(struct growth *growth, uint64_t look_ns)
{
    if (growth->looks == 0) {
        growth->first_ns = look_ns;
        growth->first_count = growth->ranges.count;
        growth->first_anonymous_bytes = growth_anonymous_bytes(growth);
        for (enum region region = 0; region <= REGION_OTHER; region++)
            growth->first_open_bytes[region] = growth_open_bytes(growth, region);
    }
    for (size_t i = 0; growth->rss_told && !growth->has_rss && i < growth->tracks.count; i++) {
        const struct growth_track *track = &growth->tracks.items[i];
        uint64_t *first = &growth->first_rss_bytes[track->region];

        *first = add(*first, figure(&track->steps.items[0], GROWTH_RSS));
    }
}

struct seep_error *growth_look(struct growth *growth, const struct snapshot *snap,
                               const char *runtime)
{
    const struct maps *maps = &snap->maps;
    size_t count = 0, at = 0;

    /* What a part lacks is not gone, and what it lacked has not come. */
    if (snap->partial && (growth->complete || maps->count == 0))
        return NULL;
    if (!snap->partial && !growth->complete) {
        growth_deinit(growth);
        growth_init(growth);
    }
    growth->complete = !snap->partial;

    struct growth_range *ranges = calloc(maps->count + 1, sizeof(*ranges));
    struct seep_error *err = ranges ? NULL : error_no_memory();

    growth->rss_told = maps->has_smaps;
    /* The case knows the runtime of what was started, which may be another program's start. */
    if (classify_runtime(maps))
        runtime = classify_runtime(maps);
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
    if (!err)
        err = note_anonymous(growth, snap->end_ns);
    note_first(growth, snap->end_ns);
    growth->looks++;
    growth->has_rss |= growth->rss_told;
    growth->last_ns = snap->end_ns;
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

/* Between the samples around TIME; AT: index of the first one behind it. */
static double interpolate(const struct growth_sample *samples, size_t at, double since_first_ns)
{
    const struct growth_sample *a = &samples[at - 1], *b = &samples[at];
    double from = (double)(a->time_ns - samples[0].time_ns);
    double span = (double)(b->time_ns - a->time_ns);

    return a->value + (b->value - a->value) * (since_first_ns - from) / span;
}

double growth_slope(const struct growth_sample *samples, size_t count)
{
    enum { POINTS = 64 };
    double values[POINTS], slopes[POINTS * (POINTS - 1) / 2];
    size_t found = 0, at = 1;
    double span;

    if (count < 2 || samples[count - 1].time_ns <= samples[0].time_ns)
        return NAN;
    span = (double)(samples[count - 1].time_ns - samples[0].time_ns);
    for (size_t i = 0; i < POINTS; i++) {
        double since_first_ns = span * (double)i / (POINTS - 1);

        while (at + 1 < count &&
               ((double)(samples[at].time_ns - samples[0].time_ns) < since_first_ns ||
                samples[at].time_ns <= samples[at - 1].time_ns))
            at++;
        values[i] = interpolate(samples, at, since_first_ns);
    }
    for (size_t i = 0; i < POINTS; i++)
        for (size_t j = i + 1; j < POINTS; j++)
            slopes[found++] =
                (values[j] - values[i]) * 1e9 * (POINTS - 1) / (span * (double)(j - i));
    qsort(slopes, found, sizeof(*slopes), compare_doubles);
    return (slopes[found / 2 - 1] + slopes[found / 2]) / 2;
}
