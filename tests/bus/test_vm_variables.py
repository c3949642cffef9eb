# SPDX-License-Identifier: LGPL-2.1-or-later
"""ReadVariables and GetVariable: what a store holds, of a VM or of a caller."""

import hashlib
import os
import subprocess

import pytest

from lib import descriptors, edk2, formats, images, wait
from lib.checks import raises
from lib.client import INVALID_ARGS
from lib.vms import (IN_USE, MISSING, NO_SUCH_VARIABLE, NOT_SUPPORTED, OWNER, UNUSABLE, VMs, change,
                     memfd, run_as)

# of a VM whose firmware has not the feature
NO_SECURE_BOOT = {"secure-boot": "none",
                  "secure-boot-reason": "the firmware has not the feature secure-boot"}


def refused(name, call, *words):
    with raises(name, *words):
        call()


SHIM = "605dab50-e046-4300-abb6-3dd810dd8b23"


@pytest.fixture
def vms(service):
    return formats.start(service)


def content():
    with open(formats.ENROLLED, "rb") as file:
        return file.read()


def test_of_a_vm(vms):
    store = edk2.read(formats.ENROLLED)
    vm = vms.make(firmware="50-raw")
    report = vm.read_variables(list=True)
    assert (report["kind"], report["format"], report["health"]) == ("edk2", "raw", "ok")
    assert report["sha256"] == hashlib.sha256(store.volume).hexdigest()
    assert [(one["guid"], one["name"], one["attributes"], one["size"], one["time"])
            for one in report["list"]] == [
        (one.guid, one.name, one.attributes, len(one.data), one.time) for one in store.variables]
    assert report["secure-boot"] == "enforced" and report["certificates"]["kek"] != "none"
    del report["list"]
    assert vm.read_variables() == report
    other = vms.make("other", firmware="60-qcow2")
    assert other.read_variables() == dict(report, format="qcow2", **NO_SECURE_BOOT)
    for one in store.variables:
        for each in (vm, other):
            assert each.get_variable(one.guid, one.name) == (one.attributes, one.data)


def test_of_firmware_that_cannot_do_secure_boot(service):
    service.ovmf("50-plain", features=["acpi-s3"])
    vm = VMs(service.start()).import_vm("vm", "x86_64", "q35", content())
    vm.change_variables(change("secure-boot", on=False))
    result = vm.change_variables(change("secure-boot", on=True))
    for report in (vm.read_variables(), vm.read_variables(index=1), result["before"],
                   result["after"]):
        assert report == dict(report, **NO_SECURE_BOOT, **{"setup-mode": False})
    assert vm.get("SecureBoot") == vm.get_resolution()["secure-boot"] == "none"


def test_of_a_json_store(vms):
    vm = vms.make(firmware="70-store")
    assert vm.read_variables()["kind"] == "qemu-json"
    refused(NO_SUCH_VARIABLE, lambda: vm.get_variable(edk2.GLOBAL, "PK"), edk2.GLOBAL)
    vm.write(b"x")
    refused(UNUSABLE if vm.get("State") == "ready" else "org.vmfirmware1.NVRAMMismatch",
           lambda: vm.get_variable(edk2.GLOBAL, "PK"))


def test_of_a_caller(vms):
    report = vms.make(firmware="50-raw").read_variables()
    assert vms.read_variables(content()) == report
    assert vms.read_variables(content(), format="raw") == report
    with open(vms.make("other", firmware="60-qcow2").nvram(), "rb") as file:
        assert vms.read_variables(file.read()) == dict(report, format="qcow2")
    assert vms.read_variables(images.EMPTY_STORE)["kind"] == "qemu-json"
    assert vms.read_variables(b"")["kind"] == "blank"
    assert vms.read_variables(b"", format="json")["kind"] == "qemu-json"
    assert vms.read_variables(memfd(b"", 256 * images.MIB))["health"] == "empty"
    assert vms.read_variables(content(), format="qcow2")["health"] == "unreadable"


def test_what_is_not_read(vms):
    vm = vms.make(firmware="50-raw")
    with open(formats.ENROLLED, "rb") as file:
        refused(INVALID_ARGS, lambda: vms.read_variables(file.fileno()), "store: not a memfd")
    fd = memfd(content(), seals=0)
    refused(INVALID_ARGS, lambda: vms.read_variables(fd), "store: not sealed")
    os.close(fd)
    refused(INVALID_ARGS, lambda: vms.read_variables(b"", format="vmdk"), "format")
    refused(INVALID_ARGS, lambda: vms.read_variables(b"", live=True), "live: unknown key")
    refused(INVALID_ARGS, lambda: vm.read_variables(format="raw"), "format: unknown key")
    refused(INVALID_ARGS, lambda: vm.get_variable(edk2.GLOBAL, "PK", list=True), "list")
    refused(INVALID_ARGS, lambda: vm.get_variable("8be4df61", "PK"), "guid: ")
    refused(NO_SUCH_VARIABLE, lambda: vm.get_variable(SHIM, "PK"), f"{SHIM}-PK")
    refused(NO_SUCH_VARIABLE, lambda: vm.get_variable(edk2.GLOBAL, "pk"))
    refused(NOT_SUPPORTED, vms.make("none", firmware="80-none").read_variables, "no variables")
    path = vms.client.manager_property("StateDirectory") + "/zstd"
    subprocess.run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2",
                    "-ocompression_type=zstd", formats.ENROLLED, path], check=True)
    with open(path, "rb") as file:
        refused(NOT_SUPPORTED, lambda: vms.read_variables(file.read()), "zstd")
    os.unlink(vm.nvram())
    refused(MISSING, vm.read_variables)


def test_damaged(vms):
    vm = vms.make(firmware="50-raw")
    vm.write(b"x", 40)
    report = vm.read_variables(list=True)
    assert report["health"] == "damaged" and "secure-boot" not in report
    refused(UNUSABLE, lambda: vm.get_variable(edk2.GLOBAL, "PK"), "damaged: byte 40")


def test_in_use(vms):
    vm = vms.make(firmware="50-raw")
    report = vm.read_variables()
    lease = vm.acquire()
    refused(IN_USE, vm.read_variables, "live")
    refused(IN_USE, lambda: vm.get_variable(edk2.GLOBAL, "PK"))
    assert vm.read_variables(live=True) == {**report, "health": "", "health-detail": ""}
    assert vm.get_variable(edk2.GLOBAL, "PK", live=True)[0] == 0x27
    os.close(lease)
    assert vm.read_variables(live=True) == report


def test_of_another(vms, service):
    vm = vms.make(firmware="50-raw")
    program = "print(vms.at('vm', {0}).read_variables()['kind'])"
    assert run_as(OWNER, program.format(0), service.bus)[0].endswith("AccessDenied")
    assert vm.read_variables()["kind"] == "edk2"


STORE = ("SecureBoot", "Certificates", "Expires", "Health")


def found(vm):
    """By GetAll, and by Get of each."""
    properties = vm.properties()
    made = {name: properties[name] for name in STORE}
    assert made == {name: vm.get(name) for name in STORE}
    return made


def of(report):
    return {"SecureBoot": report["secure-boot"], "Certificates": report["certificates"],
            "Expires": report["expires"], "Health": report["health"]}


NOTHING = {"SecureBoot": "none", "Certificates": {}, "Expires": 0, "Health": ""}


def test_properties(vms):
    vm = vms.make(firmware="50-raw")
    report = vm.read_variables()
    assert found(vm) == of(report) and report["expires"] > 0
    assert found(vms.make("other", firmware="60-qcow2")) == {**of(report), "SecureBoot": "none"}
    assert found(vms.make("none", firmware="80-none")) == NOTHING
    store = vms.make("store", firmware="70-store")
    assert found(store) == {"SecureBoot": "none", "Certificates": dict.fromkeys(
        report["certificates"], "none"), "Expires": 0, "Health": "ok"}


def test_properties_follow_the_file(vms, service):
    """They are those of the last look while the VM was not in use."""
    vm = vms.make(firmware="50-raw")
    before = found(vm)
    signals = service.watch()
    lease = vm.acquire()
    vm.write(b"x", 40)
    assert found(vm) == before and signals.named("PropertiesChanged") == []
    os.close(lease)
    damaged = {"SecureBoot": "", "Certificates": {}, "Expires": 0, "Health": "damaged"}
    assert found(vm) == damaged
    assert [arguments for *_, arguments in signals.named("PropertiesChanged")] == [
        ("org.vmfirmware1.VM", damaged, [])]
    vm.reset()
    assert [arguments for *_, arguments in signals.named("PropertiesChanged")][1:] == [
        ("org.vmfirmware1.VM", before, [])]
    assert found(vm) == before
    vm.write(b"x", 40)
    vms.list()
    assert len(signals.named("PropertiesChanged")) == 3


def test_properties_after_a_restart(vms, service):
    vm = vms.make(firmware="50-raw")
    before = found(vm)
    other = vms.make("other", firmware="50-raw")
    lease = other.acquire()
    again = VMs(service.restart(path=os.environ["PATH"]))
    assert found(again.at("vm")) == before
    assert found(again.at("other")) == {**NOTHING, "SecureBoot": ""}
    os.close(lease)
    assert found(again.at("other")) == before


def test_properties_after_a_guest_has_ended(vms, service):
    """Nobody asks for them: they follow by themselves."""
    vm = vms.make(firmware="50-raw")
    signals = service.watch()
    lease = vm.acquire()
    guest = open(vm.nvram(), "r+b", buffering=0)
    os.pwrite(guest.fileno(), b"x", 40)
    # not the last guest that opens it with this lease
    vm.write(b"x", 40)
    os.close(lease)
    guest.close()
    wait.until(lambda: signals.named("PropertiesChanged"), "the look")
    assert [arguments[1]["Health"] for *_, arguments in signals.named("PropertiesChanged")] == [
        "damaged"]


def test_fault_is_logged_once(vms, service):
    vm = vms.make(firmware="50-raw")
    vm.write(b"x", 40)
    for _ in range(2):
        vm.properties()
    line = "VM vm of uid 0 has a variable store that is damaged: byte 40"
    assert service.daemon.stderr().count(line) == 1


# -- starting ---------------------------------------------------------------------------------

@pytest.mark.parametrize("firmware", ["50-raw", "60-qcow2"])
@pytest.mark.parametrize("volume_header", [True, False])
@pytest.mark.parametrize("lease", [False, True])
def test_pending_write_is_completed(vms, service, firmware, volume_header, lease):
    vm = vms.make(firmware=firmware)
    before = vm.read_variables(list=True)
    path = vm.nvram()
    if firmware == "60-qcow2":
        raw = service.directory / "raw"
        subprocess.run(["qemu-img", "convert", "-O", "raw", path, raw], check=True)
        edk2.make_pending(raw, volume_header)
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, path], check=True)
    else:
        edk2.make_pending(path, volume_header)
    report = vm.read_variables(list=True)
    assert report["health"] == "pending" and report["list"] == before["list"]
    answer = vms.prepare(firmware=firmware, lease=lease)
    assert answer["pinned"] and answer["certificates"] == before["certificates"]
    if lease:
        os.close(answer["lease"])
    after = vm.read_variables(list=True)
    assert after["health"] == "ok"
    assert after["list"] == before["list"]
    assert vm.get("Health") == "ok" and len(vm.backups()) == 1
    assert vms.read_variables(vm.export(backup=True))["health"] == "pending"


def test_pending_write_of_a_vm_in_use_is_left_alone(vms):
    vm = vms.make(firmware="50-raw")
    lease = vm.acquire()
    edk2.make_pending(vm.nvram())
    content = vm.read()
    vms.prepare(firmware="50-raw")
    assert vm.read() == content and vm.backups() == []
    os.close(lease)
    assert vm.get_resolution(check=True)["pinned"]
    assert vm.read() == content, "it writes nothing"


@pytest.mark.parametrize("how,health", [("volume", "damaged"), ("empty", "empty")])
def test_faulty_store_does_not_start(vms, how, health):
    vm = vms.make(firmware="50-raw")
    vm.write(b"x" * 16 if how == "volume" else b"\xff" * images.OVMF_4M_VARS, 40 * (how == "volume"))
    for call in (lambda: vms.prepare(firmware="50-raw"), lambda: vm.get_resolution(check=True)):
        refused(UNUSABLE, call, f"VM vm: its variable store is {health}")
    assert vm.get("Health") == health
    lease = vm.acquire()
    vms.prepare(firmware="50-raw")
    os.close(lease)
    vm.reset()
    vms.prepare(firmware="50-raw")


def test_torn_store_starts(vms, service):
    vm = vms.make(firmware="50-raw")
    store = edk2.read(vm.nvram())
    end = 72 + 28 + store.room - store.free
    vm.write(b"\xaa\x55\xff", end)
    vms.prepare(firmware="50-raw")
    assert vm.get("Health") == "torn"
    assert f"VM vm of uid 0 has a variable store that is torn: byte {end}" in (
        service.daemon.stderr())


def test_store_of_unknown_format_starts(vms, service):
    service.vendor.write("90-other", descriptors.flash(
        service.raw("other.fd"), service.raw("other-vars.fd", images.OVMF_4M_VARS, b"other")))
    vms.client.reload()
    vm = vms.make(firmware="90-other")
    vm.write(b"thing")
    vms.prepare(firmware="90-other")
    assert vm.get("Health") == "damaged"


# -- the requirement ----------------------------------------------------------------------------

UEFI_2011 = "48e99b991f57fc52f76149599bff0a58c47154229b9f8d603ac40d3500248507"


def test_requirement(vms, service):
    client = vms.client
    assert client.select_name("x86_64", "q35", certificates=["microsoft-uefi-2011"]) == "50-raw"
    for words in ([UEFI_2011], [UEFI_2011.upper()], ["microsoft-uefi-2011", "microsoft-kek-2011"]):
        answer = client.select("x86_64", "q35", certificates=words)
        assert (answer["name"], answer["secure-boot"]) == ("50-raw", "enforced")
    assert answer["certificates"]["third-party"].startswith("2011")
    assert client.verdict_of("70-store", "x86_64", "q35", 
                             certificates=["microsoft-uefi-2011", "x"])[1][:2] == [
        "certificate-missing:microsoft-uefi-2011", "certificate-missing:x"]
    assert "certificates" not in client.select("x86_64", "q35", firmware="80-none")


def test_requirement_beside_nvram_that_does_not_fit(vms):
    """The firmware that would take it is named under the same requirements."""
    refused("org.vmfirmware1.NVRAMMismatch", lambda: vms.import_vm(
        "x", "x86_64", "q35", memfd(b"", 131072), format="raw",
        certificates=["microsoft-uefi-2011"]), "no firmware has that size")


def test_requirement_is_asked_of_the_vms_own_store(vms):
    vm = vms.make(firmware="50-raw", certificates=["microsoft-uefi-2011"])
    assert vm.get_resolution()["requirements"]["certificates"] == ["microsoft-uefi-2011"]
    answer = vms.prepare(certificates=["microsoft-uefi-2011"])
    assert answer["secure-boot"] == "enforced"
    with open("/usr/share/OVMF/OVMF_VARS_4M.fd", "rb") as file:
        vm.import_nvram(file.read())
    refused("org.vmfirmware1.VMConflict",
           lambda: vms.prepare(certificates=["microsoft-uefi-2011"]), "microsoft-uefi-2011")
    answer = vms.prepare()
    assert answer["secure-boot"] == "setup"
    assert vm.get_resolution()["certificates"]["kek"] == "none"


# what a VM is to have, whatever it is called in
WANTED = {"certificates": ["microsoft-uefi-2011"]}


@pytest.fixture
def blank(service):
    """Before vms: a firmware whose template has no certificate, and those that come before it."""
    with open("/usr/share/OVMF/OVMF_VARS_4M.fd", "rb") as file:
        bare = file.read()
    service.vendor.write("10-none", descriptors.flash(service.raw("first.fd")))
    service.vendor.write("90-blank", descriptors.flash(
        service.raw("blank.fd"), service.raw("blank-vars.fd", len(bare), bare)))
    return bare


@pytest.mark.parametrize("how", ["ImportVM", "nvram-template"])
def test_requirement_is_asked_of_the_nvram_that_was_sent(blank, vms, how):
    """Never of the template: it is not what the VM gets."""
    def make(vm_id, nvram, **options):
        fd = memfd(nvram)
        if how == "ImportVM":
            return vms.import_vm(vm_id, "x86_64", "q35", fd, **options, **WANTED)
        return vms.make(vm_id, nvram_template=fd, **options, **WANTED)

    for firmware in ("50-raw", "90-blank"):
        refused("org.vmfirmware1.NVRAMMismatch", lambda: make("vm", blank, firmware=firmware),
                "VM vm: the certificate microsoft-uefi-2011 is neither in KEK nor in db of the NVRAM",
                "with enroll-known microsoft-2011")
        assert vms.list() == []
    make("vm", content(), firmware="90-blank")
    vms.prepare(firmware="90-blank", **WANTED)
    # a firmware that keeps no variables cannot have it
    assert make("other", content()).resolution["name"] == "50-raw"
    refused("org.vmfirmware1.NoMatchingFirmware",
            lambda: make("third", content(), firmware="10-none"),
            "certificate-missing:microsoft-uefi-2011")


def test_requirement_is_asked_of_the_store_that_rebind_keeps(blank, vms):
    vm = vms.make(firmware="50-raw")
    vm.rebind(firmware="90-blank", **WANTED)
    assert vm.get_resolution()["certificates"]["third-party"].startswith("2011")
    # a fresh store would not have it
    refused("org.vmfirmware1.NoMatchingFirmware",
            lambda: vm.rebind(firmware="90-blank", reset=True, **WANTED),
            "certificate-missing:microsoft-uefi-2011")
    vm.rebind(firmware="50-raw", reset=True, **WANTED)
    vm.import_nvram(blank)
    for options in ({"firmware": "50-raw"}, {"firmware": "70-store", "convert": True}):
        refused("org.vmfirmware1.VMConflict", lambda: vm.rebind(**options, **WANTED),
                "Rebind does not add it", "enroll-known microsoft-2011")
    assert vm.get_resolution()["name"] == "50-raw"


def test_requirement_of_a_vm_without_a_store_is_asked_of_the_template(blank, vms):
    vm = vms.make(firmware="10-none")
    refused("org.vmfirmware1.NoMatchingFirmware",
            lambda: vm.rebind(firmware="90-blank", **WANTED),
            "certificate-missing:microsoft-uefi-2011")
    assert vm.rebind(**WANTED)["name"] == "50-raw"
    vms.prepare(**WANTED)
