# SPDX-License-Identifier: LGPL-2.1-or-later
"""What each verb prints as JSON is what vmfirmwarectl-json(5) says."""

import json
import os
import re
import struct

import pytest

from lib import images, jsonpage, paths
from lib.cli import FAILURE, NO_MATCH, without_version

TEMPLATE = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"


@pytest.fixture
def answer(service, cli):
    """The document that a command prints."""
    service.ovmf("50-first")
    service.bios("60-bios")
    service.add_pair("65-real", service.images / "50-first-code.fd", TEMPLATE,
                     features=["secure-boot"])
    service.vendor.write("70-broken", {"description": 1})
    service.start(path=os.environ["PATH"])

    def ask(*words, status=0):
        found, output, _ = cli.raw(*words, "--json=short")
        assert found == status
        return json.loads(output)
    return ask


def test_firmware(answer):
    jsonpage.check_array("list", answer("list"), 4)
    for name in ("50-first", "60-bios", "70-broken"):
        jsonpage.check("show", answer("show", name))
    for words in ([], ["--firmware=60-bios"], ["--nvram=x.fd", "--render=qemu"],
                  ["--nvram=x.fd", "--render=qemu-legacy"], ["--nvram=x.fd", "--render=libvirt"],
                  ["--nvram=x.fd", "--render=libvirt-fields"]):
        found = answer("select", "x86_64", "q35", *words)
        jsonpage.check("select", found)
        form = words[-1].partition("--render=")[2] if words else ""
        assert not form or any(form.split("-")[0] in key for key in found)
    jsonpage.check_array("explain", answer("explain", "x86_64", "q35"))
    jsonpage.check("capabilities", answer("capabilities", "x86_64", "q35"))
    for words in (["host"], ["host", "--offline"], ["reload"]):
        jsonpage.check("host", answer(*words))


def test_virtual_machines(service, answer):
    jsonpage.check("prepare", answer("prepare", "vm", "x86_64", "q35"))
    jsonpage.check("prepare", answer("prepare", "bios", "x86_64", "q35", "--firmware=60-bios"))
    jsonpage.check("rebind", answer("rebind", "vm", "--firmware=50-first"))
    for words in (["vm", "vm"], ["vm", "bios"]):
        jsonpage.check("vm", answer(*words))
    jsonpage.check("export", answer("export", "vm", "x.fd"))
    jsonpage.check("reset", answer("import", "vm", "x.fd"))
    jsonpage.check("import ID ARCH MACHINE FILE", answer(
        "import", "new", "x86_64", "q35", "x.fd"))
    jsonpage.check("pack", answer("pack", "vm", "x.pack"))
    found = answer("unpack", "packed", "x.pack")
    jsonpage.check("unpack", found)
    assert found["differences"] == []
    jsonpage.check("unpack --check", answer("unpack", "--check", "x.pack"))
    jsonpage.check("clone", answer("clone", "vm", "copy"))
    jsonpage.check("rename", answer("rename", "copy", "other"))
    jsonpage.check_array("vms", answer("vms"), 4)
    jsonpage.check_array("vms", answer("vms", "--unused=0"), 4)
    jsonpage.check_array("certificates", answer("certificates"))
    answer("enroll", "--all", "microsoft-2023", "--dry-run")
    jsonpage.check("reset", answer("reset", "vm"))
    jsonpage.check_array("backups", answer("backups", "vm"))
    jsonpage.check("restore", answer("restore", "vm"))
    jsonpage.check("remove", answer("remove", "vm"))
    os.unlink(service.vendor.file("50-first"))
    os.unlink(service.vendor.file("60-bios"))
    service.client.reload()
    jsonpage.check("unpack --check", answer("unpack", "--check", "x.pack", status=NO_MATCH))


def test_files(service, answer):
    file = service.vendor.file("70-broken")
    jsonpage.check_array("verify", answer("verify", file, status=FAILURE))
    assert answer("verify", service.vendor.file("50-first")) == []
    assert "version" not in answer("record", service.vendor.file("50-first"))
    (service.directory / "blank.fd").write_bytes(b"\xff" * 4096)
    for words in ([TEMPLATE], ["--list", TEMPLATE], ["./blank.fd"]):
        jsonpage.check("variables", answer("variables", *words))
    jsonpage.check("boot", answer("boot", TEMPLATE))
    store = images.copy(TEMPLATE, service.directory / "store.fd")
    (service.directory / "data").write_bytes(b"1")
    (service.directory / "hash").write_bytes(
        bytes.fromhex("2616c4c14c509240aca941f936934328") + struct.pack("<III", 76, 0, 48)
        + bytes(48))
    named = (store, "11111111-2222-3333-4444-555555555555", "a")
    for words in (["enroll", store, service.directory / "hash", "--dry-run"],
                  ["secure-boot", store, "off", "--yes"],
                  ["set-variable", *named, service.directory / "data", "--yes"],
                  ["delete-variable", *named, "--yes"]):
        jsonpage.check("enroll", answer(*words))
    jsonpage.check("boot --order", answer("boot", store, "--clear=all", "--yes"))
    xml = service.directory / "domain.xml"
    xml.write_text("<domain type='kvm'><name>d</name><os><type arch='x86_64' machine='q35'>hvm"
                   "</type><loader type='pflash' readonly='yes'>/none</loader></os></domain>")
    jsonpage.check_array("check-domain", answer("check-domain", xml, status=FAILURE))


def test_events(cli, answer):
    process = cli.start("monitor", "--json=short")
    found = [json.loads(process.stdout.readline())]
    answer("prepare", "vm", "x86_64", "q35")
    answer("remove", "vm")
    while found[-1]["event"] != "vm-removed":
        found.append(json.loads(process.stdout.readline()))
    process.terminate()
    process.wait(60)
    for event in found:
        jsonpage.check("monitor", event)
    assert {event["event"] for event in found} >= {"begin", "vm-added", "vm-removed"}


def test_every_verb_with_json_is_tested():
    """A verb that is new is in the page, and here."""
    source = (paths.REPOSITORY / "tests" / "client" / "test_json.py").read_text(encoding="utf-8")
    silent = {"run", "lease", "metrics"}
    for verb in jsonpage.verbs() - silent:
        assert re.search(rf'"{verb}["\s]', source), verb


def test_the_checks_see_faults():
    good = {"version": 1, "id": "a", "object": "/"}
    jsonpage.check("clone", good)
    for bad in ({**good, "version": 2}, {**good, "id": 1}, {**good, "new": 1},
                {"version": 1, "id": "a"}):
        with pytest.raises(AssertionError):
            jsonpage.check("clone", bad)
    assert without_version(dict(good)) == {"id": "a", "object": "/"}
