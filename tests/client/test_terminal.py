# SPDX-License-Identifier: LGPL-2.1-or-later
"""At a terminal: colour, the pager, what goes on, and polkit's question."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import termios

import pytest

from lib import paths, wait
from lib.bus import PrivateBus, has_owner
from lib.cli import FAILURE, Cli
from lib.vms import OWNER, VMs


class Terminal:
    """The client on a terminal of its own; what it writes there is in `text`."""

    def __init__(self, cli, *words, environment=None, **options):
        self.master, slave = pty.openpty()
        self.text = ""
        self.process = cli.start(
            *words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            environment={"TERM": "xterm", **(environment or {})}, **options)
        os.close(slave)

    def read(self, seconds=0.0):
        """False: everybody has left the terminal."""
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.text += data.decode(errors="replace")
        return bool(data)

    def until(self, pattern):
        def seen():
            self.read()
            return re.search(pattern, self.text)

        return wait.until(seen, f"{pattern} on the terminal", 60)

    def end(self):
        """(status, all text)"""
        while self.read(60.0):
            pass
        os.close(self.master)
        return self.process.wait(60), self.text.replace("\r\n", "\n")


NO_PAGER = {"SYSTEMD_PAGER": ""}


@pytest.fixture
def vms(service):
    service.ovmf("50-ovmf")
    service.vendor.write("60-broken", "{")
    return VMs(service.start())


def test_colour_on_a_terminal_alone(vms, cli):
    status, text = Terminal(cli, "list", environment=NO_PAGER).end()
    assert status == 0
    assert re.search(r"\x1b\[32musable *\x1b\[0?m", text)
    assert re.search(r"\x1b\[31minvalid *\x1b\[0?m", text)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert plain == cli("list")
    for words, environment in ((["list"], {"NO_COLOR": "1"}), (["list"], {"TERM": "dumb"}),
                               (["list", "--json=short"], {})):
        assert "\x1b" not in Terminal(cli, *words, environment={**NO_PAGER, **environment}).end()[1]
    assert "\x1b[32m" in Terminal(cli, "list", environment={**NO_PAGER, "NO_COLOR": ""}).end()[1]


def test_variables_steer_no_terminal(service, cli):
    service.ovmf("50-ovmf", description="\x1b[31mred")
    service.start()
    words = ["prepare", "a", "x86_64", "q35", "--render=shell"]
    assert "\nDESCRIPTION='\x1b[31mred'\n" in cli(*words)
    text = Terminal(cli, *words).end()[1]
    assert "\nDESCRIPTION='\\x1b[31mred'\n" in text and "\x1b" not in text


def test_paged_variables_steer_no_terminal(service, cli):
    service.ovmf("50-ovmf", description="\x1b[31mred")
    service.start()
    text = Terminal(cli, "select", "x86_64", "q35", "--render=shell", environment={
        "SYSTEMD_PAGER": "sed p"}).end()[1]
    assert "\nDESCRIPTION='\\x1b[31mred'\n" in text and "\x1b" not in text


def test_pager(service, vms, cli):
    """What pages here is a program that numbers the lines, and prints nothing else of them."""
    numbered = {"NO_COLOR": "1", "SYSTEMD_PAGER": "sed -n =", "PAGER": "false"}
    for environment in (numbered, {"NO_COLOR": "1", "PAGER": "sed -n ="}):
        status, text = Terminal(cli, "list", environment=environment).end()
        assert (status, text.split()) == (0, ["1", "2", "3", "4", "5"])
    for words, environment in ((["list", "--no-pager"], {}), (["list"], NO_PAGER),
                               (["list"], {"SYSTEMD_PAGER": "cat"}), (["list"], {"TERM": "dumb"}),
                               # secure: less alone would do, and there is none
                               (["list"], {"SYSTEMD_PAGERSECURE": "1",
                                           "PATH": str(service.no_programs)})):
        _, text = Terminal(cli, *words, environment={**numbered, **environment}).end()
        assert text == cli("list")
    assert Terminal(cli, "reload", "--json=short", environment=numbered).end()[1].startswith("{")


def test_less_and_a_pager_that_leaves_early(vms, cli):
    assert shutil.which("less")
    status, text = Terminal(cli, "list", environment={"NO_COLOR": "1"}).end()
    assert status == 0 and "50-ovmf" in text
    assert Terminal(cli, "list", environment={"PAGER": "true"}).end()[0] == 0
    # a pager that is not there is no reason to say nothing
    status, text = Terminal(cli, "list", environment={
        "NO_COLOR": "1", "PAGER": "/nonexistent", "PATH": "/nonexistent"}).end()
    assert status == 0 and text == cli("list")


def test_output_that_cannot_be_written_is_a_failure(vms, cli):
    with open("/dev/full", "wb") as full:
        process = cli.start("list", stdout=full)
        errors = process.communicate(timeout=60)[1].decode()
    assert process.returncode == FAILURE
    assert errors == "vmfirmwarectl: list: standard output: No space left on device\n"


def test_long_work_shows_that_it_goes_on(service, vms, cli):
    """On a terminal, and only there; afterwards the line is empty again."""
    service.daemon.process.send_signal(signal.SIGSTOP)
    try:
        terminal = Terminal(cli, "prepare", "a", "x86_64", "q35", "--json=short",
                            environment=NO_PAGER)
        quiet = cli.start("prepare", "b", "x86_64", "q35")
        terminal.until(r"\rvmfirmwarectl: prepare a: still working, [0-9]+ s")
    finally:
        service.daemon.process.send_signal(signal.SIGCONT)
    status, text = terminal.end()
    assert status == 0
    assert re.search(r"still working, [0-9]+ s\x1b\[K(\r[^\r]*)*\r\x1b\[K\{", text)
    assert quiet.communicate(timeout=60)[1] == b""


@pytest.fixture
def polkitd(service):
    """polkitd itself, on a bus of its own, which finds the project's actions where it looks for
    them: in a mount namespace of its own, too."""
    private_bus = PrivateBus()
    service.bus = private_bus
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c",
         'mount --bind "$0" /usr/share/polkit-1/actions && '
         "exec /usr/lib/polkit-1/polkitd --no-debug", paths.REPOSITORY / "policy"],
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": private_bus.address},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    connection = private_bus.connect()
    try:
        wait.until(lambda: has_owner(connection, "org.freedesktop.PolicyKit1"), "polkitd is up")
        yield private_bus
    finally:
        service.close()
        service.daemons.clear()
        connection.close_sync(None)
        process.terminate()
        process.wait()
        private_bus.close()


def test_polkit_asks_at_the_terminal(service, polkitd):
    """Nobody here is root's friend, so it ends with a wrong password: what matters is the question."""
    service.ovmf("50-ovmf")
    service.start()
    cli = Cli(polkitd, service.directory).for_any_uid()
    words = ["prepare", "a", "x86_64", "q35"]
    terminal = Terminal(cli, *words, user=OWNER, group=OWNER, extra_groups=[])
    terminal.until("Password: ")
    assert "AUTHENTICATING FOR org.vmfirmware1.manage-own-vms" in terminal.text
    os.write(terminal.master, b"wrong\n")
    status, text = terminal.end()
    assert status == FAILURE and text.endswith("\n")
    last = text.splitlines()[-1]
    assert "vmfirmwarectl: prepare a: " in last and "as root" in last
    # before, when nobody is asked yet, it may be
    assert "still working" not in text[text.index("AUTHENTICATING"):]

    terminal = Terminal(cli, *words, "--no-ask-password", user=OWNER, group=OWNER,
                        extra_groups=[])
    status, text = terminal.end()
    assert status == FAILURE and "Password" not in text and text.count("\n") == 1
