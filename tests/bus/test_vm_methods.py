# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reset, Import, Export, Clone, Rename, Remove, and the backups that they make."""

import os

import pytest

from lib import images
from lib.checks import invalid_args, raises
from lib.client import DBusError
from lib.vms import (MISMATCH, MISSING, NO_SUCH_VM, NOT_SUPPORTED, OTHER, OWNER, VM_EXISTS, VMs,
                     memfd, vm_path)

VARS = images.OVMF_4M_VARS


@pytest.fixture
def vms(service):
    service.ovmf(content=b"template")
    service.stateless("zz-stateless")
    return VMs(service.start())


@pytest.fixture
def vm(vms):
    made = vms.make()
    made.write(b"guest's")
    return made


def assert_owned(path, uid):
    state = os.stat(path)
    assert (state.st_mode & 0o7777, state.st_uid, state.st_gid) == (0o600, uid, uid)


def test_reset_gives_a_fresh_copy_and_keeps_the_old_as_backup(vm):
    old = vm.read()
    vm.reset()
    assert vm.read() == b"template".ljust(VARS, b"\0")
    assert vm.export(backup=True) == old
    assert len(vm.backups()) == 1 and len(vm.files()) == 5


def test_newest_backup_is_exported_and_all_are_removed_with_the_vm(vm):
    vm.reset()
    vm.write(b"second")
    second = vm.read()
    vm.reset()
    assert vm.export(backup=True) == second
    directory = vm.directory()
    vm.remove()
    assert not directory.exists() and os.listdir(directory.parent) == []


def test_no_backup_is_an_error(vm):
    with pytest.raises(DBusError) as info:
        vm.export(backup=True)
    assert info.value.name == MISSING


def test_reset_of_a_vm_whose_nvram_is_gone(vm):
    vm.reset()
    backup = vm.export(backup=True)
    os.unlink(vm.nvram())
    assert vm.get("State") == "nvram-missing"
    vm.reset()
    assert vm.read().startswith(b"template") and vm.get("State") == "ready"
    assert vm.export(backup=True) == backup


def test_own_template_is_needed_again_for_reset(vms):
    own = memfd(b"caller's own", VARS)
    vm = vms.make("own", nvram_template=own)
    assert vm.read().startswith(b"caller's own")
    vm.write(b"guest's")
    with invalid_args("nvram-template"):
        vm.reset()
    assert vm.read().startswith(b"guest's")
    vm.reset(nvram_template=memfd(b"another", VARS))
    assert vm.read().startswith(b"another")


def test_own_template_is_ignored_once_the_vm_exists(vms, vm):
    assert vms.prepare(nvram_template=memfd(b"mine", VARS))["pinned"] is True
    assert vm.read().startswith(b"guest's")


def test_own_template_of_another_size_is_refused(vms):
    for size in (VARS + 4096, 4096, 0):
        with raises(MISMATCH):
            vms.prepare("own", nvram_template=memfd(b"", size))
    assert vms.list() == []


def test_import_replaces_and_backs_up(vm):
    old = vm.read()
    vm.import_nvram(memfd(b"imported", VARS))
    assert vm.read() == b"imported".ljust(VARS, b"\0")
    assert vm.export(backup=True) == old
    assert vm.vms.prepare()["nvram"]["created"] is False


@pytest.mark.parametrize("size", [0, 4096, VARS - 4096, VARS + 4096])
def test_import_must_fit(vm, size):
    old = vm.read()
    with raises(MISMATCH):
        vm.import_nvram(memfd(b"", size))
    assert vm.read() == old and vm.backups() == []


def test_no_format_is_guessed(service, vm):
    with open(service.qcow2("x.qcow2", VARS), "rb") as file:
        content = file.read()
    for options in ({}, {"format": "raw"}, {"format": "json"}):
        with raises(MISMATCH):
            vm.import_nvram(memfd(content), **options)
    with raises(MISMATCH):
        vm.import_nvram(memfd(b"", VARS), format="qcow2")
    with invalid_args("format"):
        vm.import_nvram(memfd(b"", VARS), format="vdi")


def test_export_is_byte_for_byte(vm):
    content = os.urandom(VARS)
    vm.write(content)
    assert vm.export() == content
    assert vm.get("InUse") is False


def test_clone_copies_pin_and_nvram(vms, vm):
    twin = vm.clone("twin")
    assert twin.path == vm_path("twin")
    assert twin.read() == vm.read() and not os.path.samefile(twin.nvram(), vm.nvram())
    ours, theirs = vm.properties(), twin.properties()
    for key in set(ours) - {"Id", "Created", "LastPrepared", "NVRAM"}:
        assert ours[key] == theirs[key], key
    assert theirs["Created"] > ours["Created"]
    assert twin.files() == ["lock", "nvram.raw", "pin.json"]
    resolution = vms.prepare("twin")
    assert resolution["pinned"] is True and resolution["nvram"]["filename"] == twin.nvram()
    twin.write(b"twin's")
    assert vm.read().startswith(b"guest's")


def test_clone_for_another_owner(vms, vm):
    theirs = vm.clone("vm", owner=OTHER)
    assert theirs.path == vm_path("vm", OTHER)
    assert_owned(theirs.nvram(), OTHER)
    assert theirs.get("Owner") == OTHER and theirs.read() == vm.read()


def test_clone_and_rename_onto_a_vm_that_exists(vms, vm):
    vms.make("other").write(b"other's")
    for method in (vm.clone, vm.rename):
        for name in ("other", "vm"):
            with raises(VM_EXISTS, f'uid 0 has a VM "{name}" already'):
                method(name)
    assert vms.at("other").read().startswith(b"other's")
    assert vm.read().startswith(b"guest's")


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "a\nb", "x" * 201])
def test_clone_and_rename_to_no_id(vm, name):
    for method in (vm.clone, vm.rename):
        with invalid_args("id"):
            method(name)


def test_rename_takes_everything_along(vms, vm):
    vm.reset()
    properties, backup = vm.properties(), vm.export(backup=True)
    renamed = vm.rename("new name")
    assert renamed.path == vm_path("new name")
    assert renamed.export(backup=True) == backup
    changed = renamed.properties()
    assert changed.pop("Id") == "new name" and properties.pop("Id") == "vm"
    assert changed.pop("NVRAM")[0].endswith("/new name/nvram.raw") and properties.pop("NVRAM")
    assert changed == properties
    with raises(NO_SUCH_VM):
        vm.get("State")
    with raises(NO_SUCH_VM):
        vms.prepare("vm", create="never")
    assert vms.prepare("new name")["pinned"] is True


def test_removed_vm_is_no_such_vm(vms, vm):
    directory = vm.directory()
    vm.remove()
    assert not directory.exists() and vms.list() == []
    for use in (vm.properties, vm.reset, vm.remove, vm.acquire, vm.open_nvram, vm.rebind,
                vm.export_raw, lambda: vm.get("Id"), lambda: vm.clone("x"),
                lambda: vm.rename("x"), lambda: vm.import_nvram(memfd(b"", VARS))):
        with raises(NO_SUCH_VM, "vm"):
            use()
    with raises(NO_SUCH_VM, "vm"):
        vms.get("vm")
    assert vms.prepare()["pinned"] is False


def test_firmware_without_variables_has_nothing_to_reset_import_or_export(vms):
    vm = vms.make("plain", modes=["stateless"])
    for use in (vm.reset, vm.export_raw, vm.open_nvram,
                lambda: vm.import_nvram(memfd(b"", VARS))):
        with pytest.raises(DBusError) as info:
            use()
        assert info.value.name == NOT_SUPPORTED
    os.close(vm.acquire())
    assert vm.clone("twin").rename("other").get("Firmware") == "zz-stateless"


def test_files_of_another_owner_stay_his(vms):
    vm = vms.make("vm", owner=OWNER)
    for change in (lambda: vm.reset(), lambda: vm.import_nvram(memfd(b"", VARS)),
                   lambda: vm.rebind(reset=True), lambda: vm.rebind()):
        change()
        assert_owned(vm.nvram(), OWNER)
    assert len(vm.backups()) == 3
    for backup in vm.backups():
        assert_owned(backup, OWNER)


def test_unknown_options_are_refused_by_every_method(vm):
    for use in (vm.acquire, vm.open_nvram, vm.reset, vm.remove, vm.rebind, vm.export_raw):
        with invalid_args("nonsense"):
            use(nonsense="x")
        with invalid_args("owner"):
            use(owner=0)
    with invalid_args("lease"):
        vm.clone("x", lease=True)
    with invalid_args("live"):
        vm.import_nvram(memfd(b"", VARS), live=True)
    assert vm.read().startswith(b"guest's")
