# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rendered elements of a libvirt domain, each held against libvirt's schema."""

import pytest

from lib import descriptors, images
from lib.checks import invalid_args, raises
from lib.descriptors import image, target
from lib.distributions import STYLES, install
from lib.images import MIB
from lib.libvirt import rendered
from lib.vms import NOT_SUPPORTED

COPY = "/somewhere/vars.fd"
# a name of each architecture that descriptors of the distributions match
MACHINES = ["q35", "pc", "microvm", "pc-q35-rhel8.6.0", "virt", "virt-rhel8.5.0"]


def domain(client, architecture="x86_64", machine="q35", **given):
    return rendered(client.select(architecture, machine, render=["libvirt"], **given))


@pytest.mark.parametrize("style", STYLES)
def test_every_firmware_of_the_distributions_is_valid(service, style):
    client = install(service, style)
    seen = set()
    for name in client.names():
        firmware = client.firmware(name)
        for architecture, _ in firmware["Targets"]:
            for machine in MACHINES:
                asked = {"nvram_filename": COPY, "firmware": name, "render": ["libvirt"]}
                if not client.capabilities(architecture, machine, firmware=name)["firmware"]:
                    continue
                seen.add(name)
                if firmware["Device"] == "igvm":
                    with raises(NOT_SUPPORTED, "igvm"):
                        client.select(architecture, machine, **asked)
                else:
                    rendered(client.select(architecture, machine, **asked))
    assert seen == set(client.names())


def test_debians_own_firmware_is_valid(service):
    client = service.start(default_layers=True)
    for architecture, machine in (("x86_64", "q35"), ("x86_64", "pc"), ("x86_64", "isapc"),
                                  ("x86_64", "microvm"), ("aarch64", "virt"), ("arm", "virt")):
        names = client.capabilities(architecture, machine)["firmware"]
        assert names
        for name in names:
            domain(client, architecture, machine, firmware=name, nvram_filename=COPY)


def test_split_flash(service):
    code, variables = service.pair()
    service.add("x")
    made = domain(service.start(), nvram_filename=COPY)
    assert made.os("type") == ({"arch": "x86_64", "machine": "q35"}, "hvm")
    assert made.os("loader") == ({"readonly": "yes", "type": "pflash"}, code)
    assert made.os("nvram") == ({"template": variables}, COPY)
    assert made.tags() == ["type", "loader", "nvram"]
    assert made.features() == {"acpi": {}}


def test_combined_flash_is_the_writable_copy(service):
    code, _ = service.pair()
    service.vendor.write("x", descriptors.flash(code, mode="combined"))
    made = domain(service.start(), nvram_filename=COPY)
    assert made.os("loader") == ({"readonly": "no", "type": "pflash"}, COPY)
    assert made.tags() == ["type", "loader"]


def test_stateless_flash(service):
    code, _ = service.pair()
    service.vendor.write("x", descriptors.flash(code))
    made = domain(service.start())
    assert made.os("loader") == (
        {"readonly": "yes", "type": "pflash", "stateless": "yes"}, code)
    assert made.tags() == ["type", "loader"]


@pytest.mark.parametrize("features,smm,secure", [
    ([], False, False), (["secure-boot"], False, False), (["requires-smm"], True, False),
    (["requires-smm", "secure-boot"], True, True)])
def test_smm_and_secure(service, features, smm, secure):
    service.add("x", features=features)
    made = domain(service.start(), nvram_filename=COPY)
    assert made.features() == {"acpi": {}, **({"smm": {"state": "on"}} if smm else {})}
    assert made.os("loader")[0].get("secure") == ("yes" if secure else None)


def test_qcow2_is_said_and_raw_is_not(service):
    code = service.qcow2("code.qcow2")
    variables = service.qcow2("vars.qcow2", images.OVMF_4M_VARS)
    service.vendor.write("x", descriptors.flash(code, variables, fmt="qcow2",
                                                template_fmt="qcow2"))
    made = domain(service.start(), nvram_filename=COPY)
    assert made.os("loader")[0]["format"] == "qcow2"
    assert made.os("nvram") == ({"template": variables, "format": "qcow2"}, COPY)


def test_raw_is_not_said(service):
    service.add("x")
    made = domain(service.start(), nvram_filename=COPY)
    assert "format=" not in made.text


@pytest.mark.parametrize("device,tag,attributes", [
    ("memory", "loader", {"type": "rom"}), ("kernel", "kernel", {})])
def test_memory_and_kernel(service, device, tag, attributes):
    path = service.raw("rom", 65536)
    service.vendor.write("x", descriptors.by_filename(device, path))
    made = domain(service.start())
    assert made.os(tag) == (attributes, path)
    assert made.tags() == ["type", tag]


@pytest.mark.parametrize("extended", [False, True], ids=["uefi-vars", "extended"])
def test_variable_store(service, extended):
    path, template = service.raw("f.bin", 65536), service.store("vars.json")
    mapping = ({"device": "memory", "mode": "split", "executable": image(path),
                "nvram-template": image(template, "json")} if extended else
               {"device": "memory", "filename": path, "uefi-vars": {"template": template}})
    service.vendor.write("x", descriptors.descriptor(mapping))
    client = service.start()
    with invalid_args("nvram-filename"):
        client.select("x86_64", "q35", render=["libvirt"])
    made = domain(client, nvram_filename=COPY)
    assert made.os("loader") == ({"type": "rom"}, path)
    assert made.os("varstore") == ({"template": template, "path": COPY}, None)


@pytest.mark.parametrize("architecture,machine,size,attributes,features", [
    ("i386", "pc", MIB, {"arch": "i686", "machine": "pc"}, {"acpi": {}}),
    ("aarch64", "virt", 64 * MIB, {"arch": "aarch64", "machine": "virt"}, {"acpi": {}}),
    ("arm", "virt", 64 * MIB, {"arch": "armv7l", "machine": "virt"}, {}),
    ("riscv64", "virt", 32 * MIB, {"arch": "riscv64", "machine": "virt"}, {}),
    # no word of libvirt 9.0
    ("loongarch64", "virt", MIB, {"machine": "virt"}, {"acpi": {}}),
])
def test_architectures(service, architecture, machine, size, attributes, features):
    service.vendor.write("x", descriptors.flash(
        service.raw("code.fd", size), service.raw("vars.fd", size),
        targets=[target(architecture, "*")]))
    made = domain(service.start(), architecture, machine, nvram_filename=COPY)
    assert made.os("type")[0] == attributes
    assert made.features() == features


@pytest.mark.parametrize("name", [
    "a&b", "<loader>", "it's", 'say "x"', "]]>", "a b", "ümlaut", "--><!--", "&amp;", "\x7f"])
def test_any_file_name_is_read_back(service, name):
    code, variables = service.raw(name + ".code"), service.raw(name + ".vars", images.OVMF_4M_VARS)
    service.vendor.write("x", descriptors.flash(code, variables))
    made = domain(service.start(), nvram_filename=f"/copy/{name}")
    assert made.os("loader")[1] == code
    assert made.os("nvram") == ({"template": variables}, f"/copy/{name}")


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "a\x01b"])
def test_file_name_that_xml_does_not_hold(service, name):
    code, _ = service.pair()
    service.vendor.write("x", descriptors.flash(code, mode="combined"))
    client = service.start()
    with raises(NOT_SUPPORTED, "file name"):
        client.select("x86_64", "q35", nvram_filename=f"/{name}", render=["libvirt"])
    client.select("x86_64", "q35", nvram_filename=f"/{name}", render=["qemu"])


@pytest.mark.parametrize("architecture,machine,word", [
    ("x86_64", "a'b", "machine"), ("tricore", "x", "architecture")])
def test_machine_that_libvirt_has_no_word_for(service, architecture, machine, word):
    service.vendor.write("x", descriptors.by_filename(
        "memory", service.raw("rom", 65536), targets=[target(architecture, "*")]))
    client = service.start()
    with raises(NOT_SUPPORTED, word):
        client.select(architecture, machine, render=["libvirt"])


def test_all_three_at_once(service):
    service.add("x")
    resolution = service.start().select(
        "x86_64", "q35", nvram_filename=COPY, render=["libvirt", "qemu", "qemu-legacy"])
    rendered(resolution)
    assert {"qemu-arguments", "qemu-legacy-arguments"} < set(resolution)
