# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a firmware's template holds: SecureBoot, Certificates and Health of its object."""

import json

import pytest

from lib import descriptors, images
from lib.client import FIRMWARE, firmware_path

ENROLLED = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
PLAIN = "/usr/share/OVMF/OVMF_VARS_4M.fd"
SECURE = ["secure-boot", "enrolled-keys"]


def found(client, name):
    firmware = client.firmware(name)
    return firmware["SecureBoot"], firmware["Certificates"], firmware["Health"]


def add(service, name, template, features=(), fmt="raw"):
    code = service.raw(f"{name}.fd") if fmt == "raw" else service.qcow2(f"{name}.fd")
    service.vendor.write(name, descriptors.flash(
        code, template, fmt=fmt, template_fmt=fmt, features=features))


def test_split(service):
    add(service, "enrolled", ENROLLED, SECURE)
    add(service, "plain", PLAIN, ["secure-boot"])
    add(service, "without", PLAIN)
    add(service, "qcow2", images.convert_qcow2(ENROLLED, service.images / "vars.qcow2"), SECURE,
        fmt="qcow2")
    client = service.start()
    secure_boot, certificates, health = found(client, "enrolled")
    assert (secure_boot, health) == ("enforced", "ok")
    assert certificates.keys() == {"kek", "windows", "third-party", "option-rom"}
    assert all(certificates[purpose].startswith("2011")
               for purpose in ("kek", "windows", "third-party"))
    assert found(client, "qcow2") == found(client, "enrolled")
    none = dict.fromkeys(certificates, "none")
    assert found(client, "plain") == ("setup", none, "ok")
    assert found(client, "without") == ("none", none, "ok")


def test_others(service):
    path = service.raw("f.bin", 65536)
    service.vendor.write("kernel", descriptors.by_filename("kernel", path))
    service.vendor.write("store", descriptors.by_filename(
        "memory", path, features=["secure-boot"],
        mapping={"uefi-vars": {"template": service.store("vars.json")}}))
    with open(ENROLLED, "rb") as file:
        combined = service.raw("combined.fd", 4 * images.MIB, file.read())
    service.vendor.write("combined", descriptors.flash(combined, mode="combined", features=SECURE))
    service.vendor.write("missing", descriptors.flash(path, "/nowhere", features=SECURE))
    service.vendor.write("broken", "[]")
    client = service.start()
    assert found(client, "kernel") == ("none", {}, "")
    assert found(client, "store")[::2] == ("setup", "ok")
    assert found(client, "combined")[::2] == ("enforced", "ok")
    assert found(client, "missing") == found(client, "broken") == ("none", {}, "")


@pytest.mark.parametrize("how", ["template", "certificates"])
def test_change_is_told(service, how):
    table = service.directory / "certificates"
    table.mkdir()
    template = images.copy(PLAIN, service.images / "vars.fd")
    if how == "certificates":
        images.copy(ENROLLED, template)
    config = service.directory / "vmfirmwared.conf"
    config.write_text(f"[Catalog]\nCertificateDirectories={table}\n")
    add(service, "f", template, SECURE)
    client = service.start(arguments=[f"--config={config}"])
    none = dict.fromkeys(("kek", "windows", "third-party", "option-rom"), "none")
    assert found(client, "f")[1] == none
    signals = service.watch()
    generation = client.generation()
    if how == "template":
        images.copy(ENROLLED, template + ".new")
        (service.images / "vars.fd.new").replace(template)
        client.reload()
        expected = {"SecureBoot": "enforced"}
    else:
        (table / "a.conf").write_text(
            "[x]\nsha256=48e99b991f57fc52f76149599bff0a58c47154229b9f8d603ac40d3500248507\n"
            "purpose=third-party\nauthority=x\ngeneration=old\n")
        client.reload()
        expected = {"Certificates": {**none, "third-party": "old"}}
    assert client.generation() == generation + 1
    assert [arguments for path, _, member, arguments in signals.sync()
            if member == "PropertiesChanged" and path == firmware_path("f")] == [
                (FIRMWARE, expected, [])]
    assert signals.catalog_changes()[-1][3] == ["f"]


def test_table_with_a_mistake_is_a_problem(service):
    table = service.directory / "certificates"
    table.mkdir()
    (table / "a.conf").write_text("[x]\nsha256=00\n")
    config = service.directory / "vmfirmwared.conf"
    config.write_text(f"[Catalog]\nCertificateDirectories={table}\n")
    client = service.start(arguments=[f"--config={config}"])
    assert client.problems() == [(f"{table}/a.conf", "[x]: sha256 has not 64 lower-case digits")]


def test_damaged_template(service):
    path = service.images / "vars.json"
    path.write_text(json.dumps({"version": 2}))
    service.vendor.write("f", descriptors.by_filename(
        "memory", service.raw("f.bin", 65536), features=["secure-boot"],
        mapping={"uefi-vars": {"template": str(path)}}))
    assert found(service.start(), "f") == ("", {}, "damaged")


def test_another_name_of_a_certificate_is_told(service):
    """No property of the firmware differs, and the answer to a request for that name does."""
    table = service.directory / "certificates"
    table.mkdir()

    def name(word):
        (table / "a.conf").write_text(
            f"[{word}]\nsha256=48e99b991f57fc52f76149599bff0a58c47154229b9f8d603ac40d3500248507\n"
            "purpose=third-party\nauthority=x\ngeneration=old\n")
    name("before")
    config = service.directory / "vmfirmwared.conf"
    config.write_text(f"[Catalog]\nCertificateDirectories={table}\n")
    add(service, "f", images.copy(ENROLLED, service.images / "vars.fd"), SECURE)
    client = service.start(arguments=[f"--config={config}"])
    assert client.select_name("x86_64", "q35", certificates=["before"]) == "f"
    generation = client.generation()
    name("after")
    client.reload()
    assert client.generation() == generation + 1
    assert client.select_name("x86_64", "q35", certificates=["after"]) == "f"
