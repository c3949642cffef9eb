# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ten thousand descriptors: a change costs what has changed, and one stat a file."""

import os
import re
import time

import pytest

from lib import scale, wait
from lib.faults import Strace
from lib.idle import assert_rests, cpu_seconds, until_idle

CHANGES = 5


@pytest.fixture
def pid(service):
    scale.fill(service)
    began = time.monotonic()
    service.start()
    print(f"first catalog after {time.monotonic() - began:.2f} s")
    service.watch()
    return service.daemon.process.pid


def newest(service):
    return max(entry.stat().st_ctime for entry in os.scandir(service.vendor.path))


def change(service, number):
    """One file, and waits for the catalog with it."""
    with service.daemon.frozen():
        scale.write(service, 100 * number, "changed")
    scale.until_published(service, number + 1)


def test_one_changed_file_costs_little(service, pid):
    """Less than a third of the processor time of the first scan; only changed files are opened."""
    until_idle(pid)
    first = cpu_seconds(pid)
    # what was written within 2 s of the start is read once more, with the first change
    wait.until(lambda: time.time() - newest(service) > 2.1, "all descriptors are older than 2 s")
    change(service, 0)
    until_idle(pid)
    before = cpu_seconds(pid)
    for number in range(1, CHANGES + 1):
        began = time.monotonic()
        change(service, number)
        print(f"published after {(time.monotonic() - began) * 1000:.1f} ms")
        until_idle(pid)
    each = (cpu_seconds(pid) - before) / CHANGES
    print(f"first scan {first * 1000:.0f} ms, a change {each * 1000:.1f} ms of CPU: "
          f"{100 * each / first:.1f} %")
    assert [arguments[1:] for arguments in service.signals.catalog_changes()] == [
        ([], [], [scale.name(100 * number)]) for number in range(CHANGES + 1)]
    assert each < first / 3

    with Strace(pid, service.directory / "strace", ["trace=open,openat,openat2"]) as strace:
        with service.daemon.frozen():
            scale.write(service, 7777, "changed")
        scale.until_published(service, CHANGES + 2)
        until_idle(pid)
    opened = re.findall(r'"([^"]*\.(?:json|fd))"', "\n".join(strace.lines()))
    names = {path.split("/")[-1] for path in opened}
    changed = f"{scale.name(7777)}.json"
    # those that are younger than 2 s are read once more
    assert {changed} <= names <= {changed, *(f"{scale.name(100 * n)}.json" for n in range(CHANGES + 1))}
    assert_rests(pid)
