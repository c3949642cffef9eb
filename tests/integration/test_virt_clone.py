# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-clone puts the NVRAM of a copy into the original's directory, where it stays."""

import os
import subprocess
from pathlib import Path

import pytest

from lib import paths, wait
from lib.bus import PrivateBus
from lib.checks import raises
from lib.vms import CONFLICT, OWNER, VMs

CONNECTION = ("--connect", "qemu:///session")
DOMAIN = """<domain type='qemu'>
  <name>guest</name>
  <memory unit='MiB'>64</memory>
  {elements}
</domain>
"""


class Libvirt:
    """The libvirtd of a user's session."""

    def __init__(self, directory):
        self.directory = directory
        self.environment = {**os.environ, "HOME": str(directory), "LC_ALL": "C.UTF-8",
                            "XDG_RUNTIME_DIR": str(directory)}
        self.options = dict(env=self.environment, cwd=directory, stdin=subprocess.DEVNULL,
                            user=OWNER, group=OWNER, extra_groups=[])
        os.chown(directory, OWNER, OWNER)
        self.daemon = subprocess.Popen(["libvirtd"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, **self.options)
        wait.until(lambda: (directory / "libvirt/libvirt-sock").exists(), "libvirtd listens")

    def run(self, *command):
        done = subprocess.run(command, check=False, capture_output=True, text=True, **self.options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def close(self):
        self.daemon.terminate()
        self.daemon.wait(60)


@pytest.fixture
def bus():
    private_bus = PrivateBus("session")
    yield private_bus
    private_bus.close()


@pytest.fixture
def libvirt():
    with paths.temporary_directory() as directory:
        made = Libvirt(directory)
        yield made
        made.close()


def test_the_nvram_of_a_copy_stays(service, libvirt):
    os.chown(service.directory, OWNER, OWNER)
    vms = VMs(service.start_with_qemu(
        kind="user", uid=OWNER, search_path=["/usr/share/qemu/firmware"]))
    vm = vms.make("guest", owner=OWNER, without_features=["secure-boot"], render=["libvirt"])
    vm.write(b"the original's")
    domain = libvirt.directory / "guest.xml"
    domain.write_text(DOMAIN.format(elements=vm.resolution["libvirt-xml"]), encoding="utf-8")
    libvirt.run("virsh", *CONNECTION, "define", str(domain))
    before = set(vm.files())
    libvirt.run("virt-clone", *CONNECTION, "--original", "guest", "--auto-clone")

    name, = set(vm.files()) - before
    # from version 5 on with the ending of the original
    assert Path(name).stem == "guest-clone_VARS"
    path = vm.directory() / name
    assert str(path) in libvirt.run("virsh", *CONNECTION, "dumpxml", "guest-clone")
    copy, inode = path.read_bytes(), path.stat().st_ino
    assert copy.startswith(b"the original's")
    for change in (vm.reset, vm.rebind, lambda: vm.import_nvram(copy)):
        change()
        assert (path.read_bytes(), path.stat().st_ino) == (copy, inode)
    for change in (vm.remove, lambda: vm.rename("other")):
        with raises(CONFLICT, str(path)):
            change()
    assert path.read_bytes() == copy

    elsewhere = Path(libvirt.directory, name)
    path.rename(elsewhere)
    vm.remove()
    assert elsewhere.read_bytes() == copy
