# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt's domains, with the hook: a pin that holds, and the lease, from start to end."""

import signal

import pytest

from lib import libvirtd, wait
from lib.libvirtd import ctl, warnings
from lib.machine import UNIT

UUIDS = ("5a1cbb06-6d1f-4b5e-8b8e-1d5f5d7f0001", "5a1cbb06-6d1f-4b5e-8b8e-1d5f5d7f0002")
VM = f"libvirt:{UUIDS[0]}"
HOOK = "/etc/libvirt/hooks/qemu.d/vmfirmwared"
OWN_ELEMENTS = """
<os><type arch='x86_64' machine='q35'>hvm</type>
<loader readonly='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.fd</loader>
<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/var/lib/libvirt/own.fd</nvram></os>
<features><acpi/></features>"""


@pytest.fixture
def firmware(host):
    """A descriptor of the administrator's, whose package can go."""
    path = libvirtd.add_firmware(host)
    yield path
    path.unlink(missing_ok=True)


def test_lease_from_start_to_end(host, make):
    assert host.output("stat", "--format=%a %U", HOOK) == "755 root"
    domain = make()
    domain.start()
    assert domain.in_use() and domain.has_unit()
    refused = ctl(host, "reset", VM, check=False)
    assert refused.returncode == 1 and "its lease is held" in refused.stderr
    # another domain on the same NVRAM
    other = make("two", UUIDS[1], elements=ctl(host, "vm", VM, "--render=libvirt").stdout)
    assert "in use" in other.refused()
    # the daemons come and go
    host.run("systemctl", "restart", "libvirtd")
    host.run("systemctl", "restart", UNIT)
    assert domain.state() == "paused" and domain.has_unit() and domain.in_use()
    domain.virsh("destroy")
    wait.until(lambda: not domain.has_unit(), "the lease is given back")
    assert not domain.in_use() and warnings(host) == ""
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
    assert domain.has_unit() and domain.in_use()


def test_start_that_libvirtd_does_not_survive(host, make):
    """The unit waits for a QEMU; the next start does not wait for the unit."""
    domain = make()
    host.run(HOOK, domain.name, "prepare", "begin", "-", text=domain.virsh("dumpxml").stdout)
    assert domain.has_unit() and domain.in_use()
    domain.start()
    assert domain.has_unit()
    host.run("kill", "-KILL", domain.pid())
    wait.until(lambda: not domain.has_unit(), "the lease is given back")


def test_lease_that_is_lost(host, make):
    """A restart of libvirtd brings it back, for the QEMU that runs."""
    before = warnings(host)
    domain = make()
    domain.start()
    host.run("systemctl", "stop", domain.unit)
    host.run("systemctl", "restart", "libvirtd")
    wait.until(domain.has_unit, "the lease is held again")
    # libvirt calls it so for a QEMU that it has not started
    host.run("systemctl", "stop", domain.unit)
    host.run(HOOK, domain.name, "attach", "begin", "-", text=domain.virsh("dumpxml").stdout)
    assert domain.has_unit()
    host.run("kill", "-KILL", domain.pid())
    wait.until(lambda: not domain.has_unit(), "the lease is given back")
    assert not domain.in_use() and warnings(host) == before


def test_managed_save_and_restore(host, make):
    domain = make()
    domain.start()
    domain.virsh("managedsave")
    wait.until(lambda: not domain.has_unit(), "the lease is given back")
    assert not domain.in_use()
    domain.start()
    assert domain.has_unit() and domain.in_use()


def test_firmware_that_is_gone(host, firmware, make):
    domain = make("one", UUIDS[0], "--feature=mine")
    domain.start()
    domain.virsh("destroy")
    firmware.unlink()
    host.shell("mv /srv/images/OVMF_CODE_4M.fd /srv/images/gone")
    try:
        wait.until(lambda: "firmware-gone" in ctl(host, "vm", VM).stdout, "the service has seen it")
        text = domain.refused()
        assert "/srv/images/OVMF_CODE_4M.fd of its firmware 10-mine is gone" in text and \
            "'vmfirmwarectl rebind'" in text
        # chosen anew: the XML still names the old image
        ctl(host, "rebind", VM, "--without-feature=secure-boot")
        text = domain.refused()
        assert "/usr/share/OVMF/OVMF_CODE_4M.fd" in text and "--render=libvirt" in text
        domain.define(ctl(host, "vm", VM, "--render=libvirt").stdout)
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
    assert "one: vmfirmwarectl: cannot reach vmfirmwared" in warnings(host)
    domain.virsh("destroy")


def test_client_that_is_not_there(host, make):
    """The package is removed; a removal leaves the hook, which is a configuration file."""
    before = warnings(host)
    domain = make()
    plain = libvirtd.Domain(host, "own", UUIDS[1], OWN_ELEMENTS)
    host.shell("mv /usr/bin/vmfirmwarectl /root")
    try:
        plain.start()
        assert warnings(host) == before
        domain.start()
    finally:
        host.shell("mv /root/vmfirmwarectl /usr/bin")
        plain.remove()
    assert warnings(host).removeprefix(before).strip() == \
        "one: prepare: vmfirmwarectl is not installed, so nothing is checked and no lease is held"


def test_domains_of_others(host, started):
    """One without firmware of its own, and one whose NVRAM libvirt makes."""
    plain = libvirtd.Domain(host, "plain", UUIDS[0],
                            "<os><type arch='x86_64' machine='q35'>hvm</type></os>")
    own = libvirtd.Domain(host, "own", UUIDS[1], OWN_ELEMENTS)
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
    nvram = "/var/lib/libvirt/own.fd"
    domain = libvirtd.Domain(host, "own", UUIDS[1], OWN_ELEMENTS)
    try:
        domain.start()
        assert "shut the domain off" in ctl(host, "import", "--libvirt=own", check=False).stderr
        domain.virsh("destroy")
        host.shell(f"echo x | dd of={nvram} bs=1 seek=300000 conv=notrunc status=none")
        elements = ctl(host, "import", "--libvirt=own").stdout
        own = libvirtd.show(host, UUIDS[1])["nvram"]["filename"]
        host.run("cmp", nvram, own)
        assert own in elements and "virsh edit own" in elements
        domain.define(elements)
        domain.start()
        assert domain.has_unit() and domain.in_use()
        assert ctl(host, "check-domain", "-", text=domain.virsh("dumpxml").stdout).stdout == ""
    finally:
        domain.remove()
