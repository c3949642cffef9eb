# SPDX-License-Identifier: LGPL-2.1-or-later
"""An authentication agent for the process that it is in: it types what it is given."""

import os
import pwd
import subprocess
import threading
from pathlib import Path

from gi.repository import Gio, GLib

HELPER = "/usr/lib/polkit-1/polkit-agent-helper-1"
PATH = "/org/vmfirmware1/tests/Agent"
XML = """<node><interface name="org.freedesktop.PolicyKit1.AuthenticationAgent">
<method name="BeginAuthentication"><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="a{ss}" direction="in"/><arg type="s" direction="in"/>
<arg type="a(sa{sv})" direction="in"/></method>
<method name="CancelAuthentication"><arg type="s" direction="in"/></method></interface></node>"""


def own_subject():
    """(unix-process, {pid, start-time, uid}); the time is the 22nd word of stat."""
    words = Path("/proc/self/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return ("unix-process", {"pid": GLib.Variant("u", os.getpid()),
                             "start-time": GLib.Variant("t", int(words[19])),
                             "uid": GLib.Variant("i", os.getuid())})


class PolkitAgent:
    """`messages` are those that a person has seen; `administrators` those whom one could choose."""

    def __init__(self, connect, user, password):
        self.user, self.password = user, password
        self.messages, self.administrators = [], []
        self.context = GLib.MainContext.new()
        self.loop = GLib.MainLoop.new(self.context, False)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=(connect,), daemon=True)
        self.thread.start()
        assert self.ready.wait(30)

    def serve(self, connect):
        self.context.push_thread_default()
        self.connection = connect()
        self.connection.register_object(PATH, Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0],
                                        self.called, None, None)
        self.connection.call_sync(
            "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
            "org.freedesktop.PolicyKit1.Authority", "RegisterAuthenticationAgent",
            GLib.Variant("((sa{sv})ss)", (own_subject(), "C", PATH)), None,
            Gio.DBusCallFlags.NONE, 30000, None)
        self.ready.set()
        self.loop.run()
        self.context.pop_thread_default()

    def called(self, _connection, _sender, _path, _interface, method, arguments, invocation):
        if method == "BeginAuthentication":
            _action, message, _icon, _details, cookie, identities = arguments.unpack()
            self.messages.append(message)
            self.administrators = [pwd.getpwuid(identity["uid"]).pw_name
                                   for kind, identity in identities if kind == "unix-user"]
            self.authenticate(cookie)
        invocation.return_value(None)

    def authenticate(self, cookie):
        """The helper tells polkitd how it went."""
        subprocess.run([HELPER, self.user], input=f"{cookie}\n{self.password}\n", text=True,
                       stdout=subprocess.DEVNULL, check=False, timeout=60)

    def close(self):
        self.loop.quit()
        self.thread.join(30)
        self.connection.close_sync(None)
