/*
 * DWARF expressions as unwind tables have them (DWARF 5, 2.5), over registers and a copied stack.
 *
 *     breg7 8; breg16 0; lit15; and; lit11; ge; lit3; shl; plus      the CFA within a PLT
 *
 * Bounded in steps and in stack; what is not of use in such tables (locations of variables, pieces)
 * gives no value.
 */
#pragma once

#include "stacks/unwind_state.h"

/* INITIAL, if given, is pushed first, as for all rules but the CFA's. */
bool dwarf_expression(struct unwind_state *s, const uint8_t *expression, size_t len,
                      const uint64_t *initial, uint64_t *ret_value);
