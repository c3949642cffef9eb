# SPDX-License-Identifier: LGPL-2.1-or-later
"""`systemctl --user`, and the session bus that starts the service."""

import pytest

from lib import wait
from lib.client import NAME
from lib.qemu import canonical

STATE = "/home/dave/.local/state/vmfirmwared"


@pytest.fixture(scope="module")
def dave(machine):
    """On the session bus, of a user who keeps nothing with the system's service."""
    agent = machine.agent("dave", bus="session")
    agent.run("""
import json, subprocess
def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=60).stdout.strip()
def show(name):
    return run('systemctl', '--user', 'show', '--property', name, '--value', 'vmfirmwared.service')
def names():
    called = run('busctl', '--user', '--json=short', 'call', NAME, MANAGER_PATH, MANAGER,
                 'ListFirmware')
    return [name for name, _, _ in json.loads(called)['data'][0]]
""")
    yield agent
    agent.run("run('systemctl', '--user', 'stop', 'vmfirmwared.service')")


def test_the_first_call_starts_it(machine, dave):
    assert dave.run("print(show('ActiveState'))") == ["inactive"]
    assert dave.run("print('40-edk2-x86_64-secure-enrolled' in names(), show('ActiveState'))") == [
        "True active"]
    pid = int(dave.run("print(show('MainPID'))")[0])
    status = machine.path(f"/proc/{pid}/status").read_text(encoding="ascii")
    assert "NoNewPrivs:\t1" in status and "CapEff:\t0000000000000000" in status
    assert machine.output("ps", "-o", "user=,args=", "-p", pid).split() == [
        "dave", "/usr/libexec/vmfirmwared", "--user"]


def test_it_keeps_the_users_vms(dave, uids):
    """In the sandbox of the user's manager: QEMU, qemu-img and the user's own directories."""
    assert dave.run("""
names()
resolution = vms.prepare('vm', nvram_format='qcow2', lease=True)
print(resolution['machine'], resolution['nvram']['filename'])
""") == [f"{canonical('x86_64', 'q35')} {STATE}/vms/{uids.dave}/vm/nvram.qcow2"]
    dave.run("run('systemctl', '--user', 'kill', '--signal=KILL', 'vmfirmwared')")
    wait.until(lambda: dave.run("print(show('NRestarts'), show('ActiveState'))") == ["1 active"],
               "it is started again")
    assert dave.run("""
vm = vms.at('vm', os.getuid())
print(vm.get('InUse'))
os.close(resolution['lease'])
vm.reset()
print(len(vm.export(backup=True)) > 0)
vm.remove()
""") == ["True", "True"]


def test_reload_returns_when_the_new_catalog_is_in_force(dave):
    assert dave.run("""
names()
os.makedirs('/home/dave/.config/qemu/firmware')
os.symlink('/usr/share/qemu/firmware/40-edk2-x86_64-secure-enrolled.json',
           '/home/dave/.config/qemu/firmware/00-mine.json')
print(run('systemctl', '--user', 'reload', 'vmfirmwared.service'), names()[0])
""") == [" 00-mine"]


def test_the_system_service_is_another(machine, dave, started):
    dave.run("names()")
    assert NAME in machine.output("busctl", "list", "--no-legend")
    assert dave.run("print(client.manager_property('StateDirectory'))") == [STATE]
