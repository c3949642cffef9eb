# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lease is held by the QEMU that inherited it, as long as it lives, and by nobody else."""

import os

import pytest

from lib import wait
from lib.checks import raises
from lib.qemu import Qemu
from lib.vms import IN_USE, VMObject, VMs

DEBIAN = "/usr/share/qemu/firmware"
GIVEN = {"without_features": ["secure-boot"], "render": ["qemu"]}


class Leases:
    def __init__(self, service):
        self.service = service
        self.start()

    def start(self):
        self.vms = VMs(self.service.start_with_qemu(search_path=[DEBIAN]))

    def restart(self, kill):
        daemon = self.service.daemons.pop()
        if kill:
            daemon.kill()
        else:
            daemon.stop()
        self.start()

    def prepare(self):
        resolution = self.vms.prepare("guest", machine="q35", lease=True, **GIVEN)
        return resolution["qemu-arguments"], resolution["lease"]

    def run_qemu(self):
        """A QEMU, stopped, that alone holds the lease."""
        arguments, lease = self.prepare()
        try:
            return Qemu("x86_64", arguments, pass_fds=[lease])
        finally:
            os.close(lease)

    def vm(self):
        return self.vms.find("guest")

    def in_use(self):
        return self.vm().get("InUse")

    def assert_refused(self):
        assert self.in_use()
        with raises(IN_USE, "guest"):
            os.close(self.prepare()[1])
        with raises(IN_USE):
            os.close(self.vm().acquire())
        for change in (VMObject.reset, VMObject.remove, lambda vm: vm.clone("other"),
                       lambda vm: vm.rename("other"), VMObject.export,
                       lambda vm: vm.import_nvram(b"x"), VMObject.open_nvram, VMObject.rebind):
            with raises(IN_USE):
                change(self.vm())
        # Asking is not taking.
        assert self.vms.prepare("guest", machine="q35", **GIVEN)["pinned"]


@pytest.fixture
def leases(service):
    return Leases(service)


def test_second_qemu_is_refused_while_the_first_lives(leases):
    first = leases.run_qemu()
    leases.assert_refused()
    first.process.kill()
    first.process.wait()
    assert not leases.in_use()
    first.close()
    with leases.run_qemu():
        leases.assert_refused()
    assert not leases.in_use()


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_lease_outlives_the_daemon(leases, kill):
    with leases.run_qemu() as qemu:
        leases.restart(kill)
        leases.assert_refused()
        qemu.execute("query-status")
    assert not leases.in_use()
    leases.run_qemu().close()


def test_lease_ends_with_the_last_copy(leases):
    _, lease = leases.prepare()
    copy = os.dup(lease)
    os.close(lease)
    leases.assert_refused()
    os.close(copy)
    assert not leases.in_use()


def test_lease_ends_when_qemu_quits_by_itself(leases):
    with leases.run_qemu() as qemu:
        qemu.execute("quit")
        qemu.process.wait(120)
        wait.until(lambda: not leases.in_use(), "the lease is free")
        leases.run_qemu().close()


def test_the_holder_cannot_write_what_it_inherited(leases):
    _, lease = leases.prepare()
    with pytest.raises(OSError):
        os.write(lease, b"x")
    with pytest.raises(OSError):
        os.ftruncate(lease, 1)
    assert os.fstat(lease).st_mode & 0o777 == 0o600
    os.close(lease)
