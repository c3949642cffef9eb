# SPDX-License-Identifier: LGPL-2.1-or-later
"""GetVMByPath: the VM whose NVRAM a path names, as text."""

import os

import pytest

from lib.checks import raises
from lib.client import INVALID_ARGS
from lib.vms import NO_SUCH_VM, OTHER, OWNER, VMs, run_as


@pytest.fixture
def vms(service):
    service.ovmf()
    service.stateless("40-stateless")
    return VMs(service.start())


@pytest.mark.parametrize("vm_id", ["vm", "libvirt:a b", "ü", "x" * 200])
def test_of_any_owner_to_anybody(bus, vms, vm_id):
    vms.make(vm_id, firmware="ovmf", owner=OTHER)
    vm = vms.make(vm_id, firmware="ovmf", owner=OWNER)
    assert vms.by_path(vm.nvram()) == vm.path
    assert run_as(OTHER, f"print(vms.by_path({vm.nvram()!r}))", bus) == [vm.path]


def test_the_file_is_not_looked_at(vms):
    vm = vms.make(firmware="ovmf")
    path = vm.nvram()
    os.unlink(path)
    assert vms.by_path(path) == vm.path
    twin = vms.make("twin", firmware="ovmf")
    os.symlink(twin.nvram(), path)
    assert vms.by_path(path) == vm.path


def test_follows_rename_and_remove(vms):
    vm = vms.make(firmware="ovmf")
    path = vm.nvram()
    other = vm.rename("other")
    with raises(NO_SUCH_VM, '"vm"'):
        vms.by_path(path)
    path = other.nvram()
    assert vms.by_path(path) == other.path
    other.remove()
    with raises(NO_SUCH_VM, '"other"'):
        vms.by_path(path)


def test_other_paths_are_nobodys(service, vms):
    vm = vms.make(firmware="ovmf")
    vms.make("none", firmware="40-stateless")
    path, directory = vm.nvram(), str(vm.directory())
    link = service.directory / "link"
    link.symlink_to(path)
    for other in ("", "x", "/", str(link), directory, f"{directory}/", f"{directory}/nvram.qcow2",
                  f"{directory}/pin.json", f"{directory}/../vm/nvram.raw", path + "/", path + "x",
                  path.replace("/vms/0/", "/vms/00/"), path.replace("/vms/", "//vms/"),
                  f"{service.state}/vms/0/none/nvram.raw", f"{service.state}/vms/0/none/",
                  f"{service.state}/vms/4294967295/vm/nvram.raw", f"{service.state}/vms/0/../vm/x",
                  f"{service.state}/vms/-1/vm/nvram.raw", f"{service.state}/vms/0//nvram.raw"):
        with raises(NO_SUCH_VM):
            vms.by_path(other)


def test_arguments(vms):
    vm = vms.make(firmware="ovmf")
    with raises(INVALID_ARGS, "owner"):
        vms.by_path(vm.nvram(), owner=0)
    with raises(INVALID_ARGS):
        vms.by_path("/" + "x" * 5000)


def test_a_record_that_cannot_be_read_is_named(service, vms):
    path = vms.make(firmware="ovmf").nvram()
    (service.state / "vms/0/vm/pin.json").write_text("{}")
    again = VMs(service.restart())
    with raises(NO_SUCH_VM, "record that cannot be read"):
        again.by_path(path)
