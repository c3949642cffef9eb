# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boot entries, as firmware writes them: EFI_LOAD_OPTION with a device path of one node."""

import struct

CARD = bytes.fromhex("525400123456")
# edk2 names the settings of a network card by its address
CARD_VARIABLE = CARD.hex().upper()


def _entry(title, kind, subtype, data):
    node = struct.pack("<BBH", kind, subtype, 4 + len(data)) + data
    path = node + b"\x7f\xff\x04\0"
    return struct.pack("<IH", 1, len(path)) + (title + "\0").encode("utf-16-le") + path


def network(card=CARD):
    """Bound to a network card."""
    return _entry("network", 3, 11, card.ljust(32, b"\0") + b"\1")


def partition(guid=bytes(range(16))):
    """Bound to a partition."""
    return _entry("disk", 4, 1, struct.pack("<IQQ16sBB", 1, 2048, 4096, guid, 2, 2))


def file(name="\\EFI\\BOOT\\BOOTX64.EFI"):
    """Bound to nothing."""
    return _entry("file", 4, 4, (name + "\0").encode("utf-16-le"))
