"""Compares what `seep snap --json -o CASE` printed with three witnesses:

    snap_compare.py JSON CASE SMAPS ROLLUP PMAP

the kernel's text as it was read, which the case keeps (every field must agree), the kernel's text
read once more by cat while the process stood still, and pmap -X. Between two reads the number of
other processes that map the same file can change, and with it who shares a page: there, the fields
that tell sharing are compared by their sums.
"""

import json
import re
import struct
import sys
import zlib

HEADER = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) (\S+) (\d+) *(.*)$")
# Others' reads of a file's pages mark them as referenced.
OTHERS = ["pss_bytes", "referenced_bytes"]
SHARING = ["shared_clean_bytes", "shared_dirty_bytes", "private_clean_bytes", "private_dirty_bytes"]
faults = []


def fault(*words):
    faults.append(" ".join(str(word) for word in words))


def key_of(field):
    """private_dirty_bytes for Private_Dirty, mmu_page_size_bytes for MMUPageSize."""
    field = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", field)
    return re.sub("_+", "_", field).lower() + "_bytes"


def parse_smaps(text):
    regions = []
    for line in text.split(b"\n"):
        header = HEADER.match(line)
        if header:
            name = header[7].replace(b"\\012", b"\n").decode()
            regions.append({
                "start": "0x%x" % int(header[1], 16), "end": "0x%x" % int(header[2], 16),
                "perms": header[3].decode(), "offset": int(header[4], 16),
                "device": header[5].decode(), "inode": int(header[6]), "name": name})
        elif line:
            field, value = line.decode().split(":", 1)
            if field == "VmFlags":
                regions[-1]["flags"] = value.strip()
            elif field == "THPeligible":
                regions[-1]["thp_eligible"] = int(value)
            elif field == "ProtectionKey":
                regions[-1]["protection_key"] = int(value)
            else:
                number, unit = value.split()
                assert unit == "kB", line
                regions[-1][key_of(field)] = int(number) * 1024
    return regions


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def sections_of(path):
    """The sections of the file's only record: docs/FORMAT.md, snapshots."""
    data = open(path, "rb").read()
    assert data[:8] == b"SEEPBLK1"
    at, record = 8, b""
    while at < len(data):
        magic, kind, codec, _, stored, raw, _ = struct.unpack("<4sBBHIIQ", data[at:at + 24])
        assert magic == b"SBLK"
        body = data[at + 24:at + 24 + stored]
        body = zlib.decompress(body) if codec else body
        assert len(body) == raw
        if kind in (3, 4):
            record += body
        at += 24 + stored
    at = 0
    for _ in range(4):
        _, at = varint(record, at)
    at += 2
    count, at = varint(record, at)
    sections = {}
    for _ in range(count):
        texts = []
        for _ in range(2):
            length, at = varint(record, at)
            texts.append(record[at:at + length])
            assert record[at + length] == 0
            at += length + 1
        sections[texts[0].decode()] = texts[1]
    assert at == len(record)
    return sections


def compare_with_what_was_read(vmas, regions):
    for vma, region in zip(vmas, regions):
        known = {key for key, value in vma.items() if value is not None} - {"pid"}
        if known != set(region):
            fault(region["start"], "fields differ:", sorted(known ^ set(region)))
        for key, value in region.items():
            if vma.get(key) != value:
                fault(region["start"], key, "is", value, "and not", vma.get(key))


def compare_with_another_read(vmas, regions):
    for vma, region in zip(vmas, regions):
        shared = region["inode"] != 0 or region["name"].startswith("[v")
        for key, value in region.items():
            if shared and key in SHARING + OTHERS:
                continue
            if vma[key] != value:
                fault(region["start"], key, "was", value, "when read again, not", vma[key])
        if sum(vma[key] for key in SHARING) != sum(region[key] for key in SHARING):
            fault(region["start"], "the shared and private bytes add up to something else")


def compare_with_rollup(process, vmas, rollup):
    """ROLLUP was read later: what others share by then may differ, the sum of shared and private
    not. PSS is rounded down to KiB for each region, and once in the rollup."""
    own, totals = process["rollup"], process["totals"]
    for key in rollup:
        if key.endswith("_bytes") and own[key] is None:
            fault("the rollup's", key, "is missing")
    for key in set(totals) & set(rollup) - set(SHARING + OTHERS):
        if totals[key] is not None and "pss" not in key and not totals[key] == own[key] == rollup[key]:
            fault("total of", key, "is", totals[key], "and the rollup's", own[key], rollup[key])
    if len({sum(fields[key] for key in SHARING) for fields in (totals, own, rollup)}) > 1:
        fault("the shared and private bytes add up to something else than in the rollup")
    slack = 1024 * len(vmas) + totals["shared_clean_bytes"]
    if abs(own["pss_bytes"] - totals["pss_bytes"]) > slack:
        fault("PSS is", totals["pss_bytes"], "in all and", own["pss_bytes"], "in the rollup")


def compare_with_pmap(vmas, text):
    """pmap -X: columns by their headings, in KiB; the name comes last and may hold blanks."""
    lines = text.decode(errors="replace").split("\n")
    columns = lines[1].split()
    last = columns.index("Mapping")
    rows = [line.split(None, last) for line in lines[2:] if re.match(" *[0-9a-f]+ [r-]", line)]
    if len(rows) != len(vmas):
        fault("pmap has", len(rows), "regions, not", len(vmas))
    for vma, row in zip(vmas, rows):
        for column, cell in zip(columns[:last], row):
            if column == "Address":
                same = int(cell, 16) == int(vma["start"], 16)
            elif column == "Perm":
                same = cell == vma["perms"]
            elif column == "Offset":
                same = int(cell, 16) == vma["offset"]
            elif column == "Device":
                same = cell == vma["device"]
            elif column == "Inode":
                same = int(cell) == vma["inode"]
            elif column == "THPeligible":
                same = int(cell) == vma["thp_eligible"]
            elif column in ("Pss", "Referenced", "Shared_Clean", "Private_Clean", "ProtectionKey"):
                same = True
            else:
                same = int(cell) * 1024 == vma[key_of(column)]
            if not same:
                fault(vma["start"], "pmap says", column, cell)


def main():
    paths = sys.argv[1:]
    snap = json.load(open(paths[0]))
    sections = sections_of(paths[1] + "/snapshots")
    again = parse_smaps(open(paths[2], "rb").read())
    rollup = parse_smaps(open(paths[3], "rb").read())[0]
    regions = parse_smaps(sections["smaps"])
    if not len(snap["vmas"]) == len(regions) == len(again) > 0:
        fault("seep has", len(snap["vmas"]), "regions; smaps", len(regions), "and", len(again))
    compare_with_what_was_read(snap["vmas"], regions)
    compare_with_another_read(snap["vmas"], again)
    compare_with_rollup(snap["processes"][0], snap["vmas"], rollup)
    compare_with_pmap(snap["vmas"], open(paths[4], "rb").read())
    for words in faults[:20]:
        print(words)
    print(len(again), "regions compared,", len(faults), "differences")
    sys.exit(1 if faults else 0)


main()
