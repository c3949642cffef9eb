# SPDX-License-Identifier: LGPL-2.1-or-later
"""Killing and failing a running daemon, or a program, at one chosen system call, by strace's fault
injection."""

import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .client import DBusError

# What changes files; of openat only what creates, of ioctl only FICLONE.
CHANGING_CALLS = (
    "openat", "mkdirat", "mkdir", "write", "pwrite64", "writev", "copy_file_range", "ftruncate",
    "fallocate", "ioctl", "fchmod", "fchmodat", "fchown", "fchownat", "link", "linkat", "rename",
    "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "symlinkat", "fsync", "fdatasync",
)
# For a program whose calls are counted: malloc() opens a file before it gives memory back, in some
# runs and not in others.
CALLS_ALIKE = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30)}
CALL = re.compile(r"^(?P<thread>\d+) +(?P<name>[a-z0-9_]+)\((?P<rest>.*)$")


@dataclass(frozen=True)
class Point:
    """The ordinal-th call of this name in its thread; `counts` are those of all names so far."""

    name: str
    ordinal: int
    text: str
    counts: tuple

    def __str__(self):
        return f"{self.name} {self.ordinal}: {self.text}"


class Strace:
    """Attached to all threads of a process, and those to come, while the context lasts.

    With paths, only calls are looked at that are about these files.

    One that kills ends by itself: told to detach from a process that is dying, strace may wait
    for its first thread for ever.
    """

    def __init__(self, pid, output, expressions, kills=False, paths=()):
        self.pid = pid
        self.kills = kills
        self.output = str(output)
        command = ["strace", "-f", "-y", "-s", "64", "-o", self.output, "-p", str(pid)]
        for expression in expressions:
            command += ["-e", expression]
        for path in paths:
            command += ["-P", str(path)]
        self.command = command

    def __enter__(self):
        wait_for(lambda: len(os.listdir(f"/proc/{self.pid}/task")) == 1, "the daemon is idle")
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        wait_for(lambda: all_traced(self.pid) or self.process.poll() is not None,
                 "strace attaches")
        assert self.process.poll() is None, "strace did not attach"
        return self

    def __exit__(self, *_):
        if not self.kills:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()

    def lines(self):
        with open(self.output, encoding="utf-8", errors="backslashreplace") as file:
            return file.read().splitlines()

    def was_injected(self):
        lines = self.lines()
        return any("(INJECTED)" in line for line in lines) or any(
            "killed by SIGKILL" in line for line in lines)


def wait_for(condition, what):
    """As wait.until(), for a thread of its own."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"not in 60 s: {what}"
        time.sleep(0.002)


def all_traced(pid):
    """Also true of no thread: one that has just ended is no reason to wait."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as file:
                if "\nTracerPid:\t0\n" in file.read():
                    return False
        except (FileNotFoundError, ProcessLookupError):
            continue
    return True


def recording(pid, output):
    return Strace(pid, output, ["trace=" + ",".join(CHANGING_CALLS)])


def injecting(pid, output, point, fault):
    """FAULT is `signal=KILL` or `error=CODE`."""
    return Strace(pid, output, [f"trace={point.name}",
                                f"inject={point.name}:{fault}:when={point.ordinal}"],
                  kills=fault.startswith("signal=KILL"))


def dying(pid, output, point, error):
    """From this point on nothing can be changed but by deleting, the worst that can fail to fail.

    A write() fails only if it is the point: a thread tells with it, too, that it has ended.
    """
    counts = dict(point.counts)
    begins = {name: counts.get(name, 0) + 1 for name in CHANGING_CALLS
              if name not in ("write", "openat", "unlinkat")}
    begins[point.name] = point.ordinal
    expressions = ["trace=" + ",".join(CHANGING_CALLS)]
    for name, begin in begins.items():
        end = "" if name in ("write", "openat", "unlinkat") else "+"
        expressions.append(f"inject={name}:error={error}:when={begin}{end}")
    return Strace(pid, output, expressions)


def is_change(name, rest, directory):
    if name == "openat":
        return "O_CREAT" in rest and directory in rest
    if name == "ioctl":
        return "FICLONE" in rest
    return directory in rest


def points(lines, directory):
    """The calls that change anything below the directory, in order."""
    counts = {}
    found = []
    for line in lines:
        match = CALL.match(line)
        if not match:
            continue
        name, rest = match["name"], match["rest"]
        key = (match["thread"], name)
        counts[key] = counts.get(key, 0) + 1
        if is_change(name, rest, str(directory)):
            so_far = tuple((other, number) for (thread, other), number in counts.items()
                           if thread == match["thread"])
            found.append(Point(name, counts[key], rest, so_far))
    return found


def run(command, output, expressions=("trace=" + ",".join(CHANGING_CALLS),), **options):
    """A program to its end, traced; it is strace that ends as the program does."""
    words = [word for expression in expressions for word in ("-e", expression)]
    return subprocess.run(["strace", "-f", "-y", "-s", "64", "-o", str(output), *words, *command],
                          check=False, capture_output=True, **options)


def run_disturbed(command, output, point, fault, **options):
    """The same: one call is killed or fails. FAULT is as that of injecting()."""
    done = run(command, output, [f"trace={point.name}",
                                 f"inject={point.name}:{fault}:when={point.ordinal}"], **options)
    with open(output, encoding="utf-8", errors="backslashreplace") as file:
        text = file.read()
    assert "(INJECTED)" in text or "killed by SIGKILL" in text, f"the call did not come: {text}"
    return done


def check_each(found, check, workers=2):
    """check(number, point) of each point, some at a time; all that fail are told."""
    def told(number, point):
        try:
            check(number, point)
        except (AssertionError, DBusError, OSError, ValueError,
                subprocess.TimeoutExpired) as error:
            return f"{point}:\n    {error}"
        return None

    with ThreadPoolExecutor(workers) as pool:
        failures = [text for text in pool.map(told, range(len(found)), found) if text]
    assert not failures, f"{len(failures)} of {len(found)}:\n" + "\n".join(failures)
