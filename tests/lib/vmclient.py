# SPDX-License-Identifier: LGPL-2.1-or-later
"""The VM half of the service's D-Bus interface: plain values and file descriptors."""

import fcntl
import os

from gi.repository import Gio, GLib

from .client import MANAGER, MANAGER_PATH, NAME, DBusError, bus_label

VM = "org.vmfirmware1.VM"
SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
OPTION_TYPES = {
    "interface": "s", "features": "as", "without-features": "as", "devices": "as", "modes": "as",
    "formats": "as", "firmware": "s", "executable": "s", "host-supported": "b", "render": "as",
    "create": "s", "owner": "u", "nvram-format": "s", "format": "s", "nvram-template": "h",
    "lease": "b", "all": "b", "machine": "s", "reset": "b", "live": "b", "backup": "b",
}


def vm_path(owner, vm_id):
    return f"/org/vmfirmware1/vm/{owner}/{bus_label(vm_id)}"


def options(given):
    """a{sv} of keywords, whose underscores stand for hyphens."""
    named = {key.replace("_", "-"): value for key, value in given.items()}
    return {key: GLib.Variant(OPTION_TYPES[key], value) for key, value in named.items()}


def memfd(data):
    """A sealed memfd that holds data; the caller closes it."""
    fd = os.memfd_create("nvram", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    return fd


def message(path, interface, member, arguments, fds=()):
    made = Gio.DBusMessage.new_method_call(NAME, path, interface, member)
    made.set_flags(Gio.DBusMessageFlags.NO_AUTO_START)
    made.set_body(arguments)
    if fds:
        handles = Gio.UnixFDList.new()
        for fd in fds:
            handles.append(fd)
        made.set_unix_fd_list(handles)
    return made


def unpack_reply(reply):
    """(values, fds) of a reply; raises DBusError for an error."""
    if reply.get_message_type() == Gio.DBusMessageType.ERROR:
        raise DBusError(reply.get_error_name(), reply.get_body().unpack()[0])
    handles = reply.get_unix_fd_list()
    body = reply.get_body()
    return (body.unpack() if body else ()), (handles.steal_fds() if handles else [])


class VMClient:
    """Calls on a connection of its own or a borrowed one."""

    def __init__(self, connection):
        self.connection = connection

    def call(self, path, interface, member, arguments=None, fds=(), timeout=60000):
        reply, _ = self.connection.send_message_with_reply_sync(
            message(path, interface, member, arguments, fds),
            Gio.DBusSendMessageFlags.NONE, timeout, None)
        return unpack_reply(reply)

    def prepare_with_fds(self, vm_id, architecture="x86_64", machine="pc", fds=(), **given):
        (path, resolution), found = self.call(
            MANAGER_PATH, MANAGER, "PrepareVM",
            GLib.Variant("(sssa{sv})", (vm_id, architecture, machine, options(given))), fds)
        return path, resolution, found

    def prepare(self, vm_id, architecture="x86_64", machine="pc", **given):
        """The resolution of PrepareVM; without a lease."""
        return self.prepare_with_fds(vm_id, architecture, machine, **given)[1]

    def prepare_with_lease(self, vm_id, architecture="x86_64", machine="pc", **given):
        """(resolution, fd of the lease)."""
        _, resolution, fds = self.prepare_with_fds(vm_id, architecture, machine, lease=True,
                                                   **given)
        return resolution, fds[resolution["lease"]]

    def import_vm(self, vm_id, architecture, machine, data, **given):
        fd = memfd(data)
        try:
            return self.call(MANAGER_PATH, MANAGER, "ImportVM", GLib.Variant(
                "(sssha{sv})", (vm_id, architecture, machine, 0, options(given))), [fd])[0]
        finally:
            os.close(fd)

    def list_vms(self, **given):
        """{(owner, id): (firmware, state, path)}"""
        (rows,), _ = self.call(MANAGER_PATH, MANAGER, "ListVMs",
                               GLib.Variant("(a{sv})", (options(given),)))
        return {(owner, vm_id): (firmware, state, path)
                for vm_id, owner, firmware, state, path in rows}

    def property(self, path, name):
        return self.call(path, "org.freedesktop.DBus.Properties", "Get",
                         GLib.Variant("(ss)", (VM, name)))[0][0]

    def bare(self, path, member, **given):
        return self.call(path, VM, member, GLib.Variant("(a{sv})", (options(given),)))

    def acquire(self, path):
        (index,), fds = self.bare(path, "Acquire")
        return fds[index]

    def reset(self, path):
        self.bare(path, "Reset")

    def rebind(self, path, **given):
        return self.bare(path, "Rebind", **given)[0][0]

    def remove(self, path):
        self.bare(path, "Remove")

    def clone(self, path, new_id, **given):
        return self.call(path, VM, "Clone",
                         GLib.Variant("(sa{sv})", (new_id, options(given))))[0][0]

    def rename(self, path, new_id):
        return self.call(path, VM, "Rename", GLib.Variant("(s)", (new_id,)))[0][0]

    def import_nvram(self, path, data, **given):
        fd = memfd(data)
        try:
            self.call(path, VM, "Import", GLib.Variant("(ha{sv})", (0, options(given))), [fd])
        finally:
            os.close(fd)

    def export(self, path, **given):
        """All bytes of Export; fewer than announced are an error."""
        (index, size), fds = self.bare(path, "Export", **given)
        with os.fdopen(fds[index], "rb") as pipe:
            data = pipe.read()
        assert len(data) == size
        return data
