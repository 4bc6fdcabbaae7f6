#!/bin/bash
# Where nothing tells how to unwind, a call path ends and says so: no frame that is not there is ever
# shown, and none is left out in silence. gdb itself guesses in such code, so the truth is the source's.
set -eu
dir=$(mktemp -d)
. "$SOURCE/tests/oracle/stacks.sh"
need gcc

# Without unwind tables, with frame pointers or without.
tables=-fno-asynchronous-unwind-tables
for bits in -m64 -m32; do
    makes gcc $bits || { echo "$bits: left out, the compiler has none"; continue; }
    for pointer in -fno-omit-frame-pointer -fomit-frame-pointer; do
        build untold gcc $bits -O2 $tables $pointer simple.c
        record untold "$dir/untold" && POINTERS=$pointer BITS=$bits \
            check "no tables, $bits $pointer" untold <<'PYTHON'
# A 32-bit main moves its stack, and nothing tells how: beyond it nothing is sure.
beyond = os.environ["BITS"] == "-m32"
for n, truth in (0, "third second first main"), (1, "third second main"), (2, "allocate main"):
    truth = truth.split() + ["__libc_start_call_main|?"]
    got = never_wrong(n, truth)
    if os.environ["POINTERS"] == "-fno-omit-frame-pointer":
        expect(got >= len(truth) - beyond, f"mark {n}: {got} of {truth}: {names(n)}")
    else:
        expect(got >= 1, f"mark {n}: nothing")
PYTHON
    done
done

if command -v musl-gcc >/dev/null; then
    for options in "-O0" "-O2" "-O2 -fno-omit-frame-pointer"; do
        # shellcheck disable=SC2086
        build musl musl-gcc -static $options simple.c
        record musl "$dir/musl" && check "musl, static, $options" musl <<'PYTHON'
inner = ["mmap|__mmap|mmap64"]
mark = ["mark"] if "mark" in names(0) else []
for n, truth in (0, "third second first main"), (1, "third second main"):
    expect(never_wrong(n, inner + mark + truth.split()) >= 1, f"mark {n}: nothing")
PYTHON
    done
else
    echo "musl: left out, musl-gcc is missing"
fi

if [ "$(uname -m)" = x86_64 ]; then
    for option in -O0 "-O2 -fomit-frame-pointer" "-O2 -fno-omit-frame-pointer"; do
        # shellcheck disable=SC2086
        build uncovered gcc -g $option uncovered.c uncovered.S
        record uncovered "$dir/uncovered" && check "assembly without tables, $option" uncovered <<'PYTHON'
import os
os.unlink(f"/tmp/perf-{case.calls[0]['pid']}.map")
rest = ["main", "__libc_start_call_main"]
for n, truth, least in (
        (0, ["plain", "uncovered_framed", "framed"], 5),
        (1, ["plain", "uncovered_frameless", "frameless"], 2),
        (2, ["plain", "uncovered_clobbered", "clobbered"], 2),
        (3, ["uncovered_leaf", "leaf"], 1),
        (4, ["plain", "made with a frame", "made"], 5),
        (5, ["plain", "made without", "made"], 2),
        (6, ["plain", "made and leaving", "made"], 2)):
    got = never_wrong(n, truth + rest)
    expect(got >= least, f"mark {n}: {got} of {len(truth + rest)} frames: {' < '.join(names(n))}")
for n in 4, 5, 6:
    kinds = [frame["kind"] for frame in path(n)["frames"] if (frame["function"] or "").startswith("made ")]
    expect(kinds == ["jit"], f"mark {n}: code made at run time is {kinds}")
PYTHON
        build lost gcc -g -D_GNU_SOURCE $option -fno-omit-frame-pointer lost.c
        record lost "$dir/lost" && check "stacks that lead nowhere, $option" lost <<'PYTHON'
expect(never_wrong(0, ["plain", "on_fault", "__restore_rt"]) == 3, "handler of a call of null")
expect(never_wrong(1, ["plain", "smashed"]) == 2, "overwritten return address")
expect(never_wrong(3, ["plain", "alone"]) == 2, "a stack made by hand")
expect(not {"main", "__libc_start_call_main"} & set(names(1)), f"guessed: {names(1)}")
PYTHON
        # shellcheck disable=SC2086
        build lost gcc -D_GNU_SOURCE $option -fno-omit-frame-pointer -fno-asynchronous-unwind-tables lost.c
        record lost "$dir/lost" && check "the same without tables" lost <<'PYTHON'
expect(never_wrong(2, ["plain", "circling"]) == 2, "frame pointers in a circle")
expect(len(path(2)["frames"]) < 20, f"{len(path(2)['frames'])} frames of a circle")
expect(end(1) is not None and end(2) is not None, "no end is marked")
PYTHON
    done
fi
finish
