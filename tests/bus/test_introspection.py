# SPDX-License-Identifier: LGPL-2.1-or-later
"""The live introspection is the contract, and is the XML that the project installs."""

import xml.etree.ElementTree as ElementTree

import pytest

from lib import paths
from lib.client import FIRMWARE, FIRMWARE_PATH, MANAGER, MANAGER_PATH, firmware_path
from lib.vms import VM, VMs

EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
ON_MACHINE = [("in", "architecture", "s"), ("in", "machine", "s")]
QUESTION = [*ON_MACHINE, ("in", "requirements", "a{sv}")]
MANAGER_CONTRACT = {
    "methods": {
        "Select": [*QUESTION, ("out", "firmware", "o"), ("out", "resolution", "a{sv}")],
        "Explain": [*QUESTION, ("out", "verdicts", "a(sssas)")],
        "GetCapabilities": [*QUESTION, ("out", "capabilities", "a{sv}")],
        "GetFirmware": [("in", "name", "s"), ("out", "firmware", "o")],
        "ListFirmware": [("out", "firmware", "a(sso)")],
        "PrepareVM": [("in", "id", "s"), *ON_MACHINE, ("in", "options", "a{sv}"),
                      ("out", "vm", "o"), ("out", "resolution", "a{sv}")],
        "GetVM": [("in", "id", "s"), ("in", "options", "a{sv}"), ("out", "vm", "o")],
        "ListVMs": [("in", "options", "a{sv}"), ("out", "vms", "a(susso)")],
        "ImportVM": [("in", "id", "s"), *ON_MACHINE, ("in", "nvram", "h"),
                     ("in", "options", "a{sv}"), ("out", "vm", "o"),
                     ("out", "resolution", "a{sv}")],
        "Reload": [],
    },
    "signals": {"CatalogChanged": [("generation", "t"), ("added", "as"), ("removed", "as"),
                                   ("changed", "as")],
                "VMAdded": [("id", "s"), ("owner", "u"), ("vm", "o")],
                "VMRemoved": [("id", "s"), ("owner", "u"), ("vm", "o")]},
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
OPTIONS = ("in", "options", "a{sv}")
VM_CONTRACT = {
    "methods": {
        "Acquire": [OPTIONS, ("out", "lease", "h")],
        "OpenNVRAM": [OPTIONS, ("out", "nvram", "h"), ("out", "lease", "h")],
        "Reset": [OPTIONS],
        "Rebind": [OPTIONS, ("out", "resolution", "a{sv}")],
        "Clone": [("in", "id", "s"), OPTIONS, ("out", "vm", "o")],
        "Rename": [("in", "id", "s"), ("out", "vm", "o")],
        "Export": [OPTIONS, ("out", "nvram", "h"), ("out", "size", "t")],
        "Import": [("in", "nvram", "h"), OPTIONS],
        "Remove": [OPTIONS],
    },
    "signals": {},
    "properties": {
        "Id": ("s", "read", "const"), "Owner": ("u", "read", "const"),
        "Created": ("t", "read", "const"), "Architecture": ("s", "read", "true"),
        "Machine": ("s", "read", "true"), "Firmware": ("s", "read", "true"),
        "NVRAM": ("(ss)", "read", "true"), "State": ("s", "read", "true"),
        "InUse": ("b", "read", "false"), "ExecutableDigest": ("s", "read", "true"),
        "TemplateDigest": ("s", "read", "true"),
    },
}
CONTRACT = {MANAGER: MANAGER_CONTRACT, FIRMWARE: FIRMWARE_CONTRACT, VM: VM_CONTRACT}


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
    vm_path = VMs(client).make("x").path
    for path in (MANAGER_PATH, FIRMWARE_PATH, firmware_path("x"), vm_path):
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
