# SPDX-License-Identifier: LGPL-2.1-or-later
"""Live migration of a domain between two hosts, each with a service and a hook of its own."""

import os

import pytest

from lib import libvirtd, wait
from lib.libvirtd import ctl

UUID = "5a1cbb06-6d1f-4b5e-8b8e-1d5f5d7f0001"
VM = f"libvirt:{UUID}"
MINE = "--feature=mine"


@pytest.fixture(scope="module")
def hosts(host):
    """Both have the same firmware, whose guest neither computes nor writes to its NVRAM."""
    twin = libvirtd.boot_twin(host)
    try:
        for each in (host, twin):
            libvirtd.add_firmware(each)
        yield host, twin
    finally:
        twin.close()
        host.shell(f"rm {libvirtd.DESCRIPTOR}")


@pytest.fixture
def domain(hosts, make):
    """It runs on the first host, and its NVRAM has content of its own."""
    made = make("one", UUID, MINE)
    with open(made.nvram(), "r+b") as nvram:
        nvram.seek(400000)
        nvram.write(os.urandom(4096))
    made.virsh("start")
    return made


@pytest.fixture
def arrived(hosts):
    """The domain on the other host, which is removed there with its VM."""
    made = libvirtd.Domain(hosts[1], "one", UUID)
    yield made
    made.remove()
    ctl(hosts[1], "remove", VM, check=False)


def migrate(domain, **options):
    return domain.virsh(
        "migrate", f"qemu+tcp://{libvirtd.TWIN_ADDRESS}/system",
        f"tcp://{libvirtd.TWIN_ADDRESS}", "--live", "--p2p", "--persistent", "--undefinesource",
        **options)


def refused(domain):
    """What a migration says that fails; the domain runs on where it is, with its lease."""
    done = migrate(domain, check=False)
    assert done.returncode != 0, done.stdout
    assert domain.state() == "running" and domain.has_unit() and domain.in_use()
    return done.stderr


def test_migration(hosts, domain, arrived):
    source, destination = hosts
    libvirtd.prepare(destination, UUID, MINE)
    content = domain.nvram().read_bytes()
    assert arrived.nvram().read_bytes() != content

    migrate(domain)
    assert arrived.state() == "running" and arrived.has_unit() and arrived.in_use()
    assert arrived.nvram().read_bytes() == domain.nvram().read_bytes() == content
    wait.until(lambda: not domain.has_unit(), "the source gives the lease back")
    assert not domain.in_use() and libvirtd.orphans(source) == [VM]
    ctl(source, "remove", VM)

    # the lease there is that of the QEMU there
    destination.run("kill", "-KILL", arrived.pid())
    wait.until(lambda: not arrived.has_unit(), "the lease is given back")
    wait.until(lambda: arrived.state() == "shut off", "libvirtd has seen it, too")
    arrived.virsh("start")
    assert arrived.has_unit() and arrived.nvram().read_bytes() == content


def test_destination_without_the_vm(hosts, domain, arrived):
    text = refused(domain)
    assert domain.nvram().name in text and "No such file or directory" in text
    assert not arrived.has_unit()


def test_destination_that_refuses(hosts, domain, arrived):
    """By its own hook: the XML names other firmware than its pin."""
    destination = hosts[1]
    libvirtd.prepare(destination, UUID, "--firmware=60-edk2-x86_64")
    assert "/usr/share/OVMF/OVMF_CODE_4M.fd" in refused(domain)
    ctl(destination, "rebind", VM, MINE)
    destination.run("systemd-run", "--quiet", "--unit=another", "--service-type=notify",
                    "vmfirmwarectl", "lease", VM)
    assert "is in use" in refused(domain)
    destination.run("systemctl", "stop", "another")
    migrate(domain)
    assert arrived.has_unit()
