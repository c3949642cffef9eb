# SPDX-License-Identifier: LGPL-2.1-or-later
"""Firmware that runs, and what it says on its serial console."""

from . import wait
from .qemu import Qemu

# An emulated guest on a slow, busy machine.
PATIENCE = 300
SHELL = b"UEFI Interactive Shell"


def boots_to(service, architecture, arguments, text, extra=()):
    """Run QEMU until the console holds text; returns the console."""
    console = service.directory / "console"
    console.touch()
    with Qemu(architecture, arguments, run=True,
              extra=["-serial", f"file:{console}", *extra]) as qemu:
        def seen():
            assert qemu.process.poll() is None, qemu.error_text()
            return text in console.read_bytes()

        try:
            wait.until(seen, f"{text} on the console", PATIENCE, interval=0.2)
        except AssertionError as error:
            status = qemu.execute("query-status")["status"]
            raise AssertionError(f"{error}; QEMU is {status}, and the console ends with "
                                 f"{console.read_bytes()[-400:]}") from None
    return console.read_bytes()
