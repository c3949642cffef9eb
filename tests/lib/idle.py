# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether a process sleeps, and what it has cost."""

import os
import time

from . import wait


def switches(pid):
    """Context switches of all threads; one that wakes up and sleeps again adds one."""
    found = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/status", encoding="ascii") as file:
                found[thread] = [line for line in file if "voluntary_ctxt_switches" in line]
        except (FileNotFoundError, ProcessLookupError):
            found[thread] = None
    return found


def sleeps(pid):
    """Whether each thread waits for something to happen. One that a busy machine lets wait has
    something to do."""
    found = False
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii", errors="replace") as file:
                found = file.read().rpartition(")")[2].split()[0] == "S"
        except (FileNotFoundError, ProcessLookupError):
            return False
        if not found:
            return False
    return found


def until_idle(pid, seconds=60):
    """Waits until it has slept for a while, but for what others make beside its files."""
    def rests():
        before = cpu_seconds(pid)
        time.sleep(0.3)
        return sleeps(pid) and cpu_seconds(pid) - before < 0.003

    wait.until(rests, "the service comes to rest", seconds)


def assert_idle(pid, seconds=3):
    """It comes to rest and does not wake up: that it sleeps is asked for, not how fast."""
    def rests():
        before = switches(pid)
        time.sleep(0.3)
        return sleeps(pid) and switches(pid) == before

    wait.until(rests, "the service comes to rest")
    before = switches(pid)
    time.sleep(seconds)
    after = switches(pid)
    assert after == before, f"it has run: {before}, {after}"


def assert_rests(pid, seconds=3):
    """Like assert_idle(), where others make files beside the directories that it watches: that wakes
    it up, and has to cost it next to nothing."""
    until_idle(pid)
    before = cpu_seconds(pid)
    time.sleep(seconds)
    spent = cpu_seconds(pid) - before
    assert spent < 0.01 * seconds, f"it has run for {spent} of {seconds} s"


def cpu_seconds(pid):
    """Processor time of a process, of the threads that have ended too, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)
