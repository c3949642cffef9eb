# SPDX-License-Identifier: LGPL-2.1-or-later
"""A thin D-Bus client of the service: plain values out, D-Bus errors by name."""

from gi.repository import Gio, GLib

from . import wait

NAME = "org.vmfirmware1"
MANAGER_PATH = "/org/vmfirmware1"
FIRMWARE_PATH = "/org/vmfirmware1/firmware"
LOG_CONTROL_PATH = "/org/freedesktop/LogControl1"
MANAGER = "org.vmfirmware1.Manager"
FIRMWARE = "org.vmfirmware1.Firmware"
LOG_CONTROL = "org.freedesktop.LogControl1"
STATS = "org.freedesktop.DBus.Debug.Stats"
PROPERTIES = "org.freedesktop.DBus.Properties"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
ACCESS_DENIED = "org.freedesktop.DBus.Error.AccessDenied"
NO_MATCH = "org.vmfirmware1.NoMatchingFirmware"
NO_SUCH_FIRMWARE = "org.vmfirmware1.NoSuchFirmware"

REQUIREMENT_TYPES = {
    "interface": "s", "features": "as", "without-features": "as", "devices": "as",
    "modes": "as", "formats": "as", "certificates": "as", "firmware": "s", "executable": "s", "host-supported": "b",
    "nvram-size": "t", "nvram-format": "s", "qemu-version": "s",
    "render": "as", "nvram-filename": "s",
}


class DBusError(Exception):
    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


def requirements(given):
    """a{sv} of a dict whose keys are the contract's; a GLib.Variant is passed as it is."""
    return {key: value if isinstance(value, GLib.Variant)
            else GLib.Variant(REQUIREMENT_TYPES[key], value) for key, value in given.items()}


def bus_label(name):
    """sd_bus_path_encode() of one label."""
    out = []
    for index, byte in enumerate(name.encode()):
        char = chr(byte)
        plain = char.isascii() and (char.isalpha() or (index > 0 and char.isdigit()))
        out.append(char if plain else f"_{byte:02x}")
    return "".join(out) or "_"


def firmware_path(name):
    return f"{FIRMWARE_PATH}/{bus_label(name)}"


class Client:
    def __init__(self, connection):
        self.connection = connection

    def call(self, path, interface, method, arguments=None, reply_type=None, timeout=120000):
        """Call and return the reply as a GLib.Variant tuple."""
        try:
            return self.connection.call_sync(
                NAME, path, interface, method, arguments,
                GLib.VariantType(reply_type) if reply_type else None,
                Gio.DBusCallFlags.NO_AUTO_START, timeout, None)
        except GLib.Error as error:
            name = Gio.DBusError.get_remote_error(error)
            if name is None:
                raise
            prefix = f"GDBus.Error:{name}: "
            raise DBusError(name, error.message.removeprefix(prefix)) from None

    def manager(self, method, arguments=None, reply_type=None):
        return self.call(MANAGER_PATH, MANAGER, method, arguments, reply_type)

    def question(self, method, architecture, machine, given, reply_type):
        arguments = GLib.Variant("(ssa{sv})", (architecture, machine, requirements(given)))
        return self.manager(method, arguments, reply_type)

    def select_raw(self, architecture, machine, **given):
        return self.select_raw_dict(architecture, machine, underscores(given))

    def select_raw_dict(self, architecture, machine, given):
        return self.question("Select", architecture, machine, given, "(oa{sv})")

    def select(self, architecture, machine, **given):
        """The resolution of Select; requirement keys are written with underscores."""
        return self.select_raw(architecture, machine, **given).unpack()[1]

    def select_name(self, architecture, machine, **given):
        return self.select(architecture, machine, **given)["name"]

    def explain(self, architecture, machine, **given):
        return self.question("Explain", architecture, machine, underscores(given),
                             "(a(sssas))").unpack()[0]

    def verdicts(self, architecture, machine, **given):
        """Explain as {path: (verdict, reasons)}."""
        return {path: (verdict, reasons)
                for _, path, verdict, reasons in self.explain(architecture, machine, **given)}

    def verdict_of(self, name, architecture, machine, **given):
        """(verdict, reasons) of the effective file of one name."""
        for found, _, verdict, reasons in self.explain(architecture, machine, **given):
            if found == name:
                return verdict, reasons
        raise AssertionError(f"Explain tells nothing about {name}")

    def capabilities(self, architecture, machine, **given):
        return self.question("GetCapabilities", architecture, machine, underscores(given),
                             "(a{sv})").unpack()[0]

    def get_firmware(self, name):
        return self.manager("GetFirmware", GLib.Variant("(s)", (name,)), "(o)").unpack()[0]

    def list_firmware(self):
        return self.manager("ListFirmware", None, "(a(sso))").unpack()[0]

    def names(self):
        return [name for name, _, _ in self.list_firmware()]

    def state(self, name):
        return {found: state for found, state, _ in self.list_firmware()}[name]

    def reload(self):
        self.manager("Reload", None, "()")

    def property_variant(self, path, interface, name):
        reply = self.call(path, PROPERTIES, "Get", GLib.Variant("(ss)", (interface, name)), "(v)")
        return reply.get_child_value(0).get_variant()

    def set_property(self, path, interface, name, kind, value):
        self.call(path, PROPERTIES, "Set",
                  GLib.Variant("(ssv)", (interface, name, GLib.Variant(kind, value))), "()")

    def manager_property(self, name):
        return self.property_variant(MANAGER_PATH, MANAGER, name).unpack()

    def generation(self):
        return self.manager_property("Generation")

    def problems(self):
        return self.manager_property("Problems")

    def all_properties(self, path, interface):
        reply = self.call(path, PROPERTIES, "GetAll", GLib.Variant("(s)", (interface,)),
                          "(a{sv})")
        return reply.unpack()[0]

    def firmware(self, name):
        """Every property of one firmware object."""
        return self.all_properties(firmware_path(name), FIRMWARE)

    def managed_objects(self):
        return self.call(FIRMWARE_PATH, OBJECT_MANAGER, "GetManagedObjects", None,
                         "(a{oa{sa{sv}}})").unpack()[0]

    def introspect(self, path):
        return self.call(path, INTROSPECTABLE, "Introspect", None, "(s)").unpack()[0]

    def ping(self):
        self.call(MANAGER_PATH, "org.freedesktop.DBus.Peer", "Ping", None, "()")


def underscores(given):
    return {key.replace("_", "-"): value for key, value in given.items()}


class Signals:
    """All signals of the service from now on, as (path, interface, member, arguments)."""

    def __init__(self, client):
        self.client = client
        self.all = []
        self.hooks = []
        self.subscription = client.connection.signal_subscribe(
            NAME, None, None, None, None, Gio.DBusSignalFlags.NONE, self.received)
        client.ping()
        wait.drain()

    def received(self, _connection, _sender, path, interface, member, arguments, *_):
        signal = (path, interface, member, arguments.unpack())
        self.all.append(signal)
        for hook in self.hooks:
            hook(signal)

    def sync(self):
        """Everything that the service sent before it answers this is in `all` afterwards."""
        self.client.ping()
        wait.drain()
        return self.all

    def named(self, member):
        return [signal for signal in self.sync() if signal[2] == member]

    def catalog_changes(self):
        return [arguments for _, _, _, arguments in self.named("CatalogChanged")]

    def close(self):
        self.client.connection.signal_unsubscribe(self.subscription)
