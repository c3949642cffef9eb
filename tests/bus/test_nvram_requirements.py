# SPDX-License-Identifier: LGPL-2.1-or-later
"""nvram-size and nvram-format: the firmware that takes a caller's own NVRAM."""

import pytest
from gi.repository import GLib

from lib import descriptors, images
from lib.checks import invalid_args, raises
from lib.vms import MISMATCH, NO_MATCH, VMs, memfd

SIZES = {"10-large": images.OVMF_4M_VARS, "20-small": images.OVMF_2M_VARS, "40-store": 0,
         "50-whole": 2 * images.MIB}


@pytest.fixture
def client(service):
    service.ovmf("10-large")
    service.vendor.write("20-small", descriptors.flash(
        service.raw("small-code.fd", images.OVMF_2M_CODE),
        service.qcow2("small-vars.qcow2", images.OVMF_2M_VARS), template_fmt="qcow2"))
    service.stateless("30-none")
    service.uefi_vars("40-store")
    service.combined("50-whole")
    service.bios("60-bios")
    return service.start()


def accepted(client, **requirements):
    """Of Explain, which agrees with the others."""
    names = [name for name, _, verdict, _ in client.explain("x86_64", "q35", **requirements)
             if verdict in ("selected", "accepted")]
    found = client.capabilities("x86_64", "q35", **requirements)["firmware"]
    assert found == names
    return names


@pytest.mark.parametrize("name", SIZES)
def test_size(client, name):
    assert accepted(client, nvram_size=SIZES[name]) == [name]
    assert client.select_name("x86_64", "q35", nvram_size=SIZES[name]) == name


@pytest.mark.parametrize("size", [1, images.OVMF_4M_VARS - 1, images.OVMF_4M_VARS + 1, 2**63 - 1])
def test_no_firmware_has_another_size(client, size):
    assert accepted(client, nvram_size=size) == []
    reasons = {name: why for name, _, _, why in client.explain("x86_64", "q35", nvram_size=size)}
    assert all(why == ["nvram-size"] for why in reasons.values()) and len(reasons) == 6
    with raises(NO_MATCH, f"10-large (nvram-size: 540672, not {size} bytes)",
                f"20-small (nvram-size: 131072, not {size} bytes)",
                f"30-none (nvram-size: none, not {size} bytes)"):
        client.select("x86_64", "q35", nvram_size=size)


def test_format(client):
    for form in ("raw", "qcow2"):
        assert accepted(client, nvram_format=form) == ["10-large", "20-small"]
    assert accepted(client, nvram_format="json") == ["40-store"]
    reasons = {name: why for name, _, _, why in client.explain(
        "x86_64", "q35", nvram_format="json", nvram_size=1)}
    assert reasons["10-large"] == ["nvram-size", "nvram-format"]
    assert reasons["40-store"] == ["nvram-size"]


def test_the_machine_counts(service, client):
    """A 64 MiB flash holds a smaller template."""
    service.vendor.write("70-virt", descriptors.flash(
        service.raw("virt-code.fd", 64 * images.MIB), service.raw("virt-vars.fd", 4096),
        targets=[descriptors.target("aarch64", "virt*")]))
    client.reload()
    for size, names in ((64 * images.MIB, ["70-virt"]), (4096, [])):
        found = [name for name, _, verdict, _ in client.explain(
            "aarch64", "virt", nvram_size=size) if verdict == "selected"]
        assert found == names
    # of another machine it is not known
    reasons = {name: why for name, _, _, why in client.explain(
        "x86_64", "q35", nvram_size=1)}
    assert reasons["70-virt"] == ["architecture"]


def test_format_of_an_own_file_is_rendered(client):
    answer = client.select("x86_64", "q35", nvram_filename="/vars", nvram_format="qcow2",
                              render=["qemu", "libvirt"])
    unit = answer["flash"][1]
    assert (unit["filename"], unit["format"]) == ("/vars", "qcow2")
    assert "driver=qcow2" in " ".join(answer["qemu-arguments"]) or '"qcow2"' in " ".join(
        answer["qemu-arguments"])
    assert "qcow2" in answer["libvirt-xml"]
    answer = client.select("x86_64", "q35", nvram_format="qcow2")
    assert (answer["flash"][1]["filename"], answer["flash"][1]["format"]) == ("", "qcow2")


@pytest.mark.parametrize("key", ["executable", "nvram-template"])
def test_the_firmwares_own_file_is_no_copy(service, client, key):
    for name in ("10-large", "40-store", "50-whole"):
        answer = client.select("x86_64", "q35", firmware=name)
        if key not in answer:
            continue
        path = answer[key]["filename"]
        with invalid_args("nvram-filename", path, name):
            client.select("x86_64", "q35", firmware=name, nvram_filename=path)
        # paths are text: the service looks at none
        client.select("x86_64", "q35", firmware=name, nvram_filename=path + "x")
        client.select("x86_64", "q35", firmware=name, nvram_filename="/" + path)


@pytest.mark.parametrize("key, value", [
    ("nvram-size", GLib.Variant("u", 1)), ("nvram-size", GLib.Variant("s", "1")),
    ("nvram-size", GLib.Variant("x", 1)), ("nvram-size", GLib.Variant("t", 2**63)),
    ("nvram-format", GLib.Variant("s", "vdi")), ("nvram-format", GLib.Variant("as", ["raw"]))])
def test_values(client, key, value):
    with invalid_args(key):
        client.select("x86_64", "q35", **{key.replace("-", "_"): value})


def test_vms(service, client):
    vms = VMs(client)
    vm = vms.make("a", nvram_size=images.OVMF_2M_VARS, nvram_format="qcow2")
    assert vm.get("Firmware") == "20-small" and vm.nvram().endswith(".qcow2")
    assert vm.get_resolution()["requirements"] == {
        "nvram-size": images.OVMF_2M_VARS, "nvram-format": "qcow2"}
    vms = VMs(service.restart())
    assert vms.at("a").get_resolution()["requirements"]["nvram-size"] == images.OVMF_2M_VARS
    assert vms.at("a").rebind(nvram_size=images.OVMF_2M_VARS)["nvram"]["format"] == "qcow2"
    vm = vms.import_vm("b", "x86_64", "q35", memfd(b"", images.OVMF_4M_VARS),
                       nvram_size=images.OVMF_4M_VARS)
    assert vm.get("Firmware") == "10-large"
    with raises(MISMATCH):
        vm.rebind(nvram_size=images.OVMF_2M_VARS)
    with raises(NO_MATCH, "nvram-size"):
        vm.rebind(nvram_size=1, reset=True)
    assert vm.rebind(nvram_format="json", reset=True)["name"] == "40-store"
    assert vm.get_resolution(check=True)["requirements"] == {"nvram-format": "json"}
