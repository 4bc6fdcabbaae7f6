#!/bin/bash
# Four incidents and what people found out about them by hand, asked of seep in one command each; and
# what looks like them and is not.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
data=$SOURCE/tests/unit/data
export TZ=UTC0
failed=0

complain() {
    echo "test_incidents: $*"
    failed=1
}

# answer NAME ARG...: imports ARGs into $work/NAME, and leaves NAME.txt and NAME.json there
answer() {
    local name=$1
    shift
    "$SEEP" import -q -o "$work/$name" "$@" || complain "$name: not imported"
    "$SEEP" analyze "$work/$name" >"$work/$name.txt" || complain "$name: not analysed"
    "$SEEP" analyze "$work/$name" --json >"$work/$name.json" || complain "$name: no JSON"
    tr -s ' \n' ' ' <"$work/$name.txt" >"$work/$name.flat"
}

# says NAME TEXT, hushes NAME TEXT: the report for a person, however it was wrapped
says() {
    grep -qF -- "$2" "$work/$1.flat" || complain "$1 does not say '$2': $(cat "$work/$1.txt")"
}
hushes() {
    ! grep -qF -- "$2" "$work/$1.flat" || complain "$1 says '$2': $(cat "$work/$1.txt")"
}

# holds NAME <<PYTHON: assertions on the JSON, which is `r`, its findings `f`, those that accuse `bad`
holds() {
    {
        echo "import json, sys
r = json.load(open(sys.argv[1]))
f = r['findings']
bad = [x for x in f if x['verdict'] in ('leak', 'suspect')]
def of(pid): return next(p for p in r['processes'] if p['pid'] == pid)"
        cat
    } | python3 - "$work/$1.json" || complain "$1: the JSON is not as it should be"
}

# --- Netty: grep left 96 lines of strace, half of them without a result ---
netty=("$data/netty-strace.txt" "$data/netty-pmap-X-line.txt" "$data/java/nmt-detail-17667.txt"
    "$data/java/jmap-heap-17667.txt" "$data/netty-hexdump-C.txt" "$data/java/oom.log"
    "$data/java/direct-memory-reporter.log")
answer netty --pid 16067 "${netty[@]}"
holds netty <<'PYTHON'
assert r['verdict'] == 'leak' and len(bad) == 1, bad
x = bad[0]
assert (x['region'], x['cause']) == ('anon-mmap', 'never-freed')
assert x['count'] == 96 and x['placed'] == 47 and x['unit_bytes'] == 16781312
assert x['bytes'] == 1611005952
assert 0.8 < x['confidence'] < 0.97
assert [t['tid'] for t in sorted(x['threads'], key=lambda t: t['tid'])] == list(range(25893, 25901))
v = x['vmas'][0]
assert (v['start'], v['end']) == ('0x7f4674483000', '0x7f46d46e3000')
assert round(100 * v['explained_bytes'] / v['size_bytes'], 1) == 99.9
assert x['first'].startswith('22:48:40.29') and x['last'].startswith('08:22:40.07')
assert x['content']['times']['last'] == '2021-03-02T00:29:13.220000000Z'
assert any('JavaMail' in s['text'] for s in x['content']['strings'])
assert 'PoolArena' in x['culprit']['function']
assert x['stacks'][0]['frames'][0]['kind'] == 'java' and x['stacks'][0]['count'] is None
assert '2,130,706,439 of 2,147,483,648' in x['reason'] and 'no munmap' in x['reason']
heap = next(y for y in f if y['region'] == 'runtime-heap')
assert heap['verdict'] == 'not-leak' and '955.0 MiB of 8,192.0 MiB' in heap['title']
assert r['evidence']['time_basis'] == 'time-of-day'
assert r['evidence']['started'] == '22:48:40.293407000'
j = next(j for j in r['java'] if j['pid'] == 17667)
assert (j['heap_used_bytes'], j['heap_max_bytes']) == (1001361104, 8589934592)
internal = next(c for c in j['categories'] if c['name'] == 'Internal')
assert internal['committed_bytes'] == internal['malloc_bytes'] == 4778 << 20
j = next(j for j in r['java'] if j['pid'] == 16067)
assert (j['direct_used_bytes'], j['direct_max_bytes']) == (2130706439, 2147483648)
assert r['memory']['limit_bytes'] == 2147483648
assert r['incidents'][0]['kind'] == 'out-of-memory' and 'PoolArena' in r['incidents'][0]['text']
assert any('17667' in a and '16067' in a for a in r['evidence']['assumptions'])
assert any('Thread.print' in m['command'] for m in r['evidence']['missing'])
assert any('-ttt' in m['command'] for m in r['evidence']['missing'])
assert '1970' not in json.dumps(r)
PYTHON
says netty "1,536.4 MiB in 96 mappings of 16.0 MiB"
says netty "49 known, 47 placed by the gaps"
says netty "explains 99.9% of its 1,538.4 MiB"
says netty "last at 08:22:40 (day +1)"
says netty "2021-03-02 00:29:13 UTC"
says netty "Internal 4,778.0 MiB"
hushes netty 1970

# Its events placed by --date and --tz, a thread dump beside it, and files that were copied years later.
sed 's/^ *at /\t&/' >"$work/threads.txt" <<'DUMP'
2021-03-02 08:22:41
Full thread dump OpenJDK 64-Bit Server VM (25.191-b12 mixed mode):

"nioEventLoopGroup-3-5" #40 prio=10 os_prio=0 tid=0x00007f4700000000 nid=0x6529 runnable [0x00007f4600000000]
   java.lang.Thread.State: RUNNABLE
    at io.netty.channel.epoll.Native.epollWait0(Native Method)
    at io.netty.channel.nio.NioEventLoop.run(NioEventLoop.java:493)

JNI global references: 4
DUMP
answer dated --pid 16067 --date 2021-03-01 --tz +08:00 "$data/netty-strace.txt" \
    "$data/netty-pmap-X-line.txt" "$data/netty-hexdump-C.txt" "$work/threads.txt"
holds dated <<'PYTHON'
assert r['verdict'] == 'leak' and bad[0]['count'] == 96, r['verdict']
x = bad[0]
assert x['last'].startswith('2021-03-02T00:22:40.07')
assert any(t['tid'] == 25897 and t['name'] == 'nioEventLoopGroup-3-5' for t in x['threads'])
stack = next(s for s in x['stacks'] if s['frames'])
assert stack['frames'][1]['function'] == 'io.netty.channel.nio.NioEventLoop.run'
assert 'thread 25897' in stack['end'] and '928 ms after' in stack['end'], stack['end']
PYTHON
says dated "content written 08:29:13, mapped at 08:22:40 by thread 25897"

# --- Kong: one moment of a master and its workers ---
mkdir "$work/kong.in"
for file in "$data"/kong-*; do
    cp "$file" "$work/kong.in/${file##*/kong-}"
done
cp "$data/smaps-kong.txt" "$work/kong.in/smaps-1360-excerpt.txt"
answer kong "$work"/kong.in/*
holds kong <<'PYTHON'
assert r['verdict'] == 'inconclusive' and not bad
assert {p['pid'] for p in r['processes']} == {1147, *range(1358, 1366)}
p = of(1360)
assert p['ppid'] == 1147 and p['rss_bytes'] == 1133520 << 10
assert p['private_dirty_bytes'] == 1126680 << 10 and p['shared_bytes'] == 6840 << 10
assert p['anon_huge_pages_bytes'] == 1042432 << 10 and r['memory']['thp'] == 'always'
assert of(1359)['rss_bytes'] == 625096 << 10
zones = next(x for x in f if x['region'] == 'shared-memory')
assert zones['verdict'] == 'not-leak' and zones['count'] == 6
assert zones['bytes'] == (131072 + 4 * 5120 + 4) << 10
assert sorted(v['size_bytes'] >> 10 for v in zones['vmas']) == [4, 5120, 5120, 5120, 5120, 131072]
huge = next(x for x in f if x['cause'] == 'huge-pages')
assert huge['verdict'] == 'inconclusive' and 'no proof' in huge['reason']
more = next(x for x in f if x['culprit']['pid'] == 1360 and x['cause'] == 'unknown')
assert more['bytes'] > 1 << 30 and '1.4 MiB of that in [heap]' in more['reason']
d = [x for x in r['differences'] if x['pid'] == 1360 and x['from_pid'] == 1147]
assert any(x['region'] == 'anon-mmap' and x['bytes'] - x['from_bytes'] > 1 << 30 for x in d)
assert r['memory']['growth_bytes_per_s'] is None
assert all(x['bytes_per_s'] is None for x in f)
PYTHON
says kong "1,042,432 of 1,133,520 KiB resident"
says kong "148.0 MiB in 6 shared zones"

# --- Redis: nothing is wrong ---
answer redis "$data"/redis-*
holds redis <<'PYTHON'
assert r['verdict'] == 'not-leak' and not bad
p = of(1100)
assert (p['virtual_bytes'], p['rss_bytes'], p['dirty_bytes']) == (35904 << 10, 8076 << 10, 6368 << 10)
gone = next(x for x in f if x['region'] == 'file')
assert gone['verdict'] == 'not-leak' and 'libc-2.12.so' in gone['title'] and 'replaced' in gone['reason']
PYTHON
says redis "no leak found"
says redis "35,904 8,076"

# --- ares: what smem said ---
cp "$data/ares-smem-6490.txt" "$work/smem-6490.txt"
answer ares "$work/smem-6490.txt" "$data/smaps-boost.txt"
python3 - "$work/ares.json" "$work/smem-6490.txt" <<'PYTHON' || complain "ares: not smem's table"
import json, sys
r = json.load(open(sys.argv[1]))
p = r['processes'][0]
assert r['target']['pid'] == p['pid'] == 6490 and not [x for x in r['findings'] if x['verdict'] != 'not-leak']
assert [p[k] >> 10 for k in ('virtual_bytes', 'rss_bytes', 'shared_bytes', 'private_clean_bytes',
                             'private_dirty_bytes')] == [835412, 274928, 2880, 8112, 263936]
rows, kind = [], None
for line in open(sys.argv[2]):
    if line.endswith('MAPPINGS\n'):
        kind = line.split()[0].lower()
    words = line.split()
    if kind and len(words) >= 6 and words[0].isdigit():
        rows.append((kind, int(words[0]), int(words[2]), int(words[4]), ' '.join(words[6:])))
told = [('private' if x['private_dirty_bytes'] is not None else 'shared', x['size_bytes'] >> 10,
         (x['private_clean_bytes'] if x['private_dirty_bytes'] is not None else x['shared_clean_bytes']) >> 10,
         (x['private_dirty_bytes'] if x['private_dirty_bytes'] is not None else x['shared_dirty_bytes']) >> 10,
         x['name']) for x in r['residents'] if x['start'] is None]
assert len(rows) > 60 and sorted(rows) == sorted(told)
PYTHON
says ares "[heap] alone has 252.8 MiB, 98.1% of what is private and dirty"
says ares "406,380 266,248 7,432 258,816"

# --- supervisord: a few lines of maps, and the heap's bytes ---
cp "$data/maps-supervisord.txt" "$work/maps-1553-head.txt"
answer supervisord "$work/maps-1553-head.txt"
holds supervisord <<'PYTHON'
heap = next(v for v in r['vmas'] if v['name'] == '[heap]')
assert heap['region'] == 'heap' and heap['size_bytes'] == 4856 << 10 and not bad
PYTHON
says supervisord "4,856 - - - - 564a7e667000-564a7eb25000 [heap]"
{
    printf 'last request 2021-03-02T00:29:13Z for /RPC2 from supervisorctl'
    head -c 8192 /dev/zero
} >"$work/heap.bin"
answer heap "$work/maps-1553-head.txt" --raw "$work/heap.bin@564a7e667000"
holds heap <<'PYTHON'
c = r['contents'][0]
assert c['pid'] == 1553 and c['start'] == '0x564a7e667000' and c['region'] == 'heap'
assert any('supervisorctl' in s['text'] for s in c['strings'])
assert c['times']['first'] == '2021-03-02T00:29:13.000000000Z'
PYTHON
says heap "for /RPC2 from supervisorctl"

# --- a JVM whose own map leaves something out, whose heap is full, and whom the kernel ended ---
cat >"$work/smaps-500.txt" <<'SMAPS'
7f0000000000-7f0004000000 rw-p 00000000 00:00 0
Size:              65536 kB
Rss:               65536 kB
Private_Clean:         0 kB
Private_Dirty:     65536 kB
7f1000000000-7f1008000000 rw-p 00000000 00:00 0
Size:             131072 kB
Rss:              131072 kB
Private_Clean:         0 kB
Private_Dirty:    131072 kB
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]
Size:                132 kB
Rss:                  12 kB
Private_Clean:         0 kB
Private_Dirty:        12 kB
SMAPS
cat >"$work/nmt-500.txt" <<'NMT'
500:

Native Memory Tracking:

Total: reserved=96MB, committed=96MB
-                 Java Heap (reserved=64MB, committed=64MB)
                            (mmap: reserved=64MB, committed=64MB)

-                     Other (reserved=32MB, committed=32MB)
                            (malloc=32MB #2)

Virtual memory map:

[0x00007f0000000000 - 0x00007f0004000000] reserved 64MB for Java Heap from
    [0x00007f2000000efb] ReservedSpace::initialize(unsigned long, unsigned long, bool, char*, bool)+0xab
NMT
{
    echo "Heap Configuration:"
    echo "   MaxHeapSize              = 67108864 (64.0MB)"
    echo "Heap Usage:"
    echo "G1 Heap:"
    echo "   capacity = 67108864 (64.0MB)"
    echo "   used     = 66060288 (63.0MB)"
} >"$work/jmap-500.txt"
printf 'java.lang.OutOfMemoryError: Java heap space\n\tat demo.Cart.add(Cart.java:7)\n' >"$work/app.log"
answer jvm --pid 500 "$work/smaps-500.txt" "$work/nmt-500.txt" "$work/jmap-500.txt" "$work/app.log"
holds jvm <<'PYTHON'
assert r['target']['pid'] == 500
heap = next(x for x in f if x['region'] == 'runtime-heap')
assert heap['verdict'] == 'suspect' and 'GC.heap_dump' in heap['next'][0]
j = r['java'][0]
assert j['unmapped_bytes'] == 128 << 20 and j['malloc_bytes'] == 32 << 20
assert j['outside_bytes'] == ((65536 + 131072 + 12) << 10) - (96 << 20)
PYTHON
says jvm "96.0 MiB no category explains"

# --- what is no leak ---

# Every mapping of that size is given back.
awk 'BEGIN { a = 139940000000000 - 139940000000000 % 4096
    for (i = 0; i < 60; i++) {
        printf "700 10:%02d:00.000000 mmap(NULL, 16781312, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x%x\n", i, a
        printf "700 10:%02d:30.000000 munmap(0x%x, 16781312) = 0\n", i, a
    } }' >"$work/returned.in"
answer returned "$work/returned.in"
holds returned <<'PYTHON'
assert not bad, bad
PYTHON

# Gaps that no number of calls fills.
python3 - "$data/netty-strace.txt" >"$work/odd.in" <<'PYTHON'
import re, sys
known = 0
for line in open(sys.argv[1]):
    def shift(m):
        return '= 0x%x' % (int(m.group(1), 16) - known * 4096)
    if '= 0x' in line:
        line = re.sub(r'= 0x([0-9a-f]+)', shift, line)
        known += 1
    print(line, end='')
PYTHON
answer odd --pid 16067 "$work/odd.in"
holds odd <<'PYTHON'
assert all(x['count'] == 49 and x['placed'] == 0 for x in f if x['count']), f
assert any('no whole multiple' in x['reason'] and '47 without a place' in x['reason'] for x in f)
PYTHON

# Two looks at a process that stays as it is, an hour apart; and at one that grows.
answer level "$data/redis-pmap-x-1100.txt@2021-03-01T10:00:00Z" \
    "$data/redis-pmap-d-1100.txt@2021-03-01T11:00:00Z"
holds level <<'PYTHON'
assert not bad and r['evidence']['duration_s'] == 3600 and not r['differences']
PYTHON
sed -e '/^00007f55223fe000/i 00007f5500000000   61440   61440   61440 rw---    [ anon ]' \
    -e 's/^total kB .*/total kB           97344   69516   67808/' \
    "$data/redis-pmap-x-1100.txt" >"$work/grown-1100.txt"
answer grown "$data/redis-pmap-x-1100.txt@2021-03-01T10:00:00Z" \
    "$work/grown-1100.txt@2021-03-01T11:00:00Z"
holds grown <<'PYTHON'
d = r['differences'][0]
assert (d['pid'], d['from_pid'], d['region'], d['appeared']) == (1100, 1100, 'anon-mmap', 1), d
assert any(v['growth_bytes'] == 60 << 20 for x in f for v in x['vmas']), f
PYTHON
exit "$failed"
