# SPDX-License-Identifier: LGPL-2.1-or-later
"""What systemd wants of a service while it runs: its signals, its watchdog, its log."""

import signal

import pytest

from lib import wait
from lib.checks import is_denied_by_bus
from lib.machine import UNIT

DESCRIPTOR = "/etc/qemu/firmware/00-new.json"


@pytest.fixture
def new_descriptor(started):
    started.shell("mkdir -p /etc/qemu/firmware")
    yield lambda: started.shell(
        f"cp /usr/share/qemu/firmware/40-edk2-x86_64-secure-enrolled.json {DESCRIPTOR}")
    started.shell(f"rm -f {DESCRIPTOR}")


def test_sighup_reloads(started, agents, new_descriptor):
    pid = started.main_pid()
    new_descriptor()
    started.kill(UNIT, signal.SIGHUP)
    wait.until(lambda: agents.root.run("print(client.names()[0])") == ["00-new"], "it is read")
    assert started.main_pid() == pid


def test_a_service_that_hangs_is_started_again(stopped):
    drop_in = stopped.path(f"/run/systemd/system/{UNIT}.d")
    drop_in.mkdir(parents=True)
    try:
        (drop_in / "watchdog.conf").write_text("[Service]\nWatchdogSec=5s\n", encoding="ascii")
        stopped.shell(f"systemctl daemon-reload; systemctl start {UNIT}")
        first = stopped.show("WatchdogTimestampMonotonic")
        wait.until(lambda: stopped.show("WatchdogTimestampMonotonic") != first, "it is fed")
        assert stopped.show("NRestarts") == "0"
        stopped.kill(UNIT, signal.SIGSTOP)
        wait.until(lambda: stopped.show("NRestarts") == "1" and
                   stopped.show("ActiveState") == "active", "it is started again")
    finally:
        (drop_in / "watchdog.conf").unlink()
        drop_in.rmdir()
        stopped.run("systemctl", "daemon-reload")


def test_log_level_is_roots_to_set(started, agents):
    assert started.output("systemctl", "service-log-level", UNIT) == "info"
    started.run("systemctl", "service-log-level", UNIT, "debug")
    assert started.output("systemctl", "service-log-level", UNIT) == "debug"
    assert is_denied_by_bus(agents.active.run("""
client.call('/org/freedesktop/LogControl1', 'org.freedesktop.DBus.Properties', 'Set', GLib.Variant(
    '(ssv)', ('org.freedesktop.LogControl1', 'LogLevel', GLib.Variant('s', 'err'))))
"""))
