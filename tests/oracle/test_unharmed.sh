#!/bin/bash
# A busy program is attached to and let go of again and again: it must keep every signal, its output
# and its exit status, be left untraced and in the state it was in, stopped ones stopped.
set -eu
: "${SEEP:?}" "${SAMPLES:?}"
dir=$(mktemp -d)
target=
trap 'kill -9 ${target:-} 2>/dev/null || true; rm -rf "$dir"' EXIT
mkfifo "$dir/in"
rounds=${ROUNDS:-200}

fail() { echo "FAILED: $*"; exit 1; }
state() { sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status"; }
tracer() { sed -n 's/^TracerPid:\t//p' "/proc/$1/status"; }
await_state() { # PID STATES
    for _ in $(seq 500); do
        case $(state "$1") in [$2]) return ;; esac
        sleep 0.01
    done
    fail "process $1 is in state $(state "$1"), not $2"
}
attach() { # CASE TIME
    "$SEEP" trace --quiet --max-slowdown 100 -o "$dir/$1" --for "$2" -p "$target" ||
        fail "seep trace: status $?"
}

"$SAMPLES/busy" 3 0 <"$dir/in" >"$dir/out" & target=$!
exec 3>"$dir/in"
until grep -q ready "$dir/out"; do sleep 0.01; done
for round in $(seq "$rounds"); do
    attach "case$round" 20ms
    [ "$(tracer "$target")" = 0 ] || fail "still traced after round $round"
    rm -rf "$dir/case$round"
done

# Group-stops: there before the attach, coming while attached, ending while attached.
kill -STOP "$target"
await_state "$target" T
attach stopped 200ms
await_state "$target" T
kill -CONT "$target"
await_state "$target" SRD
"$SEEP" trace --quiet --max-slowdown 100 -o "$dir/stopping" -p "$target" & seep=$!
until [ "$(tracer "$target")" != 0 ]; do sleep 0.01; done
kill -STOP "$target"
await_state "$target" tT
kill -CONT "$target"
await_state "$target" SRDt
kill -STOP "$target"
sleep 0.1
kill -INT "$seep"
wait "$seep" || fail "seep trace, interrupted: status $?"
await_state "$target" T
kill -CONT "$target"
await_state "$target" SRD

for signal in TERM HUP; do
    "$SEEP" trace --quiet --max-slowdown 100 -o "$dir/by$signal" -p "$target" & seep=$!
    until [ "$(tracer "$target")" != 0 ]; do sleep 0.01; done
    kill -$signal "$seep"
    wait "$seep" || fail "seep trace, ended by $signal: status $?"
    [ "$(tracer "$target")" = 0 ] || fail "still traced after SIG$signal"
done

echo x >&3
status=0
wait "$target" || status=$?
target=
[ "$status" = 7 ] || fail "exit status $status, not 7"
grep -q "all as sent" "$dir/out" || fail "$(cat "$dir/out")"
cat "$dir/out"
