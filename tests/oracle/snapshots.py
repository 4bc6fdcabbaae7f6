"""The records of a case's `snapshots`, read by docs/FORMAT.md alone."""
import struct
import zlib


def varint(raw, at):
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def text(raw, at):
    size, at = varint(raw, at)
    return raw[at:at + size], at + size


def record(raw):
    at = 0
    head = []
    for _ in range(4):
        value, at = varint(raw, at)
        head.append(value)
    at += 2  # reason, stopped
    count, at = varint(raw, at)
    sections = {}
    for _ in range(count):
        name, at = text(raw, at)
        value, at = text(raw, at + 1)
        at += 1
        sections[name.decode()] = value.decode(errors="surrogateescape")
    return {"pid": head[0], "begin_ns": head[2], "sections": sections}


def records(path):
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"SEEPBLK1"
    at, earlier, found = 8, b"", []
    while at < len(data):
        magic, kind, codec, _, stored, _, _ = struct.unpack_from("<4sBBHIIQ", data, at)
        assert magic == b"SBLK"
        raw = data[at + 24:at + 24 + stored]
        raw = zlib.decompress(raw) if codec == 1 else raw
        at += 24 + stored
        earlier += raw
        if kind == 3:
            found.append(record(earlier))
            earlier = b""
    return found


def regions(listing):
    """maps or smaps as [{start, end, perms, offset, device, inode, name, fields}]."""
    found = []
    for line in listing.splitlines():
        words = line.split(None, 5)
        if words and "-" in words[0] and not words[0].endswith(":"):
            start, end = (int(part, 16) for part in words[0].split("-"))
            found.append({"start": start, "end": end, "perms": words[1],
                          "offset": int(words[2], 16), "device": words[3], "inode": int(words[4]),
                          "name": words[5] if len(words) > 5 else "", "fields": {}})
        elif words and words[0].endswith(":"):
            value = line.split(":", 1)[1].strip()
            found[-1]["fields"][words[0][:-1]] = value
    return found
