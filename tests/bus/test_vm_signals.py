# SPDX-License-Identifier: LGPL-2.1-or-later
"""VMAdded, VMRemoved, PropertiesChanged; properties, and the tree of objects."""

import hashlib
import os
import time
from pathlib import Path

import pytest
from gi.repository import Gio, GLib

from lib import wait
from lib.checks import raises
from lib.client import MANAGER, MANAGER_PATH, NAME
from lib.introspection import OPTIONS, VM_CONTRACT, children, described, introspect
from lib.vms import NO_SUCH_VM, OWNER, VM, VMs, memfd, vm_path

QUESTION = [("in", "id", "s"), ("in", "architecture", "s"), ("in", "machine", "s")]
ANSWER = [("out", "vm", "o"), ("out", "resolution", "a{sv}")]
MANAGER_VM_METHODS = {
    "PrepareVM": [*QUESTION, OPTIONS, *ANSWER],
    "GetVM": [("in", "id", "s"), OPTIONS, ("out", "vm", "o")],
    "GetVMByPath": [("in", "nvram", "s"), OPTIONS, ("out", "vm", "o")],
    "ListVMs": [OPTIONS, ("out", "vms", "a(susso)")],
    "ImportVM": [*QUESTION, ("in", "nvram", "h"), OPTIONS, *ANSWER],
}
VM_SIGNAL = [("id", "s"), ("owner", "u"), ("vm", "o")]


@pytest.fixture
def vms(service):
    service.ovmf()
    vms = VMs(service.start())
    service.watch()
    return vms


def signals_of(service, *members):
    found = [(member, arguments) for path, interface, member, arguments in service.signals.sync()
             if interface == MANAGER and path == MANAGER_PATH and member in members]
    service.signals.all.clear()
    return found


def test_added_and_removed(service, vms):
    members = ("VMAdded", "VMRemoved")
    vm = vms.make("vm", owner=OWNER)
    assert signals_of(service, *members) == [("VMAdded", ("vm", OWNER, vm.path))]
    twin = vm.clone("twin", owner=0)
    assert signals_of(service, *members) == [("VMAdded", ("twin", 0, twin.path))]
    other = twin.rename("other")
    assert signals_of(service, *members) == [("VMRemoved", ("twin", 0, twin.path)),
                                             ("VMAdded", ("other", 0, other.path))]
    vms.import_vm("in", "x86_64", "q35", memfd(b"", 540672))
    assert signals_of(service, *members) == [("VMAdded", ("in", 0, vm_path("in")))]
    vms.prepare("in")
    vm.reset()
    vm.rebind()
    assert signals_of(service, *members) == []
    vm.remove()
    assert signals_of(service, *members) == [("VMRemoved", ("vm", OWNER, vm.path))]


def test_failures_emit_nothing(service, vms):
    for call in (lambda: vms.prepare("x", features=["none"]), lambda: vms.prepare("", owner=1),
                 lambda: vms.import_vm("x", "x86_64", "q35", memfd(b"", 1))):
        with pytest.raises(Exception):
            call()
    assert service.signals.sync() == []


def test_restart_emits_no_added(service, vms):
    vms.make()
    service.restart()
    service.watch()
    assert signals_of(service, "VMAdded", "VMRemoved") == []


def test_signal_comes_when_the_object_is_there(service, vms):
    seen = []
    service.signals.hooks.append(
        lambda signal: signal[2] == "VMAdded" and seen.append(vms.at("vm").get("Id")))
    vms.make()
    service.signals.sync()
    assert seen == ["vm"]


def test_computed_properties_emit_nothing(service, vms):
    vm = vms.make()
    service.signals.sync()
    service.signals.all.clear()
    os.close(vm.acquire())
    os.unlink(vm.nvram())
    assert vm.get("State") == "nvram-missing" and vm.get("InUse") is False
    assert service.signals.named("PropertiesChanged") == []


def test_state_changed_is_told(service):
    """By the call that finds it out."""
    service.ovmf()
    vms = VMs(service.start_blind())
    service.watch()
    vm = vms.make()
    with open(service.images / "ovmf-code.fd", "r+b") as file:
        file.write(b"updated")
    service.signals.sync()
    service.signals.all.clear()

    def told():
        vms.prepare()
        path, _, member, (interface, changed, _) = service.signals.sync()[-1]
        assert (path, member, interface) == (vm.path, "PropertiesChanged", VM)
        assert changed.pop("LastPrepared") == vm.get("LastPrepared")
        return changed

    assert told() == {"State": "changed", "Changed": ["executable"]}
    assert told() == {}
    with open(service.images / "ovmf-vars.fd", "r+b") as file:
        file.write(b"updated")
    assert told() == {"Changed": ["executable", "nvram-template"]}
    assert vm.get("Changed") == ["executable", "nvram-template"]
    vm.rebind()
    assert vm.get("Changed") == []


def test_order_of_a_start(service, vms):
    """A start waits for the signal of what else has changed, and not for that of LastPrepared."""
    vm = vms.make()
    service.signals.sync()
    events = []
    service.signals.hooks.append(lambda signal: events.append(signal[2]))

    def prepare():
        events.clear()
        service.client.connection.call(
            NAME, MANAGER_PATH, MANAGER, "PrepareVM",
            GLib.Variant("(sssa{sv})", ("vm", "x86_64", "q35", {})), None,
            Gio.DBusCallFlags.NONE, -1, None, lambda *_: events.append("answer"))
        wait.until(lambda: len(events) == 2, "an answer and a signal")
        return events

    assert prepare() == ["answer", "PropertiesChanged"]
    Path(vm.get("NVRAM")[0]).write_bytes(b"\xff" * 540672)
    assert prepare() == ["PropertiesChanged", "answer"]
    assert vm.get("Health") == "empty"


def test_properties(service, vms):
    before = time.time() * 1e6
    vm = vms.make("vm", "x86_64", "q35", owner=OWNER)
    properties = vm.properties()
    assert before - 1e6 < properties.pop("Created") < time.time() * 1e6 + 1e6
    assert before - 1e6 < properties.pop("LastPrepared") < time.time() * 1e6 + 1e6
    digests = [hashlib.sha256((service.images / name).read_bytes()).hexdigest()
               for name in ("ovmf-code.fd", "ovmf-vars.fd")]
    assert properties == {
        "Id": "vm", "Owner": OWNER, "Architecture": "x86_64", "Machine": "q35", "Firmware": "ovmf",
        "NVRAM": (f"{service.state}/vms/{OWNER}/vm/nvram.raw", "raw"), "State": "ready",
        "Changed": [], "InUse": False, "ExecutableDigest": digests[0], "TemplateDigest": digests[1],
        "SecureBoot": "none", "Certificates": {}, "Expires": 0, "Health": "damaged"}


def test_digest_of_an_own_template(vms):
    content = b"own".ljust(540672, b"\0")
    vm = vms.make(nvram_template=memfd(content))
    assert vm.get("TemplateDigest") == hashlib.sha256(content).hexdigest()


def test_introspection_of_a_vm(vms):
    vm = vms.make()
    interface, = [found for found in introspect(vms.client, vm.path) if found.get("name") == VM]
    assert described(interface) == VM_CONTRACT


def test_introspection_of_the_manager(vms):
    root = introspect(vms.client, MANAGER_PATH)
    interface, = [found for found in root if found.get("name") == MANAGER]
    found = described(interface)
    for name, arguments in MANAGER_VM_METHODS.items():
        assert found["methods"][name] == arguments
    assert found["signals"]["VMAdded"] == VM_SIGNAL == found["signals"]["VMRemoved"]


def leaves(vms, path):
    """The objects at the ends."""
    names = children(vms.client, path)
    return set().union(*(leaves(vms, f"{path}/{name}") for name in names)) if names else {path}


@pytest.mark.parametrize("count", [0, 3])
def test_tree_is_complete(vms, count):
    for index in range(count):
        vms.make(f"vm{index}", owner=index)
    assert children(vms.client, MANAGER_PATH) >= {"firmware"} | ({"vm"} if count else set())
    if count:
        assert leaves(vms, "/org/vmfirmware1/vm") == {
            f"/org/vmfirmware1/vm/{index}/vm{index}" for index in range(count)}
        assert children(vms.client, "/org/vmfirmware1/vm/1") == {"vm1"}
    assert "org" in children(vms.client, "/")
    assert "ovmf" in children(vms.client, "/org/vmfirmware1/firmware")


@pytest.mark.parametrize("path", ["/org/vmfirmware1/vm/00/vm", "/org/vmfirmware1/vm/0/_76m",
                                  "/org/vmfirmware1/vm/0/vm/x", "/org/vmfirmware1/vm/x/vm"])
def test_no_second_path_leads_to_a_vm(vms, path):
    vms.make()
    with pytest.raises(Exception) as info:
        vms.client.all_properties(path, VM)
    assert info.value.name in (NO_SUCH_VM, "org.freedesktop.DBus.Error.UnknownObject",
                               "org.freedesktop.DBus.Error.UnknownInterface")


def test_gone_vm_is_told_by_every_interface(vms):
    vm = vms.make()
    vm.remove()
    with raises(NO_SUCH_VM):
        vms.client.property_variant(vm.path, VM, "Id")
    assert children(vms.client, "/org/vmfirmware1") >= {"firmware"}
