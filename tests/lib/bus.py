# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private bus and connections to it: dbus-daemon, or what VMFIRMWARE_TEST_BUS says."""

import os
import shutil
import subprocess
import tempfile

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib

from . import broker

# Every uid may connect and talk, as on a real system bus after our policy file.
CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>{kind}</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="false"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class PrivateBus:
    def __init__(self, kind="system", config=CONFIG):
        self.directory = tempfile.mkdtemp(prefix="vmfirmware-bus-")
        os.chmod(self.directory, 0o755)
        config_file = os.path.join(self.directory, "bus.conf")
        socket = os.path.join(self.directory, "socket")
        with open(config_file, "w", encoding="utf-8") as file:
            file.write(config.format(kind=kind, socket=socket))
        self.is_broker = os.environ.get("VMFIRMWARE_TEST_BUS") == "dbus-broker"
        if self.is_broker:
            self.process, self.address, self.journal = broker.start(
                self.directory, kind, config_file, socket)
            return
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(
            ["dbus-daemon", "--nofork", "--nopidfile", "--nosyslog",
             f"--config-file={config_file}", f"--print-address={write_end}"],
            pass_fds=[write_end], stdin=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end, encoding="utf-8") as pipe:
            self.address = pipe.readline().strip()
        if not self.address:
            self.close()
            raise RuntimeError("dbus-daemon did not start")

    def connect(self):
        flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
                 | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
        connection = Gio.DBusConnection.new_for_address_sync(self.address, flags, None, None)
        connection.set_exit_on_close(False)
        return connection

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def has_owner(connection, name):
    reply = connection.call_sync(
        "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
        GLib.Variant("(s)", (name,)), GLib.VariantType("(b)"), Gio.DBusCallFlags.NONE, 10000, None)
    return reply.unpack()[0]
