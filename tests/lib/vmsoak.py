# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random calls of several clients on VMs of a service that is killed at random, and their model.

After each kill, every change that was acknowledged is there, every other one is whole or absent, and
no content of an NVRAM is lost. Each client has VMs of its own, so that it knows their order.
"""

import contextlib
import os
import random
import shutil
import threading
from dataclasses import dataclass, replace

from . import descriptors, images, vmstate, wait
from .client import Client, DBusError
from .service import Service
from .vms import (CONFLICT, IN_USE, IO_ERROR, MISMATCH, NO_SUCH_BACKUP, NO_SUCH_VM, NOT_SUPPORTED, VM_EXISTS,
                  VMObject, VMs, memfd)

SERVICE_UID, FORMER_UID = 3, 4
OWNERS = (1, 2)
CLIENTS = 3
IDS = 4  # of one client
SIZES = {"split": 8192, "split-too": 8192, "larger": 16384, "whole": 65536, "stateless": 0}
MACHINES = ["pc", "pc-i440fx-6.0", "pc-i440fx-7.2"]
FOREIGN_NAME = "copy_VARS.fd"
KEPT = 3
# what a caller hears of a service that was killed
GONE = tuple(f"org.freedesktop.DBus.Error.{name}" for name in (
    "NoReply", "ServiceUnknown", "NameHasNoOwner", "Disconnected"))


def is_late(error):
    """A disk that is slow for seconds counts as one that does not answer; nothing has changed then."""
    return error.name == IO_ERROR and "does not answer" in error.text


@dataclass(frozen=True)
class Model:
    """What one VM is; digests."""

    firmware: str
    machine: str
    nvram: str = None
    backups: tuple = ()  # of what was replaced, newest first
    foreign: str = None


def replaced(model, nvram):
    """With another NVRAM; the service keeps three that were replaced."""
    backups = (model.nvram, *model.backups) if model.nvram else model.backups
    return replace(model, nvram=nvram, backups=backups[:KEPT])


class Broken(AssertionError):
    pass


class ClientThread:
    """One client's VMs, as {(owner, id): Model}; calls one after the other."""

    def __init__(self, soak, number):
        self.soak = soak
        self.number = number
        self.random = random.Random(f"{soak.seed} {number}")
        self.models = {}
        self.pending = None  # {key: Model or None} before and after a call without an answer
        self.log = []
        self.fault = None
        self.operations = [
            (8, self.prepare), (3, self.prepare_again), (3, self.other_machine), (4, self.import_vm),
            (8, self.guest_writes), (4, self.guest_with_a_lease), (8, self.reset), (8, self.import_),
            (10, self.rebind), (5, self.clone), (5, self.rename), (4, self.export), (3, self.remove),
            (5, self.restore), (3, self.list_backups), (3, self.set_reference), (2, self.put_foreign), (2, self.take_foreign), (2, self.acquire)]

    # -- choices

    def content(self, size):
        return self.random.randbytes(16) * (size // 16)

    def any_key(self):
        return self.random.choice(OWNERS), f"{self.number}:{self.random.randrange(IDS)}"

    def free_key(self):
        return self.choice([key for key in (self.any_key() for _ in range(8))
                            if key not in self.models])

    def choice(self, values):
        if not values:
            raise IndexError
        return self.random.choice(values)

    def any_vm(self, *conditions):
        key = self.choice([key for key, model in sorted(self.models.items())
                           if all(condition(model) for condition in conditions)])
        return key, self.models[key], self.vms.at(key[1], key[0])

    # -- one call

    def call(self, function, after, *errors):
        """AFTER: {key: Model or None}, what the call makes of them if none of the errors comes."""
        before = {key: self.models.get(key) for key in after}
        self.log.append(f"{self.name}: {before} to {after}, {errors}")
        try:
            function()
        except DBusError as error:
            if error.name in GONE:
                self.pending = before, after
                raise
            if is_late(error):
                return
            if error.name not in errors:
                raise Broken(f"{error.name}: {error.text}") from None
            return
        if errors:
            raise Broken(f"none of {errors} came")
        self.set(after)

    def set(self, models):
        self.log.append(f"{self.name}: {models}")
        for key, model in models.items():
            if model is None:
                self.models.pop(key, None)
            else:
                self.models[key] = model

    def fresh(self, firmware):
        return self.soak.fresh[firmware] if SIZES[firmware] else None

    def prepare(self):
        key, firmware = self.free_key(), self.random.choice(list(SIZES))
        self.call(lambda: self.vms.prepare(key[1], machine="pc", owner=key[0], firmware=firmware),
                  {key: Model(firmware, "pc", self.fresh(firmware))})

    def prepare_again(self):
        key, model, _ = self.any_vm()
        self.call(lambda: self.vms.prepare(key[1], machine=model.machine, owner=key[0]), {})
        self.call(lambda: self.vms.prepare(key[1], machine="pc", owner=key[0], create="new"), {},
                  VM_EXISTS)

    def other_machine(self):
        key, model, _ = self.any_vm()
        machine = self.random.choice(MACHINES)
        self.call(lambda: self.vms.prepare(key[1], machine=machine, owner=key[0]),
                  {key: replace(model, machine=machine)})

    def import_vm(self):
        key, firmware = self.free_key(), self.random.choice(["split", "larger", "whole"])
        content = self.content(SIZES[firmware])
        self.call(lambda: self.with_memfd(content, lambda fd: self.vms.import_vm(
            key[1], "x86_64", "pc", fd, owner=key[0], firmware=firmware)),
                  {key: Model(firmware, "pc", vmstate.digest(content))})

    @staticmethod
    def with_memfd(content, function):
        fd = memfd(content)
        try:
            return function(fd)
        finally:
            os.close(fd)

    def guest_writes(self):
        key, model, _ = self.any_vm(lambda model: model.nvram)
        content = self.content(SIZES[model.firmware])
        with open(self.soak.directory_of(key) / "nvram.raw", "r+b") as file:
            file.write(content)
        self.set({key: replace(model, nvram=vmstate.digest(content))})

    def guest_with_a_lease(self):
        key, model, vm = self.any_vm(lambda model: model.nvram)
        content = self.content(SIZES[model.firmware])
        fds = []
        self.call(lambda: fds.extend(vm.open_nvram()), {})
        try:
            os.pwrite(fds[0], content, 0)
            self.set({key: replace(model, nvram=vmstate.digest(content))})
            self.call(vm.reset, {}, IN_USE)
            self.call(vm.remove, {}, IN_USE)
        finally:
            for fd in fds:
                os.close(fd)

    def acquire(self):
        fds = []
        self.call(lambda: fds.append(self.any_vm()[2].acquire()), {})
        os.close(fds[0])

    def reset(self):
        key, model, vm = self.any_vm()
        if model.nvram is None:
            self.call(vm.reset, {}, NOT_SUPPORTED)
        else:
            self.call(vm.reset, {key: replaced(model, self.fresh(model.firmware))})

    def import_(self):
        key, model, vm = self.any_vm(lambda model: model.nvram)
        content = self.content(SIZES[model.firmware])
        self.call(lambda: self.with_memfd(content, vm.import_nvram),
                  {key: replaced(model, vmstate.digest(content))})
        self.call(lambda: self.with_memfd(b"x" * 99999, vm.import_nvram), {}, MISMATCH)

    def rebind(self):
        key, model, vm = self.any_vm()
        firmware, reset = self.random.choice(list(SIZES)), self.random.random() < 0.5
        fits = SIZES[firmware] == SIZES[model.firmware]
        after = replace(model, firmware=firmware)
        errors = []
        if model.nvram and not fits and not reset:
            errors.append(MISMATCH)
        elif not fits or (reset and model.nvram):
            after = replaced(after, self.fresh(firmware))
        self.call(lambda: vm.rebind(firmware=firmware, reset=reset), {key: after}, *errors)

    def clone(self):
        _, model, vm = self.any_vm()
        key = self.free_key()
        self.call(lambda: vm.clone(key[1], owner=key[0]),
                  {key: replace(model, backups=(), foreign=None)})

    def rename(self):
        key, model, vm = self.any_vm()
        new = (key[0], self.any_key()[1])
        errors = [VM_EXISTS] * (new in self.models) + [CONFLICT] * bool(model.foreign)
        if errors:
            self.call(lambda: vm.rename(new[1]), {}, *errors)
        else:
            self.call(lambda: vm.rename(new[1]), {key: None, new: model})

    def listed(self, vm):
        """The backups, newest first; () where no answer came."""
        found = []
        self.call(lambda: found.extend(vm.list_backups()), {})
        return found

    def list_backups(self):
        _, model, vm = self.any_vm()
        found = self.listed(vm)
        if found and len(found) != len(model.backups):
            raise Broken(f"{len(found)} backups are listed")

    def restore(self):
        key, model, vm = self.any_vm(lambda model: model.nvram and model.backups)
        listed = self.listed(vm)
        place = self.random.randrange(len(model.backups))
        if len(listed) <= place:
            return
        content, index = model.backups[place], listed[place]["index"]
        if listed[place]["size"] != SIZES[model.firmware]:
            self.call(lambda: vm.restore(index), {}, MISMATCH)
            return
        after = replaced(model, content)
        if place == KEPT - 1:  # the oldest, which stays; the one before it goes
            after = replace(after, backups=(*after.backups[:-1], content))
        self.call(lambda: vm.restore(index), {key: after})
        self.call(lambda: vm.restore(index + 1000), {}, NO_SUCH_BACKUP)

    def set_reference(self):
        self.call(lambda: self.any_vm()[2].set_reference(str(self.random.random())), {})

    def export(self):
        _, model, vm = self.any_vm(lambda model: model.nvram)
        fds = []
        self.call(lambda: fds.append(vm.export_raw()), {})
        with open(fds[0][0], "rb") as pipe:
            content = pipe.read()
        # a shorter one has failed: the service was killed
        if len(content) == fds[0][1] and vmstate.digest(content) != model.nvram:
            raise Broken("another content was exported")

    def remove(self):
        key, model, vm = self.any_vm()
        if model.foreign:
            self.call(vm.remove, {}, CONFLICT)
        else:
            self.call(vm.remove, {key: None})
            self.call(vm.reset, {}, NO_SUCH_VM)

    def put_foreign(self):
        key, model, _ = self.any_vm(lambda model: not model.foreign)
        content = self.content(64)
        (self.soak.directory_of(key) / FOREIGN_NAME).write_bytes(content)
        self.set({key: replace(model, foreign=vmstate.digest(content))})

    def take_foreign(self):
        key, model, _ = self.any_vm(lambda model: model.foreign)
        (self.soak.directory_of(key) / FOREIGN_NAME).unlink()
        self.set({key: replace(model, foreign=None)})

    # -- one round

    def run(self):
        """Until the service is gone."""
        weights, operations = zip(*self.operations)
        try:
            self.vms = VMs(Client(self.soak.bus.connect()))
            while True:
                operation = self.random.choices(operations, weights)[0]
                self.name = operation.__name__
                with contextlib.suppress(IndexError):  # there is no VM for it
                    operation()
                self.soak.count()
        except DBusError as error:
            self.log.append(str(error))
            self.fault = None if error.name in GONE else error
        except Exception as error:  # the other threads end, too, and it is told
            self.fault = error
        finally:
            self.soak.stopped.set()


class VMSoak:
    """DIRECTORY must be one that the service's uid may pass."""

    def __init__(self, bus, directory, seed):
        self.bus = bus
        self.seed = seed
        self.random = random.Random(seed)
        self.service = Service(bus, directory)
        self.programs = directory / "programs"  # what starts the service, and no QEMU
        self.programs.mkdir()
        (self.programs / "setpriv").symlink_to(shutil.which("setpriv"))
        self.fresh = {}
        self.add_firmware()
        self.threads = [ClientThread(self, number) for number in range(CLIENTS)]
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.calls = self.changes = 0

    def add_firmware(self):
        directory = self.service.images
        code = images.raw(str(directory / "code"), SIZES["whole"], b"code")
        for name, size in SIZES.items():
            template = images.raw(str(directory / name), size, name.encode()) if size else None
            if name == "whole":
                written = descriptors.flash(template, mode="combined")
            elif size:
                written = descriptors.flash(code, template)
            else:
                written = descriptors.flash(code)
            self.service.vendor.write(name, written)
            if size:
                self.fresh[name] = vmstate.file_digest(template)

    def directory_of(self, key):
        return self.service.state / "vms" / str(key[0]) / key[1]

    def count(self):
        """Kills the service at the call that was chosen for the round, whatever others are doing."""
        with self.lock:
            self.calls += 1
            self.left -= 1
            if self.left == 0:
                self.stopped.set()

    def run(self, rounds, progress=None):
        for number in range(rounds):
            self.round()
            if progress:
                progress(number + 1)
        self.service.close()

    def round(self):
        self.start()
        self.check()
        self.left = self.random.randrange(1, 60)
        self.stopped.clear()
        running = [threading.Thread(target=thread.run) for thread in self.threads]
        for thread in running:
            thread.start()
        self.stopped.wait()
        self.service.daemon.process.kill()
        for thread in running:
            thread.join()
        self.service.daemons.pop().kill()
        for thread in self.threads:
            if thread.fault:
                raise Broken("\n".join([*thread.log[-20:], repr(thread.fault)]))
        if self.random.random() < 0.1:
            self.change_owners()

    def start(self):
        client = self.service.start_as_unit(SERVICE_UID, path=self.programs)
        self.vms = VMs(client)

    def change_owners(self):
        """As a restored backup of a service with another uid, or systemd's chown."""
        uid = self.random.choice([SERVICE_UID, FORMER_UID])
        for path in self.service.state.rglob("*"):
            os.chown(path, uid, uid)

    # -- comparison

    def observe(self, key):
        """None where there is no such VM, or the model that fits it best."""
        listed = self.listed.get(key)
        if listed is None:
            return None
        directory = self.directory_of(key)
        nvram = directory / "nvram.raw"
        foreign = directory / FOREIGN_NAME
        return Model(
            firmware=listed[0],
            machine=VMObject(self.vms, listed[2]).get("Machine"),
            nvram=vmstate.file_digest(nvram) if nvram.exists() else None,
            backups=tuple(vmstate.file_digest(path) for path in sorted(
                directory.glob("backup-*"), key=lambda path: -int(path.stem.split("-")[1]))),
            foreign=vmstate.file_digest(foreign) if foreign.exists() else None)

    def is_as(self, key, model):
        found = self.observe(key)
        if found is None or model is None:
            return found is model
        return found == model

    def list(self):
        try:
            self.listed = self.vms.listed(all=True)
        except DBusError as error:
            if is_late(error):
                return False
            raise
        return True

    def check(self):
        """A call without an answer is done or not, as a whole; all others are as their answers said."""
        wait.until(self.list, "the state directory is read")
        for thread in self.threads:
            if thread.pending:
                before, after = thread.pending
                for models in (after, before):
                    if all(self.is_as(key, model) for key, model in models.items()):
                        thread.set(models)
                        break
                else:
                    self.fail(thread, before, f"neither {before} nor {after}")
                self.changes += len(after)
            thread.pending = None
            for key, model in thread.models.items():
                if not self.is_as(key, model):
                    self.fail(thread, [key], f"not {model}")
            del thread.log[:]
        known = {key for thread in self.threads for key in thread.models}
        if set(self.listed) != known:
            raise Broken(f"VMs: {set(self.listed) ^ known}")
        states = {state for _, state, _ in self.listed.values()} - {"ready"}
        left = vmstate.leftovers(self.service.state)
        if states or left:
            raise Broken(f"states {states}, left over: {left}")
        for key in self.listed:
            directory = self.directory_of(key)
            for path in (*directory.glob("nvram.*"), *directory.glob("backup-*")):
                info = path.stat()
                if (info.st_uid, info.st_mode & 0o7777) != (key[0], 0o600):
                    raise Broken(f"{path} has uid {info.st_uid} and mode {info.st_mode:o}")

    def fail(self, thread, keys, text):
        found = [f"{key}: {self.observe(key)}" for key in keys]
        raise Broken("\n".join([*thread.log[-20:], text, *found]))

    def end(self):
        """In any case: nothing is left running."""
        for daemon in self.service.daemons:
            daemon.kill()
