# SPDX-License-Identifier: LGPL-2.1-or-later
"""Generation and the signals over Reload: exactly what differs, and nothing where nothing does."""

import os
from pathlib import Path

import pytest
from gi.repository import Gio, GLib

from lib import descriptors, wait
from lib.client import (FIRMWARE, FIRMWARE_PATH, MANAGER, MANAGER_PATH, OBJECT_MANAGER, PROPERTIES,
                        firmware_path)
from lib.config import write_config
from lib.descriptors import target

# far longer than any test: what happens does not happen because of this one
NEVER = 3600000


@pytest.fixture
def client(service):
    """Three firmwares, and everything that the service signals from now on.

    The quiet time never comes: it is Reload that tells of what the tests do.
    """
    for name in ("20-b", "40-d", "60-f"):
        service.add(name)
    client = service.start(arguments=[write_config(
        service.directory, QuietMSec=NEVER, MaxQuietMSec=NEVER)])
    service.watch()
    return client


def reload(service):
    """Reload; the signals that it made, as (path, interface, member, arguments)."""
    before = len(service.signals.sync())
    service.client.reload()
    return service.signals.sync()[before:]


def members(signals, member):
    return [(path, arguments) for path, _, found, arguments in signals if found == member]


def assert_one_change(service, signals, generation, added=(), removed=(), changed=()):
    """One CatalogChanged with this, and InterfacesAdded and Removed for the same objects."""
    assert members(signals, "CatalogChanged") == [
        (MANAGER_PATH, (generation, list(added), list(removed), list(changed)))]
    assert service.client.generation() == generation
    came = members(signals, "InterfacesAdded")
    gone = members(signals, "InterfacesRemoved")
    assert {path for path, _ in came + gone} <= {FIRMWARE_PATH}
    assert sorted(arguments[0] for _, arguments in came) == sorted(map(firmware_path, added))
    assert sorted(arguments[0] for _, arguments in gone) == sorted(map(firmware_path, removed))
    for _, (path, interfaces) in came:
        assert interfaces[FIRMWARE] == service.client.all_properties(path, FIRMWARE)
    assert all(FIRMWARE in interfaces for _, (_, interfaces) in gone)
    generations = [arguments[1]["Generation"] for path, arguments
                   in members(signals, "PropertiesChanged")
                   if path == MANAGER_PATH and "Generation" in arguments[1]]
    assert generations == [generation]


def test_no_difference_no_signal_and_no_generation(service, client):
    generation = client.generation()
    os.utime(service.vendor.file("20-b"), (1, 1))
    with open(service.vendor.file("40-d"), "a", encoding="utf-8") as file:
        file.write("\n \n")
    os.mkfifo(service.vendor.file("50-fifo"))
    assert reload(service) == []
    assert reload(service) == []
    assert client.generation() == generation


def test_removed(service, client):
    generation = client.generation()
    service.vendor.remove("20-b")
    service.vendor.remove("60-f")
    assert_one_change(service, reload(service), generation + 1, removed=["20-b", "60-f"])
    assert client.names() == ["40-d"]
    with pytest.raises(Exception):
        client.firmware("20-b")


def test_changed(service, client):
    generation = client.generation()
    service.add("40-d", features=["new"])
    signals = reload(service)
    assert_one_change(service, signals, generation + 1, changed=["40-d"])
    changes = [arguments for path, arguments in members(signals, "PropertiesChanged")
               if path == firmware_path("40-d")]
    assert [(interface, dict(now), gone) for interface, now, gone in changes] == [
        (FIRMWARE, {"Features": ["new"]}, [])]


def test_all_three_at_once(service, client):
    generation = client.generation()
    service.add("30-c")
    service.vendor.remove("60-f")
    service.add("40-d", description="other")
    signals = reload(service)
    assert_one_change(service, signals, generation + 1, added=["30-c"], removed=["60-f"],
                      changed=["40-d"])
    assert client.names() == ["20-b", "30-c", "40-d"]
    # its rank is not told, which each firmware after a new one has another of
    assert client.firmware("40-d")["Rank"] == 2
    assert not [arguments for path, arguments in members(signals, "PropertiesChanged")
                if path.startswith(FIRMWARE_PATH) and "Rank" in arguments[1]]


def test_same_contents_from_another_layer_is_a_change_of_path(service, client):
    generation = client.generation()
    service.add("20-b", service.admin)
    signals = reload(service)
    assert_one_change(service, signals, generation + 1, changed=["20-b"])
    (_, (_, now, _)), = [signal for signal in members(signals, "PropertiesChanged")
                         if signal[0] == firmware_path("20-b")]
    assert set(now) == {"Path", "Overrides"}


def test_link_that_leads_to_another_image(service, client):
    """Nothing of a firmware differs but which file it is, as the requirement executable asks."""
    code = service.images / "other.fd"
    service.vendor.write("70-file", descriptors.flash(service.raw("other.fd")))
    link = service.images / "link.fd"
    link.symlink_to(code)
    service.vendor.write("65-link", descriptors.flash(link))
    reload(service)
    generation = client.generation()
    assert client.select_name("x86_64", "q35", executable=str(code)) == "65-link"
    copy = service.raw("copy.fd")
    link.unlink()
    link.symlink_to(copy)
    assert_one_change(service, reload(service), generation + 1)
    assert client.select_name("x86_64", "q35", executable=str(code)) == "70-file"
    # a package brings the same images again
    for path in (code, copy):
        Path(path).rename(f"{path}.old")
    for name in ("other.fd", "copy.fd"):
        service.raw(name)
    assert reload(service) == []
    assert client.generation() == generation + 1


def test_image_that_goes_changes_each_firmware_that_names_it(service, client):
    generation = client.generation()
    other = service.raw("other.fd")
    service.vendor.write("70-g", descriptors.flash(other))
    reload(service)
    os.unlink(other)
    signals = reload(service)
    assert_one_change(service, signals, generation + 2, changed=["70-g"])
    (_, (_, now, _)), = [signal for signal in members(signals, "PropertiesChanged")
                         if signal[0] == firmware_path("70-g")]
    assert now == {"State": "unusable", "Problems": [f"file-missing:{other}"]}


def test_problems_are_invalidated_when_they_differ(service, client):
    service.vendor.write("50-bad", "{")
    signals = reload(service)
    invalidated = {name for path, (interface, _, names) in members(signals, "PropertiesChanged")
                   if (path, interface) == (MANAGER_PATH, MANAGER) for name in names}
    assert invalidated == {"Problems"}
    service.add("10-a")
    signals = reload(service)
    assert not [names for path, (_, _, names) in members(signals, "PropertiesChanged")
                if path == MANAGER_PATH and names]


def test_architectures_are_signalled_when_they_differ(service, client):
    service.vendor.write("10-a", descriptors.by_filename(
        "memory", service.raw("bios.bin", 65536), targets=[target("aarch64", "virt-*")]))
    signals = reload(service)
    now = [arguments[1] for path, arguments in members(signals, "PropertiesChanged")
           if path == MANAGER_PATH]
    told = [sorted(values["Architectures"]) for values in now if "Architectures" in values]
    assert told == [["aarch64", "x86_64"]]
    service.add("11-a")
    now = [arguments[1] for path, arguments in members(reload(service), "PropertiesChanged")
           if path == MANAGER_PATH]
    assert not [values for values in now if "Architectures" in values or "SearchPath" in values]


def test_catalog_changed_comes_last_and_once(service, client):
    service.add("10-a")
    service.vendor.remove("40-d")
    service.add("60-f", features=["x"])
    service.vendor.write("70-bad", "{")
    signals = reload(service)
    order = [member for _, _, member, _ in signals]
    assert order.count("CatalogChanged") == 1
    assert order[-1] == "CatalogChanged"
    assert {"InterfacesAdded", "InterfacesRemoved", "PropertiesChanged"} <= set(order)
    assert {interface for _, interface, _, _ in signals} == {MANAGER, OBJECT_MANAGER, PROPERTIES}


def test_objects_are_right_when_catalog_changed_arrives(service, client):
    service.add("10-a")
    service.vendor.remove("40-d")
    seen = []

    def look(signal):
        if signal[2] == "CatalogChanged":
            seen.append((client.generation() == signal[3][0], client.names(),
                         set(client.managed_objects()), client.firmware("10-a")["State"]))

    service.signals.hooks.append(look)
    client.reload()
    wait.until(lambda: seen, "CatalogChanged")
    names = ["10-a", "20-b", "60-f"]
    assert seen == [(True, names, set(map(firmware_path, names)), "usable")]


def test_two_reloads_at_once_are_both_answered(service, client):
    generation = client.generation()
    service.add("10-a")
    answers = []

    def answered(connection, result):
        answers.append(connection.call_finish(result))

    for _ in range(10):
        client.connection.call(
            "org.vmfirmware1", MANAGER_PATH, MANAGER, "Reload", None, GLib.VariantType("()"),
            Gio.DBusCallFlags.NONE, 60000, None, answered)
    wait.until(lambda: len(answers) == 10, "ten answers")
    assert client.generation() == generation + 1
    assert service.signals.catalog_changes() == [(generation + 1, ["10-a"], [], [])]


def test_change_before_a_second_reload_is_in_the_catalog_when_it_answers(service, client):
    """A Reload that comes while another runs must not be answered with what that one saw."""
    connection = client.connection
    done = []
    for index in range(20):
        connection.call("org.vmfirmware1", MANAGER_PATH, MANAGER, "Reload", None, None,
                        Gio.DBusCallFlags.NONE, 60000, None,
                        lambda source, result: done.append(source.call_finish(result)))
        connection.flush_sync(None)
        service.add(f"70-{index:02}")
        client.reload()
        assert f"70-{index:02}" in client.names()
    wait.until(lambda: len(done) == 20, "all answers")


def test_questions_during_a_reload_see_one_whole_catalog(service, client):
    """Two firmwares come and go together: no answer shows one without the other."""
    seen = set()
    done = []
    for index in range(30):
        for name in ("80-x", "90-y"):
            service.add(name) if index % 2 == 0 else service.vendor.remove(name)
        client.connection.call("org.vmfirmware1", MANAGER_PATH, MANAGER, "Reload", None, None,
                               Gio.DBusCallFlags.NONE, 60000, None,
                               lambda source, result: done.append(source.call_finish(result)))
        while len(done) <= index:
            seen.add(tuple(client.names()))
            wait.drain()
    assert seen <= {("20-b", "40-d", "60-f"), ("20-b", "40-d", "60-f", "80-x", "90-y")}
