# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many callers at once: none lost, none twice, and none can stop the others."""

import contextlib
import os
import resource
import threading

import pytest
from gi.repository import Gio, GLib

from lib import wait
from lib.bus import has_owner
from lib.client import MANAGER, MANAGER_PATH, NAME, Client
from lib.config import write_config
from lib.fakepolkit import NEVER, NO, YES, FakePolkit
from lib.idle import assert_rests
from lib.vms import LIMITS, SIXTEEN_CALLS, VMs, run_as, start_as

OWN = "org.vmfirmware1.manage-own-vms"


@pytest.fixture
def bus(own_bus):
    return own_bus


def test_calls_with_many_descriptors_from_many_uids(bus, service):
    polkit = FakePolkit(bus, {OWN: NEVER})
    service.ovmf()
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, old[1]))
    try:
        vms = VMs(service.start())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)
    children = [start_as(uid, SIXTEEN_CALLS, bus) for uid in (1, 2, 3, 6, 7, 8)]
    try:
        for child in children:
            assert child.stdout.readline() == "sent\n"
        wait.until(lambda: len(polkit.waiting) >= 60, "most are asked about")
        assert vms.client.select_name("x86_64", "q35") == "ovmf"
        vms.make("root's").reset()
        os.close(vms.prepare("root's", lease=True)["lease"])
    finally:
        for child in children:
            child.kill()
            child.wait()
        polkit.answers[OWN] = NO
        polkit.release(NO)
        polkit.close()
    vms.make("after")
    assert service.daemon.process.poll() is None


def in_threads(bus, count, function):
    failures = []

    def run(number):
        try:
            function(VMs(Client(bus.connect())), number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def test_many_clients_many_owners(bus, service):
    service.ovmf()
    vms = VMs(service.start())

    def make(mine, number):
        for index in range(10):
            mine.prepare(f"vm {number}-{index}", owner=1000 + index)

    in_threads(bus, 16, make)
    listed = vms.list(all=True)
    assert len(listed) == 160 == len({(entry[0], entry[1]) for entry in listed})
    for vm_id, owner, *_ in listed:
        state = os.stat(service.state / f"vms/{owner}/{vm_id}/nvram.raw")
        assert (state.st_uid, state.st_mode & 0o7777) == (owner, 0o600)


def test_same_vm_from_all_sides_is_made_once(bus, service):
    service.ovmf()
    vms = VMs(service.start())
    service.watch()
    made = []
    in_threads(bus, 16, lambda mine, _: made.append(mine.prepare()["nvram"]["created"]))
    assert sorted(made) == [False] * 15 + [True]
    assert len(vms.list()) == 1 and len(service.signals.named("VMAdded")) == 1


def test_one_lease_of_many_asked_for(bus, service):
    service.ovmf()
    vms = VMs(service.start())
    vms.make()
    leases, refused = [], []

    def take(mine, _):
        try:
            leases.append(mine.at("vm").acquire())
        except Exception as error:
            refused.append(error.name)

    in_threads(bus, 12, take)
    assert len(leases) == 1 and set(refused) == {"org.vmfirmware1.NVRAMInUse"}
    os.close(leases[0])


def test_calls_on_one_vm_are_in_order(service):
    service.ovmf()
    vms = VMs(service.start())
    answers = []

    def call(path, interface, method, arguments):
        index = len(answers)
        answers.append(None)

        def done(connection, result):
            try:
                connection.call_finish(result)
                answers[index] = "ok"
            except GLib.Error as error:
                answers[index] = Gio.DBusError.get_remote_error(error)

        vms.client.connection.call("org.vmfirmware1", path, interface, method, arguments, None,
                                   Gio.DBusCallFlags.NONE, 60000, None, done)

    def prepare(create):
        options = {"create": GLib.Variant("s", create)}
        call("/org/vmfirmware1", "org.vmfirmware1.Manager", "PrepareVM",
             GLib.Variant("(sssa{sv})", ("vm", "x86_64", "q35", options)))

    empty = GLib.Variant("(a{sv})", ({},))
    vms.make()
    for _ in range(5):
        call("/org/vmfirmware1/vm/0/vm", "org.vmfirmware1.VM", "Reset", empty)
        call("/org/vmfirmware1/vm/0/vm", "org.vmfirmware1.VM", "Remove", empty)
        prepare("new")
        prepare("new")
        prepare("never")
        wait.until(lambda: None not in answers, "all are answered")
    assert answers == ["ok", "ok", "ok", "org.vmfirmware1.VMExists", "ok"] * 5


def test_uids_take_turns(service):
    """The one call for 1002 comes last of all, and is answered among the first for 1001."""
    service.ovmf()
    vms = VMs(service.start())
    answers = []

    def prepare(owner, number):
        def done(connection, result):
            connection.call_finish(result)
            answers.append(owner)

        vms.client.connection.call(
            NAME, MANAGER_PATH, MANAGER, "PrepareVM", GLib.Variant("(sssa{sv})", (
                f"vm{number}", "x86_64", "q35", {"owner": GLib.Variant("u", owner)})), None,
            Gio.DBusCallFlags.NONE, 60000, None, done)

    with service.daemon.frozen():
        for number in range(120):
            prepare(1001, number)
        prepare(1002, 0)
        # the bus has passed on what came before this
        has_owner(vms.client.connection, NAME)
    wait.until(lambda: len(answers) == 121, "all are answered")
    assert answers.index(1002) < 60
    assert len(vms.list(all=True)) == 121


class Holder:
    """A program, in a PATH of its own, that waits for nothing from when it is told to."""

    def __init__(self, service, name):
        programs = service.directory / "programs"
        programs.mkdir()
        self.service = service
        self.path = f"{programs}:{os.environ['PATH']}"
        self.wanted = service.directory / "wanted"
        self.program = programs / name
        self.program.write_text(f"#!/bin/sh\nwhile [ -e {self.wanted} ]; do sleep 0.1; done\nexit 1\n")
        self.program.chmod(0o755)

    def __enter__(self):
        self.wanted.touch()
        return self

    def __exit__(self, *_):
        self.wanted.unlink()

    def holds(self):
        return any(self.is_run_by(pid) for pid in self.service.daemon.children())

    def is_run_by(self, pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            return file.read().startswith(f"/bin/sh\0{self.program}\0")
        return False


def rests_while_held(service, holder):
    """It must rest. False: a busy machine has taken longer than the service waits for the program."""
    assert_rests(service.daemon.process.pid, 1)
    return holder.holds()


def test_service_sleeps_while_it_works_for_a_caller_that_has_gone(bus, service):
    holder = Holder(service, "qemu-img")
    service.ovmf()
    service.start(path=holder.path)

    def rests(number):
        caller = bus.connect()
        caller.call(NAME, MANAGER_PATH, MANAGER, "PrepareVM", GLib.Variant("(sssa{sv})", (
            f"x{number}", "x86_64", "q35", {"nvram-format": GLib.Variant("s", "qcow2")})), None,
            Gio.DBusCallFlags.NONE, 60000, None, None)
        wait.until(holder.holds, "the conversion has begun")
        caller.close_sync(None)
        return rests_while_held(service, holder)

    with holder:
        assert any(map(rests, range(5))), "it had nothing to wait for"


READER = """
for line in sys.stdin:
    try:
        print(vms.at('mine', 1).get('State'), flush=True)
    except DBusError as error:
        print(error.name, flush=True)
"""


def test_call_that_waits_for_a_caller_that_has_gone_holds_no_place(bus, service):
    polkit = FakePolkit(bus, {OWN: YES})
    holder = Holder(service, "qemu-img")
    service.ovmf()
    vms = VMs(service.start(path=holder.path, arguments=[
        write_config(service.directory, section="Limits", CallsPerUser=1)]))
    vms.make("mine", owner=1)
    reader = start_as(1, READER, bus)

    def read():
        reader.stdin.write("\n")
        reader.stdin.flush()
        return reader.stdout.readline().strip()

    with holder:
        vms.client.connection.call(NAME, MANAGER_PATH, MANAGER, "PrepareVM", GLib.Variant(
            "(sssa{sv})", ("x", "x86_64", "q35", {
                "nvram-format": GLib.Variant("s", "qcow2"), "owner": GLib.Variant("u", 1)})), None,
            Gio.DBusCallFlags.NONE, 60000, None, None)
        wait.until(holder.holds, "the owner's queue is held")
        assert read() == "ready"
        child = start_as(1, """
client.connection.call(NAME, vms.at('mine', 1).path, VM, 'Reset', GLib.Variant('(a{sv})', ({},)),
                       None, Gio.DBusCallFlags.NONE, 60000, None, None)
client.connection.flush_sync(None)
print('sent', flush=True)
sys.stdin.readline()
""", bus)
        # a reading at that moment would have the place
        assert child.stdout.readline() == "sent\n"
        wait.until(lambda: read() == LIMITS, "the call waits")
        child.kill()
        child.wait()
        wait.until(lambda: read() == "ready", "its place is free")
        assert holder.holds()
    reader.kill()
    reader.wait()
    polkit.close()


def test_emulator_keeps_its_input_until_it_has_answered(service):
    """QEMU 10 may drop commands that it has not read when the other end closes."""
    holder = Holder(service, "qemu-system-x86_64")
    connection = service.start(path=holder.path).connection
    with holder:
        connection.call(NAME, MANAGER_PATH, MANAGER, "Reload", None, None, Gio.DBusCallFlags.NONE,
                        60000, None, None)
        connection.flush_sync(None)
        wait.until(holder.holds, "the emulator is asked")
        (child,) = filter(holder.is_run_by, service.daemon.children())
        question = os.readlink(f"/proc/{child}/fd/0")
        descriptors = f"/proc/{service.daemon.process.pid}/fd"
        assert question.startswith("pipe:")
        assert question in [os.readlink(f"{descriptors}/{fd}") for fd in os.listdir(descriptors)]


def test_reload_for_a_caller_that_has_gone_keeps_nothing_busy(bus, service):
    polkit = FakePolkit(bus, {"org.vmfirmware1.reload": YES})
    holder = Holder(service, "qemu-system-x86_64")
    service.ovmf()
    service.start(path=holder.path, arguments=[
        write_config(service.directory, section="Limits", CallsPerUser=1)])

    def rests():
        child = start_as(1, """
client.connection.call(NAME, MANAGER_PATH, MANAGER, "Reload", None, None,
                       Gio.DBusCallFlags.NONE, 60000, None, None)
client.connection.flush_sync(None)
sys.stdin.readline()
""", bus)
        wait.until(holder.holds, "the emulator is asked")
        child.kill()
        child.wait()
        if not rests_while_held(service, holder):
            return False
        # the one place of this uid is free
        assert run_as(1, "print(vms.prepare('mine')['name'])", bus) == ["ovmf"]
        return holder.holds()

    with holder:
        assert any(rests() for _ in range(5)), "it had nothing to wait for"
    polkit.close()
