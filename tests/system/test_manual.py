# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of the manual that need a booted systemd, and the journal there."""

import json
import os

import pytest

from lib import manpage, paths

EXAMPLES = [example for page in sorted((paths.REPOSITORY / "docs" / "man").glob("*.rst"))
            for example in manpage.examples(page) if "systemd" in example.needs]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example(started, example, tmp_path):
    manpage.run(example, os.environ, tmp_path, shell=started.command("bash", "-c"))


def test_there_are_examples():
    assert EXAMPLES


def published(machine, *options):
    """What the journal says of the first catalog. journald writes it down when it comes to it."""
    return machine.wait_for(lambda: machine.output(
        "journalctl", *options, "--quiet", "--lines=1", "--identifier=vmfirmwared",
        f"_PID={machine.main_pid()}", "MESSAGE_ID=5a5d4ae69d1e48bea6974edea512a3ba", check=False),
        "the catalog is in the journal")


def test_log_of_the_unit_in_the_journal(started):
    """The service's own entries, with its own fields: not lines of its standard error."""
    entry = json.loads(published(started, "--output=json"))
    assert entry["VMFIRMWARE_GENERATION"] == "1"
    assert entry["_TRANSPORT"] == "journal"
    assert entry["_SYSTEMD_UNIT"] == "vmfirmwared.service"


def test_the_journals_catalog_is_installed(started):
    assert "Firmware catalog 1 is in force" in published(started, "--catalog")


def test_hangup_is_a_reload(started):
    started.shell("mkdir -p /etc/qemu/firmware; touch /etc/qemu/firmware/60-edk2-x86_64.json")
    try:
        started.run("systemctl", "kill", "--kill-who=main", "--signal=HUP", "vmfirmwared.service")
        started.wait_for(lambda: started.run(
            "busctl", "call", "org.vmfirmware1", "/org/vmfirmware1", "org.vmfirmware1.Manager",
            "GetFirmware", "s", "60-edk2-x86_64", check=False).returncode, "the catalog follows")
        assert started.show("ActiveState") == "active"
    finally:
        started.run("rm", "/etc/qemu/firmware/60-edk2-x86_64.json")


def test_log_level_is_for_root(started):
    """Over the bus's own policy, and past it."""
    command = ("busctl", "set-property", "org.vmfirmware1", "/org/freedesktop/LogControl1",
               "org.freedesktop.LogControl1", "LogLevel", "s", "debug")
    assert started.run("runuser", "--user", "alice", "--", *command, check=False).returncode
    get = ("systemctl", "service-log-level", "vmfirmwared.service")
    assert started.output(*get) == "info"
    started.run(*command)
    assert started.output(*get) == "debug"
