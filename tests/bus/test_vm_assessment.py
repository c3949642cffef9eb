# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to VMs while all of them are held against a new catalog, which takes its time."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import descriptors, images, wait
from lib.vms import service  # noqa: F401

SLOW_SIZE = 128 * images.MIB  # takes long enough to digest for a call to come between


def overwrite(path):
    with open(path, "r+b") as file:
        file.write(b"updated")


def is_read(service, path):  # noqa: F811
    directory = f"/proc/{service.daemon.process.pid}/fd"
    return any(os.path.realpath(f"{directory}/{fd}") == path for fd in os.listdir(directory))


@pytest.fixture
def slow(service):  # noqa: F811
    service.code, _ = service.ovmf("50-x")
    service.slow = service.raw("slow.bin", SLOW_SIZE)
    service.vendor.write("60-slow", descriptors.by_filename("kernel", service.slow))
    vms = service.start_blind()
    vms.make("vm", firmware="50-x")
    return vms


def until_state(vms, vm_id, state):
    wait.until(lambda: vms.at(vm_id).get("State") == state, f"{vm_id} is {state}", 60)


@pytest.mark.parametrize("method", ["rename", "clone"])
def test_of_another_name_meanwhile(service, slow, method):  # noqa: F811
    slow.make("slow", firmware="60-slow")
    overwrite(service.slow)
    overwrite(service.code)
    slow.client.reload()
    getattr(slow.at("vm"), method)("new")
    assert slow.at("slow").get("State") == "ready", "it took no time"
    until_state(slow, "slow", "changed")
    until_state(slow, "new", "changed")


@pytest.mark.parametrize("exists", [False, True])
def test_prepared_by_an_older_catalog(service, slow, exists):  # noqa: F811
    if exists:
        slow.make("slow", firmware="60-slow")
        os.utime(service.slow)
    with ThreadPoolExecutor() as pool:
        prepared = pool.submit(slow.prepare, "slow", firmware="60-slow")
        wait.until(lambda: is_read(service, service.slow), "it is being prepared")
        service.vendor.remove("60-slow")
        slow.client.reload()
        assert not prepared.done(), "it took no time"
        assert prepared.result()["changed"] == []
    until_state(slow, "slow", "changed")
