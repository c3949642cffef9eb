# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file seen half written is no change of heart: the last good state stays until it is whole."""

import json
import threading
import time

import pytest

from lib import descriptors, wait
from lib.config import write_config


def start(service, start_live, quiet, max_quiet):
    service.add("20-a")
    service.add("50-x")
    return start_live(arguments=[write_config(
        service.directory, QuietMSec=quiet, MaxQuietMSec=max_quiet)])


@pytest.fixture
def live(service, start_live):
    return start(service, start_live, 500, 1000)


@pytest.fixture
def patient(service, start_live):
    """It looks at nothing before all has been quiet for so long as no busy machine keeps a writer
    from going on."""
    return start(service, start_live, 3000, 6000)


def parts(service, **members):
    """A usable descriptor, in two halves."""
    content = json.dumps(descriptors.flash(*service.pair(), **members)).encode()
    return content[:len(content) // 2], content[len(content) // 2:]


@pytest.mark.parametrize("closed", [False, True])
def test_written_in_two_parts(service, patient, closed):
    """What is told is the new content, and never that the file is broken, or away."""
    first, second = parts(service, features=["new"])
    with open(service.vendor.file("50-x"), "wb", buffering=0) as file:
        time.sleep(0.02)
        file.write(first)
        time.sleep(0.02)
        if not closed:
            file.write(second)
    if closed:
        time.sleep(0.02)
        with open(service.vendor.file("50-x"), "ab") as file:
            file.write(second)
    patient.until_property("50-x", "Features", ["new"])
    patient.until_change()
    assert [change[1:] for change in patient.changes()] == [([], [], ["50-x"])]


def test_new_file_written_in_two_parts(service, patient):
    """It comes once, as usable."""
    first, second = parts(service)
    with open(service.vendor.file("60-y"), "wb", buffering=0) as file:
        file.write(first)
        time.sleep(0.02)
        file.write(second)
    patient.until(usable=["20-a", "50-x", "60-y"])
    assert [change[1:] for change in patient.changes()] == [(["60-y"], [], [])]


class SlowWriter(threading.Thread):
    """Writes a byte now and then until it is stopped, and then the rest. `pause` is the longest
    time between two: a file that is left alone for as long as it is held is rightly told of."""

    HELD = 0.045

    def __init__(self, path, content):
        super().__init__()
        self.file = open(path, "wb", buffering=0)
        self.content = iter(content)
        self.ended = threading.Event()
        self.pause, self.before = 0, time.monotonic()

    def write(self, data):
        began = time.monotonic()
        self.file.write(data)
        self.pause = max(self.pause, time.monotonic() - self.before)
        self.before = began

    def run(self):
        while not self.ended.wait(0.01):
            self.write(bytes([next(self.content)]))
        self.write(bytes(self.content))
        self.file.close()

    def has_paused(self):
        now = 0 if self.ended.is_set() else time.monotonic() - self.before
        return max(self.pause, now) > self.HELD

    def end(self):
        self.ended.set()
        self.join()


def test_slow_writer_keeps_nothing_else_waiting(service, live):
    """While it writes, 60-y is published, and of 50-x is said what was said before."""
    content = b"".join(parts(service, features=["new"], description="long " * 1000))
    writer = SlowWriter(service.vendor.file("50-x"), content)
    writer.start()
    try:
        service.add("60-y")
        wait.until(lambda: live.mirror.states().get("60-y") == "usable", "60-y is published")
        assert live.client.state("50-x") == "usable" or writer.has_paused()
    finally:
        writer.end()
    live.until_property("50-x", "Features", ["new"])
    live.until(usable=["20-a", "50-x", "60-y"])
    assert writer.has_paused() or [change[1:] for change in live.changes()] == [
        (["60-y"], [], []), ([], [], ["50-x"])]


def test_reload_that_meets_a_file_half_written_tells_of_it_whole(service, live):
    """Or broken, if it stays so: what it answers is not what was before."""
    first, _ = parts(service)
    service.vendor.write("50-x", first)
    live.client.reload()
    assert live.client.state("50-x") == "invalid"
    service.vendor.write("50-x", b"")
    live.client.reload()
    assert live.client.names() == ["20-a"]


def test_file_that_stays_broken_is_told(service, live):
    first, _ = parts(service)
    service.vendor.write("50-x", first)
    live.until(usable=["20-a"], invalid=["50-x"])
    assert [change[1:] for change in live.changes()] == [([], [], ["50-x"])]
    assert [path for path, _ in live.client.problems()] == [service.vendor.file("50-x")]


def test_file_that_stays_empty_is_a_mask(service, live):
    service.vendor.write("50-x", b"")
    live.until(usable=["20-a"])
    assert [change[1:] for change in live.changes()] == [([], ["50-x"], [])]


def test_file_whose_writer_never_ends_is_told(service, live):
    """Still open, and written to now and then: broken is what it is."""
    first, _ = parts(service)
    with open(service.vendor.file("50-x"), "wb", buffering=0) as file:
        file.write(first)
        live.until(usable=["20-a"], invalid=["50-x"])


def test_broken_for_long_and_then_whole(service, live):
    first, second = parts(service, features=["new"])
    with open(service.vendor.file("50-x"), "wb", buffering=0) as file:
        file.write(first)
        live.until(usable=["20-a"], invalid=["50-x"])
        file.write(second)
    live.until_property("50-x", "Features", ["new"])
    live.until(usable=["20-a", "50-x"])


def test_broken_and_then_broken_otherwise(service, live):
    """Nothing good is left to keep: the new reason is told."""
    service.vendor.write("50-x", "{")
    live.until(usable=["20-a"], invalid=["50-x"])
    service.vendor.write("50-x", "[]")
    live.until_change(2)
    live.until(usable=["20-a"], invalid=["50-x"])


def test_first_scan_keeps_nothing(service, live):
    """A service that starts on a broken file has no last good state of it."""
    service.vendor.write("50-x", "{")
    fresh = live.fresh()
    assert ("50-x", "invalid") in [entry[:2] for entry in fresh["list"]]
