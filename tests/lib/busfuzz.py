# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users who do anything, files that change, a polkit that says anything, and one good client."""

import contextlib
import json
import os
import random
import select
import subprocess
import sys
import time

from gi.repository import Gio, GLib

from . import images, paths, wait
from .client import Client, DBusError
from .fakepolkit import CHALLENGE, NEVER, NO, YES, FakePolkit
from .flood import highest_memory, is_sanitized
from .idle import assert_rests
from .service import Service
from .soak import World
from .vms import VMs, memfd

SERVICE_UID, ATTACKERS, GOOD_UID = 1, (2, 3, 65534), 6
# before all names that the world has; and no alias, because the world's table gives those away
FIRMWARE, MACHINE = "00-good", "pc-q35-7.2"
TEMPLATE = b"template".ljust(images.OVMF_4M_VARS, b"\0")
MEMORY_MIB = 96
SECONDS = 60


def connect_as(bus, uid):
    """The bus knows a connection by who made it."""
    os.seteuid(uid)
    try:
        return bus.connect()
    finally:
        os.seteuid(0)


class AnyPolkit(FakePolkit):
    """Says anything of all but TRUSTED, and lets none of them have others' VMs."""

    def __init__(self, bus, seed, trusted):
        self.random = random.Random(f"polkit {seed}")
        self.trusted = trusted
        super().__init__(bus)

    def called(self, connection, _sender, _path, _interface, method, arguments, invocation):
        if method == "CancelCheckAuthorization":
            self.cancel(arguments.unpack()[0], invocation)
            return
        (_, subject), action, *_ = arguments.unpack()
        if subject.get("name") == self.trusted:
            self.reply(invocation, YES)
            return
        answers = [NO, CHALLENGE, NEVER, self.fail, self.babble]
        if action != "org.vmfirmware1.manage-all-vms":
            answers += [YES] * 8
        answer = self.random.choice(answers)
        if answer is NEVER:
            self.waiting.append(invocation)
        elif callable(answer):
            answer(connection, invocation)
        else:
            self.reply(invocation, answer)

    def fail(self, _connection, invocation):
        invocation.return_dbus_error(self.random.choice([
            "org.freedesktop.PolicyKit1.Error.Failed", "org.freedesktop.DBus.Error.NoReply",
            "org.freedesktop.DBus.Error.LimitsExceeded", "x.y"]), self.random.choice(["", "%s\n"]))

    def babble(self, connection, invocation):
        reply = Gio.DBusMessage.new_method_reply(invocation.get_message())
        body = self.random.choice([
            None, GLib.Variant("(s)", ("yes",)), GLib.Variant("(b)", (True,)),
            GLib.Variant("((bb))", ((True, True),)), GLib.Variant("(bba{ss})", (True, False, {}))])
        if body is not None:
            reply.set_body(body)
        connection.send_message(reply, Gio.DBusSendMessageFlags.NONE)


class Good:
    """Whose VM nobody else may touch, so that each of his answers is known beforehand."""

    def __init__(self, client, seed):
        self.client, self.vms = client, VMs(client)
        self.random = random.Random(f"good {seed}")
        self.vm = self.vms.make("good", machine=MACHINE, firmware=FIRMWARE)
        self.questions = {
            "Select": lambda: client.select_raw("x86_64", MACHINE, firmware=FIRMWARE, render=[
                "qemu", "libvirt"], nvram_filename="/nvram").unpack(),
            "Explain": lambda: client.verdict_of(FIRMWARE, "x86_64", MACHINE),
            "GetFirmware": lambda: client.get_firmware(FIRMWARE),
            "Firmware": lambda: client.firmware(FIRMWARE),
            "PrepareVM": lambda: self.vms.prepare_raw(
                "good", machine=MACHINE, firmware=FIRMWARE, render=["qemu"])[:2],
            "GetVM": lambda: self.vms.get("good"),
            "ListVMs": self.vms.list,
            "VM": self.properties,
            "Export": lambda: self.content(self.vm) == TEMPLATE}
        self.expected = {name: ask() for name, ask in self.questions.items()}
        assert self.expected["Export"] and self.expected["PrepareVM"][1]["pinned"]
        assert self.expected["Select"][1]["name"] == FIRMWARE
        self.asked = 0
        self.slowest = (0, None)

    def properties(self):
        """All but the time of the last PrepareVM, which is one of the questions."""
        properties = self.vm.properties()
        del properties["LastPrepared"]
        return properties

    @staticmethod
    def content(vm):
        fd, size = vm.export_raw()
        content = b""
        try:
            while True:
                assert select.select([fd], [], [], SECONDS)[0], "an export stands still"
                piece = os.read(fd, 1 << 20)
                if not piece:
                    break
                content += piece
        finally:
            os.close(fd)
        assert len(content) == size, f"{len(content)} of {size} bytes were exported"
        return content

    def check(self):
        for name, ask in self.questions.items():
            self.asked += 1
            began = time.monotonic()
            found = ask()
            self.slowest = max(self.slowest, (time.monotonic() - began, name))
            assert found == self.expected[name], \
                f"{name} answers\n{found}\nand not\n{self.expected[name]}"

    def change(self):
        """And back again."""
        content = self.random.randbytes(4096).ljust(len(TEMPLATE), b"\0")
        fd = memfd(content)
        self.vm.import_nvram(fd)
        os.close(fd)
        lease = self.vm.acquire()
        with contextlib.ExitStack() as held:
            held.callback(os.close, lease)
            with contextlib.suppress(DBusError):
                self.vm.reset()
                raise AssertionError("a VM in use is reset")
            assert self.vm.get("InUse") is True
        assert self.content(self.vm) == content, "what was imported is not what is exported"
        twin = self.vm.clone("twin").rename("other")
        assert self.content(twin) == content, "a clone has another content"
        assert sorted(entry[0] for entry in self.vms.list()) == ["good", "other"]
        twin.remove()
        self.vm.rebind(firmware=FIRMWARE)
        self.vm.reset()
        self.expected["VM"]["Created"] = self.vm.get("Created")
        self.asked += 13


class BusFuzz:
    """DIRECTORY must be one that any uid may pass."""

    def __init__(self, bus, directory, seed):
        self.bus, self.seed = bus, seed
        self.random = random.Random(f"run {seed}")
        self.service = Service(bus, directory)
        self.world = World(directory / "world", f"world {seed}")
        self.service.ovmf(FIRMWARE, content=TEMPLATE.rstrip(b"\0"))
        self.attackers, self.answers = [], {}
        self.polkit = None
        try:
            self.start()
            connection = connect_as(bus, GOOD_UID)
            self.polkit = AnyPolkit(bus, seed, connection.get_unique_name())
            self.good = Good(Client(connection), seed)
            self.files = self.open_files()
            self.attackers = [self.attacker(uid) for uid in ATTACKERS]
            for attacker in self.attackers:
                assert attacker.stdout.readline() == "ready\n"
        except BaseException:
            self.end()
            raise

    def start(self):
        self.service.start_as_unit(
            SERVICE_UID, search_path=[self.service.vendor, *self.world.layers],
            machines=[paths.machines_directory(), self.world.table],
            environment={"G_DEBUG": "fatal-criticals"})
        self.process = self.service.daemon.process

    def attacker(self, uid):
        return subprocess.Popen(
            [sys.executable, "-m", "lib.attacker", self.bus.address, str(self.service.state),
             str(uid), f"{self.seed} {uid}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, cwd="/", env={**os.environ, "PYTHONPATH": str(paths.REPOSITORY / "tests")})

    def open_files(self):
        """Pipes and sockets without their numbers: a thread of each build has a pipe of its own."""
        return sorted(os.readlink(f"/proc/{self.process.pid}/fd/{fd}").partition("[")[0]
                      for fd in os.listdir(f"/proc/{self.process.pid}/fd"))

    def run(self, seconds, progress=lambda _: None):
        try:
            self.attack(seconds, progress)
            self.finish()
        except (AssertionError, DBusError, GLib.Error) as error:
            faults = self.stop_attackers()
            raise AssertionError("\n".join([
                *faults, self.service.daemon.stderr()[-8000:], f"status: {self.process.poll()}",
                f"seed {self.seed}: {error}"])) from error

    def attack(self, seconds, progress):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(self.random.choice([0, 1, 3, 10])):
                self.world.step()
            self.good.check()
            if self.random.random() < 0.3:
                self.good.change()
            if self.random.random() < 0.3:
                self.polkit.release(NO)
            progress(self)

    def stop_attackers(self):
        """What was wrong of their answers."""
        faults = []
        for attacker in self.attackers:
            attacker.stdin.close()
        while self.attackers:
            attacker = self.attackers[0]
            while not select.select([attacker.stdout], [], [], 0.1)[0]:
                self.polkit.release(NO)
            told = attacker.stdout.read()
            attacker.wait()
            attacker.stdout.close()
            self.attackers.pop(0)
            if attacker.returncode:
                faults.append(f"an attacker has failed: {attacker.returncode}")
                continue
            result = json.loads(told)
            for name, number in result["answers"].items():
                self.answers[name] = self.answers.get(name, 0) + number
            if result["faults"]:
                faults += ["the last calls of one who had wrong answers:", *result["last"],
                           "and these:", *result["faults"][:10]]
        return faults

    def finish(self):
        faults = self.stop_attackers()
        assert not faults, "\n".join(faults)
        self.good.check()
        assert_rests(self.process.pid)
        with contextlib.suppress(AssertionError):
            wait.until(lambda: self.open_files() == self.files, "what was opened is closed", SECONDS)
        files = self.open_files()
        assert files == self.files, f"open are\n{files}\nand before were\n{self.files}"
        if not is_sanitized(self.process.pid):
            assert highest_memory(self.process.pid) < MEMORY_MIB, highest_memory(self.process.pid)
        # what is known of the state can be known again
        self.service.daemon.stop()
        self.service.daemons.clear()
        self.start()
        wait.drain()
        self.good.check()
        assert self.process.poll() is None

    def end(self):
        """In any case: nothing is left running."""
        for attacker in self.attackers:
            attacker.kill()
            attacker.wait()
        if self.polkit:
            self.polkit.close()
        for daemon in self.service.daemons:
            daemon.kill()
