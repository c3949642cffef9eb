# SPDX-License-Identifier: LGPL-2.1-or-later
"""File names that QEMU's option syntax could misread reach a real QEMU unharmed."""

import os

import pytest

from lib import boards, descriptors, images
from lib.boards import RENDERS
from lib.qemu import Qemu

NAMES = [
    "a,b.fd", "a,,b.fd", ",leading.fd", "trailing,", "with space.fd", "quote'\".fd",
    "ünïcödé-固件.fd", "key=value,read-only=on.fd", "back\\slash.fd", "colon:name.fd",
    "{brace}.fd", "json:{}.fd", "percent%41$HOME.fd", "new\nline.fd", "tab\there.fd", "é\u0301.fd",
]


def fixed(board_directory, name):
    (board_directory / f"in {name}").mkdir()
    return board_directory / f"in {name}"


@pytest.mark.parametrize("render", RENDERS)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_flash_images_of_any_name_start(service, name, render):
    directory = fixed(service.images, name)
    board = boards.Board(
        "named", "x86_64", "q35", "pc-q35-*",
        lambda _: images.copy(f"{boards.OVMF}/OVMF_CODE_4M.fd", directory / name),
        lambda _: images.copy(f"{boards.OVMF}/OVMF_VARS_4M.fd", directory / f"vars{name}"))
    executable, template = board.describe(service)
    copy = images.copy(template, directory / f"copy{name}")
    client = service.start_with_qemu()
    resolution = client.select("x86_64", "q35", nvram_filename=copy, render=[render])
    assert [unit["filename"] for unit in resolution["flash"]] == [executable, copy]
    boards.start_and_compare(board, resolution, render)


@pytest.mark.parametrize("render", RENDERS)
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_memory_firmware_of_any_name_starts(service, name, render):
    directory = fixed(service.images, name)
    bios = images.copy("/usr/share/seabios/bios-256k.bin", directory / name)
    service.vendor.write("bios", descriptors.by_filename("memory", bios, interface_types=["bios"]))
    client = service.start_with_qemu()
    resolution = client.select("x86_64", "q35", render=[render])
    with Qemu("x86_64", resolution[RENDERS[render]]) as qemu:
        assert qemu.get("/machine", "firmware") == bios
        assert "pc.bios" in qemu.monitor("info mtree")


@pytest.mark.parametrize("name", ["plain.bin", "a,b.bin", "with space.bin", "ünïcödé.bin"])
def test_kernel_firmware_starts(service, name):
    kernel = service.raw(name, 65536, os.urandom(1024))
    service.vendor.write("kernel", descriptors.by_filename(
        "kernel", kernel, interface_types=["uboot"],
        targets=[descriptors.target("aarch64", "virt-*")]))
    client = service.start_with_qemu()
    resolution = client.select("aarch64", "virt", render=list(RENDERS))
    assert resolution["device"] == "kernel"
    assert "flash" not in resolution and "nvram-template" not in resolution
    for key in RENDERS.values():
        with Qemu("aarch64", resolution[key]) as qemu:
            assert qemu.get("/machine", "kernel") == kernel
