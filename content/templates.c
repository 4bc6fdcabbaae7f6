#include "content/templates.h"

#include <string.h>

#include "base/cleanup.h"
#include "content/template_part.h"

enum {
    CHAINS = 16384,
    MOST_LOOKED_AT = 256, /* of one form and first word */
    ASKED = 8,            /* places that a new template may take */
    NONE = -1,
};

/* A template, as the first of its strings and what of it has varied. */
struct place {
    uint64_t key, form;
    int32_t next_by_key, next_by_form;
    uint64_t count, bytes, blocks, last_block; /* count 0: free */
    uint64_t guard;  /* how often others may ask for the place until it is given away */
    uint64_t merged; /* bits of tokens that are parameters though they do not look so */
    uint64_t varied; /* bits of tokens that had different values */
    size_t len, token_count;
    size_t other_lens[TEMPLATES_EXAMPLES - 1]; /* 0: none */
    bool cut;
    struct template_token tokens[TEMPLATE_SHAPE_TOKENS];
    char text[TEMPLATE_SHAPE_BYTES];
    char others[TEMPLATES_EXAMPLES - 1][TEMPLATE_SHAPE_BYTES];
};

struct templates_state {
    int32_t by_key[CHAINS], by_form[CHAINS];
    int32_t open; /* whose string may go on; NONE */
    bool continued;
    size_t used, hand; /* places; the next that is asked when all are used */
    struct place places[TEMPLATES_KEPT];
};

/* --- chains --- */

/* The form, and the first word that is no parameter by its looks. */
static uint64_t form_of(uint64_t form, const struct template_token *tokens, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!tokens[i].wild)
            return form ^ tokens[i].hash * UINT64_C(0x9e3779b97f4a7c15);
    return form;
}

static void link_place(struct templates_state *t, int32_t index)
{
    struct place *p = &t->places[index];
    int32_t *by_key = &t->by_key[p->key % CHAINS], *by_form = &t->by_form[p->form % CHAINS];

    p->next_by_key = *by_key;
    *by_key = index;
    p->next_by_form = *by_form;
    *by_form = index;
}

static void unlink_place(struct templates_state *t, int32_t index)
{
    struct place *p = &t->places[index];
    int32_t *at = &t->by_key[p->key % CHAINS];

    while (*at != index)
        at = &t->places[*at].next_by_key;
    *at = p->next_by_key;
    at = &t->by_form[p->form % CHAINS];
    while (*at != index)
        at = &t->places[*at].next_by_form;
    *at = p->next_by_form;
}

/* --- places --- */

/* A free place, or that of the least of a few who has not come again for long; NONE: they hold on. */
static int32_t make_place(struct templates_state *t, uint64_t count)
{
    int32_t least = NONE;

    if (t->used < TEMPLATES_KEPT)
        return (int32_t)t->used++;
    for (int i = 0; i < ASKED; i++) {
        int32_t index = (int32_t)((t->hand + (size_t)i) % TEMPLATES_KEPT);

        if (t->places[index].count == 0)
            return index;
        if (least == NONE || t->places[index].guard < t->places[least].guard)
            least = index;
    }
    t->hand = (t->hand + ASKED) % TEMPLATES_KEPT;
    if (t->places[least].guard >= count) {
        t->places[least].guard -= count;
        return NONE;
    }
    unlink_place(t, least);
    return least;
}

/* Another example, if there is room for it and it is new. */
static void add_example(struct place *p, const char *text, size_t len)
{
    size_t i = 0;

    if (len == 0 || (len == p->len && memcmp(text, p->text, len) == 0))
        return;
    for (; i < TEMPLATES_EXAMPLES - 1 && p->other_lens[i]; i++)
        if (p->other_lens[i] == len && memcmp(p->others[i], text, len) == 0)
            return;
    if (i == TEMPLATES_EXAMPLES - 1)
        return;
    p->other_lens[i] = len;
    memcpy(p->others[i], text, len);
}

static void add_counts(struct place *p, const struct template_entry *e)
{
    p->count += e->count;
    p->guard += e->count;
    p->bytes += e->bytes;
    p->blocks += e->blocks - (p->last_block == e->first_block);
    p->last_block = e->last_block;
}

static void absorb(struct place *p, const struct template_part *part,
                   const struct template_entry *e)
{
    const struct template_token *tokens = part->tokens.items + e->tokens;

    p->varied |= e->varied;
    for (size_t i = 0; i < p->token_count; i++)
        if (tokens[i].hash != p->tokens[i].hash)
            p->varied |= UINT64_C(1) << i;
    add_counts(p, e);
    add_example(p, part->text.bytes + e->text, e->len);
    add_example(p, part->text.bytes + e->other, e->other_len);
}

static void fill_place(struct place *p, const struct template_part *part,
                       const struct template_entry *e, uint64_t form)
{
    p->key = e->key;
    p->form = form;
    p->count = p->bytes = p->blocks = p->guard = 0;
    p->last_block = UINT64_MAX;
    p->merged = 0;
    p->varied = e->varied;
    p->cut = e->cut;
    p->len = e->len;
    p->token_count = e->token_count;
    memset(p->other_lens, 0, sizeof(p->other_lens));
    memcpy(p->text, part->text.bytes + e->text, e->len);
    if (e->token_count)
        memcpy(p->tokens, part->tokens.items + e->tokens, e->token_count * sizeof(p->tokens[0]));
    add_counts(p, e);
    add_example(p, part->text.bytes + e->other, e->other_len);
}

/* --- variants --- */

/* Where the words of P and those of E differ, parameters left out. */
static uint64_t differences(const struct place *p, const struct template_token *tokens)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < p->token_count; i++) {
        bool parameter = (p->tokens[i].wild || p->merged >> i & 1);

        if (!parameter && (tokens[i].wild || tokens[i].hash != p->tokens[i].hash))
            bits |= UINT64_C(1) << i;
    }
    return bits;
}

static unsigned most_differences(const struct template_token *tokens, size_t count)
{
    unsigned words = 0;

    for (size_t i = 0; i < count; i++)
        words += !tokens[i].wild;
    return words < 3 ? 0 : words < 8 ? 1 : words / 4;
}

struct variants {
    uint64_t bits; /* in which words they differ from the entry */
    size_t count;
    int32_t indexes[TEMPLATES_VARIANTS - 1];
};

/* Templates of E's form that differ from it in the same few words; a count of 1 and no bits: one that
 * does not differ. */
static void find_variants(const struct templates_state *t, const struct template_entry *e,
                          const struct template_token *tokens, uint64_t form,
                          struct variants *ret_variants)
{
    enum { SETS = 8 };
    struct variants sets[SETS] = {0};
    unsigned most = most_differences(tokens, e->token_count);
    size_t set_count = 0, looked = 0;

    for (int32_t at = t->by_form[form % CHAINS]; at != NONE && looked < MOST_LOOKED_AT;
         at = t->places[at].next_by_form) {
        const struct place *p = &t->places[at];
        uint64_t bits;
        size_t i = 0;

        if (p->form != form || p->token_count != e->token_count)
            continue;
        looked++;
        bits = differences(p, tokens);
        if (bits == 0 && p->merged) {
            *ret_variants = (struct variants){0, 1, {at}};
            return;
        }
        if (bits == 0 || (unsigned)__builtin_popcountll(bits) > most)
            continue;
        while (i < set_count && sets[i].bits != bits)
            i++;
        if (i == SETS)
            continue;
        sets[i].bits = bits;
        set_count += i == set_count;
        sets[i].indexes[sets[i].count++] = at;
        if (sets[i].count == TEMPLATES_VARIANTS - 1) {
            *ret_variants = sets[i];
            return;
        }
    }
    *ret_variants = (struct variants){0};
}

/* Makes one template of several: the oldest, of which the list has the last. Their strings come from
 * the same pages or not; which is not known any more, so that pages may be counted several times. */
static int32_t merge_variants(struct templates_state *t, const struct variants *variants)
{
    int32_t index = variants->indexes[variants->count - 1];
    struct place *into = &t->places[index];

    into->merged |= variants->bits;
    into->varied |= variants->bits;
    for (size_t i = 0; i + 1 < variants->count; i++) {
        struct place *p = &t->places[variants->indexes[i]];

        for (size_t token = 0; token < into->token_count; token++)
            if (p->tokens[token].hash != into->tokens[token].hash)
                into->varied |= UINT64_C(1) << token;
        into->varied |= p->varied;
        into->merged |= p->merged;
        into->count += p->count;
        into->guard += p->guard;
        into->bytes += p->bytes;
        into->blocks += p->blocks;
        add_example(into, p->text, p->len);
        unlink_place(t, variants->indexes[i]);
        p->count = p->guard = 0;
    }
    return index;
}

/* --- the sink --- */

static void add_entry(struct templates_state *t, const struct template_part *part,
                      const struct template_entry *e)
{
    const struct template_token *tokens = part->tokens.items + e->tokens;
    uint64_t form = form_of(e->form, tokens, e->token_count);
    struct variants variants;
    int32_t at = t->by_key[e->key % CHAINS];

    /* Keys may be made to collide. */
    while (at != NONE &&
           (t->places[at].key != e->key || t->places[at].token_count != e->token_count))
        at = t->places[at].next_by_key;
    if (at == NONE) {
        find_variants(t, e, tokens, form, &variants);
        if (variants.bits)
            at = merge_variants(t, &variants);
        else if (variants.count)
            at = variants.indexes[0];
    }
    if (at != NONE) {
        absorb(&t->places[at], part, e);
    } else if ((at = make_place(t, e->count)) != NONE) {
        fill_place(&t->places[at], part, e, form);
        link_place(t, at);
    }
    t->open = at;
}

static struct seep_error *begin(struct strings_sink *sink, const void *origin, void **ret_part)
{
    struct template_part *part;
    struct seep_error *err = template_part_create(&part);

    (void)sink;
    (void)origin;
    if (!err)
        *ret_part = part;
    return err;
}

static struct seep_error *found_string(const struct strings_found *found, void *part)
{
    return template_part_add(part, found);
}

static struct seep_error *merge(struct strings_sink *sink, void *context)
{
    struct templates_state *t = ((struct templates *)sink)->state;
    struct template_part *part = context;
    int32_t open = NONE;

    for (size_t i = 0; i < part->entries.count; i++) {
        const struct template_entry *e = &part->entries.items[i];

        if (i == 0 && t->continued) {
            if (t->open != NONE)
                t->places[t->open].bytes += e->bytes;
        } else {
            add_entry(t, part, e);
        }
        if (i == part->open)
            open = t->open;
    }
    t->open = open;
    t->continued = part->continued;
    template_part_destroy(part);
    return NULL;
}

static void drop(struct strings_sink *sink, void *part)
{
    (void)sink;
    template_part_destroy(part);
}

/* --- the list --- */

static char *make_text(const struct place *p)
{
    struct buffer text = {0};
    size_t at = 0, star = SIZE_MAX;

    for (size_t i = 0; i < p->token_count; i++) {
        const struct template_token *token = &p->tokens[i];

        if (!(p->varied >> i & 1))
            continue;
        buffer_bytes(&text, p->text + at, token->start - at);
        if (token->start != star) /* of parameters without anything between them one is enough */
            buffer_u8(&text, '*');
        at = star = token->start + token->len;
    }
    buffer_bytes(&text, p->text + at, p->len - at);
    if (p->cut)
        buffer_bytes(&text, "...", 3);
    if (!text.failed)
        return text.bytes;
    buffer_deinit(&text);
    return NULL;
}

static struct seep_error *add_item(struct templates_items *items, const struct place *p)
{
    struct templates_item item = {
        .text = make_text(p),
        .count = p->count,
        .bytes = p->bytes,
        .block_bytes = p->blocks * TEMPLATES_BLOCK_BYTES,
        .examples = {strndup(p->text, p->len)},
    };
    bool failed = !item.text || !item.examples[0];
    struct seep_error *err;

    for (size_t i = 0; i + 1 < TEMPLATES_EXAMPLES && p->other_lens[i]; i++) {
        item.examples[i + 1] = strndup(p->others[i], p->other_lens[i]);
        failed |= !item.examples[i + 1];
    }
    err = failed ? error_no_memory() : vector_push(items, item);
    if (err) {
        free(item.text);
        for (size_t i = 0; i < TEMPLATES_EXAMPLES; i++)
            free(item.examples[i]);
    }
    return err;
}

static int by_blocks(const void *left, const void *right)
{
    const struct place *a = *(const struct place *const *)left;
    const struct place *b = *(const struct place *const *)right;

    if ((a->count > 1) != (b->count > 1))
        return a->count > 1 ? -1 : 1;
    if (a->blocks != b->blocks)
        return a->blocks > b->blocks ? -1 : 1;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;

    int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

struct seep_error *templates_list(const struct templates *templates, size_t max,
                                  struct templates_items *ret_items)
{
    const struct templates_state *t = templates->state;
    _cleanup_free_ const struct place **places = calloc(TEMPLATES_KEPT, sizeof(struct place *));
    struct templates_items items = {0};
    struct seep_error *err = places ? NULL : error_no_memory();
    size_t count = 0;

    for (size_t i = 0; i < t->used && !err; i++)
        if (t->places[i].count)
            places[count++] = &t->places[i];
    if (count)
        qsort(places, count, sizeof(struct place *), by_blocks);
    for (size_t i = 0; i < count && i < max && !err; i++)
        err = add_item(&items, places[i]);
    if (err)
        templates_items_deinit(&items);
    else
        *ret_items = items;
    return err;
}

void templates_items_deinit(struct templates_items *items)
{
    for (size_t i = 0; i < items->count; i++) {
        free(items->items[i].text);
        for (size_t e = 0; e < TEMPLATES_EXAMPLES; e++)
            free(items->items[i].examples[e]);
    }
    vector_deinit(items);
}

struct seep_error *templates_create(struct templates **ret_templates)
{
    _cleanup_(templates_destroyp) struct templates *templates = calloc(1, sizeof(*templates));

    if (!templates)
        return error_no_memory();
    templates->sink = (struct strings_sink){begin, found_string, merge, drop};
    templates->state = calloc(1, sizeof(*templates->state));
    if (!templates->state)
        return error_no_memory();
    for (size_t i = 0; i < CHAINS; i++)
        templates->state->by_key[i] = templates->state->by_form[i] = NONE;
    templates->state->open = NONE;
    *ret_templates = take_ptr(templates);
    return NULL;
}

void templates_destroy(struct templates *templates)
{
    if (!templates)
        return;
    free(templates->state);
    free(templates);
}
