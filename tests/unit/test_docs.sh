#!/bin/bash
# Man pages and completions come from the tables that --help comes from: every option of --help is
# in all of them, and the tools that read them find no fault.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

complain() {
    echo "test_docs: $*" >&2
    failed=1
}

"$SEEP" docs man "$work/man" --parts "$SOURCE/docs/man"
for shell in bash zsh fish; do
    "$SEEP" docs "$shell" "$work/$shell"
done

# Looks for the options that `$SEEP $1... --help` lists in page $page, and in all completions.
check_options() {
    local help options option
    help=$("$SEEP" "$@" --help </dev/null)
    options=$(sed -nE 's/^ {2,6}(-[^ ]*,? ?)*(--[a-z][a-z-]*).*/\2/p' <<<"$help" | sort -u)
    [ -n "$options" ] || complain "no options in '$*' --help"
    ! grep -E '^ +-.*--[a-z-]+(=[^ ]+)?  +[a-z]' <<<"$help" ||
        complain "what an option of '$*' does begins without a capital, unlike argp's own"
    for option in $options; do
        [ "$option" = --version ] && continue
        grep -qF -- "\\fB${option//-/\\-}\\fR" "$page" || complain "$option of '$*' is not in $page"
        grep -qE -- "${option}[ \"|)]" "$work/bash/seep" || complain "$option of '$*' not in bash"
        grep -qF -- "'${option}[" "$work/zsh/_seep" || complain "$option of '$*' not in zsh"
        grep -qE -- " -l ${option#--}( |\$)" "$work/fish/seep.fish" ||
            complain "$option of '$*' not in fish"
        checked=$((checked + 1))
    done
}

checked=0
commands=$("$SEEP" --help | sed -nE 's/^  ([a-z]+) .*/\1/p')
[ -n "$commands" ] || complain "seep --help lists no command"
for command in $commands; do
    page=$work/man/seep-$command.1
    [ -s "$page" ] || complain "no man page for $command"
    grep -qF "seep\\-$command (1)" "$work/man/seep.1" || complain "$command is not in seep(1)"
    if [ "$command" != show ]; then
        check_options "$command"
        continue
    fi
    topics=$("$SEEP" show --help | sed -nE '/^Topics:/,/^$/s/^  ([a-z]+) .*/\1/p')
    for topic in $topics; do
        check_options show CASE "$topic"
    done
done
echo "$checked options checked"
[ "$checked" -gt 0 ] || complain "no option was checked"

# The readers' own opinion.
if command -v groff >/dev/null; then
    for page in "$work"/man/*.1; do
        said=$(groff -man -ww -Tutf8 -z "$page" 2>&1) || true
        [ -z "$said" ] || complain "groff: $said"
    done
else
    echo "groff is missing: pages are not formatted"
fi
if command -v mandoc >/dev/null; then
    # A page made at build time has no date, and refers to pages that are not installed yet.
    mandoc -T lint -W warning "$work"/man/*.1 >"$work/lint" 2>&1 || true
    grep -vE 'missing date|bad Xr|referenced manual not found' "$work/lint" >"$work/faults" || true
    [ ! -s "$work/faults" ] || complain "mandoc: $(cat "$work/faults")"
else
    echo "mandoc is missing: pages are not linted"
fi
bash -n "$work/bash/seep" || complain "bash does not take its completion"
for shell in zsh fish; do
    if command -v "$shell" >/dev/null; then
        "$shell" -n "$work/$shell"/* || complain "$shell does not take its completion"
    else
        echo "$shell is missing: its completion is not parsed"
    fi
done

# A completion, as bash asks for it.
completed=$(
    . "$work/bash/seep"
    COMP_WORDS=(seep sh) COMP_CWORD=1
    _seep
    echo "${COMPREPLY[*]}"
)
[ "$completed" = show ] || complain "'seep sh' completes to '$completed'"

# Nothing hidden shows.
if [ -e "$work/man/seep-docs.1" ] || "$SEEP" --help | grep -qw docs; then
    complain "the command for the build is shown to users"
fi
exit "$failed"
