# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus policy, on a dbus-daemon that denies by default as a system bus does."""

import os
import xml.etree.ElementTree as ElementTree

import pytest

from lib import bus as buses
from lib import paths
from lib.service import Service
from lib.vms import run_as

from test_access import NOBODY, as_uid

POLICY = paths.REPOSITORY / "policy" / "org.vmfirmware1.conf"
DENY_BY_DEFAULT = buses.CONFIG.replace(
    '<allow own="*"/>\n    <allow send_destination="*" eavesdrop="false"/>',
    '<deny own="*"/>\n    <deny send_type="method_call"/>\n'
    '    <allow send_type="signal"/>\n'
    '    <allow send_requested_reply="true" send_type="method_return"/>\n'
    '    <allow send_requested_reply="true" send_type="error"/>\n'
    '    <allow send_destination="org.freedesktop.DBus"/>').replace(
        "</busconfig>", f"  <include>{POLICY}</include>\n</busconfig>")
DENIED = "org.freedesktop.DBus.Error.AccessDenied"


@pytest.fixture
def system(tmp_path):
    assert DENY_BY_DEFAULT.count("<deny") == 2
    private_bus = buses.PrivateBus(config=DENY_BY_DEFAULT)
    service = Service(private_bus, tmp_path)
    service.add("x")
    service.start()
    yield private_bus
    service.close()
    private_bus.close()


@pytest.mark.parametrize("uid", [0, NOBODY])
def test_all_may_read(system, uid):
    assert as_uid(system, uid, "client.names()") == ["['x']"]
    assert as_uid(system, uid, "client.select_name('x86_64', 'q35')") == ["x"]
    assert as_uid(system, uid, "client.capabilities('x86_64', 'q35')['firmware']") == ["['x']"]
    assert as_uid(system, uid, "client.verdict_of('x', 'x86_64', 'q35')[0]") == ["selected"]
    assert as_uid(system, uid, "client.manager_property('Generation')") == ["1"]
    assert as_uid(system, uid, "client.firmware('x')['State']") == ["usable"]
    assert as_uid(system, uid, "len(client.managed_objects())") == ["1"]


def test_the_service_decides_about_reload(system):
    assert as_uid(system, 0, "client.reload()") == ["None"]
    name, text = as_uid(system, NOBODY, "client.reload()")
    assert name == DENIED
    assert "reload" in text, "the service's own words, not those of the bus"


def test_what_is_not_named_is_denied(system):
    name, _ = as_uid(system, NOBODY, (
        "client.call('/org/vmfirmware1', 'org.freedesktop.DBus.Properties', 'Set', None)"))
    assert name == DENIED
    # the service would say that it has no such method
    name, _ = as_uid(system, NOBODY, "client.manager('NoSuchMethod', None)")
    assert name == DENIED


def test_the_policy_names_each_method_of_the_contract():
    policy = ElementTree.parse(POLICY)
    allowed = {(rule.get("send_interface"), rule.get("send_member"))
               for rule in policy.iter("allow")}
    for name in os.listdir(paths.INTERFACES):
        if not name.endswith(".xml"):
            continue
        for interface in ElementTree.parse(paths.INTERFACES / name).iter("interface"):
            for method in interface.iter("method"):
                assert (interface.get("name"), method.get("name")) in allowed


def test_no_call_brings_two_file_descriptors(system):
    lines = run_as(NOBODY, """
for count in (1, 2):
    fds = Gio.UnixFDList.new()
    for _ in range(count):
        fds.append(0)
    try:
        client.connection.call_with_unix_fd_list_sync(
            NAME, MANAGER_PATH, 'org.freedesktop.DBus.Peer', 'Ping', None, None,
            Gio.DBusCallFlags.NONE, 60000, fds, None)
        print('ok')
    except GLib.Error as error:
        print(Gio.DBusError.get_remote_error(error))
""", system)
    assert lines == ["ok", DENIED]
