# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many changes are one publication, a stream of them is published all the same."""

import os
import threading
import time

import pytest

from lib import wait
from lib.config import write_config

# far longer than any test: what happens does not happen because of this one
NEVER = 3600000


@pytest.fixture
def filled(service):
    for name in ("20-a", "50-x"):
        service.add(name)


def test_burst_is_one_change(service, filled, start_live):
    live = start_live(arguments=())
    names = [f"60-y{number:03}" for number in range(200)]
    with live.frozen():
        for name in names:
            service.add(name)
        service.vendor.remove("20-a")
        service.add("50-x", features=["new"])
    live.until(usable=["50-x", *names])
    live.signals.sync()
    assert live.changes() == [(2, names, ["20-a"], ["50-x"])]
    order = [member for _, _, member, _ in live.signals.all]
    assert order.count("InterfacesAdded") == 200
    assert order[-1] == "CatalogChanged"


def test_burst_that_takes_its_time_is_few_changes(service, filled, start_live):
    """No more than one for each quiet time, 50 ms, that it took, and one for its end."""
    live = start_live(arguments=())
    names = [f"60-y{number:03}" for number in range(200)]
    began = time.monotonic()
    for name in names:
        service.add(name)
    live.until(usable=["20-a", "50-x", *names])
    took = time.monotonic() - began
    live.signals.sync()
    assert len(live.changes()) <= took / 0.05 + 2


def test_stream_is_not_starved(service, filled, start_live):
    """The quiet time never comes, and neither does the end of the stream before the signal."""
    live = start_live(arguments=[write_config(
        service.directory, QuietMSec=500, MaxQuietMSec=600)])
    service.add("60-y")
    stop = threading.Event()

    def stream():
        path = service.vendor.path / "never-quiet.json"
        while not stop.wait(0.01):
            path.write_bytes(b"")
            os.unlink(path)

    thread = threading.Thread(target=stream)
    thread.start()
    try:
        live.until(usable=["20-a", "50-x", "60-y"])
        service.vendor.remove("60-y")
        live.until(usable=["20-a", "50-x"])
    finally:
        stop.set()
        thread.join()


def test_reload_does_not_wait_for_quiet(service, filled, start_live):
    live = start_live(arguments=[write_config(
        service.directory, QuietMSec=NEVER, MaxQuietMSec=NEVER)])
    service.add("60-y")
    live.client.reload()
    assert live.client.names() == ["20-a", "50-x", "60-y"]
    live.until(usable=["20-a", "50-x", "60-y"])
    assert len(live.changes()) == 1


def test_reload_and_watch_tell_once(service, filled, start_live):
    live = start_live()
    for number in range(10):
        service.add(f"60-y{number}")
        live.client.reload()
    live.assert_silent()
    assert len(live.changes()) == 12


def test_change_and_change_back_is_none(service, filled, start_live):
    live = start_live()
    with live.frozen():
        service.add("60-y")
        service.add("50-x", features=["new"])
        service.vendor.remove("60-y")
        service.add("50-x")
    live.assert_silent()


def test_questions_during_a_burst_see_one_whole_catalog(service, filled, start_live):
    """Two that come and go in one burst: no answer shows one of them alone."""
    live = start_live()
    seen = set()
    for number in range(10):
        with live.frozen():
            for name in ("80-x", "90-y"):
                service.add(name) if number % 2 == 0 else service.vendor.remove(name)
        while len(live.changes()) <= number:
            seen.add(tuple(live.client.names()))
            wait.drain()
    assert seen == {("20-a", "50-x"), ("20-a", "50-x", "80-x", "90-y")}


def test_change_while_a_catalog_is_built_is_seen(service, filled, start_live):
    """Changes that come at each moment of a scan: the last of them is in the catalog."""
    live = start_live()
    for number in range(200):
        service.add("50-x", features=[f"f{number}"])
        time.sleep(0.0005 * (number % 10))
        if number % 20 == 0:
            live.client.reload()
    live.until_property("50-x", "Features", ["f199"])
