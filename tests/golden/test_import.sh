#!/bin/bash
# seep import from outside: what it says, what it refuses, and that a case can be added to.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
netty=$SOURCE/tests/unit/data/netty-strace.txt

complain() {
    echo "$*"
    failed=1
}

# expect STATUS CMD...: runs it, its words in $work/said
expect() {
    local wanted=$1 status=0
    shift
    "$@" >"$work/said" 2>&1 || status=$?
    [ "$status" = "$wanted" ] || complain "$* exits with $status, not $wanted: $(cat "$work/said")"
}

says() {
    grep -qF -- "$1" "$work/said" || complain "nothing says '$1' in: $(cat "$work/said")"
}

# calls CASE: how many calls of mmap it has
calls() {
    "$SEEP" show "$1" events | grep -c ' mmap(' || true
}

expect 0 "$SEEP" import -o "$work/a" --pid 16067 "$netty"
says "netty-strace.txt: strace, 96 lines:"
says "47 calls whose result the log does not have"
says "--date and --tz place them"
says "\`seep analyze $work/a\` is next"
[ "$(calls "$work/a")" = 96 ] || complain "$(calls "$work/a") calls, not 96"
[ "$(stat -c %a "$work/a")" = 700 ] || complain "others may look into the case"
[ -z "$(find "$work/a" -name '*tmp*')" ] || complain "temporary files are left"
expect 0 "$SEEP" analyze "$work/a" --json

expect 1 "$SEEP" import -o "$work/a" "$netty"
says "which is there already"
cp "$netty" "$work/copy"
expect 1 "$SEEP" import -o "$work/a" "$work/copy"
says "has the same bytes as"
expect 1 "$SEEP" import -o "$work/none" "$netty" "$work/copy"
[ ! -e "$work/none" ] || complain "a case is left of an import that failed"

echo "nothing that anybody knows" >"$work/odd"
expect 1 "$SEEP" import -o "$work/none" "$work/odd"
says "is of no known kind (known are strace logs"
expect 1 "$SEEP" import -o "$work/none" --strace "$work/odd"
says "no line is strace's"
expect 1 "$SEEP" import -o "$work/none" "$work/not-there"
expect 1 "$SEEP" import -o "$work/none" "$work"
says "is a directory"
expect 2 "$SEEP" import "$netty"
expect 2 "$SEEP" import -o "$work/none"
expect 2 "$SEEP" import -o "$work/none" --date yesterday "$netty"
expect 2 "$SEEP" import -o "$work/none" --tz Atlantis "$netty"
[ ! -e "$work/none" ] || complain "a case is left of an import that failed"

# More of the same log, in any order of coming.
head -n 50 "$netty" >"$work/first"
tail -n +51 "$netty" >"$work/second"
expect 0 "$SEEP" import -q -o "$work/b" --date 2021-03-01 --tz +08:00 "$work/first"
[ ! -s "$work/said" ] || complain "quiet, it says $(cat "$work/said")"
expect 0 "$SEEP" import -o "$work/b" --date 2021-03-02 --tz +08:00 --pid 25893 "$work/second"
[ "$(calls "$work/b")" = 96 ] || complain "$(calls "$work/b") calls of both halves, not 96"
"$SEEP" show "$work/b" events --format strace | awk '$2 < last { exit 1 } { last = $2 }' ||
    complain "two halves of a log are out of order"
gzip -k "$work/first"
expect 0 "$SEEP" import -o "$work/c" "$work/first.gz" - <"$work/second"
[ "$(calls "$work/c")" = 96 ] || complain "compressed and piped, $(calls "$work/c") calls"

# A recording is added to like any other case, by what can be of the same machine's time.
if "$SEEP" run --quiet -o "$work/own" -- true 2>/dev/null; then
    own=$(calls "$work/own")
    expect 1 "$SEEP" import -o "$work/own" --date 2021-03-01 --tz +08:00 "$work/first"
    says "before the machine started"
    [ "$(calls "$work/own")" = "$own" ] || complain "a refused import changed the case"
    echo "4242 $(date +%s.000000) mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3, 0) = 0x7f0000001000" >"$work/now"
    expect 0 "$SEEP" import -o "$work/own" "$work/now"
    [ "$(calls "$work/own")" = $((own + 1)) ] ||
        complain "$own calls and one make $(calls "$work/own")"
    expect 0 "$SEEP" analyze "$work/own" --json
fi
exit "$failed"
