# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rendered elements of a libvirt domain, each held against libvirt's schema."""

import pytest

from lib import descriptors, images, paths
from lib.checks import raises
from lib.descriptors import target
from lib.distributions import STYLES, install
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
    client = service.start(search_path=[paths.builtin_directory(), "/usr/share/qemu/firmware"])
    for architecture, machine in (("x86_64", "q35"), ("x86_64", "pc"), ("x86_64", "isapc"),
                                  ("x86_64", "microvm"), ("aarch64", "virt"), ("arm", "virt")):
        names = client.capabilities(architecture, machine)["firmware"]
        assert names
        for name in names:
            domain(client, architecture, machine, firmware=name, nvram_filename=COPY)


# as test_every_firmware_of_the_distributions_is_valid has none of
def test_each_kind_of_flash_is_valid(service):
    code, variables = service.pair()
    write, smm = service.vendor.write, ["requires-smm", "secure-boot"]
    write("split", descriptors.flash(code, variables, features=smm))
    write("combined", descriptors.flash(code, mode="combined"))
    write("stateless", descriptors.flash(code))
    client = service.start()
    for name in client.names():
        made = domain(client, firmware=name, nvram_filename="/<copy> & \"it's\"")
        assert made.os("type") == ({"arch": "x86_64", "machine": "q35"}, "hvm")


@pytest.mark.parametrize("architecture,machine", [
    ("i386", "pc"), ("aarch64", "virt"), ("arm", "virt"), ("riscv64", "virt"),
    # no word of libvirt 9.0
    ("loongarch64", "virt")])
def test_architecture_is_valid(service, architecture, machine):
    service.vendor.write("x", descriptors.by_filename(
        "kernel", service.raw("u-boot", 65536), targets=[target(architecture, "*")]))
    assert domain(service.start(), architecture, machine).tags() == ["type", "kernel"]


def test_what_libvirt_has_no_word_for(service):
    service.add("x")
    client = service.start()
    with raises(NOT_SUPPORTED, "file name"):
        client.select("x86_64", "q35", nvram_filename="/a\nb", render=["libvirt"])
    client.select("x86_64", "q35", nvram_filename="/a\nb", render=["qemu"])


SPLIT = {"loader-type": "pflash", "loader-readonly": True, "loader-secure": False,
         "loader-stateless": False, "loader-format": "raw", "nvram": COPY, "nvram-format": "raw",
         "nvram-template-format": "raw", "smm": False, "acpi": True}
STATELESS = {"loader-type": "pflash", "loader-readonly": True, "loader-secure": False,
             "loader-stateless": True, "loader-format": "raw", "smm": False, "acpi": True}
COMBINED = {**STATELESS, "loader": COPY, "loader-readonly": False, "loader-stateless": False}
MEMORY = {"loader-type": "rom", "smm": False, "acpi": True}


def test_fields_are_what_the_elements_say(service):
    code, template = service.pair()
    secure = {"features": ["requires-smm", "secure-boot"]}
    rom, store = service.raw("rom", 65536), service.store("store.json")
    expected = {
        "split": {**SPLIT, "loader": code, "nvram-template": template},
        "secure": {**SPLIT, "loader": code, "nvram-template": template, "loader-secure": True,
                   "smm": True},
        "combined": COMBINED, "stateless": {**STATELESS, "loader": code},
        "memory": {**MEMORY, "loader": rom},
        "store": {**MEMORY, "loader": rom, "varstore": COPY, "varstore-template": store},
        "kernel": {"smm": False, "acpi": True},
    }
    write = service.vendor.write
    write("split", descriptors.flash(code, template))
    write("secure", descriptors.flash(code, template, **secure))
    write("combined", descriptors.flash(code, mode="combined"))
    write("stateless", descriptors.flash(code))
    write("memory", descriptors.by_filename("memory", rom))
    write("store", descriptors.by_filename(
        "memory", rom, mapping={"uefi-vars": {"template": store}}))
    write("kernel", descriptors.by_filename("kernel", rom))
    client = service.start()
    assert set(client.names()) == set(expected)
    for name, fields in expected.items():
        answer = client.select("x86_64", "q35", firmware=name, nvram_filename=COPY,
                               render=["libvirt-fields"])
        # none of them supports S3
        assert answer["libvirt-fields"] == {**fields, "suspend-to-mem": False}, name


def test_fields_of_another_architecture(service):
    code = service.raw("code.fd", 64 * images.MIB)
    service.vendor.write("x", descriptors.flash(code, targets=[target("aarch64", "virt-*")]))
    fields = service.start().select("aarch64", "virt", render=["libvirt-fields"])["libvirt-fields"]
    assert fields == {"loader": code, "loader-type": "pflash", "loader-readonly": True,
                      "loader-stateless": True, "loader-format": "raw", "acpi": True}


def test_fields_are_refused_as_the_elements_are(service):
    service.vendor.write("x", descriptors.by_filename("igvm", service.raw("rom", 65536)))
    client = service.start()
    with raises(NOT_SUPPORTED, "igvm"):
        client.select("x86_64", "q35", render=["libvirt-fields"])
