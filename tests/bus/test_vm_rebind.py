# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rebind: a choice made anew, and what becomes of NVRAM and backup."""

import itertools
import os
from pathlib import Path

import pytest
from gi.repository import Gio, GLib

from lib import descriptors, images, wait
from lib.checks import invalid_args, raises
from lib.client import NAME
from lib.vms import CONFLICT, MISMATCH, MISSING, NO_MATCH, OTHER, VM, VMs, memfd

VARS = images.OVMF_4M_VARS
ENROLLED = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"


@pytest.fixture
def vms(service):
    service.ovmf("10-plain", content=b"plain")
    service.ovmf("20-secure", content=b"secure", features=["secure-boot", "enrolled-keys"])
    service.vendor.write("30-small", descriptors.flash(
        service.raw("c2.fd", images.OVMF_2M_CODE), service.raw("v2.fd", images.OVMF_2M_VARS,
                                                               b"small")))
    service.stateless("40-stateless")
    service.combined("50-combined")
    service.uefi_vars("60-store")
    service.bios("70-bios")
    return VMs(service.start_with_qemu())


@pytest.fixture
def vm(vms):
    made = vms.make(firmware="10-plain", features=[])
    made.write(b"guest's")
    return made


def test_nvram_is_kept_where_it_fits(service, vms, vm):
    created, inode = vm.get("Created"), os.stat(vm.nvram()).st_ino
    service.watch()
    resolution = vm.rebind(features=["secure-boot"], render=["qemu"])
    assert (resolution["name"], resolution["pinned"], resolution["changed"]) == (
        "20-secure", False, [])
    assert resolution["nvram"]["created"] is False
    assert vm.nvram() in " ".join(resolution["qemu-arguments"])
    assert vm.read().startswith(b"guest's") and os.stat(vm.nvram()).st_ino == inode
    assert vm.get("Firmware") == "20-secure" and vm.get("Created") == created
    changed = [signal[3][1] for signal in service.signals.named("PropertiesChanged")]
    assert len(changed) == 1 and changed[0]["Firmware"] == "20-secure"
    again = VMs(service.restart())
    assert again.prepare()["name"] == "20-secure"
    with raises(CONFLICT):
        again.prepare(firmware="10-plain")


def test_rebind_forgets_earlier_requirements(vm):
    assert vm.rebind()["name"] == "10-plain"
    assert vm.rebind(without_features=[])["name"] == "10-plain"


def test_reset_goes_with_it(vm):
    old = vm.read()
    resolution = vm.rebind(features=["secure-boot"], reset=True)
    assert resolution["nvram"]["created"] is True
    assert vm.read().startswith(b"secure") and vm.export(backup=True) == old


@pytest.mark.parametrize("firmware,begins,name", [
    ("30-small", b"small", "nvram.raw"), ("50-combined", b"whole image", "nvram.raw"),
    ("60-store", b"{", "nvram.json"), ("40-stateless", None, None), ("70-bios", None, None)])
def test_other_kind_needs_reset_and_the_old_becomes_the_backup(vms, vm, firmware, begins, name):
    old, before = vm.read(), vm.properties()
    with raises(MISMATCH, "vm", f"raw with {images.OVMF_4M_VARS} bytes", firmware, "with reset"):
        vm.rebind(firmware=firmware)
    assert vm.properties() == before and vm.read() == old
    resolution = vm.rebind(firmware=firmware, reset=True)
    assert resolution["name"] == firmware and vm.get("State") == "ready"
    if name is None:
        assert "nvram" not in resolution and vm.get("NVRAM") == ("", "")
        assert not any(file.startswith("nvram") for file in vm.files())
    else:
        assert resolution["nvram"]["filename"].endswith("/" + name)
        assert resolution["nvram"]["created"] is True and vm.read().startswith(begins)
    backup, = vm.backups()
    assert backup.read_bytes() == old
    assert vm.export(backup=True) == old
    assert vms.prepare(firmware=firmware)["pinned"] is True


@pytest.mark.parametrize("firmware", ["40-stateless", "60-store", "30-small", "50-combined"])
def test_backup_outlives_changes_that_make_no_other(vms, vm, firmware):
    old = vm.read()
    vm.rebind(firmware=firmware, reset=True)
    vm.rebind(firmware=firmware)
    vms.prepare(machine="pc-q35-7.2")
    assert vm.export(backup=True) == old
    if firmware == "40-stateless":
        vm.rebind(firmware="10-plain")
        assert vm.read().startswith(b"plain") and vm.export(backup=True) == old
    assert len(vm.backups()) == 1


def test_backups_may_have_other_formats(vms, vm):
    vm.rebind(firmware="60-store", reset=True)
    vm.reset()
    assert vm.export(backup=True) == images.EMPTY_STORE
    assert [entry["format"] for entry in vm.list_backups()] == ["json", "raw"]
    with raises(MISMATCH, "is raw with", "needs json"):
        vm.restore(1)
    vm.restore(2)


def test_machine_may_be_another_section(vm):
    resolution = vm.rebind(machine="pc")
    assert resolution["machine"].startswith("pc") and vm.get("Machine") == "pc"
    assert vm.read().startswith(b"guest's")
    assert vm.vms.prepare("vm", "x86_64", "pc")["pinned"] is True
    with raises(CONFLICT, "machine"):
        vm.vms.prepare("vm", "x86_64", "q35")


def test_refusal_changes_nothing(vm):
    before = vm.properties(), vm.read(), vm.files()
    with raises(NO_MATCH):
        vm.rebind(features=["nonsense"])
    with raises(NO_MATCH):
        vm.rebind(machine="isapc")
    for key, value in (("create", "auto"), ("owner", 0), ("lease", True), ("reference", "x"),
                       ("nvram_filename", "/x")):
        with invalid_args(key.replace("_", "-")):
            vm.rebind(**{key: value})
    assert (vm.properties(), vm.read(), vm.files()) == before


def test_nvram_that_is_gone_or_does_not_fit_needs_reset(vm):
    os.truncate(vm.nvram(), 100)
    with raises(MISMATCH, "vm"):
        vm.rebind()
    os.unlink(vm.nvram())
    with pytest.raises(Exception) as info:
        vm.rebind()
    assert info.value.name in (MISMATCH, MISSING)
    assert not os.path.exists(vm.nvram())
    assert vm.rebind(reset=True)["nvram"]["created"] is True
    assert vm.read().startswith(b"plain")


def test_rebind_from_without_variables_makes_nvram(vms):
    vm = vms.make(modes=["stateless"])
    resolution = vm.rebind(firmware="10-plain")
    assert resolution["nvram"]["created"] is True and vm.read().startswith(b"plain")


def test_qcow2_stays_qcow2(vms):
    vm = vms.make(firmware="10-plain", nvram_format="qcow2")
    old = vm.read()
    assert vm.rebind(firmware="20-secure")["nvram"]["format"] == "qcow2" and vm.read() == old
    resolution = vm.rebind(firmware="30-small", reset=True)
    assert resolution["nvram"] == {"filename": vm.nvram(), "format": "qcow2", "created": True,
                                   "size": images.OVMF_2M_VARS}
    assert vm.export(backup=True) == old
    assert vm.rebind(firmware="60-store", reset=True)["nvram"]["format"] == "json"


def test_own_template_and_rebind(vms):
    vm = vms.make(firmware="10-plain", nvram_template=memfd(b"own", VARS))
    vm.rebind(firmware="20-secure")
    assert vm.read().startswith(b"own")


def test_own_template_is_needed_again_after_a_rebind(vms):
    vm = vms.make("own", nvram_template=b"U" * 540672)
    vm.rebind()
    assert vm.read() == b"U" * 540672
    with invalid_args("nvram-template"):
        vm.reset()
    vm.reset(nvram_template=b"V" * 540672)
    assert vm.read() == b"V" * 540672


def test_properties_that_stay_are_not_told(service, vm):
    service.watch()
    vm.rebind(firmware="10-plain")
    assert service.signals.named("PropertiesChanged") == []
    vm.rebind(firmware="20-secure")
    (_, _, _, (_, now, invalidated)), = service.signals.named("PropertiesChanged")
    assert set(now) == {
        "Firmware", "ExecutableDigest", "TemplateDigest", "SecureBoot"} and invalidated == []


def test_each_change_is_told(service):
    """Of what the firmware and the variables say, from each kind to each other, and back."""
    secure = {"features": ["secure-boot"]}
    service.vendor.write("10-enrolled", descriptors.flash(
        service.raw("code.fd"), images.copy(ENROLLED, service.images / "vars.fd"), **secure))
    service.stateless("20-stateless", **secure)
    service.uefi_vars("30-store", **secure)
    service.bios("40-bios")
    secure_boot = {"10-enrolled": "enforced", "20-stateless": "", "30-store": "setup", "40-bios": "none"}
    vm = VMs(service.start()).make(firmware="10-enrolled")
    known = vm.properties()
    service.watch()
    for firmware in itertools.chain(*itertools.permutations(secure_boot, 2)):
        vm.rebind(firmware=firmware, reset=True)
        for _, _, _, (_, now, invalidated) in service.signals.named("PropertiesChanged"):
            assert invalidated == [] and all(known[key] != value for key, value in now.items())
            known.update(now)
        service.signals.all.clear()
        assert vm.properties() == known
        assert known["SecureBoot"] == secure_boot[firmware]
    vm.rebind(firmware="20-stateless", reset=True)
    known = vm.properties()
    assert VMs(service.restart()).at("vm").properties() == known


def test_clone_for_another_owner_while_the_vm_is_rebound(service, vms, vm):
    """Each copy has the NVRAM of the firmware that it is pinned to."""
    templates = {"10-plain": b"plain", "20-secure": b"secure"}
    vm.reset()
    replies = []
    for index in range(40):
        features = ["secure-boot"] if index % 2 == 0 else []
        for method, arguments in (
                ("Rebind", GLib.Variant("(a{sv})", ({
                    "features": GLib.Variant("as", features), "reset": GLib.Variant("b", True)},))),
                ("Clone", GLib.Variant("(sa{sv})", (
                    f"twin{index}", {"owner": GLib.Variant("u", OTHER)})))):
            vms.client.connection.call(
                NAME, vm.path, VM, method, arguments, None, Gio.DBusCallFlags.NONE, 60000, None,
                lambda _connection, result: replies.append(result))
    wait.until(lambda: len(replies) == 80, "all replies")
    for vm_id, _, firmware, _, path in vms.list(owner=OTHER):
        nvram = Path(vms.at(vm_id, OTHER).nvram()).read_bytes()
        assert nvram.startswith(templates[firmware]), (vm_id, firmware, path)
    assert len(vms.list(owner=OTHER)) == 40
