# SPDX-License-Identifier: LGPL-2.1-or-later
"""GetStats counts calls, refusals and jobs."""

import pytest
from gi.repository import GLib

from lib.checks import raises
from lib.client import INVALID_ARGS, MANAGER, MANAGER_PATH, STATS
from lib.vms import OTHER, VMs, run_as


def stats(client):
    return client.call(MANAGER_PATH, STATS, "GetStats", None, "(a{sv})").unpack()[0]


def test_numbers(service):
    service.ovmf()
    client = service.start()
    first = stats(client)
    assert first == {"calls": first["calls"], "refused": 0, "unfinished": 0, "jobs": 0,
                     "jobs-running": 0, "jobs-stalled": 0}
    client.ping()
    VMs(client).make("x")
    with raises(INVALID_ARGS, "argument 1 has more than 4095 bytes"):
        client.call(MANAGER_PATH, MANAGER, "GetFirmware", GLib.Variant("(s)", ("x" * 5000,)), None)
    assert stats(client) == {**first, "calls": first["calls"] + 3, "refused": 1, "jobs": 1}


@pytest.fixture
def bus(own_bus):
    return own_bus


def test_any_user_may_ask(bus, service):
    service.start()
    assert run_as(OTHER, f"print(client.call('{MANAGER_PATH}', '{STATS}', 'GetStats', None,"
                         " '(a{sv})').unpack()[0]['refused'])", bus) == ["0"]
