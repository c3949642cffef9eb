# SPDX-License-Identifier: LGPL-2.1-or-later
"""A user without any right calls each method as fast as the bus takes it: others are served."""

import pytest

from lib.attacker import OBJECTS, known_methods
from lib.client import MANAGER_PATH
from lib.machine import UNIT
from lib.vms import VM, vm_path

HIGHEST_KIB = 96 * 1024

START = """
import types
from lib.flood import Flood, body
bus = types.SimpleNamespace(address="unix:path=/run/dbus/system_bus_socket")
floods = [Flood(bus, None, *call, body(signatures, {string}), fds={fds}, seconds=600)
          for *call, signatures in {calls}]
"""
STOP = """
print([flood.process.poll() for flood in floods])
for flood in floods:
    flood.kill()
"""
# After five seconds. On a busy machine an answer may take longer, and the bus itself refuses calls
# while its queue for the service is full; the next call may fare better. dbus-broker lets each call
# wait behind all that it has queued before, up to 170 MiB: there, only that it is answered.
SELECT = """
import contextlib, time
time.sleep(5)
end = time.monotonic() + 60
while True:
    began = time.monotonic()
    with contextlib.suppress(DBusError):
        name = client.select_name('x86_64', 'q35')
        if {is_broker} or time.monotonic() - began < 1:
            break
    assert began < end, 'no answer within a second'
    time.sleep(0.1)
print(name)
"""


def rounds(owner, at_once):
    """In each, some calls for as many senders."""
    calls = [(vm_path("vm", owner) if interface == VM else OBJECTS.get(interface, MANAGER_PATH),
              interface, method.name, [argument.signature for argument in method.in_args])
             for interface, method in known_methods()]
    return [calls[first:first + at_once] for first in range(0, len(calls), at_once)]


# More senders of long strings fill the bus's queue for any service faster than a busy machine lets
# that service read it.
@pytest.mark.parametrize("string, fds, at_once", [
    ("'x'", 0, 6), ("'x'", 1, 6), ("'x' * 1024 * 1024", 0, 2)], ids=["small", "descriptor", "long"])
def test_each_method_at_full_speed(started, agents, uids, string, fds, at_once):
    agents.root.run(f"vms.make('vm', owner={uids.alice})")
    pid = started.main_pid()
    is_broker = "broker" in started.run("systemctl", "show", "-P", "Id", "dbus.service").stdout
    for calls in rounds(uids.alice, at_once):
        agents.alone.run(START.format(string=string, fds=fds, calls=calls))
        try:
            name, = agents.active.run(SELECT.format(is_broker=is_broker))
        finally:
            ended, = agents.alone.run(STOP)
        assert name
        assert ended == str([None] * len(calls)), "a sender has ended"
    assert started.main_pid() == pid
    status = started.path(f"/proc/{pid}/status").read_text(encoding="ascii")
    highest = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert highest < HIGHEST_KIB
    # what the bus still has of the senders' calls starts it again
    started.wait_for(lambda: started.run("systemctl", "stop", UNIT, check=False).returncode == 0,
                     "it can be stopped")
