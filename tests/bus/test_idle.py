# SPDX-License-Identifier: LGPL-2.1-or-later
"""Idle means idle: where nothing changes and nobody asks, the service does not run at all."""

import os
import shutil

import pytest

from lib.descriptors import Layer
from lib.faults import Strace
from lib.idle import assert_idle, switches, until_idle
from lib.root import Root

# calls that look at a file
LOOKS = "trace=open,openat,openat2,stat,lstat,newfstatat,statx,readlink,readlinkat,getdents64"


@pytest.fixture
def root(service, bus, fresh_bus):
    """In which /, /tmp and what else is above the layers belong to the test alone."""
    made = Root(service.directory / "root",
                [service.directory, bus.directory, fresh_bus.directory])
    yield made
    made.close()


@pytest.fixture
def start_in_root(root, service, start_live):
    """After root, so that the service ends before it."""
    return lambda **options: start_live(wrapper=root.wrapper, **options)


def test_after_the_start(service, start_in_root):
    service.add("20-a")
    live = start_in_root()
    assert_idle(live.daemon.process.pid)


def test_after_changes_of_every_kind(service, start_in_root):
    """A removed watch, a broken file, a layer that is not there: none is looked at again."""
    service.add("20-a")
    gone = service.directory / "gone" / "layer"
    live = start_in_root(search_path=[service.vendor, service.admin, gone])
    service.add("50-x", Layer(gone))
    service.vendor.write("60-bad", "{")
    service.vendor.link("70-dangling", service.directory / "nowhere" / "x")
    live.until(usable=["20-a", "50-x"], invalid=["60-bad", "70-dangling"])
    shutil.rmtree(gone.parent)
    live.until(usable=["20-a"], invalid=["60-bad", "70-dangling"])
    os.rename(service.images, service.directory / "images-away")
    live.until(unusable=["20-a"], invalid=["60-bad", "70-dangling"])
    assert_idle(live.daemon.process.pid)


def test_what_concerns_nothing_is_not_looked_at(service, start_in_root):
    """Beside the directories on the way to a layer there is much that changes all the time."""
    service.add("20-a")
    live = start_in_root()
    until_idle(live.daemon.process.pid)
    with Strace(live.daemon.process.pid, service.directory / "strace", [LOOKS]) as strace:
        for _ in range(20):
            (service.directory / "unrelated").mkdir()
            (service.directory / "unrelated" / "file").write_text("x")
            (service.directory / "file").write_text("x")
            shutil.rmtree(service.directory / "unrelated")
        until_idle(live.daemon.process.pid)
    assert strace.lines() == []


def test_mounts_that_concern_nothing_are_not_looked_at(service, root, start_in_root):
    """On a host of containers there are many."""
    service.add("20-a")
    live = start_in_root()
    point = service.directory / "unrelated"
    point.mkdir()
    until_idle(live.daemon.process.pid)
    with Strace(live.daemon.process.pid, service.directory / "strace", [LOOKS]) as strace:
        for _ in range(20):
            root.run("mount", "--bind", "/usr", point)
            root.run("umount", point)
        until_idle(live.daemon.process.pid)
    assert strace.lines() == []
    root.run("mount", "-t", "tmpfs", "tmpfs", service.vendor.path)
    live.until()
    root.run("umount", service.vendor.path)
    live.until(usable=["20-a"])


def test_mask_that_links_to_the_null_device_is_no_reason_to_wake_up(service, start_in_root):
    """Half of all programs write to it."""
    service.add("20-a")
    os.symlink("/dev/null", service.admin.file("50-x"))
    live = start_in_root()
    pid = live.daemon.process.pid
    until_idle(pid)
    before = switches(pid)
    for _ in range(100):
        with open("/dev/null", "wb") as file:
            file.write(b"x")
    assert_idle(pid, 0)
    assert switches(pid) == before
