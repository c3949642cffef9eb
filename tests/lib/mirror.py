# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a client knows that reads the objects once and then believes the signals."""

import copy

from . import client as names
from . import wait


class Mirror:
    """Copies of all firmware objects, kept up by signals alone.

    Each CatalogChanged is held against what the other signals said since the one before it.
    """

    def __init__(self, client, signals):
        self.client = client
        self.faults = []
        self.changes = []
        signals.hooks.append(self.received)
        self.objects = client.managed_objects()
        self.before = self.by_name()
        self.generation = client.generation()
        self.told_generation = self.generation

    def by_name(self):
        """{name: properties} without Rank, which is not signalled."""
        found = {}
        for interfaces in self.objects.values():
            properties = dict(interfaces[names.FIRMWARE])
            properties.pop("Rank")
            found[properties["Name"]] = properties
        return found

    def states(self):
        return {name: properties["State"] for name, properties in self.by_name().items()}

    def fault(self, text):
        self.faults.append(text)

    def received(self, signal):
        path, interface, member, arguments = signal
        if member == "InterfacesAdded":
            self.added(*arguments)
        elif member == "InterfacesRemoved":
            self.removed(*arguments)
        elif member == "PropertiesChanged" and path.startswith(names.FIRMWARE_PATH + "/"):
            self.properties_changed(path, *arguments)
        elif member == "PropertiesChanged" and path == names.MANAGER_PATH:
            self.told_generation = arguments[1].get("Generation", self.told_generation)
        elif member == "CatalogChanged":
            self.catalog_changed(*arguments)

    def added(self, path, interfaces):
        if path in self.objects:
            self.fault(f"{path} was added twice")
        self.objects[path] = copy.deepcopy(interfaces)

    def removed(self, path, interfaces):
        if names.FIRMWARE not in interfaces:
            self.fault(f"{path} lost {interfaces} only")
        if self.objects.pop(path, None) is None:
            self.fault(f"{path} was removed and was not there")

    def properties_changed(self, path, interface, values, invalidated):
        if path not in self.objects:
            self.fault(f"{path} has changed and is not there")
            return
        if invalidated:
            self.fault(f"{path}: {invalidated} invalidated without a value")
        known = self.objects[path][interface]
        for key, value in values.items():
            if known[key] == value:
                self.fault(f"{path}: {key} changed to what it was")
            known[key] = value

    def catalog_changed(self, generation, added, removed, changed):
        self.changes.append((generation, added, removed, changed))
        if generation != self.generation + 1:
            self.fault(f"generation {generation} after {self.generation}")
        if self.told_generation != generation:
            self.fault(f"PropertiesChanged told generation {self.told_generation}, "
                       f"CatalogChanged {generation}")
        self.generation = generation
        now = self.by_name()
        want = (sorted(now.keys() - self.before.keys()),
                sorted(self.before.keys() - now.keys()),
                sorted(name for name in now.keys() & self.before.keys()
                       if now[name] != self.before[name]))
        if (sorted(added), sorted(removed), sorted(changed)) != want:
            self.fault(f"CatalogChanged{(added, removed, changed)}, "
                       f"the other signals said {want}")
        self.before = copy.deepcopy(now)

    def check(self):
        """The copy is what the service says of itself."""
        theirs = []

        def is_told():
            # CatalogChanged comes after all else
            before = self.client.generation()
            theirs[:] = [self.client.managed_objects()]
            return before == self.client.generation() == self.generation

        wait.until(is_told, "the generation is told")
        assert not self.faults, "\n".join(self.faults)
        theirs = theirs[0]
        ours = copy.deepcopy(self.objects)
        for objects in (theirs, ours):
            for interfaces in objects.values():
                interfaces[names.FIRMWARE].pop("Rank")
        assert ours == theirs
