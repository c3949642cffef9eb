# SPDX-License-Identifier: LGPL-2.1-or-later
"""OVMF runs from changed variables: with Secure Boot in force, it starts what an enrolled key has
signed, and nothing else; and what was set before is there."""

import subprocess

import pytest

from lib import descriptors, edk2, efi
from lib.boot import boots_to
from lib.vms import VMs, change

OVMF = "/usr/share/OVMF"
MOK = "605dab50-e046-4300-abb6-3dd810dd8b23"
# more than the firmware's own variables, which it writes anew
KEPT = [(edk2.GLOBAL, "Boot0042"), (MOK, "MokList")]


class Key:
    """A key of the tests, its certificate, and programs that it signs."""

    def __init__(self, directory, name):
        self.key, self.pem = directory / f"{name}.key", directory / f"{name}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650",
                        "-subj", f"/CN={name}", "-keyout", str(self.key), "-out", str(self.pem)],
                       check=True, capture_output=True)

    def sign(self, directory, program):
        plain, signed = directory / "plain.efi", directory / f"{self.pem.stem}.efi"
        plain.write_bytes(program)
        subprocess.run(["sbsign", "--key", str(self.key), "--cert", str(self.pem), "--output",
                        str(signed), str(plain)], check=True, capture_output=True)
        return signed.read_bytes()


@pytest.fixture
def keys(service):
    return [Key(service.directory, name) for name in ("ours", "another")]


def entry():
    """An inactive boot entry of one file."""
    return b"\0\0\0\0\4\0" + "kept\0".encode("utf-16-le") + b"\x7f\xff\4\0"


@pytest.mark.parametrize("stem", ["", "_4M"])
def test_ovmf_starts_what_is_signed_by_an_enrolled_key(service, keys, stem):
    service.vendor.write("50-secure", descriptors.flash(
        f"{OVMF}/OVMF_CODE{stem}.secboot.fd", f"{OVMF}/OVMF_VARS{stem}.ms.fd", mode="split",
        features=["secure-boot", "enrolled-keys", "requires-smm"]))
    vms = VMs(service.start_with_qemu())
    vm = vms.make("vm", machine="q35")
    vm.change_variables(
        change("set", guid=KEPT[0][0], name=KEPT[0][1], data=entry()),
        change("set", guid=KEPT[1][0], name=KEPT[1][1], data=b"mok", attributes=3))
    vm.change_variables(change("enroll", into="db", data=keys[0].pem.read_bytes()))
    assert vm.get("SecureBoot") == "enforced"
    arguments = vms.prepare("vm", machine="q35", render=["qemu"])["qemu-arguments"]

    for key, text in ((keys[1], b"Access Denied"), (keys[0], efi.GREETING)):
        directory = service.directory / f"esp-{key.pem.stem}"
        directory.mkdir()
        signed = key.sign(service.directory, efi.program())
        boots_to(service, "x86_64", arguments, text, efi.disk(directory / "esp", signed))
        report = vm.read_variables()
        assert report["secure-boot"] == "enforced" and report["health"] == "ok"
        assert vm.get_variable(*KEPT[0])[1] == entry()
        assert vm.get_variable(*KEPT[1]) == (3, b"mok")

    vm.change_variables(change("secure-boot", on=False))
    boots_to(service, "x86_64", arguments, efi.GREETING, efi.disk(service.directory / "off"))
    assert vm.read_variables()["secure-boot"] == "off"
