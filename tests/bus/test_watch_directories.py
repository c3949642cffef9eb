# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layers that come, go, are moved, and are reached through links that change."""

import os
import shutil

import pytest

from lib.descriptors import Layer


@pytest.fixture
def live(service, start_live):
    """A layer `top` three directories deep, of which there are none, above the other two."""
    service.add("20-a")
    service.deep = service.directory / "one" / "two" / "three"
    return start_live(search_path=[service.vendor, service.admin, service.deep])


def test_layer_that_was_not_there_comes(service, live):
    service.add("50-x", Layer(service.deep))
    live.until(usable=["20-a", "50-x"])


def test_its_ancestors_come_one_by_one(service, live):
    number = len(live.changes())
    for directory in (*reversed(service.deep.parents[:2]), service.deep):
        directory.mkdir()
        live.assert_silent()
    assert len(live.changes()) == number + 6
    service.add("50-x", Layer(service.deep))
    live.until(usable=["20-a", "50-x"])


def test_it_comes_whole_by_a_rename(service, live):
    service.add("50-x", Layer(service.directory / "new" / "two" / "three"))
    os.rename(service.directory / "new", service.directory / "one")
    live.until(usable=["20-a", "50-x"])


def test_it_comes_as_a_link(service, live):
    service.add("50-x", Layer(service.directory / "store" / "three"))
    os.mkdir(service.directory / "one")
    os.symlink(service.directory / "store", service.directory / "one" / "two")
    live.until(usable=["20-a", "50-x"])
    service.add("60-y", Layer(service.directory / "store" / "three"))
    live.until(usable=["20-a", "50-x", "60-y"])


def test_link_to_nowhere_that_gets_its_directory(service, live):
    os.mkdir(service.directory / "one")
    os.symlink(service.directory / "store" / "v1", service.directory / "one" / "two")
    live.assert_silent()
    service.add("50-x", Layer(service.directory / "store" / "v1" / "three"))
    live.until(usable=["20-a", "50-x"])


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_it_is_removed_and_comes_again(service, live, depth):
    """Removed whole, or with one or two of the directories above it; twice."""
    for _ in range(2):
        service.add("50-x", Layer(service.deep))
        live.until(usable=["20-a", "50-x"])
        shutil.rmtree([service.deep, *service.deep.parents][depth])
        live.until(usable=["20-a"])


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_it_is_removed_and_made_again_in_one_burst(service, live, depth):
    service.add("50-x", Layer(service.deep))
    live.until(usable=["20-a", "50-x"])
    with live.frozen():
        shutil.rmtree([service.deep, *service.deep.parents][depth])
        service.add("50-x", Layer(service.deep), features=["new"])
    live.until_property("50-x", "Features", ["new"])
    service.add("60-y", Layer(service.deep))
    live.until(usable=["20-a", "50-x", "60-y"])


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_it_is_renamed_away_and_back(service, live, depth):
    moved = [service.deep, *service.deep.parents][depth]
    service.add("50-x", Layer(service.deep))
    live.until(usable=["20-a", "50-x"])
    os.rename(moved, service.directory / "away")
    live.until(usable=["20-a"])
    service.add("60-y", Layer(service.directory / "away" / service.deep.relative_to(moved)))
    os.rename(service.directory / "away", moved)
    live.until(usable=["20-a", "50-x", "60-y"])


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_another_takes_its_place(service, live, depth):
    """The old one is renamed away and lives on: its watch must not be taken for the new one's."""
    moved = [service.deep, *service.deep.parents][depth]
    rest = service.deep.relative_to(moved)
    service.add("50-old", Layer(service.deep))
    service.add("60-new", Layer(service.directory / "next" / rest))
    live.until(usable=["20-a", "50-old"])
    with live.frozen():
        os.rename(moved, service.directory / "away")
        os.rename(service.directory / "next", moved)
    live.until(usable=["20-a", "60-new"])
    service.add("70-z", Layer(service.directory / "away" / rest))
    live.assert_silent()
    service.add("80-z", Layer(service.deep))
    live.until(usable=["20-a", "60-new", "80-z"])


def test_an_empty_one_is_renamed_over(service, live):
    service.deep.mkdir(parents=True)
    live.assert_silent()
    service.add("50-x", Layer(service.directory / "next"))
    os.rename(service.directory / "next", service.deep)
    live.until(usable=["20-a", "50-x"])
    service.add("60-y", Layer(service.deep))
    live.until(usable=["20-a", "50-x", "60-y"])


def test_a_file_takes_its_place(service, live):
    service.add("50-x", Layer(service.deep))
    live.until(usable=["20-a", "50-x"])
    shutil.rmtree(service.deep)
    service.deep.write_text("no directory")
    live.until(usable=["20-a"])
    os.unlink(service.deep)
    service.add("50-x", Layer(service.deep))
    live.until(usable=["20-a", "50-x"])


def swap(link, target):
    """As Nix and update-alternatives do it: at each moment the link leads somewhere."""
    os.symlink(target, f"{link}.new")
    os.rename(f"{link}.new", link)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_link_on_the_way_is_swapped(service, live, depth):
    link = [service.deep, *service.deep.parents][depth]
    rest = service.deep.relative_to(link)
    link.parent.mkdir(parents=True, exist_ok=True)
    for generation in ("g1", "g2", "g3"):
        service.add(f"50-{generation}", Layer(service.directory / "store" / generation / rest))
        swap(link, service.directory / "store" / generation)
        live.until(usable=["20-a", f"50-{generation}"])
    service.add("60-y", Layer(service.deep))
    live.until(usable=["20-a", "50-g3", "60-y"])


def test_a_link_behind_a_link_is_swapped(service, live):
    """one/two is a link to profile, which is a link that is swapped, relative ones both."""
    for generation in ("g1", "g2"):
        service.add(f"50-{generation}", Layer(service.directory / "store" / generation / "three"))
    os.symlink("store/g1", service.directory / "profile")
    os.mkdir(service.directory / "one")
    os.symlink("../profile", service.directory / "one" / "two")
    live.until(usable=["20-a", "50-g1"])
    swap(service.directory / "profile", "store/g2")
    live.until(usable=["20-a", "50-g2"])
    swap(service.directory / "profile", "store/g1")
    live.until(usable=["20-a", "50-g1"])


def test_links_that_lead_in_a_circle(service, live):
    os.symlink("one", service.directory / "one")
    live.assert_silent()
    os.unlink(service.directory / "one")
    service.add("50-x", Layer(service.deep))
    live.until(usable=["20-a", "50-x"])


def test_two_layers_that_are_the_same_directory(service, live):
    """One of them through a link: each event is about both."""
    os.mkdir(service.directory / "one")
    os.mkdir(service.directory / "one" / "two")
    os.symlink(service.vendor, service.deep)
    live.until_property("20-a", "Path", str(service.deep / "20-a.json"))
    service.add("50-x")
    live.until(usable=["20-a", "50-x"])
    assert live.client.firmware("50-x")["Overrides"] == [service.vendor.file("50-x")]
    os.unlink(service.deep)
    live.until_property("50-x", "Path", service.vendor.file("50-x"))


def test_removed_with_all_that_is_in_it_while_files_come(service, live):
    """Directories that come and go quickly leave nothing behind."""
    for number in range(20):
        service.add(f"50-x{number}", Layer(service.deep))
        shutil.rmtree(service.directory / "one")
    service.add("50-x", Layer(service.deep))
    live.until(usable=["20-a", "50-x"])
