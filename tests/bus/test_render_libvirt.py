# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rendered elements of a libvirt domain, each held against libvirt's schema."""

import pytest

from lib import descriptors, paths
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
