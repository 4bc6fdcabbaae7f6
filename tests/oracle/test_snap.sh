#!/bin/bash
# seep snap against the kernel's own text and pmap -X, on processes that stand still.
set -eu
: "${SEEP:?}" "${SOURCE:?}"
for tool in python3 pmap; do
    command -v "$tool" >/dev/null || { echo "$tool is missing"; exit 77; }
done
dir=$(mktemp -d)
pids=()
trap '{ kill -9 "${pids[@]}" && wait; } 2>/dev/null || true; rm -rf "$dir"' EXIT

fail() { echo "FAILED: $*"; exit 1; }

await() { # CONDITION...
    for _ in $(seq 3000); do
        "$@" && return
        sleep 0.01
    done
    fail "waited in vain: $*"
}
all_stopped() { ! grep -L '^State:.[Tt]' "/proc/$1/task/"*/status | grep -q .; }
stop() { kill -STOP "$1"; await all_stopped "$1"; }

compare() { # NAME PID
    stop "$2"
    "$SEEP" snap -p "$2" --json -o "$dir/$1.seep" >"$dir/$1.json" || fail "seep snap of $1"
    cat "/proc/$2/smaps" >"$dir/$1.smaps"
    cat "/proc/$2/smaps_rollup" >"$dir/$1.rollup"
    pmap -X "$2" >"$dir/$1.pmap"
    printf '%s: ' "$1"
    python3 "$SOURCE/tests/oracle/snap_compare.py" "$dir/$1.json" "$dir/$1.seep" "$dir/$1.smaps" \
        "$dir/$1.rollup" "$dir/$1.pmap" || fail "$1"
}

sleep 1000 & pids+=($!)
sleep_pid=$!
compare sleep "$sleep_pid"

# A bit of everything: private, shared, locked, lazily freed, a deleted file with odd characters.
cat >"$dir/regions.py" <<'PYTHON'
import ctypes, mmap, os, sys, time
directory = sys.argv[1]
private = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
private[:6 << 20] = b"p" * (6 << 20)
lazy = mmap.mmap(-1, 4 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
lazy.madvise(mmap.MADV_NOHUGEPAGE)
lazy[:] = b"l" * (4 << 20)
lazy.madvise(8)  # MADV_FREE
huge = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
huge.madvise(mmap.MADV_HUGEPAGE)
huge[:] = b"h" * (8 << 20)
shared = mmap.mmap(-1, 1 << 20)
shared[:5000] = b"s" * 5000
locked = mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
ctypes.CDLL(None).mlock(ctypes.byref(ctypes.c_char.from_buffer(locked)), 64 << 10)
memfd = os.memfd_create("pool of\n\x1b[31mwords (x)")
os.ftruncate(memfd, 1 << 30)
os.pwrite(memfd, b"m" * 8192, 1 << 20)
pool = mmap.mmap(memfd, 2 << 20)
path = os.path.join(directory, "a name\nwith \\ and \\012 (deleted)")
with open(path, "w+b") as file:
    file.truncate(1 << 20)
    mapped = mmap.mmap(file.fileno(), 1 << 20, flags=mmap.MAP_SHARED)
    mapped[:20000] = b"f" * 20000
os.unlink(path)
os.mkfifo(os.path.join(directory, "fifo"))
fifo = os.open(os.path.join(directory, "fifo"), os.O_RDONLY | os.O_NONBLOCK)
print("ready", flush=True)
time.sleep(1000)
PYTHON
python3 "$dir/regions.py" "$dir" >"$dir/regions.out" & pids+=($!)
regions_pid=$!
await grep -q ready "$dir/regions.out"
compare regions "$regions_pid"
python3 - "$dir/regions.json" <<'PYTHON' || fail "what the regions hold"
import json, sys
snap = json.load(open(sys.argv[1]))
held = snap["held"]
assert held, snap
for h in held:  # mmap keeps a descriptor of its own
    assert h["name"] == "/memfd:pool of\n\x1b[31mwords (x) (deleted)", held
    assert h["held_bytes"] == 8192 and h["size_bytes"] == 1 << 30, held
assert any(v["name"].startswith("/memfd:pool of\n\x1b") for v in snap["vmas"])
assert sum(v["lazy_free_bytes"] for v in snap["vmas"]) > 0
assert snap["threads"][0]["state"] == "T", snap["threads"]
PYTHON

# The text: at 80 columns no line is wider, and nothing steers the terminal.
COLUMNS=80 "$SEEP" snap -p "$regions_pid" >"$dir/text"
awk 'length > 80 { print; exit 1 }' "$dir/text" || fail "a line wider than 80 columns"
LC_ALL=C grep -q '[[:cntrl:]]' "$dir/text" && fail "control characters"
rss=$(awk '/^Rss:/ { printf "%d", $2 }' "$dir/regions.rollup")
tr -d , <"$dir/text" | grep -q "^ *total .* $rss " || fail "the total is not $rss KiB"
"$SEEP" snap -p "$regions_pid" | grep -q ' Swap .*Locked .* Mapping$' || fail "columns into a pipe"
"$SEEP" snap -p "$regions_pid" --sort rss | awk '
    /^ *[0-9a-f]+ +[0-9a-f]+ / { gsub(",", "", $8); if (seen++ && $8 + 0 > last) exit 1; last = $8 + 0 }
    END { exit seen < 5 }' || fail "not in the order of Rss"

# A family: the parts add up to what the kernel says of each.
bash -c 'sleep 1000 & sleep 1000 & wait' & pids+=($!)
family=$!
two_children() { [ "$(wc -w <"/proc/$1/task/$1/children")" = 2 ]; }
await two_children "$family"
read -r first second <"/proc/$family/task/$family/children" || true # no newline at its end
pids+=("$first" "$second")
"$SEEP" snap -p "$family" --tree >"$dir/tree"
for pid in "$family" "$first" "$second"; do
    grep -q "^ *$pid " "$dir/tree" || fail "process $pid is missing"
done
grep -q '3 processes$' "$dir/tree" || fail "no total of the family"
"$SEEP" snap -p "$family" --tree --json |
    python3 -c 'import json, sys
snap = json.load(sys.stdin)
assert [p["pid"] for p in snap["processes"]] == [int(word) for word in sys.argv[1:]]
assert {v["pid"] for v in snap["vmas"]} == {int(word) for word in sys.argv[1:]}' \
        "$family" "$first" "$second" || fail "the family as JSON"

# A case is written once, and complete.
grep -q '"state": "complete"' "$dir/sleep.seep/case.json" || fail "the case is not complete"
"$SEEP" snap -p "$sleep_pid" -o "$dir/sleep.seep" >/dev/null 2>"$dir/err" && fail "wrote over a case"
[ "$(stat -c %a "$dir/sleep.seep" "$dir/sleep.seep/snapshots" | xargs)" = "700 600" ] ||
    fail "the case is open to others"

# What cannot be looked at is told apart, with what to do.
refused() { # STATUS WORDS ARGUMENT...
    local status=0 want=$1 words=$2
    shift 2
    "$SEEP" snap "$@" >"$dir/out" 2>"$dir/err" || status=$?
    [ "$status" = "$want" ] || fail "seep snap $*: status $status, not $want"
    grep -q "$words" "$dir/err" || fail "seep snap $*: $(cat "$dir/err")"
    [ ! -s "$dir/out" ] || fail "seep snap $*: output beside the error"
}
refused 2 "which process"
refused 2 "process ids" -p 0
refused 2 "process ids" -p x
refused 2 "sort takes" -p "$sleep_pid" --sort nothing
true & gone=$!
wait "$gone"
refused 1 "there is no process $gone" -p "$gone"
if [ "$(tr -d '\0' <"/proc/2/comm" 2>/dev/null)" = kthreadd ]; then
    refused 1 "kernel thread" -p 2
fi
bash -c 'true & exec sleep 1000' & pids+=($!)
parent=$!
is_zombie() { grep -q '^State:.Z' "/proc/$(cat "/proc/$1/task/$1/children")/status" 2>/dev/null; }
one_child() { [ "$(wc -w <"/proc/$1/task/$1/children")" = 1 ]; }
for _ in $(seq 300); do
    one_child "$parent" && is_zombie "$parent" && break
    sleep 0.01
done
if one_child "$parent" && is_zombie "$parent"; then
    refused 1 "zombie" -p "$(tr -d ' ' <"/proc/$parent/task/$parent/children")"
fi
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    cp "$SEEP" "$dir/seep"
    chmod 755 "$dir" "$dir/seep"
    SEEP="setpriv --reuid=65534 --regid=65534 --clear-groups $dir/seep"
    status=0
    $SEEP snap -p "$sleep_pid" 2>"$dir/err" || status=$?
    [ "$status" = 1 ] || fail "another user's process: status $status"
    grep -q 'belongs to user 0: run seep as that user or as root' "$dir/err" ||
        fail "another user's process: $(cat "$dir/err")"
    SEEP=${SEEP##* }
fi

if command -v redis-server >/dev/null; then
    redis-server --port 0 --unixsocket "$dir/redis" --save "" --daemonize no --dir "$dir" \
        >"$dir/redis.out" & pids+=($!)
    await test -S "$dir/redis"
    compare redis "$!"
else
    echo "redis-server is missing: not compared"
fi
if command -v java >/dev/null; then
    cat >"$dir/Wait.java" <<'JAVA'
public class Wait {
    public static void main(String[] arguments) throws Exception {
        byte[][] blocks = new byte[16][1 << 20];
        System.out.println("ready " + blocks.length);
        Thread.sleep(1000000);
    }
}
JAVA
    java -Xmx64m -XX:+UseSerialGC "$dir/Wait.java" >"$dir/java.out" 2>&1 & pids+=($!)
    java_pid=$!
    started() { grep -q ready "$dir/java.out" || ! kill -0 "$java_pid" 2>/dev/null; }
    await started
    if grep -q ready "$dir/java.out"; then
        compare java "$java_pid"
        for thread in "/proc/$java_pid/task/"*; do :; done
        "$SEEP" snap -p "${thread##*/}" | head -1 | grep -q "^pid $java_pid " ||
            fail "the id of a thread"
    else
        echo "java cannot run a source file here: not compared: $(head -1 "$dir/java.out")"
    fi
else
    echo "java is missing: not compared"
fi
