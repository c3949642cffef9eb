# SPDX-License-Identifier: LGPL-2.1-or-later
"""An update under pinned VMs: changed, replaced, gone; never a silent downgrade."""

import os

import pytest

from lib import descriptors, images
from lib.checks import raises
from lib.vms import GONE, VMs

SECURE = ["secure-boot", "enrolled-keys", "requires-smm"]


@pytest.fixture
def code(service):
    return service.ovmf("50-old", features=SECURE + ["verbose-static"])[0]


@pytest.fixture
def vms(service, code):
    vms = VMs(service.start())
    vms.make().write(b"guest's")
    return vms


def reload_and_prepare(vms, **options):
    vms.client.reload()
    return vms.prepare(**options)


def overwrite(path, data=b"updated"):
    with open(path, "r+b") as file:
        file.write(data)


def state_of(service, vms):
    """The state in the object, in the list, and after a restart."""
    from lib import wait
    want = vms.at("vm").get("State")
    assert vms.list()[0][3] == want
    again = VMs(service.restart())
    wait.until(lambda: again.at("vm").get("State") == want, f"State is {want} after restart")
    assert again.list()[0][3] == want
    return want


def test_nothing_changed(service, vms):
    assert reload_and_prepare(vms)["changed"] == []
    assert state_of(service, vms) == "ready"


@pytest.mark.parametrize("atomic", [False, True])
def test_changed_image_of_the_same_size_is_used_and_told(service, vms, code, atomic):
    if atomic:
        images.copy(code, code + ".new")
        os.chmod(code + ".new", 0o644)
        overwrite(code + ".new")
        os.rename(code + ".new", code)
    else:
        overwrite(code)
    digest = vms.at("vm").get("ExecutableDigest")
    for _ in range(2):
        resolution = vms.prepare()
        assert resolution["changed"] == ["executable"] and resolution["pinned"] is True
        assert resolution["executable"]["filename"] == code
    assert vms.at("vm").get("ExecutableDigest") == digest
    assert state_of(service, vms) == "changed"


def test_changed_stays_until_rebind(service, vms, code):
    overwrite(code)
    vms.prepare()
    digest = vms.at("vm").get("ExecutableDigest")
    service.restart()
    vm = VMs(service.client).at("vm")
    assert VMs(service.client).prepare()["changed"] == ["executable"]
    resolution = vm.rebind(features=SECURE)
    assert resolution["changed"] == [] and resolution["pinned"] is False
    assert vm.get("ExecutableDigest") != digest and vm.get("State") == "ready"
    assert VMs(service.client).prepare()["changed"] == [] and vm.read().startswith(b"guest's")


def test_changed_template_is_told(service, vms):
    template = str(service.images / "50-old-vars.fd")
    overwrite(template)
    assert reload_and_prepare(vms)["changed"] == ["nvram-template"]
    assert vms.at("vm").get("State") == "changed"
    os.unlink(template)
    assert reload_and_prepare(vms)["changed"] in (["nvram-template"],
                                                  ["descriptor", "nvram-template"])
    assert vms.at("vm").get("State") == "changed"
    with raises(GONE, "vm"):
        vms.at("vm").reset()
    assert vms.at("vm").read().startswith(b"guest's")


def test_changed_descriptor_is_told(service, vms, code):
    service.vendor.write("50-old", descriptors.flash(
        code, str(service.images / "50-old-vars.fd"), features=SECURE + ["other"]))
    resolution = reload_and_prepare(vms)
    assert resolution["changed"] == ["descriptor"]
    assert resolution["features"] == SECURE + ["verbose-static"]
    service.vendor.remove("50-old")
    assert reload_and_prepare(vms)["changed"] == ["descriptor"]


def test_equivalent_takes_the_place_of_the_gone(service, vms, code):
    os.unlink(code)
    new_code, new_template = service.ovmf("60-new", features=["amd-other", *SECURE])
    for _ in range(2):
        resolution = reload_and_prepare(vms, render=["qemu"])
        assert set(resolution["changed"]) >= {"replaced"}
        assert resolution["name"] == "60-new" and resolution["pinned"] is True
        assert resolution["executable"]["filename"] == new_code
        assert new_code in " ".join(resolution["qemu-arguments"])
        assert resolution["flash"][1]["filename"] == vms.at("vm").nvram()
        assert resolution["nvram"]["created"] is False
    vm = vms.at("vm")
    assert vm.get("State") == "changed" and vm.get("Firmware") == "50-old"
    assert vm.read().startswith(b"guest's")
    images.raw(code, images.OVMF_4M_CODE, b"code of 50-old")
    back = reload_and_prepare(vms)
    assert back["name"] == "50-old" and "replaced" not in back["changed"]


@pytest.mark.parametrize("features", [
    ["secure-boot", "requires-smm"], ["secure-boot", "enrolled-keys"], [],
    [*SECURE, "amd-sev"], [*SECURE, "amd-sev-es"], [*SECURE, "amd-sev-snp"],
    [*SECURE, "intel-tdx"]])
def test_never_a_silent_downgrade(service, vms, code, features):
    os.unlink(code)
    service.ovmf("60-new", features=features)
    vms.client.reload()
    for lease in (False, True):
        with raises(GONE, "vm", "60-new"):
            vms.prepare(lease=lease)
    vm = vms.at("vm")
    assert vm.get("State") == "firmware-gone" and vm.get("InUse") is False
    assert vm.read().startswith(b"guest's")
    assert state_of(service, vms) == "firmware-gone"


def gone(service, vms, name="60-new"):
    vms.client.reload()
    with raises(GONE, "vm", name):
        vms.prepare()


def test_other_geometry_is_no_equivalent(service, vms, code):
    os.unlink(code)
    service.vendor.write("60-new", descriptors.flash(
        service.raw("c.fd", images.OVMF_2M_CODE), service.raw("v.fd", images.OVMF_2M_VARS),
        features=SECURE))
    gone(service, vms)


def test_other_mode_format_device_or_machine_is_no_equivalent(service, vms, code):
    os.unlink(code)
    service.stateless("60-new", features=SECURE)
    service.bios("61-new", features=SECURE)
    service.combined("62-new", features=SECURE)
    service.vendor.write("63-new", descriptors.flash(
        service.qcow2("c.qcow2"), service.qcow2("v.qcow2", images.OVMF_4M_VARS), fmt="qcow2",
        template_fmt="qcow2", features=SECURE))
    service.ovmf("64-new", features=SECURE, targets=[descriptors.target("x86_64", "pc-i440fx-*")])
    service.ovmf("65-new", features=SECURE, targets=[descriptors.target("aarch64", "*")])
    gone(service, vms)


@pytest.mark.parametrize("how", ["smaller", "larger", "qcow2", "directory", "fifo"])
def test_image_of_another_size_or_kind_counts_as_gone(service, vms, code, how):
    os.unlink(code)
    if how == "qcow2":
        images.qcow2(code, images.OVMF_4M_CODE)
    elif how == "directory":
        os.mkdir(code)
    elif how == "fifo":
        os.mkfifo(code)
    else:
        images.raw(code, images.OVMF_4M_CODE + (-4096 if how == "smaller" else 4096))
    with raises(GONE, "vm"):
        vms.prepare()
    assert vms.at("vm").get("State") == "firmware-gone"


def test_gone_in_a_reload_is_told_without_a_call(service, vms, code):
    from lib import wait
    service.watch()
    os.unlink(code)
    vms.client.reload()
    wait.until(lambda: vms.at("vm").get("State") == "firmware-gone", "it is told")
    changes = [signal[3][1] for signal in service.signals.named("PropertiesChanged")
               if signal[0] == vms.at("vm").path]
    assert {"State": "firmware-gone", "Changed": ["executable"]} in changes


def test_update_from_2m_to_4m_under_a_pinned_vm(service):
    code = service.raw("2m-code.fd", images.OVMF_2M_CODE, b"2M")
    variables = service.raw("2m-vars.fd", images.OVMF_2M_VARS, b"2M")
    service.vendor.write("50", descriptors.flash(code, variables))
    vms = VMs(service.start())
    vm = vms.make()
    code_4m, vars_4m = service.ovmf("50")
    resolution = reload_and_prepare(vms)
    assert resolution["changed"] == ["descriptor"]
    assert resolution["executable"]["filename"] == code
    assert resolution["nvram"]["size"] == images.OVMF_2M_VARS
    os.unlink(code)
    with raises(GONE, "50"):
        vms.prepare()
    assert os.path.getsize(vm.nvram()) == images.OVMF_2M_VARS


def test_combined_runs_on_without_its_package(service):
    whole = service.combined()
    vms = VMs(service.start())
    vm = vms.make()
    vm.write(b"guest's")
    os.unlink(whole)
    resolution = reload_and_prepare(vms)
    assert resolution["changed"] == ["executable"]
    assert vm.get("State") == "changed" and vm.read().startswith(b"guest's")
    with raises(GONE):
        vm.reset()


def test_clone_tells_the_state_of_its_firmware(service, vms, code):
    overwrite(code)
    vms.prepare()
    assert vms.at("vm").clone("twin").get("State") == "changed"
    os.unlink(code)
    with raises(GONE):
        vms.prepare()
    assert vms.at("vm").clone("third").get("State") == "firmware-gone"
