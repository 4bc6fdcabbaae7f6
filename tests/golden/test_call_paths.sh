#!/bin/bash
# Call paths as they leave seep: exported for flame graphs, by themselves, under events and groups; all
# tell of the same bytes.
set -eu
: "${SEEP:?}" "${SAMPLES:?}"
command -v python3 >/dev/null || { echo "python3 is missing"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

fail() {
    echo "test_call_paths: $*"
    exit 1
}

"$SEEP" run --quiet -o leak.seep --json report.json -- "$SAMPLES/leak_mmap" >truth

# One line a path; the leak is one of them, to the byte.
"$SEEP" export leak.seep --to folded >folded
grep -qE '^leak_mmap/leaker;.*;leak;map_touched(_\[i\])?;.* 41943040$' folded || fail "$(cat folded)"
"$SEEP" export leak.seep --to folded -o file
cmp folded file
[ "$(stat -c %a file)" = 600 ] || fail "the export is open to others"

# The sums are the ledger's, and the numbers join.
"$SEEP" show leak.seep ledger --json >ledger.json
"$SEEP" show leak.seep stacks --json >stacks.json
"$SEEP" show leak.seep events --json >events.json
python3 - <<'PYTHON'
import json

def lines(name):
    return [json.loads(line) for line in open(name)]

ledger = lines("ledger.json")
groups, total = ledger[:-1], ledger[-1]
folded = [line.rsplit(" ", 1) for line in open("folded").read().splitlines()]
assert sum(int(size) for _, size in folded) == total["live_bytes"], (folded, total)
stacks = {stack["stack"]: stack for stack in lines("stacks.json")}
assert [s["bytes"] for s in stacks.values()] == sorted((s["bytes"] for s in stacks.values()), reverse=True)
held = {}
for group in groups:
    if group["stack"] is not None:
        held[group["stack"]] = held.get(group["stack"], 0) + group["live_bytes"]
for number, size in held.items():
    assert stacks[number]["bytes"] == size, (number, size, stacks[number])
calls = {}
for event in lines("events.json"):
    if event["stack"] is not None:
        calls[event["stack"]] = calls.get(event["stack"], 0) + 1
assert set(calls) <= set(stacks)
leak = json.load(open("report.json"))["findings"][0]
assert leak["culprit"]["function"] == "map_touched", leak["culprit"]
assert sum(stack["bytes"] for stack in leak["stacks"]) == leak["bytes"], leak
names = [frame["function"] for frame in leak["stacks"][0]["frames"]]
assert names.index("map_touched") < names.index("leak") < names.index("start_thread"), names
PYTHON

# Under the events stand lines of their own, and nothing else changes.
"$SEEP" show leak.seep events --format strace >plain
"$SEEP" show leak.seep events --format strace --stacks >with
grep -v '^ > ' with | cmp - plain || fail "the lines of strace's form are others with --stacks"
grep -qE '^ > .*/leak_mmap\(map_touched\) \[0x[0-9a-f]+\]' with || fail "no frame in: $(head -n 30 with)"
"$SEEP" show leak.seep events --stacks | grep -qF '(map_touched)' || fail "no frame in the table"
"$SEEP" show leak.seep ledger | grep -qE '^ +by .*mmap.* < map_touched' || fail "no path in the ledger"
"$SEEP" show leak.seep stacks --top 1 | grep -qE '^stack [0-9]+  .* held in .* of .* calls$' ||
    fail "no head of a stack"

# Mistakes are told.
status=0
"$SEEP" export leak.seep --to dot 2>said || status=$?
[ "$status" = 2 ] && grep -q "knows no 'dot', but folded" said || fail "--to dot: $status $(cat said)"
status=0
"$SEEP" export leak.seep 2>said || status=$?
[ "$status" = 2 ] || fail "no format: $status"

# A program without a build-id that was written after the recording is not the one that ran: no command
# takes its names.
objcopy --remove-section .note.gnu.build-id "$SAMPLES/leak_mmap" plain
"$SEEP" run --quiet -o plain.seep -- ./plain >plain.out
"$SEEP" export plain.seep --to folded 2>&1 | grep -q map_touched || fail "no names while the file is the same"
touch -d '1 hour' plain
for command in "analyze plain.seep" "show plain.seep stacks" "show plain.seep ledger" "export plain.seep --to folded" \
    "show plain.seep events --stacks"; do
    # shellcheck disable=SC2086 # words
    "$SEEP" $command >later 2>&1 || fail "$command: $(cat later)"
    if grep -q map_touched later; then
        fail "$command takes names from a file that was written later: $(grep -m 1 map_touched later)"
    fi
done

# Names from files that lie elsewhere, by build-id.
id=$(readelf -n "$SAMPLES/leak_mmap" | sed -n 's/.*Build ID: //p')
mkdir -p "names/.build-id/${id:0:2}"
objcopy --only-keep-debug "$SAMPLES/leak_mmap" "names/.build-id/${id:0:2}/${id:2}.debug"
strip -s -o bare "$SAMPLES/leak_mmap"
"$SEEP" run --quiet -o bare.seep -- ./bare >bare.out
for command in "analyze bare.seep" "show bare.seep stacks" "show bare.seep ledger" "export bare.seep --to folded" \
    "show bare.seep events --stacks"; do
    # shellcheck disable=SC2086 # words
    "$SEEP" $command >bare.said 2>&1
    if grep -q map_touched bare.said; then
        fail "$command: a name where there can be none"
    fi
    # shellcheck disable=SC2086
    "$SEEP" $command --debug-dir names 2>&1 | grep -q map_touched || fail "$command --debug-dir: no name"
    # shellcheck disable=SC2086
    "$SEEP" $command --debug-dir nowhere --debug-dir names --debug-dir nowhere2 2>&1 | grep -q map_touched ||
        fail "$command: not every --debug-dir is looked into"
done

# And from copies of the program by the path that it had, which must have its build-id.
mv bare away
mkdir -p "copies$PWD"
strip -g -o "copies$PWD/bare" "$SAMPLES/leak_mmap"
"$SEEP" show bare.seep stacks --debug-dir copies 2>&1 | grep -qF "bare(leak)" || fail "no names from a copy"
objcopy --remove-section .note.gnu.build-id "copies$PWD/bare"
if "$SEEP" show bare.seep stacks --debug-dir copies 2>&1 | grep -F "bare(leak)"; then
    fail "names from a copy that is another"
fi

# Nothing says of a copy of what had none that it is the one that ran.
rm plain
cp "copies$PWD/bare" "copies$PWD/plain"
touch -d '1 day ago' "copies$PWD/plain"
if "$SEEP" show plain.seep stacks --debug-dir copies 2>&1 | grep -F "plain(leak)"; then
    fail "names from a copy that nothing can tell from another"
fi
