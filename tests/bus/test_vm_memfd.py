# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors that come in are sealed memfds of at most 256 MiB; ImportVM."""

import fcntl
import os
import socket
import tempfile

import pytest
from gi.repository import GLib

from lib import images
from lib.checks import invalid_args, raises
from lib.client import MANAGER, MANAGER_PATH
from lib.vms import MISMATCH, NO_MATCH, OWNER, UNUSABLE, VM, VM_EXISTS, VMs, memfd

VARS = images.OVMF_4M_VARS


def hugefile():
    fd = memfd(b"", (256 << 20) + 1)
    return fd


def plain_file():
    file = tempfile.TemporaryFile(dir="/dev/shm")
    file.truncate(VARS)
    return os.dup(file.fileno())


def read_end():
    ends = os.pipe()
    os.write(ends[1], b"x" * 4096)
    os.close(ends[1])
    return ends[0]


BAD_FDS = {
    "unsealed": lambda: memfd(b"", VARS, seals=0),
    "write only": lambda: memfd(b"", VARS, seals=fcntl.F_SEAL_WRITE),
    "shrink only": lambda: memfd(b"", VARS, seals=fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW),
    "too large": hugefile,
    "file": plain_file,
    "disk file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "pipe": read_end,
    "zero": lambda: os.open("/dev/zero", os.O_RDONLY),
    "null": lambda: os.open("/dev/null", os.O_RDONLY),
    "directory": lambda: os.open("/", os.O_RDONLY),
    "path": lambda: os.open("/etc/passwd", os.O_PATH),
    "socket": lambda: socket.socketpair()[0].detach(),
    "tty": lambda: os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY),
}


@pytest.fixture
def vms(service):
    service.ovmf()
    service.combined("zz-combined")
    return VMs(service.start_with_qemu())


@pytest.mark.parametrize("kind", BAD_FDS)
def test_anything_else_is_refused_before_a_byte_is_read(vms, kind):
    vm = vms.make()
    fd = BAD_FDS[kind]()
    uses = {
        "nvram-template": [lambda: vms.prepare("new", nvram_template=fd),
                           lambda: vms.prepare("vm", nvram_template=fd),
                           lambda: vm.reset(nvram_template=fd)],
        "nvram": [lambda: vms.import_vm("new", "x86_64", "q35", fd),
                  lambda: vm.import_nvram(fd)],
    }
    for key, calls in uses.items():
        for call in calls:
            with invalid_args(key):
                call()
    if kind == "pipe":
        assert os.read(fd, 8192) == b"x" * 4096
    os.close(fd)
    assert [entry[0] for entry in vms.list()] == ["vm"] and vm.backups() == []


@pytest.mark.parametrize("number", [0, 1, 2 ** 31 - 1, -1])
def test_number_of_a_descriptor_that_was_not_sent(vms, number):
    vm = vms.make()
    call, fd = vms.client.call, GLib.Variant("h", number)
    with invalid_args("nvram-template"):
        call(MANAGER_PATH, MANAGER, "PrepareVM", GLib.Variant(
            "(sssa{sv})", ("new", "x86_64", "q35", {"nvram-template": fd})))
    with invalid_args("nvram-template"):
        call(vm.path, VM, "Reset", GLib.Variant("(a{sv})", ({"nvram-template": fd},)))
    with invalid_args("nvram"):
        call(MANAGER_PATH, MANAGER, "ImportVM", GLib.Variant(
            "(sssha{sv})", ("new", "x86_64", "q35", number, {})))
    with invalid_args("nvram"):
        call(vm.path, VM, "Import", GLib.Variant("(ha{sv})", (number, {})))
    assert [entry[0] for entry in vms.list()] == ["vm"] and vm.backups() == []


def test_sealed_memfd_may_still_grow_and_the_service_does_not_care(vms):
    """Seals against growing are not asked for: a size is what it was when it was looked at."""
    vm = vms.make()
    fd = memfd(b"fits", VARS)
    vm.import_nvram(fd)
    os.truncate(fd, VARS * 2)
    with raises(MISMATCH):
        vm.import_nvram(fd)
    os.truncate(fd, 1 << 40)
    with invalid_args("nvram"):
        vm.import_nvram(fd)
    os.close(fd)


def test_memfd_position_does_not_matter(vms):
    vm = vms.make()
    fd = memfd(b"from the beginning", VARS)
    os.lseek(fd, 100, os.SEEK_SET)
    vm.import_nvram(fd)
    assert vm.read().startswith(b"from the beginning")


def test_import_vm_makes_a_vm_of_what_is_sent(vms):
    vm = vms.import_vm("in", "x86_64", "q35", memfd(b"carried over", VARS), owner=OWNER)
    assert vm.resolution["pinned"] is False and vm.resolution["changed"] == []
    assert vm.read() == b"carried over".ljust(VARS, b"\0")
    state = os.stat(vm.nvram())
    assert (state.st_mode & 0o7777, state.st_uid, state.st_gid) == (0o600, OWNER, OWNER)
    assert vm.get("Firmware") == "ovmf"
    assert vms.prepare("in", owner=OWNER)["pinned"] is True
    vm.reset()
    assert vm.read().startswith(b"template")


def test_import_vm_takes_requirements_and_render_answers(vms):
    vm = vms.import_vm("in", "x86_64", "q35", memfd(b"whole", 2 << 20), modes=["combined"],
                       render=["qemu"])
    assert vm.resolution["mode"] == "combined" and vm.read().startswith(b"whole")
    assert vm.nvram() in " ".join(vm.resolution["qemu-arguments"])


def test_import_vm_of_what_does_not_fit(vms):
    for size, error in ((VARS - 4096, MISMATCH), (0, MISMATCH), (2 * VARS, MISMATCH)):
        with raises(error):
            vms.import_vm("in", "x86_64", "q35", memfd(b"", size))
    with raises(NO_MATCH):
        vms.import_vm("in", "x86_64", "q35", memfd(b"", VARS), features=["none"])
    vms.make("in")
    with raises(VM_EXISTS, "in"):
        vms.import_vm("in", "x86_64", "q35", memfd(b"", VARS))
    assert len(vms.list()) == 1
    for key, value in (("create", "auto"), ("lease", True), ("nvram_filename", "/x")):
        with invalid_args(key.replace("_", "-")):
            vms.import_vm("x", "x86_64", "q35", memfd(b"", VARS), **{key: value})


def test_import_vm_of_firmware_without_variables(service):
    service.stateless()
    vms = VMs(service.start())
    with invalid_args("nvram"):
        vms.import_vm("in", "x86_64", "q35", memfd(b"", VARS))
    with invalid_args("nvram-template"):
        vms.prepare("in", nvram_template=memfd(b"", VARS))
    assert vms.list() == []


def test_qcow2_with_a_backing_file_is_not_taken(service, vms):
    path = str(service.images / "backed.qcow2")
    os.system(f"qemu-img create -q -f qcow2 -b /etc/passwd -F raw {path} {VARS}")
    with open(path, "rb") as file:
        fd = memfd(file.read())
    vm = vms.make()
    for use in (lambda: vm.import_nvram(fd, format="qcow2"),
                lambda: vms.import_vm("x", "x86_64", "q35", fd, format="qcow2"),
                lambda: vms.import_vm("x", "x86_64", "q35", fd, format="qcow2",
                                      nvram_format="qcow2")):
        with raises(UNUSABLE):
            use()
    assert len(vms.list()) == 1


def test_store_is_imported_up_to_a_mebibyte(service):
    service.uefi_vars()
    vms = VMs(service.start())
    vm = vms.make()
    content = b'{"version": 2, "variables": []}'
    vm.import_nvram(memfd(content))
    assert vm.read() == content and vm.export(backup=True) == images.EMPTY_STORE
    vm.import_nvram(memfd(content.ljust(1 << 20)), format="json")
    for bad in (content.ljust((1 << 20) + 1), b"[]", b"\0" * 100, b"QFI\xfb"):
        with raises(MISMATCH):
            vm.import_nvram(memfd(bad))
    assert vm.export() == content.ljust(1 << 20)
    assert vm.clone("twin").read() == vm.read()
