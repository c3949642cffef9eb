# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lists and objects of the catalog, and the Manager's properties, agree with one another."""

import pytest

from lib import descriptors
from lib.checks import assert_all_answers, raises
from lib.client import (FIRMWARE, FIRMWARE_PATH, MANAGER, MANAGER_PATH, NO_SUCH_FIRMWARE,
                        firmware_path)
from lib.descriptors import target

FIRMWARE_TYPES = {
    "Name": "s", "Path": "s", "Layer": "s", "State": "s", "Problems": "as", "Rank": "u",
    "Description": "s", "InterfaceTypes": "as", "Device": "s", "Mode": "s", "Executable": "(ss)",
    "NVRAMTemplate": "(ss)", "Targets": "a(sas)", "Features": "as", "Tags": "as",
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


def test_rank_counts_from_0_in_order(service):
    client = fill(service)
    assert [client.firmware(name)["Rank"] for name in client.names()] == [0, 1, 2, 3]


def test_get_firmware_returns_the_object(service):
    client = fill(service)
    for name, _, path in client.list_firmware():
        assert client.get_firmware(name) == path


@pytest.mark.parametrize("name", ["", "nowhere", "50-usable.json", "10-masked", "../50-usable",
                                  "x" * 300, "50-USABLE", "/org/vmfirmware1/firmware/x"])
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
    from gi.repository import GLib
    with pytest.raises(Exception) as refused:
        client.call(MANAGER_PATH, "org.freedesktop.DBus.Properties", "Set",
                    GLib.Variant("(ssv)", (MANAGER, "Generation", GLib.Variant("t", 1))))
    assert refused.value.name in ("org.freedesktop.DBus.Error.PropertyReadOnly",
                                  "org.freedesktop.DBus.Error.AccessDenied")


def test_architectures_are_those_of_the_catalog(service):
    service.add("a", targets=[target("x86_64", "*"), target("i386", "*")])
    service.add("b", targets=[target("aarch64", "virt-*"), target("x86_64", "*")])
    architectures = service.start().manager_property("Architectures")
    assert sorted(architectures) == ["aarch64", "i386", "x86_64"]


def test_capabilities_of_what_passes(service):
    code, variables = service.pair()
    write = service.vendor.write
    write("a", descriptors.flash(code, variables, features=["x", "y"]))
    write("b", descriptors.flash(service.qcow2("c.qcow2"), fmt="qcow2", features=["y", "z"]))
    write("c", descriptors.by_filename("memory", service.raw("bios.bin", 65536),
                                       interface_types=["bios"], features=["y"]))
    write("d", descriptors.flash("/nowhere/code.fd", features=["unusable"]))
    client = service.start()
    raw = client.question("GetCapabilities", "x86_64", "q35", {}, "(a{sv})").get_child_value(0)
    assert {key: raw.lookup_value(key, None).get_type_string() for key in raw.keys()} == {
        key: "as" for key in ("firmware", "interfaces", "devices", "modes", "formats", "features",
                              "features-always")}
    capabilities = raw.unpack()
    assert capabilities["firmware"] == ["a", "b", "c"]
    assert set(capabilities["interfaces"]) == {"uefi", "bios"}
    assert set(capabilities["devices"]) == {"flash", "memory"}
    assert {"split", "stateless"} == set(capabilities["modes"])
    assert set(capabilities["formats"]) == {"raw", "qcow2"}
    assert set(capabilities["features"]) == {"x", "y", "z"}
    assert capabilities["features-always"] == ["y"]
    for value in capabilities.values():
        assert len(value) == len(set(value))
    secure = client.capabilities("x86_64", "q35", features=["z"])
    assert secure["firmware"] == ["b"] and set(secure["features-always"]) == {"y", "z"}


def test_capabilities_of_nothing_are_empty(service):
    service.add("a", features=["x"])
    capabilities = service.start().capabilities("aarch64", "virt")
    assert set(capabilities) == {"firmware", "interfaces", "devices", "modes", "formats",
                                 "features", "features-always"}
    assert not any(capabilities.values())


def test_a_thousand_descriptors(service):
    for index in range(1000):
        service.add(f"{index:04}")
    client = service.start()
    assert client.names() == [f"{index:04}" for index in range(1000)]
    assert len(client.managed_objects()) == 1000
    assert client.select_name("x86_64", "q35", firmware="0999") == "0999"
