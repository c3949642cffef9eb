# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the flash devices of a running QEMU back, in the contract's terms."""

import json
import re

FLASH_TYPES = ("cfi.pflash01", "cfi.pflash02")
NUMBERS = ("num-blocks", "sector-length", "width", "device-width", "max-device-width",
           "id0", "id1", "id2", "id3")
# QEMU 11 has no such property any more
GONE = "old-multiple-chip-handling"
BOOLEANS = ("big-endian", "secure", GONE)
# What D-Bus type each key of a unit has in the contract.
UNIT_TYPES = {
    "unit": "u", "role": "s", "driver": "s", "name": "s", "filename": "s", "format": "s",
    "read-only": "b", "size": "t", "phys-addr": "t", "num-blocks": "u", "sector-length": "t",
    "width": "y", "device-width": "y", "max-device-width": "y", "big-endian": "b", "secure": "b",
    "id0": "q", "id1": "q", "id2": "q", "id3": "q", "old-multiple-chip-handling": "b",
}
READ_BACK_KEYS = set(UNIT_TYPES) - {"role"}


def device_paths(qemu):
    """QOM paths of all flash devices: of the board's own, or where -drive boards leave them."""
    paths = []
    for parent in ("/machine", "/machine/unattached"):
        for name, kind in qemu.children(parent).items():
            if kind in tuple(f"child<{flash}>" for flash in FLASH_TYPES):
                paths.append(f"{parent}/{name}")
    return paths


def inserted(qemu, path, drive):
    """The block node behind a device: query-block names it by its QOM path or its drive."""
    for block in qemu.execute("query-block"):
        node = block.get("inserted")
        if node and (block.get("qdev") == path
                     or drive and drive in (block["device"], node["node-name"])):
            return node
    return None


def plain_filename(inserted_node):
    filename = inserted_node["image"]["filename"]
    if filename.startswith("json:"):
        node = json.loads(filename.removeprefix("json:"))
        while isinstance(node.get("file"), dict):
            node = node["file"]
        return node["filename"]
    return filename


def mapped_at(qemu, name):
    """Address of the device's region in the memory tree (of the secure one where only that)."""
    text = qemu.monitor("info mtree")
    found = re.search(rf"^\s*([0-9a-f]+)-[0-9a-f]+ \(prio -?\d+, romd\): {re.escape(name)}\r?$",
                      text, re.MULTILINE)
    return int(found[1], 16) if found else None


def read_device(qemu, path):
    unit = {key: int(qemu.get(path, key)) for key in NUMBERS}
    properties = qemu.children(path)
    unit.update({key: bool(qemu.get(path, key)) for key in BOOLEANS
                 if key != GONE or key in properties})
    name = qemu.get(path, "name")
    region = f"{path}/{name}[0]"
    unit["driver"] = qemu.get(path, "type")
    unit["name"] = name
    unit["unit"] = int(re.search(r"(\d+)$", name)[1])
    unit["size"] = int(qemu.get(region, "size"))
    unit["phys-addr"] = int(qemu.get(region, "addr"))
    assert mapped_at(qemu, name) == unit["phys-addr"], qemu.monitor("info mtree")
    node = inserted(qemu, path, qemu.get(path, "drive"))
    if node is not None:
        unit["filename"] = plain_filename(node)
        unit["format"] = node["drv"]
        unit["read-only"] = node["ro"]
    return unit


def read_all(qemu):
    """{unit number: values}; a unit without a block backend has no filename, format, read-only."""
    units = [read_device(qemu, path) for path in device_paths(qemu)]
    return {unit["unit"]: unit for unit in units}


def assert_equal(qemu, expected_units):
    """Every key of every unit is what QEMU has, and QEMU has no unit with a backend besides."""
    actual = read_all(qemu)
    backed = [number for number, unit in sorted(actual.items()) if "filename" in unit]
    assert backed == [unit["unit"] for unit in expected_units]
    for expected in expected_units:
        assert set(expected) == set(UNIT_TYPES)
        found = actual[expected["unit"]]
        assert expected[GONE] is False
        different = {key: (expected[key], found.get(key)) for key in READ_BACK_KEYS
                     if expected[key] != found.get(key) and (key != GONE or key in found)}
        assert not different, f"(expected, in QEMU) of unit {expected['unit']}: {different}"
