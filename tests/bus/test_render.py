# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rendered arguments, where the installed QEMU cannot be asked or would take too much."""

import pytest

from lib import descriptors
from lib.boards import RENDERS
from lib.checks import invalid_args
from lib.descriptors import image, target

COPY = "/somewhere/my,copy.fd"


def options(text):
    """A QEMU option string as [(key, value)]; the first may lack its key."""
    parts, part = [], ""
    index = 0
    while index < len(text):
        if text.startswith(",,", index):
            part, index = part + ",", index + 2
        elif text[index] == ",":
            parts, part, index = [*parts, part], "", index + 1
        else:
            part, index = part + text[index], index + 1
    return [tuple(item.split("=", 1)) if "=" in item else ("", item) for item in [*parts, part]]


def values(arguments, option):
    """What follows each occurrence of one option."""
    return [arguments[index + 1] for index, word in enumerate(arguments) if word == option]


def rendered(client, architecture="x86_64", machine="q35", **given):
    resolution = client.select(architecture, machine, render=list(RENDERS), **given)
    both = [resolution[key] for key in RENDERS.values()]
    for arguments in both:
        assert arguments[0] == "-machine"
        assert arguments.count("-machine") == 1
        assert options(arguments[1])[0] == ("", machine)
    return both


@pytest.mark.parametrize("filename", ["/plain", "/with,comma", "/with space", "/quo'te\""])
@pytest.mark.parametrize("device,option", [("memory", "-bios"), ("kernel", "-kernel")])
def test_file_of_memory_and_kernel_is_given_as_it_is(service, device, option, filename):
    path = service.raw(filename.strip("/"), 65536)
    service.vendor.write("x", descriptors.by_filename(device, path))
    for arguments in rendered(service.start()):
        assert arguments == ["-machine", "q35", option, path]


def test_igvm_is_an_object_that_the_machine_names(service):
    path = service.raw("with,comma.igvm", 65536)
    service.vendor.write("x", descriptors.by_filename("igvm", path))
    for arguments in rendered(service.start()):
        made, = values(arguments, "-object")
        kind, *rest = options(made)
        assert kind in (("", "igvm-cfg"), ("qom-type", "igvm-cfg"))
        assert dict(rest)["file"] == path
        assert dict(options(arguments[1])[1:])["igvm-cfg"] == dict(rest)["id"]
        assert "-bios" not in arguments


@pytest.mark.parametrize("architecture,machine,glob,device", [
    ("x86_64", "q35", "pc-q35-*", "uefi-vars-x64"),
    ("aarch64", "virt", "virt-*", "uefi-vars-sysbus"),
    ("riscv64", "virt", "virt", "uefi-vars-sysbus"),
])
@pytest.mark.parametrize("extended", [False, True], ids=["uefi-vars", "extended"])
def test_variable_store_is_a_uefi_vars_device(service, architecture, machine, glob, device,
                                              extended):
    path, template = service.raw("f.bin", 65536), service.store("vars.json")
    targets = [target(architecture, glob)]
    if extended:
        service.vendor.write("x", descriptors.descriptor(
            {"device": "memory", "mode": "split", "executable": image(path),
             "nvram-template": image(template, "json")}, targets=targets))
    else:
        service.vendor.write("x", descriptors.by_filename(
            "memory", path, targets=targets, mapping={"uefi-vars": {"template": template}}))
    client = service.start()
    with invalid_args("nvram-filename"):
        client.select(architecture, machine, render=["qemu"])
    for arguments in rendered(client, architecture, machine, nvram_filename=COPY):
        assert values(arguments, "-bios") == [path]
        made, = values(arguments, "-device")
        assert options(made)[0] in (("", device), ("driver", device))
        assert dict(options(made))["jsonfile"] == COPY
        assert template not in arguments


def test_split_flash_blockdevs(service):
    code, variables = service.pair()
    service.add("x")
    modern, legacy = rendered(service.start(), nvram_filename=COPY)
    machine = dict(options(modern[1])[1:])
    assert "-drive" not in modern and "-blockdev" not in legacy
    text = " ".join(modern)
    assert machine["pflash0"] != machine["pflash1"]
    assert code in text and COPY.replace(",", ",,") in text
    drives = [dict(options(drive)) for drive in values(legacy, "-drive")]
    assert [drive["if"] for drive in drives] == ["pflash", "pflash"]
    assert [drive["file"] for drive in drives] == [code, COPY]
    assert [drive["format"] for drive in drives] == ["raw", "raw"]
    assert [drive.get("readonly", "off") for drive in drives] == ["on", "off"]
    assert variables not in text and variables not in " ".join(legacy)


@pytest.mark.parametrize("features,smm,secure", [
    ([], False, False), (["secure-boot"], False, False), (["requires-smm"], True, False),
    (["requires-smm", "secure-boot"], True, True)])
def test_smm_and_secure_in_its_long_form(service, features, smm, secure):
    service.add("x", features=features)
    for arguments in rendered(service.start(), nvram_filename=COPY):
        assert dict(options(arguments[1])[1:]).get("smm") == ("on" if smm else None)
        assert [dict(options(value)) for value in values(arguments, "-global")] == (
            [{"driver": "cfi.pflash01", "property": "secure", "value": "on"}] if secure else [])


def test_machine_without_pflash_properties_gets_drives(service):
    size = 32 * 1024 * 1024
    service.vendor.write("x", descriptors.flash(
        service.raw("code.fd", size), service.raw("vars.fd", size),
        targets=[target("riscv64", "virt")]))
    modern, legacy = rendered(service.start(), "riscv64", "virt", nvram_filename=COPY)
    assert modern == legacy
    assert len(values(modern, "-drive")) == 2 and modern[1] == "virt"


def test_only_what_was_asked_for_is_rendered(service):
    service.vendor.write("x", descriptors.flash(service.raw("code.fd")))
    client = service.start()
    keys = set(RENDERS.values())
    assert not set(client.select("x86_64", "q35")) & keys
    assert not set(client.select("x86_64", "q35", render=[])) & keys
    for render, key in RENDERS.items():
        assert set(client.select("x86_64", "q35", render=[render])) & keys == {key}
    assert set(client.select("x86_64", "q35", render=["qemu"] * 3)) & keys == {"qemu-arguments"}


@pytest.mark.parametrize("mode", ["combined", "split"])
def test_render_needs_a_copy_in_both_writable_modes(service, mode):
    code, variables = service.pair()
    service.vendor.write("x", descriptors.flash(
        code, variables if mode == "split" else None, mode=mode))
    client = service.start()
    for render in RENDERS:
        with invalid_args("nvram-filename"):
            client.select("x86_64", "q35", render=[render])
    rendered(client, nvram_filename=COPY)
