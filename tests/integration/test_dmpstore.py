# SPDX-License-Identifier: LGPL-2.1-or-later
"""After real boots, the report has what the firmware's own dmpstore tells."""

import os

import pytest

from lib import descriptors, efi, edk2
from lib.shell import boot
from lib.vms import VMs, memfd

DEBIAN = "/usr/share/qemu/firmware"
OURS = "11111111-2222-3333-4444-555555555555"
CODE_2M, VARS_2M = "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"
PLAIN = {"firmware": "60-edk2-x86_64"}
SCRIPT = [f"setvar Ours -guid {OURS} -bs -rt -nv =S\"value\"", "dmpstore -all"]


@pytest.fixture
def vms(service):
    # Debian 12 has no descriptor of it, and Debian 13 no 2 MiB build
    if os.path.exists(CODE_2M):
        service.vendor.write("70-small", descriptors.flash(CODE_2M, VARS_2M))
    return VMs(service.start_with_qemu(search_path=[str(service.vendor), DEBIAN]))


def assert_told(service, vms, name, **given):
    """Boots, and returns what was told."""
    with boot(service, vms, name, SCRIPT, **given) as shell:
        shell.finish()
        told = shell.dumped()
    vm = vms.at(name)
    report = vm.read_variables(list=True)
    assert report["health"] == "ok"
    found = {(one["guid"], one["name"]): vm.get_variable(one["guid"], one["name"])
             for one in report["list"]}
    assert found == told
    assert told[OURS, "Ours"] == (7, b"value")
    return told


@pytest.mark.parametrize("architecture,machine,firmware", [
    *([("x86_64", "q35", "70-small")] if os.path.exists(CODE_2M) else []),
    ("x86_64", "q35", "60-edk2-x86_64"), ("aarch64", "virt", "60-edk2-aarch64")])
def test_report_is_what_dmpstore_tells(service, vms, architecture, machine, firmware):
    assert_told(service, vms, "vm", architecture=architecture, machine=machine, firmware=firmware)


def off(store):
    """With SecureBootEnable 0: the shell is not signed."""
    enabled = "SecureBootEnable\0".encode("utf-16-le") + b"\1"
    assert enabled in store
    return store.replace(enabled, enabled[:-1] + b"\0")


def test_of_a_guest_with_secure_boot(service, vms):
    """It refuses the unsigned shell: other code of its size tells what it has written."""
    with boot(service, vms, "secure", [], efi.disk(service.directory / "esp"),
              firmware="40-edk2-x86_64-secure-enrolled") as shell:
        shell.until(".*Access Denied.*")
        shell.qemu.execute("quit")
        shell.qemu.process.wait(120)
    before = vms.at("secure").read_variables(list=True)
    assert (before["health"], before["secure-boot"]) == ("ok", "enforced")
    vms.import_vm("plain", "x86_64", "q35", memfd(off(vms.at("secure").read())), format="raw", **PLAIN)
    told = assert_told(service, vms, "plain")
    assert {(edk2.GLOBAL, "PK"), (edk2.GLOBAL, "KEK")} < told.keys()
    for one in before["list"]:
        if one["attributes"] & 0x20:
            assert len(told[one["guid"], one["name"]][1]) == one["size"]
