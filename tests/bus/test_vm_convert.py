# SPDX-License-Identifier: LGPL-2.1-or-later
"""nvram-format: conversion by qemu-img."""

import os
import subprocess

import pytest

from lib import descriptors, images
from lib.checks import invalid_args, raises
from lib.vms import CONFLICT, NOT_SUPPORTED, OWNER, VMs, memfd

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


def test_combined_as_qcow2(service):
    service.combined()
    vm = VMs(service.start_with_qemu()).make(nvram_format="qcow2")
    assert vm.resolution["flash"][0]["format"] == "qcow2"
    assert contents(vm.nvram(), "qcow2").startswith(b"whole image")


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


def test_qemu_img_gets_no_capabilities_and_no_descriptors(service):
    programs = service.directory / "programs"
    programs.mkdir()
    log = service.directory / "log"
    (programs / "qemu-img").write_text(
        f"#!/bin/sh\n{{ grep ^Cap /proc/self/status; ls /proc/$$/fd; ulimit -f; echo \"$@\"; }}"
        f" >{log}\nexec {os.popen('command -v qemu-img').read().strip()} \"$@\"\n")
    (programs / "qemu-img").chmod(0o755)
    service.ovmf()
    vms = VMs(service.start(path=f"{programs}:{os.environ['PATH']}"))
    lease = vms.prepare("other", lease=True)["lease"]
    vms.make(nvram_format="qcow2")
    os.close(lease)
    lines = log.read_text().split("\n")
    caps = {line.split()[0]: int(line.split()[1], 16) for line in lines if line.startswith("Cap")}
    assert not any(caps.values()), caps
    descriptors_open = {line for line in lines if line.isdigit()}
    assert {"0", "1", "2"} <= descriptors_open and not descriptors_open & {"3", "4", "5", "6"}
    assert "unlimited" not in lines
    assert any("-f raw" in line for line in lines)


def test_store_takes_no_format(service):
    service.uefi_vars()
    vms = VMs(service.start_with_qemu())
    for fmt in ("raw", "qcow2"):
        with invalid_args("nvram-format"):
            vms.prepare(nvram_format=fmt)
    assert vms.list() == []
