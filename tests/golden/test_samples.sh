#!/bin/bash
# Each sample says what is true of it; the report must say the same.
set -eu
: "${SEEP:?}" "${SAMPLES:?}" "${SOURCE:?}"
command -v python3 >/dev/null || { echo "python3 is missing"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
samples="leak_mmap leak_partial grow_mremap grow_brk threads_not_joined memfd_held leak_in_child
         warm_up reservation"

for sample in ${1:-$samples}; do
    status=0
    "$SEEP" run --quiet -o "$dir/$sample.seep" --json "$dir/$sample.json" -- "$SAMPLES/$sample" \
        >"$dir/$sample.truth" || status=$?
    if [ "$status" != 0 ]; then
        echo "FAILED: $sample: status $status"
        failed=1
    elif ! python3 "$SOURCE/tests/golden/compare_truth.py" "$dir/$sample.truth" "$dir/$sample.json"; then
        echo "FAILED: $sample"
        failed=1
    fi
done
exit $failed
