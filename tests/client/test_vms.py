# SPDX-License-Identifier: LGPL-2.1-or-later
"""Virtual machines: prepare, vms, vm, reset, rebind, clone, rename, remove, export, import."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from lib import images, wait
from lib.cli import FAILURE, USAGE, properties_of, without_version
from lib.vms import OTHER, VMs, memfd

VARS = images.OVMF_4M_VARS


@pytest.fixture
def vms(service):
    service.ovmf("50-ovmf", content=b"template", features=["secure-boot"])
    service.ovmf("60-other", content=b"another")
    return VMs(service.start())


@pytest.fixture
def vm(vms):
    return vms.make("manager:my vm")


ID = "manager:my vm"


def test_prepare(vms, cli):
    told = cli.json("prepare", "a", "x86_64", "q35", "--feature=secure-boot")
    assert told["name"] == "50-ovmf"
    assert (told["pinned"], told["changed"], told["nvram"]["created"]) == (False, [], True)
    again = json.loads(json.dumps(vms.prepare("a", "x86_64", "q35")))
    assert {**told, "pinned": True, "nvram": {**told["nvram"], "created": False}} == again
    shown = properties_of(cli("prepare", "a", "x86_64", "q35"))
    assert shown["pinned"] == ["yes"]
    assert shown["nvram"] == [f"{told['nvram']['filename']} (raw, {VARS} bytes)"]
    assert f"NVRAM={told['nvram']['filename']}\n" in cli(
        "prepare", "a", "x86_64", "q35", "--render=shell")
    assert told["nvram"]["filename"] in cli("prepare", "a", "x86_64", "q35", "--render=qemu")


def test_options_of_prepare(service, vms, cli):
    service.directory.joinpath("mine.fd").write_bytes(b"mine".ljust(VARS, b"\0"))
    told = cli.json("prepare", "a", "x86_64", "q35", "--create=new", "--nvram-template=mine.fd",
                    "--owner=bin")
    assert "VMExists" not in str(told) and vms.at("a", OTHER).read()[:4] == b"mine"
    assert "choose another id" in cli.fails(
        FAILURE, "prepare", "a", "x86_64", "q35", "--create=new", "--owner=2")
    assert '"b"' in cli.fails(FAILURE, "prepare", "b", "x86_64", "q35", "--create=never")
    assert "no such user" in cli.fails(FAILURE, "prepare", "b", "x86_64", "q35", "--owner=nonesuch")
    assert "none.fd" in cli.fails(FAILURE, "prepare", "b", "x86_64", "q35",
                                  "--nvram-template=none.fd")
    assert vms.list() == []


def test_conversion(service, cli):
    service.ovmf("50-ovmf")
    vms = VMs(service.start_with_qemu())
    told = cli.json("prepare", "a", "x86_64", "q35", "--nvram-format=qcow2")
    assert told["nvram"]["format"] == "qcow2"
    assert vms.at("a").read()[:4] == images.QCOW2_MAGIC


def test_vms(vms, vm, cli):
    vms.make("b", owner=OTHER)
    os.unlink(vm.nvram())
    lines = cli("vms").splitlines()
    assert lines[0].split() == ["ID", "OWNER", "STATE", "FIRMWARE"]
    assert lines[1:] == ["manager:my vm  0      nvram-missing  50-ovmf", "",
                         "1 virtual machine listed."]
    assert cli("vms", "--no-legend").split() == lines[1].split()
    assert cli("vms", "--all", "--names").splitlines() == [ID, "b"]
    assert cli("vms", "--owner=bin", "--names") == "b\n"
    assert "exclude each other" in cli.fails(USAGE, "vms", "--owner=bin", "--all")
    assert cli.json("vms", "--all") == [
        {"id": ID, "owner": 0, "firmware": "50-ovmf", "state": "nvram-missing", "object": vm.path},
        {"id": "b", "owner": OTHER, "firmware": "50-ovmf", "state": "ready",
         "object": vms.at("b", OTHER).path}]


def test_vm(service, vms, vm, cli):
    told = cli.json("vm", ID)
    properties = vm.properties()
    assert told == {
        "id": ID, "owner": 0, "created": properties["Created"],
        "last-prepared": properties["LastPrepared"], "architecture": "x86_64",
        "machine": "q35", "firmware": "50-ovmf", "state": "ready", "changed": [],
        "in-use": False,
        "nvram": {"filename": vm.nvram(), "format": "raw"},
        "executable-digest": properties["ExecutableDigest"],
        "template-digest": properties["TemplateDigest"],
        "health": "damaged", "secure-boot": "", "certificates": {}, "expires": 0,
        "resolution": json.loads(json.dumps(vm.get_resolution()))}
    shown = properties_of(cli("vm", ID))
    assert shown["in-use"] == ["no"] and shown["state"] == ["ready"]
    made = time.strftime("%Y-%m-%d", time.gmtime(properties["Created"] / 1e6))
    assert made in shown["created"][0]
    assert shown["requirements"] == ["-"]
    assert shown["executable"] == [f"{service.images}/50-ovmf-code.fd (raw, 3653632 bytes)"]
    vms.prepare("c", features=["secure-boot"], interface="uefi", host_supported=True)
    shown = properties_of(cli("vm", "c"))
    assert shown["requirements"] == ["interface=uefi, features=secure-boot, host-supported=yes"]
    vms.make("b", owner=OTHER)
    assert cli.json("vm", "b", "--owner=2")["owner"] == OTHER
    text = cli.fails(FAILURE, "vm", "b")
    assert '"b"' in text and "'vmfirmwarectl vms'" in text


def test_vm_without_nvram(service, vms, cli):
    service.stateless("40-stateless")
    vms.client.reload()
    cli("prepare", "b", "x86_64", "q35", "--firmware=40-stateless")
    shown = properties_of(cli("vm", "b"))
    assert shown["template-digest"] == ["-"] and "nvram" not in shown


def test_reset(service, vms, vm, cli):
    vm.write(b"changed")
    assert cli("reset", ID) == ""
    assert vm.read()[:8] == b"template"
    service.directory.joinpath("mine.fd").write_bytes(b"mine".ljust(VARS, b"\0"))
    assert cli.json("reset", ID, "--nvram-template=mine.fd") == {"id": ID}
    assert vm.read()[:4] == b"mine"


def test_rebind(service, vms, vm, cli):
    told = cli.json("rebind", ID, "--without-feature=secure-boot")
    assert (told["name"], vm.get("Firmware")) == ("60-other", "60-other")
    cli("rebind", ID, "pc")
    assert (vm.get("Machine"), vm.get("Firmware")) == ("pc", "50-ovmf")
    service.combined("40-small", size=images.MIB)
    vms.client.reload()
    text = cli.fails(FAILURE, "rebind", ID, "--firmware=40-small")
    assert "--convert" in text and "--reset" in text
    cli("rebind", ID, "--firmware=40-small", "--reset")
    assert vm.get("Firmware") == "40-small"


def test_clone_rename_remove(vms, vm, cli):
    vm.write(b"mine")
    assert cli("clone", ID, "b") == ""
    assert vms.at("b").read()[:4] == b"mine"
    told = cli.json("clone", ID, "c", "--new-owner=bin")
    assert told == {"id": "c", "object": vms.at("c", OTHER).path}
    assert "choose another id" in cli.fails(FAILURE, "clone", ID, "b")
    assert cli("rename", "b", "d") == ""
    assert cli.json("rename", "d", "e") == {"id": "e", "object": vms.at("e").path}
    assert cli("remove", "e") == "" and cli.json("remove", "c", "--owner=2") == {"id": "c"}
    assert cli("vms", "--all", "--names") == ID + "\n"
    assert "'vmfirmwarectl vms'" in cli.fails(FAILURE, "remove", "e")


def test_remove_of_one_whose_record_cannot_be_read(service, vms, cli):
    made = [vms.make("a", owner=owner).directory() for owner in (0, OTHER)]
    for directory in made:
        (directory / "pin.json").write_bytes(b"")
    vms.make("b")
    service.restart()
    text = cli.fails(FAILURE, "vm", "a")
    assert "cannot be read" in text and text.endswith(
        "; 'vmfirmwarectl remove' removes it with its NVRAM")
    cli("remove", "a")
    assert [directory.exists() for directory in made] == [False, True]
    cli("remove", "a", "--owner=bin")
    assert not made[1].exists()
    assert "no VM" in cli.fails(FAILURE, "remove", "a")
    cli("remove", "b")


def test_a_foreign_file_is_named(vm, cli):
    path = vm.directory() / "copy_VARS.fd"
    path.touch()
    for words in (["remove", ID], ["rename", ID, "other"]):
        told = cli.fails(FAILURE, *words)
        assert str(path) in told and "move that file elsewhere" in told
    path.unlink()
    cli("remove", ID)


def test_ids_that_look_like_options(vms, cli):
    cli("prepare", "--", "--reset", "x86_64", "q35")
    assert cli("vms", "--names") == "--reset\n"
    cli("remove", "--", "--reset")


def test_in_use(vms, vm, cli):
    lease = vm.acquire()
    for words in (["reset", ID], ["remove", ID], ["rename", ID, "b"], ["clone", ID, "b"],
                  ["export", ID, "file"]):
        assert "stop the virtual machine first" in cli.fails(FAILURE, *words)
    assert properties_of(cli("vm", ID))["in-use"] == ["yes"]
    cli("clone", ID, "b", "--live")
    cli("export", ID, "file", "--live")
    os.close(lease)


def test_export(service, vms, vm, cli):
    vm.write(b"mine", VARS - 4)
    file = service.directory / "copy.fd"
    assert cli("export", ID, "copy.fd") == ""
    assert file.read_bytes() == vm.read()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # a hole stays one
    assert file.stat().st_blocks * 512 < VARS
    assert cli.json("export", ID, "copy.fd") == {"id": ID, "file": str(file), "size": VARS}
    status, output, errors = cli.raw("export", ID, "-")
    assert (status, output, errors) == (0, vm.read(), "")

    text = cli.fails(FAILURE, "export", ID, "backup.fd", "--backup")
    assert text.endswith("it has no backup; 'vmfirmwarectl reset' and 'import' make one"), text
    vm.reset()
    cli("export", ID, "backup.fd", "--backup")
    assert (service.directory / "backup.fd").read_bytes() == file.read_bytes()
    assert {path.name for path in service.directory.glob("*.fd*")} == {"copy.fd", "backup.fd"}
    assert not [path for path in service.directory.glob(".*")]


def test_export_to_standard_output_is_whole_whatever_that_is(service, vms, vm, cli):
    """Its zeros, too: in a file that is appended to, one with old bytes, or a new one."""
    nvram = vms.at(ID).read()
    assert nvram.endswith(bytes(4096))
    path = service.directory / "out.fd"
    for before, mode in ((b"", "wb"), (b"before", "ab"), (b"x" * 2 * VARS, "r+b")):
        path.write_bytes(before)
        with open(path, mode) as file:
            assert cli.raw("export", ID, "-", stdout=file) == (0, None, "")
        kept = before if mode == "ab" else b""
        rest = before[VARS:] if mode == "r+b" else b""
        assert path.read_bytes() == kept + nvram + rest


def test_export_replaces_files_alone(service, vms, vm, cli):
    target = service.directory / "target"
    target.write_bytes(b"old")
    (service.directory / "link").symlink_to("target")
    cli("export", ID, "link")
    assert (service.directory / "link").is_symlink() and target.read_bytes() == vm.read()

    # Looked at twice, a link could lead elsewhere the second time.
    log = service.directory / "log"
    subprocess.run(["strace", "-f", "-e", "trace=%file", "-o", log, *cli.command("export", ID, "link")],
                   cwd=service.directory, check=True, capture_output=True,
                   env={**cli.environment, "ASAN_OPTIONS": "detect_leaks=0"})
    assert sum(line.count('link"') for line in log.read_text().splitlines()
               if "execve" not in line) == 1

    os.mkfifo(service.directory / "fifo")
    for name in ("fifo", ".", "/dev/null"):
        assert "no regular file" in cli.fails(FAILURE, "export", ID, name)
    assert "No such file" in cli.fails(FAILURE, "export", ID, "nonesuch/file")
    assert stat.S_ISFIFO((service.directory / "fifo").stat().st_mode)


def strace(cli, injection, *words):
    """Starts the client under strace, which tampers with one of its system calls."""
    # LeakSanitizer can do nothing under a tracer
    options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return subprocess.Popen(
        # a shell lets what it runs in the background ignore SIGINT
        ["env", "--default-signal", "strace", "-qq", "-o", "/dev/null", "-e", f"inject={injection}",
         *cli.command(*words)],
        cwd=cli.directory, env={**cli.environment, "ASAN_OPTIONS": options},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.parametrize("call", ["write:signal={}:when=1", "fsync:signal={}"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_export_that_is_interrupted_leaves_nothing(service, vms, vm, cli, call, number):
    target = service.directory / "exports" / "target"
    target.parent.mkdir()
    target.write_bytes(b"old")
    process = strace(cli, call.format(number.name), "export", ID, str(target))
    assert process.communicate(timeout=60)[0] == b"" and process.returncode == -number
    assert target.read_bytes() == b"old"
    assert [path.name for path in target.parent.iterdir()] == ["target"]
    cli("export", ID, str(target))


def test_export_lasts_once_it_has_succeeded(service, vms, vm, cli):
    """The file's name is on disk, too: who has a copy may remove the virtual machine."""
    process = strace(cli, "fsync:error=EIO:when=2", "export", ID, "copy.fd")
    errors = process.communicate(timeout=60)[1].decode()
    assert (process.returncode, errors) == (
        FAILURE, "vmfirmwarectl: copy.fd: Input/output error\n")
    assert (service.directory / "copy.fd").read_bytes() == vm.read()


def test_export_that_breaks_off_leaves_nothing(service, vms, vm, cli):
    vm.write(os.urandom(VARS))
    directory = service.directory / "exports"
    directory.mkdir()
    # stopped at its first write, it has read less than the whole, and a pipe does not hold the rest
    process = strace(cli, "write:signal=SIGSTOP:when=1", "export", ID, str(directory / "file"))
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def is_stopped():
        # strace has others before, which end at once
        stats = []
        for pid in children.read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                stats.append(Path(f"/proc/{pid}/stat").read_text())
        return len(list(directory.iterdir())) == 1 and any(") t " in text for text in stats)

    wait.until(is_stopped, "the client is stopped")
    child = int(children.read_text().split()[0])
    service.daemon.kill()
    service.daemons.remove(service.daemon)
    os.kill(child, signal.SIGCONT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == FAILURE
    text = errors.decode()
    assert f" of {VARS} bytes" in text and "was not written" in text and text.count("\n") == 1
    assert list(directory.iterdir()) == []


def test_import_into_one_that_is_there(service, vms, vm, cli):
    service.directory.joinpath("new.fd").write_bytes(b"new".ljust(VARS, b"\0"))
    assert cli("import", ID, "new.fd") == ""
    assert vm.read()[:3] == b"new" and vm.backups()
    status, output, errors = cli.raw("import", ID, "-", "--json=short",
                                     stdin=b"piped".ljust(VARS, b"\0"))
    assert (status, without_version(json.loads(output)), errors) == (0, {"id": ID}, "")
    assert vm.read()[:5] == b"piped"
    service.directory.joinpath("short.fd").write_bytes(b"x")
    service.directory.joinpath("long.fd").write_bytes(b"x".ljust(VARS + 1))
    assert "give one that fits" in cli.fails(FAILURE, "import", ID, "long.fd")
    for name in ("nonesuch", ".", "/dev/zero"):
        assert name in cli.fails(FAILURE, "import", ID, name)
    assert "does not go with import" in cli.fails(USAGE, "import", ID, "new.fd", "--secure-boot")
    assert vm.read()[:5] == b"piped"


def test_import_of_a_new_one(service, vms, cli):
    service.directory.joinpath("new.fd").write_bytes(b"new".ljust(VARS, b"\0"))
    told = cli.json("import", "b", "x86_64", "q35", "new.fd", "--without-feature=secure-boot",
                    "--owner=bin", "--source-format=raw")
    assert told["name"] == "60-other" and vms.at("b", OTHER).read()[:3] == b"new"
    assert "choose another id" in cli.fails(
        FAILURE, "import", "b", "x86_64", "q35", "new.fd", "--owner=bin")
    assert "ID FILE" in cli.fails(USAGE, "import", "c", "x86_64", "new.fd")
    sparse = service.directory / "huge.fd"
    sparse.touch()
    os.truncate(sparse, 256 * images.MIB + 1)
    assert "256 MiB" in cli.fails(FAILURE, "import", "c", "x86_64", "q35", "huge.fd")


def test_a_copy_from_host_to_host(vms, vm, cli):
    """What the man page says in place of --host: two clients and a pipe."""
    vm.write(b"travels")
    sender = cli.start("export", ID, "-")
    status, _, errors = cli.raw("import", "there", "x86_64", "q35", "-",
                                stdin=sender.stdout.read())
    assert (sender.wait(), status, errors) == (0, 0, "")
    sender.communicate()
    assert vms.at("there").read() == vm.read()


def test_a_hole_at_the_end(service, cli):
    """Size and content of NVRAM that ends in a hole, and is nothing but one."""
    service.ovmf("50-ovmf")
    vms = VMs(service.start())
    vm = vms.make("a")
    vm.import_nvram(memfd(b"", VARS))
    cli("export", "a", "copy.fd")
    file = Path(service.directory, "copy.fd")
    assert file.read_bytes() == bytes(VARS) and file.stat().st_blocks == 0
    vm.import_nvram(memfd(b"x", VARS))


@pytest.mark.parametrize("words", [
    "vms", "vms --all --names", "vms --all --unused=0", "vms --orphans", "certificates", "metrics",
    "enroll --all --yes microsoft-2023", "vm a", "remove a"])
def test_a_state_directory_that_cannot_be_used(service, cli, words):
    """Is no host without virtual machines."""
    service.ovmf("50-ovmf")
    service.state.write_text("a file")
    service.start()
    assert str(service.state) in cli.fails(FAILURE, *words.split())
    assert "50-ovmf" in cli("list")
