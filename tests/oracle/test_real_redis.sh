#!/bin/bash
# redis-server, whose data set grows: it must answer while it is watched and after, and growth that
# its allocator holds for it must not be called a leak.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/real.sh"
need redis-server redis-benchmark redis-cli
socket=$dir/redis.sock
ask() { redis-cli -s "$socket" "$@"; }

redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no --dir "$dir" \
    >"$dir/redis.log" 2>&1 & server=$!
started "$server"
await "answer of redis-server" ask ping
redis-benchmark -s "$socket" -t set -r 100000000 -d 200 -n 10000000 -q >/dev/null 2>&1 & load=$!
started "$load"

record set 5 -p "$server"
untouched "$server"
kill "$load"
wait "$load" 2>/dev/null || true
check set <<'PYTHON'
expect(report["target"]["command"].startswith("redis-server"), "command")
expect(report["memory"]["virtual_last_bytes"] > report["memory"]["virtual_first_bytes"], "no growth")
expect(not found("leak"), "a data set is called a leak")
expect(found("suspect"), "growth is not told")
PYTHON

redis-benchmark -s "$socket" -t get -r 100000000 -n 10000000 -q >/dev/null 2>&1 & load=$!
started "$load"
record get 3 -p "$server"
untouched "$server"
kill "$load"
wait "$load" 2>/dev/null || true
check get <<'PYTHON'
expect(not found("leak suspect"), "reading is called growth")
PYTHON

[ "$(ask set seep "was here")" = OK ] || fail "redis-server does not answer"
[ "$(ask get seep)" = "was here" ] || fail "redis-server answers wrongly"
[ "$(ask dbsize)" -gt 100 ] || fail "the data set is gone"
ask shutdown nosave
ended_with 0 "$server"
