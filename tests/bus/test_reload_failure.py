# SPDX-License-Identifier: LGPL-2.1-or-later
"""A reload that fails keeps the old catalog, and says that it failed."""

import itertools
import os
import resource
from pathlib import Path

import pytest
from gi.repository import Gio, GLib

from lib import wait
from lib.checks import assert_all_answers
from lib.client import MANAGER, MANAGER_PATH, NAME, DBusError
from lib.config import write_config

# far longer than any test: what happens does not happen because of this one
NEVER = 3600000


class NoMoreFiles:
    """Lets the running daemon open so few files that it cannot begin a scan, or not end it."""

    def __init__(self, pid, spare=0):
        self.pid = pid
        self.spare = spare

    def __enter__(self):
        self.before = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        used = {int(number) for number in os.listdir(f"/proc/{self.pid}/fd")}
        free = (number for number in itertools.count() if number not in used)
        first_refused = next(itertools.islice(free, self.spare, None))
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (first_refused, self.before[1]))

    def __exit__(self, *_):
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, self.before)


@pytest.fixture
def client(service):
    service.add("20-b", features=["old"])
    service.add("40-d")
    return service.start(arguments=[write_config(
        service.directory, QuietMSec=NEVER, MaxQuietMSec=NEVER)])


@pytest.mark.parametrize("spare", range(2))
def test_failed_reload_keeps_the_old_catalog(service, client, spare):
    service.watch()
    generation, listed = client.generation(), client.list_firmware()
    objects = client.managed_objects()
    service.add("20-b", features=["new"])
    service.add("10-a")
    service.vendor.remove("40-d")
    with NoMoreFiles(service.daemon.process.pid, spare):
        with pytest.raises(DBusError) as failed:
            client.reload()
        assert failed.value.text
        assert client.list_firmware() == listed
        assert client.managed_objects() == objects
        assert client.generation() == generation
        assert client.select_name("x86_64", "q35", features=["old"]) == "20-b"
    assert service.signals.sync() == []
    assert_all_answers(client)


def test_reload_after_a_failed_one_publishes_what_is_there(service, client):
    service.watch()
    generation = client.generation()
    service.add("10-a")
    with NoMoreFiles(service.daemon.process.pid):
        for _ in range(3):
            with pytest.raises(DBusError):
                client.reload()
    client.reload()
    assert client.names() == ["10-a", "20-b", "40-d"]
    assert service.signals.catalog_changes() == [(generation + 1, ["10-a"], [], [])]


def test_reload_that_fails_while_another_waits_for_a_file_is_answered_alone(service, client):
    """Each is answered, and once. The first one fails as well, if its file is looked at meanwhile."""
    answers = []

    def on_answer(connection, result):
        try:
            answers.append(connection.call_finish(result))
        except GLib.Error as error:
            answers.append(error)

    def is_idle():
        tasks = f"/proc/{service.daemon.process.pid}/task"
        try:
            return not any(Path(tasks, task, "comm").read_text() == "task\n"
                           for task in os.listdir(tasks))
        except FileNotFoundError:
            return False

    service.vendor.write("10-a", "{")
    client.connection.call(
        NAME, MANAGER_PATH, MANAGER, "Reload", None, None, Gio.DBusCallFlags.NONE, 10000, None,
        on_answer)
    client.names()
    wait.until(is_idle, "the first one waits for the file")
    with NoMoreFiles(service.daemon.process.pid):
        with pytest.raises(DBusError):
            client.reload()
    wait.until(lambda: answers, "the first one is answered")
    client.reload()
    assert client.state("10-a") == "invalid"
    assert_all_answers(client)
    assert len(answers) == 1


def test_repeated_reloads_leak_no_file_descriptor(service, client):
    def open_files():
        return len(os.listdir(f"/proc/{service.daemon.process.pid}/fd"))

    client.reload()
    before = open_files()
    for index in range(50):
        service.add("50-e", features=[str(index)])
        client.reload()
    assert open_files() == before
