# SPDX-License-Identifier: LGPL-2.1-or-later
"""The QEMU that gets the arguments: the installed one, or the one of qemu-version."""

import pytest

from lib import descriptors
from lib.checks import raises
from lib.client import INVALID_ARGS
from lib.images import MIB
from lib.vms import NOT_SUPPORTED, VMs


@pytest.fixture
def igvm(service):
    service.vendor.write("igvm", descriptors.by_filename("igvm", service.raw("x.igvm")))
    return service


def test_what_the_version_lacks_is_told_and_not_rendered(igvm):
    client = igvm.start()
    for version, lacking in (("10.0.2", ["qemu-lacks:igvm-cfg"]), ("10.1", [])):
        question = {"devices": ["igvm"], "qemu_version": version}
        assert client.select("x86_64", "q35", **question)["name"] == "igvm"
        assert client.verdict_of("igvm", "x86_64", "q35", **question) == ("selected", lacking)
        for form in ("qemu", "qemu-legacy"):
            if lacking:
                with raises(NOT_SUPPORTED, "10.0.2", "igvm-cfg"):
                    client.select("x86_64", "q35", render=[form], **question)
            else:
                assert client.select("x86_64", "q35", render=[form], **question)


def test_nothing_is_made_for_a_qemu_that_cannot_take_it(igvm):
    vms = VMs(igvm.start())
    question = {"devices": ["igvm"], "qemu_version": "7.2", "render": ["qemu"]}
    with raises(NOT_SUPPORTED, "igvm-cfg"):
        vms.prepare("vm", "x86_64", "q35", **question)
    assert vms.list() == []
    vms.prepare("vm", "x86_64", "q35", **(question | {"qemu_version": "10.1"}))
    with raises(NOT_SUPPORTED, "igvm-cfg"):
        vms.prepare("vm", "x86_64", "q35", **question)


def test_installed_qemu_is_asked(igvm):
    """By QMP, as a build may lack what its version has, or have what later ones have."""
    programs = igvm.directory / "programs"
    programs.mkdir()
    qemu = programs / "qemu-system-x86_64"
    qemu.write_text("""#!/bin/sh
echo '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 1, "major": 10}}}}'
echo '{"return": {}}'
echo '{"return": [{"name": "pc-q35-10.1", "alias": "q35"}]}'
echo '{"id": "uefi-vars-x64", "return": []}'
echo '{"id": "igvm-cfg", "error": {"class": "DeviceNotFound", "desc": ""}}'
""")
    qemu.chmod(0o755)
    client = igvm.start(path=programs)
    assert client.verdict_of("igvm", "x86_64", "q35", devices=["igvm"]) == (
        "selected", ["qemu-lacks:igvm-cfg"])
    with raises(NOT_SUPPORTED, "QEMU 10.1.0 ", "igvm-cfg"):
        client.select("x86_64", "q35", devices=["igvm"], render=["qemu"])


@pytest.mark.parametrize("architecture,machine,size,versions", [
    ("x86_64", "q35", 2, ("3.1", "4.0")), ("x86_64", "pc", 2, ("3.1", "4.0")),
    ("aarch64", "virt", 64, ("3.1", "4.0")), ("arm", "virt", 64, ("3.1", "4.0")),
    ("riscv64", "virt", 32, ("8.0", "8.1"))])
def test_since_when_a_machine_has_the_properties(service, architecture, machine, size, versions):
    service.vendor.write("flash", descriptors.flash(
        service.raw("code.fd", size * MIB), targets=[descriptors.target(architecture, "*")]))
    client = service.start()
    for version, word in zip(versions, ("-drive", "-blockdev")):
        arguments = client.select(
            architecture, machine, render=["qemu"], qemu_version=version)["qemu-arguments"]
        assert {each for each in arguments if each in ("-drive", "-blockdev")} == {word}
        assert ("pflash0=" in arguments[1]) == (word == "-blockdev")


def test_limit_of_the_table_is_rendered(service):
    machines = service.directory / "machines"
    machines.mkdir()
    (machines / "10-large.conf").write_text("""
[pc-q35-*]
architectures=x86_64
aliases=q35
canonical=pc-q35-10.0
units=2
pflash-properties=true
driver=cfi.pflash01
names=system.flash0;system.flash1
placement=stacked-down
top=0x100000000
max-total-size=16777216
sector-length=4096
width=1
""")
    service.vendor.write("large", descriptors.flash(service.raw("code.fd", 9 * MIB)))
    client = service.start(machines=[machines])
    answer = client.select("x86_64", "q35", render=["qemu"])
    assert answer["machine-properties"] == {"max-fw-size": str(9 * MIB)}
    assert answer["qemu-arguments"][1] == f"q35,max-fw-size={9 * MIB},pflash0=pflash0"
    with raises(NOT_SUPPORTED, "max-fw-size"):
        client.select("x86_64", "q35", render=["libvirt"])


@pytest.mark.parametrize("version", ["", "10", "ten", "7.2.1.1"])
def test_version_must_be_one(service, version):
    with raises(INVALID_ARGS, "qemu-version"):
        service.start().select("x86_64", "q35", qemu_version=version)
