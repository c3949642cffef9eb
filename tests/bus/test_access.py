# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reading is open to all; Reload is for uid 0 and the service's own uid."""

import os
import subprocess
import sys

import pytest

from lib.client import ACCESS_DENIED

NOBODY = 65534
CHILD = """
import os, sys
sys.path.insert(0, {tests!r})
from lib.bus import PrivateBus
from lib.client import Client, DBusError
# The other uid may be unable to read the sources: it is taken on after the imports.
os.setgroups([]); os.setresgid({uid}, {uid}, {uid}); os.setresuid({uid}, {uid}, {uid})
bus = PrivateBus.__new__(PrivateBus)
bus.address = {address!r}
client = Client(bus.connect())
try:
    print(eval({expression!r}))
except DBusError as error:
    print(error.name)
    print(error.text)
"""


def as_uid(bus, uid, expression):
    """Evaluate an expression over `client` in a process of another uid; returns its lines."""
    tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    program = CHILD.format(uid=uid, tests=tests, address=bus.address, expression=expression)
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True,
                          timeout=120, text=True, cwd="/")
    return done.stdout.splitlines()


@pytest.fixture
def client(service):
    service.add("x")
    return service.start_blind()


def test_reload_is_refused_to_another_uid(bus, service, client):
    service.watch()
    service.add("y")
    name, *_ = as_uid(bus, NOBODY, "client.reload()")
    assert name == ACCESS_DENIED
    assert client.names() == ["x"]
    assert service.signals.sync() == []


def test_reload_is_allowed_to_root(bus, service, client):
    service.add("y")
    assert as_uid(bus, 0, "client.reload()") == ["None"]
    assert client.names() == ["x", "y"]


@pytest.mark.parametrize("expression,answer", [
    ("client.select_name('x86_64', 'q35')", "x"),
    ("[entry[2] for entry in client.explain('x86_64', 'q35')]", "['selected']"),
    ("client.capabilities('x86_64', 'q35')['firmware']", "['x']"),
    ("client.names()", "['x']"),
    ("client.get_firmware('x')", "/org/vmfirmware1/firmware/x"),
    ("client.firmware('x')['State']", "usable"),
    ("list(client.managed_objects())", "['/org/vmfirmware1/firmware/x']"),
    ("client.problems()", "[]"),
    ("'Manager' in client.introspect('/org/vmfirmware1')", "True"),
])
def test_reading_is_open_to_all(bus, client, expression, answer):
    assert as_uid(bus, NOBODY, expression) == [answer]
