# SPDX-License-Identifier: LGPL-2.1-or-later
"""run: a command that is executed with the arguments, and holds the lease as long as it lives."""

import json
import os
import sys

import pytest

from lib import descriptors, wait
from lib.cli import FAILURE, USAGE
from lib.vms import VMs

PRINT = [sys.executable, "-c", "import sys, json; print(json.dumps(sys.argv[1:]))", "own"]


@pytest.fixture
def vms(service):
    service.ovmf("50-ovmf", features=["secure-boot", "requires-smm"])
    service.ovmf("60-plain")
    return VMs(service.start())


def run(cli, *words, **options):
    return json.loads(cli("run", "vm", "x86_64", "q35", *words, "--", *PRINT, **options))


@pytest.mark.parametrize("form", ["qemu", "qemu-legacy"])
def test_arguments_are_appended(vms, cli, form):
    expected = vms.prepare("vm", render=[form])[f"{form}-arguments"]
    assert run(cli, f"--render={form}") == ["own", *expected]
    if form == "qemu":
        assert run(cli) == ["own", *expected]


def test_options_are_those_of_prepare(vms, cli):
    run(cli, "--without-feature=secure-boot", "--create=new")
    assert vms.at("vm").get("Firmware") == "60-plain"


def test_lease_lasts_as_long_as_the_command(service, vms, cli):
    process = cli.start("run", "vm", "x86_64", "q35", "--", "sh", "-c", "echo started; read line",
                        stdin=-1)
    assert process.stdout.readline() == b"started\n"
    vm = vms.at("vm")
    assert vm.get("InUse")
    text = cli.fails(FAILURE, "run", "vm", "x86_64", "q35", "--", "true")
    assert text.startswith("run vm: ") and "stop the virtual machine first" in text

    # whatever becomes of the service
    vms = VMs(service.crash())
    assert vms.at("vm").get("InUse")
    process.communicate(b"\n", timeout=30)
    assert process.returncode == 0
    wait.until(lambda: not vms.at("vm").get("InUse"), "the lease is given back")
    cli("run", "vm", "x86_64", "q35", "--", "true")


def test_command_inherits_the_lease_alone(vms, cli):
    script = "import os; print([os.readlink(f'/proc/self/fd/{n}') for n in range(3, 64)" \
             " if os.path.exists(f'/proc/self/fd/{n}')])"
    output = cli("run", "vm", "x86_64", "q35", "--", sys.executable, "-c", script)
    assert output == f"['{vms.at('vm').directory()}/lock']\n"


def test_status_is_the_commands(vms, cli):
    assert cli.raw("run", "vm", "x86_64", "q35", "--", "sh", "-c", "exit 42")[0] == 42
    # a command without options needs no "--"; one with the same words as ours keeps them
    assert cli("run", "vm", "x86_64", "q35", "echo").startswith("-machine ")
    assert cli("run", "vm", "x86_64", "q35", "--", "echo", "--", "--json=short").startswith(
        "-- --json=short -machine ")


def test_a_command_that_cannot_be_executed_makes_nothing(service, vms, cli):
    assert "nonesuch" in cli.fails(FAILURE, "run", "vm", "x86_64", "q35", "--", "nonesuch")
    assert "usage:" in cli.fails(USAGE, "run", "vm", "x86_64", "q35")
    assert "--render=libvirt" in cli.fails(
        USAGE, "run", "vm", "x86_64", "q35", "--render=libvirt", "--", "true")
    assert vms.list() == []

    broken = service.directory / "broken"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    assert "cannot execute" in cli.fails(
        FAILURE, "run", "vm", "x86_64", "q35", "--", str(broken))
    assert not vms.at("vm").get("InUse")


def test_changes_are_told(service, vms, cli):
    run(cli)
    service.ovmf("50-ovmf", content=b"newer", features=["secure-boot", "requires-smm"])
    os.utime(service.images / "50-ovmf-vars.fd", (1, 1))
    vms.client.reload()
    status, output, errors = cli.raw("run", "vm", "x86_64", "q35", "--", *PRINT)
    assert status == 0 and json.loads(output)[0] == "own"
    assert errors == ("vmfirmwarectl: vm: changed since it was pinned: nvram-template; "
                      "'vmfirmwarectl rebind' accepts it\n")


def test_firmware_without_flash(service, cli):
    service.bios("bios", interface_types=["bios"])
    service.start()
    assert "-bios" in run(cli)


# Answers as a QEMU does, with these types and without those; prints its arguments otherwise.
OTHER_QEMU = """#!/bin/sh
case "$*" in *"-qmp stdio"*) ;; *) printf '%s\\n' "$@"; exit ;; esac
echo '{"QMP": {"version": {"qemu": {"micro": 0, "minor": MINOR, "major": MAJOR}}}}'
echo '{"return": {}}'
echo '{"return": [{"name": "pc-q35-own", "alias": "q35"}]}'
echo '{"id": "uefi-vars-x64", "return": []}'
echo '{"id": "igvm-cfg", "error": {"class": "DeviceNotFound", "desc": ""}}'
"""


def other_qemu(service, version="10.1", name="qemu-system-x86_64"):
    path = service.directory / name
    major, minor = version.split(".")
    path.write_text(OTHER_QEMU.replace("MAJOR", major).replace("MINOR", minor))
    path.chmod(0o755)
    return str(path)


def test_another_qemu_says_itself_what_it_is(service, vms, cli):
    """The service knows none: its own word for q35 would be the alias."""
    output = cli("run", "vm", "x86_64", "q35", "--", other_qemu(service))
    assert output.splitlines()[:2] == [
        "-machine", "pc-q35-own,smm=on,pflash0=pflash0,pflash1=pflash1"]
    # another time with another version of the same board
    assert vms.prepare("vm")["pinned"] is True
    assert "pc-q35-own," in cli("run", "vm", "amd64", "q35", "--", other_qemu(service))


def test_another_qemu_gets_what_it_can_take(service, vms, cli):
    service.vendor.write("igvm", descriptors.by_filename("igvm", service.raw("x.igvm", 65536)))
    vms.client.reload()
    question = ["run", "igvm", "x86_64", "q35", "--device=igvm"]
    # by its version nothing is made
    assert "QEMU 7.2.0 for x86_64 has no igvm-cfg" in cli.fails(
        FAILURE, *question, "--", other_qemu(service, "7.2"))
    assert vms.list() == []
    text = cli.fails(FAILURE, *question, "--", other_qemu(service, "10.1"))
    assert "qemu-system-x86_64 has no igvm-cfg" in text and "nothing was started" in text
    # who names a version knows better
    output = cli(*question, "--qemu-version=10.1", "--", other_qemu(service, "7.2"))
    assert "igvm-cfg,id=igvm0" in output


def test_another_command_is_not_asked(service, vms, cli):
    output = cli("run", "vm", "x86_64", "q35", "--", other_qemu(service, name="sudo"))
    assert output.splitlines()[0] == "-machine"


def test_qemu_that_does_not_answer_gets_arguments_all_the_same(service, vms, cli):
    path = service.directory / "qemu-system-x86_64"
    path.write_text("#!/bin/sh\ncase \"$*\" in *-qmp*) exit 1 ;; esac\necho started\n")
    path.chmod(0o755)
    status, output, errors = cli.raw("run", "vm", "x86_64", "q35", "--", str(path))
    assert (status, output) == (0, b"started\n")
    assert "does not tell its version" in errors and "--qemu-version=" in errors
