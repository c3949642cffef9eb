# SPDX-License-Identifier: LGPL-2.1-or-later
"""A real QEMU, and its QMP."""

import functools
import json
import os
import re
import socket
import subprocess
import tempfile


class QemuFailed(Exception):
    """QEMU exited; text is what it wrote to stderr."""

    def __init__(self, status, text):
        super().__init__(f"QEMU exited with {status}: {text}")
        self.status = status
        self.text = text


class QMPError(Exception):
    pass


@functools.cache
def version(architecture):
    """(major, minor) of the installed emulator."""
    told = subprocess.run([f"qemu-system-{architecture}", "--version"], capture_output=True,
                          text=True, check=True).stdout
    return tuple(int(number) for number in re.search(r"version (\d+)\.(\d+)", told).groups())


@functools.cache
def machines(architecture):
    """{name: alias, or None} of all machines of the installed emulator."""
    with Qemu(architecture, ["-machine", "none"]) as qemu:
        return {machine["name"]: machine.get("alias")
                for machine in qemu.execute("query-machines")}


def canonical(architecture, alias):
    """What the installed emulator calls a machine, or None where it has no other name for it."""
    return next((name for name, its_alias in machines(architecture).items() if its_alias == alias),
                None)


def no_audio(architecture):
    """Boards with audio chips: 8.2 and later want to be told, and 7.2 does not know the words."""
    return ["-audio", "none"] if version(architecture) >= (8, 2) else []


class Qemu:
    """Starts stopped (-S) unless run is true. The monitor is a socket pair, so no path can fail.

    A greeting is no success: QEMU tells board errors after it, so a command is sent first.
    """

    def __init__(self, architecture, arguments, *, run=False, extra=(), seconds=120,
                 pass_fds=()):
        ours, theirs = socket.socketpair()
        ours.settimeout(seconds)
        self.stderr = tempfile.TemporaryFile()
        command = [f"qemu-system-{architecture}", *arguments, *extra, *no_audio(architecture),
                   "-display", "none", "-nodefaults", "-no-user-config",
                   "-chardev", f"socket,id=test-monitor,fd={theirs.fileno()}",
                   "-mon", "chardev=test-monitor,mode=control"]
        if not run:
            command.append("-S")
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno(), *pass_fds],
                                        stdin=subprocess.DEVNULL, stdout=self.stderr,
                                        stderr=self.stderr,
                                        env=dict(os.environ, QEMU_AUDIO_DRV="none"))
        theirs.close()
        self.socket = ours
        self.lines = ours.makefile("r", encoding="utf-8")
        try:
            self.read_message()
            self.execute("qmp_capabilities")
            self.execute("query-status")
        except BaseException:
            self.close()
            raise

    def error_text(self):
        self.stderr.seek(0, os.SEEK_SET)
        return self.stderr.read().decode(errors="backslashreplace")

    def read_message(self):
        try:
            line = self.lines.readline()
        except ConnectionError:
            line = ""
        if not line:
            status = self.process.wait(120)
            raise QemuFailed(status, self.error_text())
        return json.loads(line)

    def execute(self, command, **arguments):
        request = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            status = self.process.wait(120)
            raise QemuFailed(status, self.error_text()) from None
        while True:
            message = self.read_message()
            if "return" in message:
                return message["return"]
            if "error" in message:
                raise QMPError(f"{command} {arguments}: {message['error']}")

    def get(self, path, name):
        return self.execute("qom-get", path=path, property=name)

    def children(self, path):
        """{name: type} of the QOM properties of one object."""
        return {item["name"]: item["type"] for item in self.execute("qom-list", path=path)}

    def monitor(self, line):
        return self.execute("human-monitor-command", **{"command-line": line})

    def machine_type(self):
        return self.get("/machine", "type").removesuffix("-machine")

    def close(self):
        self.lines.close()
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
