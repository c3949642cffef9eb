# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the service is: buses, other hosts, containers; and who may ask it."""

import os

import pytest

from lib import images
from lib.bus import PrivateBus
from lib.cli import FAILURE, Cli
from lib.fakepolkit import CHALLENGE, NO, YES, FakePolkit
from lib.vms import OWNER, VMs

OWN, RELOAD = "org.vmfirmware1.manage-own-vms", "org.vmfirmware1.reload"


def test_a_service_that_does_not_run(service, cli):
    for words in (["--system", "list"], ["vms"], ["prepare", "a", "x86_64", "q35"]):
        text = cli.fails(FAILURE, *words)
        assert "system bus" in text and "'systemctl start vmfirmwared'" in text


def test_a_bus_that_is_not_there(tmp_path, service, cli):
    cli.environment["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={tmp_path}/none"
    assert "'systemctl start vmfirmwared'" in cli.fails(FAILURE, "--system", "list")
    text = cli.fails(FAILURE, "--user", "list")
    assert "session bus" in text and "'systemctl --user start vmfirmwared'" in text


def test_session_bus(service):
    session = PrivateBus("session")
    try:
        service.bus = session
        service.stateless("50-user")
        service.start(kind="user", environment={"HOME": str(service.directory)})
        cli = Cli(session, service.directory, "user")
        assert cli("--user", "list", "--names") == "50-user\n"
        cli.environment["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent"
        cli.fails(FAILURE, "vms")
        cli.fails(FAILURE, "--system", "list")
    finally:
        service.close()
        service.daemons.clear()
        session.close()


@pytest.fixture
def ssh(bus, service, cli):
    """The ssh that libsystemd finds first: it runs the command here, not on another host. Everything
    else is real: libsystemd's way to start it, and systemd-stdio-bridge at the other end."""
    directory = service.directory / "ssh"
    directory.mkdir()
    program = directory / "ssh"
    program.write_text(f"""#!/bin/sh
echo "$@" >>{directory}/log
while [ "$1" != -- ]; do shift; done
[ "$2" = away ] && exit 255
shift 2
[ "$1" = systemd-stdio-bridge ] && exec systemd-stdio-bridge --bus-path={bus.address}
exit 127
""")
    program.chmod(0o755)
    cli.environment["PATH"] = f"{directory}:{os.environ['PATH']}"
    # so that nothing is asked here
    cli.environment["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent"
    return directory / "log"


def test_a_command_for_another_host(service, cli, ssh):
    """What is suggested asks there, too."""
    images.copy("/usr/share/OVMF/OVMF_VARS_4M.ms.fd",
                service.ovmf("50-secure", features=["secure-boot"])[1])
    service.start()
    status, _, errors = cli.raw("-H", "root@there", "prepare", "a", "x86_64", "q35")
    assert status == 0
    assert "'vmfirmwarectl --host=root@there enroll a microsoft-2023' adds the new ones" in errors


def test_another_host(service, cli, ssh):
    service.ovmf("50-ovmf")
    vms = VMs(service.start())
    assert cli("-H", "root@there", "list", "--names") == "50-ovmf\n"
    assert "root@there" in ssh.read_text()
    assert cli.json("--host=there", "select", "x86_64", "q35")["name"] == "50-ovmf"
    cli("--host=there", "prepare", "a", "x86_64", "q35")
    cli("--host=there", "remove", "a")
    vms.make("a")
    for words in (["export", "a", "file"], ["import", "a", "/dev/null"],
                  ["import", "b", "x86_64", "q35", "/dev/null"],
                  ["run", "a", "x86_64", "q35", "--", "true"],
                  ["prepare", "b", "x86_64", "q35", "--nvram-template=/dev/null"],
                  ["reset", "a", "--nvram-template=/dev/null"]):
        text = cli.fails(FAILURE, "-H", "there", *words)
        assert "do not pass over ssh" in text
        assert f"ssh there vmfirmwarectl {words[0]}" in text


def test_a_host_that_is_away(service, cli, ssh):
    text = cli.fails(FAILURE, "-H", "away", "list")
    assert "away" in text and "ssh away systemd-stdio-bridge" in text


def test_a_service_that_does_not_run_there(service, cli, ssh):
    text = cli.fails(FAILURE, "-H", "there", "list")
    assert "on there" in text and "installed" in text


def test_a_container_that_is_not_there(service, cli):
    """A container to ask needs systemd-machined; this machine has none to answer for one."""
    text = cli.fails(FAILURE, "--machine=nonesuch", "list")
    assert "in nonesuch" in text and "systemctl -M nonesuch start vmfirmwared" in text


@pytest.fixture
def polkit(own_bus, service):
    service.bus = own_bus
    service.ovmf("50-ovmf")
    made = FakePolkit(own_bus)
    service.start()
    yield made
    service.close()
    service.daemons.clear()
    made.close()


def test_polkit_is_asked_twice_at_most(own_bus, service, polkit):
    """First without a person, then with one, unless --no-ask-password forbids it."""
    cli = Cli(own_bus, service.directory).for_any_uid()
    as_owner = {"user": OWNER, "group": OWNER, "extra_groups": []}
    words = ["prepare", "a", "x86_64", "q35"]
    cli.raw(*words, **as_owner)
    assert polkit.asked == [(OWN, 0)]

    polkit.asked.clear()
    polkit.answers[OWN] = CHALLENGE
    text = cli.fails(FAILURE, *words, **as_owner)
    assert polkit.asked == [(OWN, 0), (OWN, 1)] and "in a terminal" in text

    polkit.asked.clear()
    text = cli.fails(FAILURE, *words, "--no-ask-password", **as_owner)
    assert polkit.asked == [(OWN, 0)] and "in a terminal" in text

    polkit.answers[OWN] = NO
    assert "as root" in cli.fails(FAILURE, *words, **as_owner)
    polkit.answers[RELOAD] = YES
    assert cli("reload", **as_owner) == ""
