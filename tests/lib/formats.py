# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host with one firmware for each format of NVRAM, and one that keeps none."""

from . import descriptors, images
from .vms import VMs

ENROLLED = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
# those that keep NVRAM; 80-none is the other
FIRMWARE = ["50-raw", "60-qcow2", "70-store"]


def start(service):
    """The VMs of a service that is started for it; none so far."""
    service.vendor.write("50-raw", descriptors.flash(
        service.raw("code.fd"), images.copy(ENROLLED, service.images / "vars.fd"),
        features=["secure-boot"]))
    service.vendor.write("60-qcow2", descriptors.flash(
        service.qcow2("code.qcow2"),
        images.convert_qcow2(ENROLLED, service.images / "vars.qcow2"), fmt="qcow2",
        template_fmt="qcow2"))
    service.vendor.write("70-store", descriptors.by_filename(
        "memory", service.raw("f.bin", 65536),
        mapping={"uefi-vars": {"template": service.store("vars.json")}}))
    service.vendor.write("80-none", descriptors.flash(service.raw("none.fd")))
    return VMs(service.start_with_qemu())
