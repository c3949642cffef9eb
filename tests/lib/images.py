# SPDX-License-Identifier: LGPL-2.1-or-later
"""Firmware images: sparse raw files and real qcow2 files."""

import os
import struct
import subprocess
import uuid

from . import still

OVMF_4M_CODE = 3653632
OVMF_4M_VARS = 540672
OVMF_2M_CODE = 1966080
OVMF_2M_VARS = 131072
MIB = 1024 * 1024
QCOW2_MAGIC = b"QFI\xfb"
EMPTY_STORE = b'{\n    "version": 2,\n    "variables": [\n    ]\n}\n'


def raw(path, size, data=b"image"):
    """A sparse file of this size that begins with data, so that it is not blank."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with still.all_frozen(), open(path, "wb") as file:
        file.write(data)
        file.truncate(size)
    return str(path)


def volume(length, variables=False):
    """The header of a UEFI firmware volume of this length."""
    guid = "fff12b8d-7696-4c8b-a985-2747075b4f50" if variables else (
        "8c8ce578-8a3d-4f1c-9935-896185c32dd3")
    return bytes(16) + uuid.UUID(guid).bytes_le + struct.pack("<Q", length) + b"_FVH" + bytes(28)


def qcow2(path, size):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with still.all_frozen():
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), str(size)],
                       check=True)
    return str(path)


def convert_qcow2(source, path):
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(source), str(path)],
                   check=True)
    return str(path)


def copy(source, path, size=None):
    """A copy that any uid may read, and that keeps holes; extended to size where one is given."""
    subprocess.run(["cp", "--sparse=always", "--", str(source), str(path)], check=True)
    os.chmod(path, 0o644)
    if size is not None:
        os.truncate(path, size)
    return str(path)
