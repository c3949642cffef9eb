# SPDX-License-Identifier: LGPL-2.1-or-later
"""The VM manager's own name for a VM, when it was last prepared, and ReportVMs."""

import json
import os
import time

import pytest

from lib.checks import raises
from lib.client import INVALID_ARGS
from lib.vms import CONFLICT, OTHER, OWNER, VM, VM_EXISTS, NO_SUCH_VM, VMs, memfd, run_as

HOSTILE = ["qemu:///system?0", "/path with\nlines\x1b[31m", "\u202eevil", "a" * 4095, "ü" * 2047,
           '"quoted" \\', "%s%n"]


@pytest.fixture
def vms(service):
    service.ovmf("50-ovmf")
    return VMs(service.start())


def record(vm):
    return json.loads((vm.directory() / "pin.json").read_text())


def reference_of(vms, vm_id="vm", owner=0):
    return vms.report(all=True)[owner, vm_id]["reference"]


@pytest.mark.parametrize("reference", HOSTILE)
def test_is_kept_and_reported(service, vms, reference):
    vm = vms.make(reference=reference)
    assert reference_of(vms) == reference == record(vm)["reference"]
    assert vms.prepare(reference=reference)["pinned"] is True
    again = VMs(service.restart())
    assert reference_of(again) == reference
    again.at("vm").rebind()
    assert reference_of(again) == reference
    again.import_vm("in", "x86_64", "q35", memfd(b"", 540672), reference=reference)
    assert reference_of(again, "in") == reference


def test_another_one_is_a_conflict_until_it_is_adopted(vms):
    vm = vms.make(reference="/a\x1b")
    before = record(vm)
    with raises(CONFLICT, "/a\x1b") as info:
        vms.prepare(reference="/b")
    day = time.strftime("%Y-%m-%d", time.gmtime(vm.get("Created") / 1e6))
    assert info.value.text.count(day) == 2 and "adopt" in info.value.text
    with raises(CONFLICT):
        vms.prepare(reference="")
    with raises(CONFLICT, "architecture"):
        vms.prepare("vm", "aarch64", "virt", reference="/b", create="adopt")
    with raises(VM_EXISTS):
        vms.prepare(reference="/b", create="new")
    assert record(vm) == before
    assert vms.prepare()["pinned"] is True and reference_of(vms) == "/a\x1b"
    assert vms.prepare(reference="/b", create="adopt")["pinned"] is True
    assert record(vm) == {**before, "reference": "/b"}
    vms.prepare(create="adopt")
    assert reference_of(vms) == "/b"
    vms.prepare("new", reference="/n", create="adopt")
    assert reference_of(vms, "new") == "/n"
    with raises(NO_SUCH_VM):
        vms.prepare("other", reference="/n", create="never")


def test_a_vm_without_one_takes_the_first(vms):
    vm = vms.make()
    assert "reference" not in record(vm) and reference_of(vms) == ""
    vms.prepare(reference="/a", features=[])
    assert reference_of(vms) == "/a"
    with raises(CONFLICT):
        vms.prepare(reference="/b")


def test_is_set_also_while_the_vm_runs(service, vms):
    vm = vms.make()
    inode = os.stat(vm.nvram()).st_ino
    lease = vm.acquire()
    service.watch()
    vm.set_reference("/a")
    assert reference_of(vms) == "/a" and vm.get("InUse") is True
    assert os.stat(vm.nvram()).st_ino == inode
    vm.set_reference("/a")
    vm.set_reference("")
    assert reference_of(vms) == "" and "reference" not in record(vm)
    assert service.signals.sync() == []
    os.close(lease)


def test_a_clone_has_none(vms):
    vm = vms.make(reference="/a")
    vm.clone("twin")
    assert reference_of(vms, "twin") == ""
    vms.prepare("twin", reference="/twin")
    vms.at("twin").rename("other")
    assert reference_of(vms, "other") == "/twin" and reference_of(vms) == "/a"


def test_is_the_owners_and_roots(bus, vms):
    vms.make(owner=OWNER, reference="secret")
    for uid, seen in ((OWNER, "secret"), (OTHER, "")):
        assert run_as(uid, f"print(vms.report(all=True)[{OWNER}, 'vm']['reference'])", bus) == [
            seen]
    program = f"print(vms.at('vm', {OWNER}).properties(), vms.at('vm', {OWNER}).get_resolution())"
    assert "secret" not in "".join(run_as(OTHER, program, bus))
    lines = run_as(OTHER, f"vms.at('vm', {OWNER}).set_reference('x')\n", bus)
    assert lines[0] == "org.freedesktop.DBus.Error.AccessDenied"
    lines = run_as(OTHER, f"vms.prepare('vm', owner={OWNER}, reference='x')\n", bus)
    assert lines[0] == "org.freedesktop.DBus.Error.AccessDenied" and "secret" not in lines[1]


@pytest.mark.parametrize("size", [4096, 5000, 1 << 20])
def test_length(vms, size):
    vm = vms.make(reference="/a")
    for text, call in (
            ("argument 1 has more", lambda: vm.set_reference("x" * size)),
            ("reference: longer", lambda: vms.prepare(reference="x" * size, create="adopt")),
            ("reference: longer", lambda: vms.import_vm(
                "in", "x86_64", "q35", memfd(b"", 540672), reference="x" * size))):
        with raises(INVALID_ARGS, text, "than 4095 bytes"):
            call()
    assert list(vms.report()) == [(0, "vm")] and reference_of(vms) == "/a"


def test_arguments(vms):
    vm = vms.make()
    with raises(INVALID_ARGS, "reference"):
        vm.call("SetReference", "sa{sv}", ("x",), {"reference": "y"})
    with raises(INVALID_ARGS, "owner"):
        vm.set_reference("x", owner=0)
    with raises(INVALID_ARGS, "reference"):
        vms.get("vm", reference="x")
    with raises(INVALID_ARGS, "create"):
        vms.prepare(create="adopts")


def test_members_of_a_newer_version_stay(service, vms):
    vm = vms.make()
    path = vm.directory() / "pin.json"
    before = {**record(vm), "novelty": {"a": [1, None, "ü"], "b": 1.5}, "z": True}
    path.write_text(json.dumps(before))
    vms = VMs(service.restart())
    vms.at("vm").set_reference("/a")
    assert record(vms.at("vm")) == {**before, "reference": "/a"}
    vms.prepare("vm", "x86_64", "pc-q35-7.0")
    vms.at("vm").clone("twin")
    vms.at("vm").rebind()
    for vm_id in ("vm", "twin"):
        found = record(vms.at(vm_id))
        assert (found["novelty"], found["z"]) == (before["novelty"], True)


def test_last_prepared(service, vms):
    before = time.time() * 1e6
    vm = vms.make()
    first = vm.get("LastPrepared")
    assert before <= vm.get("Created") <= first <= time.time() * 1e6
    service.watch()
    vms.prepare()
    second = vm.get("LastPrepared")
    assert second > first
    assert [signal[3][1] for signal in service.signals.sync()] == [{"LastPrepared": second}]
    service.signals.all.clear()

    vm.get_resolution(check=True)
    os.close(vm.acquire())
    vm.reset()
    vm.rebind()
    vm.set_reference("x")
    with raises(CONFLICT):
        vms.prepare(reference="y")
    assert service.signals.sync() == [] and vm.get("LastPrepared") == second
    report = vms.report()[0, "vm"]
    assert report == {"object": vm.path, "firmware": "50-ovmf", "state": "ready", "reference": "x",
                      "created": vm.get("Created"), "last-prepared": second,
                      "secure-boot": "none", "certificates": {}, "expires": 0,
                      "health": "damaged"}
    assert VMs(service.restart()).at("vm").get("LastPrepared") == second
    again = VMs(service.client)
    renamed = again.at("vm").rename("other")
    assert renamed.get("LastPrepared") == second
    assert renamed.clone("twin").get("LastPrepared") > second


def test_a_vm_that_goes_is_not_told_to_change(service, vms):
    vm = vms.make()
    service.watch()
    vm.remove()
    assert [signal[2] for signal in service.signals.sync()] == ["VMRemoved"]


def test_last_prepared_of_an_odd_lock_file(service, vms):
    vm = vms.make()
    lock = vm.directory() / "lock"
    os.utime(lock, (-5, -5))
    assert VMs(service.restart()).at("vm").get("LastPrepared") == 0
    lock.unlink()
    vms = VMs(service.restart())
    assert vms.at("vm").get("LastPrepared") == 0
    os.close(vms.prepare(lease=True)["lease"])
    assert vms.at("vm").get("LastPrepared") > vms.at("vm").get("Created")


def test_report_of_whom(bus, vms):
    vms.make("b", owner=OWNER)
    vms.make("a", owner=OWNER)
    vms.make("mine")
    os.unlink(vms.at("mine").nvram())
    assert list(vms.report(all=True)) == [(0, "mine"), (OWNER, "a"), (OWNER, "b")]
    assert list(vms.report(owner=OWNER)) == [(OWNER, "a"), (OWNER, "b")]
    assert vms.report()[0, "mine"]["state"] == "nvram-missing"
    assert run_as(OWNER, "print(sorted(vms.report()))", bus) == [f"[({OWNER}, 'a'), ({OWNER}, 'b')]"]
    with raises(INVALID_ARGS, "render"):
        vms.report(render=[])
    assert vms.client.property_variant(vms.at("mine").path, VM, "Owner").unpack() == 0
