# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files in a VM's directory that the service did not make: they stay, under their names."""

import os
from pathlib import Path

import pytest

from lib import wait
from lib.checks import raises
from lib.locks import locked_as_by_qemu
from lib.vms import CONFLICT, IN_USE, OTHER, VMs, memfd

SERVICE_UID = 1
COPY = "copy_VARS.fd"  # as virt-clone names it
FOREIGN = b"another guest's"

CHANGES = {
    "reset": lambda vm: vm.reset(),
    "import": lambda vm: vm.import_nvram(memfd(vm.export())),
    "rebind": lambda vm: vm.rebind(),
    "rebind-reset": lambda vm: vm.rebind(reset=True),
    "rebind-stateless": lambda vm: vm.rebind(firmware="stateless", reset=True),
    "other-machine": lambda vm: vm.vms.prepare("vm", machine="pc-q35-7.1", owner=OTHER),
}


@pytest.fixture
def vms(service):
    service.ovmf()
    service.stateless()
    return VMs(service.start_as_unit(SERVICE_UID))


@pytest.fixture
def vm(vms):
    made = vms.make("vm", owner=OTHER, machine="pc-q35-7.2", firmware="ovmf")
    made.rebind()
    return made


def put(vm, name=COPY):
    """As root's libvirtd does."""
    path = vm.directory() / name
    path.write_bytes(FOREIGN)
    return path


@pytest.mark.parametrize("name", [COPY, "nvram.qcow2", ".nvram.raw.aX3f"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_keeps_it(vm, change, name):
    path = put(vm, name)
    with open(path, "r+b") as guest:
        CHANGES[change](vm)
        guest.write(b"and goes on")
        guest.flush()
        assert path.read_bytes() == b"and goes on" + FOREIGN[11:]
    assert os.listdir(path.parent.parent) == ["vm"]


def test_a_copy_goes_without_it(vm):
    put(vm)
    assert vm.clone("twin").files() == ["lock", "nvram.raw", "pin.json"]


@pytest.mark.parametrize("name", [COPY, "nvram.qcow2", ".nvram.raw.aX3f"])
def test_remove_and_rename_refuse(vm, name):
    path = put(vm, name)
    files = vm.files()
    for change in (vm.remove, lambda: vm.rename("other")):
        with raises(CONFLICT, str(path)):
            change()
    assert (vm.files(), path.read_bytes()) == (files, FOREIGN)
    path.unlink()
    vm.rename("other").remove()


def make_directory(path):
    path.mkdir()


def make_link(path):
    path.symlink_to("nvram.raw")


def make_set_uid(path):
    path.write_bytes(FOREIGN)
    path.chmod(0o4755)


@pytest.mark.parametrize("make", [make_directory, make_link, os.mkfifo, make_set_uid])
def test_one_that_cannot_be_linked_stops_every_change(vm, make):
    path = vm.directory() / "x"
    make(path)
    state = {name: os.lstat(vm.directory() / name) for name in vm.files()}
    for change in (*CHANGES.values(), lambda vm: vm.remove(), lambda vm: vm.rename("other")):
        with raises(CONFLICT, str(path)):
            change(vm)
    now = {name: os.lstat(vm.directory() / name) for name in vm.files()}
    assert {name: (info.st_ino, info.st_mode) for name, info in now.items()} == {
        name: (info.st_ino, info.st_mode) for name, info in state.items()}
    assert os.listdir(path.parent.parent) == ["vm"]
    assert vm.get("Machine") == "pc-q35-7.2"


def test_one_that_a_qemu_writes_to_makes_the_vm_in_use(vm):
    path = put(vm)
    with locked_as_by_qemu(path):
        assert vm.get("InUse")
        for change in (*(CHANGES[name] for name in ("reset", "import", "rebind")),
                       lambda vm: vm.remove(), lambda vm: vm.rename("other"),
                       lambda vm: vm.acquire()):
            with raises(IN_USE):
                change(vm)
        with raises(IN_USE, COPY):
            vm.reset()
    assert not vm.get("InUse")
    vm.reset()


def test_one_in_a_directory_that_has_not_changed_since(vm):
    """A VM whose directory is as it was is not listed, unless it has such a file."""
    vm.import_nvram(memfd(Path("/usr/share/OVMF/OVMF_VARS_4M.ms.fd").read_bytes()))
    path = put(vm)
    vm.vms.prepare("vm", owner=OTHER, machine="pc-q35-7.2")  # which makes a good copy
    wait.until_settled(vm.directory(), *vm.directory().iterdir())
    vm.vms.prepare("vm", owner=OTHER, machine="pc-q35-7.2")
    assert not vm.get("InUse")
    with locked_as_by_qemu(path):
        assert vm.get("InUse")
    assert not vm.get("InUse")
