#include "importer/place.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/units.h"
#include "importer/listing.h"
#include "importer/saved_bytes.h"

enum { GAP_BYTES = 64 << 20 }; /* as a dump leaves out of its files */

static void use_region(const struct vma *vma, struct place *place)
{
    place->start = vma->start;
    place->perms = vma->perms;
    snprintf(place->name, sizeof(place->name), "%s", vma->name);
}

/* The only region that is as large as that, or at least; NULL: none, or several. */
static const struct vma *only_region(const struct maps *maps, uint64_t len_bytes, bool exactly)
{
    const struct vma *found = NULL;

    for (size_t i = 0; i < maps->count; i++) {
        const struct vma *vma = &maps->vmas[i];

        if (exactly ? vma_size(vma) != len_bytes : vma_size(vma) < len_bytes)
            continue;
        if (found)
            return NULL;
        found = vma;
    }
    return found;
}

static void guess(const struct maps *maps, uint64_t len_bytes, struct place *place)
{
    const struct vma *vma = only_region(maps, len_bytes, true);
    struct units_text size;

    if (vma) {
        use_region(vma, place);
        snprintf(place->why, sizeof(place->why),
                 "no address is given; %08" PRIx64 " is the only region of its size", vma->start);
        return;
    }
    vma = only_region(maps, len_bytes, false);
    if (vma) {
        use_region(vma, place);
        snprintf(place->why, sizeof(place->why),
                 "no address is given; %08" PRIx64 " is the only known region that can hold it",
                 vma->start);
        return;
    }
    snprintf(place->why, sizeof(place->why),
             "no address is given, and no single region can be told that holds %s of it",
             units_format_size(&size, len_bytes));
}

struct seep_error *place_find(struct input *in, struct collection *c, uint64_t len_bytes,
                              struct place *ret_place)
{
    struct place place = {.placed = false};
    struct snapshot snap;
    bool found = false;
    struct seep_error *err = input_suffix_address(in, &place.start, &place.placed);

    if (!err)
        err = listing_pid(in, c, &place.pid);
    if (!err)
        err = collection_last_snapshot(c, place.pid, &snap, &found);
    if (err)
        return err;
    if (found) {
        const struct vma *vma = place.placed ? maps_find(&snap.maps, place.start) : NULL;

        if (vma) {
            place.perms = vma->perms;
            snprintf(place.name, sizeof(place.name), "%s", vma->name);
        }
        if (!place.placed)
            guess(&snap.maps, len_bytes, &place);
        if (place.placed ? vma != NULL : place.perms != 0)
            place.pid = snap.pid;
        snapshot_deinit(&snap);
    } else if (!place.placed) {
        snprintf(place.why, sizeof(place.why),
                 "no address is given, and no regions are known that could hold it");
    }
    if (!place.placed)
        err = collection_remark(c, "%s (FILE@ADDRESS says where it was)", place.why);
    if (!err)
        *ret_place = place;
    return err;
}

struct seep_error *place_hand_over(struct collection *c, const struct place *place,
                                   struct saved_bytes *saved, struct when when)
{
    struct seep_error *err = NULL;

    for (uint64_t at = 0, start, end; !err && saved_bytes_run(saved, at, GAP_BYTES, &start, &end);
         at = end) {
        struct collection_memory memory = {
            .pid = place->pid,
            .when = when,
            .start = start,
            .end = end,
            .placed = place->placed,
            .why = place->placed ? NULL : place->why,
            .name = place->name,
            .perms = place->perms,
        };
        struct mem_source *source = NULL;

        err = saved_bytes_source(saved, &source);
        if (!err)
            err = collection_memory(c, &memory, source);
    }
    return err;
}
