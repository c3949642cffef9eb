# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the owner can do to his own files: a named error, never another's data, never a wait."""

import os
import struct
import time
from pathlib import Path

import pytest

from lib import images
from lib.checks import raises
from lib.vms import IN_USE, MISMATCH, MISSING, OWNER, UNUSABLE, VMs, run_as, start_as

VARS = images.OVMF_4M_VARS
# how long somebody waits who waits for a lease of fcntl(2)
LEASE_BREAK_SECONDS = int(Path("/proc/sys/fs/lease-break-time").read_text(encoding="ascii"))


@pytest.fixture
def vms(service):
    service.ovmf()
    return VMs(service.start_with_qemu())


@pytest.fixture
def vm(vms):
    return vms.make("vm", owner=OWNER)


@pytest.fixture
def qcow2(vms):
    return vms.make("vm", owner=OWNER, nvram_format="qcow2")


def uses(vm):
    return {
        "PrepareVM": lambda: vm.vms.prepare("vm", owner=OWNER),
        "OpenNVRAM": vm.open_nvram,
        "Export": vm.export_raw,
        "Clone": lambda: vm.clone("new"),
    }


def all_raise(vm, error, state):
    for use in uses(vm).values():
        with raises(error, "vm"):
            use()
    assert vm.get("State") == state
    assert [entry[0] for entry in vm.vms.list(all=True)] == ["vm"]
    assert vm.get("InUse") is False


@pytest.mark.parametrize("size", [0, 1, VARS - 512, VARS + 1, 4 * VARS, 1 << 40])
def test_truncated_or_extended(vm, size):
    run_as(OWNER, f"os.truncate({vm.nvram()!r}, {size})")
    all_raise(vm, MISMATCH, "nvram-mismatch")
    # as QEMU counts, in whole sectors
    with raises(MISMATCH, f"has {-(-size // 512) * 512} bytes, and was made with {VARS}"):
        vm.open_nvram()
    vm.reset()
    assert vm.get("State") == "ready"


def test_raw_file_that_became_a_qcow2(vm):
    path = images.qcow2(str(vm.directory() / "x"), VARS)
    with open(path, "rb") as file:
        content = file.read()
    os.unlink(path)
    vm.write(content[:VARS])
    all_raise(vm, MISMATCH, "nvram-mismatch")


def test_deleted(vm):
    os.unlink(vm.nvram())
    all_raise(vm, MISSING, "nvram-missing")
    assert not os.path.exists(vm.nvram())


@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory"])
def test_no_file_any_more(vm, kind):
    """He cannot do it in a directory of the service; an administrator could."""
    path = vm.nvram()
    os.unlink(path)
    if kind == "symlink":
        os.symlink("/etc/shadow", path)
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        os.mkdir(path)
    all_raise(vm, MISSING, "nvram-missing")


def test_owner_can_change_no_name(vm):
    directory = str(vm.directory())
    refused = run_as(OWNER, f"""
d = {directory!r}
for change in (lambda: os.unlink(d + '/nvram.raw'), lambda: os.rename(d + '/nvram.raw', d + '/x'),
               lambda: os.symlink('/etc/shadow', d + '/x'), lambda: os.mkdir(d + '/x'),
               lambda: os.rename(d, d + '2'), lambda: os.link(d + '/lock', d + '/x'),
               lambda: os.chmod(d, 0o777), lambda: os.unlink(d + '/lock')):
    try:
        change()
        print('done')
    except PermissionError:
        print('refused')
""")
    assert refused == ["refused"] * 8


def put(vm, data, offset):
    run_as(OWNER, f"""
with open({vm.nvram()!r}, 'r+b') as file:
    file.seek({offset})
    file.write({data!r})
""")


def name_backing_file(vm):
    name = b"/etc/shadow"
    put(vm, name, 1024)
    put(vm, struct.pack(">QI", 1024, len(name)), 8)


@pytest.mark.parametrize("change", [
    name_backing_file,
    lambda vm: put(vm, struct.pack(">Q", 4), 72),
    lambda vm: put(vm, struct.pack(">Q", 1 << 40), 72),
    lambda vm: put(vm, struct.pack(">Q", 1 << 5), 72),
], ids=["backing", "data-file", "unknown-40", "unknown-5"])
def test_qcow2_that_names_another_file(qcow2, change):
    change(qcow2)
    all_raise(qcow2, UNUSABLE, "nvram-mismatch")
    qcow2.reset()
    assert qcow2.get("State") == "ready"


@pytest.mark.parametrize("change", [
    lambda vm: put(vm, b"raw!", 0), lambda vm: put(vm, struct.pack(">Q", 2 * VARS), 24),
    lambda vm: put(vm, struct.pack(">I", 1), 32), lambda vm: put(vm, struct.pack(">I", 9), 4),
    lambda vm: os.truncate(vm.nvram(), 50), lambda vm: os.truncate(vm.nvram(), 1 << 42),
], ids=["magic", "size", "encrypted", "version", "short", "long"])
def test_qcow2_that_is_none_any_more(qcow2, change):
    change(qcow2)
    with raises(MISMATCH, "vm"):
        qcow2.vms.prepare("vm", owner=OWNER)
    assert qcow2.get("State") == "nvram-mismatch"


@pytest.mark.parametrize("kind", ["F_WRLCK", "F_RDLCK"])
def test_file_lease_is_in_use_at_once(vm, kind):
    flags = "os.O_RDWR" if kind == "F_WRLCK" else "os.O_RDONLY"
    child = start_as(OWNER, f"""
import signal
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open({vm.nvram()!r}, {flags})
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.{kind})
print('leased', flush=True)
sys.stdin.read()
""")
    try:
        assert child.stdout.readline() == "leased\n"
        begin = time.monotonic()
        names = ["PrepareVM", "OpenNVRAM", "Export", "Clone"] if kind == "F_WRLCK" else [
            "OpenNVRAM"]
        for name in names:
            with raises(IN_USE, "vm"):
                uses(vm)[name]()
        vm.properties()
        vm.vms.list(all=True)
        assert time.monotonic() - begin < LEASE_BREAK_SECONDS
        assert vm.get("InUse") is False
    finally:
        child.communicate("")
    assert vm.vms.prepare("vm", owner=OWNER)["pinned"] is True


def test_file_lease_stops_neither_reset_nor_remove_for_long(vm):
    child = start_as(OWNER, f"""
import signal
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open({vm.nvram()!r}, os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('leased', flush=True)
sys.stdin.read()
""")
    try:
        assert child.stdout.readline() == "leased\n"
        begin = time.monotonic()
        for use in (vm.reset, lambda: vm.export_raw(backup=True), vm.remove):
            try:
                use()
            except Exception as error:
                assert getattr(error, "name", None) == IN_USE, error
        assert time.monotonic() - begin < LEASE_BREAK_SECONDS
    finally:
        child.communicate("")


def test_hard_link_that_he_keeps_does_not_reach_the_next_nvram(service, vm):
    mine = service.directory / "mine"
    mine.mkdir()
    os.chown(mine, OWNER, OWNER)
    run_as(OWNER, f"os.link({vm.nvram()!r}, {str(mine / 'link')!r})")
    vm.reset()
    run_as(OWNER, f"open({str(mine / 'link')!r}, 'r+b').write(b'old')")
    assert vm.read().startswith(b"template")


def test_json_store_that_grows(service):
    service.uefi_vars("a")
    vms = VMs(service.start())
    vm = vms.make("vm", owner=OWNER)
    run_as(OWNER, f"open({vm.nvram()!r}, 'ab').write(b' ' * ({images.MIB} - "
                  f"os.path.getsize({vm.nvram()!r})))")
    vms.prepare("vm", owner=OWNER)
    for damage in (f"os.truncate({vm.nvram()!r}, {images.MIB + 1})",
                   f"open({vm.nvram()!r}, 'wb').write(b'[]')"):
        run_as(OWNER, damage)
        all_raise(vm, MISMATCH, "nvram-mismatch")


def test_mode_and_owner_that_he_changed_are_put_right_by_reset(vm):
    run_as(OWNER, f"os.chmod({vm.nvram()!r}, 0o666)")
    vm.reset()
    assert os.stat(vm.nvram()).st_mode & 0o7777 == 0o600
