# SPDX-License-Identifier: LGPL-2.1-or-later
"""nvram-format: conversion by qemu-img."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lib import descriptors, images, paths, wait
from lib.checks import raises
from lib.client import DBusError
from lib.vms import CONFLICT, NO_MATCH, NOT_SUPPORTED, OWNER, VMs, memfd

VARS = images.OVMF_4M_VARS


def contents(path, fmt):
    """What a guest sees."""
    out = subprocess.run(["qemu-img", "convert", "-f", fmt, "-O", "raw", path, path + ".raw"],
                         check=False, capture_output=True)
    assert out.returncode == 0, out
    with open(path + ".raw", "rb") as file:
        data = file.read()
    os.unlink(path + ".raw")
    return data


@pytest.fixture
def vms(service):
    service.ovmf(content=b"template")
    return VMs(service.start_with_qemu())


def test_raw_template_becomes_qcow2(vms):
    vm = vms.make("vm", owner=OWNER, nvram_format="qcow2", render=["qemu"])
    nvram = vm.resolution["nvram"]
    assert nvram["format"] == "qcow2" and nvram["size"] == VARS
    assert nvram["filename"].endswith("/nvram.qcow2")
    assert vm.resolution["flash"][1]["format"] == "qcow2"
    assert "qcow2" in " ".join(vm.resolution["qemu-arguments"])
    assert contents(nvram["filename"], "qcow2") == b"template".ljust(VARS, b"\0")
    state = os.stat(nvram["filename"])
    assert (state.st_mode & 0o7777, state.st_uid, state.st_gid) == (0o600, OWNER, OWNER)
    assert vm.files() == ["lock", "nvram.qcow2", "pin.json"]
    assert vms.prepare("vm", owner=OWNER, nvram_format="qcow2")["pinned"] is True
    assert vms.prepare("vm", owner=OWNER)["nvram"]["format"] == "qcow2"
    with raises(CONFLICT, "nvram-format"):
        vms.prepare("vm", owner=OWNER, nvram_format="raw")


def test_qcow2_methods(vms):
    vm = vms.make("vm", nvram_format="qcow2")
    vm.import_nvram(memfd(b"imported", VARS), format="raw")
    assert contents(vm.nvram(), "qcow2").startswith(b"imported")
    exported = vm.export()
    assert exported.startswith(images.QCOW2_MAGIC)
    vm.reset()
    assert contents(vm.nvram(), "qcow2").startswith(b"template")
    assert vm.export(backup=True) == exported
    vm.import_nvram(memfd(exported))
    assert vm.read() == exported
    assert vm.clone("twin").read() == exported
    assert vm.rebind()["nvram"]["format"] == "qcow2"
    made = vms.import_vm("in", "x86_64", "q35", memfd(exported), format="qcow2")
    assert made.resolution["nvram"]["format"] == "raw"
    assert made.read().startswith(b"imported") and len(made.read()) == VARS


def test_qcow2_template_becomes_raw_of_the_flash_size(service):
    size = 64 * images.MIB
    source = service.raw("source", 1024 * 768, b"\xff" * 1000)
    service.vendor.write("x", descriptors.flash(
        service.raw("code.fd", size), images.convert_qcow2(source, service.images / "v.qcow2"),
        template_fmt="qcow2", targets=[descriptors.target("aarch64", "virt-*")]))
    vms = VMs(service.start_with_qemu())
    vm = vms.make("raw", "aarch64", "virt", nvram_format="raw")
    assert len(vm.read()) == size == vm.resolution["nvram"]["size"]
    assert vm.read().startswith(b"\xff" * 1000 + b"\0")
    assert os.stat(vm.nvram()).st_blocks * 512 < images.MIB
    plain = vms.make("qcow2", "aarch64", "virt")
    assert plain.resolution["nvram"]["format"] == "qcow2"
    assert len(contents(plain.nvram(), "qcow2")) == size


def test_a_combined_image_has_no_format_of_its_own(service):
    service.combined()
    with raises(NO_MATCH, "nvram-format"):
        VMs(service.start_with_qemu()).make(nvram_format="qcow2")


def test_without_qemu_img(service):
    service.ovmf()
    vms = VMs(service.start())
    with raises(NOT_SUPPORTED, "qemu-img"):
        vms.prepare(nvram_format="qcow2")
    assert vms.list() == [] and os.listdir(service.state / "vms" / "0") == []
    assert vms.prepare(nvram_format="raw")["nvram"]["format"] == "raw"


@pytest.mark.parametrize("script", ["exit 1", "echo broken >&2; exit 3", "kill -9 $$"])
def test_qemu_img_that_fails(service, script):
    programs = service.directory / "programs"
    programs.mkdir()
    (programs / "qemu-img").write_text(f"#!/bin/sh\n{script}\n")
    (programs / "qemu-img").chmod(0o755)
    service.ovmf()
    vms = VMs(service.start(path=f"{programs}:{os.environ['PATH']}"))
    with pytest.raises(Exception) as info:
        vms.prepare(nvram_format="qcow2")
    assert "qemu-img" in str(info.value)
    assert vms.list() == [] and os.listdir(service.state / "vms" / "0") == []


# what a program runs as that the service runs
PROGRAM_UIDS = {"unit": 1, "root": 65534}


@pytest.fixture(params=PROGRAM_UIDS)
def confined(service, request):
    """Has a script run as qemu-img; returns what it has written to its standard error."""
    programs = service.directory / "programs"
    programs.mkdir()
    program = programs / "qemu-img"
    service.ovmf()
    path = f"{programs}:{os.environ['PATH']}"
    vms = VMs(service.start(path=path) if request.param == "root"
              else service.start_as_unit(PROGRAM_UIDS["unit"], path=path))

    def run(script, status=1):
        program.write_text(f"#!/bin/sh\n{script}\nexit {status}\n")
        program.chmod(0o755)
        with pytest.raises(DBusError) as info:
            vms.prepare("made", owner=OWNER, nvram_format="qcow2")
        return info.value.text.removeprefix("qemu-img does not convert the image: ")

    run.uid = PROGRAM_UIDS[request.param]
    run.vms = vms
    return run


def test_qemu_img_gets_no_privileges_and_no_descriptors(confined):
    assert confined('echo "$*" >&2') == "convert -f raw -O qcow2 /dev/fd/3 /dev/fd/4"
    lines = confined("setpriv --dump >&2").splitlines()
    for line in ("no_new_privs: 1", "Inheritable capabilities: [none]",
                 "Ambient capabilities: [none]", "Supplementary groups: [none]",
                 f"euid: {confined.uid}", f"egid: {confined.uid}"):
        assert line in lines
    lease = confined.vms.prepare("other", lease=True)["lease"]
    assert confined("for n in 0 1 2 3 4 5 6 7 8 9; do "
                    '(eval ": <&$n") 2>/dev/null && echo $n >&2; done').split() == list("01234")
    os.close(lease)
    for limit in "ftv":
        assert confined(f"ulimit -{limit} >&2") != "unlimited", limit
    assert "DBUS" not in confined("env >&2; echo >&2")


def test_a_lower_limit_stays():
    """As of a client that a shell has limited."""
    def limited(given):
        script = (f'ulimit {given}; exec "$0" --cpu=30 --memory=1073741824 -- '
                  '/bin/sh -c "ulimit -S -t; ulimit -H -t; ulimit -S -v; ulimit -H -v"')
        return subprocess.check_output(
            ["sh", "-euc", script, Path(paths.daemon_binary()).with_name("vmfirmware-confine")],
            text=True).split()

    memory = ["1048576"] * 2
    assert limited("-t 20") == ["20", "20", *memory]
    assert limited("-S -t 20") == limited("-t 40") == ["30", "30", *memory]


def test_qemu_img_opens_its_two_files_and_programs(service, confined):
    """Where the kernel has Landlock, of what belongs to its own uid."""
    secret = service.directory / "secret"
    secret.write_text("secret")
    secret.chmod(0o600)
    os.chown(secret, confined.uid, confined.uid)
    assert confined(f"""
exec 5>&2 2>/dev/null
head -c 8 /dev/fd/3 >&5
(echo made >/dev/fd/4 && echo " written" >&5)
(cat {secret} && echo read >&5)
(cat /etc/passwd && echo read-another >&5)
(echo spoilt >{secret} && echo changed >&5)
(echo spoilt >/dev/fd/3 && echo changed-input >&5)
(echo new >{secret}.new && echo made >&5)
(rm -f {secret} && echo removed >&5)
(kill -0 $PPID && echo may-kill >&5)
""") == "template written"
    assert secret.read_text() == "secret"


@pytest.mark.parametrize("script", [
    "", "echo no qcow2 >/dev/fd/4", "printf 'QFI\\373\\0\\0\\0\\3' >/dev/fd/4"],
    ids=["nothing", "text", "short"])
def test_what_qemu_img_makes_is_looked_at(confined, script):
    assert confined(script, status=0) == "qemu-img has made no qcow2 image"


def is_gone(pid):
    return not os.path.exists(f"/proc/{pid}")


def test_what_qemu_img_leaves_behind_is_ended(confined):
    pid = confined("sleep 1000 >/dev/null 2>&1 & echo $! >&2")
    wait.until(lambda: is_gone(pid), "it is ended")


def test_qemu_img_that_hangs_is_ended(service, confined):
    wait.until(lambda: not service.daemon.children(), "each QEMU has answered")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(confined, "sleep 1000 & sleep 1000")
        (pid,) = wait.until(service.daemon.children, "it runs")
        children = Path(f"/proc/{pid}/task/{pid}/children")
        wait.until(lambda: len(children.read_text("ascii").split()) == 2, "its children run")
        pids = [pid, *children.read_text("ascii").split()]
        assert "timed out" in call.result()
    wait.until(lambda: all(is_gone(each) for each in pids), "all are ended")


def test_store_takes_no_format(service):
    service.uefi_vars()
    vms = VMs(service.start_with_qemu())
    for fmt in ("raw", "qcow2"):
        with raises(NO_MATCH, "nvram-format"):
            vms.prepare(nvram_format=fmt)
    assert vms.list() == []
    assert vms.prepare(nvram_format="json")["nvram"]["format"] == "json"
