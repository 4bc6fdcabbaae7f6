/*
 * The pattern of --grep: a Perl-compatible regular expression (PCRE2), tried on text from the target.
 *
 *     err = grep_create("JavaMail|^Received:", &grep);       ERROR_INVALID: it is no expression
 *     if (grep_matches(grep, text, len)) ...                  NULL matches everything
 *     grep_destroy(grep);
 *
 * Text that is not UTF-8 is taken as it comes. What would take too many steps does not match.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct grep;

struct seep_error *grep_create(const char *pattern, struct grep **ret_grep);
void grep_destroy(struct grep *grep);
DEFINE_CLEANUP(struct grep *, grep_destroy);

/* Not for several threads at once. */
bool grep_matches(struct grep *grep, const char *text, size_t len);
