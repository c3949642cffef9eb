# SPDX-License-Identifier: LGPL-2.1-or-later
"""With Select's arguments the firmware runs, and says so on its serial console."""

import pytest

from lib import efi, images
from lib.boards import RENDERS
from lib.boot import SHELL, boots_to

DEBIAN = "/usr/share/qemu/firmware"


def selected(service, architecture, machine, render, **given):
    """Select over Debian's own descriptors, with a copy of the answer's template."""
    client = service.start_with_qemu(search_path=[DEBIAN])
    template = client.select(architecture, machine, **given)["nvram-template"]
    copy = images.copy(template["filename"], service.directory / "nvram")
    resolution = client.select(architecture, machine, nvram_filename=copy, render=[render],
                               **given)
    return resolution, resolution[RENDERS[render]], copy


@pytest.mark.parametrize("machine,render", [("q35", "qemu"), ("q35", "qemu-legacy"),
                                            ("pc", "qemu")])
def test_x86_boots_ovmf(service, machine, render):
    _, arguments, copy = selected(service, "x86_64", machine, render,
                                  without_features=["secure-boot"])
    with open(copy, "rb") as file:
        before = file.read()
    boots_to(service, "x86_64", arguments, SHELL)
    with open(copy, "rb") as file:
        assert file.read() != before, "the firmware wrote no variable"


@pytest.mark.parametrize("render", RENDERS)
def test_q35_boots_ovmf_with_secure_boot_enforced(service, render):
    resolution, arguments, _ = selected(service, "x86_64", "q35", render,
                                        features=["secure-boot", "enrolled-keys"])
    assert "requires-smm" in resolution["features"]
    # An unsigned program is refused: the firmware reached its boot phase with its keys in force.
    boots_to(service, "x86_64", arguments, b"Access Denied", efi.disk(service.directory / "esp"))


def test_q35_boots_an_unsigned_program_without_secure_boot(service):
    _, arguments, _ = selected(service, "x86_64", "q35", "qemu",
                               without_features=["secure-boot"])
    boots_to(service, "x86_64", arguments, efi.GREETING, efi.disk(service.directory / "esp"))


@pytest.mark.parametrize("render", RENDERS)
def test_aarch64_virt_boots_aavmf(service, render):
    _, arguments, _ = selected(service, "aarch64", "virt", render,
                               without_features=["secure-boot"])
    boots_to(service, "aarch64", arguments, SHELL, ["-cpu", "cortex-a57"])


def test_arm_virt_boots_aavmf32(service):
    _, arguments, _ = selected(service, "arm", "virt", "qemu")
    boots_to(service, "arm", arguments, SHELL)
