#!/bin/bash
# Three interpreters watched at once: a list that grows by blocks of 1 MiB is a leak with its process
# and its size; a queue that drops as much as it takes, and one that sleeps, are none.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/real.sh"
need python3
mkfifo "$dir/end"

cat >"$dir/target.py" <<'PYTHON'
import collections, select, sys, time
pages = collections.deque(maxlen=8) if sys.argv[1] == "queue" else []
taken = 0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.02)[0]:
    if sys.argv[1] != "sleeper":
        pages.append(bytearray(b"seep") * (1 << 18))
        taken += 1
assert all(page == pages[0] for page in pages) and len(pages) == min(taken, 8) or sys.argv[1] == "list"
assert len(pages) == taken or sys.argv[1] != "list"
sys.exit(3)
PYTHON
pids=()
for what in list queue sleeper; do
    python3 "$dir/target.py" "$what" <>"$dir/end" >"$dir/$what" & pids+=($!)
    started $!
    await "start of python3" grep -q ready "$dir/$what"
done

record python 6 -p "$(IFS=,; echo "${pids[*]}")"
for pid in "${pids[@]}"; do
    untouched "$pid"
done
check python <<PYTHON
found_of = lambda pid: [f for f in found("leak suspect") if f["culprit"]["pid"] == pid]
wanted = [f for f in found_of(${pids[0]}) if f["region"] == "anon-mmap" and f["cause"] == "never-freed"]
expect(len(wanted) == 1, f"{len(wanted)} findings of the list")
for f in wanted:
    expect(f["verdict"] == "leak", "the list's growth is called " + f["verdict"])
    expect(1 << 20 <= f["unit_bytes"] < (1 << 20) + 65536, f"unit_bytes {f['unit_bytes']}")
    expect(f["count"] >= 50, f"count {f['count']}")
    expect(f["bytes"] == f["count"] * f["unit_bytes"], f"bytes {f['bytes']}")
    expect(f["culprit"]["tid"] == ${pids[0]}, f"culprit {f['culprit']}")
expect(not found_of(${pids[1]}), "a queue is accused")
expect(not found_of(${pids[2]}), "a sleeper is accused")
expect(all(f["culprit"]["pid"] for f in found("leak suspect")), "nobody is named")
PYTHON

# One byte is enough for each of them: none reads it.
echo >"$dir/end"
for pid in "${pids[@]}"; do
    ended_with 3 "$pid"
done
