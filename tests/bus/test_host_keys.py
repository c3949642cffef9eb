# SPDX-License-Identifier: LGPL-2.1-or-later
"""The keys of this host, which each new NVRAM of a firmware with Secure Boot gets."""

import hashlib
import json
import os

import pytest

from lib import certificates as certificates_lib
from lib import descriptors, images
from lib.checks import raises
from lib.config import write_config
from lib.vms import LIMITS, NO_MATCH, VMs

ENROLLED = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
EMPTY = "/usr/share/OVMF/OVMF_VARS_4M.fd"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """DER of two certificates."""
    directory = tmp_path_factory.mktemp("certificates")
    return [certificates_lib.make(directory, name) for name in ("a", "b")]


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def keys(service, certificates):
    """Writes a file of the directory of keys."""
    def write(name, data):
        path = service.directory / "enroll" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    write("db/a.der", certificates[0])
    write("KEK/b.der", certificates[1])
    return write


@pytest.fixture
def start(service, keys):
    service.vendor.write("50-secure", descriptors.flash(
        service.raw("code.fd"), images.copy(ENROLLED, service.images / "vars.fd"),
        features=["secure-boot"]))
    service.vendor.write("60-plain", descriptors.flash(
        service.raw("plain.fd"), images.copy(EMPTY, service.images / "plain-vars.fd")))
    service.vendor.write("70-qcow2", descriptors.flash(
        service.qcow2("code.qcow2"),
        images.convert_qcow2(EMPTY, service.images / "vars.qcow2"), fmt="qcow2",
        template_fmt="qcow2", features=["secure-boot"]))
    service.vendor.write("80-store", descriptors.by_filename(
        "memory", service.raw("f.bin", 65536), features=["secure-boot"],
        mapping={"uefi-vars": {"template": service.store("vars.json")}}))

    def run(**settings):
        config = write_config(service.directory, EnrollDirectory=service.directory / "enroll",
                              **settings)
        if service.daemons:
            service.daemon.stop()
            service.daemons.remove(service.daemon)
        return VMs(service.start_with_qemu(arguments=[config]))
    return run


def found(vm, key):
    return [one["sha256"] for one in vm.read_variables()[key]]


def has_both(vm, certificates):
    return (digest(certificates[0]) in found(vm, "signatures") and
            digest(certificates[1]) in found(vm, "key-exchange-keys"))


@pytest.mark.parametrize("firmware", ["50-secure", "70-qcow2", "80-store"])
def test_each_new_store_has_them(start, certificates, firmware):
    vms = start()
    vm = vms.make(firmware=firmware)
    both = [digest(certificates[1]), digest(certificates[0])]
    assert has_both(vm, certificates) and vm.get_resolution()["enrolled"] == both
    assert vm.read_variables()["health"] == "ok"
    vm.reset(enroll=False)
    assert not has_both(vm, certificates) and vm.get_resolution()["enrolled"] == []
    before = vm.get("TemplateDigest")
    vm.reset()
    assert has_both(vm, certificates) and vm.get_resolution()["enrolled"] == both
    assert vm.get("TemplateDigest") == before
    vm.rebind(reset=True, enroll=False, firmware=firmware)
    assert not has_both(vm, certificates)
    vm.rebind(reset=True, firmware=firmware)
    assert has_both(vm, certificates)
    vm.rebind(firmware=firmware)
    assert has_both(vm, certificates) and vm.get_resolution()["enrolled"] == both
    assert not has_both(vms.make("other", firmware=firmware, enroll=False), certificates)


def test_they_move_with_the_variables(start, certificates):
    both = [digest(certificates[1]), digest(certificates[0])]
    vms = start()
    vm = vms.make(firmware="50-secure")
    for firmware in ("80-store", "70-qcow2"):
        vm.rebind(firmware=firmware, convert=True)
        assert has_both(vm, certificates) and vm.get_resolution()["enrolled"] == both


def test_they_come_back_with_a_backup(start, certificates):
    both = [digest(certificates[1]), digest(certificates[0])]
    vm = start().make(firmware="50-secure")
    vm.reset(enroll=False)
    vm.restore(1)
    assert has_both(vm, certificates) and vm.get_resolution()["enrolled"] == both
    vm = start().at("vm")
    vm.restore(2)
    assert not has_both(vm, certificates) and vm.get_resolution()["enrolled"] == []
    vm.restore(3)
    assert has_both(vm, certificates) and vm.get_resolution()["enrolled"] == both
    # the list of an older version does not say it
    path = vm.directory() / "backups.json"
    older = json.loads(path.read_text(encoding="utf-8"))
    for one in older["backups"]:
        del one["enrolled"]
    path.write_text(json.dumps(older), encoding="utf-8")
    vm.restore(4)
    assert vm.get_resolution()["enrolled"] == both


def test_a_template_that_has_them(start, service, certificates):
    vms = start()
    images.copy(vms.make(firmware="50-secure").nvram(), service.images / "with.fd")
    service.vendor.write("40-with", descriptors.flash(
        service.raw("code.fd"), service.images / "with.fd", features=["secure-boot"]))
    vms.client.reload()
    vm = vms.make("with", firmware="40-with")
    assert has_both(vm, certificates) and vm.get_resolution()["enrolled"] == []


def test_what_gets_none(start, certificates):
    vms = start()
    plain = vms.make(firmware="60-plain")
    assert not has_both(plain, certificates) and plain.get_resolution()["enrolled"] == []
    with open(ENROLLED, "rb") as file:
        imported = vms.import_vm("i", "x86_64", "q35", file.read(), format="raw",
                                 firmware="50-secure")
    assert not has_both(imported, certificates)


def test_platform_key(start, keys, service, certificates):
    keys("PK/p.der", certificates[0])
    vms = start()
    mine = [digest(certificates[0])]
    vm = vms.make(firmware="50-secure")
    assert found(vm, "platform-key") != mine
    assert found(vms.make("q", firmware="70-qcow2"), "platform-key") == mine
    vms = start(EnrollReplacePK="yes")
    vms.at("vm").reset()
    assert found(vms.at("vm"), "platform-key") == mine


def test_certificates_are_required(start, certificates):
    vms = start()
    ours = [digest(certificates[0])]
    assert vms.make(firmware="50-secure", certificates=ours).resolution["name"] == "50-secure"
    with raises(NO_MATCH, "certificate-missing"):
        vms.make("other", firmware="50-secure", certificates=ours, enroll=False)
    with raises(NO_MATCH, "certificate-missing"):
        vms.make("other", firmware="60-plain", certificates=ours)


def test_what_does_not_fit(start, keys, service, certificates):
    hashes = bytes.fromhex("2616c4c14c509240aca941f936934328")
    hashes += (28 + 48 * 900).to_bytes(4, "little") + bytes(4) + (48).to_bytes(4, "little")
    hashes += b"".join(bytes(16) + i.to_bytes(32, "little") for i in range(900))
    keys("dbx/many", hashes)
    vms = start()
    with raises(LIMITS, "VM vm: ", "firmware 50-secure", "enroll/dbx/many", "33792"):
        vms.make(firmware="50-secure")
    assert vms.list() == []


def test_faults_are_problems(start, keys, service, certificates):
    keys("db/broken", b"hello")
    keys("KEK/hashes", b"")
    keys("PK/1", certificates[0])
    keys("PK/2", certificates[1])
    vms = start()
    problems = dict(vms.client.problems())
    assert "expired" in problems.pop(f"{service.images}/vars.fd")
    directory = f"{service.directory}/enroll"
    assert set(problems) == {f"{directory}/{name}" for name in ("db/broken", "KEK/hashes", "PK/2")}
    assert "neither a certificate" in problems[f"{directory}/db/broken"]
    assert has_both(vms.make(firmware="50-secure"), certificates)


def test_changes_are_noticed(start, keys, service, certificates):
    vms = start()
    generation = vms.client.generation()
    os.unlink(service.directory / "enroll" / "db" / "a.der")
    vms.client.manager("Reload")
    assert vms.client.generation() > generation
    assert digest(certificates[0]) not in found(vms.make(firmware="50-secure"), "signatures")
