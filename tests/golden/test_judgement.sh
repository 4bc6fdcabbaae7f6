#!/bin/bash
# Evidence that is thin, or speaks against itself: what is not known is said, and nobody is accused of it.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export TZ=UTC0
failed=0

complain() {
    echo "test_judgement: $*"
    failed=1
}

# judge NAME ARG...: imports ARGs into $work/NAME, and leaves NAME.flat and NAME.json there
judge() {
    local name=$1
    shift
    "$SEEP" import -q -o "$work/$name" "$@" || complain "$name: not imported"
    conclude "$name"
}
conclude() {
    "$SEEP" analyze "$work/$1" >"$work/$1.txt" || complain "$1: not analysed"
    "$SEEP" analyze "$work/$1" --json >"$work/$1.json" || complain "$1: no JSON"
    tr -s ' \n' ' ' <"$work/$1.txt" >"$work/$1.flat"
}
says() {
    grep -qF -- "$2" "$work/$1.flat" || complain "$1 does not say '$2': $(cat "$work/$1.txt")"
}
hushes() {
    ! grep -qF -- "$2" "$work/$1.flat" || complain "$1 says '$2': $(cat "$work/$1.txt")"
}
holds() {
    {
        echo "import json, sys
r = json.load(open(sys.argv[1]))
f = r['findings']
bad = [x for x in f if x['verdict'] in ('leak', 'suspect')]"
        cat
    } | python3 - "$work/$1.json" || complain "$1: the JSON is not as it should be: $(cat "$work/$1.txt")"
}

python3 - "$work" <<'PYTHON'
import sys
M, T, BASE = 1 << 20, 1614644560, 0x7f1000000000
def put(name, *lines):
    open(f'{sys.argv[1]}/{name}', 'w').write(''.join(line + '\n' for line in lines))
def calls(tid, count=40, step=30, at=0, given_back=False, time=True, also=False):
    for i in range(count):
        who, when = f'{tid} ' if tid else '', lambda s: f'{T + at + i * step + s}.000000 ' if time else ''
        a = BASE + i * 16 * M
        yield f'{who}{when(0)}mmap(NULL, {16 * M}, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = {a:#x}'
        if also:
            yield f'{who}{when(1)}read(3, "", 4096) = 0'
        if given_back:
            yield f'{who}{when(2)}munmap({a:#x}, {16 * M}) = 0'
def pmap(name, pid, start, kib, more=0):
    put(name, f'{pid}:   ./x', 'Address           Kbytes     RSS   Dirty Mode  Mapping',
        *(f'{a:016x} {k:7d} {k:7d} {k:7d} {p} {n}' for a, k, p, n in
          ((0x400000, 4, 'r-x--', 'x'), (start, kib, 'rw---', '  [ anon ]'),
           (0x7fff00000000, 132, 'rw---', '  [ stack ]'))),
        '---------------- ------- ------- -------', f'total kB {kib + 136 - more} {kib + 136} {kib + 136}')
put('leaks.log', *calls(100))
put('returns.log', *calls(900, at=3, given_back=True))
put('early.log', *calls(100, step=10, also=True))
put('late.log', *calls(900, step=10, at=7200, also=True))
put('first.log', *calls(100, count=20, also=True))
put('second.log', *list(calls(100, count=40, also=True))[60:])
put('whole.log', *calls(100, also=True))
put('cut.log', f'{T - 1}.0 prctl(PR_SET_NAME, "innocent") = 0', *calls(0, also=True))
put('timeless.log', *calls(100, time=False, also=True))
put('lasting.log', *(f'{line} <0.000052>' for line in calls(100, time=False, also=True)))
pmap('strange', 1234, 0x7e0000000000, 1000)
pmap('large-100', 100, BASE, 1000 * 1024)
pmap('small-100', 100, BASE, 400 * 1024)
pmap('while-growing', 100, BASE, 1000 * 1024, more=1024)
for name, other, total in (('nmt-1', 24, 152), ('nmt-2', 81, 209)):
    put(name, '500:', '', 'Native Memory Tracking:', '', f'Total: reserved={total}MB, committed={total}MB',
        '-                 Java Heap (reserved=128MB, committed=128MB)', '                            (mmap: reserved=128MB, committed=128MB)', '',
        f'-                     Other (reserved={other}MB, committed={other}MB)', f'                            (malloc={other}MB #9)', '')
PYTHON
cd "$work"

# Two processes that have the same addresses: the one's releases are not the other's.
judge apart leaks.log returns.log
holds apart <<'PYTHON'
assert len(bad) == 1 and bad[0]['culprit']['pid'] == 100 and bad[0]['bytes'] == 640 << 20, bad
assert {p['pid'] for p in r['processes']} == {100, 900}
assert any('no thread in common' in a for a in r['evidence']['assumptions'])
PYTHON

# Each is judged by the time of its own log.
"$SEEP" import -q -o windows --pid 100 early.log
"$SEEP" import -q -o windows --pid 900 late.log
conclude windows
holds windows <<'PYTHON'
assert sorted(x['culprit']['pid'] for x in bad) == [100, 900], f
assert all(x['verdict'] == 'leak' and x['bytes_per_s'] > 1 << 20 for x in bad), bad
PYTHON

# A look at another process takes nothing over.
judge other leaks.log strange
holds other <<'PYTHON'
assert len(bad) == 1 and bad[0]['culprit']['pid'] == 100, f
PYTHON
says other "contradiction: the look at the regions is of process 1234"

# No line names a thread: nobody is named, and no pid is made up in advice.
judge cut cut.log
holds cut <<'PYTHON'
x = bad[0]
assert r['target']['pid'] is None and x['culprit']['tid'] is None and not x['threads'], x
PYTHON
hushes cut innocent
hushes cut "-p 1 "
says cut "gcore -o core PID"

# What grep left of a log, beside looks that show that nothing grew.
judge shrunk leaks.log large-100@2021-03-02T00:10:00Z small-100@2021-03-02T00:30:00Z
holds shrunk <<'PYTHON'
assert not bad, bad
PYTHON

# A log that has other calls is whole, without an munmap too.
judge whole whole.log
holds whole <<'PYTHON'
assert r['verdict'] == 'leak' and 'none unmapped' in bad[0]['reason'], f
assert not any('thinned' in m['what'] for m in r['evidence']['missing'])
PYTHON
says whole "no look tells how much"
hushes whole "(0 B)"
judge thinned leaks.log
says thinned "no call but mmap and brk"

# An hour that nobody logged.
judge gap first.log second.log
holds gap <<'PYTHON'
assert any('no log of process 100 between' in a for a in r['evidence']['assumptions'])
assert f[0]['verdict'] == 'suspect' and 'between its logs' in f[0]['reason'], f
PYTHON

# Without times there are no rates.
judge timeless timeless.log
holds timeless <<'PYTHON'
assert r['evidence']['started'] is None and r['evidence']['duration_s'] is None
assert all(x['bytes_per_s'] in (None, 0) and x['first'] is None and x['last'] is None for x in f), f
PYTHON
hushes timeless "MiB/"
hushes timeless watched
# How long each call took (-T) does not tell when it was.
judge lasting lasting.log
hushes lasting "last tenth"
grep '"verdict"' timeless.json >verdicts && grep '"verdict"' lasting.json | cmp -s - verdicts ||
    complain "with -T another verdict: $(cat lasting.txt)"

# Two looks are two points.
judge looks small-100@2021-03-02T00:00:00Z large-100@2021-03-02T02:00:00Z
holds looks <<'PYTHON'
assert r['verdict'] == 'inconclusive' and f[0]['bytes'] == 600 << 20 and f[0]['first'] is None, f
assert f[0]['vmas'][0]['explained_bytes'] is None
PYTHON
says looks "between two looks"
hushes looks "last tenth"
hushes looks "ptrace"
judge swapped large-100@2021-03-02T02:00:00Z small-100@2021-03-02T00:00:00Z
holds swapped <<'PYTHON'
assert f[0]['bytes'] == 600 << 20, f
PYTHON

# What was resident before is not said of what is mapped now.
printf '%s\n' '7f1000000000-7f103e800000 rw-p 00000000 00:00 0' \
    '7fff00000000-7fff00021000 rw-p 00000000 00:00 0          [stack]' >maps-100
judge stale small-100@2021-03-02T00:00:00Z maps-100@2021-03-02T02:00:00Z
holds stale <<'PYTHON'
assert f[0]['bytes'] == 600 << 20 and f[0]['resident_bytes'] is None, f
assert all(v['rss_bytes'] is None for x in f for v in x['vmas'])
assert any('of different moments' in a for a in r['evidence']['assumptions'])
PYTHON

# Two reports of native memory tracking, in the order of their times.
judge nmt nmt-2@2021-03-02T00:10:00Z nmt-1@2021-03-02T00:00:00Z
holds nmt <<'PYTHON'
x = next(x for x in f if 'Other' in x['title'])
assert x['verdict'] == 'inconclusive' and x['bytes'] == 57 << 20 and 'direct buffers' in x['reason']
c = next(c for c in r['java'][0]['categories'] if c['name'] == 'Other')
assert (c['first_bytes'], c['committed_bytes']) == (24 << 20, 81 << 20)
PYTHON

# pmap -X reads twice: of a process that grew meanwhile the lines are more than their total.
judge growing small-100@2021-03-02T00:00:00Z while-growing@2021-03-02T00:10:00Z
says growing 'it grew while pmap'
holds growing <<'PYTHON'
assert [x['bytes'] for x in f if x['verdict'] == 'inconclusive'] == [600 << 20], f
PYTHON

# A suffix that is no time.
if "$SEEP" import -q -o refused leaks.log@yesterday 2>error; then
    complain "a log of yesterday is taken"
fi
grep -q "FILE@2021" error || complain "not said what was expected: $(cat error)"
exit "$failed"
