# SPDX-License-Identifier: LGPL-2.1-or-later
"""Backups: ListBackups, Restore, and the option index of Export and ReadVariables."""

import json
import os
import time

import pytest
from gi.repository import GLib

from lib import images
from lib.checks import raises
from lib.config import text
from lib.fakepolkit import FakePolkit
from lib.vms import (IN_USE, MISMATCH, MISSING, NO_SUCH_BACKUP, NOT_SUPPORTED, OWNER, VMs, memfd,
                     run_as)

INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
SIZE = images.OVMF_4M_VARS


@pytest.fixture
def vms(service):
    service.ovmf()
    return VMs(service.start())


@pytest.fixture
def vm(vms):
    made = vms.make()
    made.write(b"first")
    return made


def fill(vm, *contents):
    for content in contents:
        vm.import_nvram(memfd(content, SIZE))


def listed(vm):
    return [(entry["index"], entry["reason"]) for entry in vm.list_backups()]


def test_each_is_described(vm):
    assert vm.list_backups() == []
    before = time.time_ns() // 1000
    vm.reset()
    after = time.time_ns() // 1000
    entry, = vm.list_backups()
    assert before <= entry.pop("time") <= after
    content = (vm.directory() / "backup-1.raw").read_bytes()
    report = vm.read_variables(index=1)
    assert content[:5] == b"first"
    assert entry == {"index": 1, "reason": "reset", "format": "raw", "size": len(content),
                     "sha256": report["sha256"], "health": report["health"]}


def test_newest_first_and_no_more_than_three(vm):
    fill(vm, b"second", b"third")
    vm.reset()
    vm.rebind(reset=True)
    assert listed(vm) == [(4, "rebind"), (3, "reset"), (2, "import")]
    assert vm.export(index=2)[:6] == b"second" and vm.export(index=3)[:5] == b"third"
    assert vm.export(backup=True) == vm.export(index=4)
    vm.restore(2)
    assert vm.read()[:6] == b"second"
    assert listed(vm) == [(5, "restore"), (4, "rebind"), (2, "import")]


def test_those_that_are_not_there(vm):
    calls = [lambda: vm.restore(1), lambda: vm.export(index=1), lambda: vm.read_variables(index=1)]
    for call in calls:
        with raises(NO_SUCH_BACKUP, "VM vm has no backup 1"):
            call()
    with raises(MISSING, "no backup"):
        vm.export(backup=True)
    fill(vm, b"second")
    for call in calls:
        call()
    with raises(NO_SUCH_BACKUP, "4294967295"):
        vm.restore(2**32 - 1)


def test_arguments(vm):
    with raises(INVALID, "index"):
        vm.call("Restore", "ua{sv}", (1,), {"index": 1})
    with raises(INVALID, "live"):
        vm.restore(1, live=True)
    with raises(INVALID, "index"):
        vm.list_backups(index=1)
    with raises(INVALID, "index"):
        vm.export_raw(index=GLib.Variant("s", "1"))


def test_one_in_use_is_listed_and_not_restored(vm):
    vm.reset()
    lease = vm.acquire()
    assert listed(vm) == [(1, "reset")]
    assert vm.read_variables(index=1)["health"]
    with raises(IN_USE):
        vm.restore(1)
    os.close(lease)
    vm.restore(1)


def test_one_of_another_size(vm):
    vm.reset()
    with open(vm.directory() / "backup-1.raw", "ab") as file:
        file.write(bytes(4096))
    with raises(MISMATCH, f"backup 1 is raw with {SIZE + 4096} bytes", "needs raw with"):
        vm.restore(1)
    assert listed(vm) == [(1, "reset")]


def test_they_outlive_the_service_and_go_with_the_vm(service, vm):
    fill(vm, b"second", b"third")
    before = vm.list_backups()
    again = VMs(service.restart()).at("vm")
    assert again.list_backups() == before
    renamed = again.rename("other")
    assert renamed.list_backups() == before
    assert renamed.clone("copy").list_backups() == []
    directory = renamed.directory()
    renamed.remove()
    assert not directory.exists()


def test_that_of_version_0_1(service, vm):
    (vm.directory() / "backup").write_bytes(SIZE * b"\0")
    again = VMs(service.restart()).at("vm")
    assert listed(again) == [(0, "reset")]
    assert again.export(backup=True) == again.export(index=0) == SIZE * b"\0"
    again.restore(0)
    assert listed(again) == [(1, "restore"), (0, "reset")]
    assert again.files() == ["backup-0.raw", "backup-1.raw", "backups.json", "lock", "nvram.raw",
                             "pin.json"]


def test_whose_files_they_are(service, bus, vms):
    polkit = FakePolkit(bus)
    try:
        vm = vms.make("theirs", owner=OWNER)
        vm.reset()
        assert (vm.directory() / "backup-1.raw").stat().st_uid == OWNER
        assert (vm.directory() / "backups.json").stat().st_uid == 0
        program = "vm = vms.at('theirs', 1)\nvm.restore(1)\nprint([entry['index'] for entry in " \
                  "vm.list_backups()])"
        assert run_as(OWNER, program, bus) == ["[2, 1]"]
    finally:
        polkit.close()


def test_firmware_without_variables_has_none_to_restore(service, vms):
    vm = vms.make()
    vm.reset()
    service.bios()
    vms.client.reload()
    vm.rebind(firmware="bios", reset=True)
    assert listed(vm) == [(2, "rebind"), (1, "reset")]
    with raises(NOT_SUPPORTED):
        vm.restore(1)


def configured(service, **limits):
    """The service with these keys in [Limits], and the configuration file."""
    service.ovmf()
    config = service.directory / "my.conf"
    config.write_text(text(SearchPath=service.vendor) + text("Limits", **limits))
    return VMs(service.start(default_layers=True, arguments=[f"--config={config}"])), config


def test_the_administrators_number(service):
    vms, config = configured(service, Backups=1)
    vm = vms.make()
    fill(vm, b"second", b"third")
    assert listed(vm) == [(2, "import")]
    config.write_text(config.read_text().replace("Backups=1", "Backups=0"))
    vms.client.reload()
    fill(vm, b"fourth")
    assert listed(vm) == []
    assert json.loads((vm.directory() / "backups.json").read_text())["next"] == 4


FILL = f"""
vm = vms.at('theirs', 1)
for content in (bytes([1]) * {SIZE}, b'x'):
    vm.import_nvram(memfd(content, {SIZE}))
    vms.prepare('theirs')
    print([entry['index'] for entry in vm.list_backups()])
print(vm.read()[:1])
"""


def test_the_limit_drops_backups_and_refuses_nothing(service, bus):
    """With room for one and a half: what is almost nothing but holes fits, what is full does not."""
    vms, _ = configured(service, BytesPerUser=SIZE * 3 // 2)
    polkit = FakePolkit(bus)
    try:
        vms.make("theirs", owner=OWNER)
        assert run_as(OWNER, FILL, bus) == ["[1]", "[]", "b'x'"]
    finally:
        polkit.close()
