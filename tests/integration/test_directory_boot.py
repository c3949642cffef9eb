# SPDX-License-Identifier: LGPL-2.1-or-later
"""A VM in a directory boots Debian's OVMF, and keeps what the guest's firmware wrote."""

import json
import os
import subprocess

import pytest

from lib import wait
from lib.cli import FAILURE, Cli

PATIENCE = 300
SHELL = b"UEFI Interactive Shell"
PLACES = ["--search-path=/usr/share/qemu/firmware"]


@pytest.fixture
def cli(bus, tmp_path):
    made = Cli(bus, tmp_path)
    made.environment["XDG_CACHE_HOME"] = str(tmp_path / "cache")
    return made


class Guest:
    """It runs with the lease of its directory until it is ended."""

    def __init__(self, cli, directory, console):
        self.console = console
        console.write_bytes(b"")
        self.process = cli.start(
            "run", f"--directory={directory}", *PLACES, "x86_64", "q35",
            "--without-feature=secure-boot", "--", "qemu-system-x86_64", "-nodefaults",
            "-no-user-config", "-display", "none", "-accel", "tcg", "-m", "256",
            "-serial", f"file:{console}")

    def __enter__(self):
        def seen():
            assert self.process.poll() is None, self.process.stderr.read()
            return SHELL in self.console.read_bytes()

        wait.until(seen, "the firmware is in its shell", PATIENCE, interval=0.2)
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        self.process.communicate(timeout=PATIENCE)


def boot_entries(cli, directory):
    return cli.json("boot", f"{directory}/nvram.raw")["boot-entries"]


def test_variables_last_and_a_copy_is_another_vm(cli, tmp_path):
    home, copy, console = tmp_path / "home", tmp_path / "copy", tmp_path / "console"
    with Guest(cli, home, console):
        for verb in ("reset", "remove"):
            assert "lease is held" in cli.fails(FAILURE, verb, f"--directory={home}", *PLACES)
    entries = boot_entries(cli, home)
    assert entries
    written = (home / "nvram.raw").read_bytes()
    with open("/usr/share/OVMF/OVMF_VARS_4M.fd", "rb") as template:
        assert written != template.read()

    subprocess.run(["cp", "-a", home, copy], check=True)
    with Guest(cli, home, console):
        # the lease is the original's alone
        cli("reset", f"--directory={copy}", *PLACES)
        with Guest(cli, copy, tmp_path / "console-of-copy"):
            assert cli.json("vm", f"--directory={copy}", *PLACES)["in-use"]
    assert boot_entries(cli, home) == entries
    pins = [json.loads((place / "pin.json").read_text()) for place in (home, copy)]
    assert pins[0] == pins[1] and "backup-1.raw" in os.listdir(copy)
