# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirtd in the test machine, with Debian's packages, and domains of it."""

import shutil
import subprocess
from pathlib import Path

from . import paths

PACKAGES = ("libvirt-daemon-system", "libvirt-daemon-driver-qemu", "virtinst")
ARCHIVES = paths.REPOSITORY / "build" / "archives"
# the machine is a container: no cgroups of its own, no security driver of the kernel
CONFIGURATION = 'security_driver = "none"\ncgroup_controllers = []\n'


def download():
    """The packages and what they depend on, beyond what is installed here."""
    (ARCHIVES / "partial").mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["apt-get", "install", "--yes", "--no-install-recommends", "--download-only",
         f"--option=Dir::Cache::archives={ARCHIVES}", *PACKAGES],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=600)
    return sorted(ARCHIVES.glob("*.deb"))


def install(machine):
    directory = "/root/archives"
    machine.path(directory).mkdir()
    for package in download():
        shutil.copy(package, machine.path(directory))
    machine.shell(f"dpkg --install {directory}/*.deb", seconds=600)
    with open(machine.path("/etc/libvirt/qemu.conf"), "a", encoding="utf-8") as configuration:
        configuration.write(CONFIGURATION)
    machine.run("systemctl", "restart", "libvirtd")
    machine.run("virsh", "version")


class Domain:
    """A domain that is defined by the elements that the service renders; started, it stands still."""

    def __init__(self, machine, name, uuid, elements):
        self.machine = machine
        self.name = name
        self.uuid = uuid
        self.define(elements)

    def define(self, elements):
        path = f"/root/{self.name}.xml"
        self.machine.path(path).write_text(
            f"<domain type='qemu'><name>{self.name}</name><uuid>{self.uuid}</uuid>"
            f"<memory unit='MiB'>64</memory><vcpu>1</vcpu>{elements}<devices>"
            "<emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>",
            encoding="utf-8")
        self.machine.run("virsh", "define", path)

    def virsh(self, verb, *words, **options):
        return self.machine.run("virsh", verb, self.name, *words, **options)

    def start(self, **options):
        return self.virsh("start", "--paused", **options)

    def refused(self):
        """What virsh says of a start that fails."""
        done = self.start(check=False)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def pid(self):
        return int(Path(self.machine.path(f"/run/libvirt/qemu/{self.name}.pid")).read_text(
            encoding="ascii"))

    def state(self):
        return self.virsh("domstate").stdout.strip()

    @property
    def unit(self):
        return f"vmfirmwared-lease-{self.uuid}.service"

    def has_unit(self):
        return self.machine.output("systemctl", "is-active", self.unit, check=False) == "active"

    def remove(self):
        self.virsh("destroy", check=False)
        self.virsh("managedsave-remove", check=False)
        self.virsh("undefine", "--keep-nvram", check=False)
