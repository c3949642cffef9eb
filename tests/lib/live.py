# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service whose files change under it, and the freshly started one that it must agree with."""

import os
import time

from . import wait
from .client import FIRMWARE, Client
from .config import write_config
from .daemon import Daemon
from .mirror import Mirror

QUESTIONS = (("x86_64", "q35", {}), ("aarch64", "virt", {"features": ["secure-boot"]}))


def everything(client):
    """All that the service says of its catalog. Nothing in it depends on how it came to it."""
    return {
        "objects": client.managed_objects(),
        "list": client.list_firmware(),
        "problems": sorted(client.problems()),
        "architectures": sorted(client.manager_property("Architectures")),
        "search path": client.manager_property("SearchPath"),
        "explain": [client.explain(architecture, machine, **given)
                    for architecture, machine, given in QUESTIONS],
        "capabilities": [client.capabilities(architecture, machine, **given)
                         for architecture, machine, given in QUESTIONS],
    }


def difference(ours, theirs):
    """Lines that tell where two results of everything() differ."""
    lines = []
    for key in ours:
        if ours[key] == theirs[key]:
            continue
        if isinstance(ours[key], dict):
            for path in sorted(ours[key].keys() | theirs[key].keys()):
                one, other = ours[key].get(path), theirs[key].get(path)
                if one and other:
                    one, other = one[FIRMWARE], other[FIRMWARE]
                    fields = [name for name in one if one[name] != other[name]]
                    one, other = ({name: value[name] for name in fields}
                                  for value in (one, other))
                if one != other:
                    lines.append(f"{key}: {path}:\n  runs:  {one}\n  fresh: {other}")
        else:
            only = [[value for value in one if value not in other]
                    for one, other in ((ours[key], theirs[key]), (theirs[key], ours[key]))]
            lines.append(f"{key}:\n  runs:  {only[0]}\n  fresh: {only[1]}")
    return lines


class Live:
    """One running service, its signals, and files that change under it.

    Its quiet time is short, so that the many tests that wait for it are; arguments=() makes it
    the service's own.
    """

    def __init__(self, service, fresh_bus, **options):
        self.service = service
        self.fresh_bus = fresh_bus
        if "arguments" not in options:
            options["arguments"] = [write_config(service.directory, QuietMSec=15)]
        self.options = options
        service.start(**options)
        self.follow()

    def follow(self):
        """From now on it is about the service that runs now."""
        self.client = self.service.client
        self.daemon = self.service.daemon
        self.signals = self.service.watch()
        self.mirror = Mirror(self.client, self.signals)

    def until(self, usable=(), unusable=(), invalid=()):
        """Waits until the signals have told of these firmwares in these states, and no others."""
        want = {name: state for state, names in
                (("usable", usable), ("unusable", unusable), ("invalid", invalid))
                for name in names}
        try:
            wait.until(lambda: self.mirror.states() == want, f"states are {want}")
        except AssertionError as error:
            raise AssertionError(
                f"{error}; they are {self.mirror.states()}\n{self.daemon.stderr()}") from None

    def until_property(self, firmware, name, value):
        def known():
            return self.mirror.by_name().get(firmware, {}).get(name)
        try:
            wait.until(lambda: known() == value, f"{name} of {firmware} is {value}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {known()}\n{self.daemon.stderr()}") from None

    def changes(self):
        """All CatalogChanged so far, that of the change included whose first signals are here."""
        self.signals.sync()
        return self.mirror.changes

    def until_change(self, number=1):
        """Waits until there have been so many CatalogChanged in all; returns the last one."""
        wait.until(lambda: len(self.mirror.changes) >= number, f"CatalogChanged number {number}")
        return self.mirror.changes[-1]

    def assert_silent(self):
        """What was done until now made no difference: the next to be told is another file."""
        before = len(self.changes())
        marker = self.service.vendor.write("zz-marker", "{")
        self.until_change(before + 1)
        assert [change[1:] for change in self.changes()[before:]] == [(["zz-marker"], [], [])]
        os.unlink(marker)
        self.until_change(before + 2)

    def frozen(self):
        """The service does not run meanwhile: what is done inside is one burst to it."""
        return self.daemon.frozen()

    def fresh(self):
        """everything() of a service that has just been started on the same files."""
        state = self.service.directory / "fresh"
        state.mkdir(exist_ok=True)
        options = dict(self.options)
        options.setdefault("path", self.service.no_programs)
        if not options.pop("default_layers", False):
            options.setdefault("search_path", [self.service.vendor, self.service.admin])
        daemon = Daemon(self.fresh_bus, str(state), **options)
        try:
            daemon.wait_ready()
            return everything(Client(daemon.connection))
        finally:
            daemon.stop()

    def check(self, seconds=60):
        """The service says the same as a fresh one, by its signals too."""
        theirs = self.fresh()
        deadline = time.monotonic() + seconds
        while (lines := difference(everything(self.client), theirs)) \
                and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not lines, "\n".join(lines + [self.daemon.stderr()])
        self.signals.sync()
        self.mirror.check()
