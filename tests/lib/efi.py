# SPDX-License-Identifier: LGPL-2.1-or-later
"""EFI programs, and disks that boot them."""

import functools
import lzma
import struct
import uuid
from pathlib import Path

GREETING = b"a program of the tests runs"
LOADERS = {"x86_64": "BOOTX64.EFI", "aarch64": "BOOTAA64.EFI"}

# a section of code that LZMA has compressed, and where its data begin
LZMA_SECTION = uuid.UUID("ee4e5898-3914-4259-9d6e-dc7bd79403cf").bytes_le + struct.pack("<H", 24)
SHELL_FILE = uuid.UUID("7c04a583-9e3e-4f1c-ad65-e05268d0b4d1").bytes_le
APPLICATION, PE32_SECTION = 9, 0x10

# ConOut->OutputString(ConOut, text), and it never returns to the boot manager
CODE = {
    "x86_64": (0x8664, bytes.fromhex(
        "488b5a40"        # mov rbx, [rdx+0x40]: SystemTable->ConOut
        "4883ec28"        # sub rsp, 0x28
        "4889d9"          # mov rcx, rbx
        "488d1506000000"  # lea rdx, [rip+6]: the text, behind the code
        "ff5308"          # call [rbx+8]: OutputString
        "f4ebfd")),       # hlt; jmp to it
    "aarch64": (0xaa64, struct.pack(
        "<6I",
        0xf9402020,       # ldr x0, [x1, #0x40]: SystemTable->ConOut
        0x100000a1,       # adr x1, 20: the text, behind the code
        0xf9400408,       # ldr x8, [x0, #8]: OutputString
        0xd63f0100,       # blr x8
        0xd503207f,       # wfi
        0x17ffffff)),     # b to it
}


def program(architecture="x86_64"):
    """An unsigned one: a PE32+ image with one section."""
    machine, code = CODE[architecture]
    text = code + (GREETING.decode() + "\r\n\0").encode("utf-16-le")
    section = text.ljust(512, b"\0")
    dos = b"MZ".ljust(0x3c, b"\0") + struct.pack("<I", 0x40)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", machine, 1, 0, 0, 0, 240, 0x22)
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII", 0x20b, 0, 0, len(section), 0, 0, 0x1000, 0x1000, 0,
        0x1000, 0x200, 0, 0, 0, 0, 0, 0, 0, 0x2000, 0x200, 0, 10, 0, 0, 0, 0, 0, 0, 16)
    optional += bytes(16 * 8)
    header = struct.pack("<8sIIIIIIHHI", b".text", len(section), 0x1000, len(section), 0x200,
                         0, 0, 0, 0, 0x60000020)
    return (dos + coff + optional + header).ljust(0x200, b"\0") + section


@functools.cache
def shell(code):
    """The shell in a firmware's code: UEFI PI vol. 3, file and section headers."""
    content = Path(code).read_bytes()
    volume = lzma.LZMADecompressor(lzma.FORMAT_ALONE).decompress(
        content[content.index(LZMA_SECTION) + 20:])
    file = volume.index(SHELL_FILE)
    while volume[file + 18] != APPLICATION:
        file = volume.index(SHELL_FILE, file + 1)
    section = file + 24
    while True:
        size = int.from_bytes(volume[section:section + 3], "little")
        if volume[section + 3] == PE32_SECTION:
            return volume[section + 4:section + size]
        section += (size + 3) // 4 * 4


def write_loader(directory, content, architecture):
    """What the firmware boots by itself from a disk of this directory."""
    boot = directory / "EFI" / "BOOT"
    boot.mkdir(parents=True, exist_ok=True)
    (boot / LOADERS[architecture]).write_bytes(content)


def disk(directory, content=None, architecture="x86_64"):
    """QEMU's arguments for one whose program the firmware boots by itself."""
    write_loader(directory, content or program(architecture), architecture)
    return ["-drive", f"file=fat:{directory},format=raw,if=none,id={directory.name},readonly=on",
            "-device", f"virtio-blk-pci,drive={directory.name}"]
