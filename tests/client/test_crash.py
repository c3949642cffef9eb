# SPDX-License-Identifier: LGPL-2.1-or-later
"""A change without a service, of a VM in a directory or of a plain file, that is killed, or fails,
at any one of its system calls: what is there is as before or as after."""

import os
import shutil
import subprocess

import pytest

from lib import edk2, faults, images, paths, vmstate

# of OVMF; Debian 13 has no smaller one
TEMPLATE, CODE_SIZE = next((path, size) for path, size in (
    ("/usr/share/OVMF/OVMF_VARS.fd", images.OVMF_2M_CODE),
    ("/usr/share/OVMF/OVMF_VARS_4M.fd", images.OVMF_4M_CODE)) if os.path.exists(path))
OURS = "11111111-2222-3333-4444-555555555555"
PREPARE = ["prepare", "x86_64", "q35"]
OPERATIONS = {
    "prepare": PREPARE,
    "reset": ["reset"],
    "rebind": ["rebind", "--firmware=60-second", "--reset"],
    "convert": ["rebind", "--firmware=70-store", "--convert"],
    "restore": ["restore", "1"],
    "change": ["set-variable", OURS, "New", "value", "--yes"],
    "recover": PREPARE,
    "good-copy": PREPARE,
    "remove": ["remove"],
}
FAULTS = {"killed": ["signal=KILL"], "failing": ["error=ENOSPC", "error=EIO"]}
# leaks are looked for by ptrace(2), which strace has taken
TRACED = {"ASAN_OPTIONS": "detect_leaks=0"}


class Files:
    """Directories with the same content, in each of which a command is run once."""

    def __init__(self, service, cli):
        self.top, self.cli = service.directory, cli
        cli.environment["XDG_CACHE_HOME"] = str(self.top / "cache")
        cli.environment["PATH"] = f"{service.no_programs}:/usr/bin:/bin"
        self.environment = cli.environment | TRACED | faults.CALLS_ALIKE
        self.base = self.top / "base"
        self.base.mkdir()
        (self.top / "value").write_bytes(b"value")

    def copy(self, name):
        subprocess.run(["cp", "-a", self.base, self.top / name], check=True)
        return self.top / name

    def record(self, command):
        """(points, content afterwards) of one undisturbed run."""
        directory, trace = self.copy("record"), self.top / "trace"
        done = faults.run(command(directory), trace, env=self.environment, cwd=self.top)
        assert done.returncode == 0, done.stderr
        lines = trace.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
        points = faults.points(lines, directory)
        assert len(points) > 5, lines
        return points, content(directory)

    def check_each(self, command, what, check):
        """check(directory, the undisturbed one's content, the disturbed run) of each point."""
        points, after = self.record(command)

        def run(number, point):
            directory = self.copy(f"{number}")
            kinds = FAULTS[what]
            check(directory, after, faults.run_disturbed(
                command(directory), f"{directory}.trace", point, kinds[number % len(kinds)],
                env=self.environment, cwd=self.top))
            shutil.rmtree(directory)

        faults.check_each(points, run)


def content(directory):
    """{path: content, mode, owner, group}"""
    return {str(path.relative_to(directory)): vmstate.describe(path)
            for path in sorted(directory.rglob("*"))}


@pytest.fixture
def files(service, cli):
    return Files(service, cli)


# -- a VM in a directory --------------------------------------------------------------------------


@pytest.fixture
def sources(service):
    code = service.raw("code.fd", CODE_SIZE)
    for name in ("50-first", "60-second"):
        images.copy(TEMPLATE, service.images / f"{name}.fd")
        service.add_pair(name, code, service.images / f"{name}.fd")
    service.uefi_vars("70-store")
    return [f"--search-path={service.vendor}", f"--machines={paths.machines_directory()}"]


def set_up(files, operation, words):
    """A variable that differs from the template, a backup, and no good copy."""
    files.cli(*words(files.base, *PREPARE))
    files.cli(*words(files.base, "set-variable", OURS, "Old", "value", "--yes"))
    if operation == "prepare":
        shutil.rmtree(files.base / "home")
    elif operation == "recover":
        edk2.make_pending(files.base / "home" / "nvram.raw")


@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_directory(files, sources, operation, what):
    def words(directory, verb, *more):
        return [verb, f"--directory={directory}/home", *sources, *more]

    set_up(files, operation, words)
    before = content(files.base)

    def check(directory, after, done):
        home = directory / "home"
        if home.exists() and os.listdir(home):
            # whatever is done next completes or discards what is half done
            files.cli.raw(*words(directory, "vm"))
            assert not [name for name in os.listdir(home) if name.startswith(".")]
        found = content(directory)
        if found.keys() <= {"home", "home/lock"}:
            found = {}
        assert found in (before, after), found
        assert done.returncode != 0 or found == after or operation == "good-copy"

    files.check_each(lambda directory: files.cli.command(*words(directory, *OPERATIONS[operation])),
                     what, check)


# -- a file ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", FAULTS)
def test_file(files, what):
    """Also where a firmware's write was half done."""
    def command(directory):
        return files.cli.command("set-variable", directory / "store.fd", OURS, "New", "value",
                                 "--yes")

    images.copy(TEMPLATE, files.base / "store.fd")
    edk2.make_pending(files.base / "store.fd")
    os.chmod(files.base / "store.fd", 0o640)
    os.chown(files.base / "store.fd", 1, 2)
    before = content(files.base)["store.fd"]

    def check(directory, after, done):
        found = content(directory)
        store = found.pop("store.fd")
        assert store in (before, after["store.fd"])
        assert not found or what == "killed"
        assert done.returncode != 0 or store == after["store.fd"]
        files.cli(*command(directory)[1:])
        assert content(directory) == after

    files.check_each(command, what, check)
