# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service as its unit runs it: a uid of its own, with CAP_CHOWN and CAP_DAC_OVERRIDE alone."""

import os

import pytest

from lib import images
from lib.checks import raises
from lib.vms import IN_USE, OTHER, UNUSABLE, VMs, memfd, run_as, start_as

SERVICE_UID = 1
VARS = images.OVMF_4M_VARS


@pytest.fixture
def vms(service):
    service.ovmf(content=b"template")
    return VMs(service.start_as_unit(SERVICE_UID))


@pytest.fixture(params=["raw", "qcow2"])
def vm(vms, request):
    return vms.make("vm", owner=OTHER, nvram_format=request.param)


def assert_owned(path):
    state = os.stat(path)
    assert (state.st_mode & 0o7777, state.st_uid, state.st_gid) == (0o600, OTHER, OTHER)


def test_it_runs_as_it_should(service, vms):
    with open(f"/proc/{service.daemon.process.pid}/status", encoding="ascii") as file:
        status = dict(line.split(":\t") for line in file.read().splitlines())
    assert status["Uid"].split()[1] == str(SERVICE_UID)
    assert [int(status[key], 16) for key in ("CapPrm", "CapEff", "CapAmb")] == [0b11, 0, 0]


def test_everything_with_anothers_files(vms, vm):
    assert_owned(vm.nvram())
    content = vm.export()
    vm.reset()
    assert vm.export(backup=True) == content
    vm.import_nvram(memfd(content))
    vm.import_nvram(memfd(b"raw", VARS), format="raw")
    twin = vm.clone("twin").rename("other")
    assert_owned(twin.nvram())
    assert twin.read() == vm.read()
    theirs = vm.clone("vm", owner=0)
    assert os.stat(theirs.nvram()).st_uid == 0
    vm.rebind(reset=True)
    vms.prepare("vm", machine="pc-q35-7.2", owner=OTHER)
    nvram, lease = vm.open_nvram()
    os.pwrite(nvram, b"x", VARS // 2 if vm.get("NVRAM")[1] == "raw" else 600)
    with raises(IN_USE):
        vm.reset()
    os.close(lease)
    os.close(nvram)
    for path in (vm.nvram(), *vm.backups()):
        assert_owned(path)
    directory = vm.directory()
    vm.remove()
    twin.remove()
    assert os.listdir(directory.parent) == []


def test_only_the_service_opens_what_is_its_own(vms, vm):
    for name in ("lock", "pin.json"):
        state = os.stat(vm.directory() / name)
        assert (state.st_mode & 0o7777, state.st_uid) == (0o600, SERVICE_UID), name
    assert os.stat(vm.directory()).st_uid == SERVICE_UID


@pytest.mark.parametrize("mode", [0o4600, 0o2610, 0o6777])
def test_mode_of_the_owners_that_forbids_a_link(vms, vm, mode):
    """fs.protected_hardlinks refuses to link a set-uid file of another uid without CAP_FOWNER."""
    content = vm.export()
    for change in (lambda: vms.prepare("vm", machine="pc-q35-7.2", owner=OTHER), vm.rebind,
                   vm.reset):
        inode = os.stat(vm.nvram()).st_ino
        run_as(OTHER, f"os.chmod({vm.nvram()!r}, {mode})")
        change()
        kept = next(state for state in map(os.stat, (vm.nvram(), *vm.backups()))
                    if state.st_ino == inode)
        assert (kept.st_mode & 0o7777, kept.st_uid, kept.st_gid) == (mode & 0o777, OTHER, OTHER)
    assert vm.export(backup=True) == content


@pytest.mark.parametrize("mode", [0, 0o400])
def test_owner_changes_the_mode(vms, vm, mode):
    run_as(OTHER, f"os.chmod({vm.nvram()!r}, {mode})")
    assert vms.prepare("vm", owner=OTHER)["pinned"] is True
    content = vm.export()
    vms.prepare("vm", machine="pc-q35-7.2", owner=OTHER)
    vm.rebind()
    vm.reset()
    assert vm.export(backup=True) == content
    vm.remove()


def test_owner_names_another_file(vms):
    vm = vms.make("vm", owner=OTHER, nvram_format="qcow2")
    run_as(OTHER, f"f = open({vm.nvram()!r}, 'r+b'); f.seek(8); f.write(b'\\0' * 6 + b'\\4\\0')")
    with raises(UNUSABLE):
        vms.prepare("vm", owner=OTHER)


def test_file_lease(vms):
    vm = vms.make("vm", owner=OTHER)
    child = start_as(OTHER, f"""
import signal
signal.signal(signal.SIGIO, signal.SIG_IGN)
fd = os.open({vm.nvram()!r}, os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
print('leased', flush=True)
sys.stdin.read()
""")
    assert child.stdout.readline() == "leased\n"
    with raises(IN_USE):
        vms.prepare("vm", owner=OTHER)
    child.communicate("")
    vms.prepare("vm", owner=OTHER)


def test_owners_qemu_passes(vms, vm):
    assert run_as(OTHER, f"print(open({vm.nvram()!r}, 'r+b').read(4) != b'')") == ["True"]
