# SPDX-License-Identifier: LGPL-2.1-or-later
"""An org.freedesktop.PolicyKit1 that answers as a test wants."""

import contextlib
import threading

from gi.repository import Gio, GLib

XML = """<node><interface name="org.freedesktop.PolicyKit1.Authority">
<method name="CheckAuthorization"><arg type="(sa{sv})" direction="in"/>
<arg type="s" direction="in"/><arg type="a{ss}" direction="in"/><arg type="u" direction="in"/>
<arg type="s" direction="in"/><arg type="(bba{ss})" direction="out"/></method>
<method name="CancelCheckAuthorization"><arg type="s" direction="in"/></method></interface></node>"""
YES, NO, CHALLENGE, NEVER = (True, False), (False, False), (False, True), None


class FakePolkit:
    """`answers` maps an action to YES, NO, CHALLENGE or NEVER; `asked` is (action, flags) each."""

    def __init__(self, bus, answers=None):
        self.answers = {"org.vmfirmware1.manage-own-vms": YES,
                        "org.vmfirmware1.manage-all-vms": NO, **(answers or {})}
        self.asked, self.subjects, self.waiting = [], [], []
        self.context = GLib.MainContext.new()
        self.loop = GLib.MainLoop.new(self.context, False)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(bus,), daemon=True)
        self.thread.start()
        assert self.ready.wait(60)

    def run(self, bus):
        self.context.push_thread_default()
        self.connection = bus.connect()
        interface = Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0]
        self.connection.register_object("/org/freedesktop/PolicyKit1/Authority", interface,
                                        self.called, None, None)
        self.connection.call_sync(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
            GLib.Variant("(su)", ("org.freedesktop.PolicyKit1", 0)), None,
            Gio.DBusCallFlags.NONE, 10000, None)
        self.ready.set()
        self.loop.run()
        self.context.pop_thread_default()

    def called(self, _connection, _sender, _path, _interface, method, arguments, invocation):
        if method == "CancelCheckAuthorization":
            self.cancel(arguments.unpack()[0], invocation)
            return
        subject, action, _details, flags, _cancel = arguments.unpack()
        self.asked.append((action, flags))
        self.subjects.append(subject)
        answer = self.answers.get(action, NO)
        if answer is NEVER:
            self.waiting.append(invocation)
        else:
            self.reply(invocation, answer)

    def cancel(self, cancellation_id, invocation):
        for question in list(self.waiting):
            if question.get_parameters().unpack()[-1] == cancellation_id:
                # unless the test's thread answers it meanwhile
                with contextlib.suppress(ValueError):
                    self.waiting.remove(question)
                    question.return_dbus_error("org.freedesktop.PolicyKit1.Error.Cancelled", "")
        invocation.return_value(None)

    @staticmethod
    def reply(invocation, answer):
        invocation.return_value(GLib.Variant("((bba{ss}))", ((*answer, {}),)))

    def release(self, answer=YES):
        """Answer all that wait."""
        while self.waiting:
            self.reply(self.waiting.pop(0), answer)

    def close(self):
        self.loop.quit()
        self.thread.join(60)
        self.connection.close_sync(None)
