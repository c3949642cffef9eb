# SPDX-License-Identifier: LGPL-2.1-or-later
"""Building firmware.json descriptors and layers of them."""

import enum
import json
import os
from pathlib import Path

from . import still

# whose repr() is the same in each process, as names of tests must be
DROP = enum.Enum("Member", ["DROP"]).DROP


def image(filename, fmt="raw", **members):
    return {"filename": str(filename), "format": fmt, **members}


def target(architecture, *machines):
    return {"architecture": architecture, "machines": list(machines)}


def descriptor(mapping, **members):
    """A whole descriptor; a member given as DROP is left out."""
    made = {
        "description": "firmware for tests",
        "interface-types": ["uefi"],
        "mapping": mapping,
        "targets": [target("x86_64", "pc-i440fx-*", "pc-q35-*")],
        "features": [],
        "tags": [],
    }
    made.update({key.replace("_", "-"): value for key, value in members.items()})
    return {key: value for key, value in made.items() if value is not DROP}


def flash(executable, template=None, *, mode=None, fmt="raw", template_fmt="raw", **members):
    """A descriptor of device flash; a template makes it split unless mode says otherwise."""
    mapping = {"device": "flash", "executable": image(executable, fmt)}
    if template is not None:
        mapping["nvram-template"] = image(template, template_fmt)
    if mode is None and template is None:
        mode = "stateless"
    if mode is not None:
        mapping["mode"] = mode
    return descriptor(mapping, **members)


def by_filename(device, filename, **members):
    """A descriptor of device memory, kernel or igvm."""
    extra = members.pop("mapping", {})
    return descriptor({"device": device, "filename": str(filename), **extra}, **members)


class Layer:
    """One directory of descriptors."""

    def __init__(self, path):
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)

    def __fspath__(self):
        return str(self.path)

    def __str__(self):
        return str(self.path)

    def file(self, name):
        return str(self.path / f"{name}.json")

    def write(self, name, content):
        """Write a dict as JSON, or str or bytes as they are; returns the file's path."""
        path = self.file(name)
        if isinstance(content, dict):
            content = json.dumps(content, indent=2, ensure_ascii=False)
        if isinstance(content, str):
            content = content.encode()
        with still.all_frozen(), open(path, "wb") as file:
            file.write(content)
        return path

    def link(self, name, destination):
        path = self.file(name)
        os.symlink(destination, path)
        return path

    def remove(self, name):
        os.unlink(self.file(name))
