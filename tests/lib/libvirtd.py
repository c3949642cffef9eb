# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirtd in the test machine, with Debian's packages, and domains of it."""

import json
import subprocess
from pathlib import Path

from . import archives
from .machine import STATE, UNIT, Machine

PACKAGES = ("libvirt-daemon-system", "libvirt-daemon-driver-qemu", "virtinst")
# the machine is a container: no cgroups of its own, no security driver of the kernel
CONFIGURATION = 'security_driver = "none"\ncgroup_controllers = []\n'
# all machines here have the UUID of the real one
TWIN_CONFIGURATION = 'auth_tcp = "none"\nhost_uuid = "5a1cbb06-6d1f-4b5e-8b8e-1d5f5d7fffff"\n'
TWIN_ADDRESS = "10.77.0.2"
IMAGES = "/srv/images"
DESCRIPTOR = "/etc/qemu/firmware/10-mine.json"
# a processor begins 16 bytes before the end of the firmware: cli; hlt; jmp to itself
STAND_STILL = b"\xfa\xf4\xeb\xfd"


def install(machine):
    """libvirtd, and images of firmware that nobody's package has."""
    archives.install(machine, *PACKAGES)
    with open(machine.path("/etc/libvirt/qemu.conf"), "a", encoding="utf-8") as configuration:
        configuration.write(CONFIGURATION)
    machine.run("systemctl", "restart", "libvirtd")
    machine.run("virsh", "version")

    machine.shell(f"mkdir -p /etc/qemu/firmware {IMAGES}; chmod 755 {IMAGES}; cp"
                  f" /usr/share/OVMF/OVMF_CODE_4M.fd /usr/share/OVMF/OVMF_VARS_4M.fd {IMAGES}")
    with open(machine.path(f"{IMAGES}/OVMF_CODE_4M.fd"), "r+b") as image:
        image.seek(-16, 2)
        image.write(STAND_STILL)


def boot_twin(machine):
    """A second host, on a network with the first one, with no VMs and no domains."""
    twin = Machine("vmfirmware-twin", twin=machine)
    try:
        twin.shell(f"systemctl stop {UNIT}; rm -rf {STATE}/*; hostname twin")
        with open(twin.path("/etc/libvirt/libvirtd.conf"), "a", encoding="utf-8") as configuration:
            configuration.write(TWIN_CONFIGURATION)
        twin.shell("systemctl stop libvirtd libvirtd.socket;"
                   "systemctl start libvirtd-tcp.socket libvirtd")
        subprocess.run(
            ["ip", "link", "add", "migration", "netns", str(machine.leader), "type", "veth",
             "peer", "name", "migration", "netns", str(twin.leader)], check=True)
        for host, address in ((machine, "10.77.0.1"), (twin, TWIN_ADDRESS)):
            host.run("ip", "address", "add", f"{address}/24", "dev", "migration")
            host.run("ip", "link", "set", "migration", "up")
    except BaseException:
        twin.close()
        raise
    return twin


def add_firmware(machine):
    """Firmware of the administrator's, with the feature "mine", whose guests stand still."""
    image = f"{IMAGES}/OVMF_{{}}_4M.fd"
    path = machine.path(DESCRIPTOR)
    path.write_text(json.dumps({
        "description": "mine", "interface-types": ["uefi"], "features": ["mine"], "tags": [],
        "mapping": {"device": "flash", "mode": "split",
                    "executable": {"filename": image.format("CODE"), "format": "raw"},
                    "nvram-template": {"filename": image.format("VARS"), "format": "raw"}},
        "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}]}), encoding="utf-8")
    return path


def ctl(machine, *words, **options):
    return machine.run("vmfirmwarectl", *words, **options)


def prepare(machine, uuid, *words):
    """The elements for a domain of this UUID."""
    return ctl(machine, "prepare", f"libvirt:{uuid}", "x86_64", "q35", "--render=libvirt",
               f"--reference=qemu:///system?{uuid}", "--without-feature=secure-boot", *words).stdout


def show(machine, uuid):
    return json.loads(ctl(machine, "vm", f"libvirt:{uuid}", "--json=short").stdout)


def orphans(machine):
    return ctl(machine, "vms", "--orphans", "--names").stdout.split()


def warnings(machine):
    """What the hook has written to the journal."""
    return machine.output("journalctl", "--no-pager", "--output=cat", "--identifier=vmfirmwared-hook")


class Domain:
    """A domain that is defined by the elements that the service renders; started, it stands still.

    Without elements, it is defined already, or will come by migration.
    """

    def __init__(self, machine, name, uuid, elements=None):
        self.machine = machine
        self.name = name
        self.uuid = uuid
        if elements:
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

    def in_use(self):
        return show(self.machine, self.uuid)["in-use"]

    def nvram(self):
        """The file of its VM, as it is seen from here."""
        return self.machine.path(show(self.machine, self.uuid)["nvram"]["filename"])

    def remove(self):
        self.virsh("destroy", check=False)
        self.virsh("managedsave-remove", check=False)
        self.virsh("undefine", "--keep-nvram", check=False)
