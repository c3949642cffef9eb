# SPDX-License-Identifier: LGPL-2.1-or-later
"""After real boots, the report has what the firmware's own dmpstore tells."""

import os

import pytest

from lib import descriptors
from lib.shell import assert_agrees, boot
from lib.vms import VMs

DEBIAN = "/usr/share/qemu/firmware"
OURS = "11111111-2222-3333-4444-555555555555"
CODE_2M, VARS_2M = "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"
SCRIPT = [f"setvar Ours -guid {OURS} -bs -rt -nv =S\"value\"", "dmpstore -all"]


@pytest.fixture
def vms(service):
    # Debian 12 has no descriptor of it, and Debian 13 no 2 MiB build
    if os.path.exists(CODE_2M):
        service.vendor.write("70-small", descriptors.flash(CODE_2M, VARS_2M))
    return VMs(service.start_with_qemu(search_path=[str(service.vendor), DEBIAN]))


@pytest.mark.parametrize("architecture,machine,firmware", [
    *([("x86_64", "q35", "70-small")] if os.path.exists(CODE_2M) else []),
    ("x86_64", "q35", "60-edk2-x86_64"), ("aarch64", "virt", "60-edk2-aarch64")])
def test_report_is_what_dmpstore_tells(service, vms, architecture, machine, firmware):
    with boot(service, vms, "vm", SCRIPT, architecture=architecture, machine=machine,
              firmware=firmware) as shell:
        shell.finish()
        told = shell.dumped()
    assert_agrees(vms.at("vm"), told)
    assert told[OURS, "Ours"] == (7, b"value")
