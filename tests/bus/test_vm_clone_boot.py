# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clone with boot: the boot entries of the copy."""

import os

import pytest

from lib import bootentry, edk2, formats
from lib.checks import invalid_args, raises
from lib.vms import IN_USE, UNUSABLE, change

OTHER = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def vms(service):
    return formats.start(service)


def make(vms, firmware="50-raw"):
    """A VM with one entry for a network card, one for a partition, and one that any VM may have."""
    vm = vms.make(firmware=firmware)
    entries = [bootentry.network(), bootentry.partition(), bootentry.file()]
    vm.change_variables(
        change("remove-boot", all=True),
        *(change("set", guid=edk2.GLOBAL, name=f"Boot000{number}", data=data)
          for number, data in enumerate(entries, 1)),
        change("set", guid=edk2.GLOBAL, name="BootNext", data=b"\1\0"),
        change("set", guid=OTHER, name=bootentry.CARD_VARIABLE, data=b"settings"),
        change("boot-order", order=[1, 2, 3]))
    return vm


def variables(vm):
    return {(one["guid"], one["name"]): one for one in vm.read_variables(list=True)["list"]}


def boot(vm):
    report = vm.read_variables()
    assert report["health"] == "ok"
    return [entry["title"] for entry in report["boot-entries"]], report["boot-order"]


@pytest.mark.parametrize("firmware", formats.FIRMWARE)
def test_a_store_of_each_format(vms, firmware):
    vm = make(vms, firmware)
    before, all_variables = vm.read(), variables(vm)
    assert boot(vm) == (["network", "disk", "file"], [1, 2, 3])
    assert vm.clone("default").read() == vm.clone("keep", boot="keep").read() == before
    bound = vm.clone("bound", boot="clear-bound")
    assert boot(bound) == (["file"], [3])
    none = vm.clone("none", boot="clear")
    assert boot(none) == ([], [])
    for copy, also_gone in ((bound, set()), (none, {"Boot0003", "BootOrder"})):
        left = variables(copy)
        gone = {name for _, name in set(all_variables) - set(left)}
        assert gone == also_gone | {"Boot0001", "Boot0002", "BootNext", bootentry.CARD_VARIABLE}
        assert all(one == all_variables[key] for key, one in left.items()
                   if key[1] != "BootOrder")
        assert copy.files() == [name for name in vm.files() if "backup" not in name]
        assert copy.get("State") == "ready"
        assert vms.prepare(copy.get("Id"))["pinned"] is True
    assert vm.read() == before and len(vm.backups()) == 1
    # nothing to remove
    assert none.clone("again", boot="clear").read() == none.read()


def test_another_word(vms):
    vm = make(vms)
    for word in ("all", "", "Clear"):
        with invalid_args(f'boot: "{word}" is none of keep, clear-bound, clear'):
            vm.clone("copy", boot=word)
    with invalid_args("boot: unknown key"):
        vm.export(boot="clear")
    assert [row[0] for row in vms.list()] == ["vm"]


def test_a_store_that_cannot_be_changed(vms, service):
    vm = make(vms)
    vm.write(b"x", 40)
    for word in ("clear", "clear-bound"):
        with raises(UNUSABLE, "VM vm: its boot entries cannot be removed", "byte 40"):
            vm.clone("copy", boot=word)
    assert os.listdir(service.state / "vms" / "0") == [vm.directory().name]
    assert vm.clone("copy").read() == vm.read()


def test_without_variables_there_is_nothing_to_remove(vms):
    vms.make("stateless", firmware="80-none").clone("copy", boot="clear")


def test_of_a_vm_in_use(vms):
    vm = make(vms)
    lease = vm.acquire()
    with raises(IN_USE):
        vm.clone("copy", boot="clear")
    assert boot(vm.clone("copy", boot="clear", live=True)) == ([], [])
    os.close(lease)
