# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where inotify gives up: its queue overflows, or it gives no more watches."""

import os
import shutil
import subprocess

import pytest

from lib import wait
from lib.descriptors import Layer

# A user namespace has limits of its own, below those of the system.
LIMITED = """
echo "$1" >"/proc/sys/user/max_inotify_$0"
shift
exec "$@"
"""


def limited(which, number):
    return ("/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-c", LIMITED,
            which, str(number))


def raise_limit(live, which, number):
    subprocess.run(
        ["nsenter", "--user", f"--target={live.daemon.process.pid}", "sh", "-c",
         f"echo {number} >/proc/sys/user/max_inotify_{which}"], check=True)


def overflow(directory):
    """More events than the queue of a service that does not run can hold."""
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
        limit = int(file.read())
    one, other = directory / "one.json", directory / "other.json"
    one.write_bytes(b"")
    for _ in range(limit // 4 + 100):
        os.rename(one, other)
        os.rename(other, one)
    os.unlink(one)


@pytest.fixture
def layer(service):
    return Layer(service.directory / "one" / "two")


def test_overflow_of_the_queue(service, layer, start_live):
    """What is lost with it is seen, and what is watched afterwards is what is there then."""
    service.add("20-a")
    service.add("50-x", layer)
    live = start_live(search_path=[service.vendor, service.admin, layer])
    with live.frozen():
        overflow(service.vendor.path)
        service.add("60-y")
        shutil.rmtree(layer.path.parent)
        service.add("70-z", Layer(layer.path))
    live.until(usable=["20-a", "60-y", "70-z"])
    assert len(live.changes()) == 1
    service.add("80-z", layer)
    live.until(usable=["20-a", "60-y", "70-z", "80-z"])


@pytest.mark.parametrize("which, number", [("watches", 0), ("watches", 3), ("instances", 0)])
def test_limit_is_told_on_the_bus(service, start_live, which, number):
    service.add("20-a")
    live = start_live(wrapper=limited(which, number))
    (path, text), = live.client.problems()
    assert f"fs.inotify.max_user_{which}" in text, (path, text)
    assert live.client.select_name("x86_64", "q35") == "20-a"


def test_too_few_watches_and_then_enough(service, start_live):
    """A descriptor brings more directories than can be watched; then the limit is raised."""
    service.add("20-a")
    live = start_live(wrapper=limited("watches", 40))
    assert live.client.problems() == []
    for number in range(40):
        service.vendor.link(f"50-x{number:02}", service.add(
            "x", Layer(service.directory / "many" / str(number))))
    names = [f"50-x{number:02}" for number in range(40)]
    live.until(usable=["20-a", *names])
    wait.until(lambda: "max_user_watches" in str(live.client.problems()), "the limit is told")
    problems = live.client.problems()
    service.add("60-y")
    live.until(usable=["20-a", *names, "60-y"])
    assert live.client.problems() == problems, "a change that is seen all the same ends nothing"
    raise_limit(live, "watches", 1000)
    live.options["wrapper"] = limited("watches", 1000)
    live.client.reload()
    wait.until(lambda: live.client.problems() == [], "the limit is told no more")
    service.add("x", Layer(service.directory / "many" / "39"), features=["seen"])
    live.until_property("50-x39", "Features", ["seen"])


def test_names_that_were_there_are_not_kept_for_ever(service):
    """However many there were before it is time to look at them."""
    def memory():
        with open(f"/proc/{service.daemon.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def name(number):
        return service.vendor.file(f"{number:0200}")

    service.add("50-x")
    # what AddressSanitizer keeps of what was freed is none of the service's
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    client = service.start_blind(environment={"ASAN_OPTIONS": options})
    open(name(0), "wb").close()
    before = None
    for number in range(1, 60001):
        os.rename(name(number - 1), name(number))
        # no more than the kernel's queue holds
        if number % 2000 == 0:
            client.names()
            before = before or memory()
    assert memory() - before < 10 * 1024 * 1024
