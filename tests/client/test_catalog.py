# SPDX-License-Identifier: LGPL-2.1-or-later
"""list, show, host, reload: what there is."""

import json
import re

import pytest

from lib import descriptors
from lib.cli import properties_of

# what steers terminals, and of JSON all but line ends
CONTROL = re.compile("[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f]")
HOSTILE = "\x1b[31mred\x9b0m\x1f\x7f"


@pytest.fixture
def client(service):
    service.ovmf("50-ovmf", features=["secure-boot", "new-thing"], tags=["a tag"],
                 description="first of two")
    service.bios("60-bios", interface_types=["bios", "uefi"],
                 targets=[descriptors.target("x86_64", "pc-*"), descriptors.target("i386", "pc-*")])
    service.vendor.write("10-broken", "{")
    service.vendor.write("70-gone", descriptors.flash("/nonexistent/code.fd"))
    service.vendor.write("80-hostile", descriptors.by_filename(
        "memory", "/nonexistent/" + HOSTILE, description=HOSTILE))
    return service.start()


def test_list_is_a_table_in_order_of_priority(client, cli):
    lines = cli("list").splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["RANK", "NAME", "STATE", "LAYER", "INTERFACE", "DEVICE", "ARCHITECTURE"],
        ["0", "10-broken", "invalid", "custom"],
        ["1", "50-ovmf", "usable", "custom", "uefi", "flash", "x86_64"],
        ["2", "60-bios", "usable", "custom", "bios", "uefi", "memory", "x86_64", "i386"]]
    for heading in ("NAME", "STATE", "LAYER"):
        at = lines[0].index(heading)
        assert all(line[at - 1] == " " and line[at] != " " for line in lines[1:6])
    assert lines[6:] == ["", "5 firmware listed, 2 usable."]
    assert cli() == cli("list")


def test_list_without_legend_and_names_alone(client, cli):
    # how wide the columns are is libsmartcols' affair
    without, lines = cli("list", "--no-legend").splitlines(), cli("list").splitlines()
    assert [line.split() for line in without] == [line.split() for line in lines[1:-2]]
    assert cli("list", "--names").splitlines() == client.names()


def test_list_of_nothing(service, cli):
    service.start()
    assert cli("list") == "0 firmware listed, 0 usable.\n"
    assert cli("list", "--no-legend") == cli("list", "--names") == ""
    assert cli.json("list") == []


def as_json(properties):
    """What the man page says that a Firmware's properties are in JSON."""
    made = {"name": "Name", "path": "Path", "layer": "Layer", "state": "State",
            "problems": "Problems", "rank": "Rank", "description": "Description",
            "interface-types": "InterfaceTypes", "device": "Device", "mode": "Mode",
            "features": "Features", "tags": "Tags", "overrides": "Overrides",
            "secure-boot": "SecureBoot", "certificates": "Certificates", "health": "Health"}
    made = {key: properties[name] for key, name in made.items()}
    made["targets"] = [{"architecture": architecture, "machines": machines}
                       for architecture, machines in properties["Targets"]]
    for key, name in (("executable", "Executable"), ("nvram-template", "NVRAMTemplate")):
        if properties[name][0]:
            made[key] = dict(zip(("filename", "format"), properties[name]))
    return made


def test_json_says_every_property(client, cli):
    expected = [as_json(client.firmware(name)) for name in client.names()]
    assert cli.json("list") == expected
    assert [cli.json("show", name) for name in client.names()] == expected
    pretty = cli("list", "--json=pretty")
    assert json.loads(pretty) == expected and pretty.count("\n") > 50
    assert cli("list", "--json=short").count("\n") == 1
    assert cli("list", "--json=off") == cli("list")


def test_show(service, client, cli):
    shown = properties_of(cli("show", "50-ovmf"))
    assert shown == {
        "name": ["50-ovmf"], "description": ["first of two"], "state": ["usable"],
        "problems": ["-"], "rank": ["1"], "path": [service.vendor.file("50-ovmf")],
        "layer": ["custom"], "overrides": ["-"], "interface-types": ["uefi"], "device": ["flash"],
        "mode": ["split"], "executable": [f"{service.images}/50-ovmf-code.fd (raw)"],
        "nvram-template": [f"{service.images}/50-ovmf-vars.fd (raw)"],
        "health": ["damaged"], "secure-boot": ["-"], "certificates": ["-"],
        "targets": ["x86_64: pc-i440fx-*, pc-q35-*"], "features": ["secure-boot, new-thing"],
        "tags": ["a tag"]}
    assert properties_of(cli("show", "60-bios"))["targets"] == ["x86_64: pc-*", "i386: pc-*"]
    assert properties_of(cli("show", "70-gone"))["problems"] == [
        "file-missing:/nonexistent/code.fd"]


def test_what_comes_from_files_steers_no_terminal(client, cli):
    for words in (["show", "80-hostile"], ["explain", "x86_64", "q35"], ["host"], ["list"]):
        for form in ("off", "short", "pretty"):
            assert not CONTROL.search(cli(*words, f"--json={form}"))
    assert "\\x1b[31mred" in cli("show", "80-hostile")
    assert cli.json("show", "80-hostile")["description"] == HOSTILE


def test_host(service, client, cli):
    shown = properties_of(cli("host"))
    assert shown["version"] == [client.manager_property("Version")]
    assert shown["search-path"] == [str(service.vendor), str(service.admin)]
    assert shown["architectures"] == ["i386, x86_64"]
    assert len(shown["problems"]) == 3
    assert shown["problems"][0].startswith(service.vendor.file("10-broken") + ": parse-error:1:")

    told = cli.json("host")
    assert told["problems"] == [{"path": path, "text": text} for path, text in client.problems()]
    assert told["generation"] == client.generation()
    assert told["state-directory"] == client.manager_property("StateDirectory")
    assert set(told) == {"version", "generation", "search-path", "state-directory", "problems",
                         "architectures", "host-features"}


def test_reload(service, client, cli):
    service.stateless("20-new")
    assert cli("reload") == ""
    assert "20-new" in client.names()
    assert cli.json("reload") == cli.json("host")
