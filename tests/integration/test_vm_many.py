# SPDX-License-Identifier: LGPL-2.1-or-later
"""1,000 VMs of 20 owners, prepared by 32 clients at once."""

import json
import os
import pwd
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lib import descriptors, images, vmstate
from lib.client import Client, DBusError, Signals
from lib.vms import VMs, vm_path

N_VMS = 1000
N_OWNERS = 20
N_CLIENTS = 32
FIRST_OWNER = 20001
NVRAM_SIZE = 8192


def owners():
    """Most are unknown to the user database; some are known, with a group of their own."""
    known = sorted({entry.pw_uid for entry in pwd.getpwall() if 0 < entry.pw_uid < 1000})[:4]
    return known + list(range(FIRST_OWNER, FIRST_OWNER + N_OWNERS - len(known)))


def primary_group(uid):
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return 65534


def wanted():
    """(owner, id) of each."""
    all_owners = owners()
    vms = [(all_owners[number % N_OWNERS], f"test:vm {number // N_OWNERS}")
           for number in range(N_VMS)]
    assert len(set(vms)) == N_VMS
    return vms


@pytest.fixture
def template(service):
    data = bytes(range(256)) * (NVRAM_SIZE // 256)
    code = service.raw("code.fd", 65536)
    service.vendor.write("small", descriptors.flash(
        code, images.raw(str(service.images / "vars.fd"), NVRAM_SIZE, data)))
    service.start()
    return data


def prepare_all(bus, jobs):
    """What each call answered: (VM, created)."""
    def client(number):
        connection = bus.connect()
        vms = VMs(Client(connection))
        done = []
        for owner, vm_id in jobs[number::N_CLIENTS]:
            path, resolution, _ = vms.prepare_raw(vm_id, machine="pc", owner=owner)
            assert path == vm_path(vm_id, owner)
            assert Path(resolution["nvram"]["filename"]).parts[-3:-1] == (str(owner), vm_id)
            done.append(((owner, vm_id), resolution["nvram"]["created"]))
        connection.close_sync(None)
        return done

    with ThreadPoolExecutor(N_CLIENTS) as pool:
        return [answer for answers in pool.map(client, range(N_CLIENTS)) for answer in answers]


def check_files(state, vms, template):
    for owner, vm_id in vms:
        directory = state / "vms" / str(owner) / vm_id
        assert {path.name for path in directory.iterdir()} == {"lock", "nvram.raw", "pin.json"}
        nvram = directory / "nvram.raw"
        info = nvram.stat()
        assert stat.S_IMODE(info.st_mode) == 0o600
        assert (info.st_uid, info.st_gid) == (owner, primary_group(owner))
        assert nvram.read_bytes() == template
        for name in ("lock", "pin.json"):
            info = (directory / name).stat()
            assert (stat.S_IMODE(info.st_mode), info.st_uid) == (0o600, os.geteuid())
        for path in (directory, directory.parent):
            info = path.stat()
            assert (stat.S_IMODE(info.st_mode), info.st_uid) == (0o711, os.geteuid())
        assert json.loads((directory / "pin.json").read_text())["machine"] == "pc"


def test_none_is_lost_and_none_is_made_twice(bus, service, template):
    signals = Signals(service.client)
    vms = wanted()
    # The second half of the clients' work is the first half again, in another order.
    answers = prepare_all(bus, vms + vms[::-1])
    assert len(answers) == 2 * N_VMS
    created = [vm for vm, is_created in answers if is_created]
    assert sorted(created) == sorted(vms)

    state = service.directory / "state"
    assert vmstate.ids(vmstate.snapshot(state)) == set(vms)
    assert not vmstate.leftovers(state)
    check_files(state, vms, template)

    client = VMs(service.client)
    listed = client.listed(all=True)
    assert set(listed) == set(vms)
    assert {(name, state) for name, state, _ in listed.values()} == {("small", "ready")}
    for owner in owners():
        assert len(client.listed(owner=owner)) == N_VMS // N_OWNERS
    added = [arguments for _, _, _, arguments in signals.named("VMAdded")]
    signals.close()
    assert sorted((owner, vm_id) for vm_id, owner, _ in added) == sorted(vms)

    service.daemons.pop().stop()
    assert VMs(service.start()).listed(all=True) == listed


def test_all_clients_want_the_same_new_vm(bus, service, template):
    jobs = [(FIRST_OWNER, "same")] * (4 * N_CLIENTS)
    answers = prepare_all(bus, jobs)
    assert sum(created for _, created in answers) == 1
    assert len(answers) == len(jobs)


def test_only_one_of_all_clients_makes_it_new(bus, service, template):
    def make(_):
        connection = bus.connect()
        try:
            VMs(Client(connection)).prepare("same", machine="pc", owner=FIRST_OWNER, create="new")
            return "made"
        except DBusError as error:
            return error.name
        finally:
            connection.close_sync(None)

    with ThreadPoolExecutor(N_CLIENTS) as pool:
        results = list(pool.map(make, range(N_CLIENTS)))
    assert sorted(results) == ["made"] + (N_CLIENTS - 1) * ["org.vmfirmware1.VMExists"]
