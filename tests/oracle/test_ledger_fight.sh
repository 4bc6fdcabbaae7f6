#!/bin/bash
# Threads that fight for addresses, by every call that maps or unmaps: at no snapshot a byte may be
# unexplained, and at its end the program says itself, page by page, what it has.
set -eu
: "${SEEP:?}" "${SAMPLES:?}" "${SOURCE:?}"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
dir=$(mktemp -d)
target=
trap 'kill -9 ${target:-} 2>/dev/null || true; rm -rf "$dir"' EXIT

fail() { echo "FAILED: $*"; exit 1; }
figure() { tail -n 1 "$dir/$1.json" | grep -o "\"$2\":[0-9]*" | cut -d: -f2; }

check() { # NAME
    local name
    "$SEEP" show "$dir/$1" ledger --intervals --json >"$dir/$1.json" || fail "$1: seep show: $?"
    for name in unexplained_bytes unexplained_max_bytes lost_events; do
        [ "$(figure "$1" $name)" = 0 ] || {
            tail -n 1 "$dir/$1.json"
            fail "$1: $name"
        }
    done
    [ "$(figure "$1" comparisons)" -gt 1 ] || fail "$1: nothing was compared"
    python3 "$SOURCE/tests/oracle/ledger_maps.py" "$dir/$1.json" "$dir/$1.maps" || fail "$1"
    echo "$1: $(figure "$1" events) events, $(figure "$1" comparisons) comparisons"
}

"$SEEP" run --quiet --snap-every 20ms --max-slowdown 100 -o "$dir/run" -- \
    "$SAMPLES/fight" 3000 >"$dir/run.maps" || fail "fight: status $?"
check run

mkfifo "$dir/in"
"$SAMPLES/fight" until-told <"$dir/in" >"$dir/attach.maps" 2>"$dir/attach.err" & target=$!
exec 3>"$dir/in"
until grep -q ready "$dir/attach.err"; do sleep 0.01; done
"$SEEP" trace --quiet --snap-every 20ms --max-slowdown 100 -o "$dir/attach" -p "$target" & seep=$!
until [ -s "$dir/attach/snapshots" ]; do
    kill -0 "$seep" || fail "seep trace ended at once"
    sleep 0.01
done
sleep 1
echo >&3
wait "$seep" || fail "seep trace: status $?"
wait "$target" || fail "fight, attached to: status $?"
target=
check attach
