#include "evidence/java_options.h"

#include "base/cleanup.h"

void java_options_init(struct java_options *options)
{
    *options = (struct java_options){
        .max_heap_bytes = JAVA_OPTIONS_UNKNOWN,
        .max_direct_bytes = JAVA_OPTIONS_UNKNOWN,
        .netty_max_direct_bytes = JAVA_OPTIONS_UNKNOWN,
        .max_metaspace_bytes = JAVA_OPTIONS_UNKNOWN,
        .code_cache_bytes = JAVA_OPTIONS_UNKNOWN,
        .thread_stack_bytes = JAVA_OPTIONS_UNKNOWN,
    };
}

static const struct {
    const char *start;
    size_t offset;
    uint64_t unit; /* of a bare number */
} known[] = {
    {"-Xmx", offsetof(struct java_options, max_heap_bytes), 1},
    {"-XX:MaxHeapSize=", offsetof(struct java_options, max_heap_bytes), 1},
    {"-XX:MaxDirectMemorySize=", offsetof(struct java_options, max_direct_bytes), 1},
    {"-Dio.netty.maxDirectMemory=", offsetof(struct java_options, netty_max_direct_bytes), 1},
    {"-XX:MaxMetaspaceSize=", offsetof(struct java_options, max_metaspace_bytes), 1},
    {"-XX:ReservedCodeCacheSize=", offsetof(struct java_options, code_cache_bytes), 1},
    {"-Xss", offsetof(struct java_options, thread_stack_bytes), 1},
    {"-XX:ThreadStackSize=", offsetof(struct java_options, thread_stack_bytes), 1024},
};

static bool take_nmt(struct java_options *options, struct span word)
{
    if (!span_take(&word, "-XX:NativeMemoryTracking="))
        return false;
    if (span_is(word, "off"))
        options->nmt = JAVA_NMT_OFF;
    else if (span_is(word, "summary"))
        options->nmt = JAVA_NMT_SUMMARY;
    else if (span_is(word, "detail"))
        options->nmt = JAVA_NMT_DETAIL;
    else
        return false;
    return true;
}

size_t java_options_take(struct java_options *options, struct span text)
{
    size_t taken = 0;

    span_skip_blanks(&text);
    while (text.len) {
        struct span word = span_take_word(&text);

        if (take_nmt(options, word)) {
            taken++;
            continue;
        }
        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
            struct span value = word;
            uint64_t bytes;

            /* Here a unit may only be one letter, and nothing may follow it. */
            if (!span_take(&value, known[i].start) || !span_take_size(&value, &bytes) || value.len)
                continue;
            if (word.text[word.len - 1] >= '0' && word.text[word.len - 1] <= '9' &&
                __builtin_mul_overflow(bytes, known[i].unit, &bytes))
                continue;
            *(uint64_t *)((char *)options + known[i].offset) = bytes;
            taken++;
        }
    }
    return taken;
}
