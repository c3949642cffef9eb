# SPDX-License-Identifier: LGPL-2.1-or-later
"""Introspection XML as plain values, and what it has to tell of a VM."""

import xml.etree.ElementTree as ElementTree

EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
OPTIONS = ("in", "options", "a{sv}")
VM_CONTRACT = {
    "methods": {
        "Acquire": [OPTIONS, ("out", "lease", "h")],
        "OpenNVRAM": [OPTIONS, ("out", "nvram", "h"), ("out", "lease", "h")],
        "Reset": [OPTIONS],
        "Rebind": [OPTIONS, ("out", "resolution", "a{sv}")],
        "Clone": [("in", "id", "s"), OPTIONS, ("out", "vm", "o")],
        "Rename": [("in", "id", "s"), ("out", "vm", "o")],
        "Export": [OPTIONS, ("out", "nvram", "h"), ("out", "size", "t")],
        "Import": [("in", "nvram", "h"), OPTIONS],
        "ListBackups": [OPTIONS, ("out", "backups", "aa{sv}")],
        "Restore": [("in", "index", "u"), OPTIONS],
        "Remove": [OPTIONS],
        "SetReference": [("in", "reference", "s"), OPTIONS],
        "GetResolution": [OPTIONS, ("out", "resolution", "a{sv}")],
        "ReadVariables": [OPTIONS, ("out", "report", "a{sv}")],
        "GetVariable": [("in", "guid", "s"), ("in", "name", "s"), OPTIONS,
                        ("out", "attributes", "u"), ("out", "data", "ay")],
        "ChangeVariables": [("in", "changes", "aa{sv}"), OPTIONS, ("out", "result", "a{sv}")],
    },
    "signals": {},
    "properties": {
        "Id": ("s", "read", "const"), "Owner": ("u", "read", "const"),
        "Created": ("t", "read", "const"), "LastPrepared": ("t", "read", "true"),
        "Architecture": ("s", "read", "true"),
        "Machine": ("s", "read", "true"), "Firmware": ("s", "read", "true"),
        "NVRAM": ("(ss)", "read", "true"), "State": ("s", "read", "true"),
        "Changed": ("as", "read", "true"),
        "InUse": ("b", "read", "false"), "ExecutableDigest": ("s", "read", "true"),
        "TemplateDigest": ("s", "read", "true"),
        "SecureBoot": ("s", "read", "true"), "Certificates": ("a{ss}", "read", "true"),
        "Expires": ("x", "read", "true"), "Health": ("s", "read", "true"),
    },
}


def emits(element, default="true"):
    for annotation in element.findall("annotation"):
        if annotation.get("name") == EMITS:
            return annotation.get("value")
    return default


def described(interface):
    """One <interface> element as plain values; comments and white space do not count."""
    default = emits(interface)
    return {
        "methods": {method.get("name"): [
            (arg.get("direction", "in"), arg.get("name"), arg.get("type"))
            for arg in method.findall("arg")] for method in interface.findall("method")},
        "signals": {signal.get("name"): [(arg.get("name"), arg.get("type"))
                                         for arg in signal.findall("arg")]
                    for signal in interface.findall("signal")},
        "properties": {prop.get("name"): (prop.get("type"), prop.get("access"),
                                          emits(prop, default))
                       for prop in interface.findall("property")},
    }


def interfaces(root):
    return {element.get("name"): described(element) for element in root.iter("interface")}


def introspect(client, path):
    """The <node> element of an object."""
    return ElementTree.fromstring(client.introspect(path))


def children(client, path):
    """The names of nodes below; one may have more than one element."""
    return {node.get("name") for node in introspect(client, path).findall("node")}
