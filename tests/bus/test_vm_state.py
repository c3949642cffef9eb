# SPDX-License-Identifier: LGPL-2.1-or-later
"""The state directory: what survives, what is swept, and that it is one service's alone."""

import json
import os

import pytest

from lib.bus import PrivateBus
from lib.checks import raises
from lib.client import DBusError
from lib.daemon import Daemon
from lib.vms import IO_ERROR, NO_SUCH_VM, OWNER, VM_EXISTS, VMs


@pytest.fixture
def vms(service):
    service.ovmf(features=["secure-boot"])
    service.stateless("zz-stateless")
    service.uefi_vars("zz-store")
    return VMs(service.start())


def everything(vms):
    return [(vms.client.all_properties(path, "org.vmfirmware1.VM"))
            for *_, path in vms.list(all=True)]


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_all_survives(service, vms, how):
    vms.make("a", features=["secure-boot"], without_features=["x"])
    vms.make("b", owner=OWNER, modes=["stateless"])
    vms.make("ü c", owner=OWNER, devices=["memory"])
    vms.at("a").reset()
    before, listed = everything(vms), vms.list(all=True)
    assert len(before) == 3
    again = VMs(getattr(service, how)())
    assert everything(again) == before and again.list(all=True) == listed
    assert again.prepare("a", features=["secure-boot"])["pinned"] is True
    assert again.at("a").export(backup=True)


def test_second_service_says_so_and_exits(service, vms):
    vms.make()
    other_bus = PrivateBus()
    try:
        second = Daemon(other_bus, str(service.directory), search_path=[service.vendor],
                        path=service.no_programs)
        assert second.wait_exit() not in (0, -6, -11)
        assert str(service.state) in second.stderr() and "another" in second.stderr()
        second.assert_clean_stderr()
    finally:
        other_bus.close()
    assert vms.prepare()["pinned"] is True


def test_leftovers_are_swept(service, vms):
    vm = vms.make("vm", owner=OWNER)
    service.daemon.kill()
    owner = vm.vms and service.state / f"vms/{OWNER}"
    for name in (".new-0123456789abcdef", ".new-x"):
        (owner / name).mkdir()
        (owner / name / "nvram.raw").write_bytes(b"half")
        (owner / name / ".raw").write_bytes(b"half")
    again = VMs(service.crash())
    assert os.listdir(owner) == ["vm"]
    assert again.list(all=True)[0][0] == "vm"


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "no json": lambda path: path.write_bytes(b"\0\1\2"),
    "list": lambda path: path.write_bytes(b"[]"),
    "half": lambda path: path.write_bytes(path.read_bytes()[:500]),
    "huge": lambda path: path.write_bytes(b" " * 1000000),
    "missing": lambda path: path.unlink(),
    "directory": lambda path: (path.unlink(), path.mkdir()),
    "symlink": lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
    "fifo": lambda path: (path.unlink(), os.mkfifo(path)),
    "nested": lambda path: path.write_bytes(b"[" * 200000),
    "newer": lambda path: change(path, version=2),
    "old": lambda path: change(path, version=0),
    "text version": lambda path: change(path, version="1"),
    "no version": lambda path: change(path, version=None),
    "architecture": lambda path: change(path, architecture=7),
    "flash": lambda path: change(path, flash=[]),
    "flash unit": lambda path: change(path, flash=[{"unit": 0}]),
    "format": lambda path: change(path, **{"nvram-format": "vdi"}),
    "negative": lambda path: change(path, created=-1),
    "float": lambda path: change(path, created=1.5),
    "document": lambda path: change(path, firmware={"name": "a", "path": "/", "document": "{"}),
    "requirement": lambda path: change(path, requirements={"features": "x"}),
    "unknown requirement": lambda path: change(path, requirements={"owner": "x"}),
    "size": lambda path: change(path, **{"nvram-size": None}),
}


def change(path, **members):
    record = json.loads(path.read_text())
    record.update(members)
    path.write_text(json.dumps({k: v for k, v in record.items() if v is not None}))


@pytest.mark.parametrize("damage", DAMAGES)
def test_record_that_cannot_be_read_leaves_the_directory_alone(service, vms, damage):
    vm = vms.make("vm")
    vms.make("good")
    directory, content = vm.directory(), vm.read()
    service.daemon.stop()
    service.daemons.remove(service.daemon)
    DAMAGES[damage](directory / "pin.json")
    files = sorted(os.listdir(directory))
    again = VMs(service.start())
    assert "vm" in service.daemon.stderr()
    assert [entry[0] for entry in again.list()] == ["good"]
    with raises(NO_SUCH_VM, "vm"):
        again.get("vm")
    with raises(VM_EXISTS, "vm"):
        again.prepare("vm")
    with raises(VM_EXISTS, "vm"):
        again.at("good").rename("vm")
    assert sorted(os.listdir(directory)) == files
    assert (directory / "nvram.raw").read_bytes() == content
    assert again.prepare("good")["pinned"] is True


def test_foreign_files_are_left_alone(service, vms):
    vms.make("vm")
    base = service.state / "vms"
    (base / "notes").mkdir()
    (base / "0" / "file").write_text("x")
    (base / "0" / ".hidden").mkdir()
    (base / "0" / "b\xff").mkdir()
    os.mkdir(os.fsencode(base / "0") + b"/\xff\xfe")
    (base / "4294967295").mkdir()
    (base / "4294967295" / "vm").mkdir()
    (base / "7").symlink_to(base / "0")
    again = VMs(service.restart())
    assert [entry[:2] for entry in again.list(all=True)] == [("vm", 0)]
    assert (base / "0" / "file").exists() and (base / "0" / ".hidden").exists()


def test_directory_of_a_vm_that_went_away(service, vms):
    import shutil
    vm = vms.make("vm")
    shutil.rmtree(service.state / "vms" / "0" / "vm")
    assert vm.get("State") in ("nvram-missing", "ready")
    for use in (vm.acquire, vm.reset, vm.remove, lambda: vm.get("InUse"), vms.prepare):
        try:
            use()
        except Exception as error:
            assert "vm" in str(error)
    assert vms.client.names()


def test_modes_do_not_depend_on_the_umask(service):
    service.ovmf()
    old = os.umask(0)
    try:
        vms = VMs(service.start())
    finally:
        os.umask(old)
    vm = vms.make()
    modes = {name: os.stat(vm.directory() / name).st_mode & 0o7777 for name in vm.files()}
    assert set(modes.values()) == {0o600}, modes
    assert os.stat(service.state).st_mode & 0o7777 == 0o711


def test_strict_umask(service):
    service.ovmf()
    old = os.umask(0o777)
    try:
        vms = VMs(service.start())
    finally:
        os.umask(old)
    vm = vms.make("vm", owner=OWNER)
    for name in vm.files():
        assert os.stat(vm.directory() / name).st_mode & 0o7777 == 0o600, name
    assert os.stat(vm.directory()).st_mode & 0o7777 == 0o711
    os.close(vm.acquire())


def test_without_a_state_directory_all_but_vms_works(service):
    service.ovmf()
    service.state.write_text("a file")
    vms = VMs(service.start())
    assert vms.client.select_name("x86_64", "q35") == "ovmf"
    for call in (vms.make, vms.list, vms.report, lambda: vms.get("vm")):
        with pytest.raises(DBusError) as refused:
            call()
        assert refused.value.name == IO_ERROR and str(service.state) in refused.value.text
    assert str(service.state) in service.daemon.stderr()


def test_control_characters_of_a_requirement_are_recorded(service, vms):
    words = [chr(code) for code in (*range(1, 32), 127)]
    for word in words:
        vms.make(f"vm{ord(word)}", without_features=[word])
    vms = VMs(service.restart())
    assert len(vms.list()) == len(words)
    for word in words:
        assert vms.prepare(f"vm{ord(word)}", without_features=[word])["pinned"]


@pytest.mark.parametrize("label", ["_ff", "_00", "_2f", "_c3_28", "_2e", "_7f"])
def test_a_label_that_is_no_id_is_answered(vms, label):
    with pytest.raises(DBusError):
        vms.call(f"/org/vmfirmware1/vm/0/{label}", "org.vmfirmware1.VM", "Acquire", "a{sv}",
                 seconds=10)


def test_a_state_directory_that_is_there_keeps_its_mode(service):
    service.state.mkdir(parents=True)
    service.state.chmod(0o1777)
    service.ovmf()
    VMs(service.start()).make("vm")
    assert service.state.stat().st_mode & 0o7777 == 0o1777
