#include "tracer/trial.h"

#include "base/units.h"

enum {
    SAMPLE_STOPS = 100,
    TRIAL_SAMPLES = 8,
    MAX_GAP_NS = NS_PER_MS, /* what time without a stop counts at most */
    FAR_DEARER = 4,         /* times */
    WORTH_IT = 16,          /* the other way is taken when it saves this part */
    FIRST_S = 1,
    LONGEST_S = 8,
};

static void settle(struct trial *t, bool verdict, uint64_t now_ns)
{
    bool same = t->settled_ns > 0 && verdict == t->verdict;
    uint64_t longest_ns = (uint64_t)LONGEST_S * NS_PER_S;

    t->settled_ns = same ? 2 * t->settled_ns : (uint64_t)FIRST_S * NS_PER_S;
    if (t->settled_ns > longest_ns)
        t->settled_ns = longest_ns;
    t->again_ns = now_ns + t->settled_ns;
    t->verdict = t->other = verdict;
    t->samples = TRIAL_SAMPLES;
    t->stops = 0;
    t->sample_ns = 0;
}

static void start(struct trial *t)
{
    t->samples = 0;
    t->taken_ns[0] = t->taken_ns[1] = 0;
    t->other = false;
}

static void end_sample(struct trial *t, uint64_t now_ns)
{
    bool trying = t->samples < TRIAL_SAMPLES;

    if (trying) {
        t->taken_ns[t->other] += t->sample_ns;
        t->other = !t->other;
        t->samples++;
        if (t->samples == TRIAL_SAMPLES)
            settle(t, t->taken_ns[1] < t->taken_ns[0] - t->taken_ns[0] / WORTH_IT, now_ns);
    } else if (now_ns >= t->again_ns) {
        start(t);
    }
    t->stops = 0;
    t->sample_ns = 0;
}

bool trial_stop(struct trial *t, uint64_t now_ns)
{
    uint64_t gap_ns = t->last_ns ? now_ns - t->last_ns : 0;
    unsigned tried = t->samples < TRIAL_SAMPLES ? (t->samples + 1) / 2 : TRIAL_SAMPLES / 2;
    uint64_t usual_sample_ns = tried ? t->taken_ns[0] / tried : 0;

    t->last_ns = now_ns;
    t->sample_ns += gap_ns < MAX_GAP_NS ? gap_ns : MAX_GAP_NS;
    t->stops++;
    if (t->other && t->sample_ns > FAR_DEARER * usual_sample_ns)
        settle(t, false, now_ns);
    else if (t->stops >= SAMPLE_STOPS)
        end_sample(t, now_ns);
    return t->other;
}
