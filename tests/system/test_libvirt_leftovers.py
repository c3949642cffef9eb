# SPDX-License-Identifier: LGPL-2.1-or-later
"""What libvirt's tools leave of a VM, and what they do with the files of another."""

import pytest

from lib import libvirtd
from lib.libvirtd import ctl, orphans, warnings

UUID = "5a1cbb06-6d1f-4b5e-8b8e-1d5f5d7f0001"
VM = f"libvirt:{UUID}"
OTHER = "5a1cbb06-6d1f-4b5e-8b8e-1d5f5d7f0002"

# What virt-manager 4 does (object/domain.py, rename_domain()), which itself takes a display.
RENAME = """
import libvirt, sys
sys.path.insert(0, "/usr/share/virt-manager")
from virtinst import Cloner, DeviceDisk, VirtinstConnection

name, new_name, nvram, new_nvram = sys.argv[1:]
connection = VirtinstConnection("qemu:///system")
connection.open(None, None)
domain = connection.lookupByName(name)
xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE).replace(
    f"<name>{name}<", f"<name>{new_name}<")
disk = DeviceDisk(connection)
disk.set_source_path(nvram)
Cloner.build_clone_disk(disk, new_nvram, True, False).build_storage(None)
domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM)
connection.defineXML(xml)
disk.get_vol_object().delete(0)
connection.defineXML(xml.replace(nvram, new_nvram))
"""


def snapshot(machine, uuid):
    """The files of a VM, whose domain is shut off."""
    directory = libvirtd.show(machine, uuid)["nvram"]["filename"].rpartition("/")[0]
    return machine.output("sh", "-c", 'cd "$1" && ls -l --time-style=full-iso && sha256sum *', "-",
                          directory)


@pytest.fixture
def other(host, make):
    """Another domain, whose files nobody touches."""
    made = make("other", OTHER)
    before = snapshot(host, OTHER)
    yield made
    assert snapshot(host, OTHER) == before and OTHER not in str(orphans(host))
    made.start()
    made.virsh("destroy")


def new_name(domain, name):
    domain.name = name  # by which it is undefined
    return domain


def test_undefine_with_nvram(host, make, other):
    domain = make()
    nvram = domain.nvram()
    assert orphans(host) == []
    domain.virsh("undefine", "--nvram")
    assert not nvram.exists() and orphans(host) == [VM]
    ctl(host, "remove", VM)
    assert not nvram.parent.exists()


def test_virt_install_that_fails(host, started, other):
    elements = libvirtd.prepare(host, UUID)
    nvram = libvirtd.show(host, UUID)["nvram"]["filename"]
    assert nvram in elements
    done = host.run(
        "virt-install", "--virt-type=qemu", f"--uuid={UUID}", "--name=failed", "--memory=64",
        "--machine=q35", "--import", "--osinfo=generic", "--disk=none", "--network=none",
        "--graphics=none", "--noautoconsole", "--qemu-commandline=-nonesuch", "--boot="
        "loader=/usr/share/OVMF/OVMF_CODE_4M.fd,loader.readonly=yes,loader.type=pflash,"
        f"nvram={nvram}", check=False)
    assert done.returncode != 0 and "-nonesuch: invalid option" in done.stdout + done.stderr
    assert "failed" not in host.output("virsh", "list", "--all", "--name")
    host.run("test", "-f", nvram)
    assert orphans(host) == [VM] and not libvirtd.show(host, UUID)["in-use"]
    ctl(host, "remove", VM)


def test_virt_clone(host, make, other):
    """The copy's NVRAM is a file beside the original's, and of no VM."""
    domain = make()
    host.run("virt-clone", "--auto-clone", "--original=one", "--name=copy")
    uuid = host.output("virsh", "domuuid", "copy")
    # as virtinst 4 or 5 names it
    copy, = domain.nvram().parent.glob("copy_VARS.*")
    assert copy.name in host.output("virsh", "dumpxml", "copy")
    content = copy.read_bytes()
    try:
        # while it runs nobody may move the directory below it, so the original cannot start
        host.run("virsh", "start", "--paused", "copy")
        assert "copy: prepare: its NVRAM is that of no virtual machine" in warnings(host)
        assert "such as a copy by virt-clone" in domain.refused()
        host.run("virsh", "destroy", "copy")
        domain.start()
        domain.virsh("destroy")

        ctl(host, "reset", VM)
        domain.virsh("undefine", "--nvram")
        assert orphans(host) == [VM]
        refused = ctl(host, "remove", VM, check=False)
        assert refused.returncode == 1 and f"{copy.name} is foreign" in refused.stderr
        assert copy.read_bytes() == content

        # a VM of its own
        elements = ctl(host, "import", "--libvirt=copy").stdout
        assert f"libvirt:{uuid}" in elements
        own = libvirtd.Domain(host, "copy", uuid, elements)
        own.start()
        assert own.has_unit()
        own.virsh("destroy")
        copy.unlink()
        ctl(host, "remove", VM)
        assert orphans(host) == []
        own.virsh("undefine", "--nvram")
        assert orphans(host) == [f"libvirt:{uuid}"]
    finally:
        host.run("virsh", "destroy", "copy", check=False)
        host.run("virsh", "undefine", "--nvram", "copy", check=False)


def test_rename(host, make, other):
    domain = make()
    domain.virsh("domrename", "uno")
    new_name(domain, "uno").start()
    assert domain.has_unit() and orphans(host) == []


def test_rename_by_virt_manager(host, make, other):
    """It moves the NVRAM to another name in the VM's directory; the manual says how it returns."""
    domain = make()
    path = libvirtd.show(host, UUID)["nvram"]["filename"]
    renamed = path.replace("nvram.raw", "uno_VARS.fd")
    content = domain.nvram().read_bytes()
    host.run("/usr/bin/python3", "-c", RENAME, "one", "uno", path, renamed)
    new_name(domain, "uno").start()
    assert not domain.has_unit() and orphans(host) == []
    assert "uno: prepare: its NVRAM is that of no virtual machine" in warnings(host)
    domain.virsh("destroy")
    assert libvirtd.show(host, UUID)["state"] == "nvram-missing"

    host.run("mv", renamed, path)
    domain.define(ctl(host, "vm", VM, "--render=libvirt").stdout)
    domain.start()
    assert domain.has_unit() and domain.nvram().read_bytes() == content
