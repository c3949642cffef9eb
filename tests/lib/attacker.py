# SPDX-License-Identifier: LGPL-2.1-or-later
"""A user who calls the service at random, and spoils what of a VM is his own.

It ends when its standard input does, and prints as JSON what it got for answers, which of them are
wrong whatever was asked, and its last calls.
"""

import collections
import contextlib
import fcntl
import json
import os
import random
import select
import signal
import sys

from gi.repository import Gio, GLib

from . import anyvalue, client, images, paths, wait
from .bus import PrivateBus
from .vms import OPTION_TYPES, VM, VM_PATH, vm_path

IDS = ["good", "a", "b", "c", "manager:name", "ü"]
MACHINES = ["q35", "pc-q35-7.2", "pc-q35-7.2", "pc", "soak-65536-1", "virt", "none"]
FIRMWARES = ["00-good", "00-good", *(f"{number}0-f" for number in range(1, 9)), "missing"]
WORDS = {
    "id": IDS, "architecture": ["x86_64"] * 4 + ["aarch64", "amd64", "z80"], "machine": MACHINES,
    "name": FIRMWARES, "firmware": FIRMWARES, "create": ["auto", "never", "new"],
    "nvram-format": ["raw", "qcow2", "json"], "format": ["raw", "qcow2", "json"],
    "interface": ["uefi", "bios"], "nvram-filename": ["/x", "x"],
    "interface_name": [client.MANAGER, client.FIRMWARE, VM, ""],
    "property_name": ["State", "InUse", "Problems", "Generation", "NVRAM", "Nothing"]}
LISTS = {
    "features": ["secure-boot", "requires-smm"], "without-features": ["secure-boot", "amd-sev"],
    "devices": ["flash", "memory"], "modes": ["split", "stateless"], "formats": ["raw", "qcow2"],
    "certificates": ["microsoft-uefi-2023", "0" * 64],
    "render": ["qemu", "qemu-legacy", "libvirt", "libvirt-fields"]}
STANDARD = """<node><interface name="org.freedesktop.DBus.Properties">
<method name="Get"><arg type="s" name="interface_name" direction="in"/>
<arg type="s" name="property_name" direction="in"/><arg type="v" direction="out"/></method>
<method name="GetAll"><arg type="s" name="interface_name" direction="in"/>
<arg type="a{sv}" direction="out"/></method>
<method name="Set"><arg type="s" name="interface_name" direction="in"/>
<arg type="s" name="property_name" direction="in"/>
<arg type="v" name="value" direction="in"/></method>
</interface><interface name="org.freedesktop.DBus.ObjectManager"><method name="GetManagedObjects">
<arg type="a{oa{sa{sv}}}" direction="out"/></method></interface>
<interface name="org.freedesktop.DBus.Introspectable"><method name="Introspect">
<arg type="s" direction="out"/></method></interface>
<interface name="org.freedesktop.DBus.Peer"><method name="Ping"/></interface></node>"""
# what the contract and libsystemd have words for
ERRORS = {"org.vmfirmware1." + name for name in (
    "NoMatchingFirmware", "NoSuchFirmware", "NoSuchVM", "VMExists", "VMConflict", "FirmwareGone",
    "NVRAMMissing", "NVRAMMismatch", "NVRAMInUse", "ImageUnusable", "NoSuchBackup",
    "NoSuchVariable")}
ERRORS |= {"org.freedesktop.DBus.Error." + name for name in (
    "InvalidArgs", "AccessDenied", "InteractiveAuthorizationRequired", "LimitsExceeded",
    "NotSupported", "UnknownMethod", "UnknownInterface", "UnknownObject", "UnknownProperty",
    "PropertyReadOnly",
    # an index of a file descriptor that has not been sent
    "InconsistentMessage",
    # said when there is no service, which is for others to notice
    "ServiceUnknown", "NameHasNoOwner", "NoReply")}
# more than a user has places
UNFINISHED = 24
# without it he would have no VM most of the time
OFTEN = "PrepareVM"
HELD = 8
# the bus closes the connection of who sends more
BUS_FDS = 16
CONTENT = b"mine".ljust(images.OVMF_4M_VARS, b"\0")
CHANGES = ("PrepareVM", "ImportVM")
OBJECTS = {client.MANAGER: client.MANAGER_PATH, client.OBJECT_MANAGER: client.FIRMWARE_PATH,
           client.LOG_CONTROL: client.LOG_CONTROL_PATH}


def known_methods():
    """[(interface, Gio.DBusMethodInfo)] of the contract."""
    texts = [STANDARD, *(path.read_text(encoding="utf-8")
                         for path in sorted(paths.INTERFACES.glob("*.xml")))]
    return [(interface.name, method) for text in texts
            for interface in Gio.DBusNodeInfo.new_for_xml(text).interfaces
            for method in interface.methods]


def out_signature(method):
    return "".join(argument.signature for argument in method.out_args)


class Attacker:
    def __init__(self, bus, state, seed, methods):
        self.bus, self.state = bus, state
        self.methods = methods + 8 * [each for each in methods if each[1].name == OFTEN]
        # all may ask what a VM is pinned to
        self.own_methods = {method.name for interface, method in methods
                            if interface == VM} - {"GetResolution"}
        self.random = random.Random(seed)
        self.uid = os.getuid()
        self.connection = bus.connect()
        self.unfinished = 0
        self.held = []
        self.last = collections.deque(maxlen=60)
        self.answers = collections.Counter()
        self.faults = []

    # -- what is asked

    def chance(self, probability):
        return self.random.random() < probability

    def option(self, key, fds):
        kind = OPTION_TYPES.get(key, "s")
        if self.chance(0.05):
            return anyvalue.variant(self.random, anyvalue.signature(self.random, 1))
        if key == "owner":
            return GLib.Variant("u", self.random.choice([self.uid] * 4 + [0, 2, 3, 6, 65535]))
        if kind == "as":
            return GLib.Variant(kind, self.random.sample(LISTS[key], self.random.randint(0, 2)))
        if kind == "h":
            return GLib.Variant(kind, self.append(fds))
        if kind == "s":
            return GLib.Variant(kind, self.word(key))
        return anyvalue.variant(self.random, kind)

    def word(self, name):
        return self.random.choice(WORDS.get(name, anyvalue.STRINGS) if self.chance(0.95)
                                  else anyvalue.STRINGS)

    def append(self, fds):
        fd = anyvalue.descriptor(self.random, CONTENT)
        try:
            return fds.append(fd)
        finally:
            os.close(fd)

    def argument(self, argument, fds):
        if argument.signature == "s":
            return self.word(argument.name)
        if argument.signature == "h":
            return self.append(fds)
        if argument.signature == "a{sv}":
            number = self.random.choice([0, 0, 0, 1, 1, 2, 4])
            return {key: self.option(key, fds)
                    for key in self.random.sample(sorted(OPTION_TYPES), number)}
        return anyvalue.value(self.random, argument.signature)

    def object(self, interface):
        if interface in OBJECTS:
            return OBJECTS[interface]
        own = vm_path(self.random.choice(IDS), self.uid)
        if interface == VM:
            return own if self.chance(0.8) else vm_path(self.random.choice(IDS),
                                                        self.random.choice([0, 2, 3, 6, 65534]))
        return self.random.choice([
            own, client.MANAGER_PATH, client.firmware_path(self.random.choice(FIRMWARES)), "/",
            "/org", client.FIRMWARE_PATH, VM_PATH, f"{VM_PATH}/{self.uid}", f"{VM_PATH}/x/y",
            f"{client.FIRMWARE_PATH}/_zz", client.LOG_CONTROL_PATH])

    def call(self):
        fds = Gio.UnixFDList.new()
        interface, method = self.random.choice(self.methods)
        path, name = self.object(interface), method.name
        body = [(argument.signature, self.argument(argument, fds)) for argument in method.in_args]
        if self.chance(0.1):
            path = self.object("")
        if self.chance(0.03):
            name = self.random.choice(["Nothing", "Select", "Get", "x" * 255])
        if self.chance(0.07) and body:
            body[self.random.randrange(len(body))] = (
                word := anyvalue.signature(self.random),
                anyvalue.value(self.random, word))
        if self.chance(0.03):
            body = body[1:] if self.chance(0.5) else [*body, ("s", "more")]
        while self.chance(0.1) and fds.get_length() < BUS_FDS:
            self.append(fds)
        message = Gio.DBusMessage.new_method_call(client.NAME, path, interface, name)
        if body:
            message.set_body(GLib.Variant(f"({''.join(word for word, _ in body)})",
                                          tuple(each for _, each in body)))
        if fds.get_length():
            message.set_unix_fd_list(fds)
        flags = Gio.DBusMessageFlags.NO_AUTO_START
        if self.chance(0.2):
            flags |= Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION
        self.last.append(f"{path} {interface}.{name} {body} {fds.get_length()} fds"[:300])
        if self.chance(0.1):
            message.set_flags(flags | Gio.DBusMessageFlags.NO_REPLY_EXPECTED)
            with contextlib.suppress(GLib.Error):  # the bus has closed it
                self.connection.send_message(message, Gio.DBusSendMessageFlags.NONE)
            return
        message.set_flags(flags)
        self.unfinished += 1
        self.connection.send_message_with_reply(
            message, Gio.DBusSendMessageFlags.NONE, GLib.MAXINT, None, self.answered,
            (path, name, method, dict(body[-1][1]) if body and body[-1][0] == "a{sv}" else {}))

    # -- what is answered

    def answered(self, connection, result, question):
        self.unfinished -= 1
        try:
            reply = connection.send_message_with_reply_finish(result)
        except GLib.Error:
            self.answers["none, for the connection was closed"] += 1
            return
        path, name, method, options = question
        asked = f"{path} {name} {options}"[:300]
        error = reply.get_error_name()
        if error:
            self.answers[error] += 1
            if error not in ERRORS:
                self.faults.append(f"{asked}: {error}: {reply.get_arg0()}"[:1000])
            return
        self.answers[name] += 1
        if name == method.name and reply.get_signature() != out_signature(method):
            self.faults.append(f"{asked}: {reply.get_signature()}")
        if self.is_anothers(path, name, options):
            self.faults.append(f"{asked}: answered, though it is another's")
        fds = reply.get_unix_fd_list()
        if fds:
            self.held += fds.steal_fds()
            self.random.shuffle(self.held)
            while len(self.held) > HELD:
                os.close(self.held.pop())

    def is_anothers(self, path, name, options):
        owner = options.get("owner")
        if name in CHANGES or name == "Clone":
            if owner is not None and owner.unpack() != self.uid:
                return True
        return path.startswith(VM_PATH + "/") and name in self.own_methods and \
            not path.startswith(f"{VM_PATH}/{self.uid}/")

    # -- what else he can do

    def spoil(self):
        directory = self.state / "vms" / str(self.uid) / self.random.choice(IDS)
        path = directory / self.random.choice(["nvram.raw", "nvram.qcow2", "nvram.json", "backup",
                                               "pin.json", "lock"])
        kind = self.random.choice(["truncate", "write", "mode", "lock", "lease", "touch"])
        with contextlib.suppress(OSError):
            if kind == "truncate":
                os.truncate(path, self.random.choice([0, 1, images.OVMF_4M_VARS, 1 << 33]))
            elif kind == "mode":
                os.chmod(path, self.random.choice([0, 0o400, 0o600, 0o6777]))
            elif kind == "touch":
                os.utime(path, (0, 0))
            else:
                fd = os.open(path, os.O_RDWR)
                self.held.append(fd)
                if kind == "write":
                    os.pwrite(fd, self.random.randbytes(64), self.random.choice([0, 8, 72, 4096]))
                elif kind == "lock":
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                else:
                    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        self.last.append(f"{kind} {path}")

    def leave(self):
        """With all that is unfinished."""
        self.last.append("leaves")
        if not self.connection.is_closed():
            self.connection.close_sync(None)
        wait.until(lambda: self.unfinished == 0, "all calls of a closed connection have ended")
        while self.held:
            os.close(self.held.pop())
        self.connection = self.bus.connect()

    def run(self):
        while not select.select([sys.stdin], [], [], 0)[0]:
            kind = self.random.random()
            if kind < 0.004 or self.connection.is_closed():
                self.leave()
            elif kind < 0.04:
                self.spoil()
            elif self.unfinished < UNFINISHED:
                self.call()
            else:
                GLib.MainContext.default().iteration(True)
            wait.drain()
        try:
            wait.until(lambda: self.unfinished == 0 or self.connection.is_closed(),
                       "all calls are answered")
        except AssertionError as error:
            self.faults.append(f"{error}: {self.unfinished} are not")


def main():
    address, state, uid, seed = sys.argv[1:]
    methods = known_methods()
    uid = int(uid)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # by which the kernel tells that somebody breaks a lease
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    bus = PrivateBus.__new__(PrivateBus)
    bus.address = address
    attacker = Attacker(bus, paths.Path(state), seed, methods)
    print("ready", flush=True)
    attacker.run()
    json.dump({"answers": attacker.answers, "faults": attacker.faults, "last": list(attacker.last)},
              sys.stdout)


if __name__ == "__main__":
    main()
