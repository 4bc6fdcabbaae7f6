#include "stacks/debug_names.h"

#include <dwarf.h>
#include <string.h>

#include "base/buffer.h"
#include "stacks/demangle.h"

enum { CACHE_SLOTS = 1024, MAX_REFERENCES = 16, MAX_SCOPES = 64, LANGUAGE_RUST = 0x1c };

struct slot {
    const void *entry; /* the address of the function's entry in the section */
    char *name;
    bool plain;
};

struct debug_names {
    struct slot slots[CACHE_SLOTS];
};

struct debug_names *debug_names_create(void)
{
    return calloc(1, sizeof(struct debug_names));
}

void debug_names_destroy(struct debug_names *names)
{
    if (!names)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        free(names->slots[i].name);
    free(names);
}

static const char *text_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;

    return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

static bool has_scopes(Dwarf_Die *unit)
{
    switch (dwarf_srclang(unit)) {
    case DW_LANG_C_plus_plus:
    case DW_LANG_C_plus_plus_03:
    case DW_LANG_C_plus_plus_11:
    case DW_LANG_C_plus_plus_14:
    case LANGUAGE_RUST:
        return true;
    default:
        return false;
    }
}

/* The entry that a function is an instance of: its own when it is none. */
static Dwarf_Die origin_of(Dwarf_Die *function)
{
    Dwarf_Die die = *function, next;
    Dwarf_Attribute attribute;

    for (unsigned i = 0; i < MAX_REFERENCES; i++) {
        if (!dwarf_attr(&die, DW_AT_abstract_origin, &attribute) &&
            !dwarf_attr(&die, DW_AT_specification, &attribute))
            break;
        if (!dwarf_formref_die(&attribute, &next))
            break;
        die = next;
    }
    return die;
}

/* Appends the scope that DIE is for what lies in it. */
static void append_scope(struct buffer *out, Dwarf_Die *die)
{
    const char *name = text_of(die, DW_AT_name);

    switch (dwarf_tag(die)) {
    case DW_TAG_namespace:
        buffer_printf(out, "%.*s::", DEMANGLE_MAX_BYTES, name ? name : "(anonymous namespace)");
        break;
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_subprogram:
        if (name)
            buffer_printf(out, "%.*s::", DEMANGLE_MAX_BYTES, name);
        break;
    default:
        break;
    }
}

/* The child of PARENT that holds the entry at OFFSET, or is it. Entries lie in the order of their
 * offsets, each before what it holds. */
static bool child_around(Dwarf_Die *parent, Dwarf_Off offset, Dwarf_Die *ret_child)
{
    Dwarf_Die child, next;

    if (dwarf_child(parent, &child) != 0 || dwarf_dieoffset(&child) > offset)
        return false;
    while (dwarf_siblingof(&child, &next) == 0 && dwarf_dieoffset(&next) <= offset &&
           dwarf_dieoffset(&next) > dwarf_dieoffset(&child))
        child = next;
    *ret_child = child;
    return true;
}

/* Appends the scopes around DIE. */
static void append_scopes(struct buffer *out, Dwarf_Die *die)
{
    Dwarf_Off offset = dwarf_dieoffset(die);
    Dwarf_Die at, child;

    if (!dwarf_diecu(die, &at, NULL, NULL))
        return;
    for (unsigned i = 0; i < MAX_SCOPES && child_around(&at, offset, &child); i++) {
        if (dwarf_dieoffset(&child) == offset)
            return;
        append_scope(out, &child);
        at = child;
    }
}

static bool looks_mangled(const char *name)
{
    return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
}

static char *name_of(Dwarf_Die *function, Dwarf_Die *origin, bool *ret_plain)
{
    const char *linkage = text_of(function, DW_AT_linkage_name);
    const char *name = text_of(function, DW_AT_name);
    _cleanup_buffer_ struct buffer scoped = {0};
    Dwarf_Die unit;

    if (!linkage)
        linkage = text_of(function, DW_AT_MIPS_linkage_name);

    char *demangled = linkage ? demangle_name(linkage) : NULL;

    *ret_plain = false;
    if (demangled)
        return demangled;
    /* An assembler's name that C gives to a function is what gdb shows: __GI___libc_malloc. */
    if (linkage && (!name || !looks_mangled(linkage)))
        return strndup(linkage, DEMANGLE_MAX_BYTES);
    if (!name)
        return NULL;
    if (dwarf_diecu(origin, &unit, NULL, NULL) && has_scopes(&unit)) {
        *ret_plain = true;
        append_scopes(&scoped, origin);
    }
    buffer_printf(&scoped, "%.*s", DEMANGLE_MAX_BYTES, name);
    return scoped.failed ? NULL : strndup(scoped.bytes, DEMANGLE_MAX_BYTES);
}

char *debug_names_function(struct debug_names *names, Dwarf_Die *function, bool *ret_plain)
{
    Dwarf_Die origin = origin_of(function);
    struct slot *slot = &names->slots[(uintptr_t)origin.addr / 2 % CACHE_SLOTS];

    if (slot->entry != origin.addr) {
        free(slot->name);
        slot->entry = origin.addr;
        slot->name = name_of(function, &origin, &slot->plain);
    }
    *ret_plain = slot->plain;
    return slot->name ? strdup(slot->name) : NULL;
}
