/*
 * When memory runs out it is seep that is to go, not the target it watches.
 */
#pragma once

/* Raises this process's oom_score_adj to 500 at least; what the kernel refuses is left as it is. */
void oom_offer_self(void);
