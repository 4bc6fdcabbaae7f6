#include "evidence/java_heap.h"

#include "base/cleanup.h"

void java_heap_init(struct java_heap *heap)
{
    *heap = (struct java_heap){
        .max_bytes = JAVA_HEAP_UNKNOWN,
        .committed_bytes = JAVA_HEAP_UNKNOWN,
        .used_bytes = JAVA_HEAP_UNKNOWN,
        .metaspace_used_bytes = JAVA_HEAP_UNKNOWN,
        .metaspace_committed_bytes = JAVA_HEAP_UNKNOWN,
    };
}

/* Stays below JAVA_HEAP_UNKNOWN, whatever the text claims. */
static void add(uint64_t *sum, uint64_t more)
{
    uint64_t have = *sum == JAVA_HEAP_UNKNOWN ? 0 : *sum;

    if (__builtin_add_overflow(have, more, sum) || *sum == JAVA_HEAP_UNKNOWN)
        *sum = JAVA_HEAP_UNKNOWN - 1;
}

static void set_collector(struct java_heap *heap, struct span name)
{
    if (heap->collector[0] || name.len >= sizeof(heap->collector))
        return;
    memcpy(heap->collector, name.text, name.len);
    heap->collector[name.len] = '\0';
}

/* The size behind KEY. */
static bool find_size(struct span line, const char *key, uint64_t *ret_bytes)
{
    return span_take_through(&line, key, NULL) && span_take_size(&line, ret_bytes);
}

/* "8G max" : the size before WORD. */
static bool size_before(struct span line, const char *word, uint64_t *ret_bytes)
{
    size_t at;

    if (!span_find(line, word, &at) || at == 0)
        return false;
    line = span_first(line, at);
    if (span_find_last(line, ", ", &at))
        line = span_from(line, at + 2);
    line = span_trim(line);
    return span_take_size(&line, ret_bytes) && line.len == 0;
}

/* "[0x1, 0x2, 0x3)": from the first to the last. */
static void take_addresses(struct java_heap *heap, struct span line)
{
    uint64_t start, end = 0, more;

    if (!span_take_through(&line, "[0x", NULL) || !span_take_hex(&line, &start))
        return;
    while (span_take(&line, ", ") || span_take(&line, ","))
        if (span_take_hex(&line, &more))
            end = more;
    if (end <= start)
        return;
    if (!heap->end || start < heap->start)
        heap->start = start;
    if (end > heap->end)
        heap->end = end;
}

/* --- GC.heap_info, SIGQUIT, hs_err --- */

/* "garbage-first heap   total 131072K, used 1563K [...)"; JDK 24 and later "total reserved 1K,
 * committed 1K, used 1K". */
static bool take_generation(struct java_heap *heap, struct span line)
{
    static const struct {
        const char *start, *collector;
    } generations[] = {
        {"garbage-first heap", "garbage-first"},
        {"PSYoungGen", "parallel"},
        {"PSOldGen", "parallel"},
        {"ParOldGen", "parallel"},
        {"def new generation", "serial"},
        {"DefNew", "serial"},
        {"par new generation", "concurrent-mark-sweep"},
        {"concurrent mark-sweep generation", "concurrent-mark-sweep"},
        {"tenured generation", "serial"},
        {"Tenured", "serial"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(generations); i++) {
        uint64_t bytes;

        if (!span_starts(line, generations[i].start))
            continue;
        if (!find_size(line, "used ", &bytes))
            return false;
        add(&heap->used_bytes, bytes);
        if (find_size(line, "total reserved ", &bytes))
            add(&heap->max_bytes, bytes);
        if (find_size(line, "committed ", &bytes) || find_size(line, "total ", &bytes))
            add(&heap->committed_bytes, bytes);
        set_collector(heap, span_text(generations[i].collector));
        take_addresses(heap, line);
        return true;
    }
    return false;
}

static bool take_z(struct java_heap *heap, struct span line)
{
    uint64_t bytes;

    if (!span_starts(line, "ZHeap ") || !find_size(line, "used ", &heap->used_bytes))
        return false;
    if (find_size(line, "max capacity ", &bytes))
        heap->max_bytes = bytes;
    if (find_size(line, " capacity ", &bytes))
        heap->committed_bytes = bytes;
    set_collector(heap, span_text("z"));
    return true;
}

/* "4096M max, 4096M soft max, 256M committed, 12M used"; older: "4096M total, 256M committed, ..." */
static bool take_shenandoah(struct java_heap *heap, struct span line)
{
    uint64_t max, committed, used;

    if (!size_before(line, " committed", &committed) || !size_before(line, " used", &used) ||
        (!size_before(line, " max,", &max) && !size_before(line, " total,", &max)))
        return false;
    heap->max_bytes = max;
    heap->committed_bytes = committed;
    heap->used_bytes = used;
    set_collector(heap, span_text("shenandoah"));
    return true;
}

/* --- jmap -heap --- */

/* "name = 123 (0.1MB)" */
static bool take_assignment(struct span line, struct span *ret_name, uint64_t *ret_bytes)
{
    struct span name;

    if (!span_take_through(&line, "=", &name))
        return false;
    *ret_name = span_trim(name);
    line = span_trim(line);
    return span_take_size(&line, ret_bytes);
}

static bool take_jmap_headline(struct java_heap *heap, struct span line)
{
    static const struct {
        const char *line;
        enum java_heap_place place;
    } headlines[] = {
        {"G1 Heap:", JAVA_HEAP_WHOLE},
        {"PS Young Generation", JAVA_HEAP_LEFT_OUT},
        {"New Generation (Eden + 1 Survivor Space):", JAVA_HEAP_LEFT_OUT},
        {"G1 Young Generation:", JAVA_HEAP_LEFT_OUT},
        {"Eden Space:", JAVA_HEAP_PART},
        {"From Space:", JAVA_HEAP_PART},
        {"To Space:", JAVA_HEAP_PART},
        {"Survivor Space:", JAVA_HEAP_PART},
        {"PS Old Generation", JAVA_HEAP_PART},
        {"tenured generation:", JAVA_HEAP_PART},
        {"concurrent mark-sweep generation:", JAVA_HEAP_PART},
        {"G1 Old Generation:", JAVA_HEAP_PART},
        {"G1 Perm Generation:", JAVA_HEAP_LEFT_OUT},
        {"PS Perm Generation", JAVA_HEAP_LEFT_OUT},
        {"Perm Generation:", JAVA_HEAP_LEFT_OUT},
    };

    for (size_t i = 0; i < ARRAY_SIZE(headlines); i++) {
        if (!span_is(line, headlines[i].line))
            continue;
        heap->place = headlines[i].place;
        if (span_starts(line, "G1"))
            set_collector(heap, span_text("garbage-first"));
        /* G1's parts are in its whole. */
        if (heap->place == JAVA_HEAP_PART && strcmp(heap->collector, "garbage-first") == 0)
            heap->place = JAVA_HEAP_LEFT_OUT;
        return true;
    }
    return false;
}

static bool take_jmap(struct java_heap *heap, struct span line)
{
    struct span name;
    uint64_t bytes;

    if (take_jmap_headline(heap, line))
        return true;
    if (!take_assignment(line, &name, &bytes))
        return false;
    if (span_is(name, "MaxHeapSize")) {
        heap->max_bytes = bytes;
        return true;
    }
    if (heap->place == JAVA_HEAP_NOWHERE)
        return false;
    if (heap->place != JAVA_HEAP_LEFT_OUT && span_is(name, "capacity"))
        add(&heap->committed_bytes, bytes);
    else if (heap->place != JAVA_HEAP_LEFT_OUT && span_is(name, "used"))
        add(&heap->used_bytes, bytes);
    else
        return span_is(name, "free") || span_is(name, "regions") || span_is(name, "capacity") ||
               span_is(name, "used");
    return true;
}

bool java_heap_line(struct java_heap *heap, struct span line)
{
    line = span_trim(line);
    if (line.len == 0)
        return false;
    if (span_take(&line, "Metaspace ")) {
        bool known = find_size(line, "used ", &heap->metaspace_used_bytes);

        return find_size(line, "committed ", &heap->metaspace_committed_bytes) && known;
    }
    return take_generation(heap, line) || take_z(heap, line) || take_shenandoah(heap, line) ||
           take_jmap(heap, line);
}
