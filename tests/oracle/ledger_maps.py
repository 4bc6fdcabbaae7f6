"""Compares the ledger of a process that has ended with what it said of itself:

    ledger_maps.py INTERVALS MAPS

INTERVALS is what `seep show CASE ledger --intervals --json` printed, MAPS what the process read
from /proc/self/maps when it had done its last call. Which addresses are mapped must agree to the
byte, and who may access them how.
"""

import json
import sys

IGNORED = ("[vvar", "[vdso]", "[vsyscall]", "[stack]", "[uprobes]")


def of_maps(path):
    for line in open(path):
        fields = line.split(None, 5)
        start, end = (int(part, 16) for part in fields[0].split("-"))
        name = fields[5].strip() if len(fields) > 5 else ""
        yield start, end, fields[1], name.startswith(IGNORED)


def of_ledger(path):
    pid = None
    for line in open(path):
        interval = json.loads(line)
        if "start" not in interval:
            continue
        pid = pid or interval["pid"]
        if interval["pid"] == pid:
            yield int(interval["start"], 16), int(interval["end"], 16), interval["perms"]


def pages(ranges):
    return {at: perms for start, end, perms in ranges for at in range(start, end, 4096)}


maps = list(of_maps(sys.argv[2]))
ignored = pages([(start, end, perms) for start, end, perms, skip in maps if skip])
kernel = pages([(start, end, perms) for start, end, perms, skip in maps if not skip])
books = {at: perms for at, perms in pages(of_ledger(sys.argv[1])).items() if at not in ignored}
faults = sorted(at for at in kernel.keys() | books.keys() if kernel.get(at) != books.get(at))
for at in faults[:10]:
    print(f"{at:x}: the kernel says {kernel.get(at)}, the ledger {books.get(at)}")
print(f"{len(kernel)} pages mapped, {len(faults)} differ")
sys.exit(1 if faults or not kernel else 0)
