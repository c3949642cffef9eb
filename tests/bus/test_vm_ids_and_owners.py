# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ids, owners, and who may do what where no polkit answers."""

import os

import pytest

from lib.checks import invalid_args, raises
from lib.client import ACCESS_DENIED
from lib.vms import NO_SUCH_VM, NOBODY, OTHER, OWNER, GLib, VMs, memfd, run_as, vm_path

GOOD_IDS = ["a", "libvirt:my guest", "ünïcödé ✓", "x" * 200, "ü" * 100, "-rf", "a.b", "~", "lock",
            "%s%n", "\\", "'; rm", "_20", " leading", "pin.json", "a..", "…"]
BAD_IDS = ["", ".", "..", ".hidden", ".new-00000000", "a/b", "/", "../1/x", "a\nb", "\x7f", "\x01",
           "tab\t", "\u0085", "\u202e", "x" * 201, "ü" * 100 + "x"]


@pytest.fixture
def vms(service):
    service.ovmf()
    return VMs(service.start())


@pytest.mark.parametrize("vm_id", GOOD_IDS, ids=ascii)
def test_id_is_kept_as_it_is(service, vms, vm_id):
    vm = vms.make(vm_id)
    assert vm.path == vm_path(vm_id) == vms.get(vm_id)
    assert vm.get("Id") == vm_id
    assert vms.list() == [(vm_id, 0, "ovmf", "ready", vm.path)]
    assert vm.nvram() == f"{service.state}/vms/0/{vm_id}/nvram.raw"
    assert os.path.isfile(vm.nvram())
    vms = VMs(service.restart())
    assert vms.prepare(vm_id)["pinned"] is True
    vms.at(vm_id).remove()
    assert os.listdir(service.state / "vms" / "0") == []


@pytest.mark.parametrize("vm_id", BAD_IDS, ids=ascii)
def test_no_id(service, vms, vm_id):
    with invalid_args("id"):
        vms.prepare(vm_id)
    with invalid_args("id"):
        vms.import_vm(vm_id, "x86_64", "q35", memfd(b"", 540672))
    assert vms.list() == []
    assert sorted(os.listdir(service.state)) == ["lock", "vms"]


def test_all_odd_ids_side_by_side(service, vms):
    for vm_id in GOOD_IDS:
        vms.make(vm_id)
    expected = sorted(GOOD_IDS, key=str.encode)
    assert [entry[0] for entry in vms.list()] == expected
    assert [entry[0] for entry in VMs(service.restart()).list()] == expected


def test_a_list_is_in_order_after_each_change(vms):
    for vm_id in ("b", "d"):
        vms.make(vm_id)
    assert [entry[0] for entry in vms.list()] == ["b", "d"]
    vms.make("c")
    assert [entry[0] for entry in vms.list()] == ["b", "c", "d"]
    vms.at("b").rename("e")
    assert [entry[0] for entry in vms.list()] == ["c", "d", "e"]
    vms.at("d").remove()
    assert [entry[0] for entry in vms.list()] == ["c", "e"]


def test_each_uid_has_its_own_ids(vms):
    ours, theirs = vms.make("vm"), vms.make("vm", owner=OWNER)
    assert (ours.get("Owner"), theirs.get("Owner")) == (0, OWNER)
    ours.write(b"ours")
    assert not theirs.read().startswith(b"ours")
    assert vms.get("vm", owner=OWNER) == theirs.path
    assert [entry[1] for entry in vms.list()] == [0]
    assert [entry[1] for entry in vms.list(owner=OWNER)] == [OWNER]
    assert [entry[1] for entry in vms.list(all=True)] == [0, OWNER]
    assert vms.list(owner=OTHER) == [] and [e[1] for e in vms.list(all=False)] == [0]
    theirs.remove()
    assert [entry[1] for entry in vms.list(all=True)] == [0]


@pytest.mark.parametrize("owner", [65535, 4294967295])
def test_owners_that_cannot_be(vms, owner):
    vm = vms.make()
    for use in (lambda: vms.prepare("x", owner=owner), lambda: vms.get("x", owner=owner),
                lambda: vms.list(owner=owner), lambda: vm.clone("x", owner=owner),
                lambda: vms.import_vm("x", "x86_64", "q35", memfd(b"", 540672), owner=owner)):
        with invalid_args("owner"):
            use()


@pytest.mark.parametrize("value", [GLib.Variant("i", 1), GLib.Variant("t", 1),
                                   GLib.Variant("s", "1"), GLib.Variant("b", True)])
def test_owner_is_a_u(vms, value):
    with invalid_args("owner"):
        vms.prepare(owner=value)


@pytest.mark.parametrize("options", [
    {"create": "maybe"}, {"create": ""}, {"nvram_format": "igvm"}, {"nvram_format": "vdi"},
    {"lease": GLib.Variant("s", "yes")}, {"nvram_filename": "/x"},
    {"nvram_template": GLib.Variant("s", "/x")},
    {"render": GLib.Variant("as", ["xml"])}, {"live": True}, {"all": True},
    {"reset": True}, {"format": "raw"}, {"backup": True}, {"Lease": GLib.Variant("b", True)},
    {"features": ["x"] * 65}, {"features": ["x" * 256]}])
def test_prepare_option_that_is_none(vms, options):
    key = next(iter(options)).replace("_", "-")
    with invalid_args(key):
        vms.prepare(**options)
    assert vms.list() == []


def test_user_that_the_database_does_not_know(vms):
    vm = vms.make("vm", owner=4000000000)
    assert os.stat(vm.nvram()).st_uid == 4000000000
    assert os.stat(vm.nvram()).st_gid == 65534


CHANGES = [
    "vms.prepare('new')", "vms.prepare('vm')", "vms.prepare('vm', lease=True)",
    "vms.prepare('vm', create='never')", "vms.prepare('new', owner=0)",
    f"vms.prepare('vm', owner={OTHER})",
    "vms.import_vm('new', 'x86_64', 'q35', memfd(b'', 540672))", "vm.acquire()",
    "vm.open_nvram()", "vm.reset()", "vm.rebind()", "vm.clone('new')",
    "vm.clone('new', owner=0)", "vm.rename('new')", "vm.export()", "vm.export(live=True)",
    "vm.import_nvram(memfd(b'', 540672))", "vm.remove()", "vms.at('vm', 0).remove()",
    "vms.at('vm', 0).export(live=True)", "vms.at('vm', 0).clone('new', owner=1)"]


@pytest.mark.parametrize("change", CHANGES)
def test_without_polkit_others_change_nothing(bus, vms, change):
    vms.make("vm")
    vm = vms.make("vm", owner=OWNER)
    before = vm.properties(), vms.list(all=True), vm.read()
    name, _ = run_as(OWNER, f"vm = vms.at('vm', {OWNER})\nprint({change})", bus)
    assert name == ACCESS_DENIED
    assert (vm.properties(), vms.list(all=True), vm.read()) == before


def test_reading_is_open_to_all(bus, vms):
    vm = vms.make("vm")
    text = f"""
print(vms.list(), vms.list(owner=0)[0][0], vms.list(all=True)[0][3])
print(vms.get('vm', owner=0))
print(vms.at('vm').properties() == {vm.properties()!r})
print('Acquire' in client.introspect({vm.path!r}))
vms.get('vm')
"""
    lines = run_as(NOBODY, text, bus)
    assert lines[:5] == ["[] vm ready", vm.path, "True", "True", NO_SUCH_VM]


def test_owner_of_a_call_is_the_caller_and_not_his_word(bus, vms):
    vms.make("vm", owner=OTHER)
    program = f"vms.prepare('vm', owner={OTHER}, create='never')"
    assert run_as(OWNER, program, bus)[0] == ACCESS_DENIED


def test_owner_reads_his_file_and_lists_nothing(vms):
    vm = vms.make("vm", owner=OWNER)
    path = vm.nvram()
    directory = os.path.dirname(path)
    assert run_as(OWNER, f"print(len(open({path!r}, 'r+b').read()))") == ["540672"]
    for uid, what in ((OWNER, directory), (OWNER, os.path.dirname(directory)),
                      (NOBODY, directory)):
        child = f"""
try:
    os.listdir({what!r})
    print('listed')
except PermissionError:
    print('refused')
"""
        assert run_as(uid, child) == ["refused"]
    assert run_as(NOBODY, f"""
for path, mode in (({path!r}, 'rb'), ({directory!r} + '/lock', 'rb'),
                   ({directory!r} + '/pin.json', 'rb'), ({directory!r} + '/new', 'wb')):
    try:
        open(path, mode)
        print('opened')
    except PermissionError:
        print('refused')
""") == ["refused"] * 4


def test_unknown_paths(vms):
    vms.make()
    for path in ("/org/vmfirmware1/vm/0/other", "/org/vmfirmware1/vm/1/vm"):
        with raises(NO_SUCH_VM):
            vms.client.all_properties(path, "org.vmfirmware1.VM")
