# SPDX-License-Identifier: LGPL-2.1-or-later
"""The libvirt elements of a VM that the service keeps."""

from lib import descriptors
from lib.checks import raises
from lib.libvirt import rendered
from lib.vms import NOT_SUPPORTED, VMs

LIBVIRT = {"render": ["libvirt"]}


def test_every_answer_names_the_vms_own_file(service):
    _, template = service.ovmf()
    vms = VMs(service.start())
    vm = vms.make(**LIBVIRT)
    first = rendered(vm.resolution)
    assert first.os("nvram") == ({"template": template}, vm.nvram())
    assert rendered(vms.prepare(**LIBVIRT)).text == first.text
    assert rendered(vm.rebind(**LIBVIRT)).text == first.text


def test_copies_of_each_kind(service):
    service.combined("combined")
    service.uefi_vars("store")
    service.stateless("stateless")
    vms = VMs(service.start())
    combined, store, stateless = (
        vms.make(name, firmware=name, **LIBVIRT) for name in ("combined", "store", "stateless"))
    assert rendered(combined.resolution).os("loader")[1] == combined.nvram()
    assert rendered(store.resolution).os("varstore")[0]["path"] == store.nvram()
    assert rendered(stateless.resolution).os("nvram") is None


def test_copy_of_another_format_says_both_formats(service):
    _, template = service.ovmf()
    vm = VMs(service.start_with_qemu()).make(nvram_format="qcow2", **LIBVIRT)
    assert rendered(vm.resolution).os("nvram") == (
        {"template": template, "templateFormat": "raw", "format": "qcow2"}, vm.nvram())


def test_what_cannot_be_said_is_refused_before_anything_is_done(service):
    service.ovmf("10-ovmf")
    service.vendor.write("20-igvm", descriptors.by_filename("igvm", service.raw("x.igvm", 65536)))
    vms = VMs(service.start())
    with raises(NOT_SUPPORTED, "igvm"):
        vms.prepare("new", devices=["igvm"], **LIBVIRT)
    assert vms.list() == []

    igvm = vms.make("igvm", devices=["igvm"])
    with raises(NOT_SUPPORTED, "igvm"):
        vms.prepare("igvm", lease=True, **LIBVIRT)
    assert not igvm.get("InUse")

    flash = vms.make("flash")
    with raises(NOT_SUPPORTED, "igvm"):
        flash.rebind(devices=["igvm"], reset=True, **LIBVIRT)
    assert flash.get("Firmware") == "10-ovmf"
