#!/bin/bash
# What is imported of pmap, in all its forms, against /proc/PID/smaps of the same stopped process.
set -eu
: "${SEEP:?}" "${SAMPLES:?}" "${SOURCE:?}"
for tool in python3 pmap; do
    command -v "$tool" >/dev/null || { echo "$tool is missing"; exit 77; }
done
dir=$(mktemp -d)
target=
tidy() {
    [ -z "$target" ] || { kill -KILL "$target" && wait "$target"; } 2>/dev/null || true
    chmod -R u+w "$dir"
    rm -rf "$dir"
}
trap tidy EXIT

fail() { echo "FAILED: $*"; exit 1; }

"$SAMPLES/dump_target" "$dir" >"$dir/regions" &
target=$!
until grep -qs ready "$dir/regions"; do
    kill -0 "$target" || fail "the target ended"
    sleep 0.05
done
kill -STOP "$target"
until grep -q '^State:.[Tt]' "/proc/$target/status"; do sleep 0.01; done
cat "/proc/$target/smaps" >"$dir/smaps"

for form in "" -x -d -X -XX; do
    name=pmap${form:--plain}
    # shellcheck disable=SC2086
    pmap $form "$target" >"$dir/$name"
    # As people save it: another name, gzip, the other line ends.
    gzip -c <"$dir/$name" >"$dir/$name.gz"
    sed 's/$/\r/' "$dir/$name" >"$dir/$name.crlf"
    for file in "$dir/$name" "$dir/$name.gz" "$dir/$name.crlf"; do
        rm -rf "$dir/case"
        "$SEEP" import -o "$dir/case" "$file" >"$dir/out" 2>&1 || fail "$file: $(cat "$dir/out")"
        python3 "$SOURCE/tests/oracle/pmap_compare.py" "$form" "$dir/case" "$dir/smaps" "$target" ||
            fail "pmap $form"
    done
done

# Lines that grep took out of -X still tell size, RSS and PSS.
pmap -X "$target" | grep ' rw-p ' | grep -v '\[' >"$dir/lines"
rm -rf "$dir/case"
"$SEEP" import -o "$dir/case" --pid "$target" "$dir/lines" >"$dir/out" 2>&1 ||
    fail "lines: $(cat "$dir/out")"
python3 - "$SOURCE/tests/oracle" "$dir" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
import snapshots
directory = sys.argv[2]
kernel = {r["start"]: r for r in snapshots.regions(open(directory + "/smaps").read())}
sections = snapshots.records(directory + "/case/snapshots")[0]["sections"]
assert "partial" in sections
seen = snapshots.regions(sections["smaps"])
assert len(seen) == len(open(directory + "/lines").readlines())
for region in seen:
    for field in ("Size", "Rss", "Pss"):
        assert region["fields"][field].split()[0] == \
            kernel[region["start"]]["fields"][field].split()[0], (region, field)
print(f"{len(seen)} lines without a header")
PYTHON
