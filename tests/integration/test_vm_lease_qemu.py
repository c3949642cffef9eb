# SPDX-License-Identifier: LGPL-2.1-or-later
"""A lease is held by the QEMU that inherited it, as long as it lives, and by nobody else."""

import os

import pytest

from gi.repository import Gio, GLib

from lib import faults, wait
from lib.checks import raises
from lib.client import NAME
from lib.qemu import Qemu, QemuFailed
from lib.vms import IN_USE, VM, VMObject, VMs

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


# -- a QEMU without a lease ------------------------------------------------------------------

WAYS = {
    "blockdev": lambda path, form: [
        "-blockdev", f"driver=file,filename={path},node-name=f", "-blockdev",
        f"driver={form},file=f,node-name=v", "-machine", "q35,pflash1=v,pflash0=c"],
    "drive": lambda path, form: [
        "-machine", "q35", "-drive", f"if=pflash,unit=1,format={form},file={path}"],
}


def code_of(resolution, way):
    path = resolution["executable"]["filename"]
    if way == "blockdev":
        return ["-blockdev", f"driver=file,filename={path},node-name=cf,read-only=on", "-blockdev",
                "driver=raw,file=cf,node-name=c,read-only=on"]
    return ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={path}"]


@pytest.mark.parametrize("form", ["raw", "qcow2"])
@pytest.mark.parametrize("way", WAYS)
def test_qemu_without_a_lease_is_in_use(leases, way, form):
    resolution = leases.vms.prepare("guest", machine="q35", nvram_format=form, **GIVEN)
    before = leases.vm().files()
    arguments = code_of(resolution, way) + WAYS[way](resolution["nvram"]["filename"], form)
    with Qemu("x86_64", arguments):
        leases.assert_refused()
        assert leases.vm().files() == before
        # what the caller has paused the guest for
        leases.vm().clone("copy", live=True).remove()
    assert not leases.in_use()
    leases.vm().reset()


def test_qemu_with_an_fdset_is_in_use(leases):
    resolution = leases.vms.prepare("guest", machine="q35", **GIVEN)
    # QEMU takes the one of the mode that it wants
    fds = [os.open(resolution["nvram"]["filename"], mode) for mode in (os.O_RDWR, os.O_RDONLY)]
    arguments = code_of(resolution, "drive") + WAYS["drive"]("/dev/fdset/7", "raw")
    for fd in fds:
        arguments += ["-add-fd", f"fd={fd},set=7"]
    try:
        qemu = Qemu("x86_64", arguments, pass_fds=fds)
    finally:
        for fd in fds:
            os.close(fd)
    with qemu:
        leases.assert_refused()
    assert not leases.in_use()


def start_change(vm, method):
    """A list that has the reply when it comes."""
    replies = []
    vm.vms.client.connection.call(
        NAME, vm.path, VM, method, GLib.Variant("(a{sv})", ({},)), None, Gio.DBusCallFlags.NONE,
        120000, None, lambda connection, result: replies.append(connection.call_finish(result)))
    return replies


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("change", ["Reset", "Rebind", "Remove"])
def test_qemu_that_starts_during_a_change_fails(service, leases, way, change):
    """... for it would go on with a file that has lost its name."""
    resolution = leases.vms.prepare("guest", machine="q35", **GIVEN)
    arguments = code_of(resolution, way) + WAYS[way](resolution["nvram"]["filename"], "raw")
    trace = service.directory / "trace"
    with faults.Strace(service.daemon.process.pid, trace, [
            "trace=renameat2", "inject=renameat2:delay_enter=20s"], kills=False):
        started = start_change(leases.vm(), change)
        wait.until(lambda: "renameat2(" in trace.read_text(encoding="utf-8"), "the exchange begins")
        with pytest.raises(QemuFailed, match='Failed to get "write" lock'):
            Qemu("x86_64", arguments).close()
        wait.until(lambda: started, "the change is done")
