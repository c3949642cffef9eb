# SPDX-License-Identifier: LGPL-2.1-or-later
"""What counts as a descriptor, what masks one, and what is none."""

import os
import socket

import pytest

from lib.checks import assert_all_answers


def link_chain(service, path, length=3):
    """A link to a link to … to path; returns the first."""
    for index in range(length):
        link = service.directory / f"chain-{index}"
        link.symlink_to(path)
        path = link
    return path


MASKS = {
    "empty-file": lambda service: service.admin.write("x", b""),
    "null": lambda service: service.admin.link("x", "/dev/null"),
    "link-to-link-to-null": lambda service: service.admin.link(
        "x", link_chain(service, "/dev/null")),
    "link-to-empty-file": lambda service: service.admin.link(
        "x", service.raw("empty", 0)),
    "link-to-link-to-empty-file": lambda service: service.admin.link(
        "x", link_chain(service, service.raw("empty", 0))),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_mask_hides_the_name(service, mask):
    hidden = service.add("x", service.vendor)
    service.add("y", service.vendor)
    path = mask(service)
    client = service.start()
    assert client.names() == ["y"]
    assert client.select_name("x86_64", "q35") == "y"
    assert client.problems() == []
    verdicts = client.verdicts("x86_64", "q35")
    assert verdicts[path][0] == "masked"
    assert verdicts[hidden][0] == "overridden"
    assert f"overridden-by:{path}" in verdicts[hidden][1]
    assert [entry[1] for entry in client.explain("x86_64", "q35")][:2] == [path, hidden]
    assert_all_answers(client)


def test_mask_without_anything_below_is_no_firmware(service):
    path = service.admin.write("x", b"")
    client = service.start()
    assert client.names() == []
    assert client.explain("x86_64", "q35") == [("x", path, "masked", [])]


def test_more_specific_layer_lifts_a_mask(service):
    mask = service.vendor.write("x", b"")
    service.add("x", service.admin)
    client = service.start()
    assert client.names() == ["x"]
    assert client.firmware("x")["Overrides"] == [mask]
    assert client.select_name("x86_64", "q35") == "x"


def no_descriptor(name, make):
    return pytest.param(name, make, id=name)


def bind_socket(path):
    # A path longer than sun_path is reached through the directory.
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(os.path.dirname(path))
        socket.socket(socket.AF_UNIX).bind(os.path.basename(path))
    finally:
        os.fchdir(here)
        os.close(here)


def make_device(path):
    os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))


@pytest.mark.parametrize("name,make", [
    no_descriptor("directory.json", os.mkdir), no_descriptor("fifo.json", os.mkfifo),
    no_descriptor("socket.json", bind_socket), no_descriptor("device.json", make_device),
    no_descriptor("to-directory.json", lambda path: os.symlink("/tmp", path)),
    no_descriptor("to-device.json", lambda path: os.symlink("/dev/zero", path)),
])
def test_file_that_is_no_descriptor(service, name, make):
    service.add("good")
    make(str(service.vendor.path / name))
    client = service.start()
    assert client.names() == ["good"]
    assert client.problems() == []
    assert len(client.explain("x86_64", "q35")) == 1


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["directory", "fifo"])
def test_what_is_no_descriptor_overrides_nothing(service, make):
    path = service.add("x", service.vendor)
    make(service.admin.file("x"))
    client = service.start()
    assert client.firmware("x")["Path"] == path
    assert client.select_name("x86_64", "q35") == "x"


@pytest.mark.parametrize("name", [".hidden.json", ".json", "x.JSON", "x.json~", "x.json.bak",
                                  "x", "json", "xjson", "x.json5", "x.jsonc"])
def test_file_of_another_name_is_no_descriptor(service, name):
    content = open(service.add("good"), "rb").read()
    (service.vendor.path / name).write_bytes(content)
    client = service.start()
    assert client.names() == ["good"]
    assert client.problems() == []


def test_hidden_mask_masks_nothing(service):
    service.add("x", service.vendor)
    (service.admin.path / ".x.json").write_bytes(b"")
    assert service.start().names() == ["x"]


def test_link_to_a_regular_file_is_a_descriptor(service):
    content = open(service.add("y"), "rb").read()
    elsewhere = service.directory / "elsewhere.txt"
    elsewhere.write_bytes(content)
    service.vendor.link("x", link_chain(service, elsewhere))
    client = service.start()
    assert client.names() == ["x", "y"]
    assert client.firmware("x")["Path"] == service.vendor.file("x")
    assert client.select("x86_64", "q35")["descriptor"] == service.vendor.file("x")


def test_relative_link_is_followed_from_its_own_directory(service):
    service.add("y", service.vendor)
    service.admin.link("x", "../vendor/y.json")
    assert service.start().names() == ["x", "y"]


@pytest.mark.parametrize("destination", ["nowhere", "/nowhere/at/all", "x.json",
                                         "/dev/null/below"])
def test_dangling_or_looping_link_is_invalid(service, destination):
    service.add("good")
    path = service.vendor.link("x", destination)
    client = service.start()
    assert client.state("x") == "invalid"
    assert client.firmware("x")["Path"] == path
    assert client.firmware("x")["Problems"]
    assert [found for found, _ in client.problems()] == [path]
    assert client.verdicts("x86_64", "q35")[path][0] == "invalid"
    assert client.select_name("x86_64", "q35") == "good"
    assert_all_answers(client)


def test_dangling_link_takes_the_place_of_a_good_file(service):
    below = service.add("x", service.vendor)
    service.admin.link("x", "nowhere")
    client = service.start()
    assert client.state("x") == "invalid"
    assert client.firmware("x")["Overrides"] == [below]
    assert client.capabilities("x86_64", "q35")["firmware"] == []


@pytest.mark.parametrize("raw", [b"\xff\xfe.json", b"50-caf\xe9.json", b"cut-\xe2\x82.json"],
                         ids=ascii)
def test_file_name_that_is_not_utf_8_is_told_and_not_listed(service, raw):
    content = open(service.add("good"), "rb").read()
    with open(os.fsencode(service.vendor) + b"/" + raw, "wb") as file:
        file.write(content)
    client = service.start()
    assert client.names() == ["good"]
    assert len(client.explain("x86_64", "q35")) == 1
    (path, text), = client.problems()
    bad = next(byte for byte in raw if byte >= 0x80)
    assert path.startswith(str(service.vendor))
    assert f"\\x{bad:02x}" in path
    assert text
    assert_all_answers(client)
    service.vendor.remove("good")
    client.reload()
    assert client.names() == []
    assert len(client.problems()) == 1


def test_descriptor_that_cannot_be_opened_is_invalid(service):
    """ELOOP after forty links: root reads every mode, so a mode would prove nothing."""
    service.add("good")
    path = service.vendor.link("x", link_chain(service, service.vendor.file("good"), 60))
    client = service.start()
    assert client.state("x") == "invalid"
    assert [found for found, _ in client.problems()] == [path]
