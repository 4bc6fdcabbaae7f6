#!/bin/sh
# seep show CASE events and threads: the forms agree with each other and with strace's count, filters
# leave out what they say, nothing from the target steers the terminal, pipes may close.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

fail() {
    echo "$*"
    exit 1
}

show() {
    "$SEEP" show "$work/case" "$@"
}

# python CODE: with the lines of stdin as JSON objects in `rows`
python() {
    python3 -c "import json, sys
rows = [json.loads(line) for line in sys.stdin]
$1"
}

"$SEEP" run --quiet -o "$work/case" --max-slowdown 100 -- "$SAMPLES/exercise_calls" >/dev/null ||
    fail "seep run failed"
show events >"$work/table"
show events --json >"$work/json"
show events --format strace >"$work/strace"
[ "$(wc -l <"$work/table")" -eq $(($(wc -l <"$work/json") + 1)) ] || fail "table and JSON differ"

python "
calls = [r for r in rows if '-' not in r['event'] and r['event'] != 'exec']
assert len(calls) > 250, len(calls)
assert len({r['event'] for r in calls}) == 17, {r['event'] for r in calls}
assert all(len(r['args']) == 6 and r['thread'] for r in calls)
assert {r['name'] for r in calls if r['event'] == 'memfd_create'} >= {'flags', '', None}
failed = [r for r in calls if r['error']]
assert all(r['result'] is None for r in failed)
assert 'EINVAL' in {r['error'] for r in failed}
print(len(calls), 'calls', len(failed), 'failed')
assert sum(r['event'] == 'thread-exit' for r in rows) == 1" <"$work/json"

[ "$(show events --failed | tail -n +2 | wc -l)" -eq \
    "$(python 'print(sum(r["error"] is not None for r in rows))' <"$work/json")" ] ||
    fail "--failed leaves out the wrong ones"
show events --kind brk,shmat --json | python "assert {r['event'] for r in rows} == {'brk', 'shmat'}"
[ "$(show events --kind thread-exit | tail -n +2 | wc -l)" -eq 1 ] || fail "--kind thread-exit"
[ "$(show events --pid 1 | wc -l)" -eq 1 ] || fail "--pid 1"
[ "$(show events --since 1h | wc -l)" -eq 1 ] || fail "--since 1h"
[ "$(show events --until 1h | wc -l)" -eq "$(wc -l <"$work/table")" ] || fail "--until 1h"
for mistake in '--kind mmmap' '--since yesterday' '--tid 0' '--format xml' surplus; do
    status=0
    # shellcheck disable=SC2086
    show events $mistake >/dev/null 2>&1 || status=$?
    [ $status -eq 2 ] || fail "$mistake: status $status instead of 2"
done

# A memfd's name held an escape sequence.
! LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\177-\377]')" "$work/table" "$work/json" \
    "$work/strace" || fail "control characters reach the terminal"
status=0
show events >/dev/full 2>"$work/errors" || status=$?
[ $status -eq 1 ] || fail "a full disk: status $status"
grep -q 'No space left' "$work/errors" || fail "a full disk goes unmentioned"
show events 2>"$work/errors" | head -n 1 >/dev/null
[ ! -s "$work/errors" ] || fail "a closed pipe is complained about"

rm -rf "$work/case"
"$SEEP" run --quiet -o "$work/case" --max-slowdown 100 -- "$SAMPLES/exercise_threads" >/dev/null ||
    fail "seep run failed"
show events --json >"$work/json"
show threads >"$work/table"
show threads --json >"$work/threads"
python "
threads = json.load(open('$work/threads'))['threads']
assert len(threads) == 11, len(threads)
for t in threads:
    calls = [r for r in rows if (r['pid'], r['tid']) == (t['pid'], t['tid']) and
             '-' not in r['event'] and r['event'] != 'exec']
    assert t['calls'] == len(calls), (t, len(calls))
    assert t['ended'] and t['mapped_bytes'] >= t['held_bytes'], t
    assert t['first'] <= t['last'], t
assert {t['state'] for t in threads} == {'exited with 0', 'exited with 3', 'exited with 5',
                                         'killed by SIGKILL'}, threads
renamed = [t for t in threads if len(t['names']) == 2]
assert [n['name'] for t in renamed for n in t['names']] == ['exercise_thread', 'exe'], renamed
assert [t['held_bytes'] for t in threads] == sorted((t['held_bytes'] for t in threads), reverse=True)
print(len(threads), 'threads')" <"$work/json"
[ "$(wc -l <"$work/table")" -eq 12 ] || fail "the table has $(wc -l <"$work/table") lines"
