#!/bin/bash
# docs/FORMAT.md is normative for the report: every member that is printed is described there, and
# so is every word that a member can be.
set -eu

section=$(sed -n '/^## The report$/,/^## /p' "$SOURCE/docs/FORMAT.md")
[ -n "$section" ]
failed=0

# In backquotes, alone or as the string that it is.
described() {
    grep -qE "\`\"?$1\"?\`" <<<"$section" || {
        echo "docs/FORMAT.md does not describe $1"
        failed=1
    }
}

members=$(grep -ohE '"[a-z_]+":' "$SOURCE"/tests/golden/report/*.json | tr -d '":' | sort -u)
[ "$(wc -l <<<"$members")" -gt 50 ]
for member in $members; do
    described "$member"
done

words=$(sed -nE 's/^ *\[(VERDICT|REGION|CAUSE)_[A-Z_]+\] = "(.*)",$/\2/p' "$SOURCE/analyzer/vocabulary.c")
[ "$(wc -l <<<"$words")" -gt 20 ]
for word in $words; do
    described "$word"
done
exit "$failed"
