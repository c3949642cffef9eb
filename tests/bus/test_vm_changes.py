# SPDX-License-Identifier: LGPL-2.1-or-later
"""ChangeVariables: all changes or none, on stores of each format."""

import hashlib
import json
import os

import pytest
from gi.repository import GLib

from lib import certificates, descriptors, edk2, formats, images
from lib.checks import raises
from lib.client import INVALID_ARGS
from lib.config import write_config
from lib.vms import (CONFLICT, IN_USE, LIMITS, NO_SUCH_VARIABLE, NOT_SUPPORTED, OWNER, UNUSABLE,
                     VMs, change, run_as)

OTHER = "11111111-2222-3333-4444-555555555555"


def refused(name, call, *words):
    with raises(name, *words):
        call()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """DER of a certificate of the tests."""
    return certificates.make(tmp_path_factory.mktemp("certificate"), "tests")


@pytest.fixture
def vms(service):
    return formats.start(service)


def variables(vm):
    return {(one["guid"], one["name"]): one for one in vm.read_variables(list=True)["list"]}


def set_it(name="a", data=b"1", **keys):
    return change("set", guid=OTHER, name=name, data=data, **keys)


@pytest.mark.parametrize("firmware", formats.FIRMWARE)
def test_a_store_of_each_format(vms, certificate, firmware):
    vm = vms.make(firmware=firmware)
    before, report = variables(vm), vm.read_variables()
    changes = [change("enroll", into="db", data=certificate), set_it()]
    dry = vm.change_variables(*changes, dry_run=True)
    assert vm.read_variables() == report and vm.backups() == []
    result = vm.change_variables(*changes, expected=dry["sha256"])
    assert result == dry
    assert result["sha256"] == report["sha256"] and result["before"] == report
    after = vm.read_variables()
    assert {key: value for key, value in result["after"].items()} == after
    assert after["health"] == "ok" and result["pcr7"] and result["missing"] == []
    assert [(one["variable"], one["after"] > one["before"]) for one in result["changes"]] == [
        ("db", True), ("a", True)]
    assert hashlib.sha256(certificate).hexdigest() in [
        one["sha256"] for one in after["signatures"]]
    assert vm.get_variable(OTHER, "a") == (7, b"1")
    assert len(vm.backups()) == 1
    # all others are as they were, with their time stamps
    now = variables(vm)
    for key, one in before.items():
        if key[1] != "db":
            assert now[key] == one
    if (edk2.GLOBAL, "PK") in before:
        assert now[("d719b2cb-3d3a-4596-a3bc-dad00e67656f", "db")]["time"] == before[
            ("d719b2cb-3d3a-4596-a3bc-dad00e67656f", "db")]["time"]


def test_all_or_none(vms):
    vm = vms.make(firmware="50-raw")
    before = vm.read()
    refused(NO_SUCH_VARIABLE, lambda: vm.change_variables(
        set_it(), change("delete", guid=OTHER, name="b")), "change 2: delete: ", f"{OTHER}-b")
    assert vm.read() == before and vm.backups() == []
    result = vm.change_variables(set_it(), change("delete", guid=OTHER, name="a"))
    assert result["changes"] == [] and vm.read() == before and vm.backups() == []


def test_secure_boot(vms):
    vm = vms.make(firmware="50-raw")
    assert vm.get("SecureBoot") == "enforced"
    assert vm.change_variables(change("secure-boot", on=False))["after"]["secure-boot"] == "off"
    assert vm.get("SecureBoot") == "off"
    vm.change_variables(change("unenroll", from_="PK", all=True))
    assert vm.get("SecureBoot") == "setup"
    refused(INVALID_ARGS, lambda: vm.change_variables(change("secure-boot", on=True)), "on: ")
    vm.change_variables(change("enroll-from", firmware="50-raw"))
    assert vm.get("SecureBoot") == "enforced"


def test_json_keeps_what_it_does_not_know(vms):
    vm = vms.make(firmware="70-store")
    store = {"version": 2, "later": 1, "variables": [
        {"guid": OTHER, "name": "x", "attr": 7, "data": "00", "digest": "aa", "more": [1]}]}
    with open(vm.nvram(), "w", encoding="utf-8") as file:
        json.dump(store, file)
    vm.change_variables(set_it("x", b"\1\2"), set_it("y"))
    store["variables"][0]["data"] = "0102"
    store["variables"].append({"guid": OTHER, "name": "y", "attr": 7, "data": "31"})
    assert json.loads(vm.read()) == store
    # QEMU reads an empty file as an empty store
    with open(vm.nvram(), "w", encoding="utf-8"):
        pass
    vm.change_variables(set_it("y"))
    assert json.loads(vm.read())["variables"] == store["variables"][1:]


def test_an_empty_store(vms, service):
    service.vendor.write("90-arm", descriptors.flash(
        service.raw("arm.fd", 64 * images.MIB), service.raw("blank.fd", 64 * images.MIB, b""),
        targets=[descriptors.target("aarch64", "virt-*")]))
    vms.client.manager("Reload")
    arm = vms.make("arm", architecture="aarch64", machine="virt", firmware="90-arm")
    assert arm.read_variables()["health"] == "empty"
    size, blocks = os.stat(arm.nvram()).st_size, os.stat(arm.nvram()).st_blocks
    assert arm.change_variables(set_it())["after"]["health"] == "ok"
    assert arm.get_variable(OTHER, "a") == (7, b"1")
    # what is behind the store stays a hole
    assert os.stat(arm.nvram()).st_size == size
    assert os.stat(arm.nvram()).st_blocks * 512 <= blocks * 512 + images.MIB
    ovmf = vms.make(firmware="50-raw")
    ovmf.write(bytes(540672))
    refused(UNUSABLE, lambda: ovmf.change_variables(set_it()), "VM vm: ", "empty")


def test_health(vms):
    vm = vms.make(firmware="50-raw")
    vm.write(b"x", 40)
    for dry_run in (False, True):
        refused(UNUSABLE, lambda: vm.change_variables(set_it(), dry_run=dry_run),
                "VM vm: ", "damaged: byte 40")
    refused(NOT_SUPPORTED, lambda: vms.make("none", firmware="80-none").change_variables(set_it()),
            "keeps no variables")


def test_limits(vms, service):
    service.vendor.write("55-small", descriptors.flash(
        service.raw("small.fd", 2 * images.MIB - 131072),
        service.raw("small-vars.fd", images.OVMF_2M_VARS, edk2.shrink(formats.ENROLLED))))
    vms.client.manager("Reload")
    vm = vms.make(firmware="55-small")
    before = vm.read()
    refused(LIMITS, lambda: vm.change_variables(set_it(data=bytes(8192))),
            "VM vm: variable a: it would have 8256 bytes", "8192")
    full = [set_it(str(i), bytes(8000)) for i in range(7)]
    refused(LIMITS, lambda: vm.change_variables(*full), "room for 57244")
    assert vm.read() == before


def test_in_use(vms):
    vm = vms.make(firmware="50-raw")
    lease = vm.acquire()
    for dry_run in (False, True):
        refused(IN_USE, lambda: vm.change_variables(set_it(), dry_run=dry_run))
    os.close(lease)
    vm.change_variables(set_it(), dry_run=True)


def test_expected(vms):
    vm = vms.make(firmware="50-raw")
    for digest in ("", "0" * 63, "0" * 65, "x" * 64):
        refused(INVALID_ARGS, lambda digest=digest: vm.change_variables(
            set_it(), expected=digest), f'expected: "{digest}" has not 64 hexadecimal digits')
    dry = vm.change_variables(set_it(), dry_run=True)
    vm.change_variables(set_it("b"), expected=dry["sha256"].upper())
    refused(CONFLICT, lambda: vm.change_variables(set_it(), expected=dry["sha256"]),
            dry["sha256"])
    refused(INVALID_ARGS, lambda: vm.change_variables(set_it(), live=True), "live: unknown key")


def test_arguments(vms, service):
    vm = vms.make(firmware="50-raw")
    for changes, words in (
            ([], "changes: 0"),
            ([set_it()] * 65, "more than 64"),
            ([set_it(), {}], "change 2: do: missing"),
            ([change("boot-orders")], "change 1: do: "),
            ([set_it(data=GLib.Variant("s", "1"))], "data: not of D-Bus type ay"),
            ([set_it(data=GLib.Variant("aay", []))], "data: of a D-Bus type that no key has"),
            ([change("enroll-known", names=["x"] * 65)], "names: "),
            ([change("enroll-known", names=["x"] * 64)], "names: no known certificate"),
            ([{**set_it(), **{f"k{i}": GLib.Variant("b", True) for i in range(40)}}], "change 1: "),
            ([change("set", guid=OTHER, name="a", data=b"1", order=[1])], "order: unknown key"),
            ([change("enroll", into="db", data=b"hello")], "data: neither a certificate")):
        refused(INVALID_ARGS, lambda: vm.change_variables(*changes), words)
    refused(NOT_SUPPORTED, lambda: vm.change_variables(
        change("enroll-known", names=["microsoft-kek-2023"])),
        "put it, as DER or PEM, into one of", "/certificates")
    refused("org.vmfirmware1.NoSuchFirmware", lambda: vm.change_variables(
        change("enroll-from", firmware="none")), 'no firmware "none"')
    refused(NOT_SUPPORTED, lambda: vm.change_variables(
        change("enroll-from", firmware="80-none")), "80-none has no template")
    # Arm's firmware formats such a template itself
    service.vendor.write("90-blank", descriptors.flash(
        service.raw("code.fd"), service.raw("blank.fd", 0xc0000, b"")))
    vms.client.reload()
    refused(UNUSABLE, lambda: vm.change_variables(
        change("enroll-from", firmware="90-blank")), "blank.fd: the variable store is empty")


def test_certificate_directories(vms, service, certificate):
    directory = service.images / "certificates"
    directory.mkdir()
    (directory / "t.conf").write_text(
        f"[tests-uefi]\nsha256={hashlib.sha256(certificate).hexdigest()}\npurpose=third-party\n"
        "generation=2030\nauthority=tests\n")
    vms = VMs(service.restart(
        arguments=[write_config(service.directory, CertificateDirectories=directory)],
        path=os.environ["PATH"]))
    vm = vms.make(firmware="50-raw")
    enroll = change("enroll-known", names=["tests-2030"])
    refused(NOT_SUPPORTED, lambda: vm.change_variables(enroll), "tests-uefi", str(directory))
    (directory / "anything").write_bytes(certificate)
    vms.client.manager("Reload")
    assert vm.change_variables(enroll)["after"]["certificates"]["third-party"] == "2030"
    assert vm.get("Certificates")["third-party"] == "2030"


def test_of_another(vms, service):
    vm = vms.make(firmware="50-raw")
    program = "print(vms.at('vm', {0}).change_variables(change('secure-boot', on=False)))"
    assert run_as(OWNER, program.format(0), service.bus)[0].endswith("AccessDenied")
    assert vm.get("SecureBoot") == "enforced"
