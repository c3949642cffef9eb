# SPDX-License-Identifier: LGPL-2.1-or-later
"""Variable stores of guests that were killed while their firmware wrote."""

import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from lib import descriptors, paths
from lib.shell import boot
from lib.vms import VMs, memfd

DEBIAN = "/usr/share/qemu/firmware"
# of the killed QEMUs; more by hand
KILLS = int(os.environ.get("VMFIRMWARE_KILLS", "8"))
BOOTS = int(os.environ.get("VMFIRMWARE_BOOTS", "1"))
FAILED = paths.REPOSITORY / "build" / "failed-stores"
OURS = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def vms(service):
    return VMs(service.start_with_qemu(search_path=[DEBIAN]))


# What the guest writes for ever. Its store is full after some rounds: then the firmware reclaims it,
# by a fault-tolerant write.
def writing(n=40):
    pad = "x" * 900
    return [":again",
            *(f"setvar V{i} -guid {OURS} -bs -rt -nv =S\"{i}{pad}\"" for i in range(n)),
            *(f"setvar V{i} -guid {OURS} -bs -rt -nv =S\"{i}-{pad}\"" for i in range(n)),
            "echo round-is-done", "goto again"]


def stopped_copies(process, path, n):
    """What a QEMU that is killed leaves: copies of its file, while it is stopped."""
    chance = random.Random(os.environ.get("VMFIRMWARE_SEED"))
    for _ in range(n):
        signal.sigtimedwait([], chance.uniform(0.01, 0.4))
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        yield Path(path).read_bytes()
        process.send_signal(signal.SIGCONT)


def check_report(vms, state):
    """No variable is missing or half written. Returns the health."""
    report = vms.read_variables(memfd(state), list=True)
    assert report["health"] in ("ok", "pending", "torn"), report["health-detail"]
    ours = {one["name"]: one["size"] for one in report["list"] if one["guid"] == OURS}
    assert set(ours) == {f"V{i}" for i in range(40)}
    for name, size in ours.items():
        assert size - len(name[1:]) in (900, 901), name
    return report["health"]


def check_boot(service, vms, state):
    """PrepareVM leaves a store from which the firmware starts, with the variables as they were read."""
    vm = vms.at("vm")
    vm.import_nvram(memfd(state), format="raw")
    expected = {(one["guid"], one["name"]): vm.get_variable(one["guid"], one["name"])
                for one in vm.read_variables(list=True)["list"]}
    with boot(service, vms, "vm", ["dmpstore -all"]) as shell:
        shell.finish()
        told = shell.dumped()
    assert expected.keys() <= told.keys()
    for key, value in expected.items():
        assert told[key] == value or key[0] != OURS, key


def check_all(states, check):
    """{index: what the check returns}; the states that fail are kept."""
    found, failures = {}, []
    for i, state in states.items():
        try:
            found[i] = check(state)
        except AssertionError as error:
            FAILED.mkdir(exist_ok=True)
            (FAILED / f"{i}.fd").write_bytes(state)
            failures.append(f"{FAILED}/{i}.fd: {error}")
    assert not failures, "\n".join(failures)
    return found


def test_killed_while_it_writes(service, vms):
    """Each state is read whole, and the firmware boots from it with the variables of the report."""
    code, template = "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"
    if not os.path.exists(code):
        code, template = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
    service.vendor.write("50-ovmf", descriptors.flash(code, template))
    vms = VMs(service.restart(path=os.environ["PATH"]))
    with boot(service, vms, "vm", writing()) as shell:
        shell.until("round-is-done")
        states = dict(enumerate(stopped_copies(shell.qemu.process, vms.at("vm").nvram(), KILLS)))
        shell.qemu.process.kill()
        shell.qemu.process.wait(60)
    health = check_all(states, lambda state: check_report(vms, state))
    print(f"{KILLS} states: {Counter(health.values())}")
    # those that are not sound first
    order = sorted(states, key=lambda i: health[i] == "ok")[:BOOTS]
    check_all({i: states[i] for i in order}, lambda state: check_boot(service, vms, state))
