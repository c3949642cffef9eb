# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lists and objects of the catalog, and the Manager's properties, agree with one another."""

import pytest
from gi.repository import GLib

from lib import descriptors
from lib.checks import assert_all_answers, raises
from lib.client import (FIRMWARE, FIRMWARE_PATH, MANAGER, MANAGER_PATH, NO_SUCH_FIRMWARE,
                        firmware_path)

FIRMWARE_TYPES = {
    "Name": "s", "Path": "s", "Layer": "s", "State": "s", "Problems": "as", "Rank": "u",
    "Description": "s", "InterfaceTypes": "as", "Device": "s", "Mode": "s", "Executable": "(ss)",
    "NVRAMTemplate": "(ss)", "SecureBoot": "s", "Certificates": "a{ss}", "Health": "s",
    "Targets": "a(sas)", "Features": "as", "Tags": "as",
    "Overrides": "as",
}
MANAGER_TYPES = {
    "Version": "s", "Generation": "t", "SearchPath": "as", "StateDirectory": "s",
    "Problems": "a(ss)", "Architectures": "as", "HostFeatures": "as",
}


def fill(service):
    """One usable, one unusable, one invalid, one overridden, one masked."""
    service.add("50-usable", features=["a"])
    service.vendor.write("40-unusable", descriptors.flash("/nowhere/code.fd"))
    service.vendor.write("30-invalid", "[]")
    service.add("20-twice")
    service.add("20-twice", service.admin)
    service.add("10-masked")
    service.admin.write("10-masked", b"")
    return service.start()


def test_list_is_in_priority_order_with_states_and_objects(service):
    client = fill(service)
    assert client.manager("ListFirmware").get_type_string() == "(a(sso))"
    assert client.list_firmware() == [
        ("20-twice", "usable", firmware_path("20-twice")),
        ("30-invalid", "invalid", firmware_path("30-invalid")),
        ("40-unusable", "unusable", firmware_path("40-unusable")),
        ("50-usable", "usable", firmware_path("50-usable")),
    ]


def test_object_manager_equals_list_and_properties(service):
    client = fill(service)
    objects = client.managed_objects()
    assert set(objects) == {path for _, _, path in client.list_firmware()}
    for path, interfaces in objects.items():
        assert FIRMWARE in interfaces
        assert interfaces[FIRMWARE] == client.all_properties(path, FIRMWARE)
    assert_all_answers(client)


def test_firmware_properties_have_the_contracts_types(service):
    client = fill(service)
    for name in client.names():
        path = firmware_path(name)
        assert set(client.firmware(name)) == set(FIRMWARE_TYPES)
        for key, kind in FIRMWARE_TYPES.items():
            value = client.property_variant(path, FIRMWARE, key)
            assert value.get_type_string() == kind
            assert value.unpack() == client.firmware(name)[key]


def test_manager_properties_have_the_contracts_types(service):
    client = fill(service)
    assert set(client.all_properties(MANAGER_PATH, MANAGER)) == set(MANAGER_TYPES)
    for key, kind in MANAGER_TYPES.items():
        assert client.property_variant(MANAGER_PATH, MANAGER, key).get_type_string() == kind


def test_manager_properties(service):
    client = fill(service)
    properties = client.all_properties(MANAGER_PATH, MANAGER)
    assert properties["Version"]
    assert properties["Generation"] >= 1
    assert properties["SearchPath"] == [str(service.vendor), str(service.admin)]
    assert properties["StateDirectory"] == str(service.directory / "state")
    assert [path for path, _ in properties["Problems"]] == [
        service.vendor.file("30-invalid"), service.vendor.file("40-unusable")]
    assert properties["Architectures"] == ["x86_64"]


@pytest.mark.parametrize("name", ["", "50-usable.json", "10-masked", "x" * 300])
def test_no_such_firmware_names_the_name(service, name):
    client = fill(service)
    with raises(NO_SUCH_FIRMWARE, name[:200]):
        client.get_firmware(name)


def test_unknown_object_is_an_error_and_breaks_nothing(service):
    client = fill(service)
    with pytest.raises(Exception) as refused:
        client.firmware("no-such-one")
    assert refused.value.name.startswith("org.freedesktop.DBus.Error.Unknown")
    assert "Manager" in client.introspect(MANAGER_PATH)
    assert "ObjectManager" in client.introspect(FIRMWARE_PATH)


def test_properties_are_read_only(service):
    client = fill(service)
    with pytest.raises(Exception) as refused:
        client.call(MANAGER_PATH, "org.freedesktop.DBus.Properties", "Set",
                    GLib.Variant("(ssv)", (MANAGER, "Generation", GLib.Variant("t", 1))))
    assert refused.value.name in ("org.freedesktop.DBus.Error.PropertyReadOnly",
                                  "org.freedesktop.DBus.Error.AccessDenied")


def test_capabilities_of_what_passes(service):
    code, variables = service.pair()
    write = service.vendor.write
    write("a", descriptors.flash(code, variables, features=["x", "y"]))
    write("b", descriptors.flash(service.qcow2("c.qcow2"), fmt="qcow2", features=["y", "z"]))
    write("c", descriptors.by_filename("memory", service.raw("bios.bin", 65536),
                                       interface_types=["bios"], features=["y"]))
    client = service.start()
    raw = client.question("GetCapabilities", "x86_64", "q35", {}, "(a{sv})").get_child_value(0)
    assert {raw.lookup_value(key, None).get_type_string() for key in raw.keys()} == {"as"}
    assert raw.unpack() == {
        "firmware": ["a", "b", "c"], "interfaces": ["uefi", "bios"],
        "devices": ["flash", "memory"], "modes": ["split", "stateless"],
        "formats": ["raw", "qcow2"], "features": ["x", "y", "z"], "features-always": ["y"]}
