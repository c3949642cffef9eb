# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layers, and what in them is a descriptor."""

import os

import pytest

from lib.checks import assert_all_answers
from lib.descriptors import Layer


def test_files_of_all_layers_have_one_order(service):
    for layer, names in ((service.vendor, ["B", "60-x", "é"]), (service.admin, ["60-x-1", "100"])):
        for name in names:
            service.add(name, layer)
    client = service.start()
    assert client.names() == ["100", "60-x-1", "60-x", "B", "é"]
    assert [client.firmware(name)["Rank"] for name in client.names()] == [0, 1, 2, 3, 4]
    assert all(client.firmware(name)["Overrides"] == [] for name in client.names())


def test_same_name_in_three_layers(service):
    """Only the name counts: what is below is not asked, whatever it could answer."""
    top = Layer(service.directory / "top")
    paths = [service.add("x", layer) for layer in (service.vendor, service.admin)]
    paths.append(top.write("x", "{ broken"))
    client = service.start(search_path=[service.vendor, service.admin, top])
    firmware = client.firmware("x")
    assert (firmware["Path"], firmware["State"]) == (paths[2], "invalid")
    assert firmware["Overrides"] == [paths[1], paths[0]]
    assert client.capabilities("x86_64", "q35")["firmware"] == []


def test_mask_hides_the_name(service):
    hidden = service.add("x", service.vendor)
    service.add("y", service.vendor)
    mask = service.admin.link("x", "/dev/null")
    top = Layer(service.directory / "top")
    client = service.start(search_path=[service.vendor, service.admin, top])
    assert client.names() == ["y"]
    assert client.problems() == []
    assert_all_answers(client)
    service.add("x", top)
    client.reload()
    assert client.names() == ["x", "y"]
    assert client.firmware("x")["Overrides"] == [mask, hidden]


def test_layer_that_appears_later_is_read_at_reload(service):
    service.add("x", service.admin)
    layers = [service.vendor, service.directory / "missing", service.admin]
    client = service.start(search_path=layers)
    assert client.manager_property("SearchPath") == [str(layer) for layer in layers]
    assert client.names() == ["x"]
    assert client.problems() == []
    service.add("y", Layer(layers[1]))
    client.reload()
    assert client.names() == ["x", "y"]


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


def test_file_that_is_no_descriptor_is_none(service):
    service.add("good")
    for name, make in (("directory", os.mkdir), ("fifo", os.mkfifo),
                       ("device", lambda path: os.mknod(path, 0o020600, os.makedev(1, 5)))):
        make(service.admin.file(name))
    os.mkdir(service.admin.file("good"))
    client = service.start()
    assert client.names() == ["good"]
    assert client.problems() == []
    assert len(client.explain("x86_64", "q35")) == 1


@pytest.mark.parametrize("destination,reason", [("nowhere", "file-missing"),
                                                ("x.json", "file-unreadable")])
def test_dangling_or_looping_link_is_invalid(service, destination, reason):
    service.add("good")
    path = service.vendor.link("x", destination)
    client = service.start()
    firmware = client.firmware("x")
    assert (firmware["State"], firmware["Problems"]) == ("invalid", [f"{reason}:{path}"])
    assert client.problems() == [(path, f"{reason}:{path}")]
    assert client.verdicts("x86_64", "q35")[path][0] == "invalid"
    assert_all_answers(client)


def test_file_name_that_is_not_utf_8_is_told_and_not_listed(service):
    service.add("good")
    with open(os.fsencode(service.vendor) + b"/50-caf\xe9.json", "wb") as file:
        file.write(b"{}")
    client = service.start()
    assert client.names() == ["good"]
    assert len(client.explain("x86_64", "q35")) == 1
    (path, text), = client.problems()
    assert path == f"{service.vendor}/50-caf\\xe9.json" and text
    assert_all_answers(client)
