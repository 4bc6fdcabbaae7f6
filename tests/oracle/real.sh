# shellcheck shell=bash
# What the tests with real programs have in common. To be sourced:
#
#     dir=$(mktemp -d)
#     . "$SOURCE/tests/oracle/real.sh"
#     need redis-server redis-benchmark        or skip
#     redis-server ... & started $!            to be killed at the end, whatever happens
#     record NAME SECONDS -p PID               a case $dir/NAME, a report $dir/NAME.json
#     check NAME <<<'expect(...)'              see check_report.py
#
# Everything they start listens on unix sockets or free ports in $dir and of this machine alone.
: "${SEEP:?}" "${SOURCE:?}" "${dir:?}"
mine=()

clean_up() {
    for pid in "${mine[@]}"; do
        # shellcheck disable=SC2046
        kill -9 "$pid" $(cat /proc/"$pid"/task/*/children 2>/dev/null) 2>/dev/null || true
    done
    [ -n "${KEEP-}" ] && echo "kept: $dir" || rm -rf "$dir"
}
trap clean_up EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

need() {
    local program
    for program in "$@" python3; do
        command -v "$program" >/dev/null || { echo "$program is missing"; exit 77; }
    done
}

started() {
    mine+=("$1")
}

# Waits until a command succeeds, or fails with what was waited for.
await() { # WHAT COMMAND...
    local what=$1
    shift
    for _ in $(seq 1500); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.02
    done
    fail "no $what within 30 s"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# No thread of PID is traced or stopped, and PID is no zombie.
untouched() { # PID
    local status
    for status in /proc/"$1"/task/*/status; do
        grep -q '^TracerPid:.0$' "$status" || fail "$status: $(grep '^TracerPid' "$status")"
        grep -q '^State:.[RSD]' "$status" || fail "$status: $(grep '^State' "$status")"
    done
}

record() { # NAME SECONDS OPTION...
    local name=$1 seconds=$2 status=0
    shift 2
    "$SEEP" trace --quiet --max-slowdown 100 --snap-every 500ms --dump growing --for "${seconds}s" \
        -o "$dir/$name" --json "$dir/$name.json" "$@" || status=$?
    [ "$status" = 0 ] || fail "seep trace: status $status"
}

check() { # NAME <EXPECTATIONS
    python3 "$SOURCE/tests/oracle/check_report.py" "$dir/$1.json" || fail "$1's report"
}

# The orderly end of PID, a child of this shell: its exit status must be STATUS.
ended_with() { # STATUS PID
    local status=0
    wait "$2" || status=$?
    [ "$status" = "$1" ] || fail "exit status $status, not $1"
}
