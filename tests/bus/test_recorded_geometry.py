# SPDX-License-Identifier: LGPL-2.1-or-later
"""Flash geometry that a descriptor records is held against the computed, and used where none is."""

import pytest

from lib import descriptors, images
from lib.checks import SCHEMA_ERROR, assert_invalid
from lib.descriptors import image, target

KEYS = ["driver", "name", "size", "phys-addr", "num-blocks", "sector-length", "width",
        "device-width", "max-device-width", "big-endian", "secure", "id0", "id1", "id2", "id3",
        "old-multiple-chip-handling"]
TARGETS = [target("x86_64", "pc-q35-*", "new-board-*")]


def recorded(service, executable=None, template=None, **members):
    """A split firmware whose images carry these `flash` members."""
    code, variables = service.pair()
    mapping = {"device": "flash", "executable": image(code), "nvram-template": image(variables)}
    if executable is not None:
        mapping["executable"]["flash"] = executable
    if template is not None:
        mapping["nvram-template"]["flash"] = template
    members.setdefault("targets", TARGETS)
    return descriptors.descriptor(mapping, **members)


def computed(service):
    """The two units that the service computes for q35, as they would be recorded."""
    service.vendor.write("x", recorded(service))
    client = service.start()
    return [{key: unit[key] for key in KEYS} for unit in client.select("x86_64", "q35")["flash"]]


def rewritten(service, executable, template, **members):
    service.vendor.write("x", recorded(service, executable, template, **members))
    service.client.reload()
    return service.client


def test_equal_records_change_nothing(service):
    units = computed(service)
    plain = service.client.select("x86_64", "q35")
    client = rewritten(service, *units)
    assert client.state("x") == "usable"
    assert client.select("x86_64", "q35") == plain


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("which", [0, 1], ids=["executable", "nvram-template"])
def test_record_that_differs_is_a_mismatch_of_its_key(service, which, key):
    units = computed(service)
    value = units[which][key]
    wrong = {bool: lambda: not value, int: lambda: value + 1, str: lambda: value + "x"}
    units[which][key] = wrong[type(value)]()
    client = rewritten(service, *units, targets=[target("x86_64", "pc-q35-*")])
    assert client.verdict_of("x", "x86_64", "q35") == ("rejected", [f"geometry-mismatch:{key}"])
    firmware = client.firmware("x")
    assert firmware["State"] == "unusable"
    assert firmware["Problems"] == [f"geometry-mismatch:{key}"]
    assert [path for path, _ in client.problems()] == [service.vendor.file("x")]


def test_every_differing_key_is_told(service):
    units = computed(service)
    units[0].update({"num-blocks": 1, "width": 4, "big-endian": True})
    client = rewritten(service, *units)
    verdict, reasons = client.verdict_of("x", "x86_64", "q35")
    assert verdict == "rejected"
    assert sorted(reasons) == ["geometry-mismatch:big-endian", "geometry-mismatch:num-blocks",
                               "geometry-mismatch:width"]


def test_some_recorded_keys_are_enough_to_be_checked(service):
    computed(service)
    client = rewritten(service, {"sector-length": 4096}, {"width": 1})
    assert client.select_name("x86_64", "q35") == "x"
    client = rewritten(service, {"sector-length": 65536}, None)
    assert client.verdict_of("x", "x86_64", "q35")[1] == ["geometry-mismatch:sector-length"]


def test_secure_is_as_the_features_make_it(service):
    computed(service)
    features = ["requires-smm", "secure-boot"]
    client = rewritten(service, {"secure": True}, {"secure": True}, features=features)
    assert client.state("x") == "usable"
    client = rewritten(service, {"secure": False}, None, features=features)
    assert client.verdict_of("x", "x86_64", "q35")[1] == ["geometry-mismatch:secure"]


def test_unknown_machine_is_answered_from_the_record(service):
    units = computed(service)
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


def test_unknown_machine_without_a_record_is_unknown(service):
    computed(service)
    assert service.client.verdict_of("x", "x86_64", "new-board-1") == (
        "rejected", ["geometry-unknown"])


@pytest.mark.parametrize("record", [None, 7, "text", [], True], ids=str)
def test_record_that_is_no_object_is_invalid(service, record):
    made = recorded(service)
    made["mapping"]["executable"]["flash"] = record
    path = service.vendor.write("x", made)
    reasons = assert_invalid(service.start(), "x", path, SCHEMA_ERROR)
    assert reasons[0].startswith("schema-error:/mapping/executable/flash: ")


@pytest.mark.parametrize("key,value", [
    ("num-blocks", "892"), ("num-blocks", -1), ("num-blocks", 1.5), ("num-blocks", 1 << 40),
    ("width", 256), ("id0", 65536), ("big-endian", 0), ("name", 1), ("secure", "on"),
    ("phys-addr", "0xffc84000"), ("size", None), ("driver", []),
])
def test_recorded_value_of_another_type_is_invalid(service, key, value):
    path = service.vendor.write("x", recorded(service, {key: value}))
    reasons = assert_invalid(service.start(), "x", path, SCHEMA_ERROR)
    assert reasons[0].startswith(f"schema-error:/mapping/executable/flash/{key}: ")


def test_unknown_keys_of_a_record_are_kept_out_of_the_way(service):
    computed(service)
    client = rewritten(service, {"from-the-future": 1, "width": 1}, {})
    assert client.select_name("x86_64", "q35") == "x"


def test_fixed_boards_check_their_records_too(service):
    size = 64 * images.MIB
    record = {"num-blocks": 256, "sector-length": 262144, "width": 4, "device-width": 2,
              "phys-addr": 0, "size": size, "name": "virt.flash0", "id0": 0x89, "id1": 0x18}
    made = descriptors.flash(service.raw("code.fd", size), targets=[target("aarch64", "virt-*")])
    made["mapping"]["executable"]["flash"] = record
    service.vendor.write("x", made)
    client = service.start()
    assert client.select_name("aarch64", "virt") == "x"
    record["phys-addr"] = 0x04000000
    service.vendor.write("x", made)
    client.reload()
    assert client.verdict_of("x", "aarch64", "virt")[1] == ["geometry-mismatch:phys-addr"]
