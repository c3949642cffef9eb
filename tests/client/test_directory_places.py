# SPDX-License-Identifier: LGPL-2.1-or-later
"""--directory in places of all kinds: mount points, and file systems that cannot do everything."""

import os
import subprocess

import pytest

from lib import paths
from lib.cli import FAILURE

# leaks are looked for by ptrace(2), which strace has taken
TRACED = {"ASAN_OPTIONS": "detect_leaks=0"}
PREPARE = ["prepare", "x86_64", "q35"]
# each changes the files; the last leaves nothing
CALLS = [PREPARE, ["reset"], ["rebind", "--firmware=60-second", "--reset"], ["vm"],
         ["export", "x.fd"], ["import", "x.fd"], ["pack", "x.pack"], ["remove"]]


class Place:
    def __init__(self, service, cli):
        self.service, self.cli = service, cli
        self.path = service.directory / "parent" / "home"
        self.path.parent.mkdir()

    def words(self, verb, *words):
        return [verb, f"--directory={self.path}", f"--search-path={self.service.vendor}",
                f"--machines={paths.machines_directory()}", *words]

    def without(self, faults, *words):
        """(status, errors) where system calls fail: {name: error}."""
        injections = [word for name, error in faults.items()
                      for word in ("-e", f"inject={name}:error={error}")]
        command = self.cli.command(*self.words(*words))
        done = subprocess.run(
            ["strace", "-f", "-o", "/dev/null", "-e", f"trace={','.join(faults)}", *injections,
             *command], env=self.cli.environment | TRACED, cwd=self.cli.directory, check=False,
            capture_output=True, text=True)
        return done.returncode, done.stderr


@pytest.fixture
def place(service, cli):
    cli.environment["XDG_CACHE_HOME"] = str(service.directory / "cache")
    cli.environment["PATH"] = f"{service.no_programs}:/usr/bin:/bin"
    service.ovmf("50-first", content=b"template")
    service.ovmf("60-second", content=b"another.")
    return Place(service, cli)


def in_namespace(place, mounts):
    """All calls, one after another, where these shell commands have mounted something."""
    script = "set -e\n" + mounts + "\n" + "\n".join(
        subprocess.list2cmdline(place.cli.command(*place.words(*words))) for words in CALLS)
    return subprocess.run(["unshare", "-m", "sh", "-c", script], env=place.cli.environment,
                          cwd=place.cli.directory, check=False, capture_output=True, text=True)


def test_a_mount_point_in_a_parent_that_is_read_only(place):
    """It stays, and is never renamed."""
    done = in_namespace(place, f"""mkdir {place.path}
        mount -t tmpfs -o mode=0700 none {place.path}
        mount --bind -o ro {place.path.parent} {place.path.parent}
        mount --bind -o remount,ro,bind {place.path.parent}
        umount {place.path} 2>/dev/null || true
        mount -t tmpfs -o mode=0700 none {place.path}
        ! touch {place.path.parent}/x 2>/dev/null""")
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(place.path) == []


def test_an_overlay(place):
    for name in ("lower", "upper", "work"):
        (place.service.directory / "layers" / name).mkdir(parents=True)
    layers = place.service.directory / "layers"
    done = in_namespace(place, f"""mkdir {place.path}
        mount -t tmpfs none {layers}
        mkdir {layers}/lower {layers}/upper {layers}/work
        mount -t overlay -o lowerdir={layers}/lower,upperdir={layers}/upper,workdir={layers}/work \\
            none {place.path}""")
    assert (done.returncode, done.stderr) == (0, "")


def test_no_flock(place):
    """As on NFS without a lock daemon: refused, unless the caller does without."""
    faults = {"flock": "EOPNOTSUPP"}
    status, errors = place.without(faults, *PREPARE)
    assert status == FAILURE and "--no-lease" in errors
    assert not place.path.exists()
    for verb, *words in CALLS:
        assert place.without(faults, verb, "--no-lease", *words) == (0, ""), verb
    assert not place.path.exists()


@pytest.mark.parametrize("faults", [
    {"renameat2": "EINVAL"}, {"linkat": "EPERM"}, {"ioctl": "ENOTTY", "copy_file_range": "EXDEV"},
    {"renameat2": "ENOSYS", "linkat": "EOPNOTSUPP", "fallocate": "EOPNOTSUPP"}],
    ids=lambda faults: "-".join(faults))
def test_what_a_file_system_lacks(place, faults):
    """Renaming without replacing, hard links, shared blocks."""
    for words in CALLS:
        assert place.without(faults, *words) == (0, ""), words
    assert not place.path.exists()


def test_no_space(place):
    """The VM stays as it was, and nothing is left of the change."""
    done = in_namespace(place, f"""mkdir {place.path}
        mount -t tmpfs -o size=8k,mode=0700 none {place.path}
        trap 'ls -A {place.path}' EXIT""")
    assert done.returncode == FAILURE and "No space left" in done.stderr
    files = done.stdout.splitlines()[-3:]
    assert sorted(files) == ["lock", "nvram.raw", "pin.json"], done.stdout
