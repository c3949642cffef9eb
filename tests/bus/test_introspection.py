# SPDX-License-Identifier: LGPL-2.1-or-later
"""The live introspection is the contract, and is the XML that the project installs."""

import xml.etree.ElementTree as ElementTree

import pytest

from lib import paths
from lib.client import (FIRMWARE, FIRMWARE_PATH, LOG_CONTROL, LOG_CONTROL_PATH, MANAGER,
                        MANAGER_PATH, OBJECT_MANAGER, STATS, firmware_path)
from lib.introspection import VM_CONTRACT, children, interfaces, introspect
from lib.vms import VM, VMs

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
        "GetVMByPath": [("in", "nvram", "s"), ("in", "options", "a{sv}"), ("out", "vm", "o")],
        "ListVMs": [("in", "options", "a{sv}"), ("out", "vms", "a(susso)")],
        "ReportVMs": [("in", "options", "a{sv}"), ("out", "vms", "aa{sv}")],
        "ImportVM": [("in", "id", "s"), *ON_MACHINE, ("in", "nvram", "h"),
                     ("in", "options", "a{sv}"), ("out", "vm", "o"),
                     ("out", "resolution", "a{sv}")],
        "Reload": [],
        "ReadVariables": [("in", "store", "h"), ("in", "options", "a{sv}"),
                          ("out", "report", "a{sv}")],
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
        "SecureBoot": ("s", "read", "true"), "Certificates": ("a{ss}", "read", "true"),
        "Health": ("s", "read", "true"),
        "Targets": ("a(sas)", "read", "true"), "Features": ("as", "read", "true"),
        "Tags": ("as", "read", "true"), "Overrides": ("as", "read", "true"),
    },
}
LOG_CONTROL_CONTRACT = {
    "methods": {}, "signals": {},
    "properties": {
        "LogLevel": ("s", "readwrite", "false"), "LogTarget": ("s", "readwrite", "false"),
        "SyslogIdentifier": ("s", "read", "const"),
    },
}
STATS_CONTRACT = {"methods": {"GetStats": [("out", "statistics", "a{sv}")]}, "signals": {},
                  "properties": {}}
CONTRACT = {MANAGER: MANAGER_CONTRACT, STATS: STATS_CONTRACT, FIRMWARE: FIRMWARE_CONTRACT, VM: VM_CONTRACT,
            LOG_CONTROL: LOG_CONTROL_CONTRACT}


def described():
    found = {}
    for path in sorted(paths.INTERFACES.glob("*.xml")):
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
    for path in (MANAGER_PATH, FIRMWARE_PATH, firmware_path("x"), vm_path, LOG_CONTROL_PATH):
        found.update(interfaces(introspect(client, path)))
    return {name: value for name, value in found.items()
            if name == STATS or not name.startswith("org.freedesktop.DBus.")}


def test_described_xml_equals_the_live_introspection(live):
    assert described() == live


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
    assert "firmware" in children(client, MANAGER_PATH)
    assert {f"{FIRMWARE_PATH}/{name}" for name in children(client, FIRMWARE_PATH)} == {
        firmware_path("x"), firmware_path("1-ü")}


def test_object_manager_is_at_its_node_only(service):
    client = service.start()
    there = {path: OBJECT_MANAGER in interfaces(introspect(client, path))
             for path in (MANAGER_PATH, FIRMWARE_PATH)}
    assert there == {MANAGER_PATH: False, FIRMWARE_PATH: True}
