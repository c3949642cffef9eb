# SPDX-License-Identifier: LGPL-2.1-or-later
"""The configuration file and its drop-ins: what they say, what is wrong in them, Reload."""

import contextlib
import os
import re
from pathlib import Path

import pytest
from test_machine_table import board, firmware

from lib import paths, wait
from lib.client import DBusError
from lib.config import text
from lib.descriptors import Layer
from lib.fakepolkit import FakePolkit
from lib.root import Root
from lib.vms import LIMITS, OWNER, run_as


@pytest.fixture
def bus(own_bus):
    return own_bus


@pytest.fixture
def config(service):
    """The file, empty at first, and its directory of drop-ins."""
    path = service.directory / "vmfirmwared.conf"
    path.write_text("")
    (service.directory / "vmfirmwared.conf.d").mkdir()
    return path


def drop_in(config, name, content):
    path = config.parent / f"{config.name}.d" / name
    path.write_text(content)
    return path


def start(service, config, **options):
    """Without --search-path, which would have the last word."""
    return service.start(arguments=[f"--config={config}"], default_layers=True, **options)


def warnings(service):
    return [line for line in service.daemon.stderr().splitlines() if "vmfirmwared.conf" in line]


def search_path(client):
    return client.manager_property("SearchPath")


def test_search_path(service, config):
    service.add("50-x", service.admin)
    config.write_text(text(SearchPath=f"{service.vendor}:{service.admin}"))
    client = start(service, config)
    assert search_path(client) == [str(service.vendor), str(service.admin)]
    assert client.names() == ["50-x"]
    assert warnings(service) == []


def test_command_line_has_the_last_word(service, config):
    config.write_text(text(SearchPath=service.admin))
    client = service.start(arguments=[f"--config={config}"], search_path=[service.vendor])
    assert search_path(client) == [str(service.vendor)]


def test_shipped_file_says_the_defaults(service, config):
    """Each key is in it, and none of its lines changes anything."""
    shipped = Path(paths.daemon_binary()).parents[1] / "etc" / "vmfirmwared" / "vmfirmwared.conf"
    lines = shipped.read_text(encoding="utf-8").splitlines()
    settings = [line[1:] for line in lines if re.match("#[A-Za-z]+=", line)]
    source = (paths.REPOSITORY / "daemon" / "service" / "config.c").read_text(encoding="utf-8")
    keys = re.findall(r'\{"(?:Catalog|Log)", "(\w+)"|LIMIT\("(\w+)"|\{"Limits", "(\w+)", parse_size',
                      source)
    assert sorted(line.split("=")[0] for line in settings) == sorted("".join(key) for key in keys)

    client = start(service, config)
    by_default = search_path(client)
    service.daemon.stop()
    service.daemons.clear()
    config.write_text("\n".join(line[1:] if line[1:] in settings else line for line in lines))
    client = start(service, config)
    assert search_path(client) == by_default
    assert not warnings(service)
    defaults = dict(re.findall(r"\.(\w+) = (\d+),", source))
    numbers = dict(line.split("=") for line in settings if line.split("=")[1].isdecimal())
    assert len(numbers) == 8
    for key, number in numbers.items():
        assert defaults[re.sub("(?<=[a-z])(?=[A-Z])", "_", key).lower()] == number


def test_reload_reads_it_again(service, config):
    """And tells: the search path is a property, and what is in it is watched."""
    service.add("50-x", service.vendor)
    config.write_text(text(SearchPath=service.vendor))
    client = start(service, config)
    service.watch()
    config.write_text(text(SearchPath=f"{service.vendor}:{service.admin}"))
    client.reload()
    told = [signal[3][1].get("SearchPath") for signal in service.signals.named("PropertiesChanged")]
    assert [str(service.vendor), str(service.admin)] in told
    service.add("60-y", service.admin)
    wait.until(lambda: client.names() == ["50-x", "60-y"], "the new layer is watched")
    config.write_text(text(SearchPath=service.admin))
    client.reload()
    assert client.names() == ["60-y"]
    generation = client.generation()
    client.reload()
    assert client.generation() == generation


def test_drop_ins_come_after_it_in_the_order_of_their_names(service, config):
    config.write_text(text(SearchPath="/main"))
    drop_in(config, "20-b.conf", text(SearchPath="/b"))
    drop_in(config, "10-a.conf", text(SearchPath="/a"))
    drop_in(config, "30-c.txt", text(SearchPath="/no"))
    drop_in(config, ".40-d.conf", text(SearchPath="/no"))
    drop_in(config, "50-e.conf", text(QuietMSec=20))
    client = start(service, config)
    assert search_path(client) == ["/b"]
    os.unlink(config.parent / "vmfirmwared.conf.d" / "20-b.conf")
    client.reload()
    assert search_path(client) == ["/a"]
    drop_in(config, "20-b.conf", text(SearchPath=""))
    client.reload()
    assert "/usr/share/qemu/firmware" in search_path(client)
    assert warnings(service) == []


def test_unknown_key_and_section_are_told_with_file_and_line(service, config):
    config.write_text("# a comment\n\n[Catalog]\nQuietMsec=5\nSearchPath=/main\n\n[Catalogue]\n"
                      "[Catalog\n")
    file = drop_in(config, "10-a.conf", "[Log]\n\n  Level = debug\n")
    client = start(service, config)
    assert search_path(client) == ["/main"]
    told = warnings(service)
    assert len(told) == 4
    for place, word in ((f"{config}:4:", "QuietMsec"), (f"{config}:7:", "[Catalogue]"),
                        (f"{config}:8:", "[Catalog\n"), (f"{file}:3:", "Level")):
        assert [line for line in told if place in line and word in line + "\n"], (place, told)


@pytest.mark.parametrize("section, key, value", [
    ("Catalog", "SearchPath", "relative"), ("Catalog", "SearchPath", "/a::/b"),
    ("Catalog", "MachineDirectories", "x:/y"), ("Catalog", "QuietMSec", "0"),
    ("Catalog", "QuietMSec", "50ms"), ("Catalog", "MaxQuietMSec", "-1"),
    ("Catalog", "RescanSec", "soon"), ("Catalog", "QuietMSec", "99999999999999999999"),
    ("Limits", "CallsPerUser", "0"), ("Limits", "Calls", ""),
    ("Limits", "ExportsPerUser", "many"), ("Limits", "VMsPerUser", "1.5"),
    ("Limits", "BytesPerUser", "4X"), ("Limits", "BytesPerUser", "9999999T"),
    ("Log", "LogLevel", "loud")])
def test_bad_value_keeps_the_default_and_is_told(
        service, config, section, key, value):
    config.write_text("\n" + text(section, **{key: value}))
    client = start(service, config)
    assert "/usr/share/qemu/firmware" in search_path(client)
    told, = warnings(service)
    assert re.search(rf"{re.escape(str(config))}:3: .*{key}", told), told


@pytest.mark.parametrize("content", [
    b"no section=1\n", b"[Catalog\nSearchPath=/main\n", b"[Catalog]\nSearchPath\n",
    b"[Catalog]\nSearchPath=/\xff\n", b"[Catalog]\nSearchPath=/\0main\n",
    pytest.param(b"#" * 100000, id="large")])
def test_file_that_is_none_is_told_and_the_rest_is_read(service, config, content):
    config.write_bytes(content)
    drop_in(config, "10-a.conf", text(SearchPath=service.admin))
    client = start(service, config)
    assert search_path(client) == [str(service.admin)]
    assert warnings(service)
    assert all(str(config) in line for line in warnings(service))


@pytest.mark.parametrize("line", [b"VMsPerUser=\xff", b"VMsPerUser=\x003", b"\xff", b"\xff=1",
                                  b"[Log\xff]"])
def test_line_that_is_no_text_is_told_and_the_others_are_read(
        service, config, line):
    config.write_bytes(b"\xef\xbb\xbf[Limits]\n# caf\xe9\n ;\0\n" + line + b"\n" +
                       f"[Catalog]\nSearchPath={service.admin}".encode())
    client = start(service, config)
    assert search_path(client) == [str(service.admin)]
    told, = warnings(service)
    assert f"{config}:4: " in told


def test_reload_that_waits_for_a_file_reads_it_too(service, config):
    config.write_text(text(SearchPath=service.vendor))
    client = start(service, config)
    config.write_text(text(SearchPath=f"{service.vendor}:{service.admin}"))
    service.vendor.write("50-half", "{")
    client.reload()
    assert search_path(client) == [str(service.vendor), str(service.admin)]
    assert client.state("50-half") == "invalid"


def test_what_was_wrong_only_at_reload_leaves_the_service(service, config):
    config.write_text(text(SearchPath=service.admin))
    client = start(service, config)
    config.write_text(text(SearchPath="relative"))
    client.reload()
    assert "/usr/share/qemu/firmware" in search_path(client)
    os.unlink(config)
    with contextlib.suppress(DBusError):
        client.reload()
    client.ping()


def test_file_named_that_is_not_there(service):
    with pytest.raises(AssertionError, match="exited with 2(.|\n)*missing.conf"):
        service.start(arguments=[f"--config={service.directory}/missing.conf"])
    service.daemons.clear()


def test_machine_directories(service, config):
    """The option --machines, which the tests always give, has the last word; so without it."""
    firmware(service)
    table = Layer(service.directory / "table")
    (table.path / "60-new.conf").write_text(board())
    config.write_text(text(SearchPath=service.vendor,
                           MachineDirectories=f"{paths.machines_directory()}:{table}"))
    service.start(arguments=[f"--config={config}"], default_layers=True,
                  wrapper=("/bin/sh", "-c", DROP_MACHINES, "sh"))
    answer = service.client.select("x86_64", "new-board")
    assert answer["flash"][0]["name"] == "new.flash0"


DROP_MACHINES = """
for word; do
    shift
    case "$word" in --machines=*) ;; *) set -- "$@" "$word" ;; esac
done
exec "$@"
"""


@pytest.fixture
def polkit(bus):
    fake = FakePolkit(bus)
    yield fake
    fake.close()


def test_limits(service, config, bus, polkit):
    """Of one VM an owner, then of more, then of few bytes: read again at Reload."""
    service.ovmf()
    layers = text(SearchPath=service.vendor)
    config.write_text(layers + text("Limits", VMsPerUser=1))
    client = start(service, config)
    make = "print(vms.make('{}').get('State'))"
    assert run_as(OWNER, make.format("one"), bus) == ["ready"]
    assert run_as(OWNER, make.format("two"), bus)[0] == LIMITS
    config.write_text(layers)
    client.reload()
    assert run_as(OWNER, make.format("two"), bus) == ["ready"]
    config.write_text(layers + text("Limits", BytesPerUser="1M"))
    client.reload()
    assert run_as(OWNER, make.format("three"), bus)[0] == LIMITS
    config.write_text(layers + text("Limits", BytesPerUser="1G"))
    client.reload()
    assert run_as(OWNER, make.format("three"), bus) == ["ready"]
    assert warnings(service) == []


def test_log_level(service, config):
    """The line that each catalog is told with, which is of level notice."""
    def lines():
        return service.daemon.stderr().count("is in force")

    layers = text(SearchPath=service.vendor)
    config.write_text(layers + text("Log", LogLevel="err"))
    client = start(service, config)
    assert lines() == 0
    config.write_text(layers + text("Log", LogLevel="debug"))
    client.reload()
    service.add("50-x")
    client.reload()
    assert lines() == 1


def test_system_wide_directories(service, bus):
    """/usr/lib, /run and /etc, in a root of its own; the last one has the most weight."""
    root = Root(service.directory / "root", [service.directory, bus.directory])
    try:
        name = "vmfirmwared/vmfirmwared.conf"
        for place, content in (
                (f"/usr/lib/{name}", text(SearchPath="/main-lib")),
                (f"/run/{name}", text(SearchPath="/main-run")),
                (f"/usr/lib/{name}.d/10-a.conf", text(SearchPath="/a-lib")),
                (f"/run/{name}.d/10-a.conf", text(SearchPath="/a-run")),
                (f"/usr/lib/{name}.d/20-b.conf", text(SearchPath="/b-lib")),
                (f"/etc/{name}.d/20-b.conf", text(SearchPath="/b-etc"))):
            path = root.path(place)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        client = service.start(default_layers=True, wrapper=root.wrapper)
        assert search_path(client) == ["/b-etc"]
        for remove, expected in ((f"/etc/{name}.d/20-b.conf", "/b-lib"),
                                 (f"/usr/lib/{name}.d/20-b.conf", "/a-run"),
                                 (f"/run/{name}.d/10-a.conf", "/a-lib"),
                                 (f"/usr/lib/{name}.d/10-a.conf", "/main-run"),
                                 (f"/run/{name}", "/main-lib")):
            root.run("rm", remove)
            client.reload()
            assert search_path(client) == [expected]
        root.run("mkdir", "-p", f"/etc/{name}.d")
        root.run("ln", "-s", "/dev/null", f"/etc/{name}")
        client.reload()
        assert "/usr/share/qemu/firmware" in search_path(client)
        service.daemon.stop()
        service.daemons.clear()
    finally:
        root.close()
