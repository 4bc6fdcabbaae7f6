/* pmap's listings: whatever they hold, what is made of them are maps without a bad line. */
#include <stdlib.h>
#include <string.h>

#include "evidence/maps.h"
#include "evidence/proc_text.h"
#include "importer/pmap_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct pmap_text *t)
{
    struct maps maps;

    if (t->text.failed || maps_parse(t->text.bytes, t->text.len, &maps))
        return;
    /* A name may be anything, a \r at its end too, which is a line's end to maps_parse. */
    if (maps.bad_lines || maps.count > t->regions)
        abort();
    maps_deinit(&maps);
    pmap_text_clear(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line;
    struct pmap_text t;
    size_t at = 0, len;
    uint64_t bytes;
    pid_t pid;

    pmap_text_init(&t);
    while ((line = proc_text_line(text, size, &at, &len))) {
        pmap_text_total(line, len, &pid, &bytes);
        if (pmap_text_feed(&t, line, len) != PMAP_LINE_NEXT)
            continue;
        check(&t);
        if (pmap_text_feed(&t, line, len) == PMAP_LINE_NEXT)
            abort();
    }
    check(&t);
    pmap_text_deinit(&t);
    return 0;
}
