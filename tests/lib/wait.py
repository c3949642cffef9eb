# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting with a deadline."""

import os
import time

from gi.repository import GLib


def until(condition, what, seconds=60.0, interval=0.01):
    """Return condition()'s first true value; D-Bus signals are delivered meanwhile."""
    deadline = time.monotonic() + seconds
    context = GLib.MainContext.default()
    while True:
        while context.iteration(False):
            pass
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(interval)


def pause_until(condition, what, seconds=60.0):
    """As until(), without a signal being delivered; for any thread."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.001)


def until_settled(*paths):
    """Their stamps are so old that they prove that nothing has changed since."""
    def is_old(path):
        return time.time() - os.stat(path).st_ctime > 2.1

    until(lambda: all(map(is_old, paths)), f"{paths} are older than 2 s")


def drain():
    """Deliver what has arrived already."""
    context = GLib.MainContext.default()
    while context.iteration(False):
        pass
