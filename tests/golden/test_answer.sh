#!/bin/bash
# The answer, as it leaves seep: on a terminal, in files, as JSON, and as an exit status.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export TZ=UTC0
unset NO_COLOR

fail() {
    echo "test_answer: $*"
    exit 1
}

# Runs the rest with its standard error in `said`, and checks the exit status.
expect() {
    local wanted=$1 status=0
    shift
    "$@" 2>said || status=$?
    [ "$status" = "$wanted" ] || {
        cat said
        fail "'$*' gave $status, not $wanted"
    }
}

# Recorded once. --quiet leaves nothing but the program's own output.
ln -s linked.txt link.txt
expect 0 "$SEEP" run --quiet -o leak.seep --report report.txt --json report.json -- \
    "$SAMPLES/leak_mmap" >truth
[ ! -s said ] || fail "--quiet is not quiet: $(cat said)"
grep -q '^verdict leak' truth

# Asked again, a case says the same.
"$SEEP" analyze leak.seep >again.txt
cmp report.txt again.txt
"$SEEP" analyze leak.seep --json >again.json
cmp report.json again.json
for file in report.txt report.json; do
    [ "$(stat -c %a "$file")" = 600 ] || fail "$file is open to others"
done

# The answer first; for a person, and for a program.
[[ "$(head -n 1 report.txt)" == "seep: 1 leak"* ]] || fail "the first line: $(head -n 1 report.txt)"
for label in '^1  LEAK ' '^   where ' '^   who ' '^   why ' '^Not seen: ' '^Cost of watching: '; do
    grep -q "$label" report.txt || fail "no line like '$label' in: $(cat report.txt)"
done
[ "$(grep -v ' seep ' report.txt | wc -L)" -le 80 ] || fail "lines longer than 80 columns"
python3 - report.json <<'PYTHON'
import json, sys
report = json.load(open(sys.argv[1]))
assert report["schema"] == "seep-report/1"
assert report["verdict"] == "leak" == report["findings"][0]["verdict"]
assert report["evidence"]["started"].endswith("Z")
PYTHON

# Colour on a terminal only, and never with NO_COLOR.
escape=$(printf '\033')
if command -v script >/dev/null; then
    export TERM=xterm
    script -qec "'$SEEP' analyze leak.seep" /dev/null </dev/null >terminal.txt
    grep -qF "${escape}[1;31m" terminal.txt || fail "no colour on a terminal"
    NO_COLOR=1 script -qec "'$SEEP' analyze leak.seep" /dev/null </dev/null >terminal.txt
    ! grep -qF "$escape" terminal.txt || fail "colour although NO_COLOR is set"
    TERM=dumb script -qec "'$SEEP' analyze leak.seep" /dev/null </dev/null >terminal.txt
    ! grep -qF "$escape" terminal.txt || fail "colour on a dumb terminal"
fi
! grep -qF "$escape" report.txt || fail "colour in a file"

# A link is written through, not replaced.
expect 0 "$SEEP" run -q --report link.txt -o true.seep -- true
[ -L link.txt ] && [ -s linked.txt ] || fail "the link was replaced"

# Times in the zone of the recording, wherever it is read.
TZ=CST-8 "$SEEP" run -q -o east.seep -- true
"$SEEP" analyze east.seep | grep -q '+08:00' || fail "the zone of the recording is lost"

# --fail-if: 99 only when the program itself succeeded.
expect 99 "$SEEP" run -q -o a.seep --fail-if leak -- "$SAMPLES/leak_mmap" >/dev/null
grep -q "'leak' holds: 1 leak" said || fail "does not say which rule holds"
expect 0 "$SEEP" run -q -o b.seep --fail-if 'leak>1GiB' -- "$SAMPLES/leak_mmap" >/dev/null
expect 3 "$SEEP" run -q -o c.seep --fail-if 'growth>0' -- sh -c 'exit 3'
expect 125 "$SEEP" run -q -o d.seep --fail-if 'leaks' -- true
grep -q 'leak>SIZE' said || fail "does not say which rules there are"

# Mistakes are told with what to do.
expect 1 "$SEEP" analyze nowhere.seep
grep -q '^seep: .* failed: .*nowhere.seep' said || fail "says: $(cat said)"
expect 1 "$SEEP" analyze /
expect 2 "$SEEP" analyze
expect 2 "$SEEP" analyze leak.seep true.seep
expect 2 "$SEEP" analyze leak.seep --top 0
expect 2 "$SEEP" analyze leak.seep --colour
