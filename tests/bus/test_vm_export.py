# SPDX-License-Identifier: LGPL-2.1-or-later
"""Export: a pipe that the service fills, beside everything else."""

import fcntl
import os
import stat
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import descriptors, images, wait
from lib.checks import raises
from lib.client import DBusError
from lib.vms import IN_USE, LIMITS, VMs

SIZE = 64 * images.MIB


@pytest.fixture
def vms(service):
    service.vendor.write("x", descriptors.flash(
        service.raw("code.fd", SIZE), service.raw("vars.fd", SIZE, b"\xff" * 100000),
        targets=[descriptors.target("aarch64", "virt-*")]))
    return VMs(service.start())


@pytest.fixture
def vm(vms):
    return vms.make("vm", "aarch64", "virt")


def test_it_is_the_read_end_of_a_pipe(vm):
    fd, size = vm.export_raw()
    assert size == SIZE and stat.S_ISFIFO(os.fstat(fd).st_mode)
    assert fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    with os.fdopen(fd, "rb") as pipe:
        assert pipe.read() == vm.read()


def test_slow_reader_holds_up_nobody(vms, vm):
    fd, _ = vm.export_raw()
    ended = threading.Event()

    def read():
        while not ended.wait(0.05):
            os.read(fd, 4096)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        other = vms.make("other", "aarch64", "virt")
        other.write(b"y")
        other.reset()
        assert vm.get("InUse") is True, "it is done before the reader is"
    finally:
        ended.set()
        thread.join()
        os.close(fd)


def test_reader_that_goes_away_frees_the_vm(vm):
    fd, _ = vm.export_raw()
    assert vm.get("InUse") is True
    with raises(IN_USE, "vm"):
        vm.reset()
    os.close(fd)
    wait.until(lambda: not vm.get("InUse"), "the export has ended")
    vm.reset()


def test_reader_that_stalls_is_cut_off(vm):
    fd, size = vm.export_raw(live=True)
    lease = vm.acquire()
    time.sleep(9)
    with os.fdopen(fd, "rb") as pipe:
        os.read(fd, 4096)
        time.sleep(12.5)
        got = len(pipe.read())
    assert got < size
    os.close(lease)
    assert len(vm.export()) == size


def test_truncated_under_way_ends_short(vm):
    fd, size = vm.export_raw()
    os.truncate(vm.nvram(), 1000000)
    with os.fdopen(fd, "rb") as pipe:
        assert len(pipe.read()) < size


def test_four_at_once(vms, vm):
    fds = [vm.export_raw(live=True)[0] for _ in range(4)]
    with raises(LIMITS, "Export: uid 0 has 4 pipes", "ExportsPerUser= allows 4"):
        vm.export_raw(live=True)
    os.close(fds.pop())
    wait.until(lambda: len(open_again(vm, fds)) == 4, "a place is free")
    for fd in fds:
        os.close(fd)
    wait.until(lambda: export_works(vm), "all are free")


def test_pipe_that_is_kept_takes_a_place(service):
    """The kernel charges its buffer to the service, also when all has been written to it."""
    service.vendor.write("small", descriptors.flash(
        service.raw("small-code.fd", 8192), service.raw("small-vars.fd", 4096, b"v" * 4096)))
    vm = VMs(service.start()).make("small")
    fds = []
    for _ in range(4):
        fds.append(vm.export_raw()[0])
        wait.until(lambda: not vm.get("InUse"), "the export has ended")
    with raises(LIMITS, "Export"):
        vm.export_raw()
    with os.fdopen(fds.pop(), "rb") as pipe:
        assert pipe.read() == b"v" * 4096, "its end is seen"
        with raises(LIMITS, "Export"):
            vm.export_raw()
    os.close(vm.export_raw()[0])
    for fd in fds:
        os.close(fd)


def test_four_at_once_of_any_owners(vms):
    made = [vms.make("vm", "aarch64", "virt", owner=owner) for owner in range(1000, 1012)]
    fds = []

    def export(vm):
        try:
            fds.append(vm.export_raw()[0])
        except DBusError as error:
            assert error.name == LIMITS

    with ThreadPoolExecutor(len(made)) as pool:
        list(pool.map(export, made))
    for fd in fds:
        os.close(fd)
    assert len(fds) == 4


def open_again(vm, fds):
    try:
        fds.append(vm.export_raw(live=True)[0])
    except DBusError as error:
        assert error.name == LIMITS
    return fds


def export_works(vm):
    try:
        return len(vm.export()) == SIZE
    except DBusError as error:
        assert error.name in (LIMITS, IN_USE)
        return False


def test_removed_reset_or_changed_while_live_export_runs(vm):
    before = vm.read()
    fd, size = vm.export_raw(live=True)
    vm.reset()
    vm.remove()
    with os.fdopen(fd, "rb") as pipe:
        assert pipe.read() == before


def test_service_stops_with_an_export_under_way(service, vm):
    fd, size = vm.export_raw()
    again = VMs(service.restart())
    with os.fdopen(fd, "rb") as pipe:
        assert len(pipe.read()) < size
    assert again.at("vm").get("InUse") is False


def test_select_is_quick_while_a_large_vm_is_made(service, vms):
    with open(service.images / "vars.fd", "wb") as file:
        for _ in range(64):
            file.write(os.urandom(images.MIB))
    vms.client.reload()

    def time_of_one():
        begin = time.monotonic()
        vms.client.select_name("aarch64", "virt")
        return time.monotonic() - begin

    alone = [time_of_one() for _ in range(50)]
    meanwhile, counts = [], []
    for number in range(5):
        thread = threading.Thread(target=vms.make, args=(f"big{number}", "aarch64", "virt"))
        thread.start()
        before = len(meanwhile)
        while thread.is_alive():
            meanwhile.append(time_of_one())
        thread.join()
        counts.append(len(meanwhile) - before)
    # a loop that waits for the copy answers one or two
    assert statistics.median(counts) > 3
    assert statistics.median(meanwhile) < 20 * statistics.median(alone)
