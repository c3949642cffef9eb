# SPDX-License-Identifier: LGPL-2.1-or-later
"""dpkg installs, upgrades and purges Debian's firmware under a running service that follows."""

import json
import os
import shutil
import subprocess

import pytest

from lib import wait
from lib.bus import PrivateBus
from lib.client import NO_MATCH
from lib.checks import raises
from lib.live import Live
from lib.root import Root
from lib.vms import VMs

OVMF = ["40-edk2-x86_64-secure-enrolled", "50-edk2-x86_64-secure", "60-edk2-x86_64"]
SECBOOT = "usr/share/AAVMF/AAVMF_CODE.secboot.fd"
AARCH64 = ["40-edk2-aarch64-secure-enrolled", "50-edk2-aarch64-secure", "60-edk2-aarch64"]
VENDOR = "usr/share/qemu/firmware"


def repack(package, directory):
    """The installed package, as a file that dpkg installs."""
    subprocess.run(["dpkg-repack", "--deb-option=-Zgzip", "--deb-option=-z1", package],
                   cwd=directory, check=True, capture_output=True)
    (made,) = directory.glob(f"{package}_*.deb")
    return made


def newer(package_file, directory, change):
    """The next version of a package, of whose files CHANGE has made what it wants."""
    tree = directory / f"{package_file.stem}-tree"
    subprocess.run(["dpkg-deb", "-R", package_file, tree], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9999:"))
    (tree / "DEBIAN" / "md5sums").unlink()
    change(tree)
    made = directory / f"{package_file.stem}-newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, made],
                   check=True, capture_output=True)
    shutil.rmtree(tree)
    return made


def edit(tree, name, **members):
    path = tree / VENDOR / f"{name}.json"
    content = json.loads(path.read_text())
    content.update(members)
    path.write_text(json.dumps(content))


def change_ovmf(tree):
    """One descriptor says something else, one is gone, one is new; the 4M code is another."""
    edit(tree, OVMF[0], description="of the next version")
    (tree / VENDOR / f"{OVMF[1]}.json").rename(tree / VENDOR / "55-renamed.json")
    with open(tree / "usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "r+b") as file:
        file.write(b"next version")


def change_aarch64(tree):
    """The image that 50-edk2-aarch64-secure lacks is there, or the other way round; another's is
    empty."""
    if (tree / SECBOOT).exists():
        (tree / SECBOOT).unlink()
    else:
        os.link(tree / "usr/share/AAVMF/AAVMF_CODE.fd", tree / SECBOOT)
    os.truncate(tree / "usr/share/AAVMF/AAVMF_VARS.ms.fd", 0)


@pytest.fixture(scope="module")
def debs(tmp_path_factory):
    """{package: (file, file of the next version)}"""
    directory = tmp_path_factory.mktemp("debs")
    old = {package: repack(package, directory) for package in ("ovmf", "qemu-efi-aarch64")}
    return {"ovmf": (old["ovmf"], newer(old["ovmf"], directory, change_ovmf)),
            "qemu-efi-aarch64": (old["qemu-efi-aarch64"],
                                 newer(old["qemu-efi-aarch64"], directory, change_aarch64))}


@pytest.fixture
def live(service, bus, debs):
    """On the default layers of a root of its own."""
    fresh_bus = PrivateBus()
    root = Root(service.directory / "root", [
        service.directory, bus.directory, fresh_bus.directory, debs["ovmf"][0].parent])
    try:
        made = Live(service, fresh_bus, default_layers=True, wrapper=root.wrapper)
        made.root = root
        yield made
        made.check()
    finally:
        service.signals.close()
        service.signals = None
        service.close()
        service.daemons.clear()
        root.close()
        fresh_bus.close()


def dpkg(live, *words):
    """Returns when it has run, and the service says what a fresh one says."""
    live.root.run("dpkg", "--force-unsafe-io", *words)
    live.check()


def states(live, names):
    return [live.mirror.states().get(name) for name in names]


def test_ovmf_is_purged_installed_upgraded_and_purged(live, debs):
    question = ("x86_64", "q35")
    dpkg(live, "--purge", "ovmf")
    assert states(live, OVMF) == [None] * 3
    with raises(NO_MATCH):
        live.client.select(*question, interface="uefi")
    dpkg(live, "-i", debs["ovmf"][0])
    assert states(live, OVMF) == ["usable"] * 3
    assert live.client.select_name(*question, features=["enrolled-keys"]) == OVMF[0]

    VMs(live.client).make("vm", features=["enrolled-keys"])
    vm = VMs(live.client).at("vm")
    dpkg(live, "-i", debs["ovmf"][1])
    assert states(live, [*OVMF, "55-renamed"]) == ["usable", None, "usable", "usable"]
    assert live.client.firmware(OVMF[0])["Description"] == "of the next version"
    wait.until(lambda: vm.get("State") == "changed", "the VM has followed")

    dpkg(live, "--purge", "ovmf")
    assert states(live, [*OVMF, "55-renamed"]) == [None] * 4
    wait.until(lambda: vm.get("State") == "firmware-gone", "the VM has followed")


def test_aarch64_is_purged_installed_upgraded_and_purged(live, debs):
    shipped = ["unusable", "usable"]  # by whether the image is there
    before = os.path.exists(f"/{SECBOOT}")
    dpkg(live, "--purge", "qemu-efi-aarch64")
    assert states(live, AARCH64) == [None] * 3
    dpkg(live, "-i", debs["qemu-efi-aarch64"][0])
    assert states(live, AARCH64) == ["usable", shipped[before], "usable"]
    dpkg(live, "-i", debs["qemu-efi-aarch64"][1])
    assert states(live, AARCH64) == ["unusable", shipped[not before], "usable"]
    dpkg(live, "--purge", "qemu-efi-aarch64")
    assert states(live, AARCH64) == [None] * 3


def test_administrator_masks_and_overrides(live):
    """/etc/qemu is not there before."""
    assert not live.root.path("/etc/qemu/firmware").exists()
    live.root.run("mkdir", "-p", "/etc/qemu/firmware")
    live.root.run("touch", f"/etc/qemu/firmware/{OVMF[0]}.json")
    wait.until(lambda: states(live, OVMF) == [None, "usable", "usable"], "it is masked")
    live.root.run("cp", f"/{VENDOR}/{OVMF[1]}.json", f"/etc/qemu/firmware/{OVMF[0]}.json")
    wait.until(lambda: states(live, OVMF) == ["usable"] * 3, "it is overridden")
    assert live.client.firmware(OVMF[0])["Layer"] == "admin"
    live.root.run("rm", "-r", "/etc/qemu")
    live.until_property(OVMF[0], "Layer", "vendor")
