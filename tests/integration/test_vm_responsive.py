# SPDX-License-Identifier: LGPL-2.1-or-later
"""File work is done beside the event loop, and no uid can keep another from being served."""

import os

import pytest
from gi.repository import Gio

from lib import descriptors, images, wait
from lib.bus import has_owner
from lib.client import MANAGER, MANAGER_PATH, NAME, Client, GLib, requirements
from lib.fakepolkit import NEVER, YES, FakePolkit
from lib.vms import NOBODY, OTHER, OWNER, VMs, run_as, start_as

SIZE = 64 * images.MIB
LIMITS = "org.freedesktop.DBus.Error.LimitsExceeded"
OWN_VMS = "org.vmfirmware1.manage-own-vms"
N_FLOOD, N_FDS, N_ADMITTED = 100, 16, 16
FLOOD = f"""
from lib import wait
results = []
def done(connection, result):
    try:
        connection.call_with_unix_fd_list_finish(result)
        results.append('made')
    except GLib.Error as error:
        results.append(Gio.DBusError.get_remote_error(error))
for number in range({N_FLOOD}):
    fds = Gio.UnixFDList.new()
    for _ in range({N_FDS}):
        fds.append(0)
    client.connection.call_with_unix_fd_list(
        NAME, MANAGER_PATH, MANAGER, 'PrepareVM', GLib.Variant('(sssa{{sv}})', (
            f'vm {{number}}', 'x86_64', 'q35', {{}})), None, Gio.DBusCallFlags.NONE, 60000, fds,
        None, done)
wait.until(lambda: len(results) >= {N_FLOOD - N_ADMITTED}, 'the rest is refused')
print(*results, flush=True)
wait.until(lambda: len(results) == {N_FLOOD}, 'all are answered')
print(*results, flush=True)
"""


@pytest.fixture
def bus(own_bus):
    return own_bus


class Sequence:
    """Calls of one connection, whose answers come in the order in which they were sent back."""

    def __init__(self, connection):
        self.connection = connection
        self.answers = []

    def call(self, word, method, arguments):
        def done(connection, result):
            connection.call_finish(result)
            self.answers.append(word)

        self.connection.call(NAME, MANAGER_PATH, MANAGER, method, arguments, None,
                             Gio.DBusCallFlags.NONE, 120000, None, done)

    def create(self, owner):
        options = {"owner": GLib.Variant("u", owner)}
        self.call("created", "PrepareVM", GLib.Variant(
            "(sssa{sv})", (f"vm of {owner}", "aarch64", "virt", options)))

    def select(self):
        self.call("selected", "Select", GLib.Variant(
            "(ssa{sv})", ("aarch64", "virt", requirements({}))))


def big_firmware(service):
    code = service.raw("code.fd", SIZE, b"code")
    template = service.images / "vars.fd"
    block = os.urandom(images.MIB)
    with open(template, "wb") as file:
        for number in range(64):
            file.write(number.to_bytes(8, "big") + block[8:])
    service.vendor.write("big", descriptors.flash(
        code, template, targets=[descriptors.target("aarch64", "virt-*")]))
    return template


@pytest.mark.parametrize("n_owners", [1, 4])
def test_select_is_answered_while_64_mib_are_created(service, n_owners):
    """An event loop that waited for a creation would answer no Select that came after it before.

    The service finds all calls there when it goes on, so nobody else's speed matters.
    """
    template = big_firmware(service)
    vms = VMs(service.start())
    sequence = Sequence(vms.client.connection)
    with service.daemon.frozen():
        for number in range(n_owners):
            sequence.create(3001 + number)
        for _ in range(30):
            sequence.select()
        # the bus has passed on what came before this
        has_owner(sequence.connection, NAME)
    wait.until(lambda: len(sequence.answers) == n_owners + 30, "all are answered", 120)
    assert sequence.answers.index("created") >= 20, sequence.answers
    for number in range(n_owners):
        nvram = service.state / "vms" / str(3001 + number) / f"vm of {3001 + number}" / "nvram.raw"
        assert nvram.read_bytes() == template.read_bytes()


def test_caller_that_goes_away_costs_nothing(bus, service):
    big_firmware(service)
    vms = VMs(service.start())
    sequence = Sequence(bus.connect())
    for number in range(4):
        sequence.create(3001 + number)
    sequence.connection.flush_sync(None)
    # on the same connection, so that the service has all of them before it answers
    Client(sequence.connection).ping()
    sequence.connection.close_sync(None)
    # What was begun is whole or is not there.
    wait.until(lambda: len(vms.list(all=True)) == 4, "what was asked for is done")
    assert {entry[3] for entry in vms.list(all=True)} == {"ready"}
    assert not list(service.state.rglob(".new-*"))


def test_flood_of_one_uid_leaves_others_served(bus, service):
    service.ovmf()
    polkit = FakePolkit(bus, {OWN_VMS: NEVER})
    vms = VMs(service.start())
    flood = start_as(OWNER, FLOOD, bus)
    try:
        refused = flood.stdout.readline().split()
        assert refused == [LIMITS] * (N_FLOOD - N_ADMITTED)
        wait.until(lambda: len(polkit.waiting) == N_ADMITTED, "polkit is asked about the others")
        # From now on polkit says yes, but those that wait still wait.
        polkit.answers[OWN_VMS] = YES
        made = "print(vms.prepare('mine')['nvram']['created'])"
        assert run_as(OTHER, made, bus) == ["True"]
        assert run_as(OWNER, made, bus)[0] == LIMITS
        assert run_as(NOBODY, "print(client.select_name('x86_64', 'q35'))", bus) == ["ovmf"]
        assert run_as(OWNER, "print(client.select_name('x86_64', 'q35'))", bus) == ["ovmf"]
        assert vms.prepare("root's")["nvram"]["created"]
        assert not list(service.state.glob(f"vms/{OWNER}/*"))
        polkit.release()
        answers = flood.stdout.readline().split()
        assert sorted(answers) == sorted(refused + ["made"] * N_ADMITTED)
        assert len(vms.list(owner=OWNER)) == N_ADMITTED
        # The calls are over: he may call again.
        assert run_as(OWNER, made, bus) == ["True"]
    finally:
        flood.kill()
        flood.wait()
        polkit.release()
        polkit.close()
