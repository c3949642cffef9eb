# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each requirement key, passing and failing, and the reason that Explain gives."""

import pytest

from lib import descriptors
from lib.checks import raises
from lib.client import NO_MATCH
from lib.descriptors import target


@pytest.fixture
def client(service):
    """One firmware of each sort, all for q35; `uefi-split` is first."""
    code, variables = service.raw("code.fd"), service.raw("vars.fd", 540672)
    write = service.vendor.write
    write("10-uefi-split", descriptors.flash(code, variables, features=["a", "b"]))
    write("20-uefi-stateless", descriptors.flash(code, features=["b", "c"]))
    write("30-uefi-combined", descriptors.flash(code, mode="combined"))
    write("40-uefi-qcow2", descriptors.flash(service.qcow2("code.qcow2"), fmt="qcow2"))
    write("50-bios", descriptors.by_filename("memory", service.raw("bios.bin", 65536),
                                             interface_types=["bios", "openfirmware"]))
    write("60-kernel", descriptors.by_filename("kernel", service.raw("u-boot.bin", 65536),
                                               interface_types=["uboot"]))
    write("70-igvm", descriptors.by_filename("igvm", service.raw("f.igvm", 65536)))
    write("80-combined-qcow2", descriptors.flash(service.qcow2("whole.qcow2"), fmt="qcow2",
                                                 mode="combined"))
    return service.start()


ALL = ["10-uefi-split", "20-uefi-stateless", "30-uefi-combined", "40-uefi-qcow2", "50-bios",
       "60-kernel", "70-igvm", "80-combined-qcow2"]


def passing(client, **given):
    """The names that satisfy the requirements, by both calls that tell them."""
    names = client.capabilities("x86_64", "q35", **given)["firmware"]
    explained = [name for name, _, verdict, _ in client.explain("x86_64", "q35", **given)
                 if verdict in ("selected", "accepted")]
    assert explained == names
    if names:
        assert client.select_name("x86_64", "q35", **given) == names[0]
    else:
        with raises(NO_MATCH):
            client.select("x86_64", "q35", **given)
    return names


def test_no_requirement_passes_all(client):
    assert passing(client) == ALL


@pytest.mark.parametrize("interface,names", [
    ("uefi", [name for name in ALL if name not in ("50-bios", "60-kernel")]),
    ("bios", ["50-bios"]), ("openfirmware", ["50-bios"]), ("uboot", ["60-kernel"])])
def test_interface(client, interface, names):
    assert passing(client, interface=interface) == names
    assert client.verdict_of(ALL[-1] if interface != "uefi" else "50-bios", "x86_64", "q35",
                             interface=interface) == ("rejected", ["interface"])


def test_features(client):
    assert passing(client, features=["a"]) == ["10-uefi-split"]
    assert passing(client, features=["b"]) == ["10-uefi-split", "20-uefi-stateless"]
    assert passing(client, features=["b", "c"]) == ["20-uefi-stateless"]
    assert passing(client, features=["a", "c"]) == []
    assert passing(client, features=[]) == ALL
    assert client.verdict_of("50-bios", "x86_64", "q35", features=["a", "b"]) == (
        "rejected", ["feature-missing:a", "feature-missing:b"])


def test_without_features(client):
    assert passing(client, without_features=["b"]) == ALL[2:]
    assert passing(client, without_features=["a", "c"]) == ALL[2:]
    assert passing(client, without_features=["never"]) == ALL
    assert client.verdict_of("10-uefi-split", "x86_64", "q35", without_features=["a", "b"]) == (
        "rejected", ["feature-present:a", "feature-present:b"])


def test_feature_wanted_and_unwanted_matches_nothing(client):
    assert passing(client, features=["a"], without_features=["a"]) == []


@pytest.mark.parametrize("devices,names", [
    (["flash"], [*ALL[:4], ALL[7]]), (["memory"], ["50-bios"]), (["kernel"], ["60-kernel"]),
    (["igvm"], ["70-igvm"]), (["igvm", "memory"], ["50-bios", "70-igvm"])])
def test_devices(client, devices, names):
    assert passing(client, devices=devices) == names
    other = next(name for name in ALL if name not in names)
    assert client.verdict_of(other, "x86_64", "q35", devices=devices) == ("rejected", ["device"])


@pytest.mark.parametrize("modes,some,others", [
    (["split"], ["10-uefi-split"], ["20-uefi-stateless", "30-uefi-combined"]),
    (["combined"], ["30-uefi-combined", "80-combined-qcow2"],
     ["10-uefi-split", "20-uefi-stateless"]),
    (["stateless"], ["20-uefi-stateless", "40-uefi-qcow2"],
     ["10-uefi-split", "30-uefi-combined"]),
    (["split", "combined"], ["10-uefi-split", "30-uefi-combined", "80-combined-qcow2"],
     ["20-uefi-stateless"])])
def test_modes(client, modes, some, others):
    assert passing(client, modes=modes, devices=["flash"]) == some
    for name in others:
        assert client.verdict_of(name, "x86_64", "q35", modes=modes) == ("rejected", ["mode"])


def test_formats(client):
    qcow2 = ["40-uefi-qcow2", "80-combined-qcow2"]
    assert passing(client, formats=["qcow2"]) == qcow2
    raw = passing(client, formats=["raw"])
    assert set(raw).isdisjoint(qcow2) and raw[:3] == ALL[:3]
    assert passing(client, formats=["raw", "qcow2"], devices=["flash"]) == [*ALL[:4], ALL[7]]
    assert client.verdict_of("10-uefi-split", "x86_64", "q35", formats=["qcow2"]) == (
        "rejected", ["format"])


def test_firmware(client):
    for name in ALL:
        assert passing(client, firmware=name) == [name]
    assert passing(client, firmware="60-kernel.json") == []
    assert client.verdict_of("10-uefi-split", "x86_64", "q35", firmware="50-bios") == (
        "rejected", ["firmware"])


def test_executable(client, service):
    path = str(service.images / "bios.bin")
    assert passing(client, executable=path) == ["50-bios"]
    assert passing(client, executable=str(service.images / "code.fd")) == ALL[:3]
    assert passing(client, executable="/nowhere") == []
    assert client.verdict_of("10-uefi-split", "x86_64", "q35", executable=path) == (
        "rejected", ["executable"])


def test_host_supported(client, service):
    # In the order of the files' names: "-" sorts before ".json".
    confidential = ["amd-sev-es", "amd-sev-snp", "amd-sev", "intel-tdx"]
    offered = client.manager_property("HostFeatures")
    for feature in confidential:
        service.add(f"05-{feature}", features=[feature, "other"])
    client.reload()
    lacking = [feature for feature in confidential if feature not in offered]
    assert lacking, "a host that offers all of them"
    names = passing(client, host_supported=True)
    assert names == [f"05-{feature}" for feature in confidential if feature in offered] + ALL
    assert passing(client, host_supported=False)[:4] == [f"05-{name}" for name in confidential]
    for feature in lacking:
        assert client.verdict_of(f"05-{feature}", "x86_64", "q35", host_supported=True) == (
            "rejected", [f"host-lacks:{feature}"])


def test_every_requirement_must_be_satisfied(client):
    assert passing(client, interface="uefi", features=["b"], without_features=["a"],
                   devices=["flash", "memory"], modes=["stateless"], formats=["raw"]) == [
                       "20-uefi-stateless"]
    assert passing(client, interface="bios", devices=["flash"]) == []


def test_all_reasons_are_told_together(client):
    verdict, reasons = client.verdict_of(
        "10-uefi-split", "x86_64", "q35", interface="bios", features=["x", "a"],
        without_features=["b"], devices=["kernel"], modes=["combined"], formats=["qcow2"],
        firmware="y", executable="/z")
    assert verdict == "rejected"
    assert sorted(reasons) == sorted([
        "interface", "feature-missing:x", "feature-present:b", "device", "mode", "format",
        "firmware", "executable"])


def test_render_and_nvram_filename_filter_nothing(client, service):
    copy = str(service.directory / "nvram")
    assert client.select_name("x86_64", "q35", nvram_filename=copy) == ALL[0]
    assert client.select_name("x86_64", "q35", nvram_filename=copy,
                              render=["qemu", "qemu-legacy"]) == ALL[0]
    assert client.select_name("x86_64", "q35", render=[]) == ALL[0]
    assert client.select_name("x86_64", "q35", interface="bios", nvram_filename=copy) == "50-bios"


def test_explain_and_capabilities_ignore_render(client):
    assert client.explain("x86_64", "q35", render=["qemu"]) == client.explain("x86_64", "q35")
    assert client.capabilities("x86_64", "q35", render=["qemu"]) == client.capabilities(
        "x86_64", "q35")


def test_architecture_and_machine_must_match_one_target(service):
    service.add("x", targets=[target("x86_64", "pc-q35-*", "pc-i440fx-7.*"),
                              target("i386", "isapc")])
    client = service.start()
    assert client.select_name("x86_64", "pc-i440fx-7.2") == "x"
    verdict, reasons = client.verdict_of("x", "x86_64", "pc-i440fx-6.2")
    assert (verdict, reasons) == ("rejected", ["machine"])
    assert client.verdict_of("x", "x86_64", "isapc")[0] == "rejected"
    verdict, reasons = client.verdict_of("x", "aarch64", "virt")
    assert verdict == "rejected" and "architecture" in reasons


@pytest.mark.parametrize("glob,machine,matches", [
    ("pc-q35-*", "pc-q35-7.2", True), ("pc-q35-?.?", "pc-q35-7.2", True),
    ("pc-q35-[78].2", "pc-q35-7.2", True), ("pc-q35-[!7].2", "pc-q35-7.2", False),
    ("*", "pc-q35-7.2", True), ("pc-q35-7.2", "pc-q35-7.2", True), ("pc-q35", "pc-q35-7.2", False),
    ("PC-Q35-*", "pc-q35-7.2", False), ("pc-q35-rhel*", "pc-q35-rhel9.2.0", True),
    ("pc-q35-rhel*", "pc-q35-7.2", False), ("pc\\-q35-*", "pc-q35-7.2", True),
])
def test_machine_globs_match_as_fnmatch(service, glob, machine, matches):
    service.add("x", targets=[target("x86_64", glob)])
    client = service.start()
    verdict, reasons = client.verdict_of("x", "x86_64", machine)
    assert (verdict, reasons) == (("selected", []) if matches else ("rejected", ["machine"]))
