# SPDX-License-Identifier: LGPL-2.1-or-later
"""variables and boot of a VM; certificates and metrics of all; Secure Boot in words."""

import os
import re
import subprocess
from unittest.mock import ANY

import pytest

from lib import descriptors, images, paths
from lib.cli import FAILURE, USAGE, properties_of
from lib.vms import VMs, memfd

ENROLLED = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
PLAIN = "/usr/share/OVMF/OVMF_VARS_4M.fd"
NUMBERS = re.compile("vmfirmware_.*(calls|jobs)")


@pytest.fixture
def vms(service):
    service.vendor.write("50-secure", descriptors.flash(
        service.raw("code.fd"), ENROLLED, features=["secure-boot", "enrolled-keys"]))
    service.vendor.write("60-plain", descriptors.flash(service.raw("other.fd"), PLAIN))
    service.vendor.write("70-none", descriptors.flash(service.raw("none.fd")))
    return VMs(service.start())


def test_of_a_vm(vms, cli):
    vm = vms.make("my:vm", firmware="50-secure")
    assert cli.json("variables", "my:vm", "--list") == cli.json("variables", ENROLLED, "--list")
    assert cli("variables", "my:vm") == cli("variables", ENROLLED)
    assert cli.json("boot", "my:vm") == cli.json("boot", ENROLLED)
    lease = vm.acquire()
    assert "with live" in cli.fails(FAILURE, "variables", "my:vm")
    assert cli.json("variables", "my:vm", "--live")["health"] == ""
    os.close(lease)
    assert "has no VM" in cli.fails(FAILURE, "variables", "nonesuch")
    assert "No such file" in cli.fails(FAILURE, "variables", "./nonesuch")
    assert "files here" in cli.fails(USAGE, "boot", ENROLLED, "-H", "there")


def test_certificates(vms, cli):
    vms.make("b", firmware="50-secure")
    vms.make("a", firmware="60-plain")
    rows = cli.json("certificates")
    assert [(row["kind"], row["name"]) for row in rows] == [
        ("vm", "b"), ("template", "50-secure"), ("vm", "a"), ("template", "60-plain")]
    first = rows[0]
    assert first["owner"] == 0 and first["expires"] == cli.json("variables", ENROLLED)["expires"]
    assert (first["secure-boot"], first["health"]) == ("enforced", "ok")
    is_old = "2023" not in first["certificates"]["kek"]
    assert set(first["needs"]) == ({"kek", "windows", "third-party"} if is_old else set())
    assert rows[2]["needs"] == [] and rows[2]["secure-boot"] == "none"
    lines = cli("certificates").splitlines()
    assert lines[0].split() == ["KIND", "NAME", "OWNER", "SECURE-BOOT", "EXPIRES", "KEK", "WINDOWS",
                                "THIRD-PARTY", "OPTION-ROM", "NEEDS"]
    assert lines[1].split()[:4] == ["vm", "b", "0", "enforced"]
    n = 2 if is_old else 0
    assert lines[-1] == f"4 variable stores listed, {n} need current certificates."
    assert "listed" not in cli("certificates", "--no-legend")


def test_words(vms, cli):
    vms.make(firmware="50-secure")
    old = "2023" not in cli.json("variables", ENROLLED)["certificates"]["kek"]
    words = properties_of(cli("vm", "vm"))
    if old:
        assert words["secure-boot"][0].startswith("enforced; its certificates expired on 2026-")
        assert properties_of(cli("show", "50-secure"))["secure-boot"][0].startswith(
            "enforced; it has no certificate of 2023 for ")
    assert words["health"] == ["ok"] and len(words["expires"][0]) == len("2026-06-24")
    assert cli.json("vm", "vm")["secure-boot"] == "enforced"
    assert properties_of(cli("show", "60-plain"))["secure-boot"] == ["none"]


def metrics(cli):
    return dict(line.rsplit(" ", 1) for line in cli("metrics").splitlines() if line[0] != "#")


def test_metrics(vms, cli):
    vms.make("a", firmware="50-secure")
    vms.make("b", firmware="50-secure")
    vms.make("c", firmware="60-plain").import_nvram(memfd(b"", images.OVMF_4M_VARS))
    found = metrics(cli)
    found_numbers = {name: value for name, value in found.items() if NUMBERS.match(name)}
    report = cli.json("variables", ENROLLED)
    generation = report["certificates"]["kek"]
    assert found == {
        'vmfirmware_vms{owner="0",state="ready",secure_boot="enforced",'
        f'certificates="{generation}",health="ok"}}': "2",
        'vmfirmware_vms{owner="0",state="ready",secure_boot="none",certificates="none",'
        'health="empty"}': "1",
        "vmfirmware_certificates_expire_timestamp_seconds": str(report["expires"]),
        'vmfirmware_firmware{state="usable"}': "3",
        "vmfirmware_catalog_generation": "1", "vmfirmware_problems": "1", **found_numbers}
    assert {name: int(value) for name, value in found_numbers.items()} == {
        "vmfirmware_calls": ANY, "vmfirmware_refused_calls": 0,
        "vmfirmware_unfinished_calls": 0, "vmfirmware_jobs": 4, "vmfirmware_running_jobs": 0,
        "vmfirmware_stalled_jobs": 0}
    assert cli("metrics").endswith("# EOF\n")


def test_promtool_accepts_them(vms, cli):
    vms.make("a", firmware="50-secure")
    subprocess.run(["promtool", "check", "metrics"], input=cli("metrics"), text=True, check=True)
    subprocess.run(["promtool", "check", "rules",
                    paths.REPOSITORY / "docs" / "examples" / "vmfirmware-alerts.yml"], check=True)


def test_metrics_of_nothing(service, cli):
    service.start()
    found = metrics(cli)
    assert {name for name in found if not NUMBERS.match(name)} == {
        "vmfirmware_catalog_generation", "vmfirmware_problems"}
    assert (found["vmfirmware_catalog_generation"], found["vmfirmware_jobs"]) == ("1", "0")
