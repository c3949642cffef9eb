# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service's life under systemd: started by a call, reloaded, stopped, killed, restarted."""

import json
import subprocess

import pytest

from lib import vmstate, wait
from lib.machine import STATE, UNIT
from lib.qemu import canonical
from lib.vms import IN_USE

NAME = "org.vmfirmware1"
MANAGER = ("/org/vmfirmware1", "org.vmfirmware1.Manager")


def busctl(machine, *words):
    return json.loads(machine.output("busctl", "--json=short", *words))


def names(machine):
    listed = busctl(machine, "call", NAME, *MANAGER, "ListFirmware")["data"][0]
    return [name for name, _, _ in listed]


def test_the_first_call_starts_it(stopped):
    assert stopped.show("ActiveState") == "inactive"
    assert "40-edk2-x86_64-secure-enrolled" in names(stopped)
    assert stopped.show("ActiveState") == "active"
    assert stopped.show("Type") == "notify"
    assert stopped.show("WatchdogUSec") != "0"
    status = stopped.path(f"/proc/{stopped.main_pid()}/status").read_text(encoding="ascii")
    status = dict(line.split(":\t", 1) for line in status.splitlines())
    user = int(stopped.output("id", "-u", "vmfirmwared"))
    assert {int(uid) for uid in status["Uid"].split()} == {user}
    sets = ("CapPrm", "CapBnd", "CapEff", "CapAmb")
    assert [int(status[key], 16) for key in sets] == [0b11, 0b11, 0, 0]
    assert status["NoNewPrivs"].strip() == "1"
    assert "Max open files            16384" in stopped.path(
        f"/proc/{stopped.main_pid()}/limits").read_text(encoding="ascii")


def test_what_it_runs_works_in_its_sandbox(started, agents, uids):
    """QEMU tells what q35 is, and qemu-img converts."""
    assert agents.root.run(f"""
resolution = vms.prepare('vm', nvram_format='qcow2', owner={uids.alice})
print(resolution['machine'], resolution['nvram']['format'])
vm = vms.at('vm', {uids.alice})
content = vm.export()
vm.reset()
print(vm.export(backup=True) == content)
""") == [f"{canonical('x86_64', 'q35')} qcow2", "True"]
    nvram = started.path(f"{STATE}/vms/{uids.alice}/vm/nvram.qcow2").stat()
    assert (nvram.st_mode & 0o7777, nvram.st_uid) == (0o600, uids.alice)


def test_its_sandbox_holds(started):
    """Seen from within, by its own namespaces."""
    pid = started.main_pid()
    inside = ("nsenter", f"--target={pid}", "--mount", "sh", "-c")
    for directory in ("/", "/etc", "/usr", "/home", "/home/alice", "/var/lib", "/sys", "/boot"):
        done = started.run(*inside, f"touch {directory}/vmfirmware-test", check=False)
        assert done.returncode and "Read-only file system" in done.stderr, directory
    for kind in ("net", "ipc", "mnt"):
        own, systems = (started.output("readlink", f"/proc/{each}/ns/{kind}") for each in (pid, 1))
        assert own != systems, kind


def test_its_sandbox_hides_what_it_does_not_need(started):
    pid = started.main_pid()
    inside = ("nsenter", f"--target={pid}", "--mount", "sh", "-euc")
    assert set(started.output(*inside, "ls -A /run").split()) <= {
        "dbus", "nscd", "systemd", "udev", "vmfirmwared"}
    assert set(started.output(*inside, "ls -A /run/systemd").split()) <= {
        "incoming", "inaccessible", "journal", "notify", "system", "userdb"}
    # seen by root, to whom modes say nothing
    assert started.output(*inside, "ls -A /dev/pts /dev/shm /root /etc/ssh | grep -v : || :") == ""
    assert started.output(*inside, "cat /etc/shadow /etc/gshadow") == ""
    assert started.output("cat", "/etc/shadow") != ""


def test_configuration_below_run_is_seen(stopped):
    stopped.shell("mkdir /run/vmfirmwared/vmfirmwared.conf.d; printf '[Log]\nLogLevel=debug\n' "
                  ">/run/vmfirmwared/vmfirmwared.conf.d/test.conf")
    try:
        stopped.run("systemctl", "start", UNIT)
        level = busctl(stopped, "get-property", NAME, "/org/freedesktop/LogControl1",
                       "org.freedesktop.LogControl1", "LogLevel")
        assert level["data"] == "debug"
    finally:
        stopped.run("rm", "-r", "/run/vmfirmwared/vmfirmwared.conf.d")


def test_no_number_of_crashes_ends_it_for_good(started):
    for number in range(1, 8):
        pid = started.main_pid()
        started.kill(UNIT)
        wait.until(lambda: started.show("ActiveState") == "active" and
                   started.main_pid() not in (0, pid), f"it is started again: {number}")
    assert names(started)


def test_a_wrong_command_line_is_not_tried_again(stopped):
    stopped.shell("mkdir -p /run/systemd/system/vmfirmwared.service.d; printf "
                  "'[Service]\nExecStart=\nExecStart=/usr/libexec/vmfirmwared --nonsense\n' "
                  ">/run/systemd/system/vmfirmwared.service.d/test.conf; systemctl daemon-reload")
    try:
        stopped.run("systemctl", "start", UNIT, check=False)
        assert (stopped.show("ActiveState"), stopped.show("NRestarts")) == ("failed", "0")
    finally:
        stopped.shell("rm -r /run/systemd/system/vmfirmwared.service.d; systemctl daemon-reload")


def test_only_its_own_directories_may_be_written_to(started):
    """Of all that is mounted there; and nothing that may be written to is executed."""
    pid = started.main_pid()
    mounted = started.path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8")
    points = sorted({line.split()[4] for line in mounted.splitlines()})
    assert {"/", "/dev", "/dev/shm", "/run", STATE} <= set(points)
    writable = started.output("nsenter", f"--target={pid}", "--mount", "sh", "-c", """
for point; do
    file=$point/vmfirmware-test
    [ -d "$point" ] && cp /usr/bin/true "$file" 2>/dev/null || continue
    if "$file" 2>/dev/null; then echo "$point, and executes it"; else echo "$point"; fi
    rm "$file"
done""", "sh", *points).splitlines()
    # the queues are those of its own IPC namespace; they take no content
    assert set(writable) - {"/dev/mqueue"} == {STATE, "/tmp", "/var/tmp"}


def test_busctl_shows_it(started):
    tree = started.output("busctl", "tree", "--list", NAME).splitlines()
    assert {"/org/vmfirmware1", "/org/vmfirmware1/firmware"} <= set(tree)
    listed = busctl(started, "call", NAME, *MANAGER, "ListFirmware")["data"][0]
    assert {path for _, _, path in listed} <= set(tree)

    introspected = started.output("busctl", "introspect", NAME, *MANAGER)
    for member in (".Select", ".PrepareVM", ".Reload", ".Generation", ".CatalogChanged"):
        assert member in introspected
    version = started.output("dpkg-query", "-W", "-f", "${Version}", "vmfirmwared")
    assert busctl(started, "get-property", NAME, *MANAGER, "Version")["data"] == version


def test_busctl_monitor_sees_the_call_and_the_signal(started, uids, tmp_path):
    log = tmp_path / "monitor"

    def seen():
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        return {json.loads(line).get("member") for line in lines
                if line.startswith("{") and line.endswith("\n")}

    def is_heard():
        names(started)
        return "ListFirmware" in seen()

    with log.open("wb") as file, subprocess.Popen(
            started.command("busctl", "monitor", "--json=short", NAME), stdout=file) as monitor:
        try:
            # 257 does not say when it begins
            wait.until(is_heard, "the monitor hears calls")
            busctl(started, "call", NAME, *MANAGER, "PrepareVM", "sssa{sv}", "seen", "x86_64",
                   "q35", "1", "owner", "u", uids.alice)
            wait.until(lambda: {"PrepareVM", "VMAdded"} <= seen(), "the call and the signal")
        finally:
            monitor.kill()


def test_reload_returns_when_the_new_catalog_is_in_force(started):
    first = names(started)[0]
    for number in range(5):
        name = f"{number:02}-new"
        started.shell("mkdir -p /etc/qemu/firmware; cp "
                      f"/usr/share/qemu/firmware/{first}.json /etc/qemu/firmware/{name}.json")
        started.run("systemctl", "reload", UNIT)
        assert name in names(started)
    started.shell("rm /etc/qemu/firmware/*-new.json")
    started.run("systemctl", "reload", UNIT)
    assert not [name for name in names(started) if name.endswith("-new")]
    assert started.show("NRestarts") == "0"


@pytest.mark.parametrize("how", ["stop", "restart", "crash", "bus"])
def test_vms_and_leases_outlive_it(started, agents, uids, how):
    agents.root.run(f"""
held = vms.make('held', owner={uids.alice})
lease = held.acquire()
free = vms.make('free', owner={uids.alice}, nvram_format='qcow2')
""")
    before = vmstate.snapshot(started.path(STATE))
    pid = started.main_pid()
    if how == "stop":
        started.run("systemctl", "stop", UNIT)
        assert started.show("Result") == "success"
        names(started)
    elif how == "restart":
        started.run("systemctl", "restart", UNIT)
    elif how == "crash":
        started.kill(UNIT)
        wait.until(lambda: started.show("NRestarts") == "1" and
                   started.show("ActiveState") == "active", "it is started again")
    else:
        # which takes with it whatever has a name on it; logind may live on, and hear of no session
        started.run("systemctl", "restart", "dbus.service")
        started.run("systemctl", "restart", "systemd-logind.service")
        wait.until(lambda: started.show("ActiveState") == "active" and
                   started.main_pid() not in (0, pid), "it is started again")
        wait.until(lambda: started.run("busctl", "status", NAME, check=False).returncode == 0,
                   "it has its name")
    assert started.main_pid() not in (0, pid)
    assert vmstate.snapshot(started.path(STATE)) == before
    assert agents.root.run(f"""
held, free = (vms.at(name, {uids.alice}) for name in ('held', 'free'))
print(sorted(vms.listed(owner={uids.alice})), held.get('InUse'), free.get('InUse'))
try:
    held.acquire()
except DBusError as error:
    print(error.name)
os.close(free.acquire())
os.close(lease)
os.close(held.acquire())
""") == [f"[({uids.alice}, 'free'), ({uids.alice}, 'held')] True False", IN_USE]


def test_a_second_service_is_refused(started):
    """As when somebody starts it by hand beside the unit."""
    done = started.run("/usr/libexec/vmfirmwared", check=False)
    assert done.returncode and f"another service has the state directory {STATE}" in done.stderr
    assert names(started)
