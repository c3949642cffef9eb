# SPDX-License-Identifier: LGPL-2.1-or-later
"""vms --unused and --orphans, and the reference of a virtual machine."""

import os
import stat
import time

import pytest

from lib.cli import FAILURE, USAGE, properties_of
from lib.vms import OTHER, VMs

UUIDS = ["2f3c1c4e-0f3a-4f60-9d3e-0d2b6d1c8f01", "6A0B7D9C-93d5-4f4b-8c1e-1b7d6a3e5f02"]
DAY = 24 * 60 * 60


@pytest.fixture
def vms(service):
    service.ovmf("50-ovmf")
    return VMs(service.start())


def age(vm, days):
    """As if PrepareVM had been called then; the service reads it at its start."""
    then = time.time() - days * DAY
    os.utime(vm.directory() / "lock", (then, then))


def virsh(service, cli, script):
    programs = service.directory / "bin"
    programs.mkdir(exist_ok=True)
    program = programs / "virsh"
    program.write_text(f"#!/bin/sh\necho \"$*\" >>{service.directory}/asked\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    cli.environment["PATH"] = f"{programs}:{os.environ['PATH']}"


def test_reference_of_the_verbs(service, vms, cli):
    cli("prepare", "a", "x86_64", "q35", "--reference=/srv/a")
    cli("run", "b", "x86_64", "q35", "--reference=/srv/b", "--", "true")
    cli("export", "a", "a.fd")
    cli("import", "c", "x86_64", "q35", "a.fd", "--reference=/srv/c")
    assert [vm["reference"] for vm in vms.report().values()] == ["/srv/a", "/srv/b", "/srv/c"]
    text = cli.fails(FAILURE, "prepare", "a", "x86_64", "q35", "--reference=/srv/new")
    assert "/srv/a" in text and text.endswith("take it over with --create=adopt")
    cli("prepare", "a", "x86_64", "q35", "--reference=/srv/new", "--create=adopt")
    assert vms.report()[0, "a"]["reference"] == "/srv/new"
    assert "empty" in cli.fails(USAGE, "prepare", "a", "x86_64", "q35", "--reference=")
    assert "4095" in cli.fails(USAGE, "prepare", "a", "x86_64", "q35",
                               "--reference=" + "x" * 4096)
    assert "does not go with" in cli.fails(USAGE, "vm", "a", "--reference=x")
    assert time.strftime("%Y-") in properties_of(cli("vm", "a"))["last-prepared"][0]


def test_unused(service, vms, cli):
    for vm_id, days in (("new", 0), ("old", 40), ("older", 400), ("running", 400)):
        age(vms.make(vm_id, reference="/srv"), days)
    age(vms.make("other", owner=OTHER), 400)
    vms = VMs(service.restart())
    lease = vms.at("running").acquire()
    assert cli("vms", "--unused=30", "--names") == "old\nolder\n"
    assert cli("vms", "--unused=41", "--names") == "older\n"
    assert cli("vms", "--unused=0", "--names") == "new\nold\nolder\n"
    assert cli("vms", "--unused=30", "--all", "--names") == "old\nolder\nother\n"
    assert cli("vms", "--unused=30", "--owner=bin", "--names") == "other\n"
    lines = cli("vms", "--unused=300").splitlines()
    assert lines[0].split("  ")[0] == "ID" and "LAST PREPARED" in lines[0]
    assert lines[1].startswith("older  0      ready  ") and lines[1].endswith("  /srv")
    assert lines[2:] == ["", "1 virtual machine listed."]
    assert cli("vms", "--unused=36500") == "0 virtual machines listed.\n"
    told = cli.json("vms", "--unused=300")
    assert told == [{"id": "older", "owner": 0, **vms.report()[0, "older"]}]
    os.close(lease)
    assert cli("vms", "--unused=300", "--names") == "older\nrunning\n"


@pytest.mark.parametrize("days", ["-1", "x", "1.5", "1d", "36501", "99999999999999999999"])
def test_unused_takes_days(vms, cli, days):
    assert "days" in cli.fails(USAGE, "vms", f"--unused={days}")


def test_orphans_of_paths(service, vms, cli):
    present, gone = service.directory / "vm", service.directory / "gone"
    present.mkdir()
    (service.directory / "dangling").symlink_to("/nonexistent")
    for number, reference in enumerate([present, service.directory / "dangling", gone,
                                        present / "x/y", "relative", "file:///nonexistent",
                                        "/" + "x" * 300, "qemu:///session?" + UUIDS[0]]):
        vms.make(f"vm{number}", reference=str(reference))
    vms.make("none")
    assert cli("vms", "--orphans", "--names") == "vm2\nvm3\n"
    present.rmdir()
    assert cli("vms", "--orphans", "--names") == "vm0\nvm2\nvm3\n"
    assert cli("vms", "--orphans", "--unused=1", "--names") == ""
    lease = vms.at("vm2").acquire()
    assert cli("vms", "--orphans", "--names") == "vm0\nvm3\n"
    os.close(lease)


def test_orphans_of_libvirt(service, vms, cli):
    virsh(service, cli, f"echo {UUIDS[0]}; echo; echo {UUIDS[1].lower()}")
    for vm_id, uuid in (("a", UUIDS[0].upper()), ("b", UUIDS[1]), ("c", UUIDS[0][:-1] + "2"),
                        ("d", "x"), ("e", ""), ("f", UUIDS[0] + " ")):
        vms.make(vm_id, reference="qemu:///system?" + uuid)
    assert cli("vms", "--orphans", "--names") == "c\n"
    asked = (service.directory / "asked").read_text()
    assert asked == "--quiet --connect qemu:///system list --all --uuid\n"


def test_no_other_uri_is_asked(service, vms, cli):
    virsh(service, cli, "exit 0")
    for number, reference in enumerate(["qemu+ext:///system?command=touch pwned",
                                        "qemu:///system", "qemu:///systemx?" + UUIDS[0],
                                        "-c test:///default?" + UUIDS[0]]):
        vms.make(f"vm{number}", reference=reference)
    assert cli("vms", "--orphans", "--names") == ""
    assert not (service.directory / "asked").exists()


@pytest.mark.parametrize("script", ["printf 'no\\ndaemon\\n' >&2; exit 1", "kill $$", None])
def test_without_an_answer_of_libvirt_no_domain_is_gone(service, vms, cli, script):
    if script:
        virsh(service, cli, script)
    else:
        cli.environment["PATH"] = "/nonexistent"
    for vm_id in ("a", "b"):
        vms.make(vm_id, reference="qemu:///system?" + UUIDS[0])
    vms.make("c", reference="/nonexistent")
    status, output, errors = cli.raw("vms", "--orphans", "--names")
    assert (status, output) == (0, b"c\n")
    assert errors.count("\n") == 1 and "cannot ask libvirt" in errors
    if script and script.startswith("printf"):
        assert errors.endswith("no; daemon\n")


def test_a_reference_does_not_control_the_terminal(service, vms, cli):
    vms.make("a", reference="/gone\x1b[31m\n\u202eb" + "/cc" * 1000)
    for words in (["vms", "--orphans"], ["vms", "--unused=0"]):
        output = cli(*words)
        assert "\x1b" not in output and "\u202e" not in output and len(output.splitlines()) == 4
        assert "/gone\\x1b[31m\\x0a\\xe2\\x80\\xaeb" in output and "/cc" * 1000 in output
    text = cli.fails(FAILURE, "prepare", "a", "x86_64", "q35", "--reference=/b")
    assert "\x1b" not in text and "\u202e" not in text


def test_orphans_are_of_this_host(vms, cli):
    assert "looks at files here; --host" in cli.fails(USAGE, "vms", "--orphans", "-H", "example")
    assert "looks at files here; --machine" in cli.fails(USAGE, "vms", "--orphans", "-M", "example")
