#!/bin/bash
# Call paths through code that comes and goes: libraries opened, closed and deleted, threads, children,
# programs executed; and names that are elsewhere: debug files, compressed symbol tables.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/stacks.sh"
need gcc objcopy strip

for name in first second third; do
    build "$name.so" gcc -O2 -g -shared -fPIC "-DNAME=$name" plugin.c
done
build resolved.so gcc -O2 -g -shared -fPIC -Wl,-z,lazy -DNAME=resolved -DRESOLVES plugin.c
build loader gcc -O2 -g loader.c -ldl
prepare() { cp "$dir/third.so" "$dir/gone.so"; }
compare "libraries opened and closed" --at-least 40 --unnamed "$dir/gone.so" -- "$dir/loader" \
    "$dir/first.so" "$dir/second.so" "$dir/resolved.so" "-$dir/gone.so" "$dir/first.so"
unset -f prepare

build threads gcc -O2 -g -D_GNU_SOURCE threads.c -pthread
compare "threads, one by one" --at-least 20 -- "$dir/threads"
compare "threads together" --marks --at-least 6 -- "$dir/threads" together

build children gcc -O2 -g -D_GNU_SOURCE children.c -pthread
for how in fork vfork thread; do
    follow="parent child" compare "children by $how" --marks --at-least 4 -- "$dir/children" $how
done

# --- where the names are ---
build whole gcc -O2 -g -fomit-frame-pointer simple.c
# separate OUTPUT: "whole", stripped; its debug file is $dir/debug
separate() {
    objcopy --only-keep-debug "$dir/whole" "$dir/debug"
    strip -o "$dir/$1" "$dir/whole"
}
# Where the link has to be made from, it names the file as it is.
link_to() { # PROGRAM FILE
    objcopy --add-gnu-debuglink="$2" "$1"
}
compare "not stripped" --at-least 3 -- "$dir/whole"

separate stripped
compare "stripped" --at-least 3 --complete -- "$dir/stripped"

separate linked
mv "$dir/debug" "$dir/linked.debug"
link_to "$dir/linked" "$dir/linked.debug"
compare "debug file beside it" --at-least 3 -- "$dir/linked"
mkdir "$dir/.debug"
mv "$dir/linked.debug" "$dir/.debug/"
compare "debug file in .debug" --at-least 3 -- "$dir/linked"
mkdir "$dir/other"
build other/linked.debug gcc -O0 -g simple.c
mv "$dir/other/linked.debug" "$dir/.debug/"
compare "another program's debug file" --at-least 3 -- "$dir/linked"

if command -v xz >/dev/null; then
    separate mini
    nm --defined-only "$dir/whole" | awk '$2 ~ /[tT]/ { print $3 }' >"$dir/functions"
    objcopy -S --remove-section .gdb_index --remove-section .comment \
        --keep-symbols="$dir/functions" "$dir/debug" "$dir/minidebug" 2>/dev/null
    xz -f "$dir/minidebug"
    objcopy --add-section .gnu_debugdata="$dir/minidebug.xz" "$dir/mini"
    compare "symbols in .gnu_debugdata" --at-least 3 -- "$dir/mini"
fi
if command -v dwz >/dev/null; then
    build one gcc -O2 -g simple.c
    build two gcc -O0 -g simple.c
    dwz -m "$dir/common.debug" "$dir/one" "$dir/two" 2>/dev/null &&
        compare "DWARF that is shared by dwz" --at-least 3 -- "$dir/one"
fi
finish
