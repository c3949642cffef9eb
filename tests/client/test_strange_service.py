# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service that answers as no service should: another version, or that of a host not trusted."""

import os
import pty
import subprocess
import threading

import pytest
from gi.repository import Gio, GLib

from lib import wait
from lib.bus import has_owner
from lib.client import FIRMWARE, FIRMWARE_PATH, NAME

XML = """<node><interface name="org.vmfirmware1.Manager">
<method name="Select"><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="a{sv}" direction="in"/><arg type="o" direction="out"/><arg type="a{sv}" direction="out"/>
</method><method name="PrepareVM"><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="a{sv}" direction="in"/><arg type="o" direction="out"/>
<arg type="a{sv}" direction="out"/></method>
</interface><interface name="org.freedesktop.DBus.ObjectManager">
<method name="GetManagedObjects"><arg type="a{oa{sa{sv}}}" direction="out"/></method>
</interface></node>"""


@pytest.fixture
def answer(bus):
    """answer(properties): of a resolution, and of the one firmware that there is."""
    properties = {}
    context = GLib.MainContext.new()
    loop = GLib.MainLoop.new(context, False)
    ready = threading.Event()

    def called(_connection, _sender, _path, _interface, method, _arguments, invocation):
        fds = Gio.UnixFDList.new()
        if method == "GetManagedObjects":
            reply = GLib.Variant("(a{oa{sa{sv}}})", ({"/x": {FIRMWARE: properties}},))
        else:
            reply = GLib.Variant("(oa{sv})", ("/x", properties))
        if method == "PrepareVM":
            with open("/dev/null", "rb") as null:
                fds.append(null.fileno())
        invocation.return_value_with_unix_fd_list(reply, fds)

    def run():
        context.push_thread_default()
        connection = bus.connect()
        for interface, path in zip(Gio.DBusNodeInfo.new_for_xml(XML).interfaces,
                                   ("/org/vmfirmware1", FIRMWARE_PATH)):
            connection.register_object(path, interface, called, None, None)
        connection.call_sync(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
            GLib.Variant("(su)", (NAME, 0)), None, Gio.DBusCallFlags.NONE, 10000, None)
        ready.set()
        loop.run()
        connection.close_sync(None)
        context.pop_thread_default()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(60)
    yield properties.update
    loop.quit()
    thread.join()
    connection = bus.connect()
    wait.until(lambda: not has_owner(connection, NAME), "the name is free")
    connection.close_sync(None)


def test_xml_steers_no_terminal(answer, cli):
    xml = "<os>\n  \x1b[31m\x9b31m\n</os>\n"
    answer({"libvirt-xml": GLib.Variant("s", xml)})
    words = ["prepare", "a", "x86_64", "q35", "--render=libvirt"]
    assert cli(*words) == xml
    master, slave = pty.openpty()
    with open(master, encoding="utf-8", newline="") as terminal:
        assert cli.start(*words, stdout=slave).wait(60) == 0
        lines = [terminal.readline() for _ in range(3)]
        os.close(slave)
    assert lines == ["<os>\r\n", "  \\x1b[31m\\xc2\\x9b31m\r\n", "</os>\r\n"]


def test_shell_variables_are_nothing_but_that(answer, cli):
    """Keys stand where quotes do not help."""
    answer({"name": GLib.Variant("s", "it's $(touch pwned)\n`touch pwned`"),
            "x;touch pwned;y": GLib.Variant("s", "a"), "$(touch pwned)": GLib.Variant("s", "a"),
            "9": GLib.Variant("s", "a"), "": GLib.Variant("s", "a"),
            "path": GLib.Variant("s", "/pwned"), "prompt-command": GLib.Variant("as", ["pwned"]),
            "nvram": GLib.Variant("a{sv}", {"a\ntouch pwned\n": GLib.Variant("s", "a"),
                                            "format": GLib.Variant("s", "raw")})})
    printed = cli("select", "x86_64", "q35", "--render=shell")
    told = subprocess.run(
        ["bash", "-c", 'eval "$1"; printf "%s" "$NAME $NVRAM_FORMAT$PROMPT_COMMAND"; type -P ls',
         "-", printed], cwd=cli.directory, check=True, capture_output=True)
    assert told.stdout.startswith(b"it's $(touch pwned)\n`touch pwned` raw/") and not told.stderr
    assert "pwned" not in os.listdir(cli.directory)


def test_changes_steer_no_terminal(answer, cli):
    answer({"changed": GLib.Variant("as", ["\x1b[31mred\n"]),
            "qemu-arguments": GLib.Variant("as", []), "lease": GLib.Variant("h", 0)})
    status, _, errors = cli.raw("run", "vm", "x86_64", "q35", "--", "true")
    assert status == 0 and "\\x1b[31mred\\x0a;" in errors and errors.count("\n") == 1


@pytest.mark.parametrize("value", [
    GLib.Variant("u", 5), GLib.Variant("s", "word"), GLib.Variant("a(ii)", [(1, 2)]),
    GLib.Variant("as", ["word"]), GLib.Variant("at", [7]), GLib.Variant("a{sas}", {"a": ["b"]}),
    GLib.Variant("aav", [[GLib.Variant("s", "word")]]), GLib.Variant("(ss)", ("a", "b")),
], ids=GLib.Variant.get_type_string)
def test_types_that_are_new(answer, cli, value):
    answer({"name": GLib.Variant("s", "x"), "Name": GLib.Variant("s", "x"),
            **{key: value for key in ("Targets", "Features", "Problems", "targets", "new")}})
    assert "x" in cli("list")
    assert "new" in cli("select", "x86_64", "q35")
    assert cli.json("select", "x86_64", "q35")["name"] == "x"
