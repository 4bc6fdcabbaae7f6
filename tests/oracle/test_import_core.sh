#!/bin/bash
# Imported cores against gdb, which made them: memory, threads, registers, command line; 64- and 32-bit,
# compressed, and cut.
set -eu
: "${SEEP:?}" "${SAMPLES:?}"
for tool in gdb gcore python3; do
    command -v "$tool" >/dev/null || { echo "$tool is missing"; exit 77; }
done
dir=$(mktemp -d)
target=
tidy() {
    [ -z "$target" ] || { kill -KILL "$target" && wait "$target"; } 2>/dev/null || true
    chmod -R u+w "$dir"
    rm -rf "$dir"
}
trap tidy EXIT

fail() { echo "FAILED: $*"; exit 1; }

import() { # CASE FILE
    rm -rf "$1"
    "$SEEP" import -o "$1" "$2" >"$dir/out" 2>&1 || fail "import of $2: $(cat "$dir/out")"
}

# All files of the dump, put where they belong, are PATTERN's bytes.
assemble() { # CASE START END FILE
    python3 - "$@" <<'PYTHON'
import glob, gzip, sys
case, start, end, path = sys.argv[1], int(sys.argv[2], 16), int(sys.argv[3], 16), sys.argv[4]
memory = bytearray(end - start)
for name in glob.glob(case + "/mem/*/*.gz"):
    low, high = (int(part, 16) for part in name.rsplit("/", 1)[1][:-3].split("-"))
    if low < end and high > start:
        with gzip.open(name) as file:
            raw = file.read()
        first, last = max(low, start), min(high, end)
        memory[first - start:last - start] = raw[first - low:last - low]
with open(path, "wb") as file:
    file.write(memory)
PYTHON
}

check() { # PROGRAM
    local name=$1 start end region tid
    (
        cd "$dir"
        ulimit -c unlimited 2>/dev/null || true
        exec "$SAMPLES/$1" "an argument" --long="$(printf 'x%.0s' {1..100})" >"$dir/said"
    ) &
    target=$!
    until grep -qs ready "$dir/said"; do
        kill -0 "$target" || fail "the target ended"
        sleep 0.05
    done
    {
        echo "set pagination off"
        for region in pattern sparse; do
            read -r start end < <(sed -n "s/^$region //p" "$dir/said")
            echo "dump memory $dir/gdb-$region 0x$start 0x$end"
        done
        echo "thread apply all -s printf \"REG %d %lx %lx\\n\", \$_thread, (unsigned long)\$pc, (unsigned long)\$sp"
        echo "info threads"
        echo "gcore $dir/core"
    } >"$dir/commands"
    gdb -q -nx -batch -iex 'set debuginfod enabled off' -p "$target" -x "$dir/commands" \
        >"$dir/gdb-output" 2>&1 || fail "gdb: $(cat "$dir/gdb-output")"

    import "$dir/case" "$dir/core"
    for region in pattern sparse; do
        read -r start end < <(sed -n "s/^$region //p" "$dir/said")
        assemble "$dir/case" "$start" "$end" "$dir/ours"
        cmp "$dir/ours" "$dir/gdb-$region" || fail "$name: $region differs from gdb's"
    done

    # Threads: all, with the registers that gdb sees.
    zcat "$dir/case/threads/"*.core.gz >"$dir/threads"
    while read -r tid _; do
        grep -q "^thread $tid " "$dir/threads" || fail "$name: thread $tid is missing"
    done < <(grep -E '^[0-9]+ ' "$dir/said")
    [ "$(wc -l <"$dir/threads")" = "$(grep -cE '^[0-9]+ ' "$dir/said")" ] || fail "$name: threads"
    while read -r _ _ pc sp; do
        grep -qE "[er]sp=0x0*$sp .*[er]ip=0x0*$pc\$|[er]sp=0x0*$sp .*[er]ip=0x0*$pc( |\$)" \
            "$dir/threads" || fail "$name: no thread is at pc $pc, sp $sp: $(cat "$dir/threads")"
    done < <(grep '^REG ' "$dir/gdb-output")
    [ "$(grep -c '^REG ' "$dir/gdb-output")" = 6 ] || fail "gdb tells other threads"

    # The whole command line, which the core's note cuts at 80 bytes.
    python3 - "$dir/case/case.json" "$SAMPLES/$1" "$target" <<'PYTHON' || fail "$name: case.json"
import json, sys
target = json.load(open(sys.argv[1]))["target"]
assert target["pid"] == int(sys.argv[3]), target
assert target["command"] == f"{sys.argv[2]} an argument --long=" + "x" * 100, target
assert target["exe"] == sys.argv[2], target
PYTHON

    # Compressed it is the same.
    gzip -1 -c <"$dir/core" >"$dir/core.gz"
    import "$dir/again" "$dir/core.gz"
    for file in "$dir/case/mem/"*/*.gz; do
        cmp "$file" "$dir/again/mem/1-$target/${file##*/}" || fail "$name: core.gz differs"
    done

    # With holes for what is zeros, as the kernel writes it.
    cp --sparse=always "$dir/core" "$dir/core.sparse"
    import "$dir/again" "$dir/core.sparse"
    for region in pattern sparse; do
        read -r start end < <(sed -n "s/^$region //p" "$dir/said")
        assemble "$dir/again" "$start" "$end" "$dir/ours"
        cmp "$dir/ours" "$dir/gdb-$region" || fail "$name: $region of a sparse core differs"
    done

    # Cut in the middle of the sparse region: all before is there, and it is said.
    read -r start end < <(sed -n "s/^pattern //p" "$dir/said")
    size=$(stat -c %s "$dir/core")
    head -c $((size * 9 / 10)) "$dir/core" >"$dir/cut"
    import "$dir/part" "$dir/cut"
    python3 - "$dir/part/case.json" <<'PYTHON' || fail "$name: the cut is not said"
import json, sys
said = json.load(open(sys.argv[1]))["imports"][0]["assumptions"]
assert any("the core is cut" in text for text in said), said
PYTHON
    saved() { cat "$1"/mem/*/*.gz | zcat | wc -c; }
    [ "$(saved "$dir/part")" -lt "$(saved "$dir/case")" ] || fail "$name: nothing is missing"
    for cut in 1 70 4096 100000; do
        head -c "$cut" "$dir/core" >"$dir/cut"
        "$SEEP" import -o "$dir/none-$cut" --core "$dir/cut" >"$dir/out" 2>&1 || [ $? = 1 ] ||
            fail "$name: a core of $cut bytes: $(cat "$dir/out")"
        rm -rf "$dir/none-$cut"
    done

    # The kernel's own core of the same process, where it writes one as a file.
    rm -f "$dir/core" "$dir/core."*
    kill -SEGV "$target"
    wait "$target" 2>/dev/null || true
    for file in "$dir/core" "$dir/core.$target"; do
        [ -s "$file" ] || continue
        import "$dir/again" "$file"
        for region in pattern sparse; do
            read -r start end < <(sed -n "s/^$region //p" "$dir/said")
            assemble "$dir/again" "$start" "$end" "$dir/ours"
            cmp "$dir/ours" "$dir/gdb-$region" || fail "$name: $region of the kernel's core differs"
        done
        zcat "$dir/again/threads/"*.core.gz | grep -q "^thread $target signal 11 " ||
            fail "$name: the signal is missing"
        [ "$(zcat "$dir/again/threads/"*.core.gz | wc -l)" = 6 ] || fail "$name: threads"
        echo "$name: the kernel's core has the same memory"
    done
    target=
    rm -rf "${dir:?}"/*
    echo "$name: memory, threads and registers are gdb's"
}

check core_target
if [ -x "$SAMPLES/core_target32" ]; then
    check core_target32
else
    echo "no 32-bit core: the compiler has no -m32"
fi
