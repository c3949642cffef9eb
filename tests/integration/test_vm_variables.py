# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a guest's firmware wrote into its NVRAM stays, byte for byte, and boots again."""

import os
from pathlib import Path

import pytest

from lib import vmstate, wait
from lib.qemu import Qemu
from lib.vms import VMs

DEBIAN = "/usr/share/qemu/firmware"
PATIENCE = 300
SHELL = b"UEFI Interactive Shell"


class Guests:
    """VMs of OVMF on q35 over Debian's own descriptors."""

    def __init__(self, service):
        self.service = service
        self.start()

    def start(self):
        self.vms = VMs(self.service.start_with_qemu(search_path=[DEBIAN]))

    def restart(self):
        self.service.daemons.pop().stop()
        self.start()

    def prepare(self, name, **given):
        return self.vms.prepare(name, machine="q35", without_features=["secure-boot"],
                                render=["qemu"], lease=True, **given)

    def boot(self, name, **given):
        """Boot to the firmware's own shell; returns the path of the NVRAM."""
        resolution = self.prepare(name, **given)
        console = self.service.directory / f"console-{name}"
        console.write_bytes(b"")
        try:
            qemu = Qemu("x86_64", resolution["qemu-arguments"], run=True,
                        pass_fds=[resolution["lease"]], extra=["-serial", f"file:{console}"])
        finally:
            os.close(resolution["lease"])
        with qemu:
            def seen():
                assert qemu.process.poll() is None, qemu.error_text()
                return SHELL in console.read_bytes()

            wait.until(seen, f"{name} is in the shell", PATIENCE, interval=0.1)
            qemu.execute("quit")
            qemu.process.wait(120)
        return Path(resolution["nvram"]["filename"])

    def vm(self, name):
        return self.vms.find(name)


@pytest.fixture
def guests(service):
    return Guests(service)


@pytest.fixture
def written(guests):
    """(path, bytes) of an NVRAM that a guest's firmware has written to."""
    resolution = guests.prepare("guest")
    os.close(resolution["lease"])
    assert resolution["nvram"]["created"]
    nvram = Path(resolution["nvram"]["filename"])
    template = nvram.read_bytes()
    assert template == Path(resolution["nvram-template"]["filename"]).read_bytes()
    assert guests.boot("guest") == nvram
    data = nvram.read_bytes()
    assert data != template and len(data) == len(template)
    return nvram, data


def test_variables_survive_all_that_keeps_or_copies_them(guests, written):
    nvram, data = written
    wanted = vmstate.digest(data)

    guests.restart()
    resolution = guests.prepare("guest")
    os.close(resolution["lease"])
    assert resolution["pinned"] and not resolution["nvram"]["created"]
    assert resolution["nvram"]["filename"] == str(nvram)
    assert vmstate.file_digest(nvram) == wanted

    exported = guests.vm("guest").export()
    assert vmstate.digest(exported) == wanted

    guests.vm("guest").clone("clone")
    copy = nvram.parent.parent / "clone" / nvram.name
    assert vmstate.file_digest(copy) == wanted

    guests.vm("guest").reset()
    assert vmstate.file_digest(nvram) != wanted
    assert vmstate.digest(guests.vm("guest").export(backup=True)) == wanted
    guests.vm("guest").import_nvram(exported)
    assert vmstate.file_digest(nvram) == wanted

    guests.vms.import_vm("imported", "x86_64", "q35", exported, without_features=["secure-boot"])
    assert vmstate.file_digest(nvram.parent.parent / "imported" / nvram.name) == wanted

    guests.vm("imported").rename("renamed")
    assert vmstate.file_digest(nvram.parent.parent / "renamed" / nvram.name) == wanted

    guests.restart()
    for name in ("guest", "clone", "renamed"):
        assert vmstate.digest(guests.vm(name).export()) == wanted
    assert {state for _, state, _ in guests.vms.listed().values()} == {"ready"}

    # Only the clone's own file may change now.
    assert guests.boot("clone", create="never") == copy
    assert vmstate.file_digest(nvram) == wanted


def test_variables_survive_conversion_to_qcow2(guests, written):
    _, data = written
    guests.vms.import_vm("converted", "x86_64", "q35", data, without_features=["secure-boot"],
                         format="raw", nvram_format="qcow2")
    nvram = guests.boot("converted", create="never")
    assert nvram.read_bytes()[:4] == b"QFI\xfb"
