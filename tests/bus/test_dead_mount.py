# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file system that does not answer takes along what is on it, and nothing else."""

import contextlib
import fcntl
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import descriptors, images, vmstate, wait
from lib.client import DBusError
from lib.config import text
from lib.deadmount import DeadMount
from lib.descriptors import Layer
from lib.fakepolkit import FakePolkit
from lib.vms import GONE, IO_ERROR, NOBODY, OTHER, OWNER, VMs, run_as


@pytest.fixture
def place(service):
    """Where the image of 50-dead is; 20-a has its image elsewhere."""
    directory = service.directory / "server" / "share"
    code = images.raw(str(directory / "code.fd"), images.OVMF_4M_CODE)
    service.vendor.write("50-dead", descriptors.flash(code))
    service.add("20-a")
    return directory


@pytest.fixture
def kill(place):
    """Lets the file system of the image die."""
    made = []

    def mount(directory=place):
        made.append(DeadMount(directory))
        return made[-1]

    yield mount
    for dead in made:
        dead.close()


def states(client):
    return {name: client.firmware(name)["State"] for name in client.names()}


def until(client, **expected):
    want = {"20-a": "usable", "50-dead": "usable", **expected}
    wait.until(lambda: states(client) == want, f"states are {want}")


def assert_dead(service, client, place):
    assert states(client) == {"20-a": "usable", "50-dead": "unusable"}
    assert client.firmware("50-dead")["Problems"] == [f"file-unreadable:{place}/code.fd"]
    assert dict(client.problems())[str(place)].startswith("does not answer")
    assert f"{place}: does not answer" in service.daemon.stderr()
    assert client.select_name("x86_64", "q35") == "20-a"


def until_waiting(service, number):
    """So many threads wait for the disk. One that has done its work stays for a moment, too."""
    tasks = f"/proc/{service.daemon.process.pid}/task"
    wait.until(lambda: len(os.listdir(tasks)) == 1 + number,
               f"the event loop's thread and {number} more are left")


def test_service_starts_and_ends(service, place, kill):
    kill()
    client = service.start()
    assert_dead(service, client, place)
    service.daemon.stop()
    service.daemons.clear()


def test_dies_and_answers_again(service, place, kill):
    client = service.start()
    until(client)
    dead = kill()
    wait.until(lambda: states(client)["50-dead"] == "unusable", "50-dead is unusable")
    assert_dead(service, client, place)

    until_waiting(service, 1)
    for _ in range(3):
        client.reload()
    os.link(service.vendor.file("20-a"), service.vendor.file("60-b"))
    wait.until(lambda: "60-b" in client.names(), "60-b is there")
    assert states(client)["50-dead"] == "unusable"
    until_waiting(service, 1)
    service.vendor.remove("60-b")

    dead.answer()
    wait.until(lambda: str(place) not in dict(client.problems()), "the file system is no problem")
    dead.unmount()
    until(client)


def test_unmounted_while_a_thread_waits(service, place, kill):
    dead = kill()
    client = service.start()
    assert_dead(service, client, place)
    dead.unmount()
    until(client)
    assert not client.problems()


def test_mounted_over_above(service, place, kill):
    kill()
    client = service.start()
    assert_dead(service, client, place)
    above = kill(place.parent)
    wait.until(lambda: str(place.parent) in dict(client.problems()), "the mount above is a problem")
    assert str(place) not in dict(client.problems())
    above.unmount()
    wait.until(lambda: str(place) in dict(client.problems()), "the one below is a problem again")


def test_dead_layer_leaves_the_others(service, kill):
    service.add("20-a")
    layer = Layer(service.directory / "server" / "layer")
    service.add("30-b", layer)
    kill(layer.path)
    client = service.start(search_path=[service.vendor, layer])
    assert client.names() == ["20-a", "50-dead"]
    assert str(layer.path) in dict(client.problems())


def test_descriptor_that_is_a_link_to_it(service, place, kill):
    service.vendor.link("40-link", place / "x.json")
    kill()
    client = service.start()
    assert client.firmware("40-link")["State"] == "invalid"
    assert client.firmware("40-link")["Problems"] == [
        f"file-unreadable:{service.vendor.file('40-link')}"]
    assert client.select_name("x86_64", "q35") == "20-a"


def test_reload_is_answered(service, place, kill):
    client = service.start_blind()
    kill()
    client.reload()
    assert_dead(service, client, place)


def test_vms_of_other_firmware_work(service, place, kill):
    """One whose own firmware does not answer has none, and waits for none."""
    vms = VMs(service.start())
    vms.make("dead", firmware="50-dead")
    vms.make("other", firmware="20-a")
    kill()
    wait.until(lambda: states(vms.client)["50-dead"] == "unusable", "50-dead is unusable")
    for owner in (OWNER, OTHER):
        vms.make(f"new-{owner}", firmware="20-a", owner=owner)
    assert vms.prepare("other", firmware="20-a")["name"] == "20-a"
    wait.until(lambda: vms.at("dead").get("State") == "firmware-gone", "dead has no firmware")
    with pytest.raises(DBusError) as refused:
        vms.prepare("dead")
    assert refused.value.name == GONE


def test_calls_that_wait_stop_no_other_owners(service, place, kill):
    """As many as run at once, whose image dies while nothing tells of it."""
    vms = VMs(service.start_blind())
    owners = range(1, 5)
    for owner in owners:
        vms.make("dead", firmware="50-dead", owner=owner)
    dead = kill()
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(vms.prepare, "dead", owner=owner) for owner in owners]
        vms.make("new", firmware="20-a", owner=NOBODY)
        wait.until(lambda: str(place) in dict(vms.client.problems()), "it is a problem")
        dead.answer()
        for call in calls:
            with pytest.raises(DBusError) as refused:
                call.result()
            # abandoned, or too late for that
            assert refused.value.name in (GONE, IO_ERROR)


def test_abandoned_call_stops_nobody_and_changes_nothing(service, place, kill):
    vms = VMs(service.start_blind())
    vms.make("dead", firmware="50-dead", owner=OWNER)
    before = vmstate.snapshot(service.state)
    dead = kill()
    with pytest.raises(DBusError) as refused:
        vms.at("dead", OWNER).rebind(firmware="50-dead", reset=True)
    assert refused.value.name == IO_ERROR and "nothing has changed" in refused.value.text
    assert str(place) in dict(vms.client.problems())
    vms.make("new", firmware="20-a", owner=OWNER)
    vms.at("new", OWNER).remove()
    dead.answer()
    until_waiting(service, 0)
    assert vms.at("dead", OWNER).get("InUse") is False
    assert vmstate.snapshot(service.state) == before


@pytest.mark.parametrize("name", ["vmfirmwared.conf", "vmfirmwared.conf.d/10-a.conf"])
def test_starts_without_a_configuration_file(service, kill, name):
    """And reads it when it answers."""
    service.add("20-a", service.admin)
    server = service.directory / "server" / "etc"
    server.mkdir(parents=True)
    config = service.directory / "vmfirmwared.conf"
    config.touch()
    file = config.parent / name
    file.parent.mkdir(exist_ok=True)
    file.unlink(missing_ok=True)
    file.symlink_to(server / "x.conf")
    (server / "x.conf").write_text(text(SearchPath=service.admin))
    dead = kill(server)
    arguments = [f"--config={config}"]
    client = service.start(arguments=arguments, default_layers=True)
    assert "/usr/share/qemu/firmware" in client.manager_property("SearchPath")
    assert str(server) in dict(client.problems())
    client.reload()
    dead.unmount()
    client.reload()
    assert client.manager_property("SearchPath") == [str(service.admin)]
    assert client.select_name("x86_64", "q35") == "20-a"
    assert not client.problems()
    kill(server)
    client.reload()
    assert client.manager_property("SearchPath") == [str(service.admin)]
    assert str(server) in dict(client.problems())


@pytest.fixture
def vm_before(service):
    """Of an earlier service."""
    service.add("20-a")
    VMs(service.start()).make("before", firmware="20-a")
    service.daemon.stop()
    service.daemons.clear()


def refuses_vms(service, vms):
    for call in (vms.prepare, vms.list, vms.report, lambda: vms.get("before"),
                 lambda: vms.by_path("/nvram.raw"), lambda: vms.at("before").get("Id")):
        with pytest.raises(DBusError) as refused:
            call()
        assert refused.value.name == IO_ERROR
        assert f"{service.state} does not answer" in refused.value.text


def test_starts_without_the_state_directory(service, vm_before, kill):
    kill(service.state)
    vms = VMs(service.start())
    assert vms.client.select_name("x86_64", "q35") == "20-a"
    refuses_vms(service, vms)
    assert f"{service.state} does not answer" in service.daemon.stderr()
    service.daemon.stop()
    service.daemons.clear()


@contextlib.contextmanager
def waiting(service):
    """The state directory: who opens a file that somebody has a lease on waits, as for a server."""
    with open(service.state / "lock", "rb") as lock:
        handler = signal.signal(signal.SIGIO, signal.SIG_IGN)
        fcntl.fcntl(lock, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        try:
            yield
        finally:
            fcntl.fcntl(lock, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            signal.signal(signal.SIGIO, handler)


def test_state_directory_that_answers_late(service, vm_before):
    with waiting(service):
        vms = VMs(service.start())
        service.watch()
        refuses_vms(service, vms)
    wait.until(lambda: service.signals.named("VMAdded"), "the VM is there")
    assert [entry[0] for entry in vms.list()] == ["before"]
    assert vms.prepare("before")["pinned"]
    # its image is watched
    os.unlink(service.images / "ovmf-code.fd")
    wait.until(lambda: vms.at("before").get("State") == "firmware-gone", "its firmware is gone")


def test_nvram_is_watched_where_the_state_directory_answers_late(service, vm_before):
    with waiting(service):
        vms = VMs(service.start())
        service.watch()
    wait.until(lambda: service.signals.named("VMAdded"), "the VM is there")
    vm = vms.at("before")
    assert vm.get("Health") == "damaged"
    lease = vm.acquire()
    with open(vm.nvram(), "r+b", buffering=0) as guest:
        assert vm.get("InUse")
        guest.write(b"\xff" * images.OVMF_4M_VARS)
        os.close(lease)
    wait.until(lambda: any(arguments[1].get("Health") == "empty" for *_, arguments
                           in service.signals.named("PropertiesChanged")), "the look")


def test_files_of_one_owner_that_do_not_answer(service, kill):
    vms = VMs(service.start())
    for owner in (OWNER, OTHER):
        vms.make("vm", firmware="20-a", owner=owner)
    dead = kill(service.state / "vms" / str(OWNER))
    with pytest.raises(DBusError) as refused:
        vms.at("vm", OWNER).get("State")
    assert refused.value.name == IO_ERROR and str(service.state) in refused.value.text
    assert vms.at("vm", OTHER).get("State") == "ready"
    dead.unmount()
    assert vms.at("vm", OWNER).get("State") == "ready"


def test_starts_without_the_files_of_one_owner(bus, service, kill):
    vms = VMs(service.start())
    for owner in (OWNER, OTHER):
        vms.make("vm", firmware="20-a", owner=owner)
    service.daemon.stop()
    service.daemons.clear()
    dead = kill(service.state / "vms" / str(OWNER))
    dead.answer()
    vms = VMs(service.start())
    message = f"not all VMs of uid {OWNER} are known: {service.state}/vms/{OWNER}: "
    assert message in service.daemon.stderr()
    for call in (lambda: vms.prepare("vm", owner=OWNER), lambda: vms.prepare("new", owner=OWNER),
                 lambda: vms.get("vm", owner=OWNER), lambda: vms.list(owner=OWNER),
                 lambda: vms.report(owner=OWNER), vms.at("vm", OWNER).properties,
                 vms.at("vm", OWNER).remove, lambda: vms.at("vm", OTHER).clone("new", owner=OWNER),
                 lambda: vms.by_path(str(service.state / "vms" / str(OWNER) / "vm" / "nvram.raw"))):
        with pytest.raises(DBusError) as refused:
            call()
        assert refused.value.name == IO_ERROR and message in refused.value.text
    # which is of no VM
    with contextlib.closing(FakePolkit(bus)):
        program = "print(vms.read_variables(memfd(bytes(131072)))['health'])"
        assert run_as(OWNER, program, bus) == ["empty"]
    assert [entry[:2] for entry in vms.list(all=True)] == [("vm", OTHER)]
    assert vms.prepare("vm", owner=OTHER)["pinned"]
    vms.make("new", firmware="20-a", owner=OTHER)
    dead.unmount()
    assert VMs(service.restart()).prepare("vm", owner=OWNER)["pinned"]
