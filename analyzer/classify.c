#include "analyzer/classify.h"

#include <string.h>

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_accessible(const struct vma *vma)
{
    return vma->perms & (VMA_READ | VMA_WRITE | VMA_EXEC);
}

static bool is_private_anonymous(const struct vma *vma)
{
    return vma->name[0] == '\0' && vma->inode == 0 && !(vma->perms & VMA_SHARED);
}

/* Mapped with MAP_NORESERVE, as far as the text tells. */
static bool may_be_unreserved(const struct vma *vma)
{
    return vma->flags[0] == '\0' || vma_has_flag(vma, "nr");
}

static const struct vma *neighbour_below(const struct maps *maps, size_t index)
{
    const struct vma *vma = &maps->vmas[index];

    return index > 0 && vma[-1].end == vma->start ? &vma[-1] : NULL;
}

static const struct vma *neighbour_above(const struct maps *maps, size_t index)
{
    const struct vma *vma = &maps->vmas[index];

    return index + 1 < maps->count && vma[1].start == vma->end ? &vma[1] : NULL;
}

static bool is_arena_boundary(uint64_t address)
{
    return address % CLASSIFY_ARENA_BYTES == 0;
}

/* glibc aligns each heap of a secondary arena to HEAP_MAX_SIZE, maps it PROT_NONE with
 * MAP_NORESERVE and makes it readable from its start upwards (arena.c, new_heap and grow_heap). */
static bool is_arena(const struct maps *maps, size_t index)
{
    const struct vma *vma = &maps->vmas[index];

    if (!may_be_unreserved(vma))
        return false;
    if (!is_accessible(vma)) {
        const struct vma *below = neighbour_below(maps, index);

        return below && is_private_anonymous(below) && is_accessible(below) &&
               vma_size(vma) < CLASSIFY_ARENA_BYTES && is_arena(maps, index - 1);
    }
    if ((vma->perms & VMA_EXEC) || !is_arena_boundary(vma->start))
        return false;

    const struct vma *above = neighbour_above(maps, index);
    uint64_t used_of_last = vma->end % CLASSIFY_ARENA_BYTES;

    /* Full heaps side by side merge; without the VmFlags that is too little to go by. */
    if (used_of_last == 0)
        return vma->flags[0] != '\0' && vma_has_flag(vma, "nr");
    return above && is_private_anonymous(above) && !is_accessible(above) &&
           above->end - vma->end >= CLASSIFY_ARENA_BYTES - used_of_last;
}

static bool is_guard(const struct vma *vma)
{
    return vma && is_private_anonymous(vma) && !is_accessible(vma) &&
           vma_size(vma) <= CLASSIFY_MAX_GUARD_BYTES;
}

static bool is_stack_above_guard(const struct vma *vma, const struct vma *below)
{
    uint64_t size = vma_size(vma);

    if (!is_guard(below) || !(vma->perms & VMA_WRITE) || (vma->perms & VMA_EXEC))
        return false;
    /* The guard may be part of a power of two or come on top of it (Java, glibc before 2.27). */
    return size >= 64 << 10 && ((size & (size - 1)) == 0 ||
                                ((size + vma_size(below)) & (size + vma_size(below) - 1)) == 0);
}

static bool is_thread_stack(const struct maps *maps, size_t index)
{
    const struct vma *vma = &maps->vmas[index];
    const struct vma *above = neighbour_above(maps, index);

    if (is_guard(vma))
        return above && is_private_anonymous(above) && is_stack_above_guard(above, vma);
    return is_stack_above_guard(vma, neighbour_below(maps, index));
}

/* The heaps of HotSpot lie below the mmap area, so that compressed pointers reach them; the code
 * cache is anonymous and executable; a large heap lies anywhere, in a reservation of its size. */
static bool is_java(const struct maps *maps, size_t index)
{
    const struct vma *vma = &maps->vmas[index];
    const struct vma *above = neighbour_above(maps, index);
    const struct vma *below = neighbour_below(maps, index);
    uint64_t reserved = vma_size(vma);

    if (vma->start >= 1ull << 30 && vma->start < 1ull << 37)
        return true;
    if (vma->perms & VMA_EXEC)
        return true;
    if (above && is_private_anonymous(above))
        reserved += vma_size(above);
    if (below && is_private_anonymous(below))
        reserved += vma_size(below);
    return reserved >= 1ull << 30 && vma->flags[0] && vma_has_flag(vma, "nr");
}

static bool is_runtime_heap(const struct maps *maps, size_t index, const char *runtime)
{
    const struct vma *vma = &maps->vmas[index];

    /* Go asks for this address and those after it (runtime/malloc.go); nobody gets it by chance. */
    if (vma->start >= 0xc000000000 && vma->start < 0xc200000000)
        return true;
    return runtime && strcmp(runtime, "java") == 0 && is_java(maps, index);
}

static enum region classify_anonymous(const struct maps *maps, size_t index, const char *runtime)
{
    const struct vma *vma = &maps->vmas[index];

    if (is_arena(maps, index))
        return REGION_ARENA;
    if (is_thread_stack(maps, index))
        return REGION_THREAD_STACK;
    if (is_runtime_heap(maps, index, runtime))
        return REGION_RUNTIME_HEAP;
    if (!is_accessible(vma))
        return REGION_RESERVATION;
    if (vma->fields[SMAPS_RSS] == 0 &&
        (vma->fields[SMAPS_SWAP] == 0 || vma->fields[SMAPS_SWAP] == MAPS_UNKNOWN))
        return REGION_RESERVATION;
    return REGION_ANON_MMAP;
}

static enum region classify_bracketed(const char *name)
{
    static const struct {
        const char *prefix;
        enum region region;
    } rows[] = {
        {"[heap]", REGION_HEAP},
        {"[stack]", REGION_MAIN_STACK},
        {"[stack:", REGION_THREAD_STACK}, /* Linux 3.4 to 4.4 */
        {"[anon_shmem:", REGION_SHARED_MEMORY},
        /* Names given with PR_SET_VMA_ANON_NAME. */
        {"[anon: Go", REGION_RUNTIME_HEAP},
        {"[anon:v8", REGION_RUNTIME_HEAP},
        {"[anon:", REGION_ANON_MMAP},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (starts_with(name, rows[i].prefix))
            return rows[i].region;
    return REGION_OTHER;
}

static enum region classify_named(const struct vma *vma)
{
    static const struct {
        const char *prefix;
        enum region region;
    } rows[] = {
        {"/memfd:java_heap", REGION_RUNTIME_HEAP}, /* ZGC */
        {"/memfd:", REGION_SHARED_MEMORY},
        {"/dev/shm/", REGION_SHARED_MEMORY},
        {"/SYSV", REGION_SHARED_MEMORY},
        {"/dev/zero", REGION_SHARED_MEMORY},
        {"/[aio]", REGION_OTHER},
        {"/dev/", REGION_OTHER},
        {"/", REGION_FILE},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (starts_with(vma->name, rows[i].prefix))
            return rows[i].region;
    return REGION_OTHER;
}

enum region classify_vma(const struct maps *maps, size_t index, const char *runtime)
{
    const struct vma *vma = &maps->vmas[index];

    if (is_private_anonymous(vma))
        return classify_anonymous(maps, index, runtime);
    if (vma->name[0] == '[')
        return classify_bracketed(vma->name);
    if (vma->name[0] == '\0')
        return vma->perms & VMA_SHARED ? REGION_SHARED_MEMORY : REGION_OTHER;
    return classify_named(vma);
}

const char *classify_runtime(const struct maps *maps)
{
    for (size_t i = 0; i < maps->count; i++) {
        const char *slash = strrchr(maps->vmas[i].name, '/');

        if (slash && strcmp(slash, "/libjvm.so") == 0)
            return "java";
    }
    return NULL;
}
