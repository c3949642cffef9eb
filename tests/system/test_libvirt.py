# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt's domains, with the hook: a pin that holds, and the lease, from start to end."""

import json
import signal
from types import SimpleNamespace

import pytest

from lib import libvirtd, wait
from lib.machine import UNIT

UUIDS = ("5a1cbb06-6d1f-4b5e-8b8e-1d5f5d7f0001", "5a1cbb06-6d1f-4b5e-8b8e-1d5f5d7f0002")
HOOK = "/etc/libvirt/hooks/qemu.d/vmfirmwared"
ADMIN = "/etc/qemu/firmware"


@pytest.fixture(scope="module")
def host(machine):
    libvirtd.install(machine)
    assert machine.output("stat", "--format=%a %U", HOOK) == "755 root"
    machine.shell(f"mkdir -p {ADMIN} /srv/images; cp /usr/share/OVMF/OVMF_CODE_4M.fd"
                  " /usr/share/OVMF/OVMF_VARS_4M.fd /srv/images")
    return machine


@pytest.fixture
def firmware(host):
    """A descriptor of the administrator's, whose package can go."""
    descriptor = {
        "description": "mine", "interface-types": ["uefi"], "features": ["mine"], "tags": [],
        "mapping": {"device": "flash", "mode": "split",
                    "executable": {"filename": "/srv/images/OVMF_CODE_4M.fd", "format": "raw"},
                    "nvram-template": {"filename": "/srv/images/OVMF_VARS_4M.fd",
                                       "format": "raw"}},
        "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}]}
    host.shell("chmod 755 /srv/images")
    path = host.path(f"{ADMIN}/10-mine.json")
    path.write_text(json.dumps(descriptor), encoding="utf-8")
    yield path
    host.shell(f"rm -f {ADMIN}/10-mine.json")


def ctl(machine, *words, **options):
    return machine.run("vmfirmwarectl", *words, **options)


@pytest.fixture
def make(host, started):
    """Defines a domain of a VM of the service."""
    made = []

    def define(name="one", uuid=UUIDS[0], vm=None, *words):
        elements = ctl(host, "prepare", vm or f"libvirt:{uuid}", "x86_64", "q35",
                       "--render=libvirt", "--without-feature=secure-boot", *words).stdout
        made.append(libvirtd.Domain(host, name, uuid, elements))
        return made[-1]
    yield define
    for domain in made:
        domain.remove()
    host.run("systemctl", "start", "libvirtd")


def in_use(machine, vm=f"libvirt:{UUIDS[0]}"):
    return json.loads(ctl(machine, "vm", vm, "--json=short").stdout)["in-use"]


def warnings(machine):
    return machine.output("journalctl", "--no-pager", "--output=cat", "--identifier=vmfirmwared-hook")


def test_lease_from_start_to_end(host, make):
    domain = make()
    domain.start()
    assert in_use(host) and domain.has_unit()
    refused = ctl(host, "reset", f"libvirt:{UUIDS[0]}", check=False)
    assert refused.returncode == 1 and "its lease is held" in refused.stderr
    # another domain on the same NVRAM
    other = make("two", UUIDS[1], vm=f"libvirt:{UUIDS[0]}")
    assert "in use" in other.refused()
    # the daemons come and go
    host.run("systemctl", "restart", "libvirtd")
    host.run("systemctl", "restart", UNIT)
    assert domain.state() == "paused" and domain.has_unit() and in_use(host)
    domain.virsh("destroy")
    wait.until(lambda: not domain.has_unit(), "the lease is given back")
    assert not in_use(host) and warnings(host) == ""
    domain.start()
    assert domain.has_unit()


def test_qemu_that_is_killed(host, make):
    """libvirtd is not there to tell that the domain has ended."""
    domain = make()
    domain.start()
    host.run("systemctl", "kill", "--signal=KILL", "libvirtd")
    host.run("kill", "-KILL", domain.pid())
    wait.until(lambda: not domain.has_unit(), "the lease is given back")
    host.run("systemctl", "reset-failed", "libvirtd", check=False)
    host.run("systemctl", "start", "libvirtd")
    domain.start()
    assert domain.has_unit() and in_use(host)


def test_managed_save_and_restore(host, make):
    domain = make()
    domain.start()
    domain.virsh("managedsave")
    wait.until(lambda: not domain.has_unit(), "the lease is given back")
    assert not in_use(host)
    domain.start()
    assert domain.has_unit() and in_use(host)


def test_firmware_that_is_gone(host, firmware, make):
    domain = make("one", UUIDS[0], None, "--feature=mine")
    domain.start()
    domain.virsh("destroy")
    firmware.unlink()
    host.shell("mv /srv/images/OVMF_CODE_4M.fd /srv/images/gone")
    try:
        wait.until(lambda: "firmware-gone" in ctl(host, "vm", f"libvirt:{UUIDS[0]}").stdout,
                   "the service has seen it")
        text = domain.refused()
        assert "/srv/images/OVMF_CODE_4M.fd of its firmware 10-mine is gone" in text and "'vmfirmwarectl rebind'" in text
        # chosen anew: the XML still names the old image
        ctl(host, "rebind", f"libvirt:{UUIDS[0]}", "--without-feature=secure-boot")
        text = domain.refused()
        assert "/usr/share/OVMF/OVMF_CODE_4M.fd" in text and "--render=libvirt" in text
        domain.define(ctl(host, "vm", f"libvirt:{UUIDS[0]}", "--render=libvirt").stdout)
        domain.start()
        assert domain.has_unit()
    finally:
        host.shell("mv /srv/images/gone /srv/images/OVMF_CODE_4M.fd")


def test_service_that_hangs_or_is_not_there(host, make):
    domain = make()
    host.kill(UNIT, signal.SIGSTOP)
    try:
        domain.start()
    finally:
        host.kill(UNIT, signal.SIGCONT)
    assert "one: prepare: no answer within 4 s" in warnings(host)
    domain.virsh("destroy")
    host.run("systemctl", "mask", "--runtime", "--now", UNIT)
    try:
        domain.start()
    finally:
        host.run("systemctl", "unmask", "--runtime", UNIT)
    domain.virsh("destroy")


def test_domains_of_others(host, started, make):
    """One without firmware of its own, and one whose NVRAM libvirt makes."""
    plain = libvirtd.Domain(host, "plain", UUIDS[0],
                            "<os><type arch='x86_64' machine='q35'>hvm</type></os>")
    own = libvirtd.Domain(
        host, "own", UUIDS[1], "<os><type arch='x86_64' machine='q35'>hvm</type>"
        "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>"
        "<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/var/lib/libvirt/own.fd</nvram></os>"
        "<features><acpi/></features>")
    before = warnings(host)
    try:
        for domain in (plain, own):
            domain.start()
            assert not domain.has_unit()
    finally:
        for domain in (plain, own):
            domain.remove()
    assert warnings(host) == before


def test_import_of_a_domain(host, started):
    """Its firmware, and a copy of its NVRAM; the elements printed start it."""
    made = SimpleNamespace(nvram="/var/lib/libvirt/own.fd")
    domain = libvirtd.Domain(
        host, "own", UUIDS[1], "<os><type arch='x86_64' machine='q35'>hvm</type>"
        "<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>"
        f"<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>{made.nvram}</nvram></os>"
        "<features><acpi/></features>")
    try:
        domain.start()
        assert "shut the domain off" in ctl(host, "import", "--libvirt=own", check=False).stderr
        domain.virsh("destroy")
        host.shell(f"echo x | dd of={made.nvram} bs=1 seek=300000 conv=notrunc status=none")
        elements = ctl(host, "import", "--libvirt=own").stdout
        vm = json.loads(ctl(host, "vm", f"libvirt:{UUIDS[1]}", "--json=short").stdout)
        host.run("cmp", made.nvram, vm["nvram"]["filename"])
        assert vm["nvram"]["filename"] in elements and "virsh edit own" in elements
        domain.define(elements)
        domain.start()
        assert domain.has_unit() and in_use(host, f"libvirt:{UUIDS[1]}")
        assert ctl(host, "check-domain", "-", text=domain.virsh("dumpxml").stdout).stdout == ""
    finally:
        domain.remove()
