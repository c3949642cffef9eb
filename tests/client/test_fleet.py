# SPDX-License-Identifier: LGPL-2.1-or-later
"""enroll --all: interrupted and resumed, none lost and none changed twice."""

import hashlib
import os
import signal

import pytest

from lib import certificates, descriptors, edk2, images, wait
from lib.cli import FAILURE, Cli
from lib.fakepolkit import NEVER, YES, FakePolkit
from lib.vms import OWNER, VMs

ENROLLED = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
OWN = "org.vmfirmware1.manage-own-vms"


class Counting(FakePolkit):
    """Says yes a number of times, and does not answer then."""

    def __init__(self, bus, answers):
        self.rest = 0
        super().__init__(bus, answers)

    def called(self, *arguments):
        self.rest -= 1
        self.answers[OWN] = YES if self.rest >= 0 else NEVER
        super().called(*arguments)


class Fleet:
    """VMs with small stores, and the client that changes all of them as their owner."""
    N = 30

    def __init__(self, bus, service):
        self.cli = Cli(bus, service.directory).for_any_uid()
        self.digest = hashlib.sha256(certificates.make(service.directory, "c")).hexdigest()
        service.vendor.write("50-small", descriptors.flash(
            service.raw("small.fd", images.OVMF_2M_CODE),
            service.raw("small-vars.fd", images.OVMF_2M_VARS, edk2.shrink(ENROLLED)),
            features=["secure-boot"]))
        self.polkit = Counting(bus, {OWN: NEVER})
        self.vms = VMs(service.start(path=os.environ["PATH"]))
        self.made = [self.vms.make(f"vm{i}", owner=OWNER) for i in range(self.N)]

    def start(self, rest):
        """Lets REST VMs be changed."""
        self.polkit.rest = rest
        return self.cli.start("enroll", "--all", "c.der", "--yes", user=OWNER, group=OWNER,
                              extra_groups=[])

    def end(self, process):
        output, errors = process.communicate(timeout=120)
        return process.returncode, output.decode(), errors.decode()

    def changed(self):
        return sum(bool(vm.backups()) for vm in self.made)

    def check(self):
        """None is lost, none was changed twice."""
        for vm in self.made:
            found = [one["sha256"] for one in vm.read_variables()["signatures"]]
            assert found.count(self.digest) == 1
            assert [one["reason"] for one in vm.list_backups()] == ["change"]


@pytest.fixture
def bus(own_bus):
    """One of its own: the others have no polkit."""
    return own_bus


@pytest.fixture
def fleet(bus, service):
    made = Fleet(bus, service)
    yield made
    made.polkit.close()


def test_all_interrupted_and_resumed(fleet):
    process = fleet.start(12)
    wait.until(lambda: fleet.polkit.waiting, "the thirteenth is asked for")
    process.send_signal(signal.SIGINT)
    fleet.polkit.release()
    status, output, errors = fleet.end(process)
    assert status == FAILURE and "13 changed, 0 had the keys already" in output
    assert "interrupted after 13 of 30 virtual machines; the same command goes on" in errors
    assert fleet.changed() == 13
    # killed at once
    process = fleet.start(20)
    wait.until(lambda: fleet.polkit.waiting, "the next one is asked for")
    process.kill()
    fleet.end(process)
    assert fleet.changed() == 20
    status, output, errors = fleet.end(fleet.start(fleet.N))
    assert (status, errors) == (0, "")
    assert "10 changed, 20 had the keys already, 0 in use, 0 failed." in output
    fleet.check()
