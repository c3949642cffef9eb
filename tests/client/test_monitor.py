# SPDX-License-Identifier: LGPL-2.1-or-later
"""monitor: what changes, as it changes."""

import json
from pathlib import Path

import pytest
from gi.repository import Gio, GLib

from lib.cli import FAILURE, without_version
from lib.client import MANAGER, MANAGER_PATH, NAME
from lib.vms import OTHER, VMs


BUS = "org.freedesktop.DBus"


class Monitor:
    def __init__(self, cli, *words):
        self.process = cli.start("monitor", *words)

    def line(self):
        return self.process.stdout.readline().decode().rstrip("\n")

    def json(self):
        return without_version(json.loads(self.line()))

    def close(self):
        self.process.terminate()
        assert self.process.communicate(timeout=30) == (b"", b"")


@pytest.fixture
def monitor(service, cli):
    service.ovmf("50-ovmf")
    service.start()
    started = []

    def start(*words):
        started.append(Monitor(cli, *words))
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_signals_of_others_are_none_of_the_service(service, bus, monitor):
    """Anybody may send a signal to anybody; the bus says who it was."""
    def names():
        return set(connection.call_sync(
            BUS, "/org/freedesktop/DBus", BUS, "ListNames", None, None, Gio.DBusCallFlags.NONE,
            10000, None).unpack()[0])

    connection = bus.connect()
    before = names()
    made = monitor()
    assert made.line() == "catalog 1 is in force"
    target, = {name for name in names() - before if name.startswith(":")}
    for path, interface, member, arguments in (
            (MANAGER_PATH, MANAGER, "CatalogChanged",
             GLib.Variant("(tasasas)", (7, ["forged"], [], []))),
            (MANAGER_PATH, MANAGER, "VMRemoved", GLib.Variant("(suo)", ("forged", 0, "/x"))),
            ("/org/vmfirmware1/vm/0/_ff", "org.freedesktop.DBus.Properties", "PropertiesChanged",
             GLib.Variant("(sa{sv}as)", ("org.vmfirmware1.VM", {}, []))),
            ("/org/freedesktop/DBus", BUS, "NameOwnerChanged",
             GLib.Variant("(sss)", (NAME, ":1.0", "")))):
        connection.emit_signal(target, path, interface, member, arguments)
    connection.flush_sync(None)
    connection.close_sync(None)

    service.stateless("60-new")
    assert made.line() == "catalog 2; added 60-new"
    service.restart()
    assert made.line() == "service stopped" and made.line() == "service started"
    service.stateless("70-newer")
    assert made.line() == "catalog 2; added 70-newer"


def test_lines(service, monitor):
    vms = VMs(service.client)
    made = monitor()
    assert made.line() == "catalog 1 is in force"

    # one change, one line: the service sees each by itself
    service.stateless("60-new")
    assert made.line() == "catalog 2; added 60-new"
    service.vendor.remove("60-new")
    assert made.line() == "catalog 3; removed 60-new"
    service.vendor.write("10-mask", b"")
    assert made.line() == "catalog 4; another answer may be due"
    descriptor = Path(service.vendor.file("50-ovmf")).read_text()
    service.vendor.write("50-ovmf", descriptor.replace("firmware for tests", "another"))
    assert made.line() == "catalog 5; changed 50-ovmf"

    vm = vms.make("manager:a vm", owner=OTHER, firmware="50-ovmf")
    assert made.line() == f"manager:a vm of uid {OTHER} added"
    vm.rebind(machine="pc")
    assert "machine pc" in made.line()
    vm.remove()
    assert made.line() == f"manager:a vm of uid {OTHER} removed"


def test_json(service, monitor):
    vms = VMs(service.client)
    made = monitor("--json=short")
    assert made.json() == {"event": "begin", "generation": 1}
    service.stateless("60-new")
    assert made.json() == {"event": "catalog-changed", "generation": 2, "added": ["60-new"],
                           "removed": [], "changed": []}
    vm = vms.make("a b", firmware="50-ovmf")
    told = {"id": "a b", "owner": 0, "object": vm.path}
    assert made.json() == {"event": "vm-added", **told}
    vm.rebind(machine="pc")
    changed = made.json()
    assert changed.pop("properties")["machine"] == "pc"
    assert changed == {"event": "vm-changed", **told}
    vm.remove()
    assert made.json() == {"event": "vm-removed", **told}


def test_service_that_comes_and_goes(service, monitor):
    made = monitor()
    text = monitor("--json=short")
    assert made.line() and text.line()
    service.restart()
    assert made.line() == "service stopped" and made.line() == "service started"
    assert text.json() == {"event": "service-stopped"}
    assert text.json() == {"event": "service-started"}


def test_what_cannot_be_written_ends_it(service, cli):
    service.ovmf("50-ovmf")
    service.start()
    with open("/dev/full", "wb") as full:
        process = cli.start("monitor", stdout=full)
        errors = process.communicate(timeout=30)[1].decode()
    assert process.returncode == FAILURE
    assert errors == "vmfirmwarectl: monitor: standard output: No space left on device\n"


def test_without_a_service(service, cli):
    assert "systemctl start" in cli.fails(FAILURE, "monitor")
