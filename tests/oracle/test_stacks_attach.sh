#!/bin/bash
# Attached to programs that run: python3 with threads, whose call paths equal those that gdb -p sees of the
# same process; a JVM; nginx and redis-server. What is asked for of paths is what is recorded.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/stacks.sh"
need gcc

# attach NAME SECONDS PID OPTION...: a case $dir/NAME.case
attach() {
    local name=$1 seconds=$2 pid=$3 status=0
    shift 3
    "$SEEP" trace --quiet --max-slowdown 100 --for "${seconds}s" -o "$dir/$name.case" -p "$pid" "$@" ||
        status=$?
    [ "$status" = 0 ] || fail "seep trace: status $status"
    untouched "$pid"
}

# What all of them are held to: a path for each call that grows memory, but for those lost, and an end.
whole='
grown = list(growing([(c["event"], c["args"], c["result"], c) for c in case.calls]))
ends = {}
for call in grown:
    way = case.path_of(call[3])
    how = way["end"] or "complete" if way else "none"
    ends[how] = ends.get(how, 0) + 1
    expect(not way or way["frames"], "a path without a frame")
lost = report()["evidence"]["lost_stacks"]
expect(ends.get("none", 0) == lost, f"{ends}, lost_stacks {lost}")
print(f"{what}: {ends}")
'

# --- python3 ---
python=$(python3 -c 'import sys; print(sys.executable)')
cat >"$dir/target.py" <<'PYTHON'
import mmap, os, sys, threading, time
MARK = lambda n: 4096 * (4096 + n)
over = False

def maps(n):
    while not over:
        mmap.mmap(-1, MARK(n)).close()
        time.sleep(0.01)

def grows(n):
    kept = []
    while not over:
        kept = kept[-50:] + [bytearray(MARK(n) - 64)]
        time.sleep(0.01)

threads = [threading.Thread(target=target, args=(n,)) for n, target in enumerate((maps, maps, grows))]
for thread in threads:
    thread.start()
time.sleep(0.5)
print("ready", flush=True)
sys.stdin.read(1)
over = True
for thread in threads:
    thread.join()
sys.exit(3)
PYTHON
mkfifo "$dir/end"
# Else malloc maps less and less: what it may take from its heaps grows with what is freed.
MALLOC_MMAP_THRESHOLD_=1000000 "$python" "$dir/target.py" <>"$dir/end" >"$dir/python.out" & pid=$!
started "$pid"
await "start of python3" grep -q ready "$dir/python.out"
attach before 1 "$pid"
gdb -nx -batch -ex "py OUT = '$dir/python.gdb'; PID = $pid; LIMIT = 60" \
    -x "$SOURCE/tests/oracle/stacks_gdb.py" >"$dir/gdb.log" 2>&1 || fail "gdb: $(tail -n 1 "$dir/gdb.log")"
attach after 1 "$pid"
for name in before after; do
    compare_case "python3, $name gdb" --marks --at-least 3 \
        "$dir/$name.case" "$dir/python.gdb"
    check "python3, $name gdb" $name <<<"$whole"
done

# --- what is asked for ---
attach none 1 "$pid" --no-stacks
check "--no-stacks" none <<'PYTHON'
expect(case.calls, "no calls")
expect(not case.stacks, f"{len(case.stacks)} paths")
expect(report()["evidence"]["lost_stacks"] == 0, "stacks that nobody asked for are called lost")
PYTHON
attach large 1 "$pid" --stack-from 16781312
check "--stack-from" large <<'PYTHON'
expect(case.marked(0) and case.marked(1), "no marks")
expect(not any(call["stack"] for call in case.marked(0)), "a small call has a path")
expect(all(call["stack"] for call in case.marked(1) if call["result"]), "a large call has none")
expect(report()["evidence"]["lost_stacks"] == 0, "stacks that nobody asked for are called lost")
PYTHON
attach few 1 "$pid" --max-frames 4
check "--max-frames" few <<'PYTHON'
for stack in case.stacks.values():
    outermost = [frame for frame in stack["frames"] if not frame["inlined"]]
    expect(len(outermost) == 4 and stack["end"] == "max-frames", f"{stack}")
expect(case.stacks, "no paths")
PYTHON
attach bytes 1 "$pid" --stack-bytes 512
check "--stack-bytes" bytes <<'PYTHON'
expect(case.stacks, "no paths")
for stack in case.stacks.values():
    expect(stack["end"] == "copy" and stack["frames"], f"{stack}")
PYTHON
echo >"$dir/end"
ended_with 3 "$pid"

# --- a JVM ---
if command -v javac >/dev/null; then
    cat >"$dir/Target.java" <<'JAVA'
import java.nio.ByteBuffer;

public class Target {
    public static void main(String[] args) throws Exception {
        Thread thread = new Thread(() -> {
            try {
                for (;;) {
                    ByteBuffer.allocateDirect(16 << 20).put(0, (byte) 1);
                    Thread.sleep(20);
                }
            } catch (InterruptedException e) {
            }
        }, "buffers-1");
        thread.start();
        Thread.sleep(1000);
        System.out.println("ready");
        System.in.read();
        thread.interrupt();
        thread.join();
        System.exit(5);
    }
}
JAVA
    javac -d "$dir" "$dir/Target.java"
    for flag in -XX:-PreserveFramePointer -XX:+PreserveFramePointer; do
        rm -f "$dir/end"
        mkfifo "$dir/end"
        java -XX:+UseSerialGC -Xmx64m -XX:MaxDirectMemorySize=8g -XX:-UsePerfData $flag -cp "$dir" Target \
            <>"$dir/end" >"$dir/java.out" & pid=$!
        started "$pid"
        await "start of a JVM" grep -q ready "$dir/java.out"
        rm -rf "$dir/java.case"
        attach java 2 "$pid"
        untouched "$pid"
        check "java $flag" java <<<"$whole"'
buffers = [case.path_of(c) for c in case.calls if c["thread"] == "buffers-1" and c["event"] == "mmap"]
expect(len(buffers) >= 3, f"{len(buffers)} buffers")
for way in buffers:
    modules = [(frame["module"] or "").split("/")[-1] for frame in way["frames"]]
    expect(modules[0] == "libc.so.6" and "libjvm.so" in modules, f"{modules}")
    made = [frame for frame in way["frames"] if frame["kind"] == "jit"]
    expect(way["end"] or made, f"no code of Java in a complete path: {modules}")
'
        echo >"$dir/end"
        ended_with 5 "$pid"
    done
fi

# --- servers ---
if command -v redis-server >/dev/null && command -v redis-benchmark >/dev/null; then
    redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --appendonly no --dir "$dir" \
        >"$dir/redis.log" 2>&1 & pid=$!
    started "$pid"
    await "answer of redis-server" redis-cli -s "$dir/redis.sock" ping
    redis-benchmark -s "$dir/redis.sock" -t set -r 100000000 -d 2000 -n 10000000 -q >/dev/null 2>&1 & load=$!
    started "$load"
    attach redis 2 "$pid"
    kill "$load"
    wait "$load" 2>/dev/null || true
    check "redis-server" redis <<<"$whole"'
expect(grown, "no calls")
expect(ends.get("complete", 0) + ends.get("none", 0) == len(grown), f"{ends}")'
    redis-cli -s "$dir/redis.sock" shutdown nosave 2>/dev/null || true
    ended_with 0 "$pid"
fi
if command -v nginx >/dev/null && command -v wrk >/dev/null; then
    port=$(free_port)
    mkdir "$dir/www" "$dir/logs"
    head -c 300000 /dev/urandom >"$dir/www/large"
    cat >"$dir/nginx.conf" <<CONF
daemon off;
worker_processes 2;
user $(id -un);
pid $dir/nginx.pid;
error_log $dir/logs/error.log;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    uwsgi_temp_path $dir/uwsgi;
    scgi_temp_path $dir/scgi;
    gzip on;
    gzip_types *;
    output_buffers 2 256k;
    server { listen 127.0.0.1:$port; root $dir/www; }
}
CONF
    chmod -R a+rX "$dir"
    nginx -e "$dir/logs/start.log" -p "$dir" -c "$dir/nginx.conf" & pid=$!
    started "$pid"
    await "answer of nginx" python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/large')"
    wrk -t1 -c8 -d60s -H "Accept-Encoding: gzip" "http://127.0.0.1:$port/large" >/dev/null 2>&1 & load=$!
    started "$load"
    attach nginx 2 "$pid" --tree
    kill "$load"
    wait "$load" 2>/dev/null || true
    check "nginx" nginx <<<"$whole"'
expect(grown, "no calls")
expect(ends.get("complete", 0) + ends.get("none", 0) == len(grown), f"{ends}")'
    kill -QUIT "$pid"
    ended_with 0 "$pid"
fi
finish
