/*
 * An ELF image whose debug information says nothing.
 *
 * Debug information may refer to a file that it shares with others (.gnu_debugaltlink). When none was
 * given to it, libdw opens whatever path is written there, without asking what it is or whether it is the
 * one. It is given this instead.
 */
#pragma once

#include <libelf.h>

/* The caller ends it; NULL when memory is short. */
Elf *no_alt_elf(void);
