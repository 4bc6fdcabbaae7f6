#!/bin/sh
# strace's logs, made with each of its options that change their shape, are imported and printed
# again as strace prints: the same calls by the same threads come out. So do seep's own.
set -eu

skip() {
    echo "skipped: $1"
    exit 77
}

command -v strace >/dev/null || skip "strace is not installed"
strace -o /dev/null true 2>/dev/null || skip "this user may not trace a process"
setarch -R true 2>/dev/null || skip "setarch cannot switch address randomisation off"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

traced='mmap,?mmap2,munmap,mremap,brk,mprotect,pkey_mprotect,madvise,shmat,shmdt,shmget,shmctl'
traced="$traced,memfd_create,process_madvise,io_setup,io_destroy,remap_file_pages,?map_shadow_stack"
failed=0

complain() {
    echo "$*"
    failed=1
}

# alike FILE: by thread, the halves of calls joined, what differs between runs left out
alike() {
    awk -f "$SOURCE/tests/oracle/strace_lines.awk" "$1" | LC_ALL=C sort | tr '\001' '\n'
}

# plain FILE: strace's lines as -f -ttt writes them, whatever they were: "TID 0.0 REST". Of the calls
# only those of the table, and without what pointers point to, which is not kept.
plain() {
    sed -E -e '/^ > /d' -e '/^\[ Process/d' -e '/^strace: /d' -e 's/^\[pid +([0-9]+)\] /\1 /' \
        -e 's/^([0-9]+)(<[^>]*>)? +([0-9]+[:.][0-9:.]+ +)?(\(\+ +[0-9.]+\) )?(\[[ 0-9]+\] )?(\[[0-9a-f?]+\] )?/\1 0.0 /' \
        -e 's/([,=] [0-9]+|^[0-9]+ 0.0 process_madvise\([0-9]+)<[/a-z][^>]*>*(\(deleted\))?/\1/g' \
        -e 's/(process_madvise\([^,]*, )\[.*\}\]/\1NULL/' -e 's/(shmctl\(.*, )\{shm_perm=.*\}\)/\1NULL)/' "$1" |
        grep -E "^[0-9]+ 0\.0 (<\.\.\. )?(\+\+\+ |syscall_0x1c5|$(echo "$traced" | tr -d '?' | tr , '|')[( ])" |
        sed -E 's/ +$//'
}

# compare WHAT LOG...: imports and prints them, and compares with what the logs say
compare() {
    what=$1
    shift
    rm -rf "$work/case"
    "$SEEP" import -o "$work/case" "$@" >"$work/said" || {
        complain "$what: the import failed"
        return
    }
    ! grep -q skipped "$work/said" || complain "$what: $(cat "$work/said")"
    "$SEEP" show "$work/case" events --format strace >"$work/seep"
    alike "$work/seep" | sed -E 's/ +$//' >"$work/got"
    alike "$work/expected.log" >"$work/expected"
    if [ ! -s "$work/expected" ]; then
        complain "$what: strace saw nothing"
    elif diff "$work/expected" "$work/got" >"$work/differences"; then
        echo "$what: $(wc -l <"$work/expected") lines are equal"
    else
        complain "$what: the log (<) and what was imported (>) differ:"
        head -n 10 "$work/differences"
    fi
}

# run NAME OPTIONS...: one log of all threads, with strace's OPTIONS
run() {
    program=$SAMPLES/exercise_$1
    what="$1, strace $2"
    rm -f "$work"/log*
    # shellcheck disable=SC2086 # options are words
    env -i setarch -R strace $2 -e "trace=$traced" -o "$work/log" "$program" >/dev/null 2>&1 || true
    plain "$work/log" >"$work/expected.log"
    compare "$what" "$work/log"
}

for name in calls calls32 threads exec; do
    [ -x "$SAMPLES/exercise_$name" ] || {
        echo "$name: left out, the compiler has no -m32 (gcc-multilib)"
        continue
    }
    for options in -f "-f -r" "-f -t" "-f -tt" "-f -ttt" "-f -tt -T" "-f -ttt -y" "-f -tt -yy" \
        "-f -r -tt" "-f -tt -i -n" "-f -ttt --decode-pids=comm"; do
        run "$name" "$options"
    done

    # seep's own lines, to the letter
    "$SEEP" run --quiet --max-slowdown 100 -o "$work/own" -- "$SAMPLES/exercise_$name" \
        >/dev/null || true
    "$SEEP" show "$work/own" events --format strace >"$work/own.log"
    "$SEEP" import -q -o "$work/again" "$work/own.log"
    "$SEEP" show "$work/again" events --format strace | diff "$work/own.log" - >"$work/differences" ||
        complain "$name: a recording that was printed and imported differs:" \
            "$(head -n 5 "$work/differences")"
    rm -rf "$work/own" "$work/again"
done

# Stacks: each call keeps the path that follows it.
run calls "-f -tt -k"
paths=$(awk '/^ > /{ n++ } END { print n + 0 }' "$work/log")
[ "$paths" -eq 0 ] || "$SEEP" show "$work/case" events --json |
    grep -q '"stack":[1-9]' || complain "-k: no event has its call path"

# A file for each thread.
rm -f "$work"/log*
strace -ff -ttt -T -o "$work/log" "$SAMPLES/exercise_threads" >/dev/null 2>&1 || true
for file in "$work"/log.*; do
    sed "s/^/${file##*.} /" "$file"
done >"$work/joined"
plain "$work/joined" >"$work/expected.log"
compare "threads, strace -ff" "$work"/log.*

# A log of everything tells whose thread is whose, compressed or with other line ends all the same.
rm -f "$work"/log*
strace -f -ttt -T -o "$work/log" "$SAMPLES/exercise_threads" >/dev/null 2>&1 || true
plain "$work/log" >"$work/expected.log"
compare "threads, all calls" "$work/log"
first=$(sed -n '1s/ .*//p' "$work/log")
others=$(awk '/ CLONE_THREAD|CLONE_THREAD\|/{ n++ } END { print n + 0 }' "$work/log")
"$SEEP" show "$work/case" events --json | grep -q "\"pid\":$first," || complain "the process is not called $first, by its first thread"
[ "$others" -gt 0 ] || complain "the sample made no threads"
gzip -k "$work/log"
compare "threads, compressed" "$work/log.gz"
sed 's/$/\r/' "$work/log" >"$work/log.crlf"
compare "threads, CRLF" "$work/log.crlf"
tr '\n' '\r' <"$work/log" >"$work/log.cr"
compare "threads, CR" "$work/log.cr"

# What strace shows on a terminal: no pid while there is one thread, notes in the midst of lines.
strace -f -tt "$SAMPLES/exercise_threads" 2>"$work/log" >/dev/null || true
rm -rf "$work/case"
"$SEEP" import -o "$work/case" "$work/log" >"$work/said"
! grep -q skipped "$work/said" || complain "stderr's log: $(cat "$work/said")"
calls=$(grep -cE '(^|\] |[0-9] )mmap\(' "$work/log")
got=$("$SEEP" show "$work/case" events | grep -c ' mmap(' || true)
[ "$calls" = "$got" ] || complain "stderr's log has $calls calls of mmap, $got were imported"
exit $failed
