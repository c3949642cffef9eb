# SPDX-License-Identifier: LGPL-2.1-or-later
"""The program: its name on the bus, its options, its end, and the user's own bus."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from lib import bus as buses
from lib import paths, wait
from lib.client import NAME, Client
from lib.daemon import Daemon
from lib.descriptors import Layer, target


def run(*arguments, **environment):
    return subprocess.run([paths.daemon_binary(), *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
                          check=False, env={**os.environ, **environment})


def test_version_and_help():
    version, helped = run("--version"), run("--help")
    assert version.returncode == helped.returncode == 0
    assert version.stdout.strip()
    for option in ("--system", "--user", "--search-path", "--state-directory", "--machines",
                   "--version", "--help"):
        assert option in helped.stdout
    assert "DIR:DIR…" in helped.stdout


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_no_locale_is_loaded(service, locale):
    """It takes memory, and what callers are told is English anyway."""
    service.start(environment={"LC_ALL": locale})
    maps = Path(f"/proc/{service.daemon.process.pid}/maps").read_text(encoding="ascii")
    assert "libc" in maps and "locale" not in maps
    assert run("--help", LC_ALL=locale).stdout == run("--help").stdout


def test_version_is_the_property(service):
    client = service.start()
    assert client.manager_property("Version") in run("--version").stdout


@pytest.mark.parametrize("arguments", [["--no-such-option"], ["word"], ["--search-path"],
                                       ["--user=no"], ["--user", "--system"]])
def test_usage_errors_are_told(arguments):
    done = run(*arguments)
    assert done.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV)
    assert done.stderr.strip()


def test_no_bus_is_an_error_that_is_told(tmp_path):
    done = run("--system", f"--search-path={tmp_path}", f"--machines={paths.machines_directory()}",
               f"--state-directory={tmp_path}/state",
               DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={tmp_path}/no-bus")
    assert done.returncode not in (0, -signal.SIGABRT, -signal.SIGSEGV)
    assert done.stderr.strip()


def test_no_session_is_told_by_what_it_lacks(tmp_path, monkeypatch):
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    done = run("--user", f"--search-path={tmp_path}", f"--state-directory={tmp_path}/state")
    assert done.returncode == 1
    assert done.stderr == ("vmfirmwared: cannot connect to the session bus: "
                           "$DBUS_SESSION_BUS_ADDRESS and $XDG_RUNTIME_DIR are not set\n")


def test_second_instance_on_one_bus_exits_and_says_so(bus, service, tmp_path):
    service.add("x")
    client = service.start()
    other = tmp_path / "other"
    other.mkdir()
    second = Daemon(bus, str(other), search_path=[service.vendor])
    try:
        assert second.wait_exit() not in (0, -signal.SIGABRT, -signal.SIGSEGV)
    finally:
        second.kill()
    assert NAME in second.stderr()
    second.assert_clean_stderr()
    assert client.names() == ["x"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_in_order_on_a_signal(bus, service, number):
    service.start()
    service.daemons.clear()
    service.daemon.process.send_signal(number)
    assert service.daemon.wait_exit() == 0
    service.daemon.assert_clean_stderr()
    assert not buses.has_owner(bus.connect(), NAME)


def test_name_is_owned_only_when_the_catalog_is_up(bus, service):
    """Whoever sees the name appear is answered from a whole catalog at once."""
    for index in range(200):
        service.add(f"{index:03}")
    for _ in range(5):
        client = service.start()
        assert len(client.names()) == 200
        service.daemon.stop()
        service.daemons.clear()


def test_bus_that_goes_ends_the_daemon(service, tmp_path):
    own = buses.PrivateBus()
    try:
        daemon = Daemon(own, str(tmp_path), search_path=[service.vendor]).wait_ready()
    finally:
        own.close()
    try:
        daemon.wait_exit()
    finally:
        daemon.kill()
    daemon.assert_clean_stderr()


def test_path_without_any_qemu(service):
    service.add("x")
    client = service.start(path=service.no_programs)
    resolution = client.select("x86_64", "q35")
    assert (resolution["name"], resolution["machine"]) == ("x", "q35")
    assert len(resolution["flash"]) == 2


@pytest.mark.parametrize("path", ["", "relative:also", "/nowhere", "/dev/null"])
def test_odd_path_does_not_hurt(service, path):
    service.add("x")
    client = service.start(path=path)
    assert client.select_name("x86_64", "q35") == "x"


def fake_qemu(service, script):
    """A $PATH with a QEMU that is this script."""
    programs = service.directory / "programs"
    programs.mkdir()
    for program in ("sleep", "head"):
        (programs / program).symlink_to(f"/usr/bin/{program}")
    qemu = programs / "qemu-system-x86_64"
    qemu.write_text(f"#!/bin/sh\n{script}\n")
    qemu.chmod(0o755)
    return programs


def test_qemu_that_is_asked_can_write_nothing(service):
    anybodys = service.directory / "anybodys"
    anybodys.mkdir()
    anybodys.chmod(0o777)
    service.start(path=fake_qemu(service, f">{anybodys}/file"))
    wait.until(lambda: "qemu-system-x86_64 does not tell its machine types: no answer"
               in service.daemon.stderr(), "it has been asked")
    assert list(anybodys.iterdir()) == []


# JSON that is nested 2^19 times, in one line
DEEP = 's=[; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do s=$s$s; done; echo "$s"'


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "exec sleep 1000", "kill -9 $$",
                                    "head -c 100000000 /dev/zero", DEEP])
def test_broken_qemu_falls_back_to_the_machine_table(service, script):
    service.add("x")
    client = service.start(path=fake_qemu(service, script))
    resolution = client.select("x86_64", "q35")
    assert (resolution["name"], resolution["machine"]) == ("x", "q35")
    wait.until(lambda: service.daemon.children() == [], "no program runs")


def test_slow_qemu_is_not_waited_for(service):
    """What it answers later counts as soon as it is known."""
    answer = '{"return": [{"name": "pc-q35-9.9", "alias": "q35"}]}'
    go = service.directory / "go"
    path = fake_qemu(service, f"until [ -e {go} ]; do sleep 0.1; done; echo '{answer}'")
    service.add("x")
    client = service.start(path=path)
    client.reload()
    assert client.select("x86_64", "q35")["machine"] == "q35"
    go.touch()

    def is_known():
        client.reload()  # it may have been given up already, and is asked again
        return client.select("x86_64", "q35")["machine"] == "pc-q35-9.9"
    wait.until(is_known, "the answer is known")


def test_qemu_that_is_asked_ends_with_the_service(service):
    """However that ends."""
    service.add("x")
    client = service.start(path=fake_qemu(service, "exec sleep 1000"))
    client.reload()
    pid, = service.daemon.children()
    service.daemon.stop()
    service.daemons.clear()
    wait.until(lambda: not os.path.exists(f"/proc/{pid}"), "it has ended")


def test_machine_types_that_no_reply_can_carry_are_left_out(service):
    programs = service.directory / "programs"
    programs.mkdir()
    qemu = programs / "qemu-system-x86_64"
    machines = [{"name": "pc-q35-\uffff", "alias": "q35"}, {"name": "pc-i440fx-9.9", "alias": "pc"}]
    qemu.write_text(f"#!/bin/sh\nprintf '%s' '{json.dumps({'return': machines})}'\n")
    qemu.chmod(0o755)
    service.add("x", targets=[target("x86_64", "*")])
    client = service.start(path=programs)
    assert client.select("x86_64", "q35")["machine"] == "q35"
    assert client.select("x86_64", "pc")["machine"] == "pc-i440fx-9.9"


def test_user_layer_lies_above_the_default_layers(tmp_path, service):
    session = buses.PrivateBus("session")
    home = tmp_path / "config"
    layer = Layer(home / "qemu" / "firmware")
    path = service.add("60-edk2-x86_64", layer, description="the user's")
    daemon = Daemon(session, str(tmp_path), kind="user", environment={
        "XDG_CONFIG_HOME": str(home), "HOME": str(tmp_path)})
    try:
        client = Client(daemon.wait_ready().connection)
        search_path = client.manager_property("SearchPath")
        assert search_path[1:] == ["/usr/share/qemu/firmware", "/etc/qemu/firmware", str(layer)]
        firmware = client.firmware("60-edk2-x86_64")
        assert (firmware["Layer"], firmware["Path"]) == ("user", path)
        assert firmware["Overrides"] == ["/usr/share/qemu/firmware/60-edk2-x86_64.json"]
        assert client.firmware("60-edk2-arm")["Layer"] == "vendor"
        client.reload()
        daemon.stop()
    finally:
        daemon.kill()
        session.close()


@pytest.mark.parametrize("name", ["a:b", "a//b/", "c/../a"])
def test_directories_of_the_user_may_be_written_in_any_way(tmp_path, service, name):
    session = buses.PrivateBus("session")
    layer = Layer(tmp_path / os.path.normpath(name) / "qemu" / "firmware")
    service.add("10-mine", layer)
    daemon = Daemon(session, str(tmp_path), kind="user", environment={
        "XDG_CONFIG_HOME": f"{tmp_path}/{name}", "HOME": str(tmp_path)})
    try:
        client = Client(daemon.wait_ready().connection)
        assert client.manager_property("SearchPath")[3:] == [str(layer)]
        assert client.firmware("10-mine")["Layer"] == "user"
        daemon.stop()
    finally:
        daemon.kill()
        session.close()


def test_relative_directories_of_the_user_are_none(tmp_path):
    """XDG Base Directory Specification: "it should consider the path invalid and ignore it"."""
    session = buses.PrivateBus("session")
    daemon = Daemon(session, str(tmp_path), kind="user",
                    wrapper=["sh", "-c", 'exec "$0" --user'],  # without the other options
                    environment={"XDG_CONFIG_HOME": "config", "XDG_STATE_HOME": "../state",
                                 "HOME": str(tmp_path)})
    try:
        client = Client(daemon.wait_ready().connection)
        assert client.manager_property("SearchPath")[3:] == [
            str(tmp_path / ".config" / "qemu" / "firmware")]
        assert client.manager_property("StateDirectory") == str(
            tmp_path / ".local" / "state" / "vmfirmwared")
        daemon.stop()
    finally:
        daemon.kill()
        session.close()


def test_user_layer_is_below_home_without_xdg_config_home(tmp_path):
    session = buses.PrivateBus("session")
    daemon = Daemon(session, str(tmp_path), kind="user", environment={"HOME": str(tmp_path)})
    try:
        client = Client(daemon.wait_ready().connection)
        assert client.manager_property("SearchPath")[-1] == str(
            tmp_path / ".config" / "qemu" / "firmware")
        daemon.stop()
    finally:
        daemon.kill()
        session.close()
