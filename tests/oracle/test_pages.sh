#!/bin/bash
# Files of known kinds, read into memory, saved and told by their pages; logs, told by their templates.
set -eu

for tool in python3 gzip taskset; do
    command -v "$tool" >/dev/null ||
        { echo "skipped: $tool is not installed"; exit 77; }
done

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

mkdir "$dir/files"
cat >"$dir/make.py" <<'EOS'
import json, os, random, sqlite3, struct, sys, zlib

random.seed(7)
os.chdir(sys.argv[1])


def write(name, data):
    with open(name, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


db = sqlite3.connect("sqlite")
db.execute("pragma page_size=4096")
db.execute("create table t(id integer primary key, name text, value real)")
db.executemany("insert into t(name, value) values (?, ?)",
               [(f"name {i}", random.random()) for i in range(20000)])
db.commit()
db.close()
pixels = b"".join(b"\0" + os.urandom(300 * 3) for _ in range(300))
write("png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 300, 300, 8, 2, 0, 0, 0)) +
      chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b""))
write("dense", os.urandom(1 << 20))
write("json", json.dumps([{"id": i, "name": f"user {i}", "tags": ["a", "b"]} for i in range(5000)]))
write("floats", struct.pack("<20000d", *(random.gauss(0, 1000) for _ in range(20000))))
write("integers", struct.pack("<40000i", *(random.randrange(-500, 50000) for _ in range(40000))))
write("utf-16", ("Wide text as Windows and Java have it, line %d.\n" * 2000).encode("utf-16-le"))
write("records", b"".join(b"REC:%08d;" % i + os.urandom(20) + b"\0" * (535 - 33) for i in range(6000)))
log = []
for i in range(20000):
    log.append('10.0.%d.%d - - [02/Mar/2021:08:%02d:%02d +0800] "GET /item/%d HTTP/1.1" %d %d "-" "curl/7.88.1"\n'
               % (i % 250, i % 99, i // 60 % 60, i % 60, i * 7919 % 100003, 200 + i % 2, i))
write("text", "".join(log))
mail = []
for i in range(8000):
    mail.append("Received: from mx%d.example.org by mx; Tue, 02 Mar 2021 08:29:13 +0800\r\n"
                "Message-ID: <%d.%d.1614644953%03d.JavaMail.root@%s>\r\nFrom: a@example.org\r\n"
                "To: b@example.org\r\nSubject: number %d\r\nMIME-Version: 1.0\r\n\r\nHello.\r\n.\r\n"
                % (i % 9, i * 31337, i, i % 1000, "abcdefgh"[i % 8] * 5, i))
write("mail", "".join(mail))
EOS
python3 "$dir/make.py" "$dir/files"
gzip -c "$dir/files/text" >"$dir/files/gzip"
code=$(command -v bash)
files=(sqlite png dense json floats integers utf-16 records text mail gzip)

(cd "$dir/files" && exec "$samples/content_target" "${files[@]}" "$(readlink -f "$code")") >"$dir/regions" &
target=$!
until grep -qs ready "$dir/regions"; do
    kill -0 "$target" || fail "the target ended"
    sleep 0.05
done
"$seep" dump -p "$target" -o "$dir/case" --all --quiet || fail "dump"
kill -KILL "$target"
wait "$target" 2>/dev/null || true
target=

cat >"$dir/check.py" <<'EOS'
import json, subprocess, sys

seep, directory, *files = sys.argv[1:]
regions = [line.split()[1:] for line in open(directory + "/regions") if line.startswith("file ")]


def show(topic, *options):
    out = subprocess.run([seep, "show", directory + "/case", topic, *options],
                         stdout=subprocess.PIPE, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


for name, (start, end) in zip(files, regions):
    region, whole = show("pages", "--json", "--region", f"{start}-{end}")
    pages = region["pages"]
    count = (int(end, 16) - int(start, 16)) // 4096
    assert sum(pages.values()) == count and whole["pages"] == pages, (name, pages)
    assert len(region["strip"]) == -(-count // region["pages_per_letter"]), name
    if name == "png":
        assert pages["png"] == 1 and pages["dense"] >= count - 3, pages
    elif name == "gzip":
        assert pages["gzip"] == 1 and pages["dense"] >= count * 0.9 - 2, pages
    elif name == "records":
        records = region["records"]
        assert records["bytes"] == 535 and records["samples"] == records["of"], records
        assert bytes.fromhex(records["hex"][:8]) == b"REC:" and ".." in records["hex"], records
    else:
        assert pages[name] >= count * 0.98 - 1, (name, pages)
region = show("pages", "--json", "--region", "-".join(regions[len(files)]))[0]
assert region["pages"]["code"] >= 20 and region["pages"]["elf"] >= 1, region["pages"]

all_of_it = show("pages", "--json")
assert sum(len(line.get("repeats", [])) > 0 for line in all_of_it) <= 1

start, end = regions[files.index("text")]
[template] = show("templates", "--json", "--region", f"{start}-{end}")
assert template["text"] == '* - - [*] "GET /item/* HTTP/1.1" * * "-" "curl/7.88.1"', template
assert template["count"] == 20000 and len(template["examples"]) == 3, template

start, end = regions[files.index("mail")]
found = {t["text"]: t["count"] for t in show("templates", "--json", "--region", f"{start}-{end}")}
assert found["Message-ID: <*.*.JavaMail.root@*>"] == 8000, found
assert found["MIME-Version: 1.0"] == 8000 and found["Subject: number *"] == 8000, found
[one] = show("templates", "--json", "--region", f"{start}-{end}", "--grep", "^Message-ID.*@ccc")
assert one["count"] == 8000
assert not show("templates", "--json", "--grep", "no such thing at all")

middle = (int(start, 16) + int(end, 16)) // 2
region = show("pages", "--json", "--around", f"{middle:x}")[0]
assert int(region["end"], 16) - int(region["start"], 16) == 128 * 1024, region
EOS
python3 "$dir/check.py" "$seep" "$dir" "${files[@]}" || fail "the pages are not those of the files"

# The same, whatever the number of cores.
for topic in pages templates pointers; do
    "$seep" show "$dir/case" "$topic" --json >"$dir/many"
    taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')" "$seep" show "$dir/case" "$topic" --json >"$dir/one"
    cmp "$dir/many" "$dir/one" || fail "$topic differ with the number of cores"
done

# What a person reads has no byte of the target raw.
"$seep" show "$dir/case" pages >"$dir/said"
grep -q "records of 535 bytes" "$dir/said" || fail "no records are told"
grep -q "All of it" "$dir/said" || fail "no totals are told"
LC_ALL=C grep -qP '[^\x20-\x7e\n]' "$dir/said" && fail "raw bytes are printed"

for wrong in "pages --grep (" "templates --top 0" "templates -n 0" "pages --region 5-4" "pages --finding 7"; do
    status=0
    # shellcheck disable=SC2086
    "$seep" show "$dir/case" $wrong >/dev/null 2>&1 || status=$?
    [ "$status" != 0 ] || fail "'$wrong' is taken"
done
