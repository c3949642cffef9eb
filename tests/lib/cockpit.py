# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cockpit in the test machine, with Debian's packages."""

from . import archives
from .machine import PASSWORD

PACKAGES = ("cockpit-ws", "cockpit-bridge", "cockpit-system", "sudo")


def install(machine, users):
    """root and these users can log in, with the password."""
    archives.install(machine, *PACKAGES)
    machine.shell("systemctl start cockpit.socket; : >/etc/cockpit/disallowed-users; chpasswd",
                  text="".join(f"{user}:{PASSWORD}\n" for user in ("root", *users)))
