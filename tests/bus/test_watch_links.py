# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors that are links: what they lead to is watched where it is."""

import os
import shutil

import pytest

from lib.descriptors import Layer


@pytest.fixture
def store(service):
    return Layer(service.directory / "store" / "v1")


@pytest.fixture
def live(service, store, start_live):
    """50-x is a link to store/v1/x.json."""
    service.add("20-a")
    service.vendor.link("50-x", service.add("x", store))
    return start_live()


def test_target_is_rewritten_in_place(service, store, live):
    service.add("x", store, features=["new"])
    live.until_property("50-x", "Features", ["new"])
    assert live.client.firmware("50-x")["Path"] == service.vendor.file("50-x")


def test_target_is_replaced(service, store, live):
    service.add("new", store, features=["new"])
    os.rename(store.file("new"), store.file("x"))
    live.until_property("50-x", "Features", ["new"])


def test_target_goes_and_comes(service, store, live):
    store.remove("x")
    live.until(usable=["20-a"], invalid=["50-x"])
    service.add("x", store)
    live.until(usable=["20-a", "50-x"])


def test_target_is_emptied(service, store, live):
    store.write("x", b"")
    live.until(usable=["20-a"])


def test_other_files_beside_the_target_are_silent(service, store, live):
    service.add("other", store)
    store.remove("other")
    live.assert_silent()


@pytest.mark.parametrize("depth", [0, 1])
def test_its_directory_goes_and_comes(service, store, live, depth):
    shutil.rmtree([store.path, store.path.parent][depth])
    live.until(usable=["20-a"], invalid=["50-x"])
    service.add("x", Layer(store.path), features=["again"])
    live.until(usable=["20-a", "50-x"])
    service.add("x", store, features=["new"])
    live.until_property("50-x", "Features", ["new"])


@pytest.mark.parametrize("depth", [0, 1])
def test_its_directory_is_renamed_away_and_another_takes_its_place(service, store, live, depth):
    moved = [store.path, store.path.parent][depth]
    rest = store.path.relative_to(moved)
    service.add("x", Layer(service.directory / "next" / rest), features=["next"])
    with live.frozen():
        os.rename(moved, service.directory / "away")
        os.rename(service.directory / "next", moved)
    live.until_property("50-x", "Features", ["next"])
    service.add("x", store, features=["new"])
    live.until_property("50-x", "Features", ["new"])


def test_dangling_link_gets_all_that_it_lacks(service, live):
    far = service.directory / "far" / "away" / "from" / "here"
    service.vendor.link("60-y", far / "y.json")
    live.until(usable=["20-a", "50-x"], invalid=["60-y"])
    service.add("y", Layer(far))
    live.until(usable=["20-a", "50-x", "60-y"])


def test_relative_link(service, store, live):
    service.vendor.link("60-y", "../store/v1/y.json")
    live.until(usable=["20-a", "50-x"], invalid=["60-y"])
    service.add("y", store)
    live.until(usable=["20-a", "50-x", "60-y"])


def test_link_behind_a_link(service, store, live):
    """60-y -> alternatives/y -> store/v1/y.json: the middle one is swapped."""
    alternatives = Layer(service.directory / "alternatives")
    for name in ("one", "two"):
        service.add(name, store, features=[name])
    os.symlink(store.file("one"), alternatives.path / "y")
    service.vendor.link("60-y", alternatives.path / "y")
    live.until_property("60-y", "Features", ["one"])
    os.symlink(store.file("two"), alternatives.path / "new")
    os.rename(alternatives.path / "new", alternatives.path / "y")
    live.until_property("60-y", "Features", ["two"])
    service.add("two", store, features=["new"])
    live.until_property("60-y", "Features", ["new"])


def test_link_through_a_linked_directory(service, live):
    """60-y -> profile/y.json with profile -> generation-N, as Nix has it."""
    for number in ("1", "2"):
        service.add("y", Layer(service.directory / f"generation-{number}"), features=[number])
    profile = service.directory / "profile"
    os.symlink("generation-1", profile)
    service.vendor.link("60-y", profile / "y.json")
    live.until_property("60-y", "Features", ["1"])
    for number in ("2", "1"):
        os.symlink(f"generation-{number}", f"{profile}.new")
        os.rename(f"{profile}.new", profile)
        live.until_property("60-y", "Features", [number])


def test_links_in_a_circle(service, store, live):
    service.vendor.link("60-y", store.path / "a")
    os.symlink(store.path / "b", store.path / "a")
    os.symlink(store.path / "a", store.path / "b")
    live.until(usable=["20-a", "50-x"], invalid=["60-y"])
    os.unlink(store.path / "b")
    shutil.copy(store.file("x"), store.path / "b")
    live.until(usable=["20-a", "50-x", "60-y"])


def test_target_that_is_no_longer_linked_is_silent(service, store, live):
    service.vendor.remove("50-x")
    live.until(usable=["20-a"])
    service.add("x", store, features=["new"])
    live.assert_silent()


def test_many_links_into_many_directories(service, live):
    for number in range(50):
        service.vendor.link(f"60-y{number:02}", service.add(
            "y", Layer(service.directory / "many" / str(number))))
    names = [f"60-y{number:02}" for number in range(50)]
    live.until(usable=["20-a", "50-x", *names])
    shutil.rmtree(service.directory / "many" / "17")
    names.remove("60-y17")
    live.until(usable=["20-a", "50-x", *names], invalid=["60-y17"])
