#include "importer/importer.h"

#include <string.h>

/* clang-format off */
extern const struct importer
    importer_strace,
    importer_core,
    importer_hs_err,
    importer_jstack,
    importer_nmt,
    importer_jmap,
    importer_kernel_log,
    importer_log,
    importer_pmap,
    importer_smaps,
    importer_status,
    importer_smem,
    importer_lsof,
    importer_ps,
    importer_machine,
    importer_hexdump,
    importer_raw;

/* Of equal scores the first wins: what is more particular stands first. */
const struct importer *const importers[] = {
    &importer_strace,
    &importer_core,
    &importer_hs_err,
    &importer_jstack,
    &importer_nmt,
    &importer_jmap,
    &importer_kernel_log,
    &importer_pmap,
    &importer_smaps,
    &importer_status,
    &importer_smem,
    &importer_lsof,
    &importer_ps,
    &importer_machine,
    &importer_hexdump,
    &importer_log,
    &importer_raw,
    NULL,
};
/* clang-format on */

const struct importer *importer_recognise(const char *head, size_t len)
{
    const struct importer *best = NULL;
    int best_score = IMPORTER_NEVER;

    for (size_t i = 0; importers[i]; i++) {
        int score = importers[i]->recognise(head, len);

        if (score > best_score) {
            best = importers[i];
            best_score = score;
        }
    }
    return best;
}

const struct importer *importer_by_name(const char *name)
{
    for (size_t i = 0; importers[i]; i++)
        if (strcmp(importers[i]->name, name) == 0)
            return importers[i];
    return NULL;
}
