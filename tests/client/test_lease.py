# SPDX-License-Identifier: LGPL-2.1-or-later
"""lease: held for a program that does not hold it itself."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from lib import paths, wait
from lib.cli import FAILURE, USAGE
from lib.locks import locked_as_by_qemu
from lib.vms import VMs


@pytest.fixture
def vm(service):
    service.ovmf("50-ovmf")
    return VMs(service.start()).make("vm")


@pytest.fixture
def start(cli):
    """Starts a lease, and ends it with the test."""
    started = []

    def begin(*words):
        started.append(cli.start("lease", "vm", *words))
        return started[-1]
    yield begin
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def ready(service, cli):
    """Waits until a lease says that it is held."""
    path = service.directory / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.settimeout(60)
        cli.environment["NOTIFY_SOCKET"] = str(path)
        yield lambda: notify.recv(4096).split(b"\n").index(b"READY=1") + 1


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "infinity"])
    yield process
    process.kill()
    process.wait()


def held(vm):
    return wait.until(lambda: vm.get("InUse"), "the lease is held")


def given_back(vm):
    return wait.until(lambda: not vm.get("InUse"), "the lease is given back")


def test_until_it_is_ended(vm, cli, start):
    process = start()
    held(vm)
    assert "stop the virtual machine first" in cli.fails(FAILURE, "lease", "vm")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    given_back(vm)


def test_while_a_command_runs(vm, cli):
    text = cli("lease", "vm", "--", sys.executable, "-c",
               "import os; print([os.readlink(f'/proc/self/fd/{n}') for n in range(3, 64)"
               " if os.path.exists(f'/proc/self/fd/{n}')])")
    assert text == f"['{vm.directory()}/lock']\n"
    assert cli.raw("lease", "vm", "--", "sh", "-c", "exit 42")[0] == 42
    given_back(vm)


def test_while_a_process_lives(vm, start, sleeper):
    process = start(f"--pid={sleeper.pid}")
    held(vm)
    sleeper.kill()
    assert process.wait(30) == 0
    given_back(vm)


def test_of_a_qemu_that_runs(vm, start, sleeper, ready):
    with locked_as_by_qemu(vm.nvram()):
        process = start(f"--pid={sleeper.pid}")
        assert ready()
    assert vm.get("InUse")
    sleeper.kill()
    assert process.wait(30) == 0
    given_back(vm)


def test_in_a_directory(service, cli, ready, sleeper):
    service.ovmf("50-ovmf")
    home = service.directory / "home"
    words = [f"--directory={home}", f"--search-path={service.vendor}",
             f"--machines={paths.machines_directory()}"]
    cli("prepare", "x86_64", "q35", *words)
    with locked_as_by_qemu(home / "nvram.raw"):
        process = cli.start("lease", f"--pid={sleeper.pid}", *words)
        assert ready()
    assert "its lease is held" in cli.fails(FAILURE, "lease", *words)
    sleeper.kill()
    assert process.wait(30) == 0


def test_of_a_pid_file(service, vm, start, sleeper):
    """It holds the lease before there is a process, takes no half of a number, and ends with it."""
    pid_file = service.directory / "qemu.pid"
    process = start(f"--pid-file={pid_file}")
    held(vm)
    pid_file.write_text("1")
    pid_file.write_text(f"{sleeper.pid}\n")
    sleeper.kill()
    assert process.wait(30) == 0
    given_back(vm)


def test_tells_systemd_when_it_is_held(vm, start, ready):
    start()
    assert ready() and vm.get("InUse")


@pytest.mark.parametrize("words, status, text", [
    (["--pid=0"], USAGE, "--pid=0: it is no process ID"),
    (["--pid=x"], USAGE, "--pid=x: it is no process ID"),
    (["--pid=1", "--", "true"], USAGE, "exclude each other"),
    (["--pid=1", "--pid-file=x"], USAGE, "exclude each other"),
    (["--", "nonesuch"], FAILURE, "nonesuch: no such command"),
])
def test_what_cannot_end_it(vm, cli, words, status, text):
    assert text in cli.fails(status, "lease", "vm", *words)
    assert not vm.get("InUse")


def test_process_that_has_ended(vm, cli):
    process = subprocess.Popen(["true"])
    process.wait()
    text = cli.fails(FAILURE, "lease", "vm", f"--pid={process.pid}")
    assert f"--pid={process.pid}: " in text and os.strerror(3) in text


def test_vm_that_is_not_there(vm, cli):
    assert "lease other: " in cli.fails(FAILURE, "lease", "other")
