# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to VMs while all of them are held against a new catalog, which takes its time."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import descriptors, wait
from lib.faults import Strace
from lib.vms import VMs


def overwrite(path):
    with open(path, "r+b") as file:
        file.write(b"updated")


@pytest.fixture
def vms(service):
    service.code, _ = service.ovmf("50-x")
    service.slow = service.raw("slow.bin")
    service.vendor.write("60-slow", descriptors.by_filename("kernel", service.slow))
    vms = VMs(service.start_blind())
    vms.make("vm", firmware="50-x")
    return vms


def nothing_is_read_of(service, path):
    """Who reads more than its beginning waits while the context lasts."""
    return Strace(service.daemon.process.pid, service.directory / "strace",
                  ["trace=pread64", "inject=pread64:delay_enter=300s:when=3+"], paths=[path])


def until_read(service, path):
    directory = f"/proc/{service.daemon.process.pid}/fd"
    wait.until(lambda: any(os.path.realpath(f"{directory}/{fd}") == path
                           for fd in os.listdir(directory)), f"{path} is read")


def until_state(vms, vm_id, state):
    wait.until(lambda: vms.at(vm_id).get("State") == state, f"{vm_id} is {state}")


@pytest.mark.parametrize("method", ["rename", "clone"])
def test_of_another_name_meanwhile(service, vms, method):
    vms.make("slow", firmware="60-slow")
    overwrite(service.slow)
    overwrite(service.code)
    with nothing_is_read_of(service, service.slow):
        vms.client.reload()
        until_read(service, service.slow)
        getattr(vms.at("vm"), method)("new")
        assert vms.at("slow").get("State") == vms.at("new").get("State") == "ready"
    until_state(vms, "slow", "changed")
    until_state(vms, "new", "changed")


@pytest.mark.parametrize("exists", [False, True])
def test_prepared_by_an_older_catalog(service, vms, exists):
    if exists:
        vms.make("slow", firmware="60-slow")
        os.utime(service.slow)
    with ThreadPoolExecutor() as pool:
        with nothing_is_read_of(service, service.slow):
            prepared = pool.submit(vms.prepare, "slow", firmware="60-slow")
            until_read(service, service.slow)
            service.vendor.remove("60-slow")
            vms.client.reload()
            assert not prepared.done()
        assert prepared.result()["changed"] == []
    until_state(vms, "slow", "changed")


def opens_of(path, trace):
    return [line for line in trace.lines() if "openat(" in line and f'"{path}"' in line]


def test_change_that_concerns_no_image_or_descriptor(service, vms):
    """A reload that finds all as it was reads no image of any VM."""
    wait.until_settled(service.code)
    vms.client.reload()  # which proves it
    trace = Strace(service.daemon.process.pid, service.directory / "strace",
                   ["trace=openat"], paths=[service.code])
    with trace:
        vms.client.reload()
        overwrite(service.code)
        vms.client.reload()
        until_state(vms, "vm", "changed")
    assert len(opens_of(service.code, trace)) == 2  # the catalog's look, and the assessment


def test_equal_pins_are_assessed_once(service, vms):
    for number in range(5):
        vms.make(f"vm{number}", firmware="50-x")
    wait.until_settled(service.code)
    vms.client.reload()
    trace = Strace(service.daemon.process.pid, service.directory / "strace",
                   ["trace=openat"], paths=[service.code])
    with trace:
        overwrite(service.code)
        vms.client.reload()
        for number in range(5):
            until_state(vms, f"vm{number}", "changed")
    assert len(opens_of(service.code, trace)) == 2
