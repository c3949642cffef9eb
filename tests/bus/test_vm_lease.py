# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lease: who holds it has the NVRAM to himself, for as long as any copy of the fd is open."""

import fcntl
import os
import subprocess
import sys

import pytest

from lib import wait
from lib.checks import raises
from lib.locks import locked_as_by_qemu
from lib.vms import IN_USE, MISSING, OWNER, VMs, memfd, start_as

VARS = 540672


@pytest.fixture
def vms(service):
    service.ovmf()
    return VMs(service.start())


@pytest.fixture
def vm(vms):
    return vms.make()


USES = {
    "a second lease": lambda vm: vm.acquire(),
    "PrepareVM with lease": lambda vm: vm.vms.prepare(lease=True),
    "OpenNVRAM": lambda vm: vm.open_nvram(),
    "Reset": lambda vm: vm.reset(),
    "Rebind": lambda vm: vm.rebind(),
    "Rename": lambda vm: vm.rename("new"),
    "Import": lambda vm: vm.import_nvram(memfd(size=VARS)),
    "Remove": lambda vm: vm.remove(),
    "Export": lambda vm: os.close(vm.export_raw()[0]),
    "Clone": lambda vm: vm.clone("new"),
}


def take(vm, how):
    if how == "Acquire":
        return vm.acquire()
    if how == "OpenNVRAM":
        nvram, lease = vm.open_nvram()
        os.close(nvram)
        return lease
    return vm.vms.prepare(lease=True)["lease"]


def snapshot(vm):
    return {name: (vm.directory() / name).read_bytes() for name in vm.files()}


@pytest.mark.parametrize("how", ["Acquire", "PrepareVM", "OpenNVRAM"])
@pytest.mark.parametrize("use", USES)
def test_held_lease_stops_what_would_touch_the_nvram(vms, vm, use, how):
    before = snapshot(vm)
    lease = take(vm, how)
    assert vm.get("InUse") is True
    with raises(IN_USE, "vm"):
        USES[use](vm)
    assert snapshot(vm) == before and len(vms.list()) == 1
    os.close(lease)
    assert vm.get("InUse") is False
    USES[use](vm)


def test_lease_outlives_the_service(service, vm):
    lease = vm.acquire()
    for again in (service.restart, service.crash):
        vm = VMs(again()).at("vm")
        assert vm.get("InUse") is True
        for use in ("Reset", "a second lease", "Remove"):
            with raises(IN_USE):
                USES[use](vm)
    os.close(lease)
    vm.acquire()


def test_lease_of_a_qemu_that_runs(vm):
    with locked_as_by_qemu(vm.nvram()):
        with raises(IN_USE, "a QEMU has its NVRAM file open"):
            vm.acquire()
        lease = vm.acquire(live=True)
        with raises(IN_USE, "its lease is held"):
            vm.acquire(live=True)
    assert vm.get("InUse")
    os.close(lease)
    vm.reset()


def test_lease_lasts_while_any_copy_is_open_and_not_longer(vm):
    lease = vm.acquire()
    copy = os.dup(lease)
    child = subprocess.Popen([sys.executable, "-c", "input()"], pass_fds=[lease],
                             stdin=subprocess.PIPE)
    os.close(lease)
    os.close(copy)
    with raises(IN_USE):
        vm.acquire()
    child.kill()
    child.wait()
    os.close(vm.acquire())


def test_killed_holder_frees_it_at_once(bus, service):
    service.ovmf()
    vms = VMs(service.start())
    vm = vms.make()
    holder = start_as(0, "fd = vms.at('vm').acquire(); print('held', flush=True); input()", bus)
    assert holder.stdout.readline() == "held\n"
    with raises(IN_USE):
        vm.acquire()
    holder.kill()
    holder.wait()
    wait.until(lambda: not vm.get("InUse"), "the lease is free")
    os.close(vm.acquire())


def test_lease_is_a_read_only_fd_of_a_file_that_the_owner_cannot_open(vms):
    vm = vms.make("owned", owner=OWNER)
    lease = vm.acquire()
    assert fcntl.fcntl(lease, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    state = os.fstat(lease)
    assert state.st_uid == 0 and state.st_mode & 0o077 == 0
    os.close(lease)


def test_live_lets_the_holder_export_and_clone(vm):
    vm.write(b"guest's")
    lease = vm.acquire()
    assert vm.export(live=True).startswith(b"guest's")
    assert vm.clone("twin", live=True).read() == vm.read()
    for use in (lambda: vm.export_raw(live=False), lambda: vm.clone("other", live=False)):
        with raises(IN_USE):
            use()
    os.close(lease)


def test_pin_is_answered_while_the_lease_is_held(vms, vm):
    lease = vm.acquire()
    assert vms.prepare()["pinned"] is True
    vms.prepare(machine="pc-q35-7.2")
    assert vm.get("InUse") is True
    with raises(IN_USE):
        vm.reset()
    os.close(lease)
    assert vm.get("InUse") is False


def test_lease_stays_with_the_vm_that_has_been_renamed_reset_or_rebound(vm):
    vm.reset()
    vm.rebind()
    lease = vm.rename("other").acquire()
    other = vm.vms.at("other")
    assert other.get("InUse") is True
    os.close(lease)
    assert other.get("InUse") is False


def test_clone_of_a_leased_vm_is_free(vm):
    lease = vm.acquire()
    twin = vm.clone("twin", live=True)
    assert twin.get("InUse") is False
    os.close(twin.acquire())
    os.close(lease)


def test_prepare_that_fails_leaves_no_lease(vms, vm):
    os.unlink(vm.nvram())
    with raises(MISSING):
        vms.prepare(lease=True)
    assert vm.get("InUse") is False


def test_create_with_lease(vms):
    resolution = vms.prepare("fresh", lease=True)
    assert resolution["pinned"] is False
    assert vms.at("fresh").get("InUse") is True
    os.close(resolution["lease"])
    assert vms.at("fresh").get("InUse") is False
    assert "lease" not in vms.prepare("fresh", lease=False)


def test_readers_of_inuse_never_stop_a_lease(bus, vms, vm):
    """Everybody may read InUse: it must not look like a holder to who takes the lease."""
    loop = "while True: vms.at('vm').get('InUse')"
    readers = [start_as(OWNER, loop, bus) for _ in range(3)]
    try:
        for _ in range(300):
            os.close(vm.acquire())
    finally:
        for reader in readers:
            reader.kill()
            reader.wait()


def test_open_nvram_is_a_writable_fd_of_the_file(vm):
    nvram, lease = vm.open_nvram()
    assert fcntl.fcntl(nvram, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    assert os.path.samestat(os.fstat(nvram), os.stat(vm.nvram()))
    os.pwrite(nvram, b"through the fd", 0)
    assert vm.read().startswith(b"through the fd")
    os.close(nvram)
    os.close(lease)


def test_refused_lease_records_no_machine(vms):
    vms.prepare("vm", machine="pc-q35-7.1")
    lease = vms.at("vm").acquire()
    with raises(IN_USE):
        vms.prepare("vm", machine="pc-q35-7.2", lease=True)
    assert vms.at("vm").get("Machine") == "pc-q35-7.1"
    os.close(lease)
    os.close(vms.prepare("vm", machine="pc-q35-7.2", lease=True)["lease"])
    assert vms.at("vm").get("Machine") == "pc-q35-7.2"
