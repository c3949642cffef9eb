# SPDX-License-Identifier: LGPL-2.1-or-later
"""--ephemeral: a VM for the time of one command."""

import fcntl
import os
import signal
import subprocess

import pytest

from lib import paths, wait
from lib.cli import FAILURE, USAGE

# leaks are looked for by ptrace(2), which strace has taken
TRACED = {"ASAN_OPTIONS": "detect_leaks=0"}


class Ephemeral:
    def __init__(self, service, cli):
        self.cli = cli
        self.temporary = service.directory / "tmp"
        self.temporary.mkdir(mode=0o1777)
        cli.environment.update(TMPDIR=str(self.temporary),
                               XDG_CACHE_HOME=str(service.directory / "cache"))
        self.sources = ["--ephemeral", f"--search-path={service.vendor}",
                        f"--machines={paths.machines_directory()}"]

    def words(self, verb, *words):
        return [verb, *self.sources, "x86_64", "q35", *words]

    def left(self):
        return os.listdir(self.temporary)

    def start(self, script, **options):
        return self.cli.start(*self.words("run", "--", "sh", "-c", script, "sh"), **options)

    def start_slow(self, delay, script, **options):
        """With a delay: inject= of strace(1)."""
        command = self.cli.command(*self.words("run", "--", "sh", "-c", script, "sh"))
        return subprocess.Popen(
            ["strace", "-f", "-o", "/dev/null", "-e", f"inject={delay}", *command],
            env=self.cli.environment | TRACED, cwd=self.cli.directory, **options)


@pytest.fixture
def ephemeral(service, cli):
    service.ovmf("50-first", content=b"template")
    return Ephemeral(service, cli)


# prints the path of the NVRAM, which is the last of QEMU's arguments with a file name
NVRAM = 'for word; do case $word in *read-only=off,filename=*) echo "${word##*filename=}";; esac; done'


def test_nothing_is_left(ephemeral, cli):
    output = cli(*ephemeral.words("run", "--", "sh", "-c", NVRAM + "; ls -a ${word:+$TMPDIR/*}",
                                  "sh"))
    nvram, *files = output.splitlines()
    assert nvram.startswith(f"{ephemeral.temporary}/vmfirmwarectl-ephemeral-")
    assert sorted(files) == [".", "..", ".vmfirmwarectl", "lock", "nvram.raw", "pin.json"]
    assert ephemeral.left() == []
    answer = cli.json(*ephemeral.words("prepare"))
    assert (answer["name"], answer["nvram"]["created"]) == ("50-first", True)
    assert ephemeral.left() == []


def test_it_ends_like_the_command(ephemeral, cli):
    for script, status in [("exit 7", 7), ("kill -TERM $$", -signal.SIGTERM),
                           ("kill -KILL $$", -signal.SIGKILL)]:
        process = ephemeral.start(script)
        assert process.wait(60) == status
    assert "no such command" in cli.fails(
        FAILURE, *ephemeral.words("run", "--", "no-such-command"))
    assert ephemeral.left() == []


def test_failures_leave_nothing(ephemeral, cli):
    cli.fails(3, *ephemeral.words("prepare", "--secure-boot"))
    cli.fails(FAILURE, *ephemeral.words("run", "--create=never", "--", "true"))
    assert "exclude each other" in cli.fails(
        USAGE, *ephemeral.words("run", "--directory=d", "--", "true"))
    assert "exclude each other" in cli.fails(
        USAGE, *ephemeral.words("prepare", "--owner=0"))
    assert "does not go with vm" in cli.fails(USAGE, "vm", "--ephemeral")
    assert ephemeral.left() == []
    cli.environment["TMPDIR"] = "/nonexistent"
    assert "name another directory with TMPDIR" in cli.fails(FAILURE, *ephemeral.words("prepare"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_command(ephemeral, number):
    process = ephemeral.start(
        f"trap 'echo caught; exit 3' {number.value}; echo ready; while :; do sleep 0.05; done")
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.stdout.readline() == b"caught\n"
    assert process.wait(60) == 3
    assert ephemeral.left() == []


def test_killed(ephemeral, cli):
    """The command ends with it, and the next call sweeps; not what is in use."""
    process = ephemeral.start("echo $$; exec sleep 1000")
    command = int(process.stdout.readline())
    other = ephemeral.start("echo $$; read line", stdin=subprocess.PIPE)
    other.stdout.readline()
    process.kill()
    process.wait(60)
    wait.until(lambda: not os.path.exists(f"/proc/{command}"), "the command is gone")
    assert len(ephemeral.left()) == 2
    cli(*ephemeral.words("run", "--", "true"))
    assert len(ephemeral.left()) == 1
    other.communicate(b"\n", timeout=60)
    assert other.returncode == 0 and ephemeral.left() == []


def test_a_process_that_is_left_behind(ephemeral, service, cli):
    """It has the lease, and so the directory stays as long as it."""
    end = service.directory / "end"
    os.mkfifo(end)
    status, _, errors = cli.raw(*ephemeral.words(
        "run", "--", "sh", "-c", f"(read line <{end}) >/dev/null 2>&1 </dev/null &"))
    assert status == 0 and "has left behind uses" in errors
    place, = ephemeral.left()
    cli(*ephemeral.words("prepare"))
    assert ephemeral.left() == [place]
    end.write_text("\n")
    with open(ephemeral.temporary / place / "lock", "rb") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
    cli(*ephemeral.words("prepare"))
    assert ephemeral.left() == []


def test_what_is_not_its_own_stays(ephemeral, service, cli):
    """A link, another user's, another name; and what was half made is swept."""
    temporary = ephemeral.temporary
    kept = service.directory / "kept"
    kept.mkdir()
    (kept / "file").write_text("")
    names = [temporary / f"vmfirmwarectl-ephemeral-{n}" for n in range(3)]
    names[0].symlink_to(kept)
    names[1].mkdir()
    os.chown(names[1], 1, 1)
    names[2].mkdir(0o700)
    (names[2] / "link").symlink_to(kept)
    (names[2] / "deep").mkdir()
    (temporary / "vmfirmwarectl").mkdir()
    cli(*ephemeral.words("run", "--", "true"))
    assert sorted(ephemeral.left()) == ["vmfirmwarectl", names[0].name, names[1].name]
    assert os.listdir(kept) == ["file"]


def test_many_at_once(ephemeral):
    processes = [ephemeral.start("exit 0") for _ in range(8)]
    assert [process.wait(120) for process in processes] == [0] * 8
    assert [process.stderr.read() for process in processes] == [b""] * 8
    assert ephemeral.left() == []


def test_a_directory_that_is_being_made_is_not_swept(ephemeral):
    """The sweeper has seen it without a mark, and lists what is in it when the VM is there."""
    sweeper = ephemeral.start_slow("getdents64:delay_enter=1000000:when=1..3", "exit 0")
    maker = ephemeral.start_slow("?mkdir,mkdirat:delay_exit=1500000:when=1",
                                 f'read line; word=$({NVRAM}); test -e "$word"',
                                 stdin=subprocess.PIPE)
    assert sweeper.wait(120) == 0
    maker.communicate(b"\n", timeout=120)
    assert maker.returncode == 0
    assert ephemeral.left() == []
