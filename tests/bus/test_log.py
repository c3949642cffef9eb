# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is logged, where, and who says so: standard error, a real journal, LogControl1."""

import re
import shutil
import subprocess

import pytest
from gi.repository import Gio
from test_access import NOBODY, as_uid

from lib import descriptors, paths
from lib.checks import invalid_args
from lib.client import (ACCESS_DENIED, LOG_CONTROL, LOG_CONTROL_PATH, MANAGER_PATH, NAME,
                        DBusError)
from lib.daemon import Daemon
from lib.journal import Journal
from lib.vms import VMs

LEVELS = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"]
WHERE = f"{LOG_CONTROL_PATH!r}, {LOG_CONTROL!r}"
TARGETS = ["auto", "console", "journal", "null"]
IDS = dict(re.findall(r"#define LOG_ID_(\w+) \"([0-9a-f]{32})\"", (
    paths.REPOSITORY / "daemon" / "service" / "log-ids.h").read_text(encoding="utf-8")))


def get(client, name):
    return client.property_variant(LOG_CONTROL_PATH, LOG_CONTROL, name).unpack()


def put(client, name, value):
    client.set_property(LOG_CONTROL_PATH, LOG_CONTROL, name, "s", value)


def lines(service):
    return service.daemon.stderr().splitlines()


def get_as(bus, uid, name):
    return as_uid(bus, uid, f"client.property_variant({WHERE}, {name!r}).unpack()")


def put_as(bus, uid, name, word):
    """["None"], or the error's name and text."""
    return as_uid(bus, uid, f"client.set_property({WHERE}, {name!r}, 's', {word!r})")


# -- LogControl1 --


def test_what_it_is_at_first(service):
    client = service.start()
    assert client.all_properties(LOG_CONTROL_PATH, LOG_CONTROL) == {
        "LogLevel": "info", "LogTarget": "auto", "SyslogIdentifier": "vmfirmwared"}


def test_every_level_and_target_can_be_set(service):
    client = service.start()
    for name, words in (("LogLevel", LEVELS), ("LogTarget", TARGETS)):
        for word in words:
            put(client, name, word)
            assert get(client, name) == word


@pytest.mark.parametrize("name", ["LogLevel", "LogTarget"])
@pytest.mark.parametrize("word", ["", "INFO", "7", "kmsg", "info "])
def test_another_word_is_refused(service, name, word):
    client = service.start()
    before = get(client, name)
    with invalid_args(f'"{word}"'):
        put(client, name, word)
    assert get(client, name) == before


def test_identifier_cannot_be_set(service):
    client = service.start()
    with pytest.raises(DBusError):
        put(client, "SyslogIdentifier", "x")
    assert get(client, "SyslogIdentifier") == "vmfirmwared"


@pytest.mark.parametrize("name, word", [("LogLevel", "debug"), ("LogTarget", "null")])
def test_others_read_and_do_not_write(bus, service, name, word):
    client = service.start()
    before = get(client, name)
    assert get_as(bus, NOBODY, name) == [before]
    assert put_as(bus, NOBODY, name, word)[0] == ACCESS_DENIED
    assert get(client, name) == before


# -- standard error --


def test_healthy_start_says_one_line(service):
    service.add("x")
    service.start()
    assert lines(service) == ["vmfirmwared: catalog 1 is in force: 1 firmware, 0 problems"]


def test_questions_and_reloads_without_a_change_are_not_logged(service):
    service.add("x")
    client = service.start()
    before = lines(service)
    client.select("x86_64", "q35")
    with pytest.raises(DBusError):
        client.select("x86_64", "q35", firmware="none")
    client.reload()
    assert lines(service) == before


def test_problem_is_told_once_and_by_its_file(service):
    service.add("x")
    path = service.vendor.write("10-broken", "{")
    client = service.start()
    told = [line for line in lines(service) if path in line]
    assert len(told) == 1 and " is invalid: parse-error:1:" in told[0]
    service.add("y")
    client.reload()
    assert lines(service)[-1].endswith("catalog 2 is in force: 3 firmware, 1 problem")
    assert [line for line in lines(service) if path in line] == told


def test_ten_thousand_problems_are_not_ten_thousand_lines(service):
    for index in range(300):
        service.vendor.write(f"{index:03}", "{")
    client = service.start()
    assert len(client.problems()) == 300
    assert len(lines(service)) == 66
    assert "236 more problems" in lines(service)[-1]


def test_file_name_makes_no_line_of_its_own(service):
    path = service.vendor.write("a\nvmfirmwared: all is well\x1b[2J", "{")
    client = service.start()
    assert [found for found, _ in client.problems()] == [path]
    assert len(lines(service)) == 2
    assert "\x1b" not in service.daemon.stderr()


@pytest.mark.parametrize("level, told", [("info", True), ("notice", False), ("emerg", False)])
def test_less_important_than_the_level_is_not_logged(service, level, told):
    client = service.start()
    before = lines(service)
    put(client, "LogLevel", level)
    service.add("x")
    client.reload()
    assert [line for line in lines(service) if line not in before] == (
        ["vmfirmwared: catalog 2 is in force: 1 firmware, 0 problems"] if told else [])


def test_problem_is_more_important_than_a_catalog(service):
    client = service.start()
    before = lines(service)
    put(client, "LogLevel", "warning")
    path = service.vendor.write("x", "{")
    service.vendor.write("y", descriptors.flash("/nowhere", "/nowhere"))
    client.reload()
    new = [line for line in lines(service) if line not in before]
    assert len(new) == 1 and path in new[0]


def test_null_target_is_silent(service):
    client = service.start()
    before = lines(service)
    put(client, "LogTarget", "null")
    service.add("x")
    client.reload()
    put(client, "LogTarget", "console")
    assert lines(service) == before
    service.add("y")
    client.reload()
    assert "catalog 3" in lines(service)[-1]


def test_message_for_a_journal_that_is_not_there_is_not_lost(service):
    client = service.start()
    put(client, "LogTarget", "journal")
    service.add("x")
    client.reload()
    assert "catalog 2" in lines(service)[-1]


def test_calls_and_refusals_are_for_debug(service):
    client = service.start()
    sender = client.connection.get_unique_name()
    put(client, "LogLevel", "debug")
    before = lines(service)
    with pytest.raises(DBusError):
        client.get_firmware("none")
    new = [line for line in lines(service) if line not in before]
    assert new == [
        f"vmfirmwared: {sender} calls org.vmfirmware1.Manager.GetFirmware of /org/vmfirmware1",
        'vmfirmwared: answered with org.vmfirmware1.NoSuchFirmware: no firmware has the name "none"']


def test_call_without_an_interface_is_logged(service):
    client = service.start()
    put(client, "LogLevel", "debug")
    message = Gio.DBusMessage.new_method_call(NAME, MANAGER_PATH, None, "ListFirmware")
    client.connection.send_message_with_reply_sync(
        message, Gio.DBusSendMessageFlags.NONE, 60000, None)
    assert lines(service)[-1].endswith(" calls *.ListFirmware of /org/vmfirmware1")


def test_broken_emulator_is_told_once(service):
    programs = service.directory / "programs"
    programs.mkdir()
    emulator = programs / "qemu-system-x86_64"
    emulator.write_text("#!/bin/sh\n")
    emulator.chmod(0o755)
    client = service.start(path=programs)
    assert [line for line in lines(service) if str(emulator) in line] == [
        f"vmfirmwared: {emulator} does not tell its machine types: no answer"]
    before = lines(service)
    client.reload()
    assert lines(service) == before
    # an empty one would be told, too
    with service.daemon.frozen():
        emulator.write_text("#!/bin/sh\nexit 1\n")
    client.reload()
    assert len(lines(service)) == len(before) + 1, "another file is asked and told anew"


def test_vms_are_logged(service):
    service.add("x")
    vms = VMs(service.start())
    vm = vms.make("my:vm")
    assert lines(service)[-1] == "vmfirmwared: VM my:vm of uid 0 is new, with firmware x"
    before = lines(service)
    vms.prepare("my:vm")
    assert lines(service) == before
    vm.remove()
    assert lines(service)[-1] == "vmfirmwared: VM my:vm of uid 0 is removed; its firmware was x"


# -- the journal --


@pytest.fixture(scope="module")
def journal():
    made = Journal()
    yield made
    made.close()


@pytest.fixture
def start(service, journal, tmp_path):
    def start(**options):
        wrapper = journal.wrapper(paths.daemon_binary(), tmp_path / "in-journal")
        return service.start(binary=wrapper, path="/usr/bin", **options)
    return start


def of(service, *matches):
    return (f"_PID={service.daemon.process.pid}", *matches)


def test_ids_differ():
    assert len(IDS) == len(set(IDS.values())) == 13


def test_catalog_in_the_journal(service, journal, start):
    service.add("x")
    start()
    entry = journal.wait_entry(*of(service, f"MESSAGE_ID={IDS['CATALOG_PUBLISHED']}"))
    assert entry["MESSAGE"] == "catalog 1 is in force: 1 firmware, 0 problems"
    assert (entry["VMFIRMWARE_GENERATION"], entry["PRIORITY"]) == ("1", "6")
    assert entry["SYSLOG_IDENTIFIER"] == "vmfirmwared"
    assert entry["_TRANSPORT"] == "journal"
    assert service.daemon.stderr() == ""


def test_broken_descriptors_in_the_journal(service, journal, start):
    invalid = service.vendor.write("10-broken", "{")
    unusable = service.vendor.write("20-missing", descriptors.flash("/nowhere", "/nowhere"))
    start()
    problem = f"MESSAGE_ID={IDS['FIRMWARE_PROBLEM']}"
    entry = journal.wait_entry(*of(service, problem, "VMFIRMWARE_NAME=10-broken"))
    assert (entry["VMFIRMWARE_PATH"], entry["PRIORITY"]) == (invalid, "4")
    assert "parse-error" in entry["MESSAGE"]
    entry = journal.wait_entry(*of(service, problem, "VMFIRMWARE_NAME=20-missing"))
    assert (entry["VMFIRMWARE_PATH"], entry["PRIORITY"]) == (unusable, "5")
    assert "file-missing:/nowhere" in entry["MESSAGE"]


def test_life_of_a_vm_in_the_journal(service, journal, start):
    path = service.add("x")
    service.add("y", features=["secure-boot"])
    client = start()
    vm = VMs(client).make("journal:vm", firmware="x")
    mine = of(service, "VMFIRMWARE_VM_ID=journal:vm", "VMFIRMWARE_VM_OWNER=0")

    entry = journal.wait_entry(*mine, f"MESSAGE_ID={IDS['VM_ADDED']}")
    assert (entry["VMFIRMWARE_NAME"], entry["VMFIRMWARE_PATH"]) == ("x", path)
    assert entry["PRIORITY"] == "6"

    vm.rebind(firmware="y")
    assert journal.wait_entry(*mine, f"MESSAGE_ID={IDS['VM_PINNED']}")["VMFIRMWARE_NAME"] == "y"

    for image in service.images.iterdir():
        image.unlink()
    client.reload()
    entry = journal.wait_entry(*mine, f"MESSAGE_ID={IDS['VM_FIRMWARE_GONE']}")
    assert (entry["VMFIRMWARE_NAME"], entry["PRIORITY"]) == ("y", "4")

    vm.rename("journal:new").remove()
    new = of(service, "VMFIRMWARE_VM_ID=journal:new", "VMFIRMWARE_VM_OWNER=0")
    entry = journal.wait_entry(*new, f"MESSAGE_ID={IDS['VM_RENAMED']}")
    assert entry["VMFIRMWARE_VM_OLD_ID"] == "journal:vm"
    journal.wait_entry(*new, f"MESSAGE_ID={IDS['VM_REMOVED']}")
    # a rename is nothing else
    assert journal.entries(*mine, f"MESSAGE_ID={IDS['VM_REMOVED']}") == []
    assert journal.entries(*new, f"MESSAGE_ID={IDS['VM_ADDED']}") == []


def test_vm_that_cannot_be_read_in_the_journal(service, journal, start):
    directory = service.directory / "state" / "vms" / "0" / "odd"
    directory.mkdir(parents=True, mode=0o700)
    (directory / "pin.json").write_text("{")
    start()
    entry = journal.wait_entry(*of(service, f"MESSAGE_ID={IDS['VM_UNREADABLE']}"))
    assert (entry["VMFIRMWARE_VM_ID"], entry["VMFIRMWARE_VM_OWNER"]) == ("odd", "0")


def test_failure_to_start_in_the_journal(bus, service, journal, start, tmp_path):
    service.add("x")
    start()
    (tmp_path / "other").mkdir()
    second = Daemon(bus, str(tmp_path / "other"), search_path=[service.vendor],
                    binary=str(tmp_path / "in-journal"))
    assert second.wait_exit() != 0
    entry, = journal.wait_entries(f"_PID={second.process.pid}", "PRIORITY=3")
    assert NAME in entry["MESSAGE"]
    second.connection.close_sync(None)


def test_console_keeps_the_priority_in_the_journal(service, journal, start):
    client = start()
    put(client, "LogTarget", "console")
    path = service.vendor.write("x", "{")
    client.reload()
    entry = journal.wait_entry(*of(service, "_TRANSPORT=stdout", "PRIORITY=4"))
    assert path in entry["MESSAGE"]


# -- what journalctl -x says --


def test_each_id_is_in_the_journals_catalog(tmp_path):
    """Compiled by journalctl, which refuses what is not well formed."""
    catalog = tmp_path / "usr" / "lib" / "systemd" / "catalog"
    catalog.mkdir(parents=True)
    shutil.copy(paths.data_directory() / "journal" / "vmfirmwared.catalog", catalog)

    def journalctl(*arguments):
        return subprocess.run(["journalctl", f"--root={tmp_path}", *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                              check=True).stdout

    (tmp_path / "var" / "lib" / "systemd" / "catalog").mkdir(parents=True)
    assert journalctl("--update-catalog") == ""
    listed = dict(line.split(" ", 1) for line in journalctl("--list-catalog").splitlines())
    assert set(listed) == set(IDS.values())
    for name, subject in listed.items():
        assert subject.startswith("vmfirmwared: "), name
    fields = set(re.findall(r"@(\w+)@", journalctl("--dump-catalog")))
    assert fields == {"VMFIRMWARE_GENERATION", "VMFIRMWARE_PATH", "VMFIRMWARE_NAME",
                      "VMFIRMWARE_VM_ID", "VMFIRMWARE_VM_OLD_ID", "VMFIRMWARE_VM_OWNER"}
