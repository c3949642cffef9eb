# SPDX-License-Identifier: LGPL-2.1-or-later
"""A journald of one's own: it has its /run, and with it its sockets, in a mount namespace."""

import json
import os
import signal
import subprocess

from . import wait

START = """set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal
touch /run/own
exec /lib/systemd/systemd-journald
"""


class Journal:
    def __init__(self):
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", "sh", "-c", START],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            # its own, and not that of this machine, whose namespace it has left by then
            wait.until(lambda: self.run(
                "test", "-e", "/run/own", "-a", "-S", "/run/systemd/journal/stdout",
                check=False).returncode == 0, "journald listens")
        except AssertionError:
            self.close()
            raise

    def inside(self):
        """Puts a command into the namespace."""
        return ["nsenter", f"--target={self.process.pid}", "--mount", "--wd=/"]

    def run(self, *command, check=True):
        return subprocess.run([*self.inside(), *command], stdout=subprocess.PIPE, check=check,
                              stderr=subprocess.DEVNULL, text=True, timeout=60)

    def wrapper(self, program, path):
        """A program at PATH that runs PROGRAM with its standard error in the journal."""
        path.write_text("#!/bin/sh\nPATH=/usr/bin:/bin exec " + " ".join(self.inside())
                        + f' systemd-cat "{program}" "$@"\n')
        path.chmod(0o755)
        return str(path)

    def entries(self, *matches):
        """The entries that journalctl finds, each a dictionary of its fields."""
        self.process.send_signal(signal.SIGRTMIN + 1)  # sync: what has come is on disk
        done = self.run("journalctl", "--directory=/run/log/journal", "--output=json", "--quiet",
                        "--all", *matches, check=False)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def wait_entries(self, *matches):
        return wait.until(lambda: self.entries(*matches), f"in the journal: {matches}")

    def wait_entry(self, *matches):
        return self.wait_entries(*matches)[-1]

    def close(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(30)
