# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's installed descriptors below the builtin ones, asked as users would ask.

One of them names an image that Debian 12 does not ship, and Debian 13 does.
"""

from pathlib import Path

import pytest

from lib import descriptors, paths
from lib.boards import RENDERS
from lib.client import NO_MATCH, DBusError
from lib.qemu import Qemu, canonical

DEBIAN = "/usr/share/qemu/firmware"
SECBOOT = "/usr/share/AAVMF/AAVMF_CODE.secboot.fd"
VENDOR_NAMES = [
    "40-edk2-aarch64-secure-enrolled", "40-edk2-x86_64-secure-enrolled", "50-edk2-aarch64-secure",
    "50-edk2-x86_64-secure", "60-edk2-aarch64", "60-edk2-arm", "60-edk2-x86_64",
]
UNSHIPPED = [] if Path(SECBOOT).exists() else ["50-edk2-aarch64-secure"]


@pytest.fixture
def client(service):
    return service.start_with_qemu(search_path=[paths.builtin_directory(), DEBIAN])


def test_debians_descriptors_are_listed_in_order_among_the_builtin_ones(client):
    names = client.names()
    assert [name for name in names if name in VENDOR_NAMES] == VENDOR_NAMES
    assert names == sorted(names, key=str.encode)
    assert all(client.firmware(name)["Layer"] == "vendor" for name in VENDOR_NAMES)


def test_only_descriptors_of_unshipped_images_are_unusable_and_told(client):
    problems = {path: text for path, text in client.problems() if path.startswith(DEBIAN)}
    assert list(problems) == [f"{DEBIAN}/{name}.json" for name in UNSHIPPED]
    assert all(SECBOOT in text for text in problems.values())
    for name in VENDOR_NAMES:
        reasons = [f"file-missing:{SECBOOT}"] if name in UNSHIPPED else []
        assert client.state(name) == ("unusable" if reasons else "usable")
        assert client.firmware(name)["Problems"] == reasons


def test_firmware_is_an_answer_only_where_its_image_is_there(client):
    question = dict(features=["secure-boot"], without_features=["enrolled-keys"])
    verdict, reasons = client.verdict_of("50-edk2-aarch64-secure", "aarch64", "virt", **question)
    if not UNSHIPPED:
        assert (verdict, reasons) == ("selected", [])
        resolution = client.select("aarch64", "virt", **question)
        assert resolution["executable"]["filename"] == SECBOOT
        return
    assert (verdict, reasons) == ("rejected", [f"file-missing:{SECBOOT}"])
    with pytest.raises(DBusError) as refused:
        client.select("aarch64", "virt", **question)
    assert refused.value.name == NO_MATCH
    assert f"file-missing:{SECBOOT}" in refused.value.text
    assert "50-edk2-aarch64-secure" in refused.value.text


@pytest.mark.parametrize("machine", ["q35", "pc-q35-7.2", "pc-q35-2.8"])
def test_secure_boot_with_keys_on_q35(client, machine):
    resolution = client.select("x86_64", machine, features=["secure-boot", "enrolled-keys"])
    assert resolution["name"] == "40-edk2-x86_64-secure-enrolled"
    assert resolution["descriptor"] == f"{DEBIAN}/40-edk2-x86_64-secure-enrolled.json"
    assert resolution["machine"] == (canonical("x86_64", machine) or machine)
    assert resolution["executable"] == {
        "filename": "/usr/share/OVMF/OVMF_CODE_4M.ms.fd", "format": "raw", "size": 3653632}
    assert resolution["nvram-template"] == {
        "filename": "/usr/share/OVMF/OVMF_VARS_4M.ms.fd", "format": "raw", "size": 540672}
    assert resolution["interface-types"] == ["uefi"]
    assert resolution["features"] == ["acpi-s3", "amd-sev", "enrolled-keys", "requires-smm",
                                      "secure-boot", "verbose-dynamic"]
    assert (resolution["device"], resolution["mode"]) == ("flash", "split")


@pytest.mark.parametrize("architecture,machine,name", [
    ("x86_64", "pc", "60-edk2-x86_64"), ("aarch64", "virt", "40-edk2-aarch64-secure-enrolled"),
    ("arm", "virt", "60-edk2-arm"),
])
def test_first_uefi_firmware_in_order(client, architecture, machine, name):
    assert client.select_name(architecture, machine, interface="uefi") == name


@pytest.mark.parametrize("machine", ["pc", "q35", "isapc", "microvm", "pc-i440fx-7.2",
                                     "pc-q35-7.2"])
@pytest.mark.parametrize("architecture", ["x86_64", "i386"])
def test_bios_is_answered_from_the_builtin_layer_and_starts(client, architecture, machine):
    resolution = client.select(architecture, machine, interface="bios", render=list(RENDERS))
    assert resolution["descriptor"].startswith(str(paths.builtin_directory()))
    assert resolution["interface-types"] == ["bios"]
    assert (resolution["device"], resolution["mode"]) == ("memory", "stateless")
    assert resolution["executable"]["filename"].startswith("/usr/share/seabios/")
    for key in RENDERS.values():
        with Qemu(architecture, resolution[key]) as qemu:
            assert qemu.get("/machine", "firmware") == resolution["executable"]["filename"]
            assert resolution["machine"] == qemu.machine_type()


def test_builtin_descriptors_lack_nothing_but_images_of_other_distributions(client):
    builtin = [entry for entry in client.list_firmware() if entry[0] not in VENDOR_NAMES]
    assert {state for _, state, _ in builtin} <= {"usable", "unusable"}
    for name, state, _ in builtin:
        problems = client.firmware(name)["Problems"]
        assert bool(problems) == (state == "unusable")
        assert all(reason.startswith("file-missing:") for reason in problems)


def test_architectures_and_capabilities(client):
    assert {"x86_64", "aarch64", "arm"} <= set(client.manager_property("Architectures"))
    capabilities = client.capabilities("x86_64", "q35", interface="uefi")
    assert capabilities["firmware"] == ["40-edk2-x86_64-secure-enrolled", "50-edk2-x86_64-secure",
                                        "60-edk2-x86_64"]
    assert capabilities["features-always"] == ["acpi-s3", "amd-sev", "verbose-dynamic"]
    assert set(capabilities["features"]) == {"acpi-s3", "amd-sev", "enrolled-keys", "requires-smm",
                                             "secure-boot", "verbose-dynamic"}


def test_every_file_has_one_verdict(client):
    verdicts = client.explain("x86_64", "q35", features=["secure-boot"])
    assert len({path for _, path, _, _ in verdicts}) == len(verdicts) == len(client.names())
    assert [name for name, _, verdict, _ in verdicts if verdict == "selected"] == [
        "40-edk2-x86_64-secure-enrolled"]
    assert [name for name, _, verdict, _ in verdicts if verdict == "accepted"] == [
        "50-edk2-x86_64-secure"]


OVMF, AAVMF = "/usr/share/OVMF/OVMF_", "/usr/share/AAVMF/AAVMF_"


@pytest.mark.parametrize("architecture,code,variables", [
    ("x86_64", f"{OVMF}VARS_4M.ms.fd", f"{OVMF}CODE_4M.ms.fd"),
    ("x86_64", f"{OVMF}CODE_4M.fd", f"{OVMF}CODE_4M.fd"),
    ("aarch64", f"{AAVMF}VARS.ms.fd", f"{AAVMF}CODE.fd"),
    ("aarch64", f"{AAVMF}CODE.fd", f"{AAVMF}CODE.fd"),
], ids=["swapped-ovmf", "ovmf-twice", "swapped-aavmf", "aavmf-twice"])
def test_shipped_images_in_the_wrong_place_are_no_answer(service, architecture, code, variables):
    """With QEMU, these print nothing, or store the guest's variables in a copy of the code."""
    machine = {"x86_64": "pc-q35-*", "aarch64": "virt-*"}[architecture]
    service.vendor.write("x", descriptors.flash(
        code, variables, targets=[{"architecture": architecture, "machines": [machine]}]))
    client = service.start()
    reasons = client.firmware("x")["Problems"]
    assert client.state("x") == "unusable" and reasons
    assert all(reason.startswith("bad-pair:") for reason in reasons)
