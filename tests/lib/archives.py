# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's packages for the test machine alone: on this one they would start services."""

import shutil
import subprocess

from . import paths

ARCHIVES = paths.REPOSITORY / "build" / "archives"


def download(packages):
    """The packages and what they depend on, beyond what is installed here."""
    directory = ARCHIVES / packages[0]
    (directory / "partial").mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["apt-get", "install", "--yes", "--no-install-recommends", "--download-only",
         f"--option=Dir::Cache::archives={directory}", *packages],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=600)
    return sorted(directory.glob("*.deb"))


def install(machine, *packages):
    directory = f"/root/archives-{packages[0]}"
    machine.path(directory).mkdir()
    for archive in download(packages):
        shutil.copy(archive, machine.path(directory))
    machine.shell(f"set -- {directory}/*.deb; if [ -e \"$1\" ]; then dpkg --install \"$@\"; fi",
                  seconds=600)
