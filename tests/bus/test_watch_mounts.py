# SPDX-License-Identifier: LGPL-2.1-or-later
"""File systems that are mounted over what is watched, and unmounted: inotify tells of neither."""

import contextlib
import os
import subprocess

import pytest

from lib import descriptors, images
from lib.descriptors import Layer


@pytest.fixture
def mounts():
    with contextlib.ExitStack() as stack:
        yield Mounts(stack)


class Mounts:
    """All are unmounted at the end, the last one first."""

    def __init__(self, stack):
        self.stack = stack
        self.count = {}

    def mount(self, *words):
        target = str(words[-1])
        subprocess.run(["mount", *map(str, words)], check=True)
        self.count[target] = self.count.get(target, 0) + 1
        self.stack.callback(lambda: self.count[target] and self.unmount(target))

    def tmpfs(self, directory):
        self.mount("-t", "tmpfs", "tmpfs", directory)

    def bind(self, source, directory):
        self.mount("--bind", source, directory)

    def unmount(self, directory):
        """Lazily: somebody may have a directory of it open, as the service may not for long."""
        subprocess.run(["umount", "-l", str(directory)], check=True)
        self.count[str(directory)] -= 1


@pytest.fixture
def live(service, start_live):
    """Descriptors and images each two directories below what is mounted over."""
    service.vendor = Layer(service.directory / "usr" / "share" / "firmware")
    code = images.raw(str(service.directory / "opt" / "share" / "images" / "code.fd"),
                      images.OVMF_4M_CODE)
    service.add("20-a", service.admin)
    service.vendor.write("50-x", descriptors.flash(code))
    return start_live()


@pytest.mark.parametrize("where", ["usr/share/firmware", "usr/share", "usr"])
def test_tmpfs_over_a_layer(service, live, mounts, where):
    for _ in range(2):
        mounts.tmpfs(service.directory / where)
        live.until(usable=["20-a"])
        service.add("60-y", Layer(service.vendor.path))
        live.until(usable=["20-a", "60-y"])
        mounts.unmount(service.directory / where)
        live.until(usable=["20-a", "50-x"])
        service.add("60-z")
        live.until(usable=["20-a", "50-x", "60-z"])
        service.vendor.remove("60-z")
        live.until(usable=["20-a", "50-x"])


@pytest.mark.parametrize("where", ["opt/share/images", "opt/share", "opt"])
def test_tmpfs_over_images(service, live, mounts, where):
    mounts.tmpfs(service.directory / where)
    live.until(usable=["20-a"], unusable=["50-x"])
    images.raw(str(service.directory / "opt/share/images/code.fd"), images.OVMF_4M_CODE)
    live.until(usable=["20-a", "50-x"])
    mounts.unmount(service.directory / where)
    os.unlink(service.directory / "opt/share/images/code.fd")
    live.until(usable=["20-a"], unusable=["50-x"])


def test_bind_over_a_layer_and_another_over_that(service, live, mounts):
    for name in ("one", "two"):
        service.add(f"60-{name}", Layer(service.directory / name))
        mounts.bind(service.directory / name, service.vendor.path)
        live.until(usable=["20-a", f"60-{name}"])
    service.add("70-z", Layer(service.directory / "two"))
    live.until(usable=["20-a", "60-two", "70-z"])
    mounts.unmount(service.vendor.path)
    live.until(usable=["20-a", "60-one"])
    mounts.unmount(service.vendor.path)
    live.until(usable=["20-a", "50-x"])


def test_one_descriptor_is_mounted_over(service, live, mounts):
    other = service.directory / "other.json"
    os.link(service.add("other", Layer(service.directory / "one"), features=["other"]), other)
    mounts.bind(other, service.vendor.file("50-x"))
    live.until_property("50-x", "Features", ["other"])
    mounts.unmount(service.vendor.file("50-x"))
    live.until_property("50-x", "Features", [])


def test_layer_that_comes_with_its_mount(service, live, mounts):
    """Unmounted for good, with what was in it: nothing is left that could tell of it."""
    disk = service.directory / "disk"
    disk.mkdir()
    service.vendor.link("60-y", disk / "y.json")
    live.until(usable=["20-a", "50-x"], invalid=["60-y"])
    mounts.tmpfs(disk)
    service.add("y", Layer(disk))
    live.until(usable=["20-a", "50-x", "60-y"])
    mounts.unmount(disk)
    live.until(usable=["20-a", "50-x"], invalid=["60-y"])


def test_mounts_that_concern_nothing_are_silent(service, live, mounts):
    (service.directory / "other").mkdir()
    mounts.tmpfs(service.directory / "other")
    mounts.unmount(service.directory / "other")
    live.assert_silent()
