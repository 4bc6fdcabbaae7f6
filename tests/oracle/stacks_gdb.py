"""Run by gdb: a program's calls that can grow memory, each with gdb's own backtrace.

    gdb -nx -batch -ex 'py OUT = "calls.json"' -ex 'py FOLLOW = "parent"' -x stacks_gdb.py --args PROGRAM ...
    gdb -nx -batch -ex 'py OUT = "calls.json"' -ex 'py PID = 123; LIMIT = 10' -x stacks_gdb.py

Writes one JSON object a line: call, args, result, pid, tid, and frames, innermost first: pc, function
(begins: of which the pc is the very beginning), inlined, kind (normal, signal, tail-call), file, line, object and offset.
"""
import json

import gdb

CALLS = {
    "i386:x86-64": {9: "mmap", 10: "mprotect", 12: "brk", 25: "mremap", 29: "shmget", 30: "shmat",
                    319: "memfd_create"},
    "i386": {192: "mmap2", 125: "mprotect", 45: "brk", 163: "mremap", 395: "shmget", 397: "shmat",
             356: "memfd_create"},
}
REGISTERS = {
    "i386:x86-64": ("orig_rax", "rax", "rdi rsi rdx r10 r8 r9".split()),
    "i386": ("orig_eax", "eax", "ebx ecx edx esi edi ebp".split()),
}
KINDS = {gdb.SIGTRAMP_FRAME: "signal", gdb.TAILCALL_FRAME: "tail-call"}
ENOSYS = 38


def value(name, bits):
    return int(gdb.parse_and_eval("$" + name).cast(gdb.lookup_type("long long"))) & (1 << bits) - 1


def name_at(pc):
    """The name of what begins at PC, as where makecontext lets functions return to; else None."""
    text = gdb.execute(f"info symbol {pc}", to_string=True)
    return text.split()[0] if " in section " in text and " + " not in text else None


def frame_facts(frame):
    sal = frame.find_sal()
    return {
        "pc": frame.pc(),
        "function": frame.name(),
        "begins": None if frame.name() else name_at(frame.pc()),
        "inlined": frame.type() == gdb.INLINE_FRAME,
        "kind": KINDS.get(frame.type(), "normal"),
        "file": sal.symtab.filename if sal.symtab else None,
        "line": sal.line,
        "object": gdb.solib_name(frame.pc()) or gdb.current_progspace().filename,
    }


def backtrace():
    frames = []
    frame = gdb.newest_frame()
    while frame:
        frames.append(frame_facts(frame))
        try:
            frame = frame.older()
        except gdb.error as error:
            frames[-1]["error"] = str(error)
            break
    return frames


def call_facts():
    """The call at whose return gdb has stopped; None at its entry."""
    architecture = gdb.newest_frame().architecture().name()
    bits = 32 if architecture == "i386" else 64
    number, result, arguments = REGISTERS[architecture]
    name = CALLS[architecture].get(value(number, 32))
    returned = value(result, bits)
    if name is None or returned == (1 << bits) - ENOSYS:
        return None
    pid, lwp, _ = gdb.selected_thread().ptid
    return {
        "call": name,
        "args": [value(register, bits) for register in arguments],
        "result": returned - (1 << bits) if returned >> bits - 12 == (1 << 12) - 1 else returned,
        "pid": pid,
        "tid": lwp,
        "frames": backtrace(),
    }


def prepare():
    for setting in ("pagination off", "confirm off", "startup-with-shell off", "width 0",
                    "backtrace past-main on", "backtrace limit unlimited",
                    "debuginfod enabled off", "print thread-events off", "print inferior-events off",
                    "auto-load off", "follow-exec-mode same",
                    "follow-fork-mode " + globals().get("FOLLOW", "parent")):
        gdb.execute("set " + setting)
    gdb.execute("handle all nostop noprint pass", to_string=True)


def catch():
    architecture = gdb.selected_inferior().architecture().name()
    gdb.execute("catch syscall " + " ".join(map(str, CALLS[architecture])), to_string=True)


def main():
    limit = globals().get("LIMIT", 1 << 30)
    prepare()
    if "PID" in globals():
        gdb.execute(f"attach {PID}", to_string=True)
    catch()
    with open(OUT, "w") as out:
        if "PID" not in globals():
            gdb.execute("unset environment")
            gdb.execute("run", to_string=True)
        else:
            gdb.execute("continue", to_string=True)
        while limit > 0 and gdb.selected_inferior().pid:
            facts = call_facts()
            if facts:
                out.write(json.dumps(facts) + "\n")
                limit -= 1
            if limit > 0:
                gdb.execute("continue", to_string=True)
    if gdb.selected_inferior().pid:
        gdb.execute("detach" if "PID" in globals() else "kill", to_string=True)
        status = 0
    else:
        # Void when a signal ended the program.
        code = gdb.convenience_variable("_exitcode")
        status = 1 if code is None else int(code)
    gdb.execute(f"quit {status}")


main()
