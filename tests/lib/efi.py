# SPDX-License-Identifier: LGPL-2.1-or-later
"""An unsigned EFI program for x86_64, and a disk that boots it."""

import struct

GREETING = b"unsigned, and running"

# ConOut->OutputString(ConOut, text), and again for ever: it never returns to the boot manager
CODE = bytes.fromhex(
    "488b5a40"        # mov rbx, [rdx+0x40]: SystemTable->ConOut
    "4883ec28"        # sub rsp, 0x28
    "4889d9"          # mov rcx, rbx
    "488d1506000000"  # lea rdx, [rip+6]: the text, behind the code
    "ff5308"          # call [rbx+8]: OutputString
    "f4ebfd"          # hlt; jmp to it
)


def program():
    """A PE32+ image with one section."""
    text = CODE + (GREETING.decode() + "\r\n\0").encode("utf-16-le")
    section = text.ljust(512, b"\0")
    dos = b"MZ".ljust(0x3c, b"\0") + struct.pack("<I", 0x40)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x22)
    optional = struct.pack(
        "<HBBIIIIIQIIHHHHHHIIIIHHQQQQII", 0x20b, 0, 0, len(section), 0, 0, 0x1000, 0x1000, 0,
        0x1000, 0x200, 0, 0, 0, 0, 0, 0, 0, 0x2000, 0x200, 0, 10, 0, 0, 0, 0, 0, 0, 16)
    optional += bytes(16 * 8)
    header = struct.pack("<8sIIIIIIHHI", b".text", len(section), 0x1000, len(section), 0x200,
                         0, 0, 0, 0, 0x60000020)
    return (dos + coff + optional + header).ljust(0x200, b"\0") + section


def disk(directory, content=None):
    """QEMU's arguments for one whose program the firmware boots by itself."""
    boot = directory / "EFI" / "BOOT"
    boot.mkdir(parents=True)
    (boot / "BOOTX64.EFI").write_bytes(program() if content is None else content)
    return ["-drive", f"file=fat:{directory},format=raw,if=none,id=esp,readonly=on",
            "-device", "virtio-blk-pci,drive=esp"]
