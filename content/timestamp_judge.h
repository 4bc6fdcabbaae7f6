/*
 * Which doubtful times count: those that have company of their own form, within 64 KiB and ten
 * minutes.
 *
 *     0x1668...05   0x1668...71   0x1668...99     nanoseconds of the same minutes: counted
 *     0x1667...52                                 alone: a number
 *
 * How many others it takes, and how wide apart in time, is reckoned for each form from how wide the
 * plausible window is, so that random bytes give less than one false time in 1,000 MiB of each form;
 * a form that would need more than eight is not looked for. Code and tables are not random: the same
 * bytes come again and again with a few that vary. So two others at least, and each of them differs
 * from every other in all the bits in which times that are milliseconds apart do. What is near a
 * time that counts counts too.
 */
#pragma once

#include "content/timestamp_forms.h"

enum { TIMESTAMP_JUDGE_RECENT = 32 };

struct timestamp_candidate {
    uint64_t address, epoch_ns;
    bool told;
};

struct timestamp_judge {
    timestamps_callback found;
    void *context;
    uint8_t
        needs[TIMESTAMPS_FORM_COUNT]; /* how many others; UINT8_MAX: the form is not to be had */
    struct timestamp_candidate recent[TIMESTAMPS_FORM_COUNT][TIMESTAMP_JUDGE_RECENT]; /* rings */
    size_t counts[TIMESTAMPS_FORM_COUNT];
};

void timestamp_judge_init(struct timestamp_judge *judge, const struct timestamp_windows *windows,
                          timestamps_callback found, void *context);

/* Of each form the times come in the order of their addresses. Tells FOUND, now or when there is
 * enough company, and those whose company it completes, the latest first. */
struct seep_error *timestamp_judge_take(struct timestamp_judge *judge,
                                        const struct timestamps_found *found);

/* Forgets what came: what is to come is no company of it. */
void timestamp_judge_reset(struct timestamp_judge *judge);
