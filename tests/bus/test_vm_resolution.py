# SPDX-License-Identifier: LGPL-2.1-or-later
"""GetResolution: what a VM is pinned to, and whether it can start."""

import os
import subprocess

import pytest

from lib import descriptors, images, vmstate
from lib.checks import raises
from lib.client import INVALID_ARGS
from lib.vms import (
    GONE, IN_USE, MISMATCH, MISSING, NO_SUCH_VM, NOT_SUPPORTED, OTHER, OWNER, UNUSABLE, VMs,
    run_as)

REQUIREMENTS = {"features": ["secure-boot"], "interface": "uefi", "host_supported": True}


@pytest.fixture
def vms(service):
    service.code, service.template = service.ovmf("50-ovmf", features=["secure-boot"])
    vms = VMs(service.start_blind())
    vms.make("vm", owner=OWNER, **REQUIREMENTS)
    return vms


def overwrite(path):
    with open(path, "r+b") as file:
        file.write(b"updated")


@pytest.mark.parametrize("render", [[], ["qemu"], ["qemu-legacy"], ["libvirt"]])
@pytest.mark.parametrize("check", [False, True])
def test_is_the_answer_of_prepare(vms, check, render):
    answer = vms.at("vm", OWNER).get_resolution(check=check, render=render)
    assert answer.pop("requirements") == {
        "features": ["secure-boot"], "interface": "uefi", "host-supported": True}
    assert answer.pop("enrolled") == []
    assert answer == vms.prepare("vm", owner=OWNER, render=render)
    assert answer["pinned"] is True and answer["changed"] == []


def test_without_requirements_and_without_nvram(service, vms):
    service.stateless("60-none")
    vms.client.reload()
    vm = vms.make("none", firmware="60-none")
    assert vm.get_resolution()["requirements"] == {"firmware": "60-none"}
    assert vms.make("bare").get_resolution()["requirements"] == {}
    assert "nvram" not in vm.get_resolution(check=True)


def test_is_open_to_all_and_writes_nothing(service, bus, vms):
    before = vmstate.snapshot(service.state)
    assert run_as(OTHER, f"""
vm = vms.at('vm', {OWNER})
print(vm.get_resolution()['name'], vm.get_resolution(check=True)['name'])
vm.reset()
""", bus)[:2] == ["50-ovmf 50-ovmf", "org.freedesktop.DBus.Error.AccessDenied"]
    assert vmstate.snapshot(service.state) == before


def test_sees_what_nobody_has_told_yet(service, vms):
    vm = vms.at("vm", OWNER)
    overwrite(service.code)
    assert vm.get_resolution()["changed"] == ["executable"] == vm.get("Changed")
    overwrite(service.template)
    service.vendor.remove("50-ovmf")
    vms.client.reload()
    assert vm.get_resolution(check=True)["changed"] == [
        "descriptor", "executable", "nvram-template"]
    vms.at("vm", OWNER).remove()
    with raises(NO_SUCH_VM):
        vm.get_resolution()


def test_equivalent_firmware(service, vms):
    service.ovmf("60-new", features=["secure-boot"])
    vms.client.reload()
    os.unlink(service.code)
    for check in (False, True):
        answer = vms.at("vm", OWNER).get_resolution(check=check)
        assert (answer["name"], answer["changed"]) == ("60-new", ["executable", "replaced"])
    assert vms.at("vm", OWNER).get("Firmware") == "50-ovmf"


def test_firmware_gone(service, vms):
    vm = vms.at("vm", OWNER)
    before = vm.get_resolution()
    os.unlink(service.code)
    assert vm.get_resolution() == {**before, "changed": ["executable"]}
    with raises(GONE, "50-ovmf"):
        vm.get_resolution(check=True)
    assert vm.get("State") == "firmware-gone"


def test_nvram_is_checked(vms):
    vm = vms.at("vm", OWNER)
    path = vm.nvram()
    before = vm.get_resolution()
    os.truncate(path, 4096)
    with raises(MISMATCH, "vm"):
        vm.get_resolution(check=True)
    assert vm.get_resolution() == before
    os.unlink(path)
    with raises(MISSING, "vm"):
        vm.get_resolution(check=True)
    assert vm.get_resolution() == before and not os.path.exists(path)


def test_foreign_qcow2_is_unusable(service):
    service.ovmf("50-ovmf")
    vms = VMs(service.start_with_qemu())
    vm = vms.make("vm", nvram_format="qcow2")
    backing = images.qcow2(str(service.directory / "other.qcow2"), images.OVMF_4M_VARS)
    subprocess.run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "qcow2", "-b", backing,
                    vm.nvram()], check=True)
    with raises(UNUSABLE, "vm"):
        vm.get_resolution(check=True)
    assert vm.get_resolution()["nvram"]["format"] == "qcow2"


def test_a_vm_that_runs(vms):
    vm = vms.at("vm", OWNER)
    lease = vm.acquire()
    assert vm.get_resolution(check=True)["pinned"] is True
    with raises(IN_USE):
        vm.reset()
    os.close(lease)


def test_arguments(vms):
    vm = vms.at("vm", OWNER)
    for options, key in (({"create": "auto"}, "create"), ({"features": ["x"]}, "features"),
                         ({"lease": True}, "lease"), ({"render": ["x"]}, "render"),
                         ({"owner": 0}, "owner")):
        with raises(INVALID_ARGS, key):
            vm.get_resolution(**options)


def test_what_cannot_be_rendered(service, vms):
    service.vendor.write("60-igvm", descriptors.by_filename("igvm", service.raw("x.igvm")))
    vms.client.reload()
    vm = vms.make("igvm", firmware="60-igvm")
    for check in (False, True):
        with raises(NOT_SUPPORTED, "igvm"):
            vm.get_resolution(check=check, render=["libvirt"])
