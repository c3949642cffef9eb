# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starting, watching and stopping vmfirmwared."""

import contextlib
import os
import signal
import subprocess
import threading

from . import bus, client, paths, still, wait

SANITIZER_MARKS = ("ERROR: AddressSanitizer", "LeakSanitizer", "runtime error:",
                   "UndefinedBehaviorSanitizer")
ADDRESS_VARIABLES = {"system": "DBUS_SYSTEM_BUS_ADDRESS", "user": "DBUS_SESSION_BUS_ADDRESS"}


class Daemon:
    def __init__(self, private_bus, directory, *, search_path=None, kind="system",
                 environment=None, path=None, arguments=(), machines=None, binary=None,
                 uid=None, wrapper=()):
        """UID runs a copy, because it may not be able to enter this checkout. WRAPPER: words of a
        command that becomes the daemon, which follow it; and UID."""
        self.bus = private_bus
        self.connection = private_bus.connect()
        self.stops, self.stops_lock = 0, threading.Lock()
        self.stderr_path = os.path.join(directory, f"stderr-{id(self):x}")
        tables = machines or [paths.machines_directory()]
        if binary is None:
            binary = paths.daemon_binary() if uid is None else paths.copy_daemon(directory)
        command = [binary, f"--{kind}",
                   "--machines=" + ":".join(str(table) for table in tables),
                   f"--state-directory={directory}/state"]
        if uid is not None:
            os.makedirs(f"{directory}/state", exist_ok=True)
            os.chown(f"{directory}/state", uid, uid)
        if search_path is not None:
            command.append("--search-path=" + ":".join(str(layer) for layer in search_path))
            # who wants the default layers wants the default configuration as well
            if kind == "system" and not any(word.startswith("--config=") for word in arguments):
                command.append(f"--config={paths.system_configuration()}")
        command = [*wrapper, *command, *arguments]
        variables = {key: value for key, value in os.environ.items()
                     if not key.startswith(("DBUS_", "XDG_", "NOTIFY_", "LISTEN_"))}
        variables[ADDRESS_VARIABLES[kind]] = private_bus.address
        if path is not None:
            variables["PATH"] = str(path)
        variables.update(environment or {})
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(
                command, env=variables, stderr=stderr, stdout=stderr, stdin=subprocess.DEVNULL,
                **({} if uid is None or wrapper else dict(user=uid, group=uid, extra_groups=[])))
        still.add(self)

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()

    def wait_ready(self, seconds=120):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(
                    f"vmfirmwared exited with {self.process.returncode}:\n{self.stderr()}")
            return bus.has_owner(self.connection, client.NAME)

        wait.until(ready, "vmfirmwared owns its name", seconds)
        return self

    def wait_exit(self, seconds=120):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"vmfirmwared still runs:\n{self.stderr()}") from None

    def children(self):
        """Process ids of the daemon's own children, those of its threads included."""
        found = []
        for thread in os.listdir(f"/proc/{self.process.pid}/task"):
            # a thread may end meanwhile; its children are then another's
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                    open(f"/proc/{self.process.pid}/task/{thread}/children",
                         encoding="ascii") as file:
                found += file.read().split()
        return found

    @contextlib.contextmanager
    def frozen(self):
        """It does not run meanwhile: what is done inside is one burst to it."""
        with self.stops_lock:
            self.stops += 1
            if self.stops == 1:
                self.send(signal.SIGSTOP)
                wait.pause_until(self.is_stopped, "vmfirmwared is stopped")
        try:
            yield
        finally:
            with self.stops_lock:
                self.stops -= 1
                if self.stops == 0:
                    self.send(signal.SIGCONT)

    def send(self, number):
        """To one that may have ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def is_stopped(self):
        """All of its threads; or it has ended."""
        tasks = f"/proc/{self.process.pid}/task"
        if self.process.poll() is not None:
            return True
        try:
            for thread in os.listdir(tasks):
                with open(f"{tasks}/{thread}/stat", encoding="ascii", errors="replace") as file:
                    if file.read().rpartition(")")[2].split()[0] not in "TtXZ":
                        return False
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True

    def assert_clean_stderr(self):
        stderr = self.stderr()
        assert not any(mark in stderr for mark in SANITIZER_MARKS), stderr

    def stop(self):
        """SIGTERM; it must go in order, and its sanitizers must have nothing to say."""
        early = self.process.poll()
        if early is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.wait_exit()
        finally:
            self.kill()
        assert early is None, f"exited by itself with {early}:\n{self.stderr()}"
        assert code == 0, f"exit status {code}:\n{self.stderr()}"
        self.assert_clean_stderr()
        wait.until(lambda: not bus.has_owner(self.connection, client.NAME), "the name is free")
        self.connection.close_sync(None)

    def kill(self):
        still.discard(self)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
