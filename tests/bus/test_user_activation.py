# SPDX-License-Identifier: LGPL-2.1-or-later
"""vmfirmwared --user, started by D-Bus activation on a session bus, with the user's own layer."""

import os
import shutil

import pytest
from gi.repository import Gio, GLib

from lib import descriptors, images, paths, wait
from lib.bus import CONFIG, PrivateBus, has_owner
from lib.client import NAME, Client, Signals
from lib.descriptors import Layer
from lib.live import everything
from lib.mirror import Mirror
from lib.vms import VMs

ACTIVATION = """[D-BUS Service]
Name=org.vmfirmware1
Exec={binary} --user --machines={machines}
"""
BUS = "org.freedesktop.DBus"


class Session:
    """A session bus whose only service is not started yet, and a home directory."""

    def __init__(self, directory):
        self.config_home, self.state_home = directory / "config", directory / "state"
        services = directory / "services"
        services.mkdir()
        (services / "org.vmfirmware1.service").write_text(ACTIVATION.format(
            binary=paths.daemon_binary(), machines=paths.machines_directory()))
        self.bus = PrivateBus("session", CONFIG.replace(
            "<auth>", f"<servicedir>{services}</servicedir>\n  <auth>"))
        self.connection = self.bus.connect()
        self.call("UpdateActivationEnvironment", "(a{ss})", {
            "XDG_CONFIG_HOME": str(self.config_home), "XDG_STATE_HOME": str(self.state_home),
            "PATH": "/nonexistent"})
        self.user_layer = self.config_home / "qemu" / "firmware"

    def call(self, method, signature, *arguments):
        return self.connection.call_sync(
            BUS, "/org/freedesktop/DBus", BUS, method, GLib.Variant(signature, arguments), None,
            Gio.DBusCallFlags.NONE, 60000, None).unpack()

    def is_running(self):
        return has_owner(self.connection, NAME)

    def pid(self):
        return self.call("GetConnectionUnixProcessID", "(s)", NAME)[0]

    def close(self):
        if self.is_running():
            process = os.pidfd_open(self.pid())
            os.kill(self.pid(), 15)
            wait.until(lambda: not self.is_running(), "it ends")
            os.close(process)
        self.connection.close_sync(None)
        self.bus.close()


@pytest.fixture
def session(tmp_path):
    made = Session(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(session):
    """Started by the first call that needs it."""
    assert not session.is_running()
    session.connection.call_sync(
        NAME, "/org/vmfirmware1", "org.vmfirmware1.Manager", "ListFirmware", None, None,
        Gio.DBusCallFlags.NONE, 60000, None)
    assert session.is_running()
    return Client(session.connection)


def test_search_path_ends_with_the_users_own_layer(session, client):
    assert client.manager_property("SearchPath")[1:] == [
        "/usr/share/qemu/firmware", "/etc/qemu/firmware", str(session.user_layer)]
    assert client.manager_property("StateDirectory") == str(session.state_home / "vmfirmwared")


def test_users_layer_appears_later_and_goes(session, client, tmp_path):
    mirror = Mirror(client, Signals(client))
    before = everything(client)
    image = images.raw(str(tmp_path / "bios.bin"), 65536)
    for _ in range(2):
        Layer(session.user_layer).write("00-mine", descriptors.by_filename("memory", image))
        wait.until(lambda: "00-mine" in mirror.states(), "the user's firmware is there")
        assert client.firmware("00-mine")["Layer"] == "user"
        assert client.select_name("x86_64", "pc") == "00-mine"
        mirror.check()
        shutil.rmtree(session.config_home)
        wait.until(lambda: "00-mine" not in mirror.states(), "the user's firmware is gone")
        mirror.check()
    assert everything(client) == before


def test_user_masks_what_the_system_has(session, client):
    mirror = Mirror(client, Signals(client))
    name = "50-edk2-x86_64-secure"
    assert client.state(name) == "usable"
    os.symlink("/dev/null", Layer(session.user_layer).file(name))
    wait.until(lambda: name not in mirror.states(), "the system's firmware is masked")
    os.unlink(Layer(session.user_layer).file(name))
    wait.until(lambda: name in mirror.states(), "the system's firmware is back")
    mirror.check()


def test_state_is_kept_in_his_state_home(session, client):
    vm = VMs(client).make(firmware="40-edk2-x86_64-secure-enrolled")
    assert vm.nvram().startswith(str(session.state_home / "vmfirmwared" / "vms"))
    assert os.stat(vm.nvram()).st_uid == os.getuid()


def test_it_is_started_again_after_it_ended(session, client):
    first = session.pid()
    vm = VMs(client).make(firmware="40-edk2-x86_64-secure-enrolled")
    os.kill(first, 15)
    wait.until(lambda: not session.is_running(), "it ends")
    session.call("StartServiceByName", "(su)", NAME, 0)
    assert session.pid() != first
    assert vm.get("State") == "ready"
