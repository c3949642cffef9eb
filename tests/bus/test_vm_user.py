# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service as a user of its own, on a session bus: his uid may do all, and files are his."""

import os

import pytest

from lib.bus import PrivateBus
from lib.vms import IN_USE, OTHER, OWNER, VMs, run_as


@pytest.fixture
def bus():
    private_bus = PrivateBus("session")
    yield private_bus
    private_bus.close()


@pytest.fixture
def vms(service):
    service.state.mkdir()
    os.chown(service.state, OWNER, OWNER)
    os.chown(service.directory, OWNER, OWNER)
    service.ovmf()
    return VMs(service.start_with_qemu(kind="user", uid=OWNER))


EVERYTHING = """
path, resolution, fds = vms.prepare_raw('vm')
vm = vms.at('vm', 1)
state = os.stat(vm.nvram())
print(path, state.st_uid, state.st_gid, oct(state.st_mode & 0o7777), resolution['pinned'])
vm.reset()
vm.import_nvram(memfd(b'in', 540672))
print(vm.export()[:2], len(vm.export(backup=True)))
lease = vm.acquire()
try:
    vm.reset()
except DBusError as error:
    print(error.name)
os.close(lease)
nvram, lease = vm.open_nvram()
os.close(lease)
print(vms.prepare('vm', machine='pc-q35-7.2')['pinned'], vm.rebind()['pinned'])
twin = vm.clone('twin').rename('other')
twin.remove()
print(vms.make('q', nvram_format='qcow2', owner=1).nvram()[-5:])
print([entry[:2] for entry in vms.list()])
"""


def test_his_uid_may_do_all(bus, service, vms):
    assert run_as(OWNER, EVERYTHING, bus) == [
        "/org/vmfirmware1/vm/1/vm 1 1 0o600 False", "b'in' 540672", IN_USE, "True False", "qcow2",
        "[('q', 1), ('vm', 1)]"]
    for path in service.state.rglob("*"):
        assert os.stat(path).st_uid == OWNER


def test_state_survives(bus, service, vms):
    run_as(OWNER, "vms.make('vm')\nvms.at('vm', 1).reset()", bus)
    again = VMs(service.restart(
        kind="user", uid=OWNER, path=os.environ["PATH"],
        machines=[service.directory / "machines"]))
    assert again.at("vm", OWNER).get("State") == "ready"
    assert run_as(OWNER, "print(vms.prepare('vm')['pinned'])", bus) == ["True"]


def test_another_owner_is_no_possibility_for_him(bus, service, vms):
    name, _ = run_as(OWNER, f"vms.prepare('vm', owner={OTHER})", bus)
    assert name in ("org.freedesktop.DBus.Error.AccessDenied", "org.vmfirmware1.VMConflict",
                    "org.freedesktop.DBus.Error.NotSupported")
    assert vms.list(all=True) == []
    assert not [p for p in service.state.rglob("*") if p.name.startswith(".new")]


def test_root_on_his_bus(vms):
    with pytest.raises(Exception):
        vms.prepare("vm")
