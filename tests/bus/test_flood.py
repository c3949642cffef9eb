# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users without any right who call as fast as they can: the service lives, and serves others."""

import pytest
from gi.repository import GLib

from lib.client import MANAGER, MANAGER_PATH, PROPERTIES, DBusError
from lib.flood import Flood, highest_memory, is_sanitized
from lib.vms import LIMITS, run_as, start_as

PEER, OBJECT_MANAGER = "org.freedesktop.DBus.Peer", "org.freedesktop.DBus.ObjectManager"
ATTACKERS = (1, 2, 3)
VICTIM = 6
MEBIBYTE = "x" * 1024 * 1024

# one for each attacker, all at once: (path, interface, member, body)
PING = (MANAGER_PATH, PEER, "Ping", None)
GET_VM = (MANAGER_PATH, MANAGER, "GetVM", GLib.Variant("(sa{sv})", ("x", {})))
LIST = (MANAGER_PATH, MANAGER, "ListVMs", GLib.Variant("(a{sv})", ({"all": GLib.Variant(
    "b", True)},)))
PREPARE = (MANAGER_PATH, MANAGER, "PrepareVM", GLib.Variant("(sssa{sv})", (
    "x", "x86_64", "q35", {})))
MANAGED = ("/org/vmfirmware1/firmware", OBJECT_MANAGER, "GetManagedObjects", None)
LONG_ID = (MANAGER_PATH, MANAGER, "GetVM", GLib.Variant("(sa{sv})", (MEBIBYTE, {})))
LONG_NAME = (MANAGER_PATH, MANAGER, "GetFirmware", GLib.Variant("(s)", (MEBIBYTE,)))
LONG_OPTION = (MANAGER_PATH, MANAGER, "Select", GLib.Variant("(ssa{sv})", (
    "x86_64", "q35", {"firmware": GLib.Variant("s", MEBIBYTE)})))


@pytest.fixture
def bus(own_bus):
    return own_bus


@pytest.mark.parametrize("calls,fds", [
    ((PING, GET_VM, LIST), 0), ((PING, GET_VM, PREPARE), 16), ((MANAGED, PREPARE, GET_VM), 0),
    ((LONG_ID, LONG_NAME, LONG_OPTION), 0)])
def test_service_survives_and_serves_others(bus, service, calls, fds):
    service.ovmf()
    service.start()
    floods = [Flood(bus, uid, *call, fds=fds) for uid, call in zip(ATTACKERS, calls)]
    try:
        assert all(flood.wait() > 0 for flood in floods)
    finally:
        for flood in floods:
            flood.kill()
    assert run_as(VICTIM, "print(client.select_name('x86_64', 'q35'))", bus) == ["ovmf"]
    assert service.daemon.process.poll() is None
    if not is_sanitized(service.daemon.process.pid):
        assert highest_memory(service.daemon.process.pid) < 96


def test_new_sender_is_served_during_a_flood(bus, service):
    """Also on dbus-broker, which delivers what it is asked behind all that is queued already."""
    service.ovmf()
    service.start()
    with service.daemon.frozen():
        for flood in [Flood(bus, uid, *PING, seconds=2) for uid in ATTACKERS]:
            flood.wait()
        floods = [Flood(bus, uid, *PING, seconds=600) for uid in ATTACKERS]
    try:
        assert run_as(VICTIM, "print(client.select_name('x86_64', 'q35'))", bus) == ["ovmf"]
        assert [flood.process.poll() for flood in floods] == [None] * len(ATTACKERS)
    finally:
        for flood in floods:
            flood.kill()


BURST = """
answers = []
def done(connection, result):
    try:
        connection.call_finish(result)
        answers.append('ok')
    except GLib.Error as error:
        answers.append(Gio.DBusError.get_remote_error(error))
client.ping()
print('ready', flush=True)
sys.stdin.readline()
for _ in range(100):
    client.connection.call(NAME, MANAGER_PATH, MANAGER, 'ListFirmware', None, None,
                           Gio.DBusCallFlags.NONE, 60000, None, done)
client.connection.flush_sync(None)
print('sent', flush=True)
while len(answers) < 100:
    GLib.MainContext.default().iteration(True)
print(answers.count('ok'), *{*answers} - {'ok'}, flush=True)
"""


def test_burst_takes_the_places_of_its_uid_alone(bus, service):
    service.ovmf()
    service.start()
    burst = start_as(1, BURST, bus)
    assert burst.stdout.readline() == "ready\n"
    with service.daemon.frozen():
        burst.stdin.write("\n")
        burst.stdin.flush()
        assert burst.stdout.readline() == "sent\n"
        other = start_as(VICTIM, """
print('ready', flush=True)
print(client.names())
""", bus)
        assert other.stdout.readline() == "ready\n"
    assert other.communicate(timeout=120)[0] == "['ovmf']\n"
    out, _ = burst.communicate(timeout=120)
    served, *errors = out.split()
    assert 32 <= int(served) <= 100 and set(errors) <= {LIMITS}
    if not bus.is_broker:
        # dbus-broker hands over a few at a time, and places become free in between
        assert int(served) < 64


def test_arguments_have_a_length(service):
    service.ovmf()
    client = service.start()
    for path, interface, method, body in (
            LONG_ID, LONG_NAME, (MANAGER_PATH, PROPERTIES, "GetAll", GLib.Variant(
                "(s)", (MEBIBYTE,)))):
        with pytest.raises(DBusError) as caught:
            client.call(path, interface, method, body)
        assert caught.value.name.endswith(".InvalidArgs") and len(caught.value.text) < 200


def test_paths_have_a_length(service):
    service.ovmf()
    client = service.start()
    for path in ("/a" * 30000, MANAGER_PATH + "/vm/1/" + "x" * 30000):
        with pytest.raises(DBusError) as caught:
            client.call(path, PROPERTIES, "GetAll", GLib.Variant("(s)", ("",)))
        assert caught.value.name.endswith(".UnknownObject") and len(caught.value.text) < 200
