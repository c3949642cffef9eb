# SPDX-License-Identifier: LGPL-2.1-or-later
"""With the uefi-vars device as it is rendered, firmware starts, and QEMU keeps the store.

The firmware is Debian's, which starts beside the device and does not use it.
"""

import json

import pytest

from lib import boards, descriptors, edk2
from lib.boot import SHELL, boots_to
from lib.checks import raises
from lib.qemu import version
from lib.vms import NOT_SUPPORTED, VMs, memfd

KEPT = {"guid": edk2.GLOBAL, "name": "Lang", "attr": 7, "data": "656e67"}


CORTEX = ["-cpu", "cortex-a57"]


def refused_or_rendered(service, architecture, machine, device, **given):
    """The arguments; None where this QEMU has no such device, which is then said."""
    client = service.start_with_qemu()
    given = {"features": ["host-uefi-vars"], "render": ["qemu"], **given}
    if version(architecture) < (10, 0):
        with raises(NOT_SUPPORTED, device):
            client.select(architecture, machine, **given)
        return None
    arguments = client.select(architecture, machine, **given)["qemu-arguments"]
    assert [word for word in arguments if word.partition(",")[0] == device]
    return arguments


@pytest.mark.parametrize("architecture,machine,glob,device,filename,extra", [
    ("x86_64", "q35", "pc-q35-*", "uefi-vars-x64", "/usr/share/ovmf/OVMF.fd", []),
    ("aarch64", "virt", "virt-*", "uefi-vars-sysbus", "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
     CORTEX),
])
def test_qemu_keeps_the_store(service, architecture, machine, glob, device, filename, extra):
    store = service.images / "store.json"
    store.write_text(json.dumps({"version": 2, "variables": [KEPT]}), encoding="ascii")
    service.vendor.write("store", descriptors.by_filename(
        "memory", filename, mapping={"uefi-vars": {"template": service.store("template.json")}},
        features=["host-uefi-vars"], targets=[descriptors.target(architecture, glob)]))
    arguments = refused_or_rendered(service, architecture, machine, device,
                                    nvram_filename=str(store))
    if not arguments:
        return
    boots_to(service, architecture, arguments, SHELL, extra)
    kept = {(each["guid"], each["name"]): each
            for each in json.loads(store.read_text(encoding="ascii"))["variables"]}
    assert kept.pop((KEPT["guid"], KEPT["name"])) == KEPT
    assert kept, "QEMU wrote nothing of its own"
    report = VMs(service.client).read_variables(memfd(store.read_bytes()), list=True)
    assert (report["kind"], report["health"]) == ("qemu-json", "ok")
    assert {(one["guid"], one["name"]) for one in report["list"]} == {
        (KEPT["guid"], KEPT["name"]), *kept}


@pytest.mark.parametrize("architecture,machine,glob,device,filename,extra", [
    ("x86_64", "q35", "pc-q35-*", "uefi-vars-x64", f"{boards.OVMF}/OVMF_CODE_4M.fd", []),
    ("aarch64", "virt", "virt-*", "uefi-vars-sysbus", f"{boards.AAVMF}/AAVMF_CODE.fd", CORTEX),
])
def test_firmware_in_stateless_flash_starts(service, architecture, machine, glob, device, filename,
                                            extra):
    service.vendor.write("stateless", descriptors.flash(
        filename, features=["host-uefi-vars"], targets=[descriptors.target(architecture, glob)]))
    arguments = refused_or_rendered(service, architecture, machine, device)
    if arguments:
        boots_to(service, architecture, arguments, SHELL, extra)
