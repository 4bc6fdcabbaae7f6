#!/bin/bash
# seep is killed with SIGKILL at random moments: the target goes on unharmed, and the case can be read
# up to the last whole block.
set -eu
: "${SEEP:?}" "${SAMPLES:?}"
dir=$(mktemp -d)
target=
trap 'kill -9 ${target:-} 2>/dev/null || true; rm -rf "$dir"' EXIT
mkfifo "$dir/in"
rounds=${ROUNDS:-100}
RANDOM=42

fail() { echo "FAILED: $*"; exit 1; }

"$SAMPLES/busy" 3 0 <"$dir/in" >"$dir/out" & target=$!
exec 3>"$dir/in"
until grep -q ready "$dir/out"; do sleep 0.01; done
readable=0
for round in $(seq "$rounds"); do
    "$SEEP" trace --quiet --max-slowdown 100 -o "$dir/case" -p "$target" & seep=$!
    sleep "0.$(printf %03d $((RANDOM % 250)))"
    kill -9 "$seep"
    wait "$seep" 2>/dev/null || true
    # The kernel lets go of the threads one by one.
    for _ in $(seq 500); do
        grep -q "^TracerPid:.0$" "/proc/$target/status" && break
        sleep 0.01
    done
    grep -q "^TracerPid:.0$" "/proc/$target/status" || fail "still traced after round $round"
    if [ -f "$dir/case/case.json" ]; then
        "$SEEP" show "$dir/case" events --format json >"$dir/events" || fail "events unreadable"
        "$SEEP" analyze "$dir/case" --json >"$dir/report" || fail "case unreadable"
        grep -q '"complete": false' "$dir/report" || fail "a killed recording passes for complete"
        readable=$((readable + 1))
    fi
    rm -rf "$dir/case"
done
echo x >&3
status=0
wait "$target" || status=$?
target=
[ "$status" = 7 ] || fail "exit status $status, not 7"
grep -q "all as sent" "$dir/out" || fail "$(cat "$dir/out")"
[ "$readable" -ge $((rounds / 4)) ] || fail "only $readable of $rounds kills left a case"
cat "$dir/out"
