# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors in the styles of several distributions, asked as a VM manager asks."""

import pytest

from lib import images
from lib.checks import assert_all_answers
from lib.distributions import STYLES, install


@pytest.mark.parametrize("style", STYLES)
def test_all_are_usable(service, style):
    client = install(service, style)
    assert client.names()
    states = {name: (state, tuple(client.firmware(name)["Problems"]))
              for name, state, _ in client.list_firmware()}
    # some of them claim SNP for firmware in flash, which no SNP guest takes
    assert set(states.values()) <= {
        ("usable", ()), ("usable", ("confidential-flash:amd-sev-snp",))}, states
    assert_all_answers(client)


NUMBERED = [
    ("x86_64", "q35", {}, "30-ovmf-4m-qcow2-x64-sb-enrolled"),
    ("x86_64", "q35", {"formats": ["raw"]}, "31-ovmf-2m-raw-x64-sb-enrolled"),
    ("x86_64", "q35", {"features": ["secure-boot"], "without_features": ["enrolled-keys"]},
     "40-ovmf-4m-qcow2-x64-sb"),
    ("x86_64", "q35", {"without_features": ["secure-boot"]}, "50-ovmf-4m-qcow2-x64-nosb"),
    ("x86_64", "pc", {}, "50-ovmf-4m-qcow2-x64-nosb"),
    ("x86_64", "pc", {"formats": ["raw"]}, "51-ovmf-2m-raw-x64-nosb"),
    ("x86_64", "microvm", {}, "50-ovmf-x64-microvm"),
    ("x86_64", "q35", {"modes": ["stateless"], "devices": ["flash"]}, "60-ovmf-x64-amdsev"),
    ("x86_64", "q35", {"features": ["intel-tdx"]}, "60-ovmf-x64-inteltdx"),
    ("i386", "q35", {}, "50-ovmf-ia32-nosb"),
    ("aarch64", "virt", {}, "50-aarch64-qcow2"),
    ("aarch64", "virt-8.2", {"formats": ["raw"]}, "51-aarch64-raw"),
    ("aarch64", "virt", {"features": ["verbose-static"]}, "52-aarch64-verbose-qcow2"),
]
BARE = [
    ("x86_64", "pc-q35-rhel8.6.0", {}, "edk2-ovmf-cc"),
    ("x86_64", "pc-q35-rhel8.6.0", {"features": ["secure-boot"]}, "edk2-ovmf-sb"),
    ("x86_64", "pc-q35-rhel9.2.0", {"without_features": ["secure-boot", "amd-sev"]}, "edk2-ovmf"),
    ("x86_64", "pc-i440fx-rhel7.6.0", {}, "edk2-ovmf"),
    ("aarch64", "virt-rhel8.5.0", {}, "edk2-aarch64"),
]
NEW = [
    ("loongarch64", "virt", {}, "50-edk2-loongarch64"),
    ("riscv64", "virt", {"interface": "uefi"}, "50-edk2-riscv-qcow2"),
    ("riscv64", "virt", {"interface": "uboot"}, "70-u-boot-riscv"),
    ("x86_64", "q35", {"features": ["host-uefi-vars"]}, "40-edk2-x86_64-uefi-vars"),
    ("x86_64", "q35", {"devices": ["igvm"]}, "60-coconut-igvm"),
]


@pytest.mark.parametrize("style,questions", [
    ("numbered-qcow2", NUMBERED), ("bare-names", BARE), ("new-architectures", NEW)], ids=STYLES)
def test_answers(service, style, questions):
    client = install(service, style)
    answers = [client.select_name(architecture, machine, **given)
               for architecture, machine, given, _ in questions]
    assert answers == [name for *_, name in questions]


def test_a_qcow2_executable_and_its_template_keep_their_format(service):
    client = install(service, "numbered-qcow2")
    resolution = client.select("x86_64", "q35", nvram_filename="/x")
    assert [unit["format"] for unit in resolution["flash"]] == ["qcow2", "qcow2"]
    assert [unit["size"] for unit in resolution["flash"]] == [
        images.OVMF_4M_CODE, images.OVMF_4M_VARS]
