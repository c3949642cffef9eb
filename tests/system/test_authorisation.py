# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what: every method, on own and on others' VMs, asked of the real polkitd."""

import xml.etree.ElementTree as ElementTree

import pytest

from lib import paths, vmstate
from lib.checks import is_denied_by_bus
from lib.client import ACCESS_DENIED
from lib.machine import STATE

INTERACTIVE = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"

READING = {
    "Select": "client.select_name('x86_64', 'q35')",
    "Explain": "len(client.explain('x86_64', 'q35')) > 5",
    "GetCapabilities": "'uefi' in client.capabilities('x86_64', 'q35')['interfaces']",
    "GetFirmware": "client.get_firmware(client.names()[0])",
    "ListFirmware": "len(client.names()) > 5",
    "GetVM": "vms.get('vm', owner={owner})",
    "GetVMByPath": "vms.by_path(vms.at('vm', {owner}).nvram())",
    "ListVMs": "sorted(vms.listed(all=True))",
    "GetResolution": "vms.at('vm', {owner}).get_resolution(check=True)['name']",
    "ReportVMs": "sorted(vms.report(all=True))",
    "Get": "vms.at('vm', {owner}).get('NVRAM')",
    "GetAll": "client.firmware(client.names()[0])['State'], "
              "vms.at('vm', {owner}).properties()['State']",
    "GetManagedObjects": "len(client.managed_objects()) > 5",
    "Introspect": "'PrepareVM' in client.introspect('/org/vmfirmware1')",
    "Ping": "client.ping()",
}
# of the VM `vm`, which {owner} has
CHANGING = {
    "PrepareVM": "vms.prepare('new', owner={owner})['pinned']",
    "PrepareVM again": "vms.prepare('vm', owner={owner})['pinned']",
    "PrepareVM lease": "os.close(vms.prepare('vm', owner={owner}, lease=True)['lease'])",
    "ImportVM": "vms.import_vm('new', 'x86_64', 'q35', memfd(b'', 540672), owner={owner}, "
                "format='raw').path",
    "Acquire": "os.close(vms.at('vm', {owner}).acquire())",
    "OpenNVRAM": "[os.close(fd) for fd in vms.at('vm', {owner}).open_nvram()]",
    "ReadVariables": "vms.read_variables(memfd(b'', 540672))['kind']",
    "ReadVariables of a VM": "vms.at('vm', {owner}).read_variables()['kind']",
    "GetVariable": "vms.at('vm', {owner}).get_variable("
                   "'8be4df61-93ca-11d2-aa0d-00e098032b8c', 'PK')[0]",
    "ChangeVariables": "vms.at('vm', {owner}).change_variables(change('secure-boot', on=False), "
                       "dry_run=True)['pcr7']",
    "Export": "len(vms.at('vm', {owner}).export())",
    "Reset": "vms.at('vm', {owner}).reset()",
    "ListBackups": "len(vms.at('vm', {owner}).list_backups())",
    "Restore": "[vm.reset() or vm.restore(1) for vm in [vms.at('vm', {owner})]]",
    "Rebind": "vms.at('vm', {owner}).rebind()['name']",
    "Import": "vms.at('vm', {owner}).import_nvram(memfd(b'', 540672), format='raw')",
    "Clone": "vms.at('vm', {owner}).clone('new').path",
    "Rename": "vms.at('vm', {owner}).rename('new').path",
    "SetReference": "vms.at('vm', {owner}).set_reference('x')",
    "Remove": "vms.at('vm', {owner}).remove()",
}
# of no VM: what the caller sends
OWN = {"ReadVariables"}
CALLERS = {"root": "root", "active": "alice", "inactive": "bob", "remote": "alice", "alone": "bob",
           "admin": "carol", "keeper": "dave"}
# whom polkit asks for a password
ASKED = [caller for caller in CALLERS if caller not in ("root", "active")]


def call(agents, caller, expression, owner):
    return getattr(agents, caller).run(f"print({expression.format(owner=owner)})")


@pytest.fixture
def vms_of(started, agents, uids):
    """Makes the one VM of an owner, and all others go."""
    def make(name):
        owner = getattr(uids, name)
        agents.root.run(f"""
for (uid, vm_id) in vms.listed(all=True):
    vms.at(vm_id, uid).remove()
vms.make('vm', owner={owner})
""")
        return owner
    return make


def assert_refused(machine, agents, caller, owner, error, besides=()):
    """Each of the methods, by this error, and with nothing changed."""
    before = vmstate.snapshot(machine.path(STATE))
    for method, expression in CHANGING.items():
        if method in besides:
            continue
        name, text = call(agents, caller, expression, owner)
        assert (method, name) == (method, error), text
        assert "org.vmfirmware1.manage-" in text, "which action it takes"
    assert vmstate.snapshot(machine.path(STATE)) == before


def assert_allowed(vms_of, agents, caller, owner_name):
    for method, expression in CHANGING.items():
        lines = call(agents, caller, expression, vms_of(owner_name))
        assert len(lines) == 1, (method, lines)


def test_no_method_is_forgotten():
    methods = {method.get("name") for name in paths.INTERFACES.glob("org.vmfirmware1.*.xml")
               for method in ElementTree.parse(name).iter("method")}
    assert methods - {"Reload"} <= {name.split()[0] for name in (*READING, *CHANGING)}
    assert len(methods) > 15


@pytest.mark.parametrize("caller", CALLERS)
def test_reading_is_open_to_all(vms_of, agents, caller):
    owner = vms_of("dave")
    for method, expression in READING.items():
        lines = call(agents, caller, expression, owner)
        assert len(lines) == 1 and lines[0] != "False", (method, lines)


@pytest.mark.parametrize("caller", ["root", "active"])
def test_own_vms_are_kept(vms_of, agents, caller):
    assert_allowed(vms_of, agents, caller, CALLERS[caller])


@pytest.mark.parametrize("caller", ASKED)
def test_own_vms_take_an_active_local_session(started, vms_of, agents, caller):
    assert_refused(started, agents, caller, vms_of(CALLERS[caller]), INTERACTIVE)


def test_root_keeps_others_vms(vms_of, agents):
    assert_allowed(vms_of, agents, "root", "bob")


@pytest.mark.parametrize("caller", [caller for caller in CALLERS if caller != "root"])
def test_others_vms_take_an_administrator(started, vms_of, agents, caller):
    other = "bob" if CALLERS[caller] != "bob" else "alice"
    for owner in (other, "root"):
        assert_refused(started, agents, caller, vms_of(owner), INTERACTIVE, besides=OWN)


def test_a_clone_for_somebody_else_is_his(started, vms_of, agents, uids):
    """The VM is the caller's own, what is made of it is not."""
    owner = vms_of("alice")
    before = vmstate.snapshot(started.path(STATE))
    lines = agents.active.run(f"vms.at('vm', {owner}).clone('new', owner={uids.bob})")
    assert lines[0] == INTERACTIVE and "manage-all-vms" in lines[1]
    assert vmstate.snapshot(started.path(STATE)) == before
    agents.root.run(f"vms.at('vm', {owner}).clone('new', owner={uids.bob})")
    assert started.path(f"{STATE}/vms/{uids.bob}/new/nvram.raw").stat().st_uid == uids.bob


@pytest.mark.parametrize("caller", CALLERS)
def test_reload_takes_an_administrator(started, agents, caller):
    lines = getattr(agents, caller).run("client.reload()")
    if caller == "root":
        assert lines == []
    else:
        assert lines[0] == INTERACTIVE and "org.vmfirmware1.reload" in lines[1]


def test_the_bus_denies_what_is_not_named(started, agents):
    for caller in ("active", "alone"):
        agent = getattr(agents, caller)
        assert is_denied_by_bus(agent.run("client.manager('NoSuchMethod')"))
        assert is_denied_by_bus(agent.run(
            "client.call(MANAGER_PATH, 'org.freedesktop.DBus.Properties', 'Set', "
            "GLib.Variant('(ssv)', (MANAGER, 'Version', GLib.Variant('s', 'x'))))"))
        assert is_denied_by_bus(agent.run("""
try:
    client.connection.call_with_unix_fd_list_sync(
        NAME, MANAGER_PATH, 'org.freedesktop.DBus.Peer', 'Ping', None, None,
        Gio.DBusCallFlags.NONE, 10000, Gio.UnixFDList.new_from_array([os.dup(0), os.dup(0)]), None)
except GLib.Error as error:
    print(Gio.DBusError.get_remote_error(error))
    print(error.message)
"""))
        assert agent.run("""
try:
    client.connection.call_sync(
        'org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'RequestName',
        GLib.Variant('(su)', (NAME, 0)), None, Gio.DBusCallFlags.NONE, 10000, None)
except GLib.Error as error:
    print(Gio.DBusError.get_remote_error(error))
""") == [ACCESS_DENIED]
