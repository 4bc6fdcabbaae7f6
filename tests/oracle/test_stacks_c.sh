#!/bin/bash
# Call paths of C programs equal gdb's backtraces, frame by frame: through the PLT, alloca, signal
# handlers, realigned stacks, the loader and deep recursion, with and without frame pointers.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/stacks.sh"
need gcc

number=0
# each WHAT COMPILER OPTION...: all programs, so compiled
each() {
    local what=$1 d=variant$((number += 1))
    shift
    mkdir "$dir/$d"
    ! build "$d/libcalls.so" "$@" -D_GNU_SOURCE -shared -fPIC calls_library.c ||
        ! build "$d/calls" "$@" -D_GNU_SOURCE calls.c -L"$dir/$d" -lcalls -Wl,-rpath,"\$ORIGIN" ||
        compare "calls, $what" --at-least 50 -- "$dir/$d/calls"
    # The stack that a handler with a stack of its own interrupts is not copied.
    ! build "$d/signals" "$@" -D_GNU_SOURCE signals.c fault.S ||
        compare "signals, $what" --at-least 15 --end 9=copy -- "$dir/$d/signals"
}
# static WHAT COMPILER OPTION...
static() {
    local what=$1 d=variant$((number += 1))
    shift
    mkdir "$dir/$d"
    ! build "$d/calls" "$@" -D_GNU_SOURCE calls.c calls_library.c ||
        compare "calls, $what" --at-least 35 -- "$dir/$d/calls"
}

each "gcc -O0" gcc -O0 -g
each "gcc -O2 -fomit-frame-pointer" gcc -O2 -g -fomit-frame-pointer
each "gcc -O2 without -g" gcc -O2 -fomit-frame-pointer
each "gcc -Os, DWARF 4, compressed" gcc -Os -gdwarf-4 -gz
static "gcc -static" gcc -O2 -g -static
static "gcc -static-pie" gcc -O2 -g -static-pie
static "gcc -O3 -flto, no PIE" gcc -O3 -g -flto -no-pie
if makes clang; then
    each "clang -O2" clang -O2 -g -fomit-frame-pointer
else
    echo "clang: left out, it is missing"
fi
if makes gcc -m32; then
    each "gcc -m32 -O0" gcc -m32 -O0 -g
    each "gcc -m32 -O2" gcc -m32 -O2 -g -fomit-frame-pointer
    static "gcc -m32 -static" gcc -m32 -O2 -g -static
else
    echo "i386: left out, the compiler has no -m32 (gcc-multilib)"
fi

for option in -O0 -O2; do
    build recursion gcc $option -g recursion.c
    compare "recursion, $option, 128 frames" --end 0=max-frames --end 2=copy -- "$dir/recursion"
    seep_options="--max-frames 300" compare "recursion, $option, 300 frames" --end 2=copy -- "$dir/recursion"
    seep_options="--max-frames 5" \
        compare "recursion, $option, 5 frames" --end max-frames --end 2=copy,max-frames -- "$dir/recursion"
    seep_options="--stack-bytes 1024" \
        compare "recursion, $option, 1 KiB" --end copy,complete -- "$dir/recursion"
done
finish
