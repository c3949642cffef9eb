# SPDX-License-Identifier: LGPL-2.1-or-later
"""A size that QEMU refuses is refused by the daemon too, and one that QEMU takes is taken."""

import re

import pytest

from lib import descriptors
from lib.client import NO_MATCH, DBusError
from lib.images import MIB
from lib.qemu import Qemu, QemuFailed

X86 = ("x86_64", "q35", "pc-q35-*")
I440FX = ("x86_64", "pc", "pc-i440fx-*")
VIRT = ("aarch64", "virt", "virt-*")
VIRT32 = ("arm", "virt", "virt-*")
SBSA = ("aarch64", "sbsa-ref", "sbsa-ref")
RISCV = ("riscv64", "virt", "virt")
A9 = ("arm", "vexpress-a9", "vexpress-a9")
INVALID = "has invalid size"
COMBINED_SIZE = "combined size of system firmware exceeds"
REQUIRES = "block backend provides"

# board, executable's and template's size, which file is at fault (None: the sum), QEMU's words
REFUSED = [
    (X86, 0, 4096, "code.fd", INVALID),
    (X86, 4096 + 512, 4096, "code.fd", INVALID),
    (X86, 4097, 4096, "code.fd", INVALID),
    (X86, 65536, 0, "vars.fd", INVALID),
    (X86, 65536, 2048, "vars.fd", INVALID),
    (X86, 8 * MIB, 4096, None, COMBINED_SIZE),
    (X86, 4 * MIB, 4 * MIB + 4096, None, COMBINED_SIZE),
    (X86, 9 * MIB, None, "code.fd", COMBINED_SIZE),
    (I440FX, 65536 + 1024, None, "code.fd", INVALID),
    (I440FX, 8 * MIB, 4096, None, COMBINED_SIZE),
    (VIRT, 2 * MIB, 64 * MIB, "code.fd", REQUIRES),
    (VIRT, 64 * MIB + 512, 64 * MIB, "code.fd", REQUIRES),
    (VIRT, 64 * MIB - 512, None, "code.fd", REQUIRES),
    (VIRT, 64 * MIB, 64 * MIB + 1, "vars.fd", REQUIRES),
    (VIRT32, 32 * MIB, None, "code.fd", REQUIRES),
    (SBSA, 64 * MIB, 256 * MIB, "code.fd", REQUIRES),
    (SBSA, 256 * MIB, 512 * MIB, "vars.fd", REQUIRES),
    (RISCV, 64 * MIB, 32 * MIB, "code.fd", REQUIRES),
    (A9, 32 * MIB, None, "code.fd", REQUIRES),
]
TAKEN = [
    (X86, 4096, 4096), (X86, 65536, 4096), (X86, 8 * MIB - 4096, 4096), (X86, 8 * MIB, None),
    (X86, 8192 - 511, 4096), (VIRT, 64 * MIB - 100, 64 * MIB), (VIRT, 64 * MIB - 511, None),
    (SBSA, 256 * MIB - 100, None), (RISCV, 32 * MIB - 1, None),
]


def hand_written(machine, files):
    """Arguments for QEMU that do not come from the daemon."""
    arguments = ["-machine", machine]
    for unit, path in enumerate(files):
        readonly = "on" if unit == 0 else "off"
        arguments += ["-drive",
                      f"if=pflash,unit={unit},format=raw,readonly={readonly},file={path}"]
    return arguments


def make(service, board, code_size, vars_size):
    architecture, _, glob = board
    files = [service.raw("code.fd", code_size)]
    if vars_size is not None:
        files.append(service.raw("vars.fd", vars_size))
    service.vendor.write("sized", descriptors.flash(
        *files, targets=[descriptors.target(architecture, glob)]))
    return files


def case_id(value):
    return "-".join(value[:2]) if isinstance(value, tuple) else str(value)


def path_of(reason):
    return re.fullmatch("bad-size:(/.*?): (.*)", reason)[1]


@pytest.mark.parametrize("board,code_size,vars_size,culprit,words", REFUSED, ids=case_id)
def test_size_that_qemu_refuses_is_bad_size(service, board, code_size, vars_size, culprit, words):
    files = make(service, board, code_size, vars_size)
    architecture, machine, _ = board
    with pytest.raises(QemuFailed) as failed:
        Qemu(architecture, hand_written(machine, files)).close()
    assert failed.value.status == 1
    assert words in failed.value.text
    client = service.start_with_qemu()
    verdict, reasons = client.verdict_of("sized", architecture, machine)
    assert verdict == "rejected"
    sizes = [reason for reason in reasons if reason.startswith("bad-size:")]
    assert sizes and sizes == reasons
    if culprit is not None:
        assert [path_of(reason) for reason in sizes] == [f"{service.images / culprit}"]
    else:
        assert set(map(path_of, sizes)) <= set(files)
    with pytest.raises(DBusError) as refused:
        client.select(architecture, machine)
    assert refused.value.name == NO_MATCH
    assert "bad-size" in refused.value.text and "sized" in refused.value.text
    assert client.state("sized") == "unusable"


@pytest.mark.parametrize("board,code_size,vars_size", TAKEN, ids=case_id)
def test_size_that_qemu_takes_is_taken(service, board, code_size, vars_size):
    files = make(service, board, code_size, vars_size)
    architecture, machine, _ = board
    Qemu(architecture, hand_written(machine, files)).close()
    client = service.start_with_qemu()
    resolution = client.select(architecture, machine)
    assert resolution["name"] == "sized"
    # A raw file's length is rounded up to 512: that is the size the guest sees.
    assert resolution["executable"]["size"] == -(-code_size // 512) * 512
    assert client.state("sized") == "usable"


def test_short_template_is_no_fault_where_the_flash_has_a_fixed_size(service):
    make(service, VIRT, 64 * MIB, 4096)
    client = service.start_with_qemu()
    resolution = client.select("aarch64", "virt")
    assert resolution["nvram-template"]["size"] == 4096
    assert resolution["flash"][1]["size"] == 64 * MIB


def test_firmware_that_fits_one_of_its_machines_is_usable_and_refused_for_the_other(service):
    service.vendor.write("either", descriptors.flash(
        service.raw("code.fd", 2 * MIB),
        targets=[descriptors.target("x86_64", "pc-q35-*"),
                 descriptors.target("aarch64", "virt-*")]))
    client = service.start_with_qemu()
    assert client.state("either") == "usable"
    assert client.select_name("x86_64", "q35") == "either"
    verdict, reasons = client.verdict_of("either", "aarch64", "virt")
    assert verdict == "rejected"
    assert reasons == [f"bad-size:{service.images / 'code.fd'}: the image has 2097152 bytes, and "
                       "flash unit 0 67108864"]


def test_qcow2_counts_by_its_virtual_size(service):
    small, big = service.qcow2("small.qcow2", 2 * MIB), service.qcow2("big.qcow2", 9 * MIB)
    service.vendor.write("10-big", descriptors.flash(big, fmt="qcow2"))
    service.vendor.write("20-small", descriptors.flash(small, fmt="qcow2"))
    client = service.start_with_qemu()
    assert client.verdict_of("10-big", "x86_64", "q35") == (
        "rejected", [f"bad-size:{big}: flash units 0 to 0 have 9437184 bytes together, and the "
                     "machine takes 8388608"])
    resolution = client.select("x86_64", "q35")
    assert resolution["name"] == "20-small"
    assert resolution["executable"] == {"filename": small, "format": "qcow2", "size": 2 * MIB}


BIOS_REFUSED = [
    (X86, 65536 + 512, "could not load PC BIOS"), (X86, 3653632, "could not load PC BIOS"),
    (I440FX, 0, "could not load PC BIOS"), (VIRT, 65 * MIB, "Could not load ROM image"),
]


@pytest.mark.parametrize("board,size,words", BIOS_REFUSED, ids=case_id)
def test_size_that_bios_refuses_is_bad_size(service, board, size, words):
    architecture, machine, glob = board
    path = service.raw("bios.bin", size)
    with pytest.raises(QemuFailed) as failed:
        Qemu(architecture, ["-machine", machine, "-bios", path]).close()
    assert words in failed.value.text
    service.vendor.write("bios", descriptors.by_filename(
        "memory", path, targets=[descriptors.target(architecture, glob)]))
    client = service.start_with_qemu()
    verdict, [reason] = client.verdict_of("bios", architecture, machine)
    assert (verdict, path_of(reason)) == ("rejected", path)
    assert f"the file has {size} bytes" in reason
    assert client.state("bios") == "unusable"
