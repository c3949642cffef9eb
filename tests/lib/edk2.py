# SPDX-License-Identifier: LGPL-2.1-or-later
"""edk2's variable stores in flash, read the plain way: sound stores with authenticated records."""

import struct
import uuid
from dataclasses import dataclass

GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
VOLUME_HEADER, STORE_HEADER, RECORD_HEADER = 72, 28, 60
START = b"\xaa\x55"
# length of the volume: end of the variables, places of the working block and of the spare area
LAYOUTS = {0x20000: (0xe000, 0xf000, 0x10000), 0x84000: (0x40000, 0x41000, 0x42000)}
WORKING_HEADER = 32
LIVE = 0x3f


@dataclass
class Variable:
    guid: str
    name: str
    attributes: int
    time: str
    data: bytes


@dataclass
class Store:
    volume: bytes
    variables: list
    room: int  # bytes for records
    free: int  # bytes that none was written to


def time_text(fields):
    year, month, day, hour, minute, second = struct.unpack_from("<HBBBBB", fields)
    return (f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z" if any(fields)
            else "")


def is_formatted(path):
    with open(path, "rb") as file:
        return file.read(VOLUME_HEADER)[40:44] == b"_FVH"


def read(path):
    with open(path, "rb") as file:
        head = file.read(VOLUME_HEADER)
        length, = struct.unpack_from("<Q", head, 32)
        volume = head + file.read(length - VOLUME_HEADER)
    size, = struct.unpack_from("<I", volume, VOLUME_HEADER + 16)
    at, variables = VOLUME_HEADER + STORE_HEADER, []
    while volume[at:at + 2] == START:
        state, = struct.unpack_from("<2xB", volume, at)
        attributes, = struct.unpack_from("<I", volume, at + 4)
        name_size, data_size = struct.unpack_from("<II", volume, at + 36)
        guid = str(uuid.UUID(bytes_le=volume[at + 44:at + 60]))
        data = at + RECORD_HEADER + name_size
        if state == LIVE:
            variables.append(Variable(
                guid, volume[at + RECORD_HEADER:data - 2].decode("utf-16-le"), attributes,
                time_text(volume[at + 16:at + 32]), volume[data:data + data_size]))
        at = (data + data_size + 3) // 4 * 4
    end = VOLUME_HEADER + size
    return Store(volume, variables, end - VOLUME_HEADER - STORE_HEADER, end - at)


def shrink(source):
    """A store of the 4 MiB build as one of the 2 MiB build, which Debian 13 does not ship."""
    _, old_working, old_spare = LAYOUTS[0x84000]
    size, working, _ = LAYOUTS[0x20000]
    with open(source, "rb") as file:
        old = file.read()
    new = bytearray(old[:size].ljust(working, b"\xff") + old[old_working:old_spare])
    new += b"\xff" * (0x20000 - len(new))
    struct.pack_into("<I", new, VOLUME_HEADER + 16, size - VOLUME_HEADER)
    struct.pack_into("<Q", new, 32, len(new))
    struct.pack_into("<I", new, 56, len(new) // 0x1000)  # blocks
    words = struct.unpack_from(f"<{VOLUME_HEADER // 2}H", new)
    struct.pack_into("<H", new, 50, (words[25] - sum(words)) & 0xffff)
    return bytes(new)


def make_pending(path, volume_header=True):
    """As a firmware leaves the store that is killed while it writes the variables anew: they are in
    the spare area, a record in the queue says so, and a part of them is erased."""
    with open(path, "r+b") as file:
        length, = struct.unpack_from("<Q", file.read(VOLUME_HEADER), 32)
        size, working, spare = LAYOUTS[length]
        file.seek(0)
        variables = file.read(size)
        file.seek(spare)
        file.write(variables)
        file.seek(working + WORKING_HEADER)
        # a header of one write, and its record: the spare area is complete, the variables are not
        file.write(bytes([0xff & ~3]) + bytes(23) + struct.pack("<QQ", 1, 0))
        file.write(bytes([0xff & ~2]) + bytes(7) + struct.pack("<QQQQ", 0, 0, size, 0))
        file.seek(0x1000 if volume_header else 0)
        file.write(b"\xff" * 0x8000)
