# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors that firmware.json allows are taken, with what the schema does not know yet."""

import json

import pytest

from lib import descriptors
from lib.checks import assert_all_answers
from lib.descriptors import image, target


@pytest.mark.parametrize("mode", [None, "split"])
def test_split_flash(service, mode):
    executable, template = service.pair()
    service.vendor.write("f", descriptors.flash(executable, template, mode=mode))
    client = service.start()
    firmware = client.firmware("f")
    assert firmware["State"] == "usable"
    assert (firmware["Device"], firmware["Mode"]) == ("flash", "split")
    assert firmware["Executable"] == (executable, "raw")
    assert firmware["NVRAMTemplate"] == (template, "raw")


@pytest.mark.parametrize("mode", ["combined", "stateless"])
def test_flash_without_a_template(service, mode):
    executable = service.raw("code.fd")
    service.vendor.write("f", descriptors.flash(executable, mode=mode))
    firmware = service.start().firmware("f")
    assert firmware["State"] == "usable"
    assert firmware["Mode"] == mode
    assert firmware["NVRAMTemplate"] == ("", "")


@pytest.mark.parametrize("device", ["memory", "kernel", "igvm"])
def test_devices_by_file_name(service, device):
    path = service.raw("firmware.bin", 65536)
    service.vendor.write("f", descriptors.by_filename(device, path))
    firmware = service.start().firmware("f")
    assert firmware["State"] == "usable"
    assert firmware["Device"] == device
    assert firmware["Executable"][0] == path
    assert firmware["NVRAMTemplate"] == ("", "")


def test_memory_with_a_uefi_vars_store(service):
    path, template = service.raw("f.bin", 65536), service.store("vars.json")
    service.vendor.write("f", descriptors.by_filename(
        "memory", path, mapping={"uefi-vars": {"template": template}},
        features=["host-uefi-vars"]))
    firmware = service.start().firmware("f")
    assert firmware["State"] == "usable"
    assert firmware["NVRAMTemplate"] == (template, "json")


def test_memory_in_the_extended_spelling(service):
    path, template = service.raw("f.bin", 65536), service.store("vars.json")
    service.vendor.write("f", descriptors.descriptor(
        {"device": "memory", "mode": "split", "executable": image(path),
         "nvram-template": image(template, "json")}))
    service.vendor.write("g", descriptors.descriptor(
        {"device": "memory", "mode": "stateless", "executable": image(path)}))
    client = service.start()
    firmware = client.firmware("f")
    assert firmware["State"] == "usable"
    assert firmware["Mode"] == "split"
    assert firmware["Executable"] == (path, "raw")
    assert firmware["NVRAMTemplate"] == (template, "json")
    assert client.firmware("g")["Mode"] == "stateless"


def test_every_plain_property_is_as_written(service):
    executable, template = service.pair()
    targets = [target("x86_64", "pc-q35-*", "pc-i440fx-*"), target("i386", "pc-q35-7.?")]
    service.vendor.write("f", descriptors.flash(
        executable, template, description="Some “firmware”", interface_types=["uefi", "bios"],
        targets=targets, features=["b", "a", "acpi-s3"], tags=["debug", "ümlaut"]))
    firmware = service.start().firmware("f")
    assert firmware == {
        "Name": "f", "Path": service.vendor.file("f"), "Layer": "custom", "State": "usable",
        "Problems": [], "Rank": 0, "Description": "Some “firmware”",
        "InterfaceTypes": ["uefi", "bios"], "Device": "flash", "Mode": "split",
        "Executable": (executable, "raw"), "NVRAMTemplate": (template, "raw"),
        "Targets": [("x86_64", ["pc-q35-*", "pc-i440fx-*"]), ("i386", ["pc-q35-7.?"])],
        "Features": ["b", "a", "acpi-s3"], "Tags": ["debug", "ümlaut"], "Overrides": [],
    }


@pytest.mark.parametrize("interface", ["uefi", "bios", "openfirmware", "uboot"])
def test_every_interface_type_of_the_schema(service, interface):
    service.add("f", interface_types=[interface])
    assert service.start().state("f") == "usable"


@pytest.mark.parametrize("architecture", [
    "aarch64", "alpha", "arm", "avr", "cris", "hppa", "i386", "loongarch64", "m68k", "microblaze",
    "microblazeel", "mips", "mips64", "mips64el", "mipsel", "nios2", "or1k", "ppc", "ppc64",
    "riscv32", "riscv64", "rx", "s390x", "sh4", "sh4eb", "sparc", "sparc64", "tricore", "x86_64",
    "xtensa", "xtensaeb", "not-yet-made",
])
def test_every_architecture_can_be_asked_for(service, architecture):
    path = service.raw("firmware.bin", 65536)
    service.vendor.write("f", descriptors.by_filename(
        "memory", path, targets=[target(architecture, "board-*")]))
    client = service.start()
    assert client.state("f") == "usable"
    assert client.select_name(architecture, "board-1") == "f"
    assert architecture in client.manager_property("Architectures")


def test_unknown_features_and_tags_are_kept_and_can_be_asked_for(service):
    service.add("a", features=["from-the-future"], tags=["-D FUTURE"])
    service.add("b")
    client = service.start()
    assert client.firmware("a")["Features"] == ["from-the-future"]
    assert client.firmware("a")["Tags"] == ["-D FUTURE"]
    assert client.select_name("x86_64", "q35", features=["from-the-future"]) == "a"
    assert client.select_name("x86_64", "q35", without_features=["from-the-future"]) == "b"


def test_further_members_break_nothing(service):
    executable, template = service.pair()
    made = descriptors.flash(executable, template)
    made["x-further"] = {"list": [1, 2.5, None, True, {"deep": "er"}]}
    made["mapping"]["x-further"] = []
    made["mapping"]["executable"]["x-further"] = None
    made["targets"][0]["x-further"] = 17
    service.vendor.write("f", made)
    client = service.start()
    assert client.state("f") == "usable"
    assert client.select_name("x86_64", "q35") == "f"


def test_descriptor_of_just_64_kib_is_read(service):
    executable, template = service.pair()
    text = json.dumps(descriptors.flash(executable, template))
    service.vendor.write("f", text + " " * (65536 - len(text)))
    assert service.start().state("f") == "usable"


def test_white_space_and_escapes_do_not_matter(service):
    executable, template = service.pair()
    text = json.dumps(descriptors.flash(executable, template, description="käse"), indent="\t")
    assert "\\u00e4" in text
    service.vendor.write("f", "\r\n\t " + text.replace("\n", "\r\n") + "\n\n")
    assert service.start().firmware("f")["Description"] == "käse"


def test_one_bad_file_among_good_ones_removes_itself_alone(service):
    service.add("10-good")
    service.vendor.write("20-bad", "{")
    service.add("30-good")
    client = service.start()
    assert [(name, state) for name, state, _ in client.list_firmware()] == [
        ("10-good", "usable"), ("20-bad", "invalid"), ("30-good", "usable")]
    assert_all_answers(client)
