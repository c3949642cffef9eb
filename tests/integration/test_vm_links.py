# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file system that refuses links: a change is refused, for a copy would cut off who writes."""

import os

import pytest

from lib import faults
from lib.checks import raises
from lib.vms import CONFLICT, IN_USE, IO_ERROR, VMs


@pytest.fixture
def vms(service):
    service.ovmf()
    return VMs(service.start())


def refusing_link(service, ordinal):
    return faults.Strace(service.daemon.process.pid, service.directory / "trace",
                         ["trace=linkat", f"inject=linkat:error=EPERM:when={ordinal}"])


def test_a_lease_outlives_a_change_that_cannot_link_it(service, vms):
    vms.prepare("vm", machine="pc-q35-7.1")
    lease = vms.at("vm").acquire()
    # the NVRAM, the backup (there is none), the lock
    with refusing_link(service, 2) as strace:
        with raises(IO_ERROR):
            vms.prepare("vm", machine="pc-q35-7.2")
    assert any("INJECTED" in line and "lock" in line for line in strace.lines())
    with raises(IN_USE):
        vms.at("vm").acquire()
    assert vms.at("vm").get("Machine") == "pc-q35-7.1"
    os.close(lease)
    os.close(vms.at("vm").acquire())


def test_nvram_that_cannot_be_linked_stays(service, vms):
    vm = vms.make("vm")
    vm.write(b"guest's")
    before, files = vm.read(), vm.files()
    with refusing_link(service, 1) as strace:
        with raises(CONFLICT, "nvram.raw"):
            vm.reset()
    assert strace.was_injected()
    assert (vm.read(), vm.files()) == (before, files)
