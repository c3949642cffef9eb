# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page about migrating a script: both scripts are run as printed, and the guest boots."""

import os
import subprocess

import pytest

from lib import manpage, paths, wait
from lib.cli import FAILURE, binary
from lib.vms import OWNER, VMs

PAGE = paths.REPOSITORY / "docs" / "migrating-a-script.md"
# what the firmware says when it has found nothing to boot
BANNER = b"UEFI Interactive Shell"
PATIENCE = 300


class Script:
    """One of the page's scripts, for a QEMU that nobody looks at."""

    def __init__(self, service, environment, name, vm, before=()):
        self.console = service.directory / f"console-{name}"
        self.console.touch()
        path = service.directory / name
        path.write_text(manpage.files(PAGE)[name])
        path.chmod(0o755)
        self.errors = service.directory / f"errors-{name}"
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [*before, path, vm, "-display", "none", "-nodefaults", "-no-user-config", "-serial",
                 f"file:{self.console}"], env=environment, stdin=subprocess.DEVNULL,
                stdout=errors, stderr=errors)

    def boots(self):
        def seen():
            assert self.process.poll() is None, self.errors.read_text()
            return BANNER in self.console.read_bytes()

        wait.until(seen, "the firmware's banner", PATIENCE, interval=0.2)

    def end(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def environment(service, cli):
    service.start_with_qemu(default_layers=True)
    return {**cli.environment, "VM_DIR": str(service.directory / "vms"),
            "PATH": f"{os.path.dirname(binary())}:{os.environ['PATH']}"}


def test_script_before_and_after(service, environment, cli):
    before = Script(service, environment, "before.sh", "web")
    try:
        before.boots()
    finally:
        before.end()
    old = service.directory / "vms" / "web" / "OVMF_VARS.fd"
    written = old.read_bytes()

    example, = [each for each in manpage.examples(PAGE) if each.needs == {"old-vm"}]
    manpage.run(example, environment, service.directory)
    vm = VMs(service.client).at("start-vm:web")
    assert vm.read() == written

    after = Script(service, environment, "after.sh", "web")
    try:
        after.boots()
        assert vm.get("InUse")
        # a second start is refused
        second = subprocess.run([service.directory / "after.sh", "web"], env=environment,
                                stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        assert second.returncode == FAILURE and "its lease is held" in second.stderr
    finally:
        after.end()
    wait.until(lambda: not vm.get("InUse"), "the lease is given back")
    assert cli("vms", "--names") == "start-vm:web\n"


@pytest.fixture
def alone(service, environment):
    """As a job of cron or CI has it: no bus, and no session."""
    home = service.directory / "home"
    home.mkdir()
    kept = {key: value for key, value in environment.items()
            if not key.startswith(("DBUS_", "XDG_")) and key != "HOME"}
    return {**kept, "HOME": str(home),
            "XDG_DATA_DIRS": f"{paths.daemon_prefix() / 'share'}:/usr/share"}


def test_an_ordinary_user_without_a_session(service, alone):
    """In a user namespace, where the owner of these files is no root; all end with its first
    process."""
    user = ["unshare", "--user", f"--map-user={OWNER}", f"--map-group={OWNER}", "--pid", "--fork",
            "--kill-child", "dbus-run-session", "--"]
    after = Script(service, alone, "after.sh", "job", before=user)
    try:
        after.boots()
        state = service.directory / "home" / ".local" / "state" / "vmfirmwared"
        assert [path.name for path in state.glob("vms/*/*")] == ["start-vm:job"]
    finally:
        after.end()


def test_example_of_ci(service, alone):
    example, = [each for each in manpage.examples(PAGE) if each.needs == {"session"}]
    manpage.run(example, alone, service.directory)
