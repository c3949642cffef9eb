# SPDX-License-Identifier: LGPL-2.1-or-later
"""verify and record: for who writes and packages descriptors. They need no service, and no bus."""

import json
import os
import re
import time

import pytest

from lib import descriptors, paths
from lib.cli import FAILURE, USAGE

DEBIAN = "/usr/share/qemu/firmware"
SECBOOT = "/usr/share/AAVMF/AAVMF_CODE.secboot.fd"
ENROLLED = [("aarch64", "/usr/share/AAVMF/AAVMF_VARS.ms.fd"),
            ("x86_64", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd")]


@pytest.fixture(autouse=True)
def no_bus(cli):
    cli.environment["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent"


def verify(cli, *words):
    """(findings, the line on standard error)"""
    status, output, errors = cli.raw("verify", *words)
    assert status == FAILURE and errors.count("\n") == 1
    return output.decode().splitlines(), errors.strip()


def test_debians_packages(cli):
    """The image that Debian 12 does not ship, and nothing that is not so."""
    path, pointer = f"{DEBIAN}/50-edk2-aarch64-secure.json", "/mapping/executable/filename"
    text = f"{SECBOOT} is not there"
    expired = [f"{DEBIAN}/40-edk2-{name}-secure-enrolled.json" for name, template in ENROLLED
               if cli.json("variables", template)["expires"] < time.time()]
    said = [f"{one}:/mapping: warning: the certificates in the variables of a new VM expired on "
            for one in expired]
    if os.path.exists(SECBOOT):
        *lines, last = cli("verify", DEBIAN).splitlines()
        assert last.endswith(f"7 descriptors checked, 0 errors, {len(expired)} warnings.")
        assert [line.rpartition(" on ")[0] + " on " for line in lines if line] == said
        return
    lines, errors = verify(cli, DEBIAN)
    assert [line.partition(" on 20")[0] + " on " for line in lines[:-1]] == said
    assert lines[-1] == f"{path}:{pointer}: error: {text}"
    assert errors == f"vmfirmwarectl: verify: 7 descriptors checked, 1 error, {len(expired)} warnings"
    status, output, _ = cli.raw("verify", DEBIAN, "--json=short")
    assert status == FAILURE
    found = json.loads(output)
    assert found.pop() == {"severity": "error", "code": "file-missing", "path": path,
                           "pointer": pointer, "text": text}
    assert [(one["severity"], one["code"], one["path"]) for one in found] == [
        ("warning", "certificates", one) for one in expired]


def test_a_descriptor_without_a_fault(service, cli):
    service.ovmf("50-good")
    assert cli("verify", service.vendor.file("50-good")) == (
        "1 descriptor checked, 0 errors, 0 warnings.\n")
    assert cli("verify", "--no-legend", str(service.vendor)) == ""
    assert cli.json("verify", str(service.vendor)) == []


def test_a_warning_is_no_failure(service, cli):
    service.ovmf("50-odd", features=["secure-boott"])
    output = cli("verify", service.vendor.file("50-odd"))
    assert "50-odd.json:/features/0: warning: " in output and "secure-boott" in output
    assert output.endswith("\n\n1 descriptor checked, 0 errors, 1 warning.\n")
    found, = cli.json("verify", service.vendor.file("50-odd"))
    assert (found["severity"], found["pointer"]) == ("warning", "/features/0")


def test_places(service, cli):
    broken = service.vendor.write("10-broken", '{\n  "description": x\n}')
    schema = service.vendor.write("20-schema", descriptors.flash(
        service.raw("code.fd"), mode="nonesuch"))
    lines, errors = verify(cli, "vendor", "nonesuch")
    assert len(lines) == 3
    assert lines[0].startswith("vendor/10-broken.json:2:")
    assert lines[1].startswith("vendor/20-schema.json:/mapping/mode: error: ")
    assert lines[2].startswith("nonesuch: error: ")
    # what cannot be read is not checked
    assert errors.endswith(" 2 descriptors checked, 3 errors, 0 warnings")
    status, output, _ = cli.raw("verify", broken, schema, "--json=pretty")
    first, second = json.loads(output)
    assert status == FAILURE and (first["line"], "pointer" in first) == (2, False)
    assert second["pointer"] == "/mapping/mode" and "line" not in second


def test_record_is_what_the_service_takes(bus, service, cli):
    path = service.add("50-good", description="été \\ \" \x1f\x9b")
    output = cli("record", path)
    assert output.startswith("{\n") and cli.json("record", path) == json.loads(output)
    assert cli("record", path, "--json=short").count("\n") == 1
    service.vendor.write("50-good", output)
    assert cli("verify", "--no-legend", path) == ""
    client = service.start()
    assert client.state("50-good") == "usable"
    flash = client.select("x86_64", "q35")["flash"]
    recorded = json.loads(output)["mapping"]
    for unit, image in zip(flash, ("executable", "nvram-template")):
        told = recorded[image]["flash"]
        assert "num-blocks" in told and {key: unit[key] for key in told} == told


def test_what_cannot_be_recorded(service, cli):
    bios = service.bios("bios")
    gone = service.vendor.write("gone", descriptors.flash(
        "/nonexistent/code.fd", template="/nonexistent/vars.fd"))
    small = service.vendor.write("small", descriptors.flash(
        service.raw("small.fd", 5000), template=service.raw("vars.fd", 5000)))
    broken = service.vendor.write("broken", "{")
    listed = service.vendor.write("listed", "[]")
    assert bios
    for path, text in ((service.vendor.file("bios"), "flash"),
                       (gone, f"{gone}: /nonexistent/code.fd is not there; "),
                       (small, "small.fd: the image has 5120 bytes, and flash unit 0 sectors of "),
                       (broken, "it is no JSON"),
                       (listed, "it is no firmware descriptor: not an object; "),
                       ("nonesuch", "No such file"), (str(service.vendor), "no regular file"),
                       ("/dev/zero", "no regular file")):
        line = cli.fails(FAILURE, "record", path)
        assert path in line and text in line


def test_machine_table(service, cli):
    """Another table knows other boards."""
    table = service.directory / "machines"
    table.mkdir()
    path = service.add("50-good", targets=[descriptors.target("x86_64", "acme-*")])
    words = ["record", path, f"--machines={paths.machines_directory()}:{table}"]
    cli.fails(FAILURE, *words)
    q35 = (paths.machines_directory() / "50-x86.conf").read_text()
    section = q35[q35.index("[pc-q35-*]"):].partition("\n[")[0]
    section = re.sub("^(aliases|canonical).*", "", section, flags=re.MULTILINE)
    (table / "90-acme.conf").write_text(section.replace("[pc-q35-*]", "[acme-*]"))
    assert cli.json(*words)["mapping"]["executable"]["flash"]["num-blocks"] == 892
    home = service.directory / "home"
    config = home / "vmfirmwared" / "vmfirmwared.conf"
    config.parent.mkdir(parents=True)
    directories = f"{paths.machines_directory()}:{table}"
    config.write_text(f"[Catalog]\nMachineDirectories={directories}\nOther=1\n")
    words_of_user = ["record", path, "--user", "--json=short"]
    status, output, errors = cli.raw(*words_of_user, environment={"XDG_CONFIG_HOME": str(home)})
    assert status == 0 and json.loads(output) == cli.json(*words)
    assert errors == (f'vmfirmwarectl: {config}:3: unknown key "Other" in section [Catalog]\n')
    (table / "91-broken.conf").write_text("nonsense")
    status, output, errors = cli.raw(*words)
    assert status == 0 and output and "91-broken.conf" in errors and "left out" in errors
    assert '"nonesuch" is no directory' in cli.fails(
        FAILURE, "verify", path, f"--machines={table}:nonesuch")


def test_they_look_at_files_here(cli):
    for words in (["verify", DEBIAN, "-H", "there"], ["record", "x", "-M", "there"]):
        assert "files here" in cli.fails(USAGE, *words)
