/* Any bytes as strings, mined: counts and bytes add up, and every template fits its examples. */
#include <stdlib.h>
#include <string.h>

#include "content/templates.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sums {
    uint64_t count, bytes;
    bool continued;
};

static struct seep_error *add_up(const struct strings_found *found, void *context)
{
    struct sums *sums = context;

    sums->count += !sums->continued;
    sums->bytes += found->raw_len;
    sums->continued = found->continued;
    return NULL;
}

/* TEXT with some of it left out where there are stars. */
static bool fits(const char *template, const char *text)
{
    const char *back = NULL, *from = NULL;

    while (*text) {
        if (*template == '*') {
            back = ++template;
            from = text;
        } else if (*template == *text) {
            template ++;
            text++;
        } else if (back) {
            template = back;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*template == '*')
        template ++;
    return *template == '\0' || strcmp(template, "...") == 0;
}

static void check(const struct templates_items *items, const struct sums *sums)
{
    struct sums found = {0};

    for (size_t i = 0; i < items->count; i++) {
        const struct templates_item *item = &items->items[i];

        found.count += item->count;
        found.bytes += item->bytes;
        if (!item->examples[0] || item->count == 0 || item->block_bytes == 0)
            abort();
        if (!strpbrk(item->examples[0], "*.") && !fits(item->text, item->examples[0]))
            abort();
    }
    if (found.count != sums->count || found.bytes != sums->bytes)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sums sums = {0};
    struct strings_in_order in_order;
    struct templates *templates;
    struct templates_items items = {0};
    struct strings_pass pass;
    struct scan_bytes source;
    struct seep_error *err = templates_create(&templates);

    if (err) {
        error_destroy(err);
        return 0;
    }
    strings_in_order_init(&in_order, add_up, &sums);

    struct strings_sink *sinks[] = {&templates->sink, &in_order.sink};
    struct scan_consumer *consumers[] = {&pass.consumer};

    err = strings_pass_init(&pass, &(struct strings_options){STRINGS_ALL, 4}, sinks, 2);
    if (!err) {
        scan_bytes_init(&source, 0x10000, data, size);
        err = scan_run(&source.source, consumers, 1, &(struct scan_options){.threads = 1});
        strings_pass_deinit(&pass);
    }
    if (!err)
        err = templates_list(templates, SIZE_MAX, &items);
    if (!err)
        check(&items, &sums);
    templates_items_deinit(&items);
    templates_destroy(templates);
    error_destroy(err);
    return 0;
}
