# SPDX-License-Identifier: LGPL-2.1-or-later
"""One machine for all tests, with the package installed, and its users."""

from types import SimpleNamespace

import pytest

from lib import libvirtd, package, wait
from lib.machine import PASSWORD, STATE, UNIT, Machine

# alice and bob are nobody in particular; carol may become root; dave keeps VMs by the example rule
USERS = ("alice", "bob", "carol", "dave")


@pytest.fixture(scope="session")
def changes(tmp_path_factory):
    return package.build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="session")
def machine(changes):
    made = Machine()
    try:
        made.install(package.deb_of(changes))
        # from version 126 on its unit limits how often it may be started
        made.shell("mkdir -p /run/systemd/system/polkit.service.d; printf "
                   "'[Unit]\\nStartLimitIntervalSec=0\\n' "
                   ">/run/systemd/system/polkit.service.d/test.conf; systemctl daemon-reload")
        made.shell("groupadd vmkeepers; for user in " + " ".join(USERS) + "; do "
                   "useradd --create-home --shell /bin/bash $user; done; "
                   "usermod --append --groups sudo carol; "
                   "usermod --append --groups vmkeepers dave; "
                   f"echo carol:{PASSWORD} | chpasswd")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def uids(machine):
    return SimpleNamespace(root=0, **{user: int(machine.output("id", "-u", user))
                                      for user in USERS})


def stop(machine):
    """A call starts the service again, and cancels the stop; a page that is open still asks."""
    wait.pause_until(lambda: machine.run("systemctl", "stop", UNIT, check=False).returncode == 0,
                     "the service is stopped")


@pytest.fixture
def stopped(machine):
    """No service, no VMs, as after the installation."""
    stop(machine)
    machine.run("systemctl", "reset-failed", UNIT, check=False)
    machine.shell(f"rm -rf {STATE}/*")
    yield machine
    stop(machine)


@pytest.fixture
def started(stopped):
    stopped.run("systemctl", "start", UNIT)
    return stopped


@pytest.fixture(scope="session")
def agents(machine):
    """Whom there is to ask; of the two sessions on the one seat, alice's is the active one."""
    made = SimpleNamespace(
        root=machine.agent(), inactive=machine.agent("bob", seat="seat0"),
        active=machine.agent("alice", seat="seat0"), remote=machine.agent("alice", ssh=True),
        alone=machine.agent("bob"), admin=machine.agent("carol"), keeper=machine.agent("dave"))
    states = {session: machine.output("loginctl", "show-session", session, "--property=Active",
                                      "--property=Seat")
              for session in (made.inactive.session, made.active.session)}
    assert states == {made.inactive.session: "Seat=seat0\nActive=no",
                      made.active.session: "Seat=seat0\nActive=yes"}
    return made


@pytest.fixture(scope="session")
def host(machine):
    """One with libvirtd."""
    libvirtd.install(machine)
    return machine


@pytest.fixture
def make(host, started):
    """Defines a domain of a VM of the service."""
    made = []

    def define(name="one", uuid="5a1cbb06-6d1f-4b5e-8b8e-1d5f5d7f0001", *words, elements=None):
        elements = elements or libvirtd.prepare(host, uuid, *words)
        made.append(libvirtd.Domain(host, name, uuid, elements))
        return made[-1]
    yield define
    for domain in made:
        domain.remove()
    host.run("systemctl", "start", "libvirtd")
