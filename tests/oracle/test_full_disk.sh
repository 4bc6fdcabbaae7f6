#!/bin/bash
# A disk that fills, and a directory that cannot be written: a clear error, the target unharmed, and
# what was recorded until then readable.
set -eu
: "${SEEP:?}" "${SAMPLES:?}"
dir=$(mktemp -d)
target=
cleanup() {
    kill -9 ${target:-} 2>/dev/null || true
    umount "$dir/small" 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
mkfifo "$dir/in"
mkdir "$dir/small"
mount -t tmpfs -o size=128k tmpfs "$dir/small" 2>/dev/null || { echo "a tmpfs cannot be mounted"; exit 77; }

fail() { echo "FAILED: $*"; cat "$dir/said" 2>/dev/null; exit 1; }

"$SAMPLES/busy" 3 0 <"$dir/in" >"$dir/out" & target=$!
exec 3>"$dir/in"
until grep -q ready "$dir/out"; do sleep 0.01; done
status=0
"$SEEP" trace --max-slowdown 100 -o "$dir/small/case" --snap-every 50ms -p "$target" \
    >"$dir/report" 2>"$dir/said" || status=$?
[ "$status" = 1 ] || fail "seep trace on a full disk: status $status, not 1"
grep -q "No space left" "$dir/said" || fail "it is not said that the disk is full"
grep -q "^TracerPid:.0$" "/proc/$target/status" || fail "the target is still traced"
"$SEEP" analyze "$dir/small/case" --json >"$dir/json" || fail "the case is unreadable"
events=$(sed -n 's/.*"events": \([0-9]*\).*/\1/p' "$dir/json")
[ "$events" -gt 100 ] || fail "only $events events are readable"
rm -rf "$dir/small/case"

# A filtered program cannot be let go of: it is served to its end.
status=0
"$SEEP" run --quiet -o "$dir/small/case" --snap-every 50ms -- "$SAMPLES/busy" 2 3 \
    >"$dir/run" 2>"$dir/said" || status=$?
[ "$status" = 125 ] || fail "seep run on a full disk: status $status, not 125"
grep -q "all as sent" "$dir/run" || fail "the program did not come to its end: $(cat "$dir/run")"

mount -o remount,ro "$dir/small"
status=0
"$SEEP" trace -o "$dir/small/other" --for 1s -p "$target" >"$dir/report" 2>"$dir/said" || status=$?
[ "$status" = 1 ] || fail "seep trace to a read-only directory: status $status, not 1"
grep -q "Read-only" "$dir/said" || fail "it is not said that the directory is read-only"
status=0
"$SEEP" run -o "$dir/small/other" -- touch "$dir/started" 2>"$dir/said" || status=$?
[ "$status" = 125 ] || fail "seep run to a read-only directory: status $status, not 125"
[ ! -e "$dir/started" ] || fail "the program was started without a record"

echo x >&3
status=0
wait "$target" || status=$?
target=
[ "$status" = 7 ] || fail "exit status $status, not 7"
grep -q "all as sent" "$dir/out" || fail "$(cat "$dir/out")"
cat "$dir/out"
