#include "content/period.h"

#include <string.h>

enum {
    SLOTS = 1 << 14,
    LEAST_VOTES = 32,
    MOST_COMPARED = 32,  /* records */
    CHANCE_BYTES = 8192, /* enough to know it by */
    MANY_ZEROS = 4,      /* in a row are padding */
};

static uint64_t word_at(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* Fills VOTES[0..PERIOD_MOST], which are zero. */
static void vote(const uint8_t *bytes, size_t len, uint32_t *votes)
{
    uint32_t last[SLOTS] = {0}; /* where a word was seen, plus 1 */

    for (size_t i = 0; i + 8 <= len; i++) {
        uint64_t word = word_at(bytes + i);

        if (word == (word << 8 | word >> 56)) /* a run of one byte */
            continue;

        uint32_t *slot = &last[word * UINT64_C(0x9e3779b97f4a7c15) >> 50];

        if (*slot && word_at(bytes + *slot - 1) == word && i + 1 - *slot <= PERIOD_MOST)
            votes[i + 1 - *slot]++;
        *slot = (uint32_t)i + 1;
    }
}

/* Of the bytes that differ from the one before them, zeros left out, the share of those that come again
 * LAG on in the same way. Runs of one byte are alike at any distance. */
static double likeness(const uint8_t *bytes, size_t len, size_t lag)
{
    size_t equal = 0, all = 0;

    for (size_t i = 1; i + lag < len; i++) {
        bool counts = bytes[i] && bytes[i] != bytes[i - 1];

        all += counts;
        equal += counts && bytes[i] == bytes[i + lag] && bytes[i + lag - 1] != bytes[i];
    }
    return all ? (double)equal / (double)all : 0;
}

void period_constants(const struct period *period, const uint8_t *bytes, size_t len,
                      bool *ret_constant)
{
    size_t records = (len - period->offset) / period->len;

    records = records < MOST_COMPARED ? records : MOST_COMPARED;
    for (size_t i = 0; i < period->len; i++) {
        const uint8_t *first = bytes + period->offset + i;
        size_t r = 1;

        while (r < records && first[r * period->len] == first[0])
            r++;
        ret_constant[i] = r == records;
    }
}

/* A record seems to begin with its most varied run of constant bytes: its type, its vtable or its name,
 * rather than its padding. */
static void find_beginning(struct period *period, const uint8_t *bytes, size_t len)
{
    bool constant[PERIOD_MOST], mark[PERIOD_MOST];
    size_t best = 0, most = 0;
    /* Something else may lie before the array. */
    const size_t base = len / 4 / period->len * period->len;

    period->offset = base;
    period_constants(period, bytes, len, constant);
    period->constants = 0;
    for (size_t i = 0; i < period->len; i++) {
        mark[i] = constant[i] && bytes[base + i];
        period->constants += mark[i];
    }
    for (size_t start = 0; start < period->len; start++) {
        size_t run = 0, zeros = 0, changes = 1;
        uint8_t last = 0;

        if (!mark[start] || mark[(start + period->len - 1) % period->len])
            continue;
        for (size_t at = start; run < period->len && constant[at] && zeros < MANY_ZEROS; run++) {
            changes += run && bytes[base + at] && bytes[base + at] != last;
            last = bytes[base + at];
            zeros = mark[at] ? 0 : zeros + 1;
            at = (at + 1) % period->len;
        }
        if (changes > most) {
            best = start;
            most = changes;
        }
    }
    period->offset = base + best;
}

/* Neighbouring distances, at which nothing but chance makes bytes equal: the best of them. Those that
 * are a few words off are left out, as fields of records are alike. */
static double chance(const uint8_t *bytes, size_t len, size_t lag)
{
    static const int off[] = {-5, -3, -1, 1, 3, 7};
    const size_t most = lag + CHANCE_BYTES;
    double best = 0;

    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
        double other = likeness(bytes, len < most ? len : most, lag + (size_t)off[i]);

        best = other > best ? other : best;
    }
    return best;
}

bool period_find(const uint8_t *bytes, size_t len, struct period *ret_period)
{
    uint32_t votes[PERIOD_MOST + 1] = {0};
    struct period period = {.len = 0};
    uint64_t all = 0;
    uint32_t most = 0;

    if (len > PERIOD_SAMPLE_BYTES)
        len = PERIOD_SAMPLE_BYTES;
    if (len < PERIOD_LEAST * PERIOD_RECORDS)
        return false;
    vote(bytes, len, votes);
    for (size_t lag = 1; lag <= PERIOD_MOST && lag * PERIOD_RECORDS <= len; lag++) {
        all += votes[lag];
        if (votes[lag] > most && lag >= PERIOD_LEAST) {
            most = votes[lag];
            period.len = lag;
        }
    }
    if (most < LEAST_VOTES || (uint64_t)most * 4 < all)
        return false;
    period.likeness = likeness(bytes, len, period.len);
    if (period.likeness < 0.2 || period.likeness < 1.5 * chance(bytes, len, period.len))
        return false;
    find_beginning(&period, bytes, len);
    if (period.constants == 0) /* lines that are about as long as each other */
        return false;
    *ret_period = period;
    return true;
}
