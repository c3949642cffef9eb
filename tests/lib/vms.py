# SPDX-License-Identifier: LGPL-2.1-or-later
"""VMs on the bus: options with their types, file descriptors both ways, files on disk."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

from gi.repository import Gio, GLib

from .client import MANAGER, MANAGER_PATH, NAME, REQUIREMENT_TYPES, DBusError, bus_label

VM = "org.vmfirmware1.VM"
VM_PATH = "/org/vmfirmware1/vm"
ERROR = "org.vmfirmware1."
NO_SUCH_VM, VM_EXISTS, CONFLICT = ERROR + "NoSuchVM", ERROR + "VMExists", ERROR + "VMConflict"
GONE, MISSING = ERROR + "FirmwareGone", ERROR + "NVRAMMissing"
NO_SUCH_VARIABLE, NO_SUCH_BACKUP = ERROR + "NoSuchVariable", ERROR + "NoSuchBackup"
MISMATCH, IN_USE = ERROR + "NVRAMMismatch", ERROR + "NVRAMInUse"
UNUSABLE, NO_MATCH = ERROR + "ImageUnusable", ERROR + "NoMatchingFirmware"
NOT_SUPPORTED = "org.freedesktop.DBus.Error.NotSupported"
LIMITS = "org.freedesktop.DBus.Error.LimitsExceeded"
IO_ERROR = "org.freedesktop.DBus.Error.IOError"
# dbus-daemon serves only uids that the user database knows: daemon, bin and nobody of Debian.
OWNER, OTHER, NOBODY = 1, 2, 65534

OPTION_TYPES = dict(REQUIREMENT_TYPES, **{
    "dry-run": "b", "enroll": "b",
    "create": "s", "owner": "u", "nvram-format": "s", "nvram-template": "h", "lease": "b",
    "format": "s", "all": "b", "machine": "s", "reset": "b", "convert": "b", "live": "b", "backup": "b",
    "check": "b", "list": "b", "index": "u"})
SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


def memfd(content=b"", size=None, seals=fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK):
    fd = os.memfd_create("nvram", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, content)
    if size is not None:
        os.truncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def append(fds, value):
    """The index of a file descriptor, or of bytes that are sent in a memfd of their own."""
    if not isinstance(value, bytes):
        return fds.append(value)
    fd = memfd(value, seals=SEALS)
    try:
        return fds.append(fd)
    finally:
        os.close(fd)


class VMs:
    """The calls on VMs. Option keys are written with underscores; fds are plain numbers."""

    def __init__(self, client):
        self.client = client

    def call(self, path, interface, method, signature, arguments=(), options=None, seconds=120):
        """(reply, fds); arguments and options may hold fds or bytes, where their type is h."""
        fds = Gio.UnixFDList.new()
        given = {}
        for key, value in (options or {}).items():
            key = key.replace("_", "-")
            if not isinstance(value, GLib.Variant):
                kind = OPTION_TYPES.get(key, "s")
                value = GLib.Variant(kind, append(fds, value) if kind == "h" else value)
            given[key] = value
        values = [append(fds, value) if kind == "h" else value
                  for kind, value in zip(signature.replace("a{sv}", ""), arguments)]
        if signature.endswith("a{sv}"):
            values.append(given)
        try:
            reply, out = self.client.connection.call_with_unix_fd_list_sync(
                NAME, path, interface, method, GLib.Variant(f"({signature})", tuple(values)), None,
                Gio.DBusCallFlags.NO_AUTO_START, int(seconds * 1000), fds, None)
        except GLib.Error as error:
            name = Gio.DBusError.get_remote_error(error)
            if name is None:
                raise
            raise DBusError(name, error.message.removeprefix(f"GDBus.Error:{name}: ")) from None
        return reply.unpack(), out.steal_fds() if out else []

    def manager(self, method, signature, arguments, options, seconds=120):
        return self.call(MANAGER_PATH, MANAGER, method, signature, arguments, options, seconds)

    def prepare_raw(self, vm_id="vm", architecture="x86_64", machine="q35", **options):
        """(path, resolution, fds)"""
        (path, resolution), fds = self.manager(
            "PrepareVM", "sssa{sv}", (vm_id, architecture, machine), options)
        if "lease" in resolution:
            resolution["lease"] = fds[resolution["lease"]]
        return path, resolution, fds

    def prepare(self, *arguments, **options):
        return self.prepare_raw(*arguments, **options)[1]

    def make(self, *arguments, **options):
        """PrepareVM that must be the first; the object."""
        path, resolution, _ = self.prepare_raw(*arguments, create="new", **options)
        return VMObject(self, path, resolution)

    def import_vm(self, vm_id, architecture, machine, nvram, **options):
        (path, resolution), _ = self.manager(
            "ImportVM", "sssha{sv}", (vm_id, architecture, machine, nvram), options)
        return VMObject(self, path, resolution)

    def read_variables(self, store, **options):
        return self.manager("ReadVariables", "ha{sv}", (store,), options)[0][0]

    def get(self, vm_id, **options):
        return self.manager("GetVM", "sa{sv}", (vm_id,), options)[0][0]

    def by_path(self, nvram, **options):
        return self.manager("GetVMByPath", "sa{sv}", (str(nvram),), options)[0][0]

    def list(self, **options):
        return self.manager("ListVMs", "a{sv}", (), options)[0][0]

    def report(self, **options):
        """ReportVMs as {(owner, id): the others}."""
        found = self.manager("ReportVMs", "a{sv}", (), options)[0][0]
        return {(vm.pop("owner"), vm.pop("id")): vm for vm in found}

    def listed(self, **options):
        """ListVMs as {(owner, id): (firmware, state, path)}."""
        return {(owner, vm_id): (firmware, state, path)
                for vm_id, owner, firmware, state, path in self.list(**options)}

    def find(self, vm_id, owner=0):
        """The object, by the answer of ListVMs."""
        return VMObject(self, self.listed()[owner, vm_id][2])

    def at(self, vm_id, owner=0):
        return VMObject(self, vm_path(vm_id, owner))


def vm_path(vm_id, owner=0):
    return f"{VM_PATH}/{owner}/{bus_label(vm_id)}"


class VMObject:
    def __init__(self, vms, path, resolution=None):
        self.vms = vms
        self.path = path
        self.resolution = resolution

    def call(self, method, signature="a{sv}", arguments=(), options=None, seconds=120):
        return self.vms.call(self.path, VM, method, signature, arguments, options, seconds)

    def properties(self):
        return self.vms.client.all_properties(self.path, VM)

    def get(self, name):
        return self.vms.client.property_variant(self.path, VM, name).unpack()

    def nvram(self):
        """The file, by the property."""
        return self.get("NVRAM")[0]

    def acquire(self, **options):
        (index,), fds = self.call("Acquire", options=options)
        return fds[index]

    def open_nvram(self, **options):
        (nvram, lease), fds = self.call("OpenNVRAM", options=options)
        return fds[nvram], fds[lease]

    def reset(self, **options):
        self.call("Reset", options=options)

    def rebind(self, **options):
        return self.call("Rebind", options=options)[0][0]

    def clone(self, vm_id, **options):
        return VMObject(self.vms, self.call("Clone", "sa{sv}", (vm_id,), options)[0][0])

    def rename(self, vm_id):
        return VMObject(self.vms, self.call("Rename", "s", (vm_id,))[0][0])

    def export_raw(self, **options):
        (index, size), fds = self.call("Export", options=options)
        return fds[index], size

    def export(self, **options):
        fd, size = self.export_raw(**options)
        with os.fdopen(fd, "rb") as pipe:
            content = pipe.read()
        assert len(content) == size
        return content

    def import_nvram(self, nvram, **options):
        self.call("Import", "ha{sv}", (nvram,), options)

    def set_reference(self, reference, **options):
        self.call("SetReference", "sa{sv}", (reference,), options)

    def get_resolution(self, **options):
        return self.call("GetResolution", options=options)[0][0]

    def read_variables(self, **options):
        return self.call("ReadVariables", options=options)[0][0]

    def get_variable(self, guid, name, **options):
        attributes, data = self.call("GetVariable", "ssa{sv}", (guid, name), options)[0]
        return attributes, bytes(data)

    def change_variables(self, *changes, **options):
        return self.call("ChangeVariables", "aa{sv}a{sv}", (list(changes),), options)[0][0]

    def list_backups(self, **options):
        """Newest first."""
        return self.call("ListBackups", options=options)[0][0]

    def restore(self, index, **options):
        self.call("Restore", "ua{sv}", (index,), options)

    def remove(self, **options):
        self.call("Remove", options=options)

    def write(self, data, offset=0):
        with open(self.nvram(), "r+b") as file:
            file.seek(offset)
            file.write(data)

    def read(self):
        return Path(self.nvram()).read_bytes()

    def files(self):
        return sorted(os.listdir(self.directory()))

    def backups(self):
        """The files."""
        return [self.directory() / name for name in self.files() if name.startswith("backup-")]

    def directory(self):
        owner, label = self.path.removeprefix(VM_PATH + "/").split("/")
        state = self.vms.client.manager_property("StateDirectory")
        return Path(state) / "vms" / owner / self.get("Id")


CHANGE_TYPES = {"data": "ay", "names": "as", "sha256": "as", "all": "b", "bound": "b", "on": "b",
                "order": "aq", "numbers": "aq", "attributes": "u"}


def change(do, **keys):
    """One change of ChangeVariables. A key that is a word of Python ends with an underscore."""
    return {"do": GLib.Variant("s", do), **{
        key.strip("_"): value if isinstance(value, GLib.Variant)
        else GLib.Variant(CHANGE_TYPES.get(key.strip("_"), "s"), value)
        for key, value in keys.items()}}


CHILD = """
import fcntl, os, sys
sys.path.insert(0, {tests!r})
from lib.bus import PrivateBus
from lib.client import Client, DBusError
from lib.vms import *
# The other uid may be unable to read the sources: it is taken on after the imports.
os.setgroups([]); os.setresgid({uid}, {uid}, {uid}); os.setresuid({uid}, {uid}, {uid})
address = {address!r}
if address:
    bus = PrivateBus.__new__(PrivateBus)
    bus.address = address
    client = Client(bus.connect())
    vms = VMs(client)
try:
{program}
except DBusError as error:
    print(error.name, flush=True)
    print(error.text, flush=True)
"""


def start_as(uid, program, bus=None):
    """Run statements as another uid, with `vms` where a bus is given; a Popen with pipes."""
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    lines = "\n".join("    " + line for line in program.strip().splitlines())
    text = CHILD.format(uid=uid, tests=tests, address=bus.address if bus else None, program=lines)
    return subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True, cwd="/")


def run_as(uid, program, bus=None):
    """The same, to its end; the lines that it prints."""
    child = start_as(uid, program, bus)
    out, _ = child.communicate(timeout=120)
    assert child.returncode == 0
    return out.splitlines()


# What start_as() may be given: as many calls as one uid may have unfinished, with as many file
# descriptors as one message may have; it ends when it is sent a line.
SIXTEEN_CALLS = """
for index in range(16):
    fds = Gio.UnixFDList.new()
    for _ in range(16):
        fds.append(0)
    client.connection.call_with_unix_fd_list(
        NAME, MANAGER_PATH, MANAGER, 'PrepareVM', GLib.Variant('(sssa{sv})', (
            f'vm{index}', 'x86_64', 'q35', {})), None, Gio.DBusCallFlags.NONE, 60000, fds, None)
client.connection.flush_sync(None)
print('sent', flush=True)
sys.stdin.readline()
"""

__all__ = [name for name in dir() if not name.startswith("_")]
