#!/bin/bash
# What a reader relies on in every file: its form, its length, what a header opens with.
set -eu
cd "$SOURCE"

file_lines=600
function_lines=80
faults=0

complain() {
    echo "$*"
    faults=$((faults + 1))
}

# Whole lists at a time: a fork for each file would take seconds.
list() {
    find . -name build -prune -o -name '.?*' -prune -o -type f "$@" -printf '%P\n' | sort
}
mapfile -t sources < <(list -name '*.[ch]')
mapfile -t headers < <(list -name '*.h')
mapfile -t texts < <(list \( -name '*.[ch]' -o -name '*.sh' -o -name '*.cmake' -o -name '*.md' \
    -o -name CMakeLists.txt -o -path './scripts/*' \))
mapfile -t shells < <(grep -lE '^#!.*\b(ba)?sh$' "${texts[@]}" .ci/run)
[ "${#sources[@]}" -gt 0 ] && [ "${#headers[@]}" -gt 0 ] && [ "${#shells[@]}" -gt 0 ]

# Prints FILE:LINE: WHAT for every line that matches the pattern $1.
forbid() {
    local pattern=$1 what=$2 hit
    shift 2
    while IFS= read -r hit; do
        complain "$(cut -d: -f1,2 <<<"$hit"): $what"
    done < <(grep -nP "$pattern" "$@" /dev/null || true)
}

forbid '\t' "a tab" "${texts[@]}"
forbid '\r' "a carriage return" "${texts[@]}"
forbid '[ \t]+$' "blanks at the end" "${texts[@]}"
forbid '\b(TO''DO|FIX''ME|XX''X)\b' "work that is left open" "${texts[@]}"
forbid '^typedef struct\b[^(]*$' "a typedef for a structure" "${sources[@]}"
forbid '^\s*goto\s+again' "a goto that goes back" "${sources[@]}"

if [ "$(tail -qc 1 "${texts[@]}" | wc -l)" != "${#texts[@]}" ]; then
    for file in "${texts[@]}"; do
        [ -z "$(tail -c 1 "$file")" ] || complain "$file: no newline at the end"
    done
fi

while read -r lines file; do
    [ "$file" = total ] || [ "$lines" -le "$file_lines" ] || grep -q 'Longer than 600 lines' "$file" ||
        complain "$file: $lines lines, more than $file_lines, without saying why"
done < <(wc -l "${sources[@]}")

for file in "${headers[@]}"; do
    read -r first <"$file"
    [ "${first:0:2}" = "/*" ] || complain "$file: does not open with what it is"
done
while read -r file; do
    complain "$file: no #pragma once"
done < <(grep -L '^#pragma once$' "${headers[@]}" || true)

# By the format that clang-format gives, a body lies between lines that are a lone brace.
while IFS= read -r fault; do
    complain "$fault"
done < <(awk -v limit="$function_lines" '
    FNR == 1 { start = 0 }
    /^\{$/ { start = FNR }
    /^\}/ {
        if (start && FNR - start - 1 > limit)
            printf "%s:%d: a function of %d lines, more than %d\n", FILENAME, start,
                   FNR - start - 1, limit
        start = 0
    }' "${sources[@]}")

if command -v shellcheck >/dev/null; then
    shellcheck -S warning "${shells[@]}" || complain "shellcheck finds faults"
fi
if command -v clang-format >/dev/null; then
    clang-format --dry-run -Werror "${sources[@]}" 2>/dev/null ||
        complain "not as clang-format has it: $(for file in "${sources[@]}"; do
            clang-format --dry-run -Werror "$file" 2>/dev/null || echo "$file"
        done | tr '\n' ' ')"
fi
[ "$faults" = 0 ] || exit 1
if ! command -v clang-format >/dev/null || ! command -v shellcheck >/dev/null; then
    echo "clang-format or shellcheck is missing: the form is not checked"
    exit 77
fi
