# SPDX-License-Identifier: LGPL-2.1-or-later
"""PrepareVM: the first call selects, makes and pins; each later one returns the same."""

import json
import os
import stat
from pathlib import Path

import pytest

from lib import descriptors, formats, images, wait
from lib.checks import raises
from lib.vms import MISSING, NO_MATCH, NO_SUCH_VM, OWNER, VM_EXISTS, VMs, vm_path

# a PK that no boot would accept, as nothing boots here
PLATFORM_KEY = {"guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c", "name": "PK", "attr": 39,
                "data": "00" * 64}


def json_store(variables):
    # as long as any, so that one can be written over another
    return json.dumps({"version": 2, "variables": variables}).encode().ljust(512)


def test_split_gets_a_copy_of_the_template(service):
    _, template = service.ovmf()
    vms = VMs(service.start())
    path, resolution, fds = vms.prepare_raw("vm", "x86_64", "q35")
    assert path == vm_path("vm") and fds == []
    nvram = resolution["nvram"]
    assert nvram == {"filename": f"{service.state}/vms/0/vm/nvram.raw", "format": "raw",
                     "size": images.OVMF_4M_VARS, "created": True}
    assert resolution["pinned"] is False and resolution["changed"] == []
    assert "lease" not in resolution
    with open(nvram["filename"], "rb") as copy, open(template, "rb") as source:
        assert copy.read() == source.read()
    assert resolution["nvram-template"]["filename"] == template
    assert resolution["flash"][1]["filename"] == nvram["filename"]
    assert resolution["flash"][1]["format"] == "raw"


def test_later_calls_return_the_same(service):
    service.ovmf("50-first")
    vms = VMs(service.start())
    first = vms.prepare()
    service.ovmf("10-newer")
    vms.client.reload()
    assert vms.client.select_name("x86_64", "q35") == "10-newer"
    vms.at("vm").write(b"written by the guest")
    later = vms.prepare()
    assert later.pop("pinned") is True and first.pop("pinned") is False
    assert later["nvram"].pop("created") is False and first["nvram"].pop("created") is True
    assert later == first
    assert vms.at("vm").read().startswith(b"written by the guest")
    restarted = VMs(service.restart()).prepare()
    restarted.pop("pinned")
    restarted["nvram"].pop("created")
    assert restarted == first


def test_later_answers_about_files_that_were_long_the_same(service):
    """They are made before the files are looked at, and follow them nevertheless."""
    vms = formats.start(service)
    vm = vms.make(firmware="50-raw")
    wait.until_settled(vm.directory(), *vm.directory().iterdir())
    first = vms.prepare()
    assert first["secure-boot"] == "enforced" and first["changed"] == []
    assert vms.prepare() == first
    assert vms.prepare(render=["qemu"]).keys() - first.keys() == {"qemu-arguments"}
    template = Path(first["nvram-template"]["filename"])
    template.write_bytes(template.read_bytes()[:-1] + b"x")
    assert vms.prepare() == dict(first, changed=["nvram-template"])
    vm.write(Path("/usr/share/OVMF/OVMF_VARS_4M.fd").read_bytes())
    assert vms.prepare()["secure-boot"] == "setup"
    os.unlink(vm.nvram())
    with raises(MISSING):
        vms.prepare()


def test_combined_gets_a_copy_of_the_whole_image(service):
    whole = service.combined()
    vms = VMs(service.start())
    vm = vms.make()
    resolution = vm.resolution
    assert resolution["executable"]["filename"] == whole
    assert resolution["nvram"] == {"filename": f"{service.state}/vms/0/vm/nvram.raw",
                                   "format": "raw", "size": 2 * images.MIB, "created": True}
    unit, = resolution["flash"]
    assert (unit["filename"], unit["read-only"]) == (resolution["nvram"]["filename"], False)
    with open(whole, "rb") as source:
        assert vm.read() == source.read()
    assert vms.prepare()["pinned"] is True


@pytest.mark.parametrize("kind", ["stateless", "bios"])
def test_firmware_without_variables_has_a_pin_and_no_nvram(service, kind):
    getattr(service, kind)("x")
    vms = VMs(service.start())
    vm = vms.make(render=["qemu"])
    assert "nvram" not in vm.resolution and vm.resolution["pinned"] is False
    assert vm.get("NVRAM") == ("", "") and vm.get("State") == "ready"
    assert vm.files() == ["lock", "pin.json"]
    service.ovmf("10-newer")
    vms.client.reload()
    later = vms.prepare()
    assert later["name"] == "x" and later["pinned"] is True and "nvram" not in later
    lease = vms.prepare(lease=True)["lease"]
    assert vm.get("InUse") is True
    os.close(lease)


def test_variable_store_is_copied_from_its_template(service):
    _, template = service.uefi_vars()
    vms = VMs(service.start())
    vm = vms.make(render=["qemu"])
    filename = f"{service.state}/vms/0/vm/nvram.json"
    assert vm.resolution["nvram"] == {"filename": filename, "format": "json", "size": 0,
                                      "created": True}
    assert vm.read() == images.EMPTY_STORE
    assert f"jsonfile={filename}" in " ".join(vm.resolution["qemu-arguments"])
    assert template not in " ".join(vm.resolution["qemu-arguments"])
    vm.write(b'{"version": 2, "variables": [{"guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c",'
             b' "name": "longer than before", "attr": 7, "data": "00"}]}   ')
    assert vms.prepare()["pinned"] is True


@pytest.mark.parametrize("features,variables,forced", [
    (["enrolled-keys"], [PLATFORM_KEY], True), (["enrolled-keys"], [], False),
    ([], [PLATFORM_KEY], False)])
def test_secure_boot_is_forced_where_keys_are_enrolled(service, features, variables, forced):
    _, template = service.uefi_vars(features=features)
    Path(template).write_bytes(json_store(variables))
    client = service.start()
    vms = VMs(client)
    for answer in (
            client.select("x86_64", "q35", nvram_filename="/copy", render=["qemu"]),
            vms.prepare(render=["qemu"]), vms.prepare(render=["qemu"]),
            vms.at("vm").rebind(render=["qemu"])):
        device = next(word for word in answer["qemu-arguments"] if word.startswith("uefi-vars"))
        assert device.endswith(",force-secure-boot=on") is forced


def test_secure_boot_is_not_forced_on_a_store_whose_owner_took_the_key_out(service):
    _, template = service.uefi_vars(features=["enrolled-keys"])
    Path(template).write_bytes(json_store([PLATFORM_KEY]))
    vms = VMs(service.start())
    vm = vms.make()
    for variables, forced in (([], False), ([PLATFORM_KEY], True)):
        vm.write(json_store(variables))
        arguments = vms.prepare(render=["qemu"])["qemu-arguments"]
        assert any("force-secure-boot=on" in word for word in arguments) is forced


def test_render_names_the_vms_own_file(service):
    _, template = service.ovmf()
    vms = VMs(service.start())
    for pinned in (False, True):
        resolution = vms.prepare(render=["qemu", "qemu-legacy"])
        assert resolution["pinned"] is pinned
        for key in ("qemu-arguments", "qemu-legacy-arguments"):
            text = " ".join(resolution[key])
            assert resolution[key][0] == "-machine"
            assert resolution["nvram"]["filename"] in text and template not in text
    assert not {"qemu-arguments", "qemu-legacy-arguments"} & set(vms.prepare())


def test_create_says_what_may_be_there(service):
    service.ovmf()
    vms = VMs(service.start())
    with raises(NO_SUCH_VM, "vm"):
        vms.prepare(create="never")
    assert vms.list() == []
    vms.make()
    with raises(VM_EXISTS, "vm"):
        vms.prepare(create="new")
    assert vms.prepare(create="never")["pinned"] and vms.prepare(create="auto")["pinned"]


def test_no_matching_firmware_makes_nothing(service):
    service.ovmf()
    vms = VMs(service.start())
    with raises(NO_MATCH, "ovmf"):
        vms.prepare(features=["enrolled-keys"])
    assert vms.list() == []
    assert not (service.state / "vms" / "0" / "vm").exists()


def test_modes_and_owners_of_all_files(service):
    service.ovmf()
    vms = VMs(service.start())
    vm = vms.make(owner=OWNER)
    assert vm.path == vm_path("vm", OWNER)
    state = os.stat(vm.nvram())
    assert (stat.S_IMODE(state.st_mode), state.st_uid, state.st_gid) == (0o600, OWNER, OWNER)
    for directory in (service.state, service.state / "vms", service.state / f"vms/{OWNER}",
                      vm.directory()):
        state = os.stat(directory)
        assert (stat.S_IMODE(state.st_mode), state.st_uid) == (0o711, 0), directory
    for name in ("lock", "pin.json"):
        state = os.stat(vm.directory() / name)
        assert (stat.S_IMODE(state.st_mode), state.st_uid) == (0o600, 0), name
    assert sorted(os.listdir(service.state / f"vms/{OWNER}")) == ["vm"]


def test_pin_record_is_versioned_json(service):
    service.ovmf()
    vm = VMs(service.start()).make(features=[])
    with open(vm.directory() / "pin.json", encoding="utf-8") as file:
        record = json.load(file)
    assert record["version"] == 1
    assert record["requirements"] == {"features": []}


def test_copy_of_a_mostly_empty_template_costs_its_data(service):
    size = 64 * images.MIB
    service.vendor.write("x", descriptors.flash(
        service.raw("code.fd", size), service.raw("vars.fd", size, b"\xff" * images.MIB),
        targets=[descriptors.target("aarch64", "virt-*")]))
    vm = VMs(service.start()).make("vm", "aarch64", "virt")
    state = os.stat(vm.nvram())
    assert state.st_size == size and state.st_blocks * 512 < 2 * images.MIB
    clone = vm.clone("clone")
    assert os.stat(clone.nvram()).st_blocks * 512 < 2 * images.MIB


def test_shorter_template_is_extended_where_flash_has_a_fixed_size(service):
    size = 64 * images.MIB
    service.vendor.write("x", descriptors.flash(
        service.raw("code.fd", size), service.raw("vars.fd", 768 * 1024, b"\xff" * 4096),
        targets=[descriptors.target("aarch64", "virt-*")]))
    vm = VMs(service.start()).make("vm", "aarch64", "virt")
    state = os.stat(vm.nvram())
    assert state.st_size == size == vm.resolution["nvram"]["size"]
    assert state.st_blocks * 512 < images.MIB
    assert vm.read().startswith(b"\xff" * 4096 + b"\0")
