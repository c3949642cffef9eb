# SPDX-License-Identifier: LGPL-2.1-or-later
"""The resolution: its keys, their types, and which of them there are."""

import pytest

from lib import descriptors, images, qemu
from lib.boards import RENDERS
from lib.checks import invalid_args
from lib.descriptors import target

TYPES = {
    "name": "s", "description": "s", "descriptor": "s", "architecture": "s", "machine": "s",
    "interface-types": "as", "features": "as", "device": "s", "mode": "s", "executable": "a{sv}",
    "nvram-template": "a{sv}", "flash": "aa{sv}", "machine-properties": "a{ss}",
    "global-properties": "a(sss)", "qemu-arguments": "as", "qemu-legacy-arguments": "as",
    "libvirt-xml": "s", "secure-boot": "s", "certificates": "a{ss}",
}
VARIABLES = {"nvram-template", "secure-boot", "certificates"}
ALWAYS = set(TYPES) - {*VARIABLES, "flash", *RENDERS.values(), "libvirt-xml"}
IMAGE_TYPES = {"filename": "s", "format": "s", "size": "t"}


def types_of(dictionary):
    return {key: dictionary.lookup_value(key, None).get_type_string()
            for key in dictionary.keys()}


def select_checked(client, more, *arguments, **given):
    """Select, with the type of every key held against the contract; MORE than there always are."""
    raw = client.select_raw(*arguments, **given).get_child_value(1)
    assert types_of(raw) == {key: TYPES[key] for key in ALWAYS | more}
    for key in {"executable", "nvram-template"} & more:
        assert types_of(raw.lookup_value(key, None)) == IMAGE_TYPES
    return raw.unpack()


def test_split(service):
    code, variables = service.pair()
    path = service.add("1-ü x", description="D", interface_types=["uefi", "bios"],
                       features=["requires-smm", "secure-boot"])
    client = service.start()
    resolution = select_checked(client, {"flash", *VARIABLES}, "x86_64", "q35")
    units = resolution.pop("flash")
    assert resolution == {
        "name": "1-ü x", "description": "D", "descriptor": path, "architecture": "x86_64",
        "machine": "q35", "interface-types": ["uefi", "bios"],
        "features": ["requires-smm", "secure-boot"], "device": "flash", "mode": "split",
        "executable": {"filename": code, "format": "raw", "size": images.OVMF_4M_CODE},
        "nvram-template": {"filename": variables, "format": "raw", "size": images.OVMF_4M_VARS},
        "secure-boot": "", "certificates": {},
        "machine-properties": {"smm": "on"},
        "global-properties": [("cfi.pflash01", "secure", "on"),
                              ("ICH9-LPC", "disable_s3", "1")]}
    assert [(unit["role"], unit["filename"], unit["read-only"], unit["secure"])
            for unit in units] == [("executable", code, True, True), ("nvram", "", False, True)]
    assert client.select_raw("x86_64", "q35").unpack()[0] == client.get_firmware("1-ü x")
    copy = str(service.directory / "not-made-yet")
    with_copy = client.select("x86_64", "q35", nvram_filename=copy)
    assert with_copy["flash"] == [units[0], dict(units[1], filename=copy)]


def test_firmware_without_flash_or_variables(service):
    path, template = service.raw("f.bin", 65536), service.store("vars.json")
    features = ["acpi-s3"]
    service.vendor.write("kernel", descriptors.by_filename("kernel", path, features=features))
    service.vendor.write("stateless", descriptors.flash(path, features=features))
    service.vendor.write("store", descriptors.by_filename(
        "memory", path, mapping={"uefi-vars": {"template": template}}, features=features))
    client = service.start()
    for name, more in (("kernel", set()), ("stateless", {"flash"}), ("store", VARIABLES)):
        resolution = select_checked(client, more, "x86_64", "q35", firmware=name)
        assert resolution["executable"] == {"filename": path, "format": "raw", "size": 65536}
        assert (resolution["machine-properties"], resolution["global-properties"]) == ({}, [])
    assert resolution["nvram-template"] == {"filename": template, "format": "json", "size": 0}


def test_only_what_was_asked_for_is_rendered(service):
    service.add("x")
    client = service.start()
    renders = {**RENDERS, "libvirt": "libvirt-xml"}
    flash = {"flash", *VARIABLES}
    for asked in ([], *([word] for word in renders), list(renders)):
        resolution = select_checked(client, flash | {renders[word] for word in asked}, "x86_64",
                                    "q35", render=asked, nvram_filename="/copy,of")
        assert all("/copy" in str(resolution[renders[word]]) for word in asked)
    for word in renders:
        with invalid_args("nvram-filename"):
            client.select("x86_64", "q35", render=[word])


# None: what QEMU says, which depends on its version
@pytest.mark.parametrize("architecture,alias,canonical", [
    ("x86_64", "q35", None), ("x86_64", "pc", None), ("aarch64", "virt", None),
    ("arm", "virt", None), ("i386", "q35", None), ("x86_64", "pc-q35-2.8", "pc-q35-2.8"),
    ("x86_64", "isapc", "isapc"), ("riscv64", "virt", "virt"), ("aarch64", "sbsa-ref", "sbsa-ref"),
    ("x86_64", "pc-q35-99.0", "pc-q35-99.0"),
])
def test_machine_is_canonical_where_an_installed_qemu_tells(service, architecture, alias,
                                                            canonical):
    path = service.raw("f.bin", 65536)
    service.vendor.write("x", descriptors.by_filename("memory", path,
                                                      targets=[target(architecture, "*")]))
    client = service.start_with_qemu()
    assert client.select(architecture, alias)["machine"] == (
        canonical or qemu.canonical(architecture, alias))


def test_alias_resolved_by_qemu_matches_only_its_version(service):
    """Where QEMU tells what q35 is, a glob of another version does not match it."""
    service.add("10-old", targets=[target("x86_64", "pc-q35-2.*")])
    service.add("20-now", targets=[target("x86_64", qemu.canonical("x86_64", "q35"))])
    assert service.start_with_qemu().select_name("x86_64", "q35") == "20-now"
