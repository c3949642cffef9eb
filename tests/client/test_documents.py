# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the manual page and the pages say: it is so, and their examples run."""

import os
import re

import pytest

from lib import jsonpage, manpage, paths
from lib.cli import binary

PAGE = paths.REPOSITORY / "docs" / "man" / "vmfirmwarectl.1.rst"


@pytest.fixture
def environment(service, cli):
    """The installed client on a bus with a service over this machine's own firmware."""
    service.start_with_qemu(default_layers=True,
                            arguments=[f"--config={paths.system_configuration()}"])
    return {**cli.environment,
            "PATH": f"{os.path.dirname(binary())}:{os.environ['PATH']}"}


def run(service, environment, example):
    directory = service.directory / "example"
    directory.mkdir(exist_ok=True)
    return manpage.run(example, environment, directory)


EXAMPLES = [example for page in (PAGE, paths.REPOSITORY / "README.md",
                                 paths.REPOSITORY / "docs" / "adopting.md")
            for example in manpage.examples(page)]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_examples(service, environment, example):
    assert not example.needs
    run(service, environment, example)


def test_there_are_examples():
    commands = " ".join(step.command for example in EXAMPLES for step in example.steps)
    for verb in ("list", "select", "explain", "run", "prepare", "vms", "export", "import", "verify",
                 "record"):
        assert f"vmfirmwarectl {verb} " in commands or f"vmfirmwarectl {verb}\n" in commands + "\n"


def test_every_verb_and_option_has_its_entry(cli):
    text = cli("--help")
    page = PAGE.read_text(encoding="utf-8")
    verbs = re.findall(r"^  ([a-z-]+)(?: .*)?  ", text[text.index("Verbs:"):], re.MULTILINE)
    options = set(re.findall(r"--[a-z-]+", text)) - {"--"}
    assert len(verbs) > 20 and len(options) > 30
    for verb in verbs:
        assert re.search(rf"^{verb}( [A-Z\[].*)?$", page, re.MULTILINE), verb
        assert verb in jsonpage.verbs(), verb
    for option in options:
        assert re.search(rf"^(-\w.*, )?{option}(=.*)?$", page, re.MULTILINE), option


def test_readme_names_each_library():
    """With the version that the build asks for."""
    build = (paths.REPOSITORY / "meson.build").read_text(encoding="utf-8")
    readme = (paths.REPOSITORY / "README.md").read_text(encoding="utf-8").lower()
    needed = re.findall(r"dependency\('([a-z-]+)(?:-[0-9.]+)?', version: '>= ([0-9.]+)'\)", build)
    assert len(needed) > 4
    for name, version in needed:
        assert f"{name} {version}" in readme, name


def test_every_shell_variable_has_its_name_there(service, environment, cli):
    output = cli("prepare", "vm", "x86_64", "q35", "--without-feature=enrolled-keys",
                 "--render=shell")
    described = PAGE.read_text(encoding="utf-8")
    described = set(re.findall(r"[A-Z_]{4,}", described[described.index("\nVariables\n"):
                                                       described.index("\nJSON\n")]))
    assert set(re.findall(r"(?:^|eval ')([A-Z_]+)=", output, re.MULTILINE)) == described


# -- the shape of the code --

ARCHITECTURE = paths.REPOSITORY / "docs" / "ARCHITECTURE.md"
# each uses those before it; only the client uses lint
FLOORS = ["base", "uefi", "core", "vm", "service", "bus"]
FLOORS_ABOVE = {**{floor: FLOORS[:i] for i, floor in enumerate(FLOORS)},
                "lint": ["base", "uefi", "core"]}


def module_rows(directory):
    """For each row of the directory's table, a pattern for the names of its modules."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    section = text.partition(f"\n## {directory}\n")[2].partition("\n## ")[0]
    return [re.compile("|".join(name.replace("*", ".*") + "(-internal)?"
                                for name in re.findall("`([^`]+)`", row)))
            for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)]


def includes(file):
    return re.findall(r'^#include "(.*)\.h"$', file.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("directory", [*(f"daemon/{floor}" for floor in FLOORS_ABOVE), "client"])
def test_a_module_uses_those_above_it(directory):
    rows = module_rows(directory)
    files = sorted((paths.REPOSITORY / directory).glob("*.[ch]"))
    prefix = directory.removeprefix("daemon/") + "/" if directory != "client" else ""
    places = {}
    for module in {file.stem for file in files}:
        places[module] = [i for i, row in enumerate(rows) if row.fullmatch(module)]
        assert len(places[module]) == 1, f"{module} has its place in {ARCHITECTURE.name}"
    for row in rows:
        assert any(row.fullmatch(module) for module in places), f"{row.pattern} is there"
    for file in files:
        for used in includes(file):
            used = used.removeprefix(prefix)
            if used in places:
                assert places[used] <= places[file.stem], f"{file} uses {used}"


@pytest.mark.parametrize("floor", FLOORS_ABOVE)
def test_a_floor_uses_those_above_it(floor):
    allowed = {floor, *FLOORS_ABOVE[floor]}
    for file in sorted((paths.REPOSITORY / "daemon" / floor).glob("*.[ch]")):
        for used in includes(file):
            assert used.count("/") == 1, f"{file}: {used} names its floor"
            assert used.partition("/")[0] in allowed, f"{file} uses {used}"
        if floor not in ("service", "bus"):
            text = file.read_text(encoding="utf-8")
            assert "<systemd/" not in text, f"{file} has no systemd header"


# libsystemd takes everything that arrives into a queue of the process while one of these waits
SYNCHRONOUS = re.compile(
    r"\b(sd_bus_call|sd_bus_call_method|sd_bus_(get|set)_property\w*|sd_bus_query_sender_\w+|"
    r"sd_bus_get_name_creds|sd_bus_get_owner_creds|sd_bus_track_add_\w+|sd_bus_add_match|"
    r"sd_bus_match_signal|sd_bus_request_name|sd_bus_release_name|sd_bus_list_names)\(")
# and it asks by itself who calls, where an entry does not say that everybody may
CHECKED_ENTRY = re.compile(r"^ {8}(SD_BUS_(?:METHOD|WRITABLE_PROPERTY).*?)(?=^ {8}SD_BUS_)",
                           re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("floor", ["service", "bus"])
def test_no_handler_waits_for_the_bus(floor):
    for file in sorted((paths.REPOSITORY / "daemon" / floor).glob("*.c")):
        text = file.read_text(encoding="utf-8")
        assert not SYNCHRONOUS.search(text), f"{file} calls {SYNCHRONOUS.search(text)[0]}"
        entries = CHECKED_ENTRY.findall(text)
        assert len(entries) == len(re.findall("SD_BUS_(?:METHOD|WRITABLE_PROPERTY)", text)), file
        for entry in entries:
            assert "SD_BUS_VTABLE_UNPRIVILEGED" in entry, f"{file}: {entry}"
