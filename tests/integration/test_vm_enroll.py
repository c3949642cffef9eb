# SPDX-License-Identifier: LGPL-2.1-or-later
"""Firmware runs from changed variables: with Secure Boot in force, it starts what an enrolled key
has signed, and nothing else; without, a shell tells each variable as the report does. What was
set before is there."""

import hashlib
import os
import struct
import subprocess
import uuid

from lib import descriptors, edk2, efi, virtfw
from lib.boot import boots_to
from lib.config import write_config
from lib.shell import MACHINE_ARGUMENTS, assert_agrees, boot
from lib.vms import VMs, change

# Builds with Secure Boot have no shell from Debian 13 on, and Debian's shell ends where it is in
# force.
OVMF, AAVMF = "/usr/share/OVMF", "/usr/share/AAVMF"
SHIM = "605dab50-e046-4300-abb6-3dd810dd8b23"
X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le
SECURITY = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
KEYS = {(edk2.GLOBAL, "PK"), (edk2.GLOBAL, "KEK"), (SECURITY, "db"), (SECURITY, "dbx")}


class Key:
    """A key of the tests, its certificate, and programs that it signs."""

    def __init__(self, directory, name):
        self.name = name
        self.directory = directory / f"key-{name}"
        self.directory.mkdir()
        self.key, self.pem = self.directory / "key", self.directory / "pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650",
                        "-subj", f"/CN={name}", "-keyout", str(self.key), "-out", str(self.pem)],
                       check=True, capture_output=True)
        self.der = subprocess.run(["openssl", "x509", "-in", str(self.pem), "-outform", "DER"],
                                  check=True, capture_output=True).stdout
        self.sha256 = hashlib.sha256(self.der).hexdigest()

    def sign(self, program):
        plain, signed = self.directory / "plain.efi", self.directory / "signed.efi"
        plain.write_bytes(program)
        subprocess.run(["sbsign", "--key", str(self.key), "--cert", str(self.pem), "--output",
                        str(signed), str(plain)], check=True, capture_output=True)
        return signed.read_bytes()

    def enroll(self, into):
        return change("enroll", into=into, data=self.der)

    def signature_list(self):
        """Of one entry, which has no owner."""
        size = 16 + len(self.der)
        return X509 + struct.pack("<III", 28 + size, 0, size) + bytes(16) + self.der


def entry():
    """An inactive boot entry of one file."""
    return b"\0\0\0\0\4\0" + "kept\0".encode("utf-16-le") + b"\x7f\xff\4\0"


def set_variable(guid, name, attributes, data):
    return change("set", guid=guid, name=name, attributes=attributes, data=data)


class Guest:
    """A VM with Secure Boot, and keys of which one is to be enrolled."""

    def __init__(self, service, machine, **given):
        self.service = service
        self.ours, self.another, self.known = (
            Key(service.directory, name) for name in ("ours", "another", "known"))
        self.vms = VMs(service.start_with_qemu(arguments=[self.configuration()]))
        # more than the firmware's own variables, which it writes anew
        self.own = {(edk2.GLOBAL, "Boot0042"): (7, entry()),
                    (SHIM, "MokList"): (3, self.known.signature_list())}
        self.set_own = [set_variable(*key, *value) for key, value in self.own.items()]
        self.arguments = {"machine": machine, **given}
        self.vm = self.vms.make("vm", **self.arguments)

    def configuration(self):
        directory = self.service.directory / "certificates"
        directory.mkdir()
        (directory / "known").write_bytes(self.known.der)
        (directory / "known.conf").write_text(
            f"[known]\nsha256={self.known.sha256}\npurpose=third-party\nauthority=tests\n"
            "generation=2030\n")
        return write_config(self.service.directory, CertificateDirectories=directory)

    def change_all(self, *changes):
        """One change of each kind but secure-boot, and these."""
        self.change(
            *self.set_own, set_variable(edk2.GLOBAL, "Boot0043", 7, entry()),
            set_variable(SHIM, "Gone", 7, b"gone"), self.ours.enroll("PK"), self.ours.enroll("KEK"),
            self.ours.enroll("db"), self.another.enroll("db"),
            change("enroll-known", names=["tests-2030"]), change("enroll-from", firmware="others"),
            change("unenroll", from_="db", sha256=[self.another.sha256]),
            change("boot-order", order=[0x43, 0x42]), change("remove-boot", numbers=[0x43]),
            change("delete", guid=SHIM, name="Gone"), *changes)

    def change(self, *changes):
        self.vm.change_variables(*changes)
        self.check_by_another_program()

    def convert(self, firmware):
        before = self.kept()
        self.arguments["firmware"] = firmware
        self.vm.rebind(firmware=firmware, convert=True)
        assert self.kept() == before
        self.check_by_another_program()

    def restore_torn(self):
        """PrepareVM keeps the good copy, which brings back what a torn record has behind it."""
        self.vms.prepare("vm", **self.arguments)
        good = self.variables()
        self.vm.write(b"\xaa\x55\xff", edk2.VOLUME_HEADER + edk2.STORE_HEADER)
        assert self.vm.read_variables()["health"] != "ok" and self.variables() != good
        index, = (one["index"] for one in self.vm.list_backups() if one["reason"] == "good")
        self.vm.restore(index)
        assert self.variables() == good

    def check_by_another_program(self):
        if virtfw.PROGRAM:
            theirs = virtfw.convert(self.vm.nvram(), self.service.directory / "theirs.json")
            assert self.variables() == {
                (one["guid"], one["name"]): (one["attr"], bytes.fromhex(one["data"]))
                for one in theirs}

    def variables(self):
        return {(one["guid"], one["name"]): self.vm.get_variable(one["guid"], one["name"])
                for one in self.vm.read_variables(list=True)["list"]}

    def kept(self):
        found = self.variables()
        assert found.items() >= self.own.items()
        return {key: value for key, value in found.items() if key in self.own or key in KEYS}

    def check_booted(self, secure_boot, before):
        """The firmware has left alone what it does not write itself."""
        report = self.vm.read_variables()
        assert (report["health"], report["secure-boot"]) == ("ok", secure_boot)
        assert self.kept() == before
        self.check_by_another_program()

    def boots_openly(self, secure_boot, code):
        """It starts the shell of other code, signed by another key, which tells all variables."""
        before = self.kept()
        with boot(self.service, self.vms, "vm", ["dmpstore -all"],
                  loader=self.another.sign(efi.shell(code)), **self.arguments) as shell:
            shell.finish()
            told = shell.dumped()
        assert [told[edk2.GLOBAL, name][1] for name in ("SecureBoot", "SetupMode")] == [
            b"\0", bytes([secure_boot == "setup"])]
        assert_agrees(self.vm, told)
        self.check_booted(secure_boot, before)

    def boots_securely(self):
        """It does not start the first disk's loader, which another key has signed."""
        before, answer = self.kept(), self.vms.prepare("vm", render=["qemu"], **self.arguments)
        architecture = answer["architecture"]
        program = efi.program(architecture)
        disks = [argument for key in (self.another, self.ours)
                 for argument in efi.disk(
                     key.directory / key.name, key.sign(program), architecture)]
        console = boots_to(self.service, architecture, [
            *answer["qemu-arguments"], *MACHINE_ARGUMENTS[architecture]], efi.GREETING, disks)
        assert console.count(b"Access Denied") == 1
        self.check_booted("enforced", before)


def test_ovmf(service):
    """With 2 MiB, where there is such a build, and then with 4."""
    stems = [stem for stem in ("", "_4M") if os.path.exists(f"{OVMF}/OVMF_CODE{stem}.secboot.fd")]
    for stem in stems:
        service.vendor.write(f"ovmf{stem}", descriptors.flash(
            f"{OVMF}/OVMF_CODE{stem}.secboot.fd", f"{OVMF}/OVMF_VARS{stem}.ms.fd", mode="split",
            features=["secure-boot", "enrolled-keys", "requires-smm"]))
    service.vendor.write("others", descriptors.flash(
        f"{OVMF}/OVMF_CODE_4M.secboot.fd", f"{OVMF}/OVMF_VARS_4M.snakeoil.fd"))
    service.uefi_vars("json", features=["secure-boot"])
    guest = Guest(service, "q35", firmware=f"ovmf{stems[0]}")
    guest.vm.change_variables(*guest.set_own)
    # it is completed before a change
    edk2.make_pending(guest.vm.nvram())
    guest.change_all()
    guest.change(change("secure-boot", on=False))
    guest.boots_openly("off", f"{OVMF}/OVMF_CODE_4M.fd")
    guest.change(change("secure-boot", on=True))
    guest.boots_securely()

    guest.restore_torn()
    guest.convert("ovmf_4M")
    guest.convert("json")
    guest.convert("ovmf_4M")
    guest.change(change("unenroll", from_="db", sha256=[guest.ours.sha256, guest.known.sha256]))
    # what is forbidden does not start, though its key is enrolled
    guest.change_all(guest.another.enroll("db"), guest.another.enroll("dbx"))
    guest.boots_securely()
    guest.change(change("secure-boot", on=False))
    guest.boots_openly("off", f"{OVMF}/OVMF_CODE_4M.fd")


def test_aavmf(service):
    """Its template has no keys, and on Debian 12 no variables at all."""
    service.vendor.write("aavmf", descriptors.flash(
        f"{AAVMF}/AAVMF_CODE.ms.fd", f"{AAVMF}/AAVMF_VARS.fd", features=["secure-boot"],
        targets=[descriptors.target("aarch64", "virt-*")]))
    service.vendor.write("others", descriptors.flash(
        f"{AAVMF}/AAVMF_CODE.ms.fd", f"{AAVMF}/AAVMF_VARS.snakeoil.fd",
        targets=[descriptors.target("aarch64", "virt-*")]))
    guest = Guest(service, "virt", architecture="aarch64", firmware="aavmf")
    guest.change_all()
    guest.boots_securely()
    guest.change(change("unenroll", from_="PK", all=True))
    guest.boots_openly("setup", f"{AAVMF}/AAVMF_CODE.fd")
