# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to a descriptor file is seen, whatever it is done by, without a Reload."""

import mmap
import os
import time

import pytest

from lib import descriptors, wait


@pytest.fixture
def live(service, start_live):
    service.add("20-a")
    service.add("50-x")
    return start_live()


@pytest.fixture
def elsewhere(service):
    """A directory beside the layers, on their file system."""
    return descriptors.Layer(service.directory / "elsewhere")


def content(service, **members):
    return descriptors.flash(*service.pair(), **members)


def test_created(service, live):
    service.add("60-new")
    live.until(usable=["20-a", "50-x", "60-new"])
    assert live.changes()[-1][1:] == (["60-new"], [], [])


def test_rewritten_in_place(service, live):
    service.add("50-x", features=["new"])
    live.until_property("50-x", "Features", ["new"])


def test_rewritten_in_place_with_the_same_size(service, live):
    service.add("50-x", description="firmware for toast")
    live.until_property("50-x", "Description", "firmware for toast")


def test_rewritten_with_its_time_stamp_kept(service, live):
    path = service.vendor.file("50-x")
    before = os.stat(path)
    service.add("50-x", description="firmware for toast")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    live.until_property("50-x", "Description", "firmware for toast")


def test_replaced_by_a_rename_over_it(service, live, elsewhere):
    service.add("50-x", elsewhere, features=["new"])
    os.rename(elsewhere.file("50-x"), service.vendor.file("50-x"))
    live.until_property("50-x", "Features", ["new"])


def test_replaced_within_its_directory(service, live):
    path = service.vendor.file("50-x")
    service.add("50-x.json.dpkg-new", features=["new"])
    os.rename(service.vendor.file("50-x.json.dpkg-new"), path)
    live.until_property("50-x", "Features", ["new"])


def test_exchanged_with_another(service, live):
    service.add("60-y", features=["y"])
    live.until_property("60-y", "Features", ["y"])
    spare = str(service.vendor.path / "spare")
    with live.frozen():
        os.rename(service.vendor.file("60-y"), spare)
        os.rename(service.vendor.file("50-x"), service.vendor.file("60-y"))
        os.rename(spare, service.vendor.file("50-x"))
    live.until_property("60-y", "Features", [])
    live.until_property("50-x", "Features", ["y"])
    assert live.changes()[-1][1:] == ([], [], ["50-x", "60-y"])


def test_linked_symbolically(service, live, elsewhere):
    os.symlink(service.add("new", elsewhere), service.vendor.file("60-new"))
    live.until(usable=["20-a", "50-x", "60-new"])


def test_linked_hard(service, live, elsewhere):
    os.link(service.add("new", elsewhere), service.vendor.file("60-new"))
    live.until(usable=["20-a", "50-x", "60-new"])


def test_relinked(service, live, elsewhere):
    service.vendor.link("60-y", service.add("old", elsewhere, features=["old"]))
    live.until_property("60-y", "Features", ["old"])
    os.symlink(service.add("new", elsewhere, features=["new"]), elsewhere.path / "link")
    os.rename(elsewhere.path / "link", service.vendor.file("60-y"))
    live.until_property("60-y", "Features", ["new"])


def test_renamed(service, live):
    # which is two events
    with live.frozen():
        os.rename(service.vendor.file("50-x"), service.vendor.file("70-x"))
    live.until(usable=["20-a", "70-x"])
    assert live.changes()[-1][1:] == (["70-x"], ["50-x"], [])


def test_renamed_to_another_layer(service, live):
    os.rename(service.vendor.file("50-x"), service.admin.file("50-x"))
    live.until_property("50-x", "Path", service.admin.file("50-x"))


def test_renamed_to_what_is_no_descriptor(service, live):
    path = service.vendor.file("50-x")
    os.rename(path, path + ".dpkg-old")
    live.until(usable=["20-a"])
    os.rename(path + ".dpkg-old", path)
    live.until(usable=["20-a", "50-x"])


def test_moved_out_and_in(service, live, elsewhere):
    os.rename(service.vendor.file("50-x"), elsewhere.file("50-x"))
    live.until(usable=["20-a"])
    os.rename(elsewhere.file("50-x"), service.vendor.file("50-x"))
    live.until(usable=["20-a", "50-x"])


def test_deleted(service, live):
    service.vendor.remove("50-x")
    live.until(usable=["20-a"])
    assert live.changes()[-1][1:] == ([], ["50-x"], [])


def test_overridden_and_not(service, live):
    service.add("50-x", service.admin)
    live.until_property("50-x", "Path", service.admin.file("50-x"))
    live.until_property("50-x", "Overrides", [service.vendor.file("50-x")])
    service.admin.remove("50-x")
    live.until_property("50-x", "Path", service.vendor.file("50-x"))


@pytest.mark.parametrize("mask", ["empty", "link", "link through a link", "hard link"])
def test_masked_and_not(service, live, elsewhere, mask):
    path = service.admin.file("50-x")
    if mask == "empty":
        service.admin.write("50-x", b"")
    elif mask == "link":
        os.symlink("/dev/null", path)
    elif mask == "hard link":
        os.link(elsewhere.write("empty", b""), path)
    else:
        os.symlink("/dev/null", elsewhere.file("null"))
        os.symlink(elsewhere.file("null"), path)
    live.until(usable=["20-a"])
    assert live.changes()[-1][1:] == ([], ["50-x"], [])
    service.admin.remove("50-x")
    live.until(usable=["20-a", "50-x"])


def test_mask_that_is_filled(service, live):
    service.admin.write("50-x", b"")
    live.until(usable=["20-a"])
    service.add("50-x", service.admin, features=["admin's"])
    live.until_property("50-x", "Features", ["admin's"])


def test_descriptor_that_is_emptied_is_a_mask(service, live):
    os.truncate(service.vendor.file("50-x"), 0)
    live.until(usable=["20-a"])


def test_shared_inode_is_rewritten_through_its_other_name(service, live, elsewhere):
    """A hard link elsewhere: its directory is nothing that the service could know of."""
    path = service.vendor.file("50-x")
    os.link(path, elsewhere.file("other"))
    service.add("other", elsewhere, features=["new"])
    live.client.reload()
    live.until_property("50-x", "Features", ["new"])


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_takes_the_place_of_a_descriptor_and_is_none(service, live, make):
    path = service.vendor.file("50-x")
    os.unlink(path)
    make(path)
    live.until(usable=["20-a"])
    os.rename(path, path + ".not")
    service.add("50-x")
    live.until(usable=["20-a", "50-x"])


def test_broken_and_mended(service, live):
    service.vendor.write("50-x", '{"description": ')
    live.until(usable=["20-a"], invalid=["50-x"])
    assert [path for path, _ in live.client.problems()] == [service.vendor.file("50-x")]
    service.add("50-x")
    live.until(usable=["20-a", "50-x"])
    assert live.client.problems() == []


def test_name_that_is_no_utf8_is_a_problem_and_goes(service, live):
    path = os.fsencode(service.vendor.path) + b"/60-\xff.json"
    with open(path, "wb") as file:
        file.write(b"{}")
    live.until_change()
    assert len(live.client.problems()) == 1
    os.unlink(path)
    live.until_change(2)
    assert live.client.problems() == []


def test_what_makes_no_difference_is_silent(service, live, elsewhere):
    path = service.vendor.file("50-x")
    os.utime(path, (1, 1))
    os.chmod(path, 0o600)
    os.chmod(path, 0o644)
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n")
    with open(path, encoding="utf-8") as file:
        same = file.read()
    elsewhere.write("same", same)
    os.rename(elsewhere.file("same"), path)
    (service.vendor.path / "README").write_text("x")
    (service.vendor.path / ".50-x.json.swp").write_text("x")
    os.mkdir(service.vendor.path / "directory")
    os.unlink(service.vendor.path / ".50-x.json.swp")
    live.assert_silent()


def test_written_through_a_mapping(service, start_live):
    """Its times change at the first write alone: the second is told by the end of the mapping."""
    service.add("50-x", features=["old"])
    live = start_live()
    with open(service.vendor.file("50-x"), "r+b") as file:
        with mmap.mmap(file.fileno(), 0) as content:
            place = content.find(b"old")
            content[place:place + 3] = b"mid"
            # until what was read is taken for settled
            wait.until(lambda: live.client.reload() or
                       live.client.firmware("50-x")["Features"] == ["mid"], "it is read")
            time.sleep(0.1)
            live.client.reload()
            content[place:place + 3] = b"new"
    live.until_property("50-x", "Features", ["new"])
