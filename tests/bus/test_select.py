# SPDX-License-Identifier: LGPL-2.1-or-later
"""The resolution: its keys, their types, and what each device and mode has."""

import pytest

from lib import descriptors, images
from lib.descriptors import image, target

TYPES = {
    "name": "s", "description": "s", "descriptor": "s", "architecture": "s", "machine": "s",
    "interface-types": "as", "features": "as", "device": "s", "mode": "s", "executable": "a{sv}",
    "nvram-template": "a{sv}", "flash": "aa{sv}", "machine-properties": "a{ss}",
    "global-properties": "a(sss)", "nvram": "a{sv}", "qemu-arguments": "as",
    "qemu-legacy-arguments": "as",
}
ALWAYS = set(TYPES) - {"nvram-template", "flash", "nvram", "qemu-arguments",
                       "qemu-legacy-arguments"}
IMAGE_TYPES = {"filename": "s", "format": "s", "size": "t"}


def types_of(dictionary):
    return {key: dictionary.lookup_value(key, None).get_type_string()
            for key in dictionary.keys()}


def select_checked(client, *arguments, **given):
    """Select, with the type of every key of the reply held against the contract."""
    raw = client.select_raw(*arguments, **given).get_child_value(1)
    types = types_of(raw)
    assert types == {key: TYPES[key] for key in types}
    assert ALWAYS <= set(types) | {"machine-properties", "global-properties"}
    for key in ("executable", "nvram-template"):
        if key in types:
            assert types_of(raw.lookup_value(key, None)) == IMAGE_TYPES
    return raw.unpack()


def test_split(service):
    code, variables = service.pair()
    path = service.add("x", description="D", interface_types=["uefi", "bios"],
                       features=["z", "a"])
    resolution = select_checked(service.start(), "x86_64", "q35")
    assert resolution["name"] == "x" and resolution["description"] == "D"
    assert resolution["descriptor"] == path
    assert (resolution["architecture"], resolution["machine"]) == ("x86_64", "q35")
    assert resolution["interface-types"] == ["uefi", "bios"]
    assert resolution["features"] == ["z", "a"]
    assert (resolution["device"], resolution["mode"]) == ("flash", "split")
    assert resolution["executable"] == {"filename": code, "format": "raw",
                                        "size": images.OVMF_4M_CODE}
    assert resolution["nvram-template"] == {"filename": variables, "format": "raw",
                                            "size": images.OVMF_4M_VARS}
    unit0, unit1 = resolution["flash"]
    assert (unit0["role"], unit0["filename"], unit0["read-only"]) == ("executable", code, True)
    assert (unit1["role"], unit1["filename"], unit1["read-only"]) == ("nvram", "", False)
    assert unit0["phys-addr"] == 2**32 - images.OVMF_4M_CODE
    assert unit1["phys-addr"] == 2**32 - images.OVMF_4M_CODE - images.OVMF_4M_VARS
    assert not set(resolution) & {"pinned", "changed", "lease", "libvirt-xml", "qemu-arguments",
                                  "qemu-legacy-arguments"}


def test_nvram_filename_stands_in_the_writable_unit(service):
    service.add("x")
    client = service.start()
    copy = str(service.directory / "not-made-yet")
    with_copy = select_checked(client, "x86_64", "q35", nvram_filename=copy)
    assert with_copy["flash"][1]["filename"] == copy
    without = client.select("x86_64", "q35")
    assert with_copy["flash"][0] == without["flash"][0]
    assert dict(with_copy["flash"][1], filename="") == without["flash"][1]


def test_combined_has_one_writable_unit(service):
    whole = service.raw("whole.fd", 2 * images.MIB)
    service.vendor.write("x", descriptors.flash(whole, mode="combined"))
    client = service.start()
    resolution = select_checked(client, "x86_64", "q35")
    assert resolution["mode"] == "combined"
    assert resolution["executable"]["filename"] == whole
    assert "nvram-template" not in resolution
    unit, = resolution["flash"]
    assert (unit["role"], unit["filename"], unit["read-only"]) == ("executable", "", False)
    copy = str(service.directory / "copy")
    resolution = select_checked(client, "x86_64", "q35", nvram_filename=copy)
    assert resolution["executable"]["filename"] == whole
    assert resolution["flash"][0]["filename"] == copy


def test_stateless_has_one_read_only_unit_and_needs_no_copy(service):
    code = service.raw("code.fd")
    service.vendor.write("x", descriptors.flash(code))
    resolution = select_checked(service.start(), "x86_64", "q35", render=["qemu"])
    assert resolution["mode"] == "stateless"
    assert not set(resolution) & {"nvram-template", "nvram"}
    unit, = resolution["flash"]
    assert (unit["role"], unit["filename"], unit["read-only"]) == ("executable", code, True)


@pytest.mark.parametrize("device", ["memory", "kernel", "igvm"])
def test_devices_by_file_name(service, device):
    path = service.raw("f.bin", 65536)
    service.vendor.write("x", descriptors.by_filename(device, path))
    resolution = select_checked(service.start(), "x86_64", "q35")
    assert (resolution["device"], resolution["mode"]) == (device, "stateless")
    assert resolution["executable"] == {"filename": path, "format": "raw", "size": 65536}
    assert not set(resolution) & {"flash", "nvram-template", "nvram"}


def test_uefi_vars_store_is_a_template_of_format_json(service):
    path, template = service.raw("f.bin", 65536), service.store("vars.json")
    service.vendor.write("x", descriptors.by_filename(
        "memory", path, mapping={"uefi-vars": {"template": template}}))
    resolution = select_checked(service.start(), "x86_64", "q35")
    assert (resolution["device"], resolution["mode"]) == ("memory", "stateless")
    assert resolution["nvram-template"] == {"filename": template, "format": "json", "size": 0}
    assert "flash" not in resolution


def test_extended_memory_spelling_keeps_its_mode(service):
    path, template = service.raw("f.bin", 65536), service.store("vars.json")
    service.vendor.write("x", descriptors.descriptor(
        {"device": "memory", "mode": "split", "executable": image(path),
         "nvram-template": image(template, "json")}))
    resolution = select_checked(service.start(), "x86_64", "q35")
    assert (resolution["device"], resolution["mode"]) == ("memory", "split")
    assert resolution["executable"] == {"filename": path, "format": "raw", "size": 65536}
    assert resolution["nvram-template"] == {"filename": template, "format": "json", "size": 0}


@pytest.mark.parametrize("features,machine,global_properties", [
    ([], {}, []), (["secure-boot"], {}, []), (["enrolled-keys", "secure-boot"], {}, []),
    (["requires-smm"], {"smm": "on"}, []),
    (["requires-smm", "secure-boot"], {"smm": "on"}, [("cfi.pflash01", "secure", "on")]),
])
def test_smm_and_secure_follow_the_features(service, features, machine, global_properties):
    service.add("x", features=features)
    resolution = select_checked(service.start(), "x86_64", "q35")
    assert resolution.get("machine-properties", {}) == machine
    assert resolution.get("global-properties", []) == global_properties
    assert [unit["secure"] for unit in resolution["flash"]] == [bool(global_properties)] * 2


@pytest.mark.parametrize("architecture,alias,glob", [
    ("x86_64", "q35", "pc-q35-*"), ("x86_64", "pc", "pc-i440fx-*"), ("i386", "q35", "pc-q35-*"),
    ("i386", "pc", "pc-i440fx-*"), ("aarch64", "virt", "virt-*"), ("arm", "virt", "virt-*"),
])
def test_alias_is_resolved_by_the_machine_table_without_qemu(service, architecture, alias, glob):
    path = service.raw("f.bin", 65536)
    service.vendor.write("x", descriptors.by_filename("memory", path,
                                                      targets=[target(architecture, glob)]))
    resolution = select_checked(service.start(), architecture, alias)
    assert (resolution["architecture"], resolution["machine"]) == (architecture, alias)


@pytest.mark.parametrize("architecture,alias,canonical", [
    ("x86_64", "q35", "pc-q35-7.2"), ("x86_64", "pc", "pc-i440fx-7.2"),
    ("aarch64", "virt", "virt-7.2"), ("arm", "virt", "virt-7.2"), ("i386", "q35", "pc-q35-7.2"),
    ("x86_64", "pc-q35-2.8", "pc-q35-2.8"), ("x86_64", "isapc", "isapc"),
    ("riscv64", "virt", "virt"), ("aarch64", "sbsa-ref", "sbsa-ref"),
    ("x86_64", "pc-q35-99.0", "pc-q35-99.0"),
])
def test_machine_is_canonical_where_an_installed_qemu_tells(service, architecture, alias,
                                                            canonical):
    path = service.raw("f.bin", 65536)
    service.vendor.write("x", descriptors.by_filename("memory", path,
                                                      targets=[target(architecture, "*")]))
    client = service.start_with_qemu()
    assert client.select(architecture, alias)["machine"] == canonical


def test_alias_resolved_by_qemu_matches_only_its_version(service):
    """Where QEMU tells what q35 is, a glob of another version does not match it."""
    service.add("10-old", targets=[target("x86_64", "pc-q35-2.*")])
    service.add("20-now", targets=[target("x86_64", "pc-q35-7.2")])
    assert service.start_with_qemu().select_name("x86_64", "q35") == "20-now"


def test_same_question_gets_the_same_answer(service):
    for name in "abc":
        service.add(name)
    client = service.start()
    answers = {str(client.select_raw("x86_64", "q35")) for _ in range(20)}
    assert len(answers) == 1
