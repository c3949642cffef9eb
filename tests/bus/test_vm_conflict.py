# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an existing VM is not: VMConflict, and nothing changed."""

import os

import pytest

from lib import descriptors, images
from lib.checks import raises
from lib.descriptors import target
from lib.vms import CONFLICT, MISSING, NO_MATCH, VMs

Q35_ONLY = [target("x86_64", "pc-q35-[!2]*"), target("i386", "pc-q35-*")]


@pytest.fixture
def vms(service):
    service.ovmf("chosen", features=["acpi-s3", "secure-boot"], targets=[
        *Q35_ONLY, target("x86_64", "pc-i440fx-*")])
    service.ovmf("other", features=["secure-boot", "enrolled-keys"])
    return VMs(service.start())


def snapshot(vm):
    return {name: ((vm.directory() / name).read_bytes(), os.stat(vm.directory() / name).st_ino)
            for name in vm.files()}, vm.properties()


@pytest.mark.parametrize("architecture,machine,options,text", [
    ("x86_64", "isapc", {}, "its machine is q35, not isapc"),
    ("i386", "q35", {}, "its architecture is x86_64, not i386"),
    ("x86_64", "q35", {"nvram_format": "qcow2"}, "its nvram-format is raw, not qcow2"),
    ("x86_64", "q35", {"nvram_size": 131072}, "its nvram-size is 540672, not 131072"),
    ("x86_64", "q35", {"interface": "bios"}, "does not satisfy the requirements (interface)"),
])
def test_conflict_says_what_it_is_pinned_to(vms, architecture, machine, options, text):
    vms.make("vm", "x86_64", "q35")
    with raises(CONFLICT, text):
        vms.prepare("vm", architecture, machine, **options)


@pytest.mark.parametrize("machine,options", [
    ("pc", {}), ("pc-i440fx-7.2", {}), ("nonsense", {}), ("isapc", {}), ("pc-q35-2.9", {}),
    ("q35", {"nvram_format": "qcow2"}), ("q35", {"interface": "bios"}),
    ("q35", {"features": ["enrolled-keys"]}), ("q35", {"without_features": ["acpi-s3"]}),
    ("q35", {"devices": ["memory"]}), ("q35", {"modes": ["combined", "stateless"]}),
    ("q35", {"formats": ["qcow2"]}), ("q35", {"firmware": "other"}),
    ("q35", {"executable": "/nowhere"}), ("q35", {"devices": []}),
])
def test_conflict_changes_nothing(vms, machine, options):
    vm = vms.make("vm", "x86_64", "q35")
    before = snapshot(vm)
    with raises(CONFLICT, "vm"):
        vms.prepare("vm", "x86_64", machine, **options)
    with raises(CONFLICT, "vm"):
        vms.prepare("vm", "x86_64", machine, lease=True, create="never", **options)
    assert snapshot(vm) == before and vm.get("InUse") is False


def test_another_architecture(vms):
    vms.make("vm", "x86_64", "q35")
    for architecture in ("i386", "aarch64", "nonsense"):
        with raises(CONFLICT, "vm", "architecture"):
            vms.prepare("vm", architecture, "q35")


@pytest.mark.parametrize("options", [
    {}, {"features": ["secure-boot"]}, {"without_features": ["enrolled-keys"]},
    {"interface": "uefi"}, {"devices": ["flash", "memory"]}, {"modes": ["split"]},
    {"formats": ["raw"]}, {"firmware": "chosen"}, {"nvram_format": "raw"},
    {"nvram_size": 540672}, {"host_supported": True}])
def test_requirements_that_the_pin_satisfies(vms, options):
    vms.make("vm", features=["acpi-s3"])
    assert vms.prepare("vm", **options)["pinned"] is True
    assert vms.prepare("vm", features=["acpi-s3"], **{k: v for k, v in options.items()
                                                      if k != "features"})["pinned"] is True


def test_executable_by_another_path(service):
    """Descriptors that name one file by different paths have the same executable."""
    code, template = service.ovmf("50-file")
    link = service.images / "link.fd"
    link.symlink_to(code)
    service.add_pair("40-link", link, template)
    service.combined("60-other")
    client = service.start()
    vms = VMs(client)
    for path in (code, str(link)):
        assert client.capabilities("x86_64", "q35", executable=path)["firmware"] == [
            "40-link", "50-file"]
        assert vms.prepare("vm", executable=path)["name"] == "40-link"
        assert client.verdict_of("60-other", "x86_64", "q35", executable=path) == (
            "rejected", ["executable"])
    vms.prepare("by-link", executable=str(link), firmware="50-file")
    link.unlink()
    link.symlink_to("elsewhere.fd")
    client.reload()
    assert vms.prepare("by-link", executable=str(link), firmware="50-file")["name"] == "50-file"
    with raises(CONFLICT, "(executable)"):
        vms.prepare("by-link", executable="/nowhere", firmware="50-file")
    assert client.select_name("x86_64", "q35", executable=code) == "50-file"
    with raises(NO_MATCH, "executable"):
        client.select("x86_64", "q35", executable=str(link))


def test_another_version_of_the_machine_is_accepted_and_recorded(service, vms):
    vm = vms.make("vm", "x86_64", "pc-q35-7.2")
    vm.write(b"guest's")
    inode = os.stat(vm.nvram()).st_ino
    service.watch()
    resolution = vms.prepare("vm", "x86_64", "pc-q35-8.0", render=["qemu"])
    assert resolution["pinned"] is True and resolution["machine"] == "pc-q35-8.0"
    assert resolution["qemu-arguments"][1].startswith("pc-q35-8.0,")
    assert vm.get("Machine") == "pc-q35-8.0"
    changed = service.signals.named("PropertiesChanged")
    assert [(signal[0], signal[3][1].get("Machine")) for signal in changed] == [
        (vm.path, "pc-q35-8.0")]
    assert os.stat(vm.nvram()).st_ino == inode and vm.read().startswith(b"guest's")
    vms = VMs(service.restart())
    assert vms.at("vm").get("Machine") == "pc-q35-8.0"
    assert vms.prepare("vm", "x86_64", "q35")["pinned"] is True
    assert vms.at("vm").get("Machine") == "q35"


def test_machine_that_is_refused_is_not_recorded(vms):
    vm = vms.make("vm", "x86_64", "pc-q35-7.2")
    os.unlink(vm.nvram())
    with raises(MISSING):
        vms.prepare("vm", "x86_64", "pc-q35-8.0")
    assert vm.get("Machine") == "pc-q35-7.2"
    with raises(CONFLICT, "machine"):
        vms.prepare("vm", "x86_64", "pc-q35-2.9")


def test_nvram_format_of_a_vm_without_nvram(service):
    service.stateless("x")
    vms = VMs(service.start())
    vms.make()
    for options in ({"nvram_format": "raw"}, {"nvram_format": "json"}, {"nvram_size": 0}):
        with raises(CONFLICT, next(iter(options)).replace("_", "-")):
            vms.prepare(**options)


def test_conflict_with_the_combined_and_the_store(service):
    service.combined("a", targets=[target("x86_64", "pc-i440fx-*")])
    service.uefi_vars("b", targets=[target("x86_64", "pc-q35-*")])
    vms = VMs(service.start())
    vms.make("whole", "x86_64", "pc")
    vms.make("store", "x86_64", "q35")
    with raises(CONFLICT, "whole", "nvram-format"):
        vms.prepare("whole", "x86_64", "pc", nvram_format="qcow2")
    with raises(CONFLICT, "store", "nvram-format"):
        vms.prepare("store", "x86_64", "q35", nvram_format="raw")


def test_fixed_size_flash_machine_versions(service):
    size = 64 * images.MIB
    service.vendor.write("x", descriptors.flash(
        service.raw("code.fd", size), service.raw("vars.fd", size),
        targets=[target("aarch64", "virt-*")]))
    vms = VMs(service.start())
    vms.make("vm", "aarch64", "virt")
    assert vms.prepare("vm", "aarch64", "virt-7.2")["machine"] == "virt-7.2"
    with raises(CONFLICT, "machine"):
        vms.prepare("vm", "aarch64", "sbsa-ref")
