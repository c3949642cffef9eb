# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the service manager is told, by sd_notify(3), and what SIGHUP does."""

import os
import signal
import socket
import threading

import pytest

from lib import bus as buses
from lib import wait
from lib.client import NAME
from lib.daemon import Daemon


class Manager:
    """The end of NOTIFY_SOCKET that a service manager has. It always reads: ten unread messages
    would make the eleventh wait."""

    def __init__(self, directory):
        self.path = str(directory / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        # as systemd's is
        os.chmod(self.path, 0o777)
        self.told = []
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while text := self.socket.recv(4096).decode():
            self.told.append(dict(line.split("=", 1) for line in text.splitlines()))

    def receive(self):
        """All that has been told so far: one dictionary a message."""
        return list(self.told)

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self.path)
        self.thread.join()
        self.socket.close()

    def wait(self, *told):
        """Until these, and no others but watchdog's, are all that was told; forgets them."""
        wait.until(lambda: len(self.without_watchdog()) >= len(told), f"the messages {told}")
        assert [list(message) for message in self.without_watchdog()] == [list(m) for m in told]
        messages, self.told = self.without_watchdog(), []
        return messages

    def without_watchdog(self):
        return [message for message in self.receive() if message != {"WATCHDOG": "1"}]

    def watchdogs(self):
        return [message for message in self.receive() if message == {"WATCHDOG": "1"}]


@pytest.fixture
def manager(tmp_path):
    made = Manager(tmp_path)
    yield made
    made.close()


def start(service, manager, **variables):
    return service.start(environment={"NOTIFY_SOCKET": manager.path, **variables})


def hang_up(service):
    service.daemon.process.send_signal(signal.SIGHUP)


def test_ready_when_the_name_is_there(bus, service, manager):
    service.add("x")
    start(service, manager)
    manager.wait({"READY": "1"})


def test_stopping(service, manager):
    start(service, manager)
    manager.wait({"READY": "1"})
    service.daemons.clear()
    service.daemon.stop()
    manager.wait({"STOPPING": "1"})


def test_never_ready_without_the_name(bus, service, manager, tmp_path):
    service.start()
    (tmp_path / "other").mkdir()
    second = Daemon(bus, str(tmp_path / "other"), search_path=[service.vendor],
                    environment={"NOTIFY_SOCKET": manager.path})
    try:
        assert second.wait_exit() != 0
    finally:
        second.kill()
    manager.wait({"STOPPING": "1"})


def test_hangup_reloads_and_is_told(service, manager):
    service.add("x")
    client = start(service, manager)
    manager.wait({"READY": "1"})
    service.add("y")
    hang_up(service)
    reloading, ready = manager.wait({"RELOADING": "1", "MONOTONIC_USEC": ""}, {"READY": "1"})
    assert client.names() == ["x", "y"], "READY means that the new catalog is in force"
    assert (reloading["RELOADING"], ready["READY"]) == ("1", "1")
    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert client.generation() == 2


def test_hangup_that_changes_nothing(service, manager):
    service.add("x")
    client = start(service, manager)
    manager.wait({"READY": "1"})
    hang_up(service)
    manager.wait({"RELOADING": "1", "MONOTONIC_USEC": ""}, {"READY": "1"})
    assert client.generation() == 1


def test_many_hangups_end_ready(service, manager):
    service.add("x")
    client = start(service, manager)
    for index in range(50):
        service.add(f"y{index}")
        hang_up(service)
    client.reload()
    hang_up(service)
    wait.until(lambda: manager.receive()[-1] == {"READY": "1"} and len(manager.told) > 2,
               "ready again")
    told = manager.receive()
    reloading = sum("RELOADING" in message for message in told)
    ready = sum("READY" in message for message in told) - 1
    assert 1 <= ready <= reloading
    assert len(client.names()) == 51


def test_hangup_without_a_service_manager(service):
    service.add("x")
    client = service.start()
    service.add("y")
    hang_up(service)
    wait.until(lambda: client.names() == ["x", "y"], "the catalog follows")


def test_hangup_at_the_start_does_not_end_it(bus, service, manager, tmp_path):
    """Sent as soon as it may be: when the service listens, which is before it has its name."""
    for index in range(300):
        service.add(f"{index:03}")
    daemon = Daemon(bus, str(tmp_path), search_path=[service.vendor],
                    environment={"NOTIFY_SOCKET": manager.path})
    try:
        wait.until(lambda: is_caught(daemon, signal.SIGHUP), "the signal is blocked")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_ready()
        first, *_ = wait.until(manager.receive, "ready")
        assert first == {"READY": "1"}, "nothing is told of a reload before"
        daemon.stop()
    finally:
        daemon.kill()


def is_caught(daemon, number):
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
        blocked = next(line for line in file if line.startswith("SigBlk:")).split()[1]
    return int(blocked, 16) >> (number - 1) & 1


@pytest.mark.parametrize("pid", ["own", "none"])
def test_watchdog_is_fed(service, manager, pid):
    """By a program that does nothing else: an idle loop wakes up for it."""
    wrapper = service.directory / "watched"
    own = "WATCHDOG_PID=$$ " if pid == "own" else ""
    wrapper.write_text(f'#!/bin/sh\n{own}exec "$VMFIRMWARED" "$@"\n')
    wrapper.chmod(0o755)
    service.start(binary=str(wrapper), path=os.environ["PATH"], environment={
        "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"})
    wait.until(lambda: len(manager.watchdogs()) >= 3, "the watchdog is fed three times")


def test_watchdog_of_another_process_is_not_fed(service, manager):
    client = start(service, manager, WATCHDOG_USEC="1000", WATCHDOG_PID="1")
    for _ in range(100):
        client.reload()
    assert manager.watchdogs() == []


def test_notify_socket_that_is_gone_does_not_hurt(bus, service, tmp_path):
    service.add("x")
    client = service.start(environment={"NOTIFY_SOCKET": str(tmp_path / "none"),
                                        "WATCHDOG_USEC": "1000000"})
    assert buses.has_owner(bus.connect(), NAME)
    assert client.names() == ["x"]
