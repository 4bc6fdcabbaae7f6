#!/bin/sh
# The books equal /proc/PID/maps to the byte at the end of every process that stress-ng's memory and
# process stressors make, over some hundred thousand calls: not one lost, nothing unexplained.
set -eu

command -v stress-ng >/dev/null || {
    echo "skipped: stress-ng is not installed"
    exit 77
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
total=0
failed=0

while read -r name options; do
    # shellcheck disable=SC2086
    (cd "$work" && "$SEEP" run --quiet --max-slowdown 100 -o "$work/$name" -- \
        stress-ng --quiet --timeout 60 $options) >"$work/output" 2>&1 || {
        echo "$name: seep run failed:"
        cat "$work/output"
        failed=1
        continue
    }
    "$SEEP" analyze "$work/$name" --json >"$work/report"
    figures=$(python3 - "$work/report" <<'PYTHON'
import json, sys
evidence = json.load(open(sys.argv[1]))["evidence"]
print(evidence["events"], evidence["lost_events"], evidence["unexplained_bytes"])
PYTHON
    )
    # shellcheck disable=SC2086
    set -- $figures
    echo "$name: $1 events, $2 lost, $3 bytes unexplained"
    total=$((total + $1))
    [ "$2" = 0 ] && [ "$3" = 0 ] || failed=1
    rm -rf "${work:?}/$name"
done <<'STRESSORS'
mmap --mmap 2 --mmap-ops 20 --mmap-bytes 16M
mremap --mremap 2 --mremap-ops 500 --mremap-bytes 8M
munmap --munmap 2 --munmap-ops 100
brk --brk 2 --brk-ops 20000
vm --vm 2 --vm-ops 200 --vm-bytes 16M
fork --fork 2 --fork-ops 300
vfork --vfork 2 --vfork-ops 300
clone --clone 2 --clone-ops 300
pthread --pthread 2 --pthread-ops 2000
STRESSORS

echo "$total events in all"
[ $total -ge 300000 ] || {
    echo "fewer than 300,000 events: they prove little"
    failed=1
}
exit $failed
