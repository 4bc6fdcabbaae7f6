#!/bin/bash
# Two JVMs watched at once. Threads that make garbage leak nothing, whatever the collector does; direct
# buffers of 16 MiB that nobody lets go of are found with their size and the thread that asks for them.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/real.sh"
need java javac

cat >"$dir/Target.java" <<'JAVA'
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

public class Target {
    static volatile boolean over;
    static volatile long made;
    static final List<ByteBuffer> kept = new ArrayList<>();

    static void garbage() {
        byte[][] young = new byte[64][];
        for (int turn = 0; !over; turn++) {
            young[turn % 64] = ("line " + turn + " of some text").repeat(100).getBytes();
            made++;
            if (turn % 64 == 0)
                rest(1);
        }
    }

    static void leak() {
        while (!over) {
            ByteBuffer buffer = ByteBuffer.allocateDirect(16 << 20);
            buffer.put(0, (byte) 1);
            kept.add(buffer);
            rest(100);
        }
    }

    static void rest(int ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            over = true;
        }
    }

    public static void main(String[] args) throws Exception {
        List<Thread> threads = new ArrayList<>();
        if (args[0].equals("leak"))
            threads.add(new Thread(Target::leak, "leaker-7"));
        threads.add(new Thread(Target::garbage, "garbage-1"));
        threads.add(new Thread(Target::garbage, "garbage-2"));
        for (Thread thread : threads)
            thread.start();
        rest(1000);
        System.out.println("ready");
        System.in.read();
        over = true;
        for (Thread thread : threads)
            thread.join();
        for (ByteBuffer buffer : kept)
            if (buffer.get(0) != 1 || buffer.get(buffer.capacity() - 1) != 0)
                System.exit(1);
        System.exit(made > 1000 ? 5 : 2);
    }
}
JAVA
javac -d "$dir" "$dir/Target.java"
pids=()
for what in leak garbage; do
    mkfifo "$dir/end-$what"
    java -XX:+UseSerialGC -Xms32m -Xmx64m -XX:MaxDirectMemorySize=4g -XX:-UsePerfData \
        -XX:TieredStopAtLevel=1 -cp "$dir" Target "$what" <>"$dir/end-$what" >"$dir/$what" & pids+=($!)
    started $!
done
for what in leak garbage; do
    await "start of a JVM" grep -q ready "$dir/$what"
done

record java 6 -p "$(IFS=,; echo "${pids[*]}")"
for pid in "${pids[@]}"; do
    untouched "$pid"
done
check java <<PYTHON
accused = found("leak suspect")
wanted = [f for f in accused if f["culprit"]["pid"] == ${pids[0]} and f["region"] == "anon-mmap"
          and f["unit_bytes"] and 16 << 20 <= f["unit_bytes"] < (16 << 20) + 65536]
expect(len(wanted) == 1, f"{len(wanted)} findings of the direct buffers")
for f in wanted:
    expect(f["cause"] == "never-freed", "cause " + f["cause"])
    expect(f["count"] >= 8, f"count {f['count']}")
    expect(f["bytes"] == f["count"] * f["unit_bytes"], f"bytes {f['bytes']}")
    expect(f["culprit"]["thread"] == "leaker-7", f"culprit {f['culprit']}")
    expect([t["name"] for t in f["threads"]] == ["leaker-7"], f"threads {f['threads']}")
for f in accused:
    expect(f in wanted, f"accused too: {f['region']} of {f['culprit']['pid']}: {f['reason']}")
expect([t for t in report["threads"] if t["name"] == "garbage-1"], "thread names")
PYTHON

echo >"$dir/end-leak"
echo >"$dir/end-garbage"
for pid in "${pids[@]}"; do
    ended_with 5 "$pid"
done
