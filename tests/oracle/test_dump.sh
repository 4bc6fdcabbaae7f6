#!/bin/bash
# Dumps against gdb's `dump memory` of the same process, and against what a dump must leave alone.
set -eu

command -v gdb >/dev/null || { echo "skipped: gdb is not installed"; exit 77; }

dir=$(mktemp -d)
target=
partly=
# SEEP and SAMPLES come from the environment.
seep=${SEEP:?} samples=${SAMPLES:?}
tidy() {
    [ -z "$target" ] || kill -KILL "$target" 2>/dev/null || true
    mountpoint -q "$dir/small" && umount "$dir/small"
    chmod -R u+w "$dir"
    rm -rf "$dir"
}
trap tidy EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

start_target() {
    rm -f "$dir/regions"
    "$samples/dump_target" "$dir" >"$dir/regions" &
    target=$!
    until grep -qs ready "$dir/regions"; do
        kill -0 "$target" || fail "the target ended"
        sleep 0.05
    done
}

end_target() {
    kill -KILL "$target"
    wait "$target" 2>/dev/null || true
    target=
}

# region NAME: sets start and end
region() {
    read -r start end < <(sed -n "s/^$1 //p" "$dir/regions")
}

# What a dump must not change: resident pages of every region, and the page faults.
footprint() {
    grep -E '^[0-9a-f]+-|^Rss:|^Swap:' "/proc/$target/smaps"
    sed 's/.*) //' "/proc/$target/stat" | cut -d' ' -f8,10
}

equal_to_gdb() {
    local name
    for name in stack anonymous sparse no-permission shared memfd sysv file shared-file heap; do
        region "$name"
        echo "dump memory $dir/gdb-$name 0x$start 0x$end"
    done >"$dir/commands"
    gdb -q -nx -batch -iex 'set debuginfod enabled off' -p "$target" -x "$dir/commands" \
        >"$dir/gdb-output" 2>&1 || fail "gdb: $(cat "$dir/gdb-output")"
    for name in stack anonymous sparse no-permission shared memfd sysv file shared-file heap; do
        region "$name"
        "$seep" show "$dir/case" bytes --from "$start" --len $((0x$end - 0x$start)) --raw \
            >"$dir/seep-$name" || fail "show bytes of $name"
        cmp "$dir/gdb-$name" "$dir/seep-$name" || fail "$name differs from gdb's dump memory"
    done
    # those that are files of their own, by zcat
    for name in anonymous sparse shared memfd sysv file shared-file; do
        region "$name"
        local files=("$dir"/case/mem/*/"$start-$end.gz")
        if [ -e "${files[0]}" ]; then
            zcat "${files[0]}" | cmp - "$dir/gdb-$name" || fail "zcat of $name differs"
            echo "$name" >>"$dir/compared"
        fi
    done
    [ "$(sort -u "$dir/compared" | wc -l)" -ge 3 ] || fail "too few files to compare by zcat"
}

# Lines, squeezing and the end; the addresses only at the ends, since hexdump counts from 0.
equal_to_hexdump() {
    region sparse
    local from
    from=$(printf '%x' $((0x$start + 5)))
    "$seep" show "$dir/case" bytes --from "$from" --len 200001 >"$dir/shown"
    "$seep" show "$dir/case" bytes --from "$from" --len 200001 --raw | hexdump -C |
        sed 's/^[0-9a-f]* *//' | diff - <(sed 's/^[0-9a-f]* *//' "$dir/shown") ||
        fail "show bytes is not what hexdump -C prints"
    [ "$(head -1 "$dir/shown" | cut -d' ' -f1)" = "$from" ] || fail "the first address"
    [ "$(tail -1 "$dir/shown")" = "$(printf '%x' $((0x$from + 200001)))" ] || fail "the last one"
}

test_equal() {
    local regions
    start_target
    kill -STOP "$target"
    footprint >"$dir/before"
    mapfile -t regions < <(grep -v -e ready -e vanishing "$dir/regions" |
        sed 's/[^ ]* \([^ ]*\) /--region=\1-/')
    "$seep" dump -p "$target" -o "$dir/case" --quiet "${regions[@]}"
    footprint >"$dir/after"
    diff "$dir/before" "$dir/after" || fail "the dump left pages in the process"
    [ -z "$(find "$dir/case" -name '*.tmp')" ] || fail "temporary files are left"
    [ "$(stat -c %a "$dir/case")" = 700 ] || fail "the case can be read by others"
    [ -z "$(find "$dir/case" -type f ! -perm 600)" ] || fail "its files can be read by others"

    region terabyte-page
    [ "$("$seep" show "$dir/case" bytes --from "$start" --len 27 --raw)" = \
        "in the middle of a terabyte" ] || fail "the page in the terabyte"
    [ "$(du -s --block-size=1M "$dir/case" | cut -f1)" -lt 40 ] || fail "the case is too large"
    equal_to_hexdump
    equal_to_gdb
    kill -CONT "$target"
    end_target
}

test_all() {
    start_target
    kill -STOP "$target"
    footprint >"$dir/before"
    "$seep" dump -p "$target" -o "$dir/all" --all --quiet
    footprint >"$dir/after"
    diff "$dir/before" "$dir/after" || fail "--all left pages in the process"
    "$seep" dump -p "$target" -o "$dir/all" --heap --quiet
    [ "$(ls "$dir/all/mem")" = "1-$target
2-$target" ] || fail "a case that is there is not added to"
    region heap
    zcat "$dir/all/mem/2-$target/"*.gz | tail -c +1 >"$dir/heap"
    "$seep" show "$dir/all" bytes --dump 1 --from "$start" --len 1MiB --raw |
        cmp - <("$seep" show "$dir/all" bytes --dump 2 --from "$start" --len 1MiB --raw) ||
        fail "two dumps of a stopped process differ"
    kill -CONT "$target"
    end_target
}

# Unmapped while it is being saved: there is a file up to there, and it is marked.
test_vanishing() {
    start_target
    region vanishing
    "$seep" dump -p "$target" -o "$dir/vanished" --region "$start-$end" --quiet \
        2>"$dir/vanish-errors" &
    local dumping=$!
    until [ -n "$(find "$dir/vanished/mem" -name '*.gz.tmp' -size +2000k 2>/dev/null)" ]; do
        kill -0 "$dumping" 2>/dev/null || fail "the dump was over before the region went away"
        sleep 0.01
    done
    kill -USR1 "$target"
    wait "$dumping" || fail "a region that goes away is no failure"
    grep -q '"vanished": true' "$dir"/vanished/mem/*/dump.json || fail "not marked as vanished"
    local file
    file=$(echo "$dir"/vanished/mem/*/"$start"-*.gz)
    [ -e "$file" ] || fail "what was saved before is lost"
    [ "$(zcat "$file" | wc -c)" = $((0x$(basename "${file#*-}" .gz | sed 's/.*-//') - 0x$start)) ] ||
        fail "the file is not as long as its name says"
    end_target
}

test_interrupt() {
    start_target
    region vanishing
    "$seep" dump -p "$target" -o "$dir/cut" --region "$start-$end" --quiet 2>"$dir/cut-errors" &
    local dumping=$!
    until [ -n "$(find "$dir/cut/mem" -name '*.gz.tmp' -size +2000k 2>/dev/null)" ]; do
        kill -0 "$dumping" 2>/dev/null || fail "the dump was over before ^C"
        sleep 0.01
    done
    kill -INT "$dumping"
    if wait "$dumping"; then fail "^C did not show in the exit status"; fi
    grep -q interrupted "$dir/cut-errors" || fail "nothing said of ^C"
    zcat "$dir"/cut/mem/*/"$start"-*.gz | wc -c >"$dir/cut-len"
    "$seep" show "$dir/cut" bytes --from "$start" --len "$(cat "$dir/cut-len")" --raw |
        cmp - <(zcat "$dir"/cut/mem/*/"$start"-*.gz) || fail "the shorter dump cannot be read"
    end_target
}

test_full_disk() {
    mkdir "$dir/small"
    mount -t tmpfs -o size=12m tmpfs "$dir/small" 2>/dev/null || {
        partly="the full disk: no right to mount a small one"
        return
    }
    start_target
    region vanishing
    if "$seep" dump -p "$target" -o "$dir/small/case" --region "$start-$end" --quiet \
        2>"$dir/full-errors"; then
        fail "a full disk went unnoticed"
    fi
    grep -qi 'no space' "$dir/full-errors" || fail "unclear: $(cat "$dir/full-errors")"
    zcat "$dir"/small/case/mem/*/"$start"-*.gz | wc -c >"$dir/full-len"
    [ "$(cat "$dir/full-len")" -gt 4000000 ] || fail "little was saved before the disk was full"
    grep -q 'disk is full' "$dir"/small/case/mem/*/dump.json || fail "dump.json does not say why"
    "$seep" show "$dir/small/case" bytes --from "$start" --len "$(cat "$dir/full-len")" --raw |
        cmp - <(zcat "$dir"/small/case/mem/*/"$start"-*.gz) || fail "the shorter dump is not valid"
    end_target
    umount "$dir/small"
}

test_bounds() {
    start_target
    region vanishing
    if "$seep" dump -p "$target" -o "$dir/bound" --max-size 20MiB --region "$start-$end" --quiet \
        2>"$dir/bound-errors"; then
        fail "--max-size does not show in the exit status"
    fi
    [ "$(du -s --block-size=1M "$dir/bound/mem" | cut -f1)" -le 20 ] || fail "--max-size is passed"
    end_target
}

test_read_only() {
    start_target
    mkdir "$dir/locked"
    chmod a-w "$dir/locked"
    if [ "$(id -u)" = 0 ]; then
        if setpriv --reuid 65534 --clear-groups true 2>/dev/null &&
            setpriv --reuid 65534 --clear-groups "$seep" dump -p "$target" --heap \
                -o "$dir/locked/case" 2>"$dir/locked-errors"; then
            fail "wrote into a directory that may not be written"
        fi
    elif "$seep" dump -p "$target" --heap -o "$dir/locked/case" 2>"$dir/locked-errors"; then
        fail "wrote into a directory that may not be written"
    fi
    [ ! -e "$dir/locked/case" ] || fail "a case in a directory that may not be written"
    grep -q '^seep: ' "$dir/locked-errors" || fail "nothing said of it"
    end_target
}

usage_error() {
    local status=0
    "$seep" dump "$@" 2>/dev/null || status=$?
    [ "$status" = 2 ] || fail "seep dump $* is no usage error, but $status"
}

test_mistakes() {
    start_target
    "$seep" dump -p "$target" -o "$dir/heap-only" --heap --quiet
    if "$seep" show "$dir/heap-only" bytes --from 1000 >"$dir/shown" 2>"$dir/errors"; then
        fail "bytes that were not saved are shown"
    fi
    [ ! -s "$dir/shown" ] || fail "something is printed where nothing was saved"
    grep -q 'is not in the case' "$dir/errors" || fail "unclear: $(cat "$dir/errors")"
    if "$seep" dump -p "$target" -o "$dir/none" --region 1000-2000 2>"$dir/errors"; then
        fail "nothing is mapped there"
    fi
    grep -q 'nothing is mapped in 1000-2000' "$dir/errors" || fail "$(cat "$dir/errors")"
    [ ! -e "$dir/none" ] || fail "an empty case is left"
    end_target
    usage_error --heap
    usage_error -p 1
    usage_error -p 1 --region 2000-1000
}

# What a report ends with, typed as it stands; then the same case again, by growth.
test_finding() {
    "$samples/leak_among_churn" >"$dir/regions" &
    target=$!
    until grep -qs ready "$dir/regions"; do
        kill -0 "$target" || fail "the leaking sample ended"
        sleep 0.05
    done
    cd "$dir"
    if ! "$seep" trace -p "$target" --for 2s --quiet 2>"$dir/trace-errors"; then
        partly="findings: $(cat "$dir/trace-errors")"
    else
        "$seep" dump -p "$target" --finding 1 --quiet
        "$seep" dump -p "$target" --finding 1 --growing --quiet -o "$dir"/*-"$target"-*.seep
        grep -h '"why"' ./*.seep/mem/*/dump.json | sort | uniq -c >"$dir/whys"
        [ "$(tr -d ' \n' <"$dir/whys")" = '2"why":"finding",1"why":"growing",' ] ||
            fail "not two dumps of a finding and one of what grew: $(cat "$dir/whys")"
        for dump in ./*.seep/mem/*/; do
            zcat "$dump"*.gz | grep -aq 'order 0' || fail "$dump is not of the leak"
        done
        if "$seep" dump -p "$target" --finding 99 2>"$dir/errors"; then fail "finding 99"; fi
        grep -q 'the report has' "$dir/errors" || fail "unclear: $(cat "$dir/errors")"
    fi
    mkdir "$dir/elsewhere"
    cd "$dir/elsewhere"
    if "$seep" dump -p "$target" --finding 1 2>"$dir/errors"; then fail "a case from nowhere"; fi
    grep -q 'name it with -o CASE' "$dir/errors" || fail "unclear: $(cat "$dir/errors")"
    cd /
    end_target
}

test_equal
test_all
test_finding
test_vanishing
test_interrupt
test_full_disk
test_bounds
test_read_only
test_mistakes
[ -z "$partly" ] || {
    echo "skipped: $partly (all else is as it should be)"
    exit 77
}
echo "all dumps are as they should be"
