# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest in its firmware's own shell, which runs a script; its console is a file."""

import os
import re

from . import efi, wait
from .qemu import Qemu

PATIENCE = 600
DONE = "script-is-done"
DUMPED = re.compile(r"Variable ([A-Z+]+) '([\w-]+):([^']+)' DataSize = 0x([0-9A-Fa-f]+)\n"
                    r"((?:  [0-9A-Fa-f]{8}: .*\n)*)")
BYTES = re.compile(r"^  [0-9A-Fa-f]{8}: ((?:[0-9A-Fa-f]{2}[ -])+)", re.MULTILINE)
ATTRIBUTES = {"NV": 1, "BS": 2, "RT": 4, "HR": 8, "AW": 16, "AT": 32}
MACHINE_ARGUMENTS = {"aarch64": ["-cpu", "cortex-a57"], "x86_64": []}
# dmpstore has names for these
GUIDS = {"efiglobalvariable": "8be4df61-93ca-11d2-aa0d-00e098032b8c",
         "efiimagesecuritydatabase": "d719b2cb-3d3a-4596-a3bc-dad00e67656f",
         "iscsiinitiatorname": "59324945-ec44-4c0d-b1cd-9db139df070c"}


class Shell:
    """Boots with QEMU's ARGUMENTS; the script is ended by a line that prints DONE. LOADER is a
    shell for firmware that has none."""

    def __init__(self, directory, architecture, arguments, script, pass_fds=(), loader=None):
        disk = directory / "script"
        disk.mkdir(exist_ok=True)
        if loader:
            efi.write_loader(disk, loader, architecture)
        (disk / "startup.nsh").write_text("\r\n".join([*script, f"echo {DONE}", ""]))
        self.console = directory / "console"
        self.console.write_bytes(b"")
        self.qemu = Qemu(architecture, arguments, run=True, pass_fds=pass_fds, extra=[
            "-serial", f"file:{self.console}",
            "-drive", f"file=fat:{disk},format=raw,if=none,id=script,readonly=on",
            "-device", "virtio-blk-pci,drive=script"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.qemu.close()

    def text(self):
        # without the terminal's control sequences
        return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", self.console.read_bytes()).decode(
            "ascii", "replace").replace("\r", "")

    def until(self, text):
        def seen():
            assert self.qemu.process.poll() is None, self.qemu.error_text()
            # the script's own line is echoed, too
            return re.search(rf"^{text}$", self.text(), re.MULTILINE)

        wait.until(seen, f"the guest prints {text}", PATIENCE, interval=0.2)

    def finish(self):
        self.until(DONE)
        self.qemu.execute("quit")
        self.qemu.process.wait(120)

    def dumped(self):
        """What dmpstore has told: {(guid, name): (attributes, data)}."""
        found = {}
        for words, guid, name, size, lines in DUMPED.findall(self.text()):
            attributes = sum(ATTRIBUTES[word] for word in words.split("+"))
            data = bytes.fromhex(re.sub("[ -]", "", "".join(BYTES.findall(lines))))
            assert len(data) == int(size, 16), name
            found[GUIDS.get(guid.lower(), guid.lower()), name] = (attributes, data)
        return found


def boot(service, vms, name, script, extra=(), loader=None, **given):
    """A Shell of the VM, prepared with a lease."""
    resolution = vms.prepare(name, lease=True, render=["qemu"], **given)
    try:
        return Shell(service.directory, resolution["architecture"],
                     [*resolution["qemu-arguments"],
                      *MACHINE_ARGUMENTS[resolution["architecture"]], "-m", "512", *extra],
                     script, pass_fds=[resolution["lease"]], loader=loader)
    finally:
        os.close(resolution["lease"])


def assert_agrees(vm, told):
    """The report of the VM's store has the non-volatile variables that the firmware told."""
    report = vm.read_variables(list=True)
    assert report["health"] == "ok"
    assert {key: value for key, value in told.items() if value[0] & ATTRIBUTES["NV"]} == {
        (one["guid"], one["name"]): vm.get_variable(one["guid"], one["name"])
        for one in report["list"]}
