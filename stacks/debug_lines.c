#include "stacks/debug_lines.h"

#include <dwarf.h>
#include <string.h>

#include "stacks/debug_names.h"

enum { MAX_DEPTH = 256 };

/* An address that is looked for. */
struct hit {
    uint64_t pc;
    size_t index;
    Dwarf_Off unit; /* DIE of the compile unit with the shortest range around it; 0: none */
    uint64_t unit_width;
    Dwarf_Die function; /* as for the unit */
    uint64_t function_width;
    bool has_function;
};

struct hits {
    struct hit *items; /* by pc */
    size_t count;
};

static int by_unit(const void *a, const void *b)
{
    const struct hit *left = a, *right = b;

    if (left->unit != right->unit)
        return left->unit < right->unit ? -1 : 1;
    return (left->pc > right->pc) - (left->pc < right->pc);
}

static struct hit *first_from(const struct hits *hits, uint64_t pc)
{
    size_t low = 0, high = hits->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (hits->items[middle].pc < pc)
            low = middle + 1;
        else
            high = middle;
    }
    return hits->items + low;
}

/* Goes to the sibling of DIE, which a hostile file may have lie before it, without end. */
static bool next_sibling(Dwarf_Die *die)
{
    Dwarf_Die next;

    if (dwarf_siblingof(die, &next) != 0 || dwarf_dieoffset(&next) <= dwarf_dieoffset(die))
        return false;
    *die = next;
    return true;
}

/* Calls TAKE for every hit in the ranges of DIE; the number of hits. */
static size_t each_hit(Dwarf_Die *die, const struct hits *hits,
                       void (*take)(struct hit *hit, Dwarf_Die *die, uint64_t width))
{
    Dwarf_Addr base, low, high;
    size_t taken = 0;

    for (ptrdiff_t at = 0; (at = dwarf_ranges(die, at, &base, &low, &high)) > 0;) {
        for (struct hit *hit = first_from(hits, low);
             hit < hits->items + hits->count && hit->pc < high; hit++) {
            take(hit, die, high - low);
            taken++;
        }
    }
    return taken;
}

static void take_unit(struct hit *hit, Dwarf_Die *die, uint64_t width)
{
    if (hit->unit && hit->unit_width <= width)
        return;
    hit->unit = dwarf_dieoffset(die);
    hit->unit_width = width;
}

static void take_function(struct hit *hit, Dwarf_Die *die, uint64_t width)
{
    if (hit->has_function && hit->function_width <= width)
        return;
    hit->function = *die;
    hit->function_width = width;
    hit->has_function = true;
}

/* Finds the functions of HITS below DIE. Code lies outside of types and of other functions, as a rule:
 * only DEEP looks there too. */
static void find_functions(Dwarf_Die *die, const struct hits *hits, bool deep, unsigned depth)
{
    Dwarf_Die child;

    if (depth == MAX_DEPTH || dwarf_child(die, &child) != 0)
        return;
    do {
        switch (dwarf_tag(&child)) {
        case DW_TAG_subprogram:
            each_hit(&child, hits, take_function);
            if (deep)
                find_functions(&child, hits, deep, depth + 1);
            break;
        case DW_TAG_namespace:
        case DW_TAG_module:
            find_functions(&child, hits, deep, depth + 1);
            break;
        case DW_TAG_class_type:
        case DW_TAG_structure_type:
        case DW_TAG_union_type:
        case DW_TAG_enumeration_type:
        case DW_TAG_lexical_block:
            if (deep)
                find_functions(&child, hits, deep, depth + 1);
            break;
        default:
            break;
        }
    } while (next_sibling(&child));
}

/* The functions around PC, the outermost first. */
struct scopes {
    Dwarf_Die items[SYMBOLS_MAX_LINES];
    size_t count;
};

/* A block without addresses of its own is there for what it holds. */
static bool may_hold(Dwarf_Die *die, uint64_t pc)
{
    return dwarf_haspc(die, pc) == 1 ||
           (!dwarf_hasattr(die, DW_AT_low_pc) && !dwarf_hasattr(die, DW_AT_ranges));
}

static bool find_inlined(Dwarf_Die *die, uint64_t pc, struct scopes *scopes, unsigned depth)
{
    Dwarf_Die child;

    if (depth == MAX_DEPTH || scopes->count == SYMBOLS_MAX_LINES || dwarf_child(die, &child) != 0)
        return false;
    do {
        switch (dwarf_tag(&child)) {
        case DW_TAG_inlined_subroutine:
            if (dwarf_haspc(&child, pc) != 1)
                break;
            scopes->items[scopes->count++] = child;
            find_inlined(&child, pc, scopes, depth + 1);
            return true;
        case DW_TAG_lexical_block:
        case DW_TAG_try_block:
        case DW_TAG_catch_block:
        case DW_TAG_with_stmt:
            if (may_hold(&child, pc) && find_inlined(&child, pc, scopes, depth + 1))
                return true;
            break;
        default:
            break;
        }
    } while (next_sibling(&child));
    return false;
}

static char *copy(const char *text)
{
    return text ? strndup(text, SYMBOLS_MAX_TEXT) : NULL;
}

static uint64_t number_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;

    return dwarf_attr(die, name, &attribute) && dwarf_formudata(&attribute, &value) == 0 ? value
                                                                                         : 0;
}

/* Where PC is, by the line table. */
static void place_of(Dwarf_Die *unit, uint64_t pc, struct symbols_line *line)
{
    Dwarf_Line *row = dwarf_getsrc_die(unit, pc);
    int number = 0;

    if (!row)
        return;
    line->file = copy(dwarf_linesrc(row, NULL, NULL));
    if (line->file && dwarf_lineno(row, &number) == 0 && number > 0)
        line->line = (uint32_t)number;
}

/* Where the function that was inlined as SCOPE is called. */
static void call_of(Dwarf_Die *unit, Dwarf_Die *scope, struct symbols_line *line)
{
    uint64_t file = number_of(scope, DW_AT_call_file), number = number_of(scope, DW_AT_call_line);
    Dwarf_Files *files;
    size_t count;

    if (!dwarf_hasattr(scope, DW_AT_call_file) || dwarf_getsrcfiles(unit, &files, &count) != 0 ||
        file >= count)
        return;
    line->file = copy(dwarf_filesrc(files, (size_t)file, NULL, NULL));
    if (line->file && number <= UINT32_MAX)
        line->line = (uint32_t)number;
}

static struct seep_error *answer(const struct debug_lines_query *query, struct debug_names *names,
                                 Dwarf_Die *unit, struct hit *hit)
{
    struct scopes scopes = {0};
    struct symbols_lines lines = {0};
    struct seep_error *err = NULL;
    bool plain = false;

    if (hit->has_function) {
        scopes.items[scopes.count++] = hit->function;
        find_inlined(&hit->function, hit->pc, &scopes, 0);
    }
    for (size_t i = scopes.count; !err && i-- > 0;) {
        struct symbols_line line = {.inlined = i > 0};

        line.function = debug_names_function(names, &scopes.items[i], &plain);
        if (i + 1 == scopes.count)
            place_of(unit, hit->pc, &line);
        else
            call_of(unit, &scopes.items[i + 1], &line);
        err = vector_push(&lines, line);
        if (err) {
            free(line.function);
            free(line.file);
        }
    }
    if (!err && !scopes.count) {
        struct symbols_line line = {0};

        place_of(unit, hit->pc, &line);
        if (line.file) {
            err = vector_push(&lines, line);
            if (err)
                free(line.file);
        }
    }
    if (!err && lines.count)
        err = query->found(hit->index, &lines, plain, query->context);
    symbols_lines_deinit(&lines);
    return err;
}

/* All HITS are in one unit. */
static struct seep_error *resolve_unit(const struct debug_lines_query *query,
                                       struct debug_names *names, const struct hits *hits)
{
    Dwarf_Die unit;
    struct seep_error *err = NULL;
    bool all = true;

    if (!dwarf_offdie(query->dwarf, hits->items[0].unit, &unit))
        return NULL;
    /* The assembler names one of a function's symbols, by no rule: a symbol table knows all of them. */
    if (dwarf_srclang(&unit) != DW_LANG_Mips_Assembler) {
        find_functions(&unit, hits, false, 0);
        for (size_t i = 0; i < hits->count; i++)
            all &= hits->items[i].has_function;
        if (!all)
            find_functions(&unit, hits, true, 0);
    }
    for (size_t i = 0; !err && i < hits->count; i++)
        err = answer(query, names, &unit, &hits->items[i]);
    return err;
}

static void find_units(Dwarf *dwarf, const struct hits *hits)
{
    Dwarf_CU *unit = NULL, *next;
    Dwarf_Die die;
    uint8_t type;

    while (dwarf_get_units(dwarf, unit, &next, NULL, &type, &die, NULL) == 0) {
        if (type == DW_UT_compile || type == DW_UT_skeleton)
            each_hit(&die, hits, take_unit);
        unit = next;
    }
}

struct seep_error *debug_lines_resolve(const struct debug_lines_query *query)
{
    struct hits hits = {calloc(query->count + 1, sizeof(*hits.items)), query->count};
    _cleanup_(debug_names_destroyp) struct debug_names *names = debug_names_create();
    struct seep_error *err = hits.items && names ? NULL : error_no_memory();

    if (!err) {
        for (size_t i = 0; i < hits.count; i++)
            hits.items[i] = (struct hit){.pc = query->offsets[i] - query->bias, .index = i};
        find_units(query->dwarf, &hits);
        qsort(hits.items, hits.count, sizeof(*hits.items), by_unit);
    }
    for (size_t i = 0, end; !err && i < hits.count; i = end) {
        for (end = i + 1; end < hits.count && hits.items[end].unit == hits.items[i].unit;)
            end++;
        if (hits.items[i].unit)
            err = resolve_unit(query, names, &(struct hits){hits.items + i, end - i});
    }
    free(hits.items);
    return err;
}
