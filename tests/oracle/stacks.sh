# shellcheck shell=bash
# What the oracle tests of call paths have in common. To be sourced:
#
#     dir=$(mktemp -d)
#     . "$SOURCE/tests/oracle/stacks.sh"
#     need gcc                                  or skip
#     build calls gcc -O2 -g calls.c            $dir/calls, from sources in tests/oracle/stacks
#     compare "calls -O2" [OPTION...] -- "$dir/calls"
#                                               runs it under seep and under gdb; see stacks_compare.py
#     compare_case WHAT [OPTION...] CASE GDB    the same of a case and of what gdb saw
#     check WHAT CASE <<<'expect(...)'          see stacks_check.py
#     finish                                    the exit status
#
# Both runs have the same environment and addresses. It takes from real.sh what is not its own.
: "${dir:?}"
. "$SOURCE/tests/oracle/real.sh"
sources=$SOURCE/tests/oracle/stacks
export PYTHONDONTWRITEBYTECODE=1
failed=0
seep_options= # of seep run, for compare
follow=parent # whom gdb goes with after a fork: parent, child, or both, one after the other

skip() {
    echo "skipped: $*"
    exit 77
}

[ "$(uname -m)" = x86_64 ] || skip "stacks of $(uname -m) are not unwound"
need gdb readelf
setarch -R true 2>/dev/null || skip "setarch cannot switch address randomisation off"
gdb -nx -batch -ex 'python import json' >"$dir/gdb.log" 2>&1 && [ ! -s "$dir/gdb.log" ] ||
    skip "gdb has no python: $(head -n 1 "$dir/gdb.log")"

# Where real.sh's fail ends the test, what is wrong with one program says nothing of the next.
complain() {
    echo "FAILED: $*"
    failed=1
}

# Words without a slash that name a source are found among the sources.
build() { # OUTPUT COMPILER ARGUMENT...
    local output=$1 argument arguments=()
    shift
    for argument; do
        [ ! -e "$sources/$argument" ] || argument=$sources/$argument
        arguments+=("$argument")
    done
    # The compiler's warnings are not what is tested.
    "${arguments[@]}" -o "$dir/$output" >"$dir/build.log" 2>&1 || {
        complain "$output does not build: $(grep -m 1 error "$dir/build.log" || tail -n 1 "$dir/build.log")"
        return 1
    }
}

# Whether the compiler makes programs with these options.
makes() { # COMPILER OPTION...
    command -v "$1" >/dev/null || return 1
    echo 'int main() { return 0; }' | "$@" -x c - -o "$dir/made" 2>/dev/null && "$dir/made"
}

# What gdb sees of a program goes to $dir/NAME.gdb.
ask_gdb() { # NAME FOLLOW PROGRAM ARGUMENT...
    local name=$1 whom=$2 status=0
    shift 2
    # Its own environment: the program gets none.
    env -i HOME="$dir" setarch -R gdb -nx -batch -ex "py OUT = '$dir/$name.gdb'" -ex "py FOLLOW = '$whom'" \
        -x "$SOURCE/tests/oracle/stacks_gdb.py" --args "$@" >"$dir/gdb.log" 2>&1 </dev/null || status=$?
    [ "$status" = 0 ] || {
        complain "$1 under gdb: status $status: $(grep -v Catchpoint "$dir/gdb.log" | tail -n 1)"
        return 1
    }
}

# A case $dir/NAME.case. Before each run, the function `prepare` is called, if there is one.
record() { # NAME PROGRAM ARGUMENT...
    local name=$1 status=0
    shift
    rm -rf "$dir/$name.case"
    # shellcheck disable=SC2086
    env -i setarch -R "$SEEP" run --quiet --max-slowdown 100 $seep_options -o "$dir/$name.case" -- \
        "$@" >"$dir/seep.log" 2>&1 </dev/null || status=$?
    [ "$status" = 0 ] || {
        complain "$1 under seep: status $status: $(tail -n 1 "$dir/seep.log")"
        return 1
    }
}

compare() { # WHAT OPTION... -- PROGRAM ARGUMENT...
    local what=$1 options=() whom gdb=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    for whom in $follow; do
        ! declare -F prepare >/dev/null || prepare
        ask_gdb "now.$whom" "$whom" "$@" || return 0
        gdb+=("$dir/now.$whom.gdb")
    done
    ! declare -F prepare >/dev/null || prepare
    ! record now "$@" || compare_case "$what" "${options[@]}" "$dir/now.case" "${gdb[@]}"
}

compare_case() { # WHAT OPTION... CASE GDB...
    local what=$1
    shift
    python3 "$SOURCE/tests/oracle/stacks_compare.py" --what "$what" "$@" || failed=1
}

check() { # WHAT CASE <EXPECTATIONS
    python3 "$SOURCE/tests/oracle/stacks_check.py" "$1" "$dir/$2.case" || failed=1
}

finish() {
    exit "$failed"
}
