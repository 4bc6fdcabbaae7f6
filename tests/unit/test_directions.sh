#!/bin/bash
# The directions of the house, read from the #include lines: what a folder may know of.
set -eu

declare -A may_include=(
    [base]=""
    [content]=""
    [evidence]=""
    [stacks]="evidence"
    [target]="evidence"
    [tracer]="evidence target stacks"
    [dumper]="evidence target content"
    [importer]="evidence stacks"
    [analyzer]="evidence content stacks"
    [report]="evidence analyzer stacks"
    [cmd]="evidence target tracer dumper importer stacks analyzer content report"
)

# Prints what is wrong in the tree $1.
check() {
    local root=$1 folder file line included target

    for folder in "${!may_include[@]}"; do
        [ -d "$root/$folder" ] || continue
        while IFS=: read -r file line included; do
            target=${included%%/*}
            if [ "$target" = "$included" ]; then
                echo "$file:$line: \"$included\" is not named from the top, as in \"base/error.h\""
            elif [ ! -e "$root/$included" ]; then
                echo "$file:$line: \"$included\" is not there"
            elif [[ " base $folder ${may_include[$folder]} " != *" $target "* ]]; then
                echo "$file:$line: $folder/ may not know of $target/ (\"$included\")"
            fi
        done < <(cd "$root" && grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' -r "$folder" --include='*.[ch]' |
            sed -nE 's/^([^:]*:[0-9]+):[^"]*"([^"]*)".*/\1:\2/p')
    done
}

# A folder that the table above does not know would go unchecked.
known=" ${!may_include[*]} tests samples "
while read -r folder; do
    if [[ "$known" != *" $folder "* ]]; then
        echo "$folder/ holds C and is not in the table of directions"
        exit 1
    fi
done < <(cd "$SOURCE" && find . -name build -prune -o -name '.?*' -prune -o -name '*.[ch]' -printf '%P\n' |
    sed 's,/.*,,' | sort -u)

# The check itself must find what it is for.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work"/{analyzer,target,base,cmd}
touch "$work"/{target/proc.h,base/error.h,cmd/command.h,analyzer/own.h}
printf '#include "%s"\n' base/error.h analyzer/own.h >"$work/analyzer/good.c"
[ -z "$(check "$work")" ]
printf '#include "%s"\n' target/proc.h cmd/command.h own.h base/none.h >"$work/analyzer/bad.c"
[ "$(check "$work" | wc -l)" = 4 ]

faults=$(check "$SOURCE")
[ -z "$faults" ] || {
    echo "$faults"
    exit 1
}
