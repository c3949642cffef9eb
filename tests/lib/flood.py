# SPDX-License-Identifier: LGPL-2.1-or-later
"""A process of another uid that sends method calls as fast as the bus takes them."""

import os
import subprocess
import sys

from gi.repository import Gio, GLib

from .client import NAME

# Without GLib, which is too slow for it. The bus does not mind that all messages have one serial.
PROGRAM = """
import array, errno, os, socket, sys, time

address, fds, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
message = sys.stdin.buffer.read()
connection = socket.socket(socket.AF_UNIX)
connection.connect(address)
connection.sendall(b"\\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\\r\\n")
assert connection.recv(1000).startswith(b"OK ")
connection.sendall(b"NEGOTIATE_UNIX_FD\\r\\n")
assert connection.recv(1000).startswith(b"AGREE_UNIX_FD")
connection.sendall(b"BEGIN\\r\\n")
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0] * fds))] if fds else []
hello, _, call = message.partition(b"--")
connection.sendall(hello)
connection.recv(1000)
end = time.monotonic() + seconds
n = 0
while n == 0 or time.monotonic() < end:
    try:
        sent = connection.sendmsg([call], rights)
    except OSError as error:
        # more descriptors of this uid are on their way than it may have open
        if error.errno != errno.ETOOMANYREFS:
            raise
        time.sleep(0.001)
        continue
    connection.sendall(call[sent:])
    n += 1
print(n, flush=True)
"""


def blob(destination, path, interface, member, body=None, fds=0):
    message = Gio.DBusMessage.new_method_call(destination, path, interface, member)
    if body is not None:
        message.set_body(body)
    if destination == NAME:
        message.set_flags(Gio.DBusMessageFlags.NO_REPLY_EXPECTED)
    if fds:
        message.set_unix_fd_list(Gio.UnixFDList.new_from_array([os.dup(0) for _ in range(fds)]))
    message.set_serial(1)
    return message.to_blob(Gio.DBusCapabilityFlags.UNIX_FD_PASSING)


def body(signatures, string):
    """The arguments of a method of the contract; each string is STRING."""
    options = {"firmware": GLib.Variant("s", string)}
    values = {"s": string, "v": GLib.Variant("s", string), "h": 0, "u": 0,
              "a{sv}": options, "aa{sv}": [options]}
    if not signatures:
        return None
    return GLib.Variant(f"({''.join(signatures)})", tuple(values[each] for each in signatures))


class Flood:
    """Ends by itself; `wait()` has the number of calls that the bus has taken. Without a uid, it is
    that of this process."""

    def __init__(self, bus, uid, path, interface, member, body=None, fds=0, seconds=1):
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, bus.address.removeprefix("unix:path=").split(",")[0],
             str(fds), str(seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/",
            **({} if uid is None else {"user": uid, "group": uid, "extra_groups": []}))
        self.process.stdin.write(blob(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
            + b"--" + blob(NAME, path, interface, member, body, fds))
        self.process.stdin.close()

    def wait(self):
        n = self.process.stdout.read()
        assert self.process.wait(120) == 0
        return int(n)

    def kill(self):
        self.process.kill()
        self.process.wait()


def highest_memory(pid):
    """In MiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) // 1024


def is_sanitized(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        return "libasan" in file.read()
