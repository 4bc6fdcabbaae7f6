#!/bin/bash
# Call paths under load: threads that map and unmap as fast as they can from stacks of every depth. Each
# path has the depth of its own call, and calls without a path are those that seep says it lost.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/stacks.sh"
need gcc taskset

build churn gcc -O2 -g churn.c -pthread
# churn WHAT THREADS DEEPEST COMMAND...: under seep, which COMMAND starts
churn() {
    local what=$1 threads=$2 deepest=$3
    shift 3
    rm -rf "$dir/churn.case"
    "$@" "$SEEP" run --quiet --max-slowdown 100 --max-frames 1000 -o "$dir/churn.case" -- \
        "$dir/churn" "$threads" $((16000 / threads)) "$deepest" || fail "seep run: status $?"
    WHAT=$what check "$what" churn <<'PYTHON'
calls = without = 0
for n, call in case.marks():
    calls += 1
    way = case.path_of(call)
    if not way:
        without += 1
        continue
    functions = [frame["function"] for frame in way["frames"]]
    expect(functions.count("descend") == n,
           f"mark {n} is below {functions.count('descend')} frames of descend")
    expect(functions[-1] in ("clone3", "__clone3", "__clone") and way["end"] is None,
           f"mark {n} ends at {functions[-1]}: {way['end']}")
expect(calls == 16000, f"{calls} marks, not 16000")
evidence = report()["evidence"]
lost = sum(1 for call in growing((c["event"], c["args"], c["result"], c) for c in case.calls)
           if not call[3]["stack"])
expect(evidence["lost_events"] == 0, f"lost_events {evidence['lost_events']}")
expect(evidence["lost_stacks"] == lost, f"lost_stacks {evidence['lost_stacks']}, not {lost}")
print(f"{os.environ['WHAT']}: {without} of {calls} calls without a path")
PYTHON
}

churn "one thread" 1 100 env
churn "8 threads" 8 100 env
# More than the threads that unwind get done: what they have no room for is lost, and counted.
churn "8 threads, one CPU, deep" 8 900 taskset -c "$(taskset -pc $$ | grep -o '[0-9]*$')"
finish
