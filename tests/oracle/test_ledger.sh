#!/bin/bash
# The ledger against the kernel: at every snapshot, over stress-ng's stressors and over threads that
# fight for addresses, no byte may be unexplained; and at its end a program says itself what it has.
set -eu
: "${SEEP:?}" "${SAMPLES:?}" "${SOURCE:?}"
for tool in stress-ng python3; do
    command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
dir=$(mktemp -d)
target=
trap 'kill -9 ${target:-} 2>/dev/null || true; rm -rf "$dir"' EXIT
need=${EVENTS:-300000}
events=0

fail() { echo "FAILED: $*"; exit 1; }
figure() { tail -n 1 "$1" | grep -o "\"$2\":[0-9]*" | cut -d: -f2; }

# Shows the ledger of CASE and holds it to zero unexplained bytes.
check() { # NAME
    local name
    "$SEEP" show "$dir/$1" ledger --intervals --json >"$dir/$1.json" || fail "$1: seep show: $?"
    for name in unexplained_bytes unexplained_max_bytes lost_events; do
        [ "$(figure "$dir/$1.json" $name)" = 0 ] || {
            tail -n 1 "$dir/$1.json"
            fail "$1: $name"
        }
    done
    [ "$(figure "$dir/$1.json" comparisons)" -gt 1 ] || fail "$1: nothing was compared"
    events=$((events + $(figure "$dir/$1.json" events)))
}

stress() { # NAME OPTION...
    local name=$1
    shift
    "$SEEP" run --quiet --snap-every 200ms --max-slowdown 100 -o "$dir/$name" -- \
        stress-ng --timeout 6s "$@" >"$dir/$name.out" 2>&1 || {
        cat "$dir/$name.out"
        fail "$name: status $?"
    }
    check "$name"
    echo "$name: $SECONDS s, $events events in all"
    rm -rf "${dir:?}/$name" "$dir/$name.json"
}

# In a program that is started, and in one that is attached to while it fights.
"$SEEP" run --quiet --snap-every 50ms --max-slowdown 100 -o "$dir/run" -- \
    "$SAMPLES/fight" 2000 >"$dir/run.maps" || fail "fight: status $?"
check run
python3 "$SOURCE/tests/oracle/ledger_maps.py" "$dir/run.json" "$dir/run.maps" || fail "run"

mkfifo "$dir/in"
"$SAMPLES/fight" until-told <"$dir/in" >"$dir/attach.maps" 2>"$dir/attach.err" & target=$!
exec 3>"$dir/in"
until grep -q ready "$dir/attach.err"; do sleep 0.01; done
"$SEEP" trace --quiet --snap-every 50ms --max-slowdown 100 -o "$dir/attach" -p "$target" & seep=$!
until [ -s "$dir/attach/snapshots" ]; do sleep 0.01; done
sleep 0.5
echo >&3
wait "$seep" || fail "seep trace: status $?"
wait "$target" || fail "fight, attached to: status $?"
target=
check attach
python3 "$SOURCE/tests/oracle/ledger_maps.py" "$dir/attach.json" "$dir/attach.maps" || fail "attach"

stress mmap --mmap 1
stress mremap --mremap 2
stress munmap --munmap 1 --munmap-ops 3000
stress brk --brk 2 --brk-ops 4000
stress vm --vm 2 --vm-ops 500 --vm-bytes 64m
stress fork --fork 2 --fork-ops 200
stress vfork --vfork 2 --vfork-ops 300
stress clone --clone 1 --clone-ops 200
stress pthread --pthread 2 --pthread-ops 600
for _ in 1 2 3 4 5 6 7 8; do
    [ $events -ge "$need" ] || stress again --mmap 2
done
[ $events -ge "$need" ] || fail "only $events events"
echo "$events events, 0 bytes unexplained"
