# SPDX-License-Identifier: LGPL-2.1-or-later
"""A record that cannot be read: it removes itself alone, is told, and its id can be removed."""

import json

import pytest

from lib.checks import raises
from lib.vms import NO_SUCH_VM, VM_EXISTS, VMs

# No string that a bus carries may hold the first; the others are no text, or no record.
FAULTS = {
    "machine": lambda record: record.update(machine="\uffff"),
    "name": lambda record: record["firmware"].update(name="a\uffffb"),
    "requirement": lambda record: record["requirements"].update(features=["\ufdd0"]),
    "flash": lambda record: record["flash"][0].update(name="\U0001fffe"),
    "digest": lambda record: record.update({"executable-digest": "\uffff"}),
    "document": lambda record: record["firmware"].update(document=json.dumps(
        dict(json.loads(record["firmware"]["document"]), description="\uffff"))),
    "version": lambda record: record.update(version=2),
}


@pytest.fixture
def vms(service):
    service.ovmf("plain")
    return VMs(service.start())


def damage(service, vm_id, change):
    path = service.state / "vms" / "0" / vm_id / "pin.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")


@pytest.mark.parametrize("fault", FAULTS)
def test_record_removes_itself_alone(service, vms, fault):
    for vm_id in ("good", "bad"):
        vms.make(vm_id, interface="uefi")
    damage(service, "bad", FAULTS[fault])
    vms = VMs(service.restart())
    assert [entry[0] for entry in vms.list(all=True)] == ["good"]
    assert "VM bad of uid 0 is left alone: " in service.daemon.stderr()
    why = "cannot be read: "
    for call in (lambda: vms.get("bad"), lambda: vms.prepare("bad", create="never"),
                 lambda: vms.at("bad").get("State"), vms.at("bad").properties,
                 vms.at("bad").reset, vms.at("bad").export):
        with raises(NO_SUCH_VM, why):
            call()
    for call in (lambda: vms.prepare("bad"), lambda: vms.prepare("bad", create="new"),
                 lambda: vms.at("good").clone("bad"), lambda: vms.at("good").rename("bad")):
        with raises(VM_EXISTS, "bad"):
            call()
    assert vms.prepare("good")["pinned"] is True


def test_its_id_can_be_removed_and_had_again(service, vms):
    vms.make("bad").write(b"old")
    damage(service, "bad", FAULTS["machine"])
    vms = VMs(service.restart())
    service.watch()
    vms.at("bad").remove()
    assert not (service.state / "vms" / "0" / "bad").exists()
    assert service.signals.named("VMRemoved") == []
    with raises(NO_SUCH_VM) as error:
        vms.get("bad")
    assert "cannot be read" not in error.value.text
    assert vms.make("bad").read().startswith(b"template")


def test_id_that_looks_like_another_is_told_escaped(service, vms):
    """No call makes one; the directory may be older than that rule."""
    vms.make("bad")
    damage(service, "bad", FAULTS["version"])
    (service.state / "vms" / "0" / "bad").rename(service.state / "vms" / "0" / "a\u202eb")
    service.restart()
    assert "VM a\\xe2\\x80\\xaeb of uid 0 is left alone: " in service.daemon.stderr()
    assert "\u202e" not in service.daemon.stderr()
