#!/bin/bash
# Import and what files can be: many, unknown, hostile; and an import that does not come to its end.
# SEEP: the program.
set -u

work=$(mktemp -d "${TMPDIR:-/tmp}/seep-import-files.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

fail() {
    echo "FAILED: $*"
    failed=1
}

# expect WORDS FILE: the file has them.
expect() {
    grep -q -e "$1" "$2" || {
        fail "'$1' is not in $2:"
        sed 's/^/    /' "$2"
    }
}

line='10:00:00.000001 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)'

# --- many files: descriptors are few, and the files of strace -ff often as large as each other ---
mkdir many
i=10000
while [ $i -lt 11500 ]; do
    echo "$line = 0x7f00${i}000" >many/t.$i
    i=$((i + 1))
done
if ! (ulimit -n 64 && "$SEEP" import -o many.case many/t.*) >out 2>&1; then
    fail "1,500 files with 64 descriptors: $(tail -1 out)"
fi
[ "$("$SEEP" show many.case events | grep -c ' mmap(')" = 1500 ] || fail "events of many files are missing"

# --- of no known kind: all are named, before anything is written ---
printf 'one\ntwo\n' >numbers
printf 'hello\nworld\n' >words
if "$SEEP" import -o unknown.case many/t.10000 numbers words >out 2>&1; then
    fail "unknown files were taken"
fi
expect 'numbers is of no known kind' out
expect 'words is of no known kind' out
expect '2 of 3 files' out
expect 'skip-unknown' out
[ -e unknown.case ] && fail "a refused import left a case"
"$SEEP" import -o skipped.case --skip-unknown many/t.10000 numbers words >out 2>&1 || fail "--skip-unknown: $(cat out)"
"$SEEP" import -o skipped2.case --skip-unknown numbers words >out 2>&1 && fail "nothing known, and a case"

# --- what is no text file of ours ---
printf '\377\376h\0i\0' >wide
"$SEEP" import -o wide.case wide >out 2>&1 && fail "UTF-16 was taken"
expect 'iconv' out
"$SEEP" import -o device.case --raw /dev/zero@0x1000 >out 2>&1 && fail "a device was taken"
expect 'is a device' out
"$SEEP" import -o dir.case many >out 2>&1 && fail "a directory was taken"
expect 'is a directory' out
mkfifo pipe
(cat many/t.10000 >pipe &)
"$SEEP" import -o pipe.case pipe >out 2>&1 || fail "a pipe: $(cat out)"
ln -s many/t.10000 link
"$SEEP" import -o link.case link >out 2>&1 || fail "a link: $(cat out)"
printf '%s = 0x7f0000000000\r\n' "$line" >crlf
"$SEEP" import -o crlf.case crlf >out 2>&1 || fail "CRLF: $(cat out)"
{
    cat many/t.10000
    head -c 30000000 /dev/zero
    echo
    cat many/t.10001
} >long
(ulimit -v 2000000 && "$SEEP" import -o long.case long) >out 2>&1 || fail "a line of 30 MB: $(cat out)"

# --- gzip that is cut: what was read stays; gzip that swells ---
cat many/t.1* | gzip >all.gz
head -c $(($(stat -c %s all.gz) / 2)) all.gz >cut.gz
"$SEEP" import -o cut.case cut.gz >out 2>&1 || fail "cut gzip: $(cat out)"
expect 'gzip file is cut' out
expect 'events' out
head -c 300000000 /dev/zero | gzip >bomb.gz
"$SEEP" import -o bomb.case --raw bomb.gz@0x10000000 >out 2>&1 || fail "zeros: $(cat out)"
[ "$(du -sk bomb.case | cut -f1)" -lt 4000 ] || fail "a bomb became $(du -sk bomb.case | cut -f1) KiB"

# --- text of memory that says more than it holds ---
i=0
while [ $i -lt 200 ]; do
    printf '%012x  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n' $((i * 900000000))
    i=$((i + 1))
done >stars
(ulimit -f 400000 && "$SEEP" import -o stars.case stars) >out 2>&1 || fail "stars: $(cat out)"
expect 'what it stands for is unknown' out
[ "$(du -sk stars.case | cut -f1)" -lt 4000 ] || fail "200 stars became $(du -sk stars.case | cut -f1) KiB"

# --- a core of which all segments claim the same bytes ---
if command -v python3 >/dev/null; then
    python3 - <<'PYTHON'
import struct
size, count = 4 << 20, 500
head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 4, 62, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0)
loads = b"".join(struct.pack("<IIQQQQQQ", 1, 6, 0, 0x10000000 * (i + 1), 0, size, size, 4096)
                 for i in range(count))
noise = b"".join(struct.pack("<Q", i * 0x9E3779B97F4A7C15 & (1 << 64) - 1) for i in range(size // 8))
open("greedy.core", "wb").write(head + loads + noise[len(head + loads):])
# Regions that no process has.
with open("regions", "w") as f:
    for i in range(1200000):
        f.write(f"{0x7f0000000000 + i * 8192:x}-{0x7f0000000000 + i * 8192 + 4096:x} rw-p 00000000 00:00 0 \n")
PYTHON
    "$SEEP" import -o greedy.case greedy.core >out 2>&1 || fail "a greedy core: $(cat out)"
    expect 'claim the same bytes' out
    [ "$(du -sk greedy.case | cut -f1)" -lt 20000 ] || fail "a core of 4 MiB became $(du -sk greedy.case | cut -f1) KiB"
    "$SEEP" import -o regions.case regions >out 2>&1
    (ulimit -v 2000000 && "$SEEP" analyze regions.case) >out 2>&1
    grep -q 'Cannot allocate\|out of memory' out && fail "1,200,000 regions take gigabytes"
fi

# --- a case that is larger in memory than on the disk ---
mkdir bloated.case
{
    printf '{"schema": "seep-case/1", "x": ['
    yes '{},' | head -2000000
    printf '{}]}'
} >bloated.case/case.json
(ulimit -v 500000 && "$SEEP" analyze bloated.case) >out 2>&1 && fail "a bloated case was read"
expect 'holds more than any case has' out

# --- the end of an import that has not come to it ---
mkfifo never
sleep 300 >never &
holder=$!
"$SEEP" import -o ended.case never many/t.1* >out 2>&1 &
importer=$!
# It waits at the head of the pipe, before there is a case; then a first line lets it go on.
{
    i=0
    while [ $i -lt 2000 ]; do
        echo "1 $line = 0x7f0000000000"
        i=$((i + 1))
    done
} >never
i=0
while [ ! -e ended.case/case.json ] && [ $i -lt 300 ]; do
    sleep 0.1
    i=$((i + 1))
done
[ -e ended.case/case.json ] || fail "the import has not begun: $(cat out)"
kill -TERM $importer
wait $importer && fail "an import that was ended says that it succeeded"
expect 'SIGTERM' out
[ -e ended.case ] && fail "an import that was ended left $(ls ended.case)"

"$SEEP" import -o killed.case never many/t.1* >out 2>&1 &
importer=$!
{
    i=0
    while [ $i -lt 2000 ]; do
        echo "1 $line = 0x7f0000000000"
        i=$((i + 1))
    done
} >never
i=0
while [ ! -e killed.case/case.json ] && [ $i -lt 300 ]; do
    sleep 0.1
    i=$((i + 1))
done
sleep 0.2
kill -KILL $importer
wait $importer 2>/dev/null
kill $holder
sleep 0.2
"$SEEP" analyze killed.case >out 2>&1
expect 'did not end' out
for topic in vmas ledger events; do
    "$SEEP" show killed.case $topic >out 2>&1
    expect 'did not end' out
done

# --- a full disk ---
(ulimit -f 20 && "$SEEP" import -o full.case all.gz many/t.10000) >out 2>&1 &&
    expect 'events' out
(ulimit -f 2 && "$SEEP" import -o full2.case many/t.1[0-4]*) >out 2>&1 && fail "no room, and a case"
expect 'full2.case' out
[ -e full2.case ] && fail "an import without room left a case"

# --- where the case is to be ---
mkdir readonly
touch file
"$SEEP" import -o file many/t.10000 >out 2>&1 && fail "a file was taken as a case"
expect 'no directory' out

[ $failed = 0 ] && echo "all as expected"
exit $failed
