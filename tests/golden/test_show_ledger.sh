#!/bin/bash
# What `seep show CASE ledger` and `vmas` print of a program whose truth is known: a block that
# mremap grows.
set -eu
: "${SEEP:?}" "${SAMPLES:?}"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

"$SEEP" run --quiet -o "$dir/case" -- "$SAMPLES/grow_mremap" >"$dir/truth"
show() { "$SEEP" show "$dir/case" "$@"; }

show ledger --json >"$dir/groups"
show ledger --intervals --json >"$dir/intervals"
show vmas --json >"$dir/vmas"
python3 - "$dir" <<'PYTHON'
import json, sys

def lines(name):
    return [json.loads(line) for line in open(f"{sys.argv[1]}/{name}")]

truth = dict(line.split(None, 1) for line in open(f"{sys.argv[1]}/truth") if " " in line)
size = int(truth["bytes"])
*groups, total = lines("groups")
*intervals, again = lines("intervals")
assert total == again and total["unexplained_bytes"] == 0, total
assert sum(g["live_bytes"] for g in groups) == total["live_bytes"]
assert [g["live_bytes"] for g in groups] == sorted((g["live_bytes"] for g in groups), reverse=True)
for g in groups:
    assert g["calls"] == g["freed"] + g["dropped"] + g["live_count"], g
grown = [g for g in groups if g["call"] == "mremap"]
assert grown and all(g["extensions"] == g["calls"] for g in grown), grown
charged = [i for i in intervals if i["charge"]]
assert total["intervals"] == len(intervals)
assert sum(int(i["end"], 16) - int(i["start"], 16) for i in charged) == total["live_bytes"]
steps = [i["charge"]["steps"] for i in charged if i["charge"]["call"] == "mremap"]
assert max(steps) == sum(g["calls"] for g in grown) and len(set(steps)) == len(steps), steps
block = [v for v in lines("vmas") if v["region"] == "anon-mmap" and v["size_bytes"] >= size]
assert len(block) == 1 and block[0]["explained_bytes"] >= size, block
PYTHON

# The same for people: the largest first, and the region that grew most.
show ledger --top 1 | sed -n 2p | grep -q ' mremap \| mmap '
[ "$(show ledger --top 1 | grep -c /)" = 2 ]
show ledger --intervals | grep -q 'of unknown origin$'
show vmas --sort growth --growing | sed -n 2p | grep -q ' anon-mmap '
show vmas | tail -n 1 | grep -q '^total '
! show ledger --intervals --top 3 2>"$dir/said" || exit 1
grep -q 'about groups' "$dir/said"
