# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random operations on the files of a running service, which has to agree with a fresh one."""

import json
import os
import random
import shutil
import time
from pathlib import Path

from . import descriptors, paths
from .client import Client, Signals
from .daemon import Daemon
from .idle import assert_rests
from .live import difference, everything
from .mirror import Mirror
from .root import Root
from .wait import drain

NAMES = [f"{number}0-f" for number in range(1, 9)]
IMAGE_NAMES = ["a.fd", "b.fd"]
IMAGE_SIZES = [65536, 65536, 131072, 65536 + 512, 0]
FEATURES = [[], ["secure-boot"], ["requires-smm"], ["aaaaaaaaaaa"]]
BOARD = """[soak-{size}-*]
architectures=x86_64
aliases=q35
canonical=soak-{size}-1
units=2
pflash-properties=true
driver=cfi.pflash01
names=new.flash0;new.flash1
placement=fixed
addresses=0x10000000;0x18000000
unit-size={size}
sector-length=0x1000
width=2
device-width=1
max-device-width=2
ids=0x89;0x18;1;2
big-endian=false
"""
# One change seen at once, or many that are gathered.
BATCHES = [1, 1, 1, 2, 3, 5, 8, 13, 20, 40]


def write_image(path, size):
    """In the two steps that images.raw() has, but with the services at work between them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb", buffering=0) as file:
        file.write(b"image")
        file.truncate(size)


class World:
    """The files, and what can happen to them. An operation that is not possible does nothing."""

    def __init__(self, directory, seed):
        self.random = random.Random(seed)
        self.root = Path(directory)
        self.counter = 0
        # of the layers, the third is reached through a link that is swapped, the last is not there
        self.layers = [self.root / "usr/share/firmware", self.root / "etc/firmware",
                       self.root / "profile/firmware", self.root / "home/config/firmware"]
        self.generations = [self.root / f"generations/g{number}" for number in (1, 2, 3)]
        self.stores = [self.root / "store/one", self.root / "store/two", self.root / "alternatives"]
        self.images = [self.root / "share/images", self.root / "share/other", self.root / "current"]
        self.table = self.root / "etc/machines"
        self.parked = self.root / "parked"
        self.swapped = {self.root / "profile": self.generations,
                        self.root / "current": self.images[:2] * 3 + [self.root / "nowhere"]}
        for directory in (*self.layers[:2], *self.stores, *self.images[:2], self.table,
                          *(generation / "firmware" for generation in self.generations),
                          self.parked):
            directory.mkdir(parents=True)
        for link, targets in self.swapped.items():
            link.symlink_to(targets[0])
        self.operations = [
            (14, self.write_in_place), (6, self.write_in_parts), (14, self.replace), (8, self.link),
            (6, self.relink), (5, self.link_hard), (8, self.rename), (4, self.mask),
            (4, self.chmod_file), (6, self.delete), (10, self.change_image), (3, self.link_image),
            (3, self.rename_image), (8, self.fill_images), (2, self.remove_directory),
            (8, self.make_directory), (2, self.rename_directory), (2, self.chmod_directory),
            (3, self.mend_modes), (5, self.swap), (2, self.touch), (2, self.change_table),
            (1, self.not_a_file)]

    def choice(self, values):
        return self.random.choice(values)

    # -- where

    def descriptor_directory(self):
        return self.choice(self.layers * 2 + self.stores)

    def descriptor_file(self):
        return self.descriptor_directory() / f"{self.choice(NAMES)}.json"

    def image_file(self):
        return self.choice(self.images) / self.choice(IMAGE_NAMES)

    def directory(self):
        """One of all, or of those above them, or that they are links to."""
        known = [*self.layers, *self.stores, *self.images, self.table,
                 *(generation / "firmware" for generation in self.generations), *self.generations]
        known += [self.root / name for name in
                  ("usr/share", "usr", "etc", "home/config", "home", "store", "share",
                   "generations")]
        return self.choice(known)

    def scratch(self, near):
        """A new name, in the same directory or another."""
        self.counter += 1
        return self.choice([near.parent, self.parked]) / f".tmp{self.counter}"

    def content(self):
        kind = self.random.random()
        if kind < 0.1:
            return b""
        if kind < 0.2:
            return self.choice([b"{", b"[]", b'{"description": 1}', b"\xff"])
        executable = self.image_file()
        device = self.choice(["memory", "memory", "memory", "stateless", "split", "machine"])
        members = {"features": self.choice(FEATURES), "description": self.choice("AB")}
        if device == "memory":
            made = descriptors.by_filename("memory", executable, **members)
        elif device == "stateless":
            made = descriptors.flash(executable, **members)
        else:
            if device == "machine":
                members["targets"] = [descriptors.target("x86_64", "soak-65536-*")]
            made = descriptors.flash(executable, self.image_file(), **members)
        return json.dumps(made).encode()

    # -- descriptors

    @staticmethod
    def overwrite(path, content):
        """In place; a file with another name elsewhere would change unseen, so it gets its own."""
        if path.is_fifo() or path.is_file() and path.stat().st_nlink > 1:
            path.unlink()
        path.write_bytes(content)

    def write_in_place(self):
        self.overwrite(self.descriptor_file(), self.content())

    def write_in_parts(self):
        path, content = self.descriptor_file(), self.content()
        self.overwrite(path, content[:len(content) // 2])
        time.sleep(self.choice([0, 0.001, 0.02]))
        with open(path, "ab") as file:
            file.write(content[len(content) // 2:])

    def replace(self):
        path = self.descriptor_file()
        new = self.scratch(path)
        new.write_bytes(self.content())
        new.rename(path)

    def target(self, path):
        """For a link: another descriptor file, absolute or relative, or what never is one."""
        file = self.choice(self.stores) / f"{self.choice(NAMES)}.json"
        return self.choice([file, file, os.path.relpath(file, path.parent), "/dev/null",
                            self.descriptor_file(), self.root / "nowhere/x.json"])

    def link(self):
        path = self.descriptor_file()
        path.symlink_to(self.target(path))

    def relink(self):
        path = self.descriptor_file()
        new = self.scratch(path)
        new.symlink_to(self.target(path))
        new.rename(path)

    def link_hard(self):
        path = self.descriptor_file()
        path.hardlink_to(self.choice(self.stores) / f"{self.choice(NAMES)}.json")

    def rename(self):
        path, other = self.descriptor_file(), self.descriptor_file()
        if self.random.random() < 0.3:
            other = path.with_suffix(self.choice([".dpkg-new", ".dpkg-old"]))
            if self.random.random() < 0.5:
                path, other = other, path
        path.rename(other)

    def mask(self):
        path = self.descriptor_file()
        path.unlink(missing_ok=True)
        if self.random.random() < 0.5:
            path.touch()
        else:
            path.symlink_to("/dev/null")

    def own(self, path):
        """False for what is no file, or has another name."""
        return path.is_file() and path.stat().st_nlink == 1 and \
            path.resolve().is_relative_to(self.root)

    def chmod_file(self):
        path = self.choice([self.descriptor_file(), self.image_file()])
        if self.own(path):
            path.chmod(self.choice([0, 0o600, 0o644, 0o644]))

    def touch(self):
        path = self.choice([self.descriptor_file(), self.image_file()])
        if self.own(path):
            os.utime(path, (1, 1))

    def delete(self):
        self.descriptor_file().unlink()

    def not_a_file(self):
        path = self.descriptor_file()
        path.unlink(missing_ok=True)
        self.choice([os.mkdir, os.mkfifo])(path)
        if path.is_dir() and self.random.random() < 0.5:
            path.rmdir()

    # -- images

    def change_image(self):
        path = self.image_file()
        size = self.choice(IMAGE_SIZES)
        kind = self.choice(["create", "replace", "truncate", "delete", "directory"])
        if kind == "create":
            write_image(path, size)
        elif kind == "replace":
            new = self.scratch(path)
            write_image(new, size)
            new.rename(path)
        elif kind == "truncate":
            os.truncate(path, size)
        elif kind == "directory" and not path.exists():
            path.mkdir()
        elif path.is_dir():
            path.rmdir()
        else:
            path.unlink()

    def fill_images(self):
        """All that are missing; a service without images would have little to say."""
        for directory in self.images[:2]:
            for name in IMAGE_NAMES:
                if not (directory / name).exists():
                    write_image(directory / name, IMAGE_SIZES[0])

    def link_image(self):
        path = self.image_file()
        new = self.scratch(path)
        new.symlink_to(self.choice([self.image_file(), self.root / "nowhere/a.fd", path]))
        new.rename(path)

    def rename_image(self):
        self.image_file().rename(self.image_file())

    # -- directories

    def remove_directory(self):
        shutil.rmtree(self.directory())

    def make_directory(self):
        self.directory().mkdir(parents=self.random.random() < 0.7)

    def rename_directory(self):
        path = self.directory()
        kind = self.choice(["away", "back", "over", "exchange"])
        spare = self.parked / f"directory-{path.name}"
        if kind == "away":
            path.rename(spare)
        elif kind == "back":
            spare.rename(path)
        elif kind == "over":
            new = self.scratch(path)
            new.mkdir()
            (new / f"{self.choice(NAMES)}.json").write_bytes(self.content())
            new.rename(path)
        else:
            other, new = self.directory(), self.scratch(path)
            path.rename(new)
            try:
                other.rename(path)
            except OSError:
                new.rename(path)
            else:
                new.rename(other)

    def chmod_directory(self):
        path = self.directory()
        if path.resolve().is_relative_to(self.root):
            path.chmod(self.choice([0, 0o700, 0o755]))

    def mend_modes(self):
        """Of all directories and images: below one that may not be read nothing else matters."""
        for directory, _, names in os.walk(self.root):
            os.chmod(directory, 0o755)
            for name in names:
                path = Path(directory, name)
                if path.suffix == ".fd" and self.own(path):
                    path.chmod(0o644)

    def swap(self):
        link = self.choice(list(self.swapped))
        new = self.scratch(link)
        new.symlink_to(self.choice(self.swapped[link]))
        new.rename(link)

    def change_table(self):
        path = self.table / "60-soak.conf"
        if path.exists() and self.random.random() < 0.4:
            path.unlink()
        else:
            path.write_text(BOARD.format(size=self.choice([65536, 131072])))

    # -- all

    def step(self):
        weights, operations = zip(*self.operations)
        operation = self.random.choices(operations, weights)[0]
        try:
            operation()
        except (OSError, RuntimeError) as error:  # pathlib's word for a loop is the latter
            return f"{operation.__name__}: {error}"
        return operation.__name__


class Soak:
    """DIRECTORY must be one that the service's uid may pass.

    The services run in a root of their own, so that they hear of nothing but this.
    """

    def __init__(self, bus, fresh_bus, directory, seed, uid=None):
        self.fresh_bus = fresh_bus
        self.directory = Path(directory)
        self.log = []
        self.done = 0
        # comparisons; firmwares, and usable ones, in all of them
        self.seen = [0, 0, 0]
        self.world = World(self.directory / "world", seed)
        (self.directory / "fresh").mkdir()
        (self.directory / "no-programs").mkdir()
        shutil.copytree(paths.machines_directory(), self.directory / "machines")
        paths.copy_daemon(self.directory)
        self.root = Root(self.directory / "root",
                         [self.directory, bus.directory, fresh_bus.directory])
        wrapper = self.root.wrapper
        if uid is not None:
            wrapper += (f"--setuid={uid}", f"--setgid={uid}")
        self.options = dict(
            search_path=self.world.layers, path=self.directory / "no-programs", uid=uid,
            machines=[self.directory / "machines", self.world.table],
            binary=str(self.directory / "vmfirmwared"), wrapper=wrapper)
        self.daemon = Daemon(bus, str(self.directory), **self.options).wait_ready()
        self.client = Client(self.daemon.connection)
        self.signals = Signals(self.client)
        self.mirror = Mirror(self.client, self.signals)

    def run(self, operations, progress=None):
        while self.done < operations:
            batch = min(self.world.choice(BATCHES), operations - self.done)
            for _ in range(batch):
                self.log.append(self.world.step())
                if self.world.random.random() < 0.1:
                    time.sleep(self.world.random.random() * 0.03)
            self.done += batch
            self.compare(batch)
            if progress:
                progress(self)
        assert_rests(self.daemon.process.pid)
        self.compare(1)

    def compare(self, batch):
        daemon = Daemon(self.fresh_bus, str(self.directory / "fresh"), **self.options)
        try:
            daemon.wait_ready()
            theirs = everything(Client(daemon.connection))
        finally:
            daemon.stop()
            os.unlink(daemon.stderr_path)
        deadline = time.monotonic() + 60
        while (lines := difference(everything(self.client), theirs)) \
                and time.monotonic() < deadline:
            drain()
            time.sleep(0.005)
        self.seen = [a + b for a, b in zip(self.seen, (
            1, len(theirs["objects"]),
            sum(state == "usable" for _, state, _ in theirs["list"])))]
        self.signals.sync()
        self.signals.all.clear()
        if lines or self.mirror.faults:
            lines = [f"after {self.done} operations, the last of which were",
                     *self.log[-batch - 10:], *lines, *self.mirror.faults]
            raise AssertionError("\n".join(lines))
        self.mirror.changes.clear()
        del self.log[:-100]

    def close(self):
        self.signals.close()
        self.daemon.stop()

    def end(self):
        """In any case: nothing is left running."""
        self.daemon.kill()
        self.root.close()
