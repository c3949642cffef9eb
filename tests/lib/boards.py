# SPDX-License-Identifier: LGPL-2.1-or-later
"""The boards whose flash is proved against a running QEMU, and how to start them from Select."""

from dataclasses import dataclass
from typing import Callable, Optional

from . import descriptors, flashes, images
from .qemu import Qemu, version

OVMF = "/usr/share/OVMF"
AAVMF = "/usr/share/AAVMF"
RENDERS = {"qemu": "qemu-arguments", "qemu-legacy": "qemu-legacy-arguments"}


@dataclass(frozen=True)
class Board:
    """A machine with the images to put in its flash.

    `executable` and `template` are made by functions of a Service and give paths; `unit_size` is
    the size of a flash unit where the board fixes it. `properties_since` is the version of QEMU
    from which on the machine has properties that name its flash; None: it never had.
    """

    name: str
    architecture: str
    machine: str
    glob: str
    executable: Callable
    template: Optional[Callable] = None
    mode: Optional[str] = None
    fmt: str = "raw"
    unit_size: Optional[int] = None
    features: tuple = ()
    properties_since: Optional[tuple] = (4, 0)

    def has_properties(self):
        return bool(self.properties_since) and version(self.architecture) >= self.properties_since

    def describe(self, service, name="board"):
        """Write the descriptor; returns the two images."""
        executable = self.executable(service)
        template = self.template(service) if self.template else None
        service.vendor.write(name, descriptors.flash(
            executable, template, mode=self.mode, fmt=self.fmt, template_fmt=self.fmt,
            targets=[descriptors.target(self.architecture, self.glob)],
            features=list(self.features)))
        return executable, template

    def writable_copy(self, service, executable, template, filename="nvram"):
        source = executable if self.mode == "combined" else template
        if source is None:
            return None
        size = self.unit_size if self.fmt == "raw" else None
        return images.copy(source, service.directory / filename, size)


def shipped(path):
    return lambda service: path


def sparse(name, size):
    return lambda service: service.raw(name, size)


def as_qcow2(path, name):
    return lambda service: images.convert_qcow2(path, service.images / name)


def ovmf(name, machine, stem, **members):
    glob = {"pc": "pc-i440fx-*", "q35": "pc-q35-*"}[machine]
    code, variables = (f"{OVMF}/OVMF_{kind}{stem}.fd" for kind in ("CODE", "VARS"))
    return Board(f"{machine}-{name}", "x86_64", machine, glob, members.pop("code", shipped(code)),
                 members.pop("template", shipped(variables)), **members)


def x86_boards():
    for machine in ("pc", "q35"):
        yield ovmf("2M", machine, "", code=sparse("code.fd", images.OVMF_2M_CODE),
                   template=sparse("vars.fd", images.OVMF_2M_VARS))
        yield ovmf("4M", machine, "_4M")
        yield ovmf("qcow2", machine, "_4M", fmt="qcow2",
                   code=as_qcow2(f"{OVMF}/OVMF_CODE_4M.fd", "code.qcow2"),
                   template=as_qcow2(f"{OVMF}/OVMF_VARS_4M.fd", "vars.qcow2"))
        yield ovmf("combined", machine, "", mode="combined",
                   code=shipped("/usr/share/ovmf/OVMF.fd"), template=None)
        yield ovmf("combined-qcow2", machine, "", mode="combined", fmt="qcow2",
                   code=as_qcow2("/usr/share/ovmf/OVMF.fd", "whole.qcow2"), template=None)
        yield ovmf("stateless", machine, "_4M", mode="stateless", template=None)
        yield ovmf("full-8M", machine, "", code=sparse("code.fd", 7 * images.MIB),
                   template=sparse("vars.fd", images.MIB))
        yield ovmf("rounded-to-sector", machine, "", code=sparse("code.fd", 4096 * 500 - 100),
                   template=sparse("vars.fd", 4096))
    yield ovmf("secure", "q35", "_4M", features=("secure-boot", "requires-smm"),
               code=shipped(f"{OVMF}/OVMF_CODE_4M.secboot.fd"))


def fixed(name, architecture, machine, glob, size, **members):
    """A board with two units of one fixed size, filled by sparse files unless said otherwise."""
    return Board(name, architecture, machine, glob,
                 members.pop("executable", sparse("code.fd", size)),
                 members.pop("template", sparse("vars.fd", size)), unit_size=size, **members)


def other_boards():
    m64, m32, m256 = 64 * images.MIB, 32 * images.MIB, 256 * images.MIB
    yield fixed("arm-virt", "arm", "virt", "virt-*", m64,
                executable=shipped(f"{AAVMF}/AAVMF32_CODE.fd"),
                template=shipped(f"{AAVMF}/AAVMF32_VARS.fd"))
    yield fixed("aarch64-virt", "aarch64", "virt", "virt-*", m64,
                executable=shipped(f"{AAVMF}/AAVMF_CODE.fd"),
                template=shipped(f"{AAVMF}/AAVMF_VARS.fd"))
    yield fixed("aarch64-virt-short-template", "aarch64", "virt", "virt-*", m64,
                template=sparse("short.fd", 768 * 1024))
    yield fixed("aarch64-virt-rounded", "aarch64", "virt", "virt-*", m64,
                executable=sparse("code.fd", m64 - 100))
    yield fixed("aarch64-virt-qcow2", "aarch64", "virt", "virt-*", m64, fmt="qcow2",
                executable=lambda service: service.qcow2("code.qcow2", m64),
                template=lambda service: service.qcow2("vars.qcow2", m64))
    yield fixed("aarch64-virt-stateless", "aarch64", "virt", "virt-*", m64, mode="stateless",
                template=None)
    yield fixed("aarch64-virt-combined", "aarch64", "virt", "virt-*", m64, mode="combined",
                template=None)
    yield fixed("sbsa-ref", "aarch64", "sbsa-ref", "sbsa-ref", m256)
    yield fixed("riscv64-virt", "riscv64", "virt", "virt", m32, properties_since=(8, 1))
    for machine in ("vexpress-a9", "vexpress-a15"):
        yield fixed(machine, "arm", machine, machine, m64, properties_since=None)
    # before it had one unit, or none
    if version("loongarch64") >= (9, 0):
        yield Board("loongarch64-virt", "loongarch64", "virt", "virt",
                    sparse("code.fd", 4 * images.MIB), sparse("vars.fd", 256 * 1024))
        yield fixed("loongarch64-virt-full", "loongarch64", "virt", "virt", 16 * images.MIB)


def start_and_compare(board, resolution, render):
    """Start QEMU with exactly the rendered arguments and compare its flash with `flash`."""
    arguments = resolution[RENDERS[render]]
    assert arguments[0] == "-machine"
    by_property = render == "qemu" and board.has_properties()
    assert ("pflash0=" in arguments[1]) == by_property, arguments
    with Qemu(board.architecture, arguments) as qemu:
        assert resolution["machine"] == qemu.machine_type()
        flashes.assert_equal(qemu, resolution["flash"])
