# SPDX-License-Identifier: LGPL-2.1-or-later
"""Digests of images, which are remembered while a file is what it was."""

import subprocess

import pytest

from lib import descriptors, images
from lib.vms import VMs

ROUNDS = 100


@pytest.fixture
def coarse(service):
    """A directory on a file system that tells the time in ticks of the kernel's clock."""
    directory = service.directory / "coarse"
    directory.mkdir()
    subprocess.run(["mount", "-t", "ramfs", "ramfs", directory], check=True)
    yield directory
    subprocess.run(["umount", "-l", directory], check=True)


def test_two_changes_within_one_tick(service, coarse):
    path = images.raw(str(coarse / "bios.bin"), 65536)
    service.vendor.write("x", descriptors.by_filename("memory", path))
    vms = VMs(service.start_blind())
    vms.make()
    with open(path, "r+b", buffering=0) as file:
        for _ in range(ROUNDS):
            file.seek(0)
            file.write(b"\0")
            vms.prepare()
            file.seek(0)
            file.write(b"\1")
            assert vms.prepare()["changed"] == ["executable"]
