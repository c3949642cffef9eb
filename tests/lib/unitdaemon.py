# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pytest plugin that runs the tests of `tests/bus` against the unit, on the system's own bus.

The daemon that a test starts is the installed one, in the sandbox of its unit: a drop-in gives it
the test's arguments, and the one directory that the test wants its state in. To be loaded by -p.
"""

import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

from . import bus, daemon, paths, service, wait
from .agent import ADDRESSES

UNIT = "vmfirmwared.service"
DROP_IN = Path(f"/run/systemd/system/{UNIT}.d/test.conf")
MACHINES = "/usr/share/vmfirmwared/machines"


def systemctl(*words, check=True):
    return subprocess.run(["systemctl", *words], stdin=subprocess.DEVNULL, text=True, check=check,
                          capture_output=True).stdout.strip()


def show(name):
    return systemctl("show", f"--property={name}", "--value", UNIT)


class SystemBus(bus.PrivateBus):
    def __init__(self):
        self.address = ADDRESSES["system"]

    def close(self):
        pass


class UnitDaemon(daemon.Daemon):
    def __init__(self, system_bus, directory, *, search_path=None, path=None, arguments=(),
                 machines=None):
        self.bus = system_bus
        self.connection = system_bus.connect()
        state = f"{directory}/state"
        command = ["/usr/libexec/vmfirmwared", f"--state-directory={state}",
                   "--machines=" + ":".join(str(table) for table in machines or [MACHINES])]
        if search_path is not None:
            command.append("--search-path=" + ":".join(str(layer) for layer in search_path))
        command += arguments
        os.makedirs(state, exist_ok=True)
        shutil.chown(state, "vmfirmwared", "vmfirmwared")
        DROP_IN.parent.mkdir(parents=True, exist_ok=True)
        words = " ".join('"' + word.replace("\\", r"\\").replace('"', r'\"').replace("%", "%%")
                         .replace("$", "$$") + '"' for word in command)
        variables = "" if path is None else f'Environment="PATH={path}"\n'
        DROP_IN.write_text(
            "[Unit]\nStartLimitIntervalSec=0\n"
            f"[Service]\nRestart=no\nExecStart=\nExecStart={words}\n"
            f"ReadWritePaths={state}\n{variables}",
            encoding="utf-8")
        systemctl("daemon-reload")
        systemctl("start", UNIT, check=False)
        self.invocation = show("InvocationID")
        self.process = SimpleNamespace(
            pid=int(show("MainPID")), poll=self.poll, wait=self.wait, kill=self.kill,
            send_signal=lambda number: os.kill(self.process.pid, number))

    def stderr(self):
        return subprocess.run(
            ["journalctl", "--no-pager", "--output=cat",
             f"_SYSTEMD_INVOCATION_ID={self.invocation}"],
            stdout=subprocess.PIPE, text=True, check=False).stdout

    def poll(self):
        state = show("ActiveState")
        if state in ("active", "activating", "deactivating", "reloading"):
            return None
        return int(show("ExecMainStatus"))

    def wait(self, seconds=120):
        wait.until(lambda: self.poll() is not None, "the unit has ended", seconds)
        return self.poll()

    def wait_exit(self, seconds=120):
        return self.wait(seconds)

    def kill(self):
        if self.poll() is None:
            systemctl("kill", "--signal=KILL", UNIT, check=False)
            self.wait()


bus.PrivateBus = SystemBus
service.Daemon = UnitDaemon
paths.daemon_binary = lambda: "/usr/libexec/vmfirmwared"
