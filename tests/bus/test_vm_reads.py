# SPDX-License-Identifier: LGPL-2.1-or-later
"""State, InUse and ListVMs: read from files on worker threads, for each call."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from gi.repository import GLib

from lib import descriptors, wait
from lib.client import PROPERTIES, DBusError
from lib.deadmount import DeadMount
from lib.faults import Strace
from lib.vms import NO_SUCH_VM, OWNER, VM, VMs, start_as


@pytest.fixture
def bus(own_bus):
    return own_bus


@pytest.fixture
def vms(service):
    service.ovmf()
    return VMs(service.start())


def get_all(vm, interface):
    return vm.vms.client.call(
        vm.path, PROPERTIES, "GetAll", GLib.Variant("(s)", (interface,)), "(a{sv})").unpack()[0]


READS = {
    "State": lambda vms: vms.at("vm").get("State"),
    "InUse": lambda vms: vms.at("vm").get("InUse"),
    "GetAll": lambda vms: vms.at("vm").properties(),
    "ListVMs": lambda vms: vms.list(),
    "ReportVMs": lambda vms: vms.report(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_who_waits_for_the_disk_waits_alone(bus, vms, read):
    vm = vms.make()
    other = vms.make("other", owner=OWNER)
    # the service waits some seconds for the disk, which this may take to start
    child = start_as(OWNER, f"""
print("ready", flush=True)
sys.stdin.readline()
print(vms.at("other", {OWNER}).get("State"))
""", bus)
    assert child.stdout.readline() == "ready\n"
    dead = DeadMount(vm.directory())
    try:
        with ThreadPoolExecutor() as pool:
            call = pool.submit(read, vms)
            # sent on the same connection, and after it
            assert vms.client.select_name("x86_64", "q35") == "ovmf"
            assert vm.get("Firmware") == "ovmf"
            assert child.communicate("\n")[0] == "ready\n"
            assert not call.done()
            dead.answer()
            call.result()
    finally:
        dead.close()
    assert vms.at("vm").get("State") == "ready" and other.get("InUse") is False


@pytest.fixture
def thousand(service):
    """A service that finds 1000 VMs with JSON stores; one was made, and the others are copies."""
    service.vendor.write("store", descriptors.by_filename(
        "memory", service.raw("f.bin", 65536),
        mapping={"uefi-vars": {"template": service.store("vars.json")}}))
    made = VMs(service.start()).make("0").directory()
    for i in range(1, 1000):
        shutil.copytree(made, made.parent / str(i))
    return VMs(service.restart())


def test_report_of_a_thousand_vms_leaves_the_loop_free(thousand):
    """One of them is on a disk that does not answer, so the call waits among the others' files."""
    client = thousand.client
    dead = DeadMount(thousand.at("500").directory())
    try:
        with ThreadPoolExecutor() as pool:
            report = pool.submit(thousand.report)
            for _ in range(20):
                client.ping()
            assert not report.done()
            dead.answer()
            assert len(report.result()) == 1000
    finally:
        dead.close()
    found = {key: (vm["state"], vm["health"]) for key, vm in thousand.report().items()}
    assert found == {(0, str(i)): ("ready", "ok") for i in range(1000)}


def test_what_was_just_changed_is_seen(vms):
    vm = vms.make()
    content = vm.read()
    for _ in range(20):
        os.unlink(vm.nvram())
        assert vm.get("State") == vm.properties()["State"] == "nvram-missing"
        assert vms.listed()[0, "vm"][1] == "nvram-missing"
        with open(vm.nvram(), "wb") as file:
            file.write(content)
        assert vms.listed()[0, "vm"][1] == vm.properties()["State"] == vm.get("State") == "ready"
        lease = vm.acquire()
        assert vm.get("InUse") is True and vm.properties()["InUse"] is True
        os.close(lease)
        assert vm.get("InUse") is False and vm.properties()["InUse"] is False


def looks_of(service, read):
    """The files below the directory of VMs whose status the call looks up."""
    with Strace(service.daemon.process.pid, service.directory / "strace",
                ["trace=newfstatat,open,openat"]) as trace:
        read()
    root = f"<{service.state}/vms>"
    lines = [line for line in trace.lines() if str(service.state) in line]
    assert all("newfstatat(" in line and root in line for line in lines), lines
    return [line.split('"')[1] for line in lines]


def test_a_list_looks_once_at_what_has_not_changed(service, vms):
    made = [vms.make(f"vm{number}") for number in range(3)]
    owner = made[0].directory().parent
    wait.until_settled(owner, *(vm.nvram() for vm in made))
    vms.list()  # which proves it
    names = [f"0/vm{number}/nvram.raw" for number in range(3)]
    for read in (vms.list, vms.report):
        assert looks_of(service, read) == ["0", *names]

    # a link to the same files is no VM
    away = service.directory / "away"
    os.rename(made[1].directory(), away)
    os.symlink(away, owner / "vm1")
    for _ in range(2):
        assert [state for _, _, _, state, _ in vms.list()] == ["ready", "nvram-missing", "ready"]
    os.unlink(owner / "vm1")
    os.rename(away, owner / "vm1")
    assert [state for _, _, _, state, _ in vms.list()] == ["ready"] * 3
    assert looks_of(service, vms.list) == [
        "0", *(name for number in range(3) for name in (f"0/vm{number}", names[number]))]


def test_state_follows_a_new_pin(service, vms):
    """Reads that wait while their VM is pinned anew."""
    service.uefi_vars("zz-store")
    vms.client.reload()
    vm = vms.make()
    with ThreadPoolExecutor() as pool:
        for firmware in ("zz-store", "ovmf") * 5:
            reads = [pool.submit(read, vms) for read in list(READS.values()) * 2]
            vm.rebind(firmware=firmware, reset=True)
            assert vm.get("State") == "ready" and vm.get("Firmware") == firmware
            for read in reads:
                read.result()


def test_all_interfaces_are_those_of_the_vm(vms):
    vm = vms.make()
    assert get_all(vm, "") == get_all(vm, VM) == vm.properties()
    # libsystemd reads no further than it needs to
    os.unlink(vm.nvram())
    assert vms.client.call(vm.path, PROPERTIES, "Get", GLib.Variant("(sss)", (
        VM, "State", "x")), "(v)").unpack() == ("nvram-missing",)
    assert list(get_all(vm, VM)) == [
        "Id", "Owner", "Created", "Architecture", "Machine", "Firmware", "NVRAM", "State", "InUse",
        "ExecutableDigest", "TemplateDigest", "Changed", "LastPrepared", "SecureBoot",
        "Certificates", "Expires", "Health"]


def test_errors_are_as_of_other_objects(vms):
    vm = vms.make()
    client = vms.client
    for path, name in ((vm.path, "UnknownProperty"), (vm.path + "/x", "UnknownObject"),
                       ("/org/vmfirmware1/vmx", "UnknownObject")):
        with pytest.raises(DBusError) as caught:
            client.property_variant(path, VM, "State" if path != vm.path else "Stat")
        assert caught.value.name.endswith(name)
    for read in (lambda: vms.at("none").get("State"), lambda: vms.at("none").properties()):
        with pytest.raises(DBusError) as caught:
            read()
        assert caught.value.name == NO_SUCH_VM
    for arguments in (None, GLib.Variant("(s)", (VM,))):
        with pytest.raises(DBusError) as caught:
            client.call(vm.path, PROPERTIES, "Get", arguments)
        assert caught.value.name.endswith("InvalidArgs")
