#!/bin/bash
# Call paths under load: threads that map and unmap as fast as they can from stacks of every depth. Each
# path has the depth of its own call, and calls without a path are those that seep says it lost.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/stacks.sh"
need gcc

build churn gcc -O2 -g churn.c -pthread
for threads in 1 8; do
    record churn "$dir/churn" "$threads" $((16000 / threads)) &&
        THREADS=$threads check "$threads threads" churn <<'PYTHON'
calls, without = 0, 0
for n, call in case.marks():
    calls += 1
    way = case.path_of(call)
    if not way:
        without += 1
        continue
    functions = [frame["function"] for frame in way["frames"]]
    expect(functions.count("descend") == n,
           f"mark {n} is below {functions.count('descend')} frames: {functions}")
    expect(functions[-1] in ("clone3", "__clone3", "__clone") and way["end"] is None,
           f"mark {n}: {functions}, end {way['end']}")
expect(calls == 16000, f"{calls} marks, not 16000")
evidence = report()["evidence"]
others = sum(1 for call in growing((c["event"], c["args"], c["result"], c) for c in case.calls)
             if not call[3]["stack"])
expect(evidence["lost_events"] == 0, f"lost_events {evidence['lost_events']}")
expect(evidence["lost_stacks"] == others, f"lost_stacks {evidence['lost_stacks']}, not {others}")
print(f"{os.environ['THREADS']} threads: {without} of {calls} calls without a path")
PYTHON
done
finish
