#!/bin/bash
# Call paths of C++ and Rust programs equal gdb's backtraces: constructors, thunks, closures, generic
# functions, what destructors do while an exception or a panic unwinds, and inlined frames of them all.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/stacks.sh"
need gcc g++

number=0
# each WHAT C-COMPILER COMPILER OPTION...
each() {
    local what=$1 c=$2 cxx=$3 d=variant$((number += 1))
    shift 3
    mkdir "$dir/$d"
    ! build "$d/libcalls.so" "$c" "$@" -shared -fPIC calls_library.c ||
        ! build "$d/cxx" "$cxx" "$@" -std=c++17 cxx.cc -L"$dir/$d" -lcalls -lpthread -Wl,-rpath,"\$ORIGIN" ||
        compare "$what" --at-least 50 -- "$dir/$d/cxx"
}

each "g++ -O0" gcc g++ -O0 -g
each "g++ -O2" gcc g++ -O2 -g -fomit-frame-pointer
each "g++ -O2 without -g" gcc g++ -O2
! makes clang || each "clang++ -O2" clang clang++ -O2 -g
! makes gcc -m32 || each "g++ -m32 -O2" gcc g++ -m32 -O2 -g -fomit-frame-pointer

if command -v rustc >/dev/null; then
    ! build rust rustc -g --edition 2021 rust.rs || compare "rustc" --rust --at-least 30 -- "$dir/rust"
    ! build rust rustc -O -g --edition 2021 rust.rs || compare "rustc -O" --rust --at-least 30 -- "$dir/rust"
    ! build rust rustc -O --edition 2021 rust.rs ||
        compare "rustc -O without -g" --rust --at-least 30 -- "$dir/rust"
else
    echo "rust: left out, rustc is missing"
fi
finish
