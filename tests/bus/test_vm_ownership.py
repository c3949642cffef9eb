# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of VMs that have another owner when the service starts: a restored backup, or systemd's chown."""

import os
import stat

import pytest

from lib.checks import raises
from lib.locks import locked_as_by_qemu
from lib.vms import IN_USE, NOBODY, OTHER, VMs, memfd

SERVICE_UID, FORMER_UID = 1, 3
COPY = "copy_VARS.fd"


@pytest.fixture
def vms(service):
    service.ovmf()
    made = VMs(service.start_as_unit(SERVICE_UID))
    for owner in (OTHER, 0):
        vm = made.make("vm", owner=owner)
        vm.import_nvram(memfd(vm.export()))
    path = made.at("vm", OTHER).directory() / COPY
    path.touch()
    os.chown(path, OTHER, OTHER)
    path.chmod(0o640)
    return made


def snapshot(service):
    """{path: (uid, gid, mode)} of all below the state directory."""
    root = service.state
    found = {}
    for path in sorted(root.rglob("*")):
        info = path.lstat()
        found[str(path.relative_to(root))] = (
            info.st_uid, info.st_gid, oct(stat.S_IMODE(info.st_mode)))
    return found


def change(service, condition, uid):
    """Of all files with that uid, and of their modes; while no service runs."""
    for path in (service.state, *sorted(service.state.rglob("*"))):
        if condition(path.lstat().st_uid):
            os.chown(path, uid, uid)


def restart(service):
    daemon = service.daemons.pop()
    daemon.stop()
    return daemon


def start(service):
    return VMs(service.start_as_unit(SERVICE_UID))


WAYS = {
    "chown-by-systemd": (lambda uid: True, SERVICE_UID),
    "another-uid-of-the-service": (lambda uid: uid == SERVICE_UID, FORMER_UID),
    "all-of-another-uid": (lambda uid: True, FORMER_UID),
    "all-root's": (lambda uid: True, 0),
}


@pytest.mark.parametrize("way", WAYS)
def test_files_are_given_back(service, vms, way):
    before = snapshot(service)
    restart(service)
    change(service, *WAYS[way])
    if WAYS[way][1] == 0:
        before[f"vms/{OTHER}/vm/{COPY}"] = (0, 0, "0o640")
    again = start(service)
    assert snapshot(service) == before
    for owner in (OTHER, 0):
        assert again.at("vm", owner).get("State") == "ready"
        again.at("vm", owner).reset()
    assert "given back" not in service.daemon.stderr()


@pytest.mark.parametrize("mode", [0o644, 0o4755, 0])
def test_with_their_mode(service, vms, mode):
    before = snapshot(service)
    restart(service)
    for path in service.state.glob("vms/*/*/nvram.raw"):
        path.chmod(mode)
    for depth in ("vms", "vms/*", "vms/*/*"):
        for directory in service.state.glob(depth):
            directory.chmod(0o755)
    change(service, lambda uid: True, FORMER_UID)
    start(service)
    assert snapshot(service) == before


def test_files_of_every_other_uid_are_left_alone(service, vms):
    vm = vms.at("vm", OTHER)
    path = vm.nvram()
    os.chown(path, NOBODY, NOBODY)
    os.chmod(path, 0o660)
    assert vm.get("State") == "nvram-owner"
    with locked_as_by_qemu(path):
        assert vm.get("State") == "ready"
    restart(service)
    again = start(service)
    info = os.stat(path)
    assert (info.st_uid, info.st_gid, info.st_mode & 0o7777) == (NOBODY, NOBODY, 0o660)
    assert again.listed(owner=OTHER)[OTHER, "vm"][1] == "nvram-owner"
    assert again.prepare("vm", owner=OTHER)["pinned"] is True
    os.chown(path, OTHER, OTHER)
    assert again.at("vm", OTHER).get("State") == "ready"


@pytest.mark.parametrize("way", ["chown-by-systemd", "all-of-another-uid"])
def test_files_in_use_are_given_back_later(service, vms, way):
    before = snapshot(service)
    path, lease = vms.at("vm", OTHER).nvram(), vms.at("vm", OTHER).acquire()
    restart(service)
    change(service, *WAYS[way])
    again = start(service)
    vm = again.at("vm", OTHER)
    assert os.stat(path).st_uid == WAYS[way][1]
    assert again.at("vm", 0).get("State") == "ready"
    with raises(IN_USE):
        vm.reset()
    assert vm.get("State") == "ready"
    os.close(lease)
    assert vm.get("State") == "nvram-owner"
    restart(service)
    start(service)
    assert snapshot(service) == before


def test_what_cannot_be_given_back_is_reported(service, vms):
    """As a user's service, which has no right to it."""
    restart(service)
    change(service, lambda uid: True, SERVICE_UID)
    service.start(uid=SERVICE_UID)
    assert f"given back to their owners: {service.state}/vms/" in service.daemon.stderr()
    service.daemons.pop().kill()
