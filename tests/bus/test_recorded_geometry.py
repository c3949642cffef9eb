# SPDX-License-Identifier: LGPL-2.1-or-later
"""Flash geometry that a descriptor records is held against the computed, and used where none is."""

from lib import descriptors
from lib.descriptors import image, target

KEYS = ["driver", "name", "size", "phys-addr", "num-blocks", "sector-length", "width",
        "device-width", "max-device-width", "big-endian", "secure", "id0", "id1", "id2", "id3",
        "old-multiple-chip-handling"]


def recorded(service, executable, template):
    """A split firmware whose images carry these `flash` members."""
    code, variables = service.pair()
    return descriptors.descriptor(
        {"device": "flash", "executable": image(code, flash=executable),
         "nvram-template": image(variables, flash=template)},
        targets=[target("x86_64", "pc-q35-*", "new-board-*")])


def computed(service):
    """The two units that the service computes for q35, as they would be recorded."""
    service.vendor.write("x", recorded(service, {}, {}))
    client = service.start()
    return [{key: unit[key] for key in KEYS} for unit in client.select("x86_64", "q35")["flash"]]


def rewritten(service, executable, template):
    service.vendor.write("x", recorded(service, executable, template))
    service.client.reload()
    return service.client


def test_equal_records_change_nothing(service):
    units = computed(service)
    plain = service.client.select("x86_64", "q35")
    client = rewritten(service, *units)
    assert client.state("x") == "usable"
    assert client.select("x86_64", "q35") == plain


def test_every_differing_key_is_told(service):
    units = computed(service)
    service.vendor.write("y", recorded(service, {"num-blocks": 1, "width": 4}, {"id0": 1}))
    client = rewritten(service, *units)
    reasons = [f"geometry-mismatch:{key}" for key in ("num-blocks", "width", "id0")]
    assert client.verdict_of("y", "x86_64", "q35") == ("rejected", reasons)
    assert (client.state("y"), client.firmware("y")["Problems"]) == ("unusable", reasons)
    assert [path for path, _ in client.problems()] == [service.vendor.file("y")]


def test_unknown_machine_is_answered_from_the_record(service):
    units = computed(service)
    assert service.client.verdict_of("x", "x86_64", "new-board-1") == (
        "rejected", ["geometry-unknown"])
    units[0].update({"name": "new.flash0", "phys-addr": 0x10000000, "sector-length": 8192,
                     "num-blocks": units[0]["size"] // 8192, "width": 2, "device-width": 2,
                     "max-device-width": 2, "id0": 0x89, "id1": 0x18, "big-endian": True})
    units[1].update({"name": "new.flash1", "phys-addr": 0x20000000})
    client = rewritten(service, *units)
    answer = client.select("x86_64", "new-board-1")
    assert [{key: unit[key] for key in KEYS} for unit in answer["flash"]] == units
    assert [(unit["unit"], unit["role"], unit["read-only"]) for unit in answer["flash"]] == [
        (0, "executable", True), (1, "nvram", False)]
    assert answer["machine"] == "new-board-1"
    verdict, reasons = client.verdict_of("x", "x86_64", "q35")
    assert verdict == "rejected" and "geometry-mismatch:name" in reasons
    assert client.state("x") == "usable", "one of its machines takes it"
