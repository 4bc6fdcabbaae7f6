#include "content/time_histogram.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/units.h"

struct time_bucket {
    uint64_t number;
    uint64_t count;
    uint64_t first_ns, last_ns;
    UT_hash_handle hh;
};

void time_histogram_deinit(struct time_histogram *h)
{
    struct time_bucket *bucket, *next;

    HASH_ITER(hh, h->buckets, bucket, next)
    {
        HASH_DEL(h->buckets, bucket);
        free(bucket);
    }
    *h = (struct time_histogram){0};
}

static uint64_t number_of(const struct time_histogram *h, uint64_t epoch_ns)
{
    return epoch_ns / NS_PER_S >> h->shift;
}

/* BUCKET goes in, or into the one that has its number. */
static struct seep_error *put(struct time_histogram *h, struct time_bucket *bucket)
{
    struct time_bucket *there;

    HASH_FIND(hh, h->buckets, &bucket->number, sizeof(bucket->number), there);
    if (there) {
        there->count += bucket->count;
        if (bucket->first_ns < there->first_ns)
            there->first_ns = bucket->first_ns;
        if (bucket->last_ns > there->last_ns)
            there->last_ns = bucket->last_ns;
        free(bucket);
        h->last = there;
        return NULL;
    }
    HASH_ADD(hh, h->buckets, number, sizeof(bucket->number), bucket);
    if (!bucket->hh.tbl) {
        free(bucket);
        return error_no_memory();
    }
    h->last = bucket;
    return NULL;
}

static struct seep_error *widen(struct time_histogram *h)
{
    struct time_histogram wide = {.shift = h->shift + 1};
    struct time_bucket *bucket, *next;
    struct seep_error *err = NULL;

    HASH_ITER(hh, h->buckets, bucket, next)
    {
        HASH_DEL(h->buckets, bucket);
        bucket->number >>= 1;
        if (err)
            free(bucket);
        else
            err = put(&wide, bucket);
    }
    h->buckets = wide.buckets;
    h->last = wide.last;
    h->shift = wide.shift;
    return err;
}

struct seep_error *time_histogram_add(struct time_histogram *h, uint64_t epoch_ns)
{
    struct time_bucket *bucket = h->last;
    struct seep_error *err;

    if (!h->count || epoch_ns < h->first_ns)
        h->first_ns = epoch_ns;
    if (!h->count || epoch_ns > h->last_ns)
        h->last_ns = epoch_ns;
    h->count++;
    if (bucket && bucket->number == number_of(h, epoch_ns)) {
        bucket->count++;
        if (epoch_ns < bucket->first_ns)
            bucket->first_ns = epoch_ns;
        if (epoch_ns > bucket->last_ns)
            bucket->last_ns = epoch_ns;
        return NULL;
    }
    bucket = malloc(sizeof(*bucket));
    if (!bucket)
        return error_no_memory();
    *bucket = (struct time_bucket){number_of(h, epoch_ns), 1, epoch_ns, epoch_ns, {0}};
    err = put(h, bucket);
    while (!err && HASH_COUNT(h->buckets) > TIME_HISTOGRAM_MAX_BUCKETS)
        err = widen(h);
    return err;
}

static int by_number(const void *left, const void *right)
{
    const struct time_bucket *const *a = left, *const *b = right;

    return ((*a)->number > (*b)->number) - ((*a)->number < (*b)->number);
}

/* The buckets in order of time; the caller frees the array. */
static struct seep_error *sorted(const struct time_histogram *h,
                                 const struct time_bucket ***ret_buckets)
{
    size_t count = HASH_COUNT(h->buckets), i = 0;
    const struct time_bucket **buckets = calloc(count ? count : 1, sizeof(*buckets));

    if (!buckets)
        return error_no_memory();
    for (const struct time_bucket *bucket = h->buckets; bucket; bucket = bucket->hh.next)
        buckets[i++] = bucket;
    qsort(buckets, count, sizeof(*buckets), by_number);
    *ret_buckets = buckets;
    return NULL;
}

struct seep_error *time_histogram_span(const struct time_histogram *h, struct time_span *ret_span)
{
    _cleanup_free_ const struct time_bucket **buckets = NULL;
    struct seep_error *err = sorted(h, &buckets);
    size_t count = HASH_COUNT(h->buckets), low = 0, high = 0;
    uint64_t need = h->count - h->count / 20, held = 0, shortest = UINT64_MAX;

    if (err)
        return err;
    if (count == 0) {
        *ret_span = (struct time_span){0};
        return NULL;
    }
    for (size_t from = 0, to = 0; from < count; held -= buckets[from++]->count) {
        while (to < count && held < need)
            held += buckets[to++]->count;
        if (held < need)
            break;
        if (buckets[to - 1]->last_ns - buckets[from]->first_ns < shortest) {
            shortest = buckets[to - 1]->last_ns - buckets[from]->first_ns;
            low = from;
            high = to - 1;
        }
    }

    uint64_t near = shortest / 4 > NS_PER_S ? shortest / 4 : NS_PER_S;

    while (low > 0 && buckets[low]->first_ns - buckets[low - 1]->last_ns <= near)
        low--;
    while (high + 1 < count && buckets[high + 1]->first_ns - buckets[high]->last_ns <= near)
        high++;
    *ret_span = (struct time_span){buckets[low]->first_ns, buckets[high]->last_ns, 0};
    for (size_t i = low; i <= high; i++)
        ret_span->count += buckets[i]->count;
    return NULL;
}

void time_histogram_rows(const struct time_histogram *h, const struct time_span *span,
                         struct time_span *ret_rows, size_t count)
{
    uint64_t step = (span->last_ns - span->first_ns) / count + 1;

    for (size_t i = 0; i < count; i++)
        ret_rows[i] =
            (struct time_span){span->first_ns + i * step, span->first_ns + (i + 1) * step - 1, 0};
    for (const struct time_bucket *bucket = h->buckets; bucket; bucket = bucket->hh.next)
        if (bucket->first_ns >= span->first_ns && bucket->first_ns <= span->last_ns)
            ret_rows[(bucket->first_ns - span->first_ns) / step].count += bucket->count;
}
