# SPDX-License-Identifier: LGPL-2.1-or-later
"""An object says what its descriptor says; a broken descriptor removes itself alone."""

import json

import pytest

from lib import descriptors
from lib.checks import PARSE_ERROR, SCHEMA_ERROR, assert_all_answers, assert_invalid
from lib.descriptors import target


def test_every_plain_property_is_as_written(service):
    executable, template = service.pair()
    targets = [target("x86_64", "pc-q35-*", "pc-i440fx-*"), target("i386", "pc-q35-7.?")]
    made = descriptors.flash(
        executable, template, description="Some “firmware”", interface_types=["uefi", "bios"],
        targets=targets, features=["b", "a", "acpi-s3"], tags=["debug", "ümlaut"])
    made["x-further"] = {"list": [1, 2.5, None, True, {"deep": "er"}]}
    service.vendor.write("f", made)
    firmware = service.start().firmware("f")
    assert firmware == {
        "Name": "f", "Path": service.vendor.file("f"), "Layer": "custom", "State": "usable",
        "Problems": [], "Rank": 0, "Description": "Some “firmware”",
        "InterfaceTypes": ["uefi", "bios"], "Device": "flash", "Mode": "split",
        "Executable": (executable, "raw"), "NVRAMTemplate": (template, "raw"),
        "SecureBoot": "none", "Certificates": {}, "Health": "damaged",
        "Targets": [("x86_64", ["pc-q35-*", "pc-i440fx-*"]), ("i386", ["pc-q35-7.?"])],
        "Features": ["b", "a", "acpi-s3"], "Tags": ["debug", "ümlaut"], "Overrides": [],
    }


def test_template_of_those_that_have_none_and_of_a_store(service):
    path, template = service.raw("f.bin", 65536), service.store("vars.json")
    service.vendor.write("combined", descriptors.flash(path, mode="combined"))
    service.vendor.write("kernel", descriptors.by_filename("kernel", path))
    service.vendor.write("store", descriptors.by_filename(
        "memory", path, mapping={"uefi-vars": {"template": template}}))
    client = service.start()
    found = {name: client.firmware(name) for name in client.names()}
    assert {name: (firmware["Device"], firmware["Mode"], firmware["NVRAMTemplate"])
            for name, firmware in found.items()} == {
                "combined": ("flash", "combined", ("", "")),
                "kernel": ("kernel", "stateless", ("", "")),
                "store": ("memory", "stateless", (template, "json"))}
    assert all(firmware["Executable"] == (path, "raw") for firmware in found.values())


@pytest.mark.parametrize("content,reason,pattern", [
    ('{\n  "description": "x",\n  oops\n}\n', "parse-error:3:", PARSE_ERROR),
    (" \n", "parse-error:1:1: ", PARSE_ERROR),
    (json.dumps(descriptors.flash("code.fd")), "schema-error:/mapping/executable/filename: ",
     SCHEMA_ERROR),
    ("[]", "schema-error:: ", SCHEMA_ERROR),
], ids=["syntax", "blank", "schema", "root"])
def test_broken_descriptor_is_told_and_removes_itself_alone(service, content, reason, pattern):
    service.add("10-good")
    path = service.vendor.write("20-bad", content)
    service.add("30-good")
    client = service.start()
    reasons = assert_invalid(client, "20-bad", path, pattern)
    assert reasons[0].startswith(reason)
    assert [(name, state) for name, state, _ in client.list_firmware()] == [
        ("10-good", "usable"), ("20-bad", "invalid"), ("30-good", "usable")]
    assert client.select_name("x86_64", "q35") == "10-good"
    assert_all_answers(client)
