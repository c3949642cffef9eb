# SPDX-License-Identifier: LGPL-2.1-or-later
"""The default layers, and the descriptors that the project brings for what nobody describes."""

import json
import os

import pytest

from lib import paths

BUILTIN = sorted(paths.builtin_directory().glob("*.json"))


@pytest.fixture
def client(service):
    """Of root's own service: the system's reads as nobody, who may not enter a checkout in a home."""
    return service.start(default_layers=True, kind="user",
                         environment={"XDG_CONFIG_HOME": str(service.directory / "config")})


def test_default_layers_of_the_system(service):
    client = service.start(default_layers=True)
    search_path = client.manager_property("SearchPath")
    assert len(search_path) == 3
    assert search_path[1:] == ["/usr/share/qemu/firmware", "/etc/qemu/firmware"]


def test_shipped_descriptors_are_the_builtin_layer(client):
    assert BUILTIN
    directory = client.manager_property("SearchPath")[0]
    for source in BUILTIN:
        firmware = client.firmware(source.stem)
        assert firmware["Layer"] == "builtin"
        assert firmware["Path"] == os.path.join(directory, source.name)
        assert "bios" in firmware["InterfaceTypes"]


def test_builtin_whose_image_is_absent_is_unusable_and_no_problem(client):
    told = {path for path, _ in client.problems()}
    states = set()
    for source in BUILTIN:
        filename = json.loads(source.read_text(encoding="utf-8"))["mapping"]["filename"]
        firmware = client.firmware(source.stem)
        states.add(firmware["State"])
        assert firmware["Path"] not in told
        if not os.path.exists(filename):
            assert firmware["State"] == "unusable"
            assert firmware["Problems"] == [f"file-missing:{filename}"]
    assert states == {"usable", "unusable"}, "this machine has some of the images, not all"


@pytest.mark.parametrize("machine", ["pc", "q35", "isapc", "microvm"])
@pytest.mark.parametrize("architecture", ["x86_64", "i386"])
def test_interface_bios_has_an_answer(client, architecture, machine):
    resolution = client.select(architecture, machine, interface="bios")
    assert resolution["executable"]["filename"].startswith("/usr/share/seabios/")


def test_builtin_layer_comes_last_in_a_plain_question(client):
    """A VM manager that asks for nothing in particular gets what its distribution prefers."""
    assert client.firmware(client.select_name("x86_64", "pc"))["Layer"] != "builtin"
