# SPDX-License-Identifier: LGPL-2.1-or-later
"""The live introspection is the contract, and is the XML that the project installs."""

import xml.etree.ElementTree as ElementTree

import pytest

from lib import paths
from lib.client import FIRMWARE, FIRMWARE_PATH, MANAGER, MANAGER_PATH, firmware_path

EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
QUESTION = [("in", "architecture", "s"), ("in", "machine", "s"), ("in", "requirements", "a{sv}")]
MANAGER_CONTRACT = {
    "methods": {
        "Select": [*QUESTION, ("out", "firmware", "o"), ("out", "resolution", "a{sv}")],
        "Explain": [*QUESTION, ("out", "verdicts", "a(sssas)")],
        "GetCapabilities": [*QUESTION, ("out", "capabilities", "a{sv}")],
        "GetFirmware": [("in", "name", "s"), ("out", "firmware", "o")],
        "ListFirmware": [("out", "firmware", "a(sso)")],
        "Reload": [],
    },
    "signals": {"CatalogChanged": [("generation", "t"), ("added", "as"), ("removed", "as"),
                                   ("changed", "as")]},
    "properties": {
        "Version": ("s", "read", "const"), "Generation": ("t", "read", "true"),
        "SearchPath": ("as", "read", "true"), "StateDirectory": ("s", "read", "const"),
        "Problems": ("a(ss)", "read", "invalidates"), "Architectures": ("as", "read", "true"),
        "HostFeatures": ("as", "read", "true"),
    },
}
FIRMWARE_CONTRACT = {
    "methods": {}, "signals": {},
    "properties": {
        "Name": ("s", "read", "const"), "Path": ("s", "read", "true"),
        "Layer": ("s", "read", "true"), "State": ("s", "read", "true"),
        "Problems": ("as", "read", "true"), "Rank": ("u", "read", "false"),
        "Description": ("s", "read", "true"), "InterfaceTypes": ("as", "read", "true"),
        "Device": ("s", "read", "true"), "Mode": ("s", "read", "true"),
        "Executable": ("(ss)", "read", "true"), "NVRAMTemplate": ("(ss)", "read", "true"),
        "Targets": ("a(sas)", "read", "true"), "Features": ("as", "read", "true"),
        "Tags": ("as", "read", "true"), "Overrides": ("as", "read", "true"),
    },
}
CONTRACT = {MANAGER: MANAGER_CONTRACT, FIRMWARE: FIRMWARE_CONTRACT}


def emits(element, default="true"):
    for annotation in element.findall("annotation"):
        if annotation.get("name") == EMITS:
            return annotation.get("value")
    return default


def described(interface):
    """One <interface> element as plain values; comments and white space do not count."""
    default = emits(interface)
    return {
        "methods": {method.get("name"): [
            (arg.get("direction", "in"), arg.get("name"), arg.get("type"))
            for arg in method.findall("arg")] for method in interface.findall("method")},
        "signals": {signal.get("name"): [(arg.get("name"), arg.get("type"))
                                         for arg in signal.findall("arg")]
                    for signal in interface.findall("signal")},
        "properties": {prop.get("name"): (prop.get("type"), prop.get("access"),
                                          emits(prop, default))
                       for prop in interface.findall("property")},
    }


def interfaces(root):
    return {element.get("name"): described(element) for element in root.iter("interface")}


def installed():
    found = {}
    for path in sorted(paths.INTERFACES.glob("org.vmfirmware1.*.xml")):
        here = interfaces(ElementTree.parse(path).getroot())
        assert list(here) == [path.stem], f"{path.name} holds the one interface of its name"
        found.update(here)
    return found


@pytest.fixture
def live(service):
    service.add("x")
    client = service.start()
    found = {}
    for path in (MANAGER_PATH, FIRMWARE_PATH, firmware_path("x")):
        found.update(interfaces(ElementTree.fromstring(client.introspect(path))))
    return {name: value for name, value in found.items() if name.startswith("org.vmfirmware1.")}


def test_installed_xml_equals_the_live_introspection(live):
    assert installed() == live


def test_only_interfaces_that_work_are_there(live):
    assert set(live) == set(CONTRACT)


@pytest.mark.parametrize("name", CONTRACT)
@pytest.mark.parametrize("kind", ["methods", "signals", "properties"])
def test_members_are_the_contracts(live, name, kind):
    assert live[name][kind] == CONTRACT[name][kind]


def test_tree_of_objects(service):
    service.add("x")
    service.add("1-ü")
    client = service.start()
    root = ElementTree.fromstring(client.introspect(MANAGER_PATH))
    assert "firmware" in [node.get("name") for node in root.findall("node")]
    nodes = ElementTree.fromstring(client.introspect(FIRMWARE_PATH)).findall("node")
    assert {f"{FIRMWARE_PATH}/{node.get('name')}" for node in nodes} == {
        firmware_path("x"), firmware_path("1-ü")}


def test_object_manager_is_at_its_node_only(service):
    client = service.start()
    there = {path: "org.freedesktop.DBus.ObjectManager" in interfaces(
        ElementTree.fromstring(client.introspect(path))) for path in (MANAGER_PATH, FIRMWARE_PATH)}
    assert there == {MANAGER_PATH: False, FIRMWARE_PATH: True}
