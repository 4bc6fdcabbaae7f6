#include "content/timestamp_judge.h"

#include <string.h>

#include "base/units.h"

enum {
    COMPANY_BYTES = 64 * 1024,
    LEAST_COMPANY = 2,
    MOST_COMPANY = 8,
    TEXT_IDS = 3,
    BINARY_IDS = 6
};

#define COMPANY_NS   (UINT64_C(600) * NS_PER_S)
#define SAMPLE_BYTES (100.0 * 1024 * 1024)
#define WORDS        0x1p64 /* how many 64-bit words there are */

enum { FALSE_FINDS_IN = 10 }; /* samples of random bytes one false find is borne */

static double width(const struct timestamp_window *window)
{
    return window->first > window->last ? 0 : (double)(window->last - window->first) + 1;
}

/* How many others it takes when each of RATE random bytes on average has one candidate. */
static uint8_t company_needed(double rate, double window_ns)
{
    double both_ways = 2.0 * COMPANY_NS < window_ns ? 2.0 * COMPANY_NS / window_ns : 1;
    double others = rate * 2 * COMPANY_BYTES * both_ways;
    double finds = rate * SAMPLE_BYTES;

    for (uint8_t needs = 1; needs <= MOST_COMPANY; needs++) {
        finds *= others / needs;
        if (needs >= LEAST_COMPANY && finds < 1.0 / FALSE_FINDS_IN)
            return needs;
    }
    return UINT8_MAX;
}

void timestamp_judge_init(struct timestamp_judge *judge, const struct timestamp_windows *windows,
                          timestamps_callback found, void *context)
{
    double ns = width(&windows->ns), ms = width(&windows->ms);
    double ids = width(&windows->snowflake[0]) + width(&windows->snowflake[1]);
    const struct {
        enum timestamps_form form;
        double rate; /* candidates a byte */
    } forms[] = {
        {TIMESTAMPS_BINARY_MS, ms / WORDS / 8},
        {TIMESTAMPS_BINARY_NS, ns / WORDS / 8},
        {TIMESTAMPS_BINARY_BE_MS, ms / WORDS},
        {TIMESTAMPS_BINARY_BE_NS, ns / WORDS},
        {TIMESTAMPS_BINARY_S_NS, width(&windows->s) / WORDS / 8},
        {TIMESTAMPS_BINARY_FILETIME, width(&windows->filetime) / WORDS / 4},
        /* 48 or 60 bits of time, 4 of version and 2 of variant. */
        {TIMESTAMPS_BINARY_UUID, ms / 0x1p54 + width(&windows->uuid1) / 0x1p66},
        {TIMESTAMPS_BINARY_SNOWFLAKE, ids / WORDS / 8},
    };

    *judge = (struct timestamp_judge){.found = found, .context = context};
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
        judge->needs[forms[i].form] = company_needed(forms[i].rate, ns);
    judge->needs[TIMESTAMPS_SNOWFLAKE] = TEXT_IDS;
    if (judge->needs[TIMESTAMPS_BINARY_SNOWFLAKE] < BINARY_IDS)
        judge->needs[TIMESTAMPS_BINARY_SNOWFLAKE] = BINARY_IDS;
}

static struct seep_error *tell(struct timestamp_judge *judge, enum timestamps_form form,
                               struct timestamp_candidate *candidate)
{
    struct timestamps_found found = {candidate->address, candidate->epoch_ns, form, false};

    if (candidate->told)
        return NULL;
    candidate->told = true;
    return judge->found(&found, judge->context);
}

/* True when two times of FORM differ as times do that are apart, and not as one byte of code that
 * varies. */
static bool are_distinct(enum timestamps_form form, uint64_t a, uint64_t b)
{
    uint64_t varies = a ^ b;

    switch (form) {
    case TIMESTAMPS_BINARY_NS:
    case TIMESTAMPS_BINARY_BE_NS:
    case TIMESTAMPS_BINARY_FILETIME: /* in units of 4 us and of 4 ms */
        return (varies >> 12 & 0xff) && (varies >> 22 & 0xff);
    case TIMESTAMPS_BINARY_SNOWFLAKE: /* 4 ms, 1/4 s and 4 s */
        return (varies >> 22 & 0xff) && (varies >> 28 & 0xff) && (varies >> 32 & 0xff);
    default:
        return varies >> 22 & 0xff;
    }
}

static bool are_near(const struct timestamp_candidate *now,
                     const struct timestamp_candidate *before)
{
    uint64_t apart = now->epoch_ns > before->epoch_ns ? now->epoch_ns - before->epoch_ns
                                                      : before->epoch_ns - now->epoch_ns;

    return now->address - before->address <= COMPANY_BYTES && apart <= COMPANY_NS;
}

/* True when NOW has company enough among the COUNT candidates before it, or is near one that had. */
static bool counts(const struct timestamp_candidate *now, enum timestamps_form form,
                   struct timestamp_candidate *const *near, size_t count, uint8_t needs)
{
    uint64_t chosen[MOST_COMPANY + 1] = {now->epoch_ns};
    size_t many = 1;

    for (size_t i = 0; i < count; i++) {
        bool distinct = true;

        if (near[i]->told)
            return true;
        for (size_t c = 0; c < many && distinct; c++)
            distinct = are_distinct(form, chosen[c], near[i]->epoch_ns);
        if (!distinct)
            continue;
        chosen[many++] = near[i]->epoch_ns;
        if (many > needs)
            return true;
    }
    return false;
}

struct seep_error *timestamp_judge_take(struct timestamp_judge *judge,
                                        const struct timestamps_found *found)
{
    enum timestamps_form form = found->form;
    struct timestamp_candidate now = {.address = found->address, .epoch_ns = found->epoch_ns};
    struct timestamp_candidate *near[TIMESTAMP_JUDGE_RECENT];
    size_t count = judge->counts[form], near_count = 0;
    uint8_t needs = judge->needs[form];
    struct seep_error *err = NULL;

    if (needs == 0)
        return tell(judge, form, &now);
    for (size_t i = 0; i < count && i < TIMESTAMP_JUDGE_RECENT; i++) {
        struct timestamp_candidate *before =
            &judge->recent[form][(count - 1 - i) % TIMESTAMP_JUDGE_RECENT];

        if (are_near(&now, before))
            near[near_count++] = before;
    }
    if (!found->doubtful || (needs != UINT8_MAX && counts(&now, form, near, near_count, needs))) {
        err = tell(judge, form, &now);
        for (size_t i = 0; i < near_count && !err; i++)
            err = tell(judge, form, near[i]);
    }
    judge->recent[form][count % TIMESTAMP_JUDGE_RECENT] = now;
    judge->counts[form] = count + 1;
    return err;
}

void timestamp_judge_reset(struct timestamp_judge *judge)
{
    memset(judge->counts, 0, sizeof(judge->counts));
}
