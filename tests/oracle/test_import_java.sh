#!/bin/bash
# What a JVM says of itself, imported: the full names by kernel thread are those of its tasks, the
# figures of native memory tracking and of the heap are the text's.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/real.sh"
need java javac jcmd jstack

cat >"$dir/Target.java" <<'JAVA'
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

public class Target {
    public static void main(String[] args) throws Exception {
        List<ByteBuffer> kept = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Thread thread = new Thread(Target::rest, "a worker with a long name, \"quoted\" #" + i);
            thread.setDaemon(true);
            thread.start();
        }
        for (int i = 0; i < 8; i++)
            kept.add(ByteBuffer.allocateDirect(1 << 20));
        System.out.println("ready");
        System.in.read();
        System.exit(kept.size() - 8);
    }

    static void rest() {
        try {
            Thread.sleep(1 << 30);
        } catch (InterruptedException e) {
        }
    }
}
JAVA
javac -d "$dir" "$dir/Target.java"
mkfifo "$dir/stdin"
java -Xmx64m -XX:NativeMemoryTracking=detail -cp "$dir" Target <"$dir/stdin" >"$dir/stdout" &
java=$!
started "$java"
exec 9>"$dir/stdin"
await "JVM" grep -q ready "$dir/stdout"

jcmd "$java" VM.native_memory baseline >/dev/null
jstack -l "$java" >"$dir/jstack"
jcmd "$java" Thread.print >"$dir/print"
jcmd "$java" VM.native_memory summary scale=B >"$dir/summary"
jcmd "$java" VM.native_memory detail scale=B >"$dir/detail"
jcmd "$java" VM.native_memory summary.diff scale=B >"$dir/diff"
jcmd "$java" VM.native_memory detail.diff >"$dir/detail-diff"
jcmd "$java" GC.heap_info >"$dir/heap"
jcmd "$java" VM.flags >"$dir/flags"
for task in /proc/"$java"/task/*; do
    basename "$task"
done >"$dir/tids"

"$SEEP" import --help >/dev/null 2>&1 || { echo "this seep does not import"; exit 77; }
for input in jstack print summary detail diff detail-diff heap flags; do
    "$SEEP" import -o "$dir/$input.case" "$dir/$input" >/dev/null || fail "seep import $input"
done
"$SEEP" import -o "$dir/all.case" "$dir"/{jstack,print,summary,heap,flags} >/dev/null ||
    fail "seep import of all"
gzip -c "$dir/print" >"$dir/print.gz"
"$SEEP" import -o "$dir/gz.case" "$dir/print.gz" >/dev/null || fail "seep import of what is compressed"
"$SEEP" show "$dir/print.case" events --json >"$dir/names"
"$SEEP" show "$dir/gz.case" events --json >"$dir/names.gz"
cmp <(grep -o '"name": "[^}]*' "$dir/names") <(grep -o '"name": "[^}]*' "$dir/names.gz")
zcat "$dir"/jstack.case/threads/*.gz | cmp - "$dir/jstack" || fail "a thread dump is not kept as it was"

python3 - "$dir" "$java" <<'PYTHON'
import json, re, sys

dir, java = sys.argv[1], int(sys.argv[2])


def text(name):
    return open(f"{dir}/{name}").read()


def facts(name):
    case = json.load(open(f"{dir}/{name}.case/case.json"))
    for file in case["imports"]:
        assert file["skipped"] == 0 and not [a for a in file["assumptions"] if "could not" in a], file
    return case["facts"]


def value(name, kind, category=None):
    found = [f["value"] for f in facts(name) if f["kind"] == kind and f.get("name") == category]
    assert len(found) == 1, (name, kind, category, found)
    return found[0]


# Every named thread is a task, and every Java thread that the text has is told by its full name.
tids = {int(tid) for tid in text("tids").split()}
told = {}
for line in text("names").splitlines():
    event = json.loads(line)
    if event["event"] == "thread-name":
        told[event["tid"]] = event["name"]
headline = re.compile(r'^"(.*)" (?:#\d+ )?.*nid=(0x[0-9a-f]+|\d+) ', re.M)
expected = {int(nid, 0): name for name, nid in headline.findall(text("print"))}
assert len(expected) > 10 and told == expected, (told, expected)
assert set(told) <= tids | {t for t, n in told.items() if "Attach Listener" in n}, set(told) - tids
assert sum('a worker with a long name, "quoted" #' in name for name in told.values()) == 3

# Native memory tracking: the total, each category, and the categories' sum.
for name in ("summary", "detail", "diff"):
    total = re.search(r"Total: reserved=(\d+)\D.*committed=(\d+)", text(name))
    assert value(name, "nmt-reserved", "Total") == int(total[1]), name
    assert value(name, "nmt-committed", "Total") == int(total[2]), name
    categories = re.findall(r"^- +(.+?) \(reserved=(\d+).*committed=(\d+)", text(name), re.M)
    assert len(categories) > 10
    for category, reserved, committed in categories:
        assert value(name, "nmt-reserved", category) == int(reserved), category
        assert value(name, "nmt-committed", category) == int(committed), category
    assert sum(int(c[2]) for c in categories) == int(total[2]), name
assert value("summary", "nmt-malloc", "Other") == 8 << 20
for kind, pattern in (("nmt-region", r"^\[0x\w+ - 0x\w+\] reserved"),):
    assert sum(f["kind"] == kind for f in facts("detail")) == len(re.findall(pattern, text("detail"), re.M))
sites = [f for f in facts("detail") if f["kind"] == "nmt-site"]
assert sites[0]["value"] == max(f["value"] for f in sites)
assert any("Unsafe_AllocateMemory0" in f["text"] and f["value"] == 8 << 20 for f in sites), sites[:3]
assert value("detail-diff", "nmt-scale") == 1024

# The heap and the process.
heap = re.search(r"total (\d+)K, used (\d+)K", text("heap"))
assert value("heap", "java-heap-committed") == int(heap[1]) << 10
assert value("heap", "java-heap-used") == int(heap[2]) << 10
assert value("flags", "java-heap-max") == 64 << 20
assert json.load(open(f"{dir}/summary.case/case.json"))["imports"][0]["format"] == "nmt"
assert all(f["pid"] == java for f in facts("summary"))
PYTHON

echo >&9
ended_with 0 "$java"
