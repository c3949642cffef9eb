# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layers: one order over all of them, and what takes the place of what."""

import os

import pytest

from lib import descriptors
from lib.checks import assert_all_answers
from lib.descriptors import Layer


def test_files_of_all_layers_are_sorted_by_name_bytewise(service):
    for layer, names in ((service.vendor, ["B", "a", "60-x", "Z", "é"]),
                         (service.admin, ["50-x", "60-x.y", "60-x-1", "60-X", "~", "100"])):
        for name in names:
            service.add(name, layer)
    client = service.start()
    names = ["100", "50-x", "60-X", "60-x-1", "60-x", "60-x.y", "B", "Z", "a", "~", "é"]
    assert client.names() == sorted(
        names, key=lambda name: f"{name}.json".encode()), "sorted by file name"
    assert [client.firmware(name)["Rank"] for name in client.names()] == list(range(len(names)))
    assert client.select_name("x86_64", "q35") == "100"


def test_more_specific_layer_takes_the_place_of_the_same_name(service):
    below = service.add("50-x", service.vendor, description="vendor's")
    above = service.add("50-x", service.admin, description="admin's")
    client = service.start()
    assert client.names() == ["50-x"]
    firmware = client.firmware("50-x")
    assert (firmware["Path"], firmware["Description"]) == (above, "admin's")
    assert firmware["Overrides"] == [below]
    assert client.select("x86_64", "q35")["descriptor"] == above


def test_same_name_in_three_layers(service):
    top = Layer(service.directory / "top")
    paths = [service.add("x", layer) for layer in (service.vendor, service.admin, top)]
    client = service.start(search_path=[service.vendor, service.admin, top])
    assert client.firmware("x")["Path"] == paths[2]
    assert sorted(client.firmware("x")["Overrides"]) == sorted(paths[:2])
    verdicts = client.explain("x86_64", "q35")
    assert [path for _, path, _, _ in verdicts] == [paths[2], paths[1], paths[0]]
    assert [verdict for _, _, verdict, _ in verdicts] == ["selected", "overridden", "overridden"]
    for path in paths[:2]:
        assert f"overridden-by:{paths[2]}" in client.verdicts("x86_64", "q35")[path][1]


def test_invalid_file_takes_the_place_all_the_same(service):
    below = service.add("50-x", service.vendor)
    above = service.admin.write("50-x", "{ broken")
    service.add("60-y")
    client = service.start()
    assert client.firmware("50-x")["State"] == "invalid"
    assert client.firmware("50-x")["Overrides"] == [below]
    assert client.select_name("x86_64", "q35") == "60-y"
    verdicts = client.verdicts("x86_64", "q35")
    assert verdicts[above][0] == "invalid"
    assert verdicts[below][0] == "overridden"
    assert f"overridden-by:{above}" in verdicts[below][1]


def test_firmware_that_overrides_nothing_has_no_overrides(service):
    service.add("50-x", service.vendor)
    service.add("60-x", service.admin)
    client = service.start()
    assert all(client.firmware(name)["Overrides"] == [] for name in client.names())


def test_search_path_is_told_as_given(service):
    missing = service.directory / "missing"
    client = service.start(search_path=[service.vendor, missing, service.admin])
    assert client.manager_property("SearchPath") == [
        str(service.vendor), str(missing), str(service.admin)]


def test_missing_layer_is_no_error(service):
    service.add("x", service.admin)
    client = service.start(search_path=[service.directory / "missing", service.admin])
    assert client.names() == ["x"]
    assert client.problems() == []


def test_no_layer_at_all_gives_an_empty_catalog(service):
    client = service.start(search_path=[service.directory / "missing"])
    assert client.list_firmware() == []
    assert client.managed_objects() == {}
    assert client.explain("x86_64", "q35") == []


def test_layer_that_appears_later_is_read_at_reload(service):
    missing = service.directory / "missing"
    client = service.start(search_path=[missing])
    service.add("x", Layer(missing))
    client.reload()
    assert client.names() == ["x"]


@pytest.mark.parametrize("make", [
    lambda path: path.write_text("a file"), os.mkfifo, lambda path: path.symlink_to(path.name),
    lambda path: path.symlink_to("nowhere"),
], ids=["file", "fifo", "looping-link", "dangling-link"])
def test_layer_that_cannot_be_read_is_no_error(service, make):
    make(service.directory / "odd")
    service.add("x", service.admin)
    client = service.start(search_path=[service.directory / "odd", service.admin])
    assert client.names() == ["x"]
    assert_all_answers(client)


def test_layer_that_is_a_link_to_a_directory_is_read(service):
    service.add("x", service.vendor)
    (service.directory / "link").symlink_to(service.vendor.path)
    client = service.start(search_path=[service.directory / "link"])
    assert client.names() == ["x"]
    assert client.firmware("x")["Path"] == str(service.directory / "link" / "x.json")


def test_default_layers_have_their_names(service):
    service.add("x", service.admin)
    client = service.start(search_path=["/usr/share/qemu/firmware", service.admin])
    assert client.firmware("60-edk2-x86_64")["Layer"] == "vendor"
    assert client.firmware("x")["Layer"] == "custom"


def test_override_may_have_other_contents(service):
    """Only the name counts: what is below is not asked, whatever it could answer."""
    service.add("x", service.vendor, features=["wanted"])
    service.add("x", service.admin, targets=[descriptors.target("aarch64", "virt-*")])
    client = service.start()
    assert client.explain("x86_64", "q35", features=["wanted"])[0][2] == "rejected"
    assert client.capabilities("x86_64", "q35")["firmware"] == []
