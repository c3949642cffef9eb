# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images that vanish, appear and change, wherever their descriptor says that they are."""

import fcntl
import os
import shutil
import signal

import pytest

from lib import descriptors, images

CODE, VARS = images.OVMF_4M_CODE, images.OVMF_4M_VARS


@pytest.fixture
def store(service):
    return service.directory / "usr" / "share" / "edk2"


@pytest.fixture
def code(store):
    return images.raw(str(store / "code.fd"), CODE)


@pytest.fixture
def live(service, store, code, start_live):
    """20-a has images of its own; those of 50-x are in usr/share/edk2."""
    service.add("20-a")
    service.vendor.write("50-x", descriptors.flash(
        code, images.raw(str(store / "vars.fd"), VARS)))
    return start_live()


def problems(live):
    return live.mirror.by_name()["50-x"]["Problems"]


def test_image_vanishes_and_appears(live, code):
    os.unlink(code)
    live.until(usable=["20-a"], unusable=["50-x"])
    assert problems(live) == [f"file-missing:{code}"]
    images.raw(code, CODE)
    live.until(usable=["20-a", "50-x"])


def test_template_vanishes_and_appears(live, store):
    os.unlink(store / "vars.fd")
    live.until(usable=["20-a"], unusable=["50-x"])
    assert problems(live) == [f"file-missing:{store / 'vars.fd'}"]
    images.raw(str(store / "vars.fd"), VARS)
    live.until(usable=["20-a", "50-x"])


def test_image_is_renamed_away_and_back(live, code):
    os.rename(code, code + ".dpkg-tmp")
    live.until(usable=["20-a"], unusable=["50-x"])
    os.rename(code + ".dpkg-tmp", code)
    live.until(usable=["20-a", "50-x"])


def test_image_is_truncated_by_name(live, code):
    """truncate(2) opens nothing, so nothing is closed."""
    os.truncate(code, CODE + 1)
    live.until(usable=["20-a"], unusable=["50-x"])
    assert problems(live) == [f"bad-size:{code}: the image has {CODE + 512} bytes, and flash unit 0 "
                              "sectors of 4096"]
    os.truncate(code, CODE)
    live.until(usable=["20-a", "50-x"])


def test_image_grows_while_somebody_keeps_it_open(live, code):
    with open(code, "ab", buffering=0) as file:
        file.write(b"x")
        live.until(usable=["20-a"], unusable=["50-x"])
        file.truncate(CODE)
        live.until(usable=["20-a", "50-x"])


def test_image_is_replaced_by_one_of_another_size(live, code):
    images.raw(code + ".new", CODE + 1)
    os.rename(code + ".new", code)
    live.until(usable=["20-a"], unusable=["50-x"])
    images.raw(code + ".new", CODE)
    os.rename(code + ".new", code)
    live.until(usable=["20-a", "50-x"])


def test_size_that_changes_no_property_is_a_change_all_the_same(live, service, store):
    """Select answers with another size: a new generation, and no firmware in its lists."""
    path = images.raw(str(store / "bios.bin"), 65536)
    service.vendor.write("60-bios", descriptors.by_filename("memory", path))
    live.until(usable=["20-a", "50-x", "60-bios"])
    os.truncate(path, 131072)
    live.until_change(2)
    assert live.changes()[-1][1:] == ([], [], [])
    answer = live.client.select("x86_64", "q35", firmware="60-bios")
    assert answer["executable"]["size"] == 131072


def test_header_of_a_qcow2_changes_in_place(live, service, store):
    path = images.qcow2(str(store / "code.qcow2"), CODE)
    service.vendor.write("60-q", descriptors.flash(
        path, images.qcow2(str(store / "vars.qcow2"), VARS), fmt="qcow2", template_fmt="qcow2"))
    live.until(usable=["20-a", "50-x", "60-q"])
    with open(path, "r+b") as file:
        header = file.read(4)
        file.seek(0)
        file.write(b"none")
    live.until(usable=["20-a", "50-x"], unusable=["60-q"])
    with open(path, "r+b") as file:
        file.write(header)
    live.until(usable=["20-a", "50-x", "60-q"])


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_image_is_replaced_by_what_is_no_file(live, code, make):
    os.unlink(code)
    make(code)
    live.until(usable=["20-a"], unusable=["50-x"])
    os.rename(code, code + ".not")
    images.raw(code, CODE)
    live.until(usable=["20-a", "50-x"])


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_directory_of_images_goes_and_comes(live, store, code, depth):
    for _ in range(2):
        shutil.rmtree([store, *store.parents][depth])
        live.until(usable=["20-a"], unusable=["50-x"])
        images.raw(code, CODE)
        images.raw(str(store / "vars.fd"), VARS)
        live.until(usable=["20-a", "50-x"])


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_directory_of_images_is_renamed_away_and_back(live, store, depth, service):
    moved = [store, *store.parents][depth]
    os.rename(moved, service.directory / "away")
    live.until(usable=["20-a"], unusable=["50-x"])
    os.rename(service.directory / "away", moved)
    live.until(usable=["20-a", "50-x"])


def test_image_that_was_never_there_gets_all_that_it_lacks(live, service):
    path = service.directory / "opt" / "a" / "b" / "bios.bin"
    service.vendor.write("60-bios", descriptors.by_filename("memory", path))
    live.until(usable=["20-a", "50-x"], unusable=["60-bios"])
    images.raw(str(path), 65536)
    live.until(usable=["20-a", "50-x", "60-bios"])


def test_image_behind_links(live, service, code):
    """code.fd -> alternatives/code -> v1/code.fd, as update-alternatives makes them."""
    alternatives = service.directory / "alternatives"
    alternatives.mkdir()
    good, bad = (images.raw(str(service.directory / version / "code.fd"), size)
                 for version, size in (("v1", CODE), ("v2", CODE + 1)))
    os.symlink(good, alternatives / "code")
    os.symlink(alternatives / "code", code + ".new")
    os.rename(code + ".new", code)
    live.assert_silent()
    os.symlink(bad, alternatives / "new")
    os.rename(alternatives / "new", alternatives / "code")
    live.until(usable=["20-a"], unusable=["50-x"])
    os.truncate(bad, CODE)
    live.until(usable=["20-a", "50-x"])
    os.unlink(alternatives / "code")
    live.until(usable=["20-a"], unusable=["50-x"])


def test_image_below_a_link_that_is_swapped(live, service):
    """As in the Nix store: run/current -> system-N, images below it."""
    for number, size in ((1, 65536), (2, 131072)):
        images.raw(str(service.directory / f"system-{number}" / "share" / "bios.bin"), size)
    current = service.directory / "current"
    os.symlink("system-1", current)
    service.vendor.write("60-bios", descriptors.by_filename(
        "memory", current / "share" / "bios.bin"))
    live.until(usable=["20-a", "50-x", "60-bios"])
    os.symlink("system-2", f"{current}.new")
    os.rename(f"{current}.new", current)
    live.until_change(2)
    answer = live.client.select("x86_64", "q35", firmware="60-bios")
    assert answer["executable"]["size"] == 131072
    shutil.rmtree(service.directory / "system-2")
    live.until(usable=["20-a", "50-x"], unusable=["60-bios"])


def test_image_that_no_descriptor_names_any_more_is_silent(live, service, code):
    service.vendor.remove("50-x")
    live.until(usable=["20-a"])
    os.unlink(code)
    live.assert_silent()


def test_other_files_beside_an_image_are_silent(live, store):
    images.raw(str(store / "other.fd"), 1)
    os.unlink(store / "other.fd")
    live.assert_silent()


def test_image_is_read_and_that_is_no_change(live, code):
    with open(code, "rb") as file:
        file.read()
    live.assert_silent()


def test_image_that_could_not_be_read_is_looked_at_again(live, code):
    """What kept it from being read may leave no trace on it: here somebody's lease."""
    with open(code, "rb") as file:
        # who breaks it is told of by a signal, which is ignored
        fcntl.fcntl(file, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        os.utime(code)
        live.until(usable=["20-a"], unusable=["50-x"])
        assert problems(live) == [f"file-unreadable:{code}"]
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    live.client.reload()
    assert live.client.state("50-x") == "usable"
