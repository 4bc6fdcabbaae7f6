#!/bin/bash
# Strings in saved memory against GNU strings on the same bytes.
set -eu

for tool in strings python3 script; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
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

"$samples/content_target" /bin/bash "$(ldd /bin/bash | awk '$1 ~ /^libc\./ { print $3 }')" \
    >"$dir/regions" &
target=$!
until grep -qs ready "$dir/regions"; do
    kill -0 "$target" || fail "the target ended"
    sleep 0.05
done
"$seep" dump -p "$target" -o "$dir/case" --all 2>"$dir/said" || fail "dump: $(cat "$dir/said")"
kill -KILL "$target"
wait "$target" 2>/dev/null || true
target=

region() {
    read -r start end < <(sed -n "s/^$1 //p" "$dir/regions")
}

# The dump's files in the order of their addresses.
files=$(cd "$dir"/case/mem/* && printf '%s\n' *.gz | awk '{ printf "%40s\n", $0 }' | sort | tr -d ' ')
[ "$(wc -l <<<"$files")" -gt 10 ] || fail "few files were saved"

for least in 1 4 10 100; do
    for file in $files; do
        zcat "$dir"/case/mem/*/"$file" | strings -a -n "$least"
    done >"$dir/want"
    "$seep" show "$dir/case" strings -n "$least" >"$dir/got"
    [ -s "$dir/want" ] || fail "no strings"
    cmp "$dir/want" "$dir/got" || fail "strings -n $least differ"
done
"$seep" show "$dir/case" strings -n 10 --encoding ascii --format plain | cmp - <(
    "$seep" show "$dir/case" strings) || fail "the defaults are not what they are said to be"

# With addresses: what strings -t x says is the offset in the file that begins at the address.
for file in $files; do
    zcat "$dir"/case/mem/*/"$file" | strings -a -n 4 -t x | python3 -c '
import sys
base = int(sys.argv[1], 16)
for line in sys.stdin:
    offset, text = line.lstrip(" ").split(" ", 1)
    print("%x %s" % (base + int(offset, 16), text), end="")' "${file%%-*}"
done >"$dir/want"
"$seep" show "$dir/case" strings -n 4 --addresses >"$dir/got"
cmp "$dir/want" "$dir/got" || fail "the addresses differ"

# Headings change nothing else: a heading and an empty line before the next one are added.
"$seep" show "$dir/case" strings -n 10 --by region >"$dir/got"
"$seep" show "$dir/case" strings -n 10 >"$dir/want"
grep -c '^pid [0-9]*  [0-9a-f]*-[0-9a-f]* ' "$dir/got" >/dev/null || fail "no headings"
grep -v -e '^pid [0-9]*  [0-9a-f]*-[0-9a-f]* ' -e '^$' "$dir/got" | cmp - "$dir/want" ||
    fail "headings change the strings"

# What cuts memory into units must not show.
region mix
for shift in 0 1 2 3 7 4095 4097 1048575 1048577; do
    range=$(printf '%x-%x' $((0x$start + shift)) $((0x$end)))
    "$seep" show "$dir/case" bytes --from "${range%-*}" --len $((0x$end - 0x$start - shift)) --raw |
        strings -a -n 4 >"$dir/want"
    "$seep" show "$dir/case" strings -n 4 --region "$range" | cmp - "$dir/want" ||
        fail "the strings differ at +$shift"
done

# Parts of regions, at odd addresses.
region mix
for cut in "0 3145728" "1048570 40" "20479 300001"; do
    read -r from len <<<"$cut"
    range=$(printf '%x-%x' $((0x$start + from)) $((0x$start + from + len)))
    "$seep" show "$dir/case" bytes --from "${range%-*}" --len "$len" --raw | strings -a -n 10 >"$dir/want"
    "$seep" show "$dir/case" strings -n 10 --region "$range" | cmp - "$dir/want" ||
        fail "the strings of $range differ"
done
grep -q "across a mebibyte" <("$seep" show "$dir/case" strings --region "$start-$end") ||
    fail "a string is cut between two members"

region wide
"$seep" show "$dir/case" bytes --from "$start" --len $((0x$end - 0x$start)) --raw |
    strings -a -e l -n 10 >"$dir/want"
[ "$(wc -l <"$dir/want")" = 100 ] || fail "strings finds no wide lines"
for encoding in utf-16le all; do
    "$seep" show "$dir/case" strings --region "$start-$end" --encoding "$encoding" >"$dir/got"
    cmp "$dir/want" "$dir/got" || fail "strings -e l differ from $encoding"
done

# A terminal gets no character that would steer it; a pipe gets the text as it is.
region utf8
show=("$seep" show "$dir/case" strings --region "$start-$end" --encoding utf-8)
[ "$("${show[@]}")" = $'Stra\303\237enbahn f\303\244hrt \342\200\256umgekehrt' ] ||
    fail "UTF-8 text is not printed as it is"
script -qec "$(printf '%q ' "${show[@]}")" /dev/null </dev/null >"$dir/terminal"
grep -q $'Stra\303\237enbahn' "$dir/terminal" || fail "nothing on the terminal"
! grep -q $'\342\200\256' "$dir/terminal" || fail "a bidirectional override reached the terminal"

# JSON says the same, and where it is.
"$seep" show "$dir/case" strings >"$dir/plain"
"$seep" show "$dir/case" strings --format json >"$dir/json"
python3 - "$dir/plain" "$dir/json" <<'EOF' || fail "the JSON is not that of the plain strings"
import json, sys
plain = open(sys.argv[1]).read().split("\n")[:-1]
last = 0
for text, line in zip(plain, open(sys.argv[2]), strict=True):
    found = json.loads(line)
    address = int(found["address"], 16)
    assert found["text"] == text, line
    assert found["encoding"] == "ascii" and address >= last, line
    assert found["length"] == found["bytes"] == len(text), line
    last = address + found["bytes"]
EOF

# Mistakes are told, and nothing is not success.
for wrong in "-n 0" "-n x" "--encoding latin" "--format xml" "--region 5-4" "--dump 0" "--by x"; do
    status=0
    # shellcheck disable=SC2086
    "$seep" show "$dir/case" strings $wrong >/dev/null 2>&1 || status=$?
    [ "$status" = 2 ] || fail "'$wrong' ends with status $status"
done
status=0
"$seep" show "$dir/case" strings --region 1000-2000 >/dev/null 2>"$dir/said" || status=$?
[ "$status" = 1 ] || fail "nothing saved ends with status $status"
grep -q "^seep: .* failed: .* (.*)$" "$dir/said" || fail "no reason is given: $(cat "$dir/said")"
