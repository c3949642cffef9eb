# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine with a systemd of its own: this one's root below an overlay, booted in a container."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from . import paths

# In a mount namespace of its own, so that all of it is gone with the container. It looks at nothing
# of this machine that could change: no timers, no network, for which Cockpit's motd would wait; and
# Prometheus would take Cockpit's port. $3: the files of another such machine that differ from this
# machine's, for a twin of it. After $3: cgroups.
BOOT = """
set -eu
directory=$1 name=$2 files=$3
shift 3
for cgroup; do echo $$ >"$cgroup/cgroup.procs"; done
mount -t tmpfs -o mode=755 tmpfs "$directory"
cd "$directory"
mkdir work root
if [ "$files" ]; then
    cp -a "$files" upper
else
    mkdir upper
fi
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
# without an index of manual pages, which takes longer than all else that dpkg does
[ "$files" ] || rm -f root/usr/sbin/policy-rc.d root/etc/machine-id root/var/lib/man-db/auto-update
exec systemd-nspawn --quiet --directory="$directory/root" --register=no --keep-unit \
    --private-network --machine="$name" --console=pipe --boot \
    systemd.unit=multi-user.target systemd.mask=timers.target systemd.mask=getty.target \
    systemd.mask=postgresql.service systemd.mask=systemd-timesyncd.service \
    systemd.mask=prometheus.service systemd.mask=cockpit-motd.service systemd.mask=cockpit-issue.service
"""
LIBRARY = "/usr/local/lib/vmfirmware-tests"
STATE = "/var/lib/vmfirmwared"
UNIT = "vmfirmwared.service"
SECONDS = 120
CLONE_NEWNET = 0x40000000
# of those who have one
PASSWORD = "secret"


def make_cgroups(name):
    """For one machine: systemd would end the processes of another that has units of the same names."""
    made = []
    for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
        _, kind, path = line.split(":", 2)
        for mount in {"": ("unified", ""), "name=systemd": ("systemd",)}.get(kind, ()):
            parent = Path("/sys/fs/cgroup", mount, path.lstrip("/"))
            if (parent / "cgroup.procs").exists():
                made.append(parent / name)
                made[-1].mkdir()
                break
    return made


def enter_network(namespace):
    """As setns(2) does; Python has it from version 3.12 on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(namespace.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Machine:
    """TWIN: another machine, whose files this one has, too."""

    def __init__(self, name="vmfirmware-test", twin=None):
        self.directory = tempfile.mkdtemp(prefix="vmfirmware-machine-")
        self.cgroups = make_cgroups(os.path.basename(self.directory))
        self.agents = []
        self.leader = None
        self.console = open(f"{self.directory}.log", "wb")
        self.container = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private",
             "sh", "-c", BOOT, "boot", self.directory, name, twin.files if twin else "",
             *self.cgroups],
            stdin=subprocess.DEVNULL, stdout=self.console, stderr=self.console)
        try:
            self.leader = self.wait_for(self.find_leader, "the container runs")
            self.wait_for(lambda: self.run("systemctl", "is-system-running", "--wait",
                                           check=False).stdout.strip() in ("running", "degraded"),
                          "systemd has booted")
            if not twin:
                self.install_library()
        except BaseException:
            self.close()
            raise

    def wait_for(self, condition, what, seconds=SECONDS):
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if self.container.poll() is not None or time.monotonic() > deadline:
                self.console.flush()
                log = Path(self.console.name).read_text(encoding="utf-8", errors="replace")
                raise AssertionError(f"not within {seconds} s: {what}\n{log[-4000:]}")
            time.sleep(0.05)
        return value

    def find_leader(self):
        try:
            children = Path(f"/proc/{self.container.pid}/task/{self.container.pid}/children")
            for child in children.read_text(encoding="ascii").split():
                status = Path(f"/proc/{child}/status").read_text(encoding="ascii")
                if "\t1\n" in next(line + "\n" for line in status.splitlines()
                                   if line.startswith("NSpid:")) and self.is_up(child):
                    return int(child)
        except (FileNotFoundError, ProcessLookupError):
            pass
        return None

    @property
    def files(self):
        """Those that differ from this machine's."""
        return f"/proc/{self.container.pid}/root{self.directory}/upper"

    @staticmethod
    def is_up(leader):
        return os.path.exists(f"/proc/{leader}/root/run/systemd/private")

    def path(self, name):
        """Where a file of the machine's is seen from here."""
        return Path(f"/proc/{self.leader}/root{name}")

    def install_library(self):
        shutil.copytree(paths.REPOSITORY / "tests" / "lib", self.path(LIBRARY) / "lib")
        # for users, whatever the umask of this checkout is
        self.run("chmod", "-R", "a+rX", LIBRARY)

    def install(self, deb):
        """What dpkg says."""
        shutil.copy(deb, self.path("/root/vmfirmwared.deb"))
        done = self.run("dpkg", "--install", "/root/vmfirmwared.deb")
        return done.stdout + done.stderr

    def command(self, *words):
        return ["nsenter", f"--target={self.leader}", "--mount", "--uts", "--ipc", "--net", "--pid",
                "--", "env", "-i",
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
                "HOME=/root", "DEBIAN_FRONTEND=noninteractive",
                *(str(word) for word in words)]

    def run(self, *words, check=True, text=None, seconds=SECONDS):
        """A command as root, without a session."""
        done = subprocess.run(self.command(*words), input=text, capture_output=True, text=True,
                              timeout=seconds, check=False, cwd="/",
                              stdin=subprocess.DEVNULL if text is None else None)
        if check and done.returncode:
            raise AssertionError(
                f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def output(self, *words, **options):
        return self.run(*words, **options).stdout.strip()

    def shell(self, script, **options):
        return self.output("sh", "-euc", script, **options)

    def show(self, unit_property, unit=UNIT):
        return self.output("systemctl", "show", "--property", unit_property, "--value", unit)

    @contextlib.contextmanager
    def network(self):
        """This thread, and what it starts, is in the machine's network: its localhost is the machine's."""
        with open("/proc/thread-self/ns/net", "rb") as own, \
                open(f"/proc/{self.leader}/ns/net", "rb") as machines:
            enter_network(machines)
            try:
                yield
            finally:
                enter_network(own)

    def main_pid(self, unit=UNIT):
        return int(self.show("MainPID", unit))

    def kill(self, unit, number=signal.SIGKILL):
        self.run("systemctl", "kill", "--kill-who=main", f"--signal={int(number)}", unit)

    def agent(self, user="root", **options):
        made = Agent(self, user, **options)
        self.agents.append(made)
        return made

    def journal(self, unit=UNIT):
        return self.output("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")

    def close(self):
        for agent in self.agents:
            agent.close()
        # at once: nothing of it is wanted any more
        if self.leader:
            self.run("systemctl", "poweroff", "--force", "--force", check=False)
        try:
            self.container.wait(5)
        except subprocess.TimeoutExpired:
            self.container.kill()
            self.container.wait()
        self.console.close()
        os.unlink(self.console.name)
        os.rmdir(self.directory)
        # a process that is not quite gone keeps an empty one, which does no harm
        for cgroup in self.cgroups:
            for directory, _, _ in os.walk(cgroup, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)


class Agent:
    """A Python that runs as a user of the machine, and runs what it is told; see `agent.py`.

    Without a seat it has no session, as a service has none; with one, its session is active until
    another begins on that seat.
    """

    def __init__(self, machine, user, *, seat=None, ssh=False, bus="system"):
        self.machine = machine
        options = [f"--property=User={user}"]
        if seat or ssh or bus == "session":
            options.append("--property=PAMName=runuser-l")
        if seat:
            options.append(f"--setenv=XDG_SEAT={seat}")
        self.stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            machine.command("systemd-run", "--quiet", "--pipe", "--wait", "--collect",
                            f"--setenv=PYTHONPATH={LIBRARY}", "--setenv=PYTHONDONTWRITEBYTECODE=1",
                            *options, "--", "/usr/bin/python3", "-m", "lib.agent", bus),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr, text=True, cwd="/")
        self.waiting = 0
        self.session = self.run("print(os.environ.get('XDG_SESSION_ID', ''))")[0]

    def start(self, program):
        self.process.stdin.write(json.dumps(program) + "\n")
        self.process.stdin.flush()
        self.waiting += 1
        return self

    def finish(self):
        """What the oldest program that was started has printed, line by line."""
        line = self.process.stdout.readline()
        self.waiting -= 1
        if not line:
            self.stderr.seek(0)
            raise AssertionError(f"the agent is gone:\n{self.stderr.read().decode()}")
        answer = json.loads(line)
        assert answer["exception"] is None, answer["exception"]
        return answer["lines"]

    def run(self, program):
        """A D-Bus error ends it: its name and its text are the last two lines."""
        return self.start(program).finish()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.stderr.close()
