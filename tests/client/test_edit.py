# SPDX-License-Identifier: LGPL-2.1-or-later
"""enroll, secure-boot, set-variable, delete-variable and boot: on a VM, in a directory, on a file."""

import fcntl
import hashlib
import json
import os
import shutil
import struct
import subprocess

import pytest

from lib import bootentry, descriptors, edk2, images, jsonpage
from lib.cli import FAILURE, USAGE
from lib.config import write_config
from lib.vms import VMs

TEMPLATE = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
OTHER = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    path = tmp_path_factory.mktemp("certificate") / "c.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10",
                    "-subj", "/CN=tests", "-keyout", os.devnull, "-out", str(path)],
                   check=True, capture_output=True)
    return path


def raw(cli, *words):
    status, output, errors = cli.raw(*words)
    return status, output.decode(), errors


def digest(certificate):
    der = subprocess.run(["openssl", "x509", "-in", str(certificate), "-outform", "DER"],
                         check=True, capture_output=True).stdout
    return hashlib.sha256(der).hexdigest()


@pytest.fixture
def started(service):
    images.copy(TEMPLATE, service.ovmf("50-first", features=["secure-boot"])[1])
    return service.start(path=os.environ["PATH"])


@pytest.fixture
def file(service):
    return images.copy(TEMPLATE, service.directory / "store.fd")


def signatures(store):
    return [one["sha256"] for one in store["signatures"]]


def report(cli, *words):
    found, output, _ = raw(cli, "variables", *words, "--json=short")
    assert found == 0
    return json.loads(output)


def test_file(cli, file, certificate):
    before = report(cli, file)
    found, output, _ = raw(cli, "enroll", file, certificate, "--dry-run")
    assert found == 0 and "CN=tests" in output and "PCR 7 will differ" in output
    assert report(cli, file) == before
    found, _, error = raw(cli, "enroll", file, certificate)
    assert found == USAGE and "--yes" in error
    os.chmod(file, 0o640)
    found, output, _ = raw(cli, "enroll", file, certificate, "--yes")
    assert found == 0
    after = report(cli, file)
    assert signatures(after) == signatures(before) + [digest(certificate)]
    assert os.stat(file).st_mode & 0o7777 == 0o640
    assert sorted(os.listdir(os.path.dirname(file))).count("store.fd") == 1
    found, output, _ = raw(cli, "enroll", file, certificate, "--yes")
    assert found == 0 and "Nothing changes." in output


def test_what_a_killed_one_left(cli, file, service, certificate):
    left, target = service.directory / "store.fd.vmfirmwarectl", service.directory / "target"
    target.write_bytes(b"somebody's")
    left.symlink_to(target)
    assert raw(cli, "enroll", file, certificate, "--yes")[0] == 0
    assert not left.is_symlink() and target.read_bytes() == b"somebody's"
    assert digest(certificate) in signatures(report(cli, file))


def test_other_verbs(cli, file, service):
    (service.directory / "data").write_bytes(b"value")
    assert raw(cli, "set-variable", file, OTHER, "Name", service.directory / "data", "--yes",
                   "--attributes=0x3")[0] == 0
    store = edk2.read(file)
    assert [(one.attributes, one.data) for one in store.variables if one.guid == OTHER] == [
        (3, b"value")]
    assert raw(cli, "delete-variable", file, OTHER, "Name", "--yes")[0] == 0
    found, _, error = raw(cli, "delete-variable", file, OTHER, "Name", "--yes")
    assert found == FAILURE and f"there is no variable {OTHER}-Name" in error
    assert raw(cli, "secure-boot", file, "off", "--yes")[0] == 0
    assert report(cli, file)["secure-boot"] == "off"
    assert raw(cli, "secure-boot", file, "maybe", "--yes")[0] == USAGE
    for number in (1, 2):
        entry = struct.pack("<IH", 1, 4) + "t\0".encode("utf-16-le") + b"\x7f\xff\x04\0"
        (service.directory / "data").write_bytes(entry)
        assert raw(cli, "set-variable", file, edk2.GLOBAL, f"Boot000{number}",
                       service.directory / "data", "--yes")[0] == 0
    assert raw(cli, "boot", file, "--order=0002,Boot0001", "--yes")[0] == 0
    shown = json.loads(raw(cli, "boot", file, "--json=short")[1])
    assert shown["boot-order"] == [2, 1]
    assert raw(cli, "boot", file, "--clear=2", "--yes")[0] == 0
    assert json.loads(raw(cli, "boot", file, "--json=short")[1])["boot-order"] == [1]
    assert raw(cli, "boot", file, "--clear=x", "--yes")[0] == USAGE
    assert raw(cli, "boot", file, "--clear=all", "--yes")[0] == 0
    assert json.loads(raw(cli, "boot", file, "--json=short")[1])["boot-entries"] == []


def test_qemu_keeps_its_file(cli, file, certificate):
    before = edk2.read(file).volume
    with open(file, "r+b") as held:
        fcntl.fcntl(held, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_RDLCK, 0, 101, 1, 0))
        for word in ("--yes", "--dry-run"):
            found, _, error = raw(cli, "enroll", file, certificate, word)
            assert found == FAILURE and "a QEMU has it open" in error
    assert edk2.read(file).volume == before
    assert raw(cli, "enroll", file, certificate, "--yes")[0] == 0


def test_vm(cli, started, certificate):
    vms = VMs(started)
    vm = vms.make("vm", firmware="50-first")
    before = vm.read_variables()
    assert raw(cli, "enroll", "vm", certificate, "--dry-run")[0] == 0
    assert vm.read_variables() == before
    found, output, _ = raw(cli, "enroll", "vm", certificate, "--into=KEK", "--yes")
    assert found == 0 and "CN=tests" in output
    assert digest(certificate) in [one["sha256"] for one in
                                   vm.read_variables()["key-exchange-keys"]]
    found, output, _ = raw(cli, "secure-boot", "vm", "off", "--yes", "--json=short")
    assert found == 0
    jsonpage.check("enroll", json.loads(output))
    assert vm.get("SecureBoot") == "off"
    found, _, error = raw(cli, "enroll", "vm", "microsoft-2023", "--yes")
    assert found == FAILURE and "put it, as DER or PEM, into one of" in error
    assert raw(cli, "enroll", "vm", "--yes")[0] == USAGE
    assert raw(cli, "enroll", "vm", "--from=50-first", "--yes")[0] == 0


def test_offline_is_said(cli, file, service, certificate):
    for option in ("--offline", f"--search-path={service.vendor}"):
        assert report(cli, file, option) == report(cli, file)
        assert raw(cli, "boot", file, option)[0] == 0
        for words in (["enroll", file, certificate], ["secure-boot", file, "off"],
                      ["set-variable", file, OTHER, "Name", certificate],
                      ["delete-variable", file, OTHER, "Name"], ["secure-boot", file, "on"]):
            assert raw(cli, *words, "--yes", option)[0] == 0
        # an id needs a service, or a directory
        assert "only --directory" in cli.fails(USAGE, "variables", "vm", option)
        assert "only --directory" in cli.fails(
            USAGE, "enroll", "--all", "microsoft-2023", "--yes", option)
    assert digest(certificate) in signatures(report(cli, file))


def test_status_and_next_step(cli, started, file, service, certificate):
    """Of a VM and of a file the same status."""
    VMs(started).make("vm", firmware="50-first")
    (service.directory / "large").write_bytes(bytes(40000))
    for store in ("vm", file):
        for status, text, words in (
                (USAGE, "there is no boot entry Boot0009", ["boot", store, "--order=9"]),
                (USAGE, '"foo" is none of PK, KEK', ["enroll", store, certificate, "--into=foo"]),
                (USAGE, "--clear=x: it is all, bound, or a list of", ["boot", store, "--clear=x"]),
                (FAILURE, "no variable", ["delete-variable", store, OTHER, "Name"]),
                (FAILURE, "the store takes at most", [
                    "set-variable", store, OTHER, "Name", service.directory / "large"])):
            found, _, error = raw(cli, *words, "--yes")
            assert (found, "virtual machines" in error) == (status, False) and text in error
    found, _, error = raw(cli, "enroll", file, "--from=50-first", "--yes")
    assert (found, error) == (
        USAGE, f"vmfirmwarectl: {file}: --from needs a virtual machine, whose host knows the "
        "firmware\n")


def test_directory(cli, started, certificate, service):
    path = service.directory / "vm"
    words = [f"--directory={path}", f"--search-path={service.vendor}"]
    assert raw(cli, "prepare", "x86_64", "q35", *words)[0] == 0
    found, output, _ = raw(cli, "variables", *words, "--json=short")
    before = json.loads(output)
    assert found == 0 and before["health"] == "ok"
    assert raw(cli, "enroll", certificate, *words, "--yes")[0] == 0
    after = json.loads(raw(cli, "variables", *words, "--json=short")[1])
    assert signatures(after) == signatures(before) + [digest(certificate)]
    assert raw(cli, "boot", *words)[0] == 0
    # the backup, and back from it
    assert report(cli, "--index=1", *words) == before
    assert raw(cli, "export", service.directory / "old.fd", "--index=1", *words)[0] == 0
    assert report(cli, service.directory / "old.fd")["sha256"] == before["sha256"]
    assert raw(cli, "restore", *words)[0] == 0
    assert report(cli, *words) == before
    assert report(cli, "--index=2", *words) == after
    lease = os.open(path / "lock", os.O_RDWR)
    fcntl.flock(lease, fcntl.LOCK_EX)
    assert raw(cli, "secure-boot", "off", *words, "--yes")[0] == FAILURE
    os.close(lease)


@pytest.mark.parametrize("place", ["service", "directory"])
def test_clone(cli, started, service, place):
    """Of a VM of the service, and of one in a directory."""
    in_directory = place == "directory"
    words = ([f"--directory={service.directory}/vm", f"--search-path={service.vendor}"]
             if in_directory else [])
    vm = [] if in_directory else ["vm"]
    assert raw(cli, "prepare", *vm, "x86_64", "q35", *words)[0] == 0
    assert raw(cli, "boot", *vm, *words, "--clear=all", "--yes")[0] == 0
    for number, data in enumerate((bootentry.network(), bootentry.file()), 1):
        (service.directory / "data").write_bytes(data)
        assert raw(cli, "set-variable", *vm, edk2.GLOBAL, f"Boot000{number}",
                   service.directory / "data", *words, "--yes")[0] == 0
    for name, expected in (("keep", ["network", "file"]), ("clear-bound", ["file"]), ("clear", [])):
        copy = f"{service.directory}/{name}" if in_directory else name
        assert raw(cli, "clone", *vm, copy, f"--boot={name}", *words)[0] == 0
        where = [f"--directory={copy}", words[1]] if in_directory else [copy]
        shown = json.loads(raw(cli, "boot", *where, "--json=short")[1])
        assert [one["title"] for one in shown["boot-entries"]] == expected
    other = f"{service.directory}/x" if in_directory else "x"
    found, _, error = raw(cli, "clone", *vm, other, "--boot=all", *words)
    assert found == USAGE and "none of keep, clear-bound, clear" in error
    assert not (service.directory / "x").exists()
    if in_directory:
        assert raw(cli, "clone", copy, "--new-owner=bin", *words)[0] == USAGE


@pytest.mark.parametrize("place", ["service", "directory"])
def test_convert(cli, service, place):
    """Of a VM of the service, and of one in a directory."""
    service.vendor.write("40-small", descriptors.flash(
        service.raw("small.fd", images.OVMF_2M_CODE),
        service.raw("small-vars.fd", images.OVMF_2M_VARS, edk2.shrink(TEMPLATE))))
    images.copy(TEMPLATE, service.ovmf("50-first")[1])
    in_directory = place == "directory"
    words = ([f"--directory={service.directory}/vm", f"--search-path={service.vendor}"]
             if in_directory else [])
    vm = [] if in_directory else ["vm"]
    if not in_directory:
        service.start(path=os.environ["PATH"])
    (service.directory / "data").write_bytes(b"mine")
    cli("prepare", *vm, "x86_64", "q35", "--firmware=40-small", *words)
    cli("set-variable", *vm, OTHER, "Mine", service.directory / "data", *words, "--yes")
    assert "--convert" in cli.fails(FAILURE, "rebind", *vm, "--firmware=50-first", *words)
    assert "exclude each other" in cli.fails(
        USAGE, "rebind", *vm, "--firmware=50-first", "--convert", "--reset", *words)
    answer = cli.json("rebind", *vm, "--firmware=50-first", "--convert", *words)
    assert (answer["name"], answer["nvram"]["size"]) == ("50-first", images.OVMF_4M_VARS)
    store = edk2.read(answer["nvram"]["filename"])
    assert [one.data for one in store.variables if one.name == "Mine"] == [b"mine"]
    backups = cli.json("backups", *vm, *words)
    assert [(one["reason"], one["size"]) for one in backups][0] == ("rebind", images.OVMF_2M_VARS)
    error = cli.fails(FAILURE, "restore", *vm, *words)
    assert f"backup {backups[0]['index']} is raw with 131072 bytes" in error
    assert error.endswith("'vmfirmwarectl rebind --reset --firmware=NAME' first, and "
                          "'rebind --convert' last")
    cli("rebind", *vm, "--firmware=40-small", "--reset", *words)
    cli("restore", *vm, str(backups[0]["index"]), *words)
    answer = cli.json("rebind", *vm, "--firmware=50-first", "--convert", *words)
    store = edk2.read(answer["nvram"]["filename"])
    assert [one.data for one in store.variables if one.name == "Mine"] == [b"mine"]
    (service.directory / "data").write_bytes(bytes(9000))
    cli("set-variable", *vm, OTHER, "Large", service.directory / "data", *words, "--yes")
    error = cli.fails(FAILURE, "rebind", *vm, "--firmware=40-small", "--convert", *words)
    assert "Large (9072 bytes of at most 8192)" in error and error.endswith(
        "; or take a fresh one with --reset")


def test_all(cli, started, certificate, service):
    vms = VMs(started)
    made = [vms.make(f"vm{i}", firmware="50-first") for i in range(4)]
    lease = made[1].acquire()
    found, output, _ = raw(cli, "enroll", "--all", certificate, "--dry-run", "--json=short")
    assert [one["result"] for one in json.loads(output)].count("changed") == 3
    found, output, _ = raw(cli, "enroll", "--all", certificate, "--yes")
    assert found == 0 and "vm1: in use, and not changed" in output
    assert "3 changed, 0 had the keys already, 1 in use, 0 failed." in output
    os.close(lease)
    found, output, _ = raw(cli, "enroll", "--all", certificate, "--yes", "--json=short")
    results = json.loads(output)
    jsonpage.check_array("enroll --all", results, 4)
    assert sorted(one["result"] for one in results) == ["changed"] + 3 * ["unchanged"]
    for vm in made:
        assert digest(certificate) in signatures(vm.read_variables())
        assert len(vm.backups()) == 1
    made[0].write(b"x", 40)
    found, output, error = raw(cli, "enroll", "--all", certificate, "--yes")
    assert found == FAILURE and "1 of 3" not in error or "failed" in output


def test_all_names_those_that_were_in_use_from_the_beginning(cli, started, service, certificate):
    vms = VMs(started)
    lease = vms.make("a", firmware="50-first").acquire()
    service.restart(path=os.environ["PATH"])
    found, output, _ = raw(cli, "enroll", "--all", certificate, "--yes")
    assert found == 0 and "a: in use, and not changed" in output
    assert "0 changed, 0 had the keys already, 1 in use, 0 failed." in output
    os.close(lease)


def test_without_the_keys_of_this_host(cli, service, certificate):
    images.copy(TEMPLATE, service.ovmf("50-first", features=["secure-boot"])[1])
    enroll = service.directory / "enroll" / "db"
    enroll.mkdir(parents=True)
    shutil.copy(certificate, enroll / "c.pem")
    service.start(path=os.environ["PATH"], arguments=[
        write_config(service.directory, EnrollDirectory=enroll.parent)])
    assert raw(cli, "prepare", "a", "x86_64", "q35")[0] == 0
    assert raw(cli, "prepare", "b", "x86_64", "q35", "--no-enroll")[0] == 0
    assert digest(certificate) in signatures(report(cli, "a"))
    assert digest(certificate) not in signatures(report(cli, "b"))
    assert raw(cli, "reset", "a", "--no-enroll")[0] == 0
    assert digest(certificate) not in signatures(report(cli, "a"))
