#!/bin/sh
# The event log equals strace's: on programs that make every call of the table, with one thread and
# with several, started by seep and attached to, 64-bit and 32-bit.
set -eu

skip() {
    echo "skipped: $1"
    exit 77
}

command -v strace >/dev/null || skip "strace is not installed"
strace -o /dev/null true 2>/dev/null || skip "this user may not trace a process"
setarch -R true 2>/dev/null || skip "setarch cannot switch address randomisation off"

work=$(mktemp -d)
target=
tracer=
cleanup() {
    for pid in $tracer $target; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

traced='mmap,?mmap2,munmap,mremap,brk,mprotect,pkey_mprotect,madvise,shmat,shmdt,shmget,shmctl'
traced="$traced,memfd_create,process_madvise,io_setup,io_destroy,remap_file_pages,?map_shadow_stack"
failed=0

# alike FILE [awk options]: the lines of FILE without what differs between runs, by thread
alike() {
    file=$1
    shift
    awk "$@" -f "$SOURCE/tests/oracle/strace_lines.awk" "$file" | LC_ALL=C sort | tr '\001' '\n'
}

# compare WHAT EXPECTED GOT
compare() {
    if [ ! -s "$2" ]; then
        echo "$1: strace saw nothing"
        failed=1
    elif diff "$2" "$3" >"$work/differences"; then
        echo "$1: $(wc -l <"$2") lines are equal"
    else
        echo "$1: strace (<) and seep (>) differ:"
        head -n 20 "$work/differences"
        failed=1
    fi
}

# in_order WHAT FILE: the lines' times never go back
in_order() {
    awk '$2 + 0 < last { print "line " NR " is earlier than the one before"; exit 1 } { last = $2 + 0 }' \
        "$2" || {
        echo "$1: out of order"
        failed=1
    }
}

# plainly CMD...: the same environment and addresses in every run
plainly() {
    env -i setarch -R "$@"
}

# base_is_there CASE: a file without a snapshot has a few bytes already
base_is_there() {
    [ "$({ wc -c <"$1/snapshots"; } 2>/dev/null || echo 0)" -gt 1000 ]
}

# attach PROGRAM CASE: starts PROGRAM, which waits for a byte, attaches, and lets it go on
attach() {
    rm -f "$work/gate"
    mkfifo "$work/gate"
    exec 3<>"$work/gate"
    env -i setarch -R "$1" gated <"$work/gate" >/dev/null 3>&- &
    target=$!
    "$SEEP" trace -p "$target" --quiet --max-slowdown 100 -o "$2" 3>&- &
    tracer=$!
    # The base is read while the target stands still: once it is there, no call goes unseen.
    tries=0
    while ! base_is_there "$2" && [ $tries -lt 600 ] && kill -0 "$tracer" 2>/dev/null; do
        sleep 0.05
        tries=$((tries + 1))
    done
    printf 'go' >&3
    wait "$target" || true
    target=
    wait "$tracer" || {
        echo "seep trace failed"
        failed=1
    }
    tracer=
    exec 3>&-
}

for name in calls calls32 threads threads32 exec exec32; do
    program=$SAMPLES/exercise_$name
    case $name in *32)
        [ -x "$program" ] || {
            echo "$name: left out, the compiler has no -m32 (gcc-multilib)"
            continue
        }
        ;;
    esac
    plainly strace -f -ttt -T -e "trace=$traced" -o "$work/strace" "$program" >/dev/null || true
    alike "$work/strace" >"$work/expected"
    alike "$work/strace" -v between=1 >"$work/expected.between"

    plainly "$SEEP" run --quiet --max-slowdown 100 -o "$work/run.$name" -- "$program" \
        >/dev/null || true
    "$SEEP" show "$work/run.$name" events --format strace >"$work/seep"
    alike "$work/seep" >"$work/got"
    compare "$name, started by seep" "$work/expected" "$work/got"
    in_order "$name, started by seep" "$work/seep"

    attach "$program" "$work/trace.$name"
    "$SEEP" show "$work/trace.$name" events --format strace >"$work/seep"
    alike "$work/seep" -v between=1 >"$work/got"
    compare "$name, attached to" "$work/expected.between" "$work/got"
    in_order "$name, attached to" "$work/seep"
done
exit $failed
