# SPDX-License-Identifier: LGPL-2.1-or-later
"""A change of a VM that is killed, or fails, at any one of its system calls.

Each operation is traced once. Then, in one run for each call that changes files, the daemon is
killed there, or the call fails: every VM is as before or as after, and nothing is left over.
"""

import os
import random
import re
import shutil
import time
from queue import SimpleQueue

import pytest

from lib import descriptors, edk2, faults, images, paths, vmstate
from lib.bus import PrivateBus
from lib.client import Client, DBusError
from lib.daemon import Daemon
from lib.vms import IO_ERROR, VMObject, VMs, change

WORKERS = 2
OWNER = 1  # Debian's uid for "daemon": one that the user database knows
NEWCOMER = 2  # has no directory yet
CODE_SIZE = 65536
NVRAM_SIZE = 4096 * 2
TRUST = 3  # more than FILE_TRUST_USEC, in seconds
FOREIGN = f"state/vms/{OWNER}/host/copy_VARS.fd"
# of OVMF; Debian 13 has no smaller one
EDK2 = next(path for path in map("/usr/share/OVMF/OVMF_VARS{}.ms.fd".format, ("", "_4M"))
            if os.path.exists(path))
ERRORS = {"ENOSPC": "No space left on device", "EIO": "Input/output error"}


def content(seed, size=NVRAM_SIZE):
    return random.Random(str(seed)).randbytes(size)


def prepare(vms, vm_id, machine="pc", **options):
    return vms.prepare(vm_id, machine=machine, **options)


def subject(vms):
    return vms.at("subject", OWNER)


def pending(vms):
    """Has variables, and its firmware was killed while it wrote them."""
    return vms.at("pending", OWNER)


def set_variable(name):
    return change("set", guid="11111111-2222-3333-4444-555555555555", name=name, data=b"value")


def host(vms):
    """Has a file in its directory that the service did not make."""
    return vms.at("host", OWNER)


OPERATIONS = {
    "prepare-split": lambda vms: prepare(vms, "made", firmware="split", owner=NEWCOMER),
    "prepare-combined": lambda vms: prepare(vms, "made", firmware="combined", owner=OWNER),
    "reset": lambda vms: subject(vms).reset(),
    "import": lambda vms: subject(vms).import_nvram(content("imported")),
    "restore": lambda vms: subject(vms).restore(1),
    "clone": lambda vms: subject(vms).clone("made"),
    "rename": lambda vms: subject(vms).rename("made"),
    "remove": lambda vms: subject(vms).remove(),
    "set-reference": lambda vms: subject(vms).set_reference("qemu:///system?another"),
    "rebind": lambda vms: subject(vms).rebind(firmware="split-too"),
    "other-machine": lambda vms: prepare(vms, "subject", "pc-i440fx-6.0", owner=OWNER),
    "clone-to-newcomer": lambda vms: subject(vms).clone("made", owner=NEWCOMER),
    "reset-beside": lambda vms: host(vms).reset(),
    "other-machine-beside": lambda vms: prepare(vms, "host", "pc-i440fx-6.0", owner=OWNER),
    "prepare-stateless": lambda vms: prepare(vms, "made", firmware="stateless", owner=OWNER),
    "change": lambda vms: pending(vms).change_variables(set_variable("added")),
    "convert": lambda vms: pending(vms).rebind(firmware="store", convert=True),
    "recover": lambda vms: prepare(vms, "pending", owner=OWNER),
    "good-copy": lambda vms: prepare(vms, "sound", owner=OWNER),
}
# These lose an NVRAM on purpose: all of the VM, a backup. The oldest, which others drop, is the template.
LOSES = {"remove", "restore"}
# Whether these fail or not, what was asked for is done: a copy is made the other way, and what is
# no VM any more is gone at the next start at the latest.
HARMLESS = {"ioctl", "unlinkat"}
# Without it the VM starts all the same.
OPTIONAL = {"good-copy"}


class World:
    """Layers, images and a state with some VMs, and buses for as many daemons at once."""

    def __init__(self, directory):
        self.directory = directory
        self.layer = descriptors.Layer(directory / "layer")
        self.no_programs = directory / "no-programs"
        self.no_programs.mkdir()
        code = images.raw(str(directory / "code.fd"), CODE_SIZE, content("code", CODE_SIZE))
        template = images.raw(str(directory / "vars.fd"), NVRAM_SIZE, content("template"))
        self.layer.write("split", descriptors.flash(code, template))
        self.layer.write("split-too", descriptors.flash(code, template))
        self.layer.write("stateless", descriptors.flash(code))
        self.layer.write("combined", descriptors.flash(code, mode="combined"))
        self.layer.write("edk2", descriptors.flash(code, images.copy(EDK2, directory / "edk2.fd")))
        self.layer.write("store", descriptors.by_filename("memory", code, mapping={
            "uefi-vars": {"template": images.raw(
                str(directory / "vars.json"), len(images.EMPTY_STORE), images.EMPTY_STORE)}}))
        self.buses = SimpleQueue()
        self.all_buses = [PrivateBus() for _ in range(WORKERS)]
        for bus in self.all_buses:
            self.buses.put(bus)
        self.recorded = {}
        self.make_base()
        # it computes the digests of younger images anew: its calls would not be the same later
        age = os.stat(directory / "vars.json").st_ctime + TRUST
        faults.wait_for(lambda: time.time() > age, "the images are old enough")

    def start(self, bus, directory):
        return Daemon(bus, str(directory), search_path=[self.layer], path=self.no_programs,
                      environment=faults.CALLS_ALIKE).wait_ready()

    def make_base(self):
        self.base = self.directory / "base"
        self.base.mkdir()
        daemon = self.start(self.all_buses[0], self.base)
        vms = VMs(Client(daemon.connection))
        for name in ("subject", "bystander", "host"):
            prepare(vms, name, firmware="split", owner=OWNER)
            for round_number in range(3):
                vms.at(name, OWNER).import_nvram(content((name, round_number)))
        prepare(vms, "pending", firmware="edk2", owner=OWNER)
        prepare(vms, "sound", firmware="store", owner=OWNER)
        for name in ("pending", "sound"):
            vms.at(name, OWNER).change_variables(set_variable("before"))
        edk2.make_pending(pending(vms).nvram())
        daemon.stop()
        (self.base / FOREIGN).write_bytes(content("foreign"))
        os.chown(self.base / FOREIGN, OWNER, OWNER)
        self.before = vmstate.snapshot(self.base / "state")
        # of three VMs the store and two backups, and their template; of two the store and a template
        assert len(set(vmstate.nvram_digests(self.before))) == 14

    def copy(self, name):
        directory = self.directory / name
        directory.mkdir()
        shutil.copytree(self.base / "state", directory / "state")
        restore_owners(self.base / "state", directory / "state")
        return directory

    def record(self, operation):
        """(points, the state afterwards) of one undisturbed run."""
        if operation not in self.recorded:
            directory = self.copy(f"record-{operation}")
            daemon = self.start(self.all_buses[0], directory)
            with faults.recording(daemon.process.pid, directory / "trace") as strace:
                OPERATIONS[operation](VMs(Client(daemon.connection)))
            daemon.stop()
            points = faults.points(strace.lines(), directory / "state")
            assert len(points) > 1, strace.lines()
            self.recorded[operation] = points, vmstate.snapshot(directory / "state")
            shutil.rmtree(directory)
        return self.recorded[operation]

    def close(self):
        for bus in self.all_buses:
            bus.close()


def restore_owners(source, copy):
    for path in source.rglob("*"):
        info = path.lstat()
        os.chown(copy / path.relative_to(source), info.st_uid, info.st_gid)


@pytest.fixture(scope="module")
def world():
    # faults are injected, so nothing depends on a disk, whose syncs take most of the time
    with paths.temporary_directory("/dev/shm") as directory:
        made = World(directory)
        yield made
        made.close()


def find(points, name, *words):
    """The place among the points of the first call that says all these words."""
    return next(place for place, point in enumerate(points)
                if point.name == name and all(word in point.text for word in words))


@pytest.mark.parametrize("operation", ["reset", "import"])
def test_what_the_guest_wrote_is_on_disk_before_it_is_a_backup(world, operation):
    points, _ = world.record(operation)
    assert find(points, "fsync", "/backup-4.raw>") < find(points, "renameat2", "RENAME_EXCHANGE")


def test_name_of_an_owners_directory_is_on_disk_before_its_mode_says_so(world):
    points, _ = world.record("prepare-split")
    assert find(points, "fsync", "/state/vms>") < find(points, "fchmod", f"/vms/{NEWCOMER}>", "0711")


def check_each(world, points, check):
    """Each on a bus of its own."""
    def run(number, point):
        bus = world.buses.get()
        try:
            check(number, point, bus)
        finally:
            world.buses.put(bus)

    faults.check_each(points, run, WORKERS)


def run_cases(world, operation, fault, check):
    points, after = world.record(operation)

    def run(number, point, bus):
        directory = world.copy(f"{operation}-{fault.replace('=', '-')}-{number}")
        daemons = []
        try:
            check(world, Case(world, bus, directory, daemons, operation, point, fault, after))
        finally:
            for daemon in daemons:
                daemon.kill()
        shutil.rmtree(directory)

    check_each(world, points, run)


class Case:
    def __init__(self, world, bus, directory, daemons, operation, point, fault, after):
        self.world = world
        self.bus = bus
        self.directory = directory
        self.state = directory / "state"
        self.foreign = os.stat(directory / FOREIGN).st_ino
        self.daemons = daemons
        self.operation = operation
        self.point = point
        self.fault = fault
        self.after = after

    def start(self):
        self.daemon = self.world.start(self.bus, self.directory)
        self.daemons.append(self.daemon)
        self.vms = VMs(Client(self.daemon.connection))

    def operate(self):
        OPERATIONS[self.operation](self.vms)

    def operate_disturbed(self):
        """The error that came, or None."""
        error = None
        disturb = faults.dying if self.fault in ERRORS else faults.injecting
        with disturb(self.daemon.process.pid, self.directory / "trace", self.point,
                     self.fault) as strace:
            try:
                self.operate()
            except DBusError as caught:
                error = caught
        assert strace.was_injected(), f"the call did not come: {strace.lines()}"
        return error

    def assert_whole(self):
        """As before or as after, on disk and on the bus, and nothing left over."""
        shot = vmstate.snapshot(self.state)
        assert not vmstate.leftovers(self.state)
        assert os.stat(self.directory / FOREIGN).st_ino == self.foreign, "it was copied"
        assert shot in (self.world.before, self.after), differences(shot, self.world.before)
        self.assert_on_bus(shot)
        return shot

    def assert_on_bus(self, shot):
        listed = self.vms.listed(all=True)
        assert set(listed) == vmstate.ids(shot)
        assert {state for _, state, _ in listed.values()} == {"ready"}
        assert not any(VMObject(self.vms, path).get("InUse")
                       for _, _, path in listed.values())

    def finish(self, shot):
        """What was not done can be done now."""
        if shot == self.world.before:
            self.operate()
        assert vmstate.snapshot(self.state) == self.after
        assert not vmstate.leftovers(self.state)
        self.assert_on_bus(self.after)
        self.daemon.stop()


def differences(shot, expected):
    keys = sorted(key for key in {*shot, *expected} if shot.get(key) != expected.get(key))
    return "\n    ".join(f"{key}: {shot.get(key)} was {expected.get(key)}" for key in keys)


def check_killed(world, case):
    case.start()
    error = case.operate_disturbed()
    assert error is not None, "the daemon answered"
    assert case.daemon.wait_exit() == -9
    case.start()
    case.finish(case.assert_whole())


def check_failed(world, case):
    case.start()
    error = case.operate_disturbed()
    if case.point.name in HARMLESS and error is None:
        # What could not be deleted goes when the daemon starts again.
        case.daemon.stop()
        case.start()
        assert case.assert_whole() == case.after
    elif case.operation in OPTIONAL:
        assert error is None and case.assert_whole() == world.before
    else:
        text = ERRORS[case.fault.removeprefix("error=")]
        assert error is not None, "no error came"
        assert error.name == IO_ERROR and text in error.text, str(error)
        assert case.assert_whole() == world.before, "an error came, and it is done"
    case.finish(vmstate.snapshot(case.state))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_undisturbed_it_loses_no_nvram(world, operation):
    points, after = world.record(operation)
    names = [point.name for point in points]
    assert "renameat2" in names and names.count("fsync") >= 1
    lost = set(vmstate.nvram_digests(world.before)) - set(vmstate.nvram_digests(after))
    current = vmstate.file_digest(world.base / "state/vms" / str(OWNER) / "subject/nvram.raw")
    assert bool(lost) == (operation in LOSES)
    assert (current in lost) == (operation == "remove")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_killed_at_each_call(world, operation):
    run_cases(world, operation, "signal=KILL", check_killed)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_failing_at_each_call(world, operation, error):
    run_cases(world, operation, f"error={error}", check_failed)


def check_disk_died(world, case):
    case.start()
    error = case.operate_disturbed()
    if error is not None:
        assert error.name == IO_ERROR and ERRORS[case.fault] in error.text, str(error)
    case.vms.listed(all=True)
    case.daemon.stop()
    case.start()
    shot = case.assert_whole()
    assert error is not None or shot == case.after or case.operation in OPTIONAL
    case.finish(shot)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_disk_dies_at_each_call(world, operation):
    """Neither can be put back what was changed: it is as before or as after all the same."""
    run_cases(world, operation, "EIO", check_disk_died)


# -- a start that gives files back to their owners ---------------------------------------------

FORMER = 3  # the uid of the service that made the backup


class Restored:
    """A state directory in which every file has that uid, and one start that is disturbed."""

    def __init__(self, world, bus, name):
        self.world = world
        self.bus = bus
        self.directory = world.copy(name)
        for path in (self.directory / "state").rglob("*"):
            os.chown(path, FORMER, FORMER)

    def start(self, *expressions):
        trace = self.directory / "trace"
        command = [shutil.which("strace"), "-D", "-f", "-y", "-o", str(trace)]
        for expression in expressions:
            command += ["-e", expression]
        daemon = Daemon(self.bus, str(self.directory), search_path=[self.world.layer],
                        path=self.world.no_programs, wrapper=command,
                        environment={"ASAN_OPTIONS": "detect_leaks=0"})
        try:
            if "signal=KILL" in expressions[-1]:
                assert daemon.wait_exit() == -9
            else:
                daemon.wait_ready()
        finally:
            daemon.kill()
        return trace.read_text(encoding="utf-8", errors="backslashreplace").splitlines()

    def assert_whole(self):
        daemon = self.world.start(self.bus, self.directory)
        daemon.stop()
        state = self.directory / "state"
        assert vmstate.snapshot(state) == self.world.before
        assert {(state / name).stat().st_uid for name in ("vms", "lock")} == {0}


@pytest.mark.parametrize("fault", ["signal=KILL", "error=EIO", "error=ENOSPC"])
def test_start_that_gives_files_back(world, fault):
    """Killed or failing at any call, the next start gives back what is left."""
    bus = world.all_buses[0]
    name = "restored-" + fault.replace("=", "-")
    recorded = Restored(world, bus, name)
    lines = recorded.start("trace=" + ",".join(faults.CHANGING_CALLS))
    recorded.assert_whole()
    # with these VMs it does what it does with that of a host
    others = re.compile("/(subject|bystander|pending|sound)[/>]")
    points = [point for point in faults.points(lines, recorded.directory / "state")
              if point.name in ("fchown", "fchmod", "fsync") and not others.search(point.text)]
    assert len(points) > 20

    def check(number, point, bus):
        case = Restored(world, bus, f"{name}-{number}")
        case.start(f"trace={point.name}", f"inject={point.name}:{fault}:when={point.ordinal}")
        case.assert_whole()
        shutil.rmtree(case.directory)

    check_each(world, points, check)


def test_parents_of_a_new_state_directory_are_synced(bus, tmp_path):
    trace, state = tmp_path / "trace", tmp_path / "a" / "b" / "state"
    daemon = Daemon(bus, str(tmp_path), search_path=[tmp_path], arguments=[f"--state-directory={state}"],
                    wrapper=["strace", "-D", "-f", "-y", "-e", "trace=mkdir,fsync", "-o", str(trace)],
                    # LeakSanitizer does not work under ptrace
                    environment={"ASAN_OPTIONS": "detect_leaks=0"})
    daemon.wait_ready()
    daemon.stop()
    lines = trace.read_text(encoding="utf-8").splitlines()
    for directory in (state, state.parent, state.parent.parent):
        made = next(index for index, line in enumerate(lines)
                    if f'mkdir("{directory}"' in line and line.endswith(" = 0"))
        assert any("fsync(" in line and f"<{directory.parent}>" in line
                   for line in lines[made:]), directory
