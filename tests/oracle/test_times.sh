#!/bin/bash
# Times in saved memory against the ones that the target says it wrote.
set -eu

command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }

dir=$(mktemp -d)
target=
seep=${SEEP:?} samples=${SAMPLES:?}
tidy() {
    [ -z "$target" ] || kill -KILL "$target" 2>/dev/null || true
    rm -rf "$dir"
}
trap tidy EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

# Syslog's times are local ones, whatever the zone.
export TZ='<+0545>-05:45'
"$samples/content_target" >"$dir/regions" &
target=$!
until grep -qs ready "$dir/regions"; do
    kill -0 "$target" || fail "the target ended"
    sleep 0.05
done
"$seep" dump -p "$target" -o "$dir/case" --all 2>"$dir/said" || fail "dump: $(cat "$dir/said")"
kill -KILL "$target"
wait "$target" 2>/dev/null || true
target=

# The case is read in another zone than it was written in.
export TZ=UTC
"$seep" show "$dir/case" times --json >"$dir/json"
"$seep" show "$dir/case" times --json --form iso8601,binary-ms >"$dir/some"
"$seep" show "$dir/case" times >"$dir/text"
python3 - "$dir" <<'EOF' || fail "the times are not those that were written"
import datetime, json, sys
dir = sys.argv[1]
regions = {}
for line in open(dir + "/regions"):
    name, *rest = line.split()
    regions[name] = rest
first, last, count = map(int, regions["times"])
moment = lambda s, digits="000000000": datetime.datetime.fromtimestamp(
    s, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + digits + "Z"

def told(path, name):
    start = "0x" + regions[name][0]
    [found] = [r for r in map(json.loads, open(path)) if r["start"] == start]
    return found

text, binary = told(dir + "/json", "text-times"), told(dir + "/json", "binary-times")
digits = {"epoch-s": 0, "epoch-ms": 123000000, "epoch-us": 123456000, "epoch-ns": 123456789,
          "iso8601": 0, "rfc2822": 0, "syslog": 0, "common-log": 0}
assert set(text["forms"]) == set(digits), text["forms"]
for form, ns in digits.items():
    its = text["forms"][form]
    assert its == {"count": count, "first": moment(first, "%09d" % ns),
                   "last": moment(last, "%09d" % ns)}, (form, its)
assert set(binary["forms"]) == {"binary-ms", "binary-ns"}, binary["forms"]
for its in binary["forms"].values():
    assert its == {"count": count, "first": moment(first), "last": moment(last)}, its
for region, forms in ((text, len(digits)), (binary, 2)):
    assert region["times"]["count"] == forms * count
    assert region["bulk"] == region["times"]
    assert sum(row["count"] for row in region["histogram"]) == forms * count
    assert region["mapped"] is None
assert set(told(dir + "/some", "text-times")["forms"]) == {"iso8601"}
assert set(told(dir + "/some", "binary-times")["forms"]) == {"binary-ms"}

# For a person in the zone of the recording.
zone = datetime.timezone(datetime.timedelta(hours=5, minutes=45))
clock = lambda s: datetime.datetime.fromtimestamp(s, zone).strftime("%H:%M:%S")
assert clock(first) + " to " in open(dir + "/text").read().replace(
    datetime.datetime.fromtimestamp(first, zone).strftime("%Y-%m-%d "), "")
EOF
status=0
"$seep" show "$dir/case" times --form now >/dev/null 2>&1 || status=$?
[ "$status" = 2 ] || fail "a form that is none ends with status $status"

# Recorded from the start, it is known who mapped what: the program's only thread, in two calls.
if ! "$seep" run -q -o "$dir/run" --dump all -- "$samples/content_target" --end >"$dir/regions" \
    2>"$dir/said"; then
    echo "skipped the calls that mapped it: $(cat "$dir/said")"
    exit 77
fi
"$seep" show "$dir/run" times --json --mappings >"$dir/json"
python3 - "$dir" <<'EOF' || fail "the calls that mapped the times are not told"
import json, sys
dir = sys.argv[1]
regions = {line.split()[0]: line.split()[1:] for line in open(dir + "/regions")}
for name in "text-times", "binary-times":
    [found] = [r for r in map(json.loads, open(dir + "/json"))
               if r["start"] == "0x" + regions[name][0]]
    assert found["times"]["count"] > 0
    assert found["mapped"]["tid"] == found["pid"], found
    assert found["mapped"]["of"] == 2, found
    # It wrote at once, and then ended.
    [each] = found["outstanding"]["each"]
    assert each["tid"] == found["pid"] and each["written"] == "once", found
    assert each["count"] == found["times"]["count"], found
    assert found["outstanding"]["once"] == 1 and found["outstanding"]["later"] == 0, found
EOF
"$seep" show "$dir/run" times >"$dir/text"
grep -q "1 outstanding mapping holds times: 1 written within 30 s of being mapped, never since" \
    "$dir/text" || fail "the outstanding mappings are not told"

# Strings by who mapped their memory: the same strings, behind the calls.
"$seep" show "$dir/run" strings --by mapping >"$dir/by"
"$seep" show "$dir/run" strings --by path >"$dir/path"
grep -q '^mprotect of .* content_target$' "$dir/by" || fail "no call stands above its strings"
grep -q '^by .* < main' "$dir/path" || fail "no path stands above its strings"
for file in by path; do
    [ "$(grep -c ' GMT|' "$dir/$file")" = "$(grep -c ' GMT|' <("$seep" show "$dir/run" strings))" ] ||
        fail "strings are lost by $file"
done
