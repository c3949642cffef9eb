# SPDX-License-Identifier: LGPL-2.1-or-later
"""Waiting with a deadline."""

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


def drain():
    """Deliver what has arrived already."""
    context = GLib.MainContext.default()
    while context.iteration(False):
        pass
