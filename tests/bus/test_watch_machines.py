# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine table is watched as the layers are: a board is added without a Reload."""

import os
import shutil

import pytest
from test_machine_table import board, firmware

from lib import paths, wait
from lib.checks import raises
from lib.client import NO_MATCH
from lib.idle import until_idle


@pytest.fixture
def live(service, start_live):
    """A machine table with an administrator's directory, which is not there."""
    firmware(service)
    service.table = service.directory / "etc" / "machines"
    return start_live(machines=[paths.machines_directory(), service.table])


def answer(live, machine="new-board"):
    return live.client.select("x86_64", machine)["flash"][0]["name"]


def write(live, text):
    """Whole at once: a file that is still empty is another change."""
    with live.frozen():
        (live.service.table / "60-new.conf").write_text(text)


def test_board_is_added_changed_and_removed(service, live):
    with raises(NO_MATCH):
        answer(live)
    service.table.mkdir(parents=True)
    write(live, board())
    live.until_change()
    assert answer(live) == "new.flash0"
    write(live, board().replace("new.flash0", "new.first"))
    live.until_change(2)
    assert answer(live) == "new.first"
    os.unlink(service.table / "60-new.conf")
    live.until_change(3)
    with raises(NO_MATCH):
        answer(live)
    assert all(change[1:] == ([], [], []) for change in live.changes())


def test_directory_goes_and_comes(service, live):
    for number in (1, 3):
        service.table.mkdir(parents=True)
        write(live, board())
        live.until_change(number)
        assert answer(live) == "new.flash0"
        shutil.rmtree(service.table.parent)
        live.until_change(number + 1)


def test_linked_table_file_is_watched_where_it_is(service, live):
    real = service.directory / "elsewhere.conf"
    real.write_text(board())
    service.table.mkdir(parents=True)
    os.symlink(real, service.table / "60-new.conf")
    live.until_change()
    with live.frozen():
        real.write_text(board().replace("new.flash0", "new.first"))
    wait.until(lambda: answer(live) == "new.first", "the linked file's new content")


def test_broken_table_file_is_told_and_goes(service, live):
    service.table.mkdir(parents=True)
    path = service.table / "60-new.conf"
    path.write_text("[new-board-*\n")
    wait.until(lambda: str(path) in dict(live.client.problems()), "the file is a problem")
    os.unlink(path)
    wait.until(lambda: live.client.problems() == [], "no problem is left")


def test_file_in_a_directory_that_was_there(service, live):
    """By itself: nothing else happens that the table would have to be read again for."""
    service.table.mkdir(parents=True)
    live.assert_silent()
    until_idle(live.daemon.process.pid)
    for number in (3, 5):
        write(live, board())
        live.until_change(number)
        assert answer(live) == "new.flash0"
        os.unlink(service.table / "60-new.conf")
        live.until_change(number + 1)
