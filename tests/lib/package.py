# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian package of this tree."""

import os
import shutil
import subprocess
from pathlib import Path

from . import paths


def tree_files():
    """What is, or would be, in git; outside a checkout all but what was built."""
    if not shutil.which("git") or not (paths.REPOSITORY / ".git").exists():
        return [str(path.relative_to(paths.REPOSITORY)) for path in paths.REPOSITORY.rglob("*")
                if path.is_file() and path.relative_to(paths.REPOSITORY).parts[0] != "build"]
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={paths.REPOSITORY}", "ls-files", "-z", "--cached",
         "--others", "--exclude-standard"], cwd=paths.REPOSITORY, stdout=subprocess.PIPE, text=True,
        check=True)
    return [name for name in listed.stdout.split("\0")
            if name and (paths.REPOSITORY / name).is_file()]


def copy_tree(destination):
    for name in tree_files():
        target = Path(destination) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(paths.REPOSITORY / name, target)


def run(*words, cwd, **variables):
    done = subprocess.run([str(word) for word in words], cwd=cwd, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          env={**os.environ, **variables})
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-8000:]}"
    return done.stdout


def build(directory):
    """From a copy of the tree below this directory; the .changes, which lies beside the .deb."""
    source = Path(directory) / "source"
    copy_tree(source)
    # the tests in C are run by themselves
    run("dpkg-buildpackage", "--unsigned-source", "--unsigned-changes", "--build=binary",
        cwd=source, DEB_BUILD_OPTIONS="nocheck noautodbgsym")
    return next(Path(directory).glob("*.changes"))


def deb_of(changes, name="vmfirmwared"):
    return next(changes.parent.glob(f"{name}_*.deb"))


def next_version(deb, directory):
    """The same package again, as a later version."""
    unpacked = Path(directory) / "unpacked"
    run("dpkg-deb", "--raw-extract", deb, unpacked, cwd=directory)
    control = unpacked / "DEBIAN" / "control"
    version = run("dpkg-deb", "--field", deb, "Version", cwd=directory).strip()
    text = control.read_text(encoding="utf-8")
    control.write_text(text.replace(f"Version: {version}", f"Version: {version}+next"),
                       encoding="utf-8")
    result = Path(directory) / "next.deb"
    run("dpkg-deb", "--root-owner-group", "--build", unpacked, result, cwd=directory)
    return result
