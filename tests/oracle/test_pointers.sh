#!/bin/bash
# Who points where in saved memory, against a program that knows.
set -eu

command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }

dir=$(mktemp -d)
target=
seep=${SEEP:?} samples=${SAMPLES:?}
tidy() {
    [ -z "$target" ] || kill -KILL "$target" 2>/dev/null || true
    rm -rf "$dir"
}
trap tidy EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

"$samples/pointer_target" >"$dir/truth" &
target=$!
until grep -qs ready "$dir/truth"; do
    kill -0 "$target" || fail "the target ended"
    sleep 0.05
done
"$seep" dump -p "$target" -o "$dir/case" --all 2>"$dir/said" || fail "dump: $(cat "$dir/said")"
"$seep" dump -p "$target" -o "$dir/part" --region "$(sed -n 's/^region held \(.*\) \(.*\)/\1-\2/p' "$dir/truth")" \
    2>"$dir/said" || fail "dump: $(cat "$dir/said")"
kill -KILL "$target"
wait "$target" 2>/dev/null || true
target=

cat >"$dir/check.py" <<'EOS'
import json, subprocess, sys

seep, directory = sys.argv[1:]
regions, words, none = {}, set(), set()
for line in open(directory + "/truth"):
    what, *rest = line.split()
    if what == "region":
        regions[rest[0]] = int(rest[1], 16), int(rest[2], 16)
    elif what == "word":
        words.add((int(rest[0], 16), int(rest[1], 16)))
    elif what == "none":
        none.add(rest[0])


def show(*options, case="case"):
    out = subprocess.run([seep, "show", f"{directory}/{case}", "pointers", "--json", "--top", "1000000",
                          *options], stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


for name, (start, end) in regions.items():
    *references, summary = show("--region", f"{start:x}-{end:x}")
    found = {(int(r["address"], 16), int(r["value"], 16)) for r in references
             if "stack" not in r["from"]["region"]}
    expected = {(a, v) for a, v in words if start <= v < end}
    assert found == expected, (name, found ^ expected)
    assert summary["words"] == len(references), name
    assert summary["consistent"] is False and summary["searched_bytes"] > 0, name
    assert summary["targets"][0]["words"] == len(references), name
    inside = 64 if name == "ring" else 0
    assert summary["targets"][0]["words_inside"] == inside, name
    counted = sum(h["words"] for h in summary["holders"] if h["counts"])
    assert counted == len(expected), name
    said = summary["sentence"]
    assert said.startswith("unreferenced: ") == (name in none), (name, said)
    assert "the process ran on" in said, said
    if name == "held":
        assert said.startswith("referenced from [heap] (10 words), anonymous memory at "), said
    if name == "global":
        assert said.startswith("referenced only from ") and "pointer_target (1 word)" in said, said

# The graph has the same words, region by region.
edges = show()
start, end = regions["ring"]
own = [e for e in edges if e["to"] and int(e["to"]["start"], 16) <= start < int(e["to"]["end"], 16)]
assert sum(e["words"] for e in own if "stack" not in e["from"]["region"]) == 64, own
start, end = regions["held"]
into = {e["from"]["name"]: e["words"] for e in edges
        if e["to"] and int(e["to"]["start"], 16) == start and "stack" not in e["from"]["region"]}
assert into == {"[heap]": 10, "": 7}, into
assert all(e["from"]["name"] == "[heap]" or e["to"]["name"] == "[heap]" for e in show("--grep", r"^\[heap\]$"))

# Where nothing else was saved, nothing is said of the rest.
*references, summary = show("--region", f"{start:x}-{end:x}", case="part")
assert not references and summary["sentence"] is None and summary["searched_bytes"] == 0, summary
EOS
python3 "$dir/check.py" "$seep" "$dir" || fail "the pointers are not those of the program"

# What a person reads.
read -r start end < <(sed -n 's/^region lost //p' "$dir/truth")
"$seep" show "$dir/case" pointers --region "$start-$end" >"$dir/said"
grep -q "^pid [0-9]*: unreferenced: no word in the .* saved beside it points into it" "$dir/said" ||
    fail "it is not said that nothing points there: $(cat "$dir/said")"
"$seep" show "$dir/case" pointers --around "$start" >"$dir/said" || fail "--around fails"

for wrong in "--top 0" "--grep (" "--around x" "--finding 0" "--dump 1"; do
    status=0
    # shellcheck disable=SC2086
    "$seep" show "$dir/case" pointers $wrong >/dev/null 2>&1 || status=$?
    [ "$status" != 0 ] || fail "'$wrong' is taken"
done
