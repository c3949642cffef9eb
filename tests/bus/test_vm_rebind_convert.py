# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rebind with convert: the variables move to NVRAM of another kind."""

import os
import subprocess

import pytest

from lib import bootentry, certificates, descriptors, edk2, images
from lib.checks import invalid_args, raises
from lib.vms import IN_USE, MISMATCH, MISSING, NOT_SUPPORTED, UNUSABLE, VMs, change

LARGE = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
OTHER = "11111111-2222-3333-4444-555555555555"
# what firmware makes anew
MADE_ANEW = {"certdb", "certdbv", "MTC", "VarErrorFlag", "VendorKeysNv", "MemoryTypeInformation"}
SIZES = {"20-2m": 131072, "50-4m": 540672, "60-qcow2": 540672, "70-store": 0}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return certificates.make(tmp_path_factory.mktemp("certificate"), "tests")


@pytest.fixture
def vms(service):
    service.vendor.write("20-2m", descriptors.flash(
        service.raw("small.fd", 2 * images.MIB - SIZES["20-2m"]),
        service.raw("small-vars.fd", SIZES["20-2m"], edk2.shrink(LARGE)), features=["secure-boot"]))
    service.vendor.write("50-4m", descriptors.flash(
        service.raw("code.fd"), images.copy(LARGE, service.images / "vars.fd"),
        features=["secure-boot"]))
    service.vendor.write("60-qcow2", descriptors.flash(
        service.qcow2("code.qcow2"), images.convert_qcow2(LARGE, service.images / "vars.qcow2"),
        fmt="qcow2", template_fmt="qcow2", features=["secure-boot"]))
    service.vendor.write("70-store", descriptors.by_filename(
        "memory", service.raw("f.bin", 65536), features=["secure-boot"],
        mapping={"uefi-vars": {"template": service.store("vars.json")}}))
    service.vendor.write("80-none", descriptors.flash(service.raw("none.fd")))
    return VMs(service.start_with_qemu())


def make(vms, certificate, firmware):
    vm = vms.make(firmware=firmware)
    vm.change_variables(
        change("enroll", into="PK", data=certificate),
        change("enroll", into="db", data=certificate), change("remove-boot", all=True),
        change("set", guid=edk2.GLOBAL, name="Boot0007", data=bootentry.file()),
        change("boot-order", order=[7]), change("secure-boot", on=True),
        change("set", guid=OTHER, name="MokList", data=bytes(range(256)), attributes=3))
    return vm


def variables(vm):
    """(guid, name) -> all that must stay."""
    return {(one["guid"], one["name"]): (*vm.get_variable(one["guid"], one["name"]), one["time"])
            for one in vm.read_variables(list=True)["list"] if one["name"] not in MADE_ANEW}


def convert(vm, firmware, **options):
    return vm.rebind(firmware=firmware, convert=True, **options)


@pytest.mark.parametrize("path", [
    ["20-2m", "50-4m", "20-2m"], ["50-4m", "70-store", "50-4m"], ["70-store", "20-2m", "70-store"],
    ["20-2m", "60-qcow2", "70-store"], ["60-qcow2", "20-2m"]], ids=" ".join)
def test_all_variables_move(vms, certificate, path):
    vm = make(vms, certificate, path[0])
    before = variables(vm)
    assert (OTHER, "MokList") in before and (edk2.GLOBAL, "PK") in before
    for before_it, firmware in zip(path, path[1:]):
        old, size = vm.read(), SIZES[before_it] or os.stat(vm.nvram()).st_size
        answer = convert(vm, firmware)
        assert (answer["name"], answer["nvram"]["created"], answer["nvram"]["size"]) == (
            firmware, False, SIZES[firmware])
        assert answer["secure-boot"] == "enforced"
        assert variables(vm) == before
        report = vm.read_variables()
        assert (report["health"], report["boot-order"]) == ("ok", [7])
        newest = next(one for one in vm.list_backups() if one["reason"] != "good")
        assert (newest["reason"], newest["size"]) == ("rebind", size)
        assert vm.export(index=newest["index"]) == old
        again = vms.prepare()
        assert (again["name"], again["pinned"], vm.get("State")) == (firmware, True, "ready")


def test_another_format_alone(vms, certificate):
    vm = make(vms, certificate, "50-4m")
    before = variables(vm)
    for fmt in ("qcow2", "raw"):
        answer = convert(vm, "50-4m", nvram_format=fmt)
        assert answer["nvram"]["format"] == fmt and variables(vm) == before


def refused(vm, name, firmware, *words, **options):
    """Nothing has changed."""
    content = vm.read() if os.path.exists(vm.nvram()) else None
    before = vm.get("Firmware"), vm.list_backups(), vm.files()
    with raises(name, *words):
        convert(vm, firmware, **options)
    assert before == (vm.get("Firmware"), vm.list_backups(), vm.files())
    assert content is None or vm.read() == content


def test_what_does_not_fit_is_named(vms, certificate):
    vm = make(vms, certificate, "50-4m")
    vm.change_variables(change("set", guid=OTHER, name="Large", data=bytes(9000)),
                        change("set", guid=OTHER, name="Larger", data=bytes(9500)))
    refused(vm, MISMATCH, "20-2m", "VM vm: its variables cannot move to 20-2m", "Large (9072 bytes "
            "of at most 8192)", "Larger (9574 bytes", "nothing has changed")
    vm.change_variables(*(change("delete", guid=OTHER, name=name) for name in ("Large", "Larger")))
    vm.change_variables(*(change("set", guid=OTHER, name=f"v{i}", data=bytes(8000))
                          for i in range(7)))
    refused(vm, MISMATCH, "20-2m", "its variables cannot move to 20-2m", "nothing has changed")
    convert(vm, "70-store")


def test_private_keys_are_named(vms, certificate):
    vm = make(vms, certificate, "50-4m")
    vm.change_variables(change("set", guid=OTHER, name="Private", data=b"1", attributes=0x27))
    refused(vm, MISMATCH, "70-store", "Private (it is authenticated by a certificate of its own)")
    before = variables(vm)
    convert(vm, "20-2m")
    assert variables(vm) == before


def test_firmware_without_variables(vms, certificate):
    vm = make(vms, certificate, "50-4m")
    with raises(MISMATCH, "keeps none; with reset it becomes a backup"):
        convert(vm, "80-none")
    vm.rebind(firmware="80-none", reset=True)
    assert convert(vm, "50-4m")["nvram"]["created"] is True


def test_without_convert_it_is_named(vms, certificate):
    vm = make(vms, certificate, "20-2m")
    for firmware in ("50-4m", "70-store"):
        with raises(MISMATCH, "with convert its variables move there", firmware):
            vm.rebind(firmware=firmware)


def test_where_the_nvram_fits_it_stays(vms, certificate):
    vm = make(vms, certificate, "50-4m")
    content, backups = vm.read(), vm.list_backups()
    assert convert(vm, "50-4m", machine="pc")["machine"].startswith("pc-i440fx")
    assert vm.read() == content and vm.list_backups() == backups


def test_other_errors(vms, certificate):
    vm = make(vms, certificate, "20-2m")
    with invalid_args("reset and convert exclude each other"):
        convert(vm, "50-4m", reset=True)
    lease = vm.acquire()
    with raises(IN_USE):
        convert(vm, "50-4m")
    os.close(lease)
    vm.write(b"x", 40)
    refused(vm, UNUSABLE, "50-4m", "damaged: byte 40")
    with open(vm.nvram(), "r+b") as file:
        file.truncate(4096)
    refused(vm, MISMATCH, "50-4m", "4096", "131072")
    os.unlink(vm.nvram())
    refused(vm, MISSING, "50-4m")


def test_compressed_with_zstd(vms, certificate):
    vm = make(vms, certificate, "60-qcow2")
    path = vm.nvram()
    subprocess.run(["qemu-img", "convert", "-c", "-f", "qcow2", "-O", "qcow2", "-o",
                    "compression_type=zstd", path, f"{path}.new"], check=True)
    os.rename(f"{path}.new", path)
    refused(vm, NOT_SUPPORTED, "20-2m", "VM vm: its NVRAM is compressed with zstd")
