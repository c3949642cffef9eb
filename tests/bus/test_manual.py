# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual pages: they format without a complaint, say what is so, and their examples run."""

import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from lib import manpage, paths

SOURCES = paths.REPOSITORY / "docs" / "man"
PAGES = sorted(path.name.removesuffix(".rst") for path in SOURCES.glob("*.rst"))


def installed(page):
    """Below the prefix that the daemon under test was installed in."""
    name, _, section = page.rpartition(".")
    path = paths.daemon_prefix() / "share" / "man" / f"man{section}" / f"{name}.{section}"
    return path if path.exists() else path.with_name(path.name + ".gz")


def formatted(page, width=80):
    """(text, complaints)"""
    done = subprocess.run(
        ["man", "--encoding=UTF-8", "--warnings", "--local-file", str(installed(page))],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=60, check=False, env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": str(width),
                                      "MANROFFOPT": "", "MANOPT": "", "MAN_KEEP_FORMATTING": ""})
    return done.stdout, done.stderr


def words(page):
    """All words of a page, on a line so wide that none is hyphenated."""
    text, _ = formatted(page, 1000)
    return re.sub(r"\s+", " ", text)


def test_pages_are_those_of_the_contract():
    assert {"vmfirmwared.8", "vmfirmware-machines.5", "org.vmfirmware1.5"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_page_formats_without_a_complaint(page):
    text, complaints = formatted(page)
    assert complaints == ""
    name = page.rpartition(".")[0]
    assert re.search(rf"^NAME\n\s+{re.escape(name)} +- +\S", text, re.MULTILINE)
    assert "@" not in re.sub(r"\S+@\S+", "", text), "nothing is left to be put in"


@pytest.mark.parametrize("page", PAGES)
def test_see_also_names_pages_of_ours_that_there_are(page):
    for name, section in re.findall(r"(\S*vmfirmware[\w-]*(?:\.conf)?)\((\d)\)", words(page)):
        assert f"{name}.{section}" in PAGES


# -- what they say --


def interfaces():
    for path in sorted(paths.INTERFACES.glob("*.xml")):
        yield from ElementTree.parse(path).getroot().iter("interface")


def test_every_member_is_in_the_page_of_the_api():
    text = words("org.vmfirmware1.5")
    for interface in interfaces():
        assert interface.get("name") in text
        for member in interface:
            if member.tag == "property":
                head = f"{member.get('name')} {member.get('type')}, {member.get('access')}, "
            else:
                head = f"{member.get('name')} (" + ", ".join(
                    " ".join(([arg.get("direction")] if member.tag == "method" else [])
                             + [arg.get("type"), arg.get("name")])
                    for arg in member.findall("arg")) + ")"
            assert head in text


def test_every_word_of_the_xml_is_in_the_page_of_the_api():
    text = words("org.vmfirmware1.5")
    for path in sorted(paths.INTERFACES.glob("*.xml")):
        comments = re.findall(r"<!--(.*?)-->", path.read_text(encoding="utf-8"), re.DOTALL)
        for comment in comments[1:]:  # the first is the licence
            for word in comment.replace("@", " ").split():
                assert word.strip(":,;.") in text, word


def test_every_option_is_in_the_page_of_the_program():
    helped = subprocess.run([paths.daemon_binary(), "--help"], stdout=subprocess.PIPE, text=True,
                            timeout=60, check=True).stdout
    options = set(re.findall(r"--[a-z-]+", helped))
    assert {"--system", "--search-path"} <= options
    described = formatted("vmfirmwared.8", 1000)[0]
    described = described[described.index("\nOPTIONS"):described.index("\nDESCRIPTORS")]
    assert {option for option in re.findall(r"^ +(--[a-z-]+)", described, re.MULTILINE)} == options


def test_every_message_id_is_in_the_page_of_the_program():
    header = paths.REPOSITORY / "daemon" / "service" / "log-ids.h"
    ids = re.findall(r'"([0-9a-f]{32})"', header.read_text(encoding="utf-8"))
    text = words("vmfirmwared.8")
    assert ids
    for message_id in ids:
        assert message_id in text


def test_every_field_is_in_the_page_of_the_program():
    source = "".join(
        (paths.REPOSITORY / "daemon" / "service" / name).read_text(encoding="utf-8")
        for name in ("log-catalog.c", "log-vm.c"))
    assert set(re.findall(r'"(VMFIRMWARE_\w+)"', source)) == set(
        re.findall(r"(VMFIRMWARE_\w+)=,? ", words("vmfirmwared.8")))


def test_every_key_is_in_the_page_of_the_machine_table():
    source = (paths.REPOSITORY / "daemon" / "core" / "board.c").read_text(encoding="utf-8")
    keys = set(re.findall(r'\{"([a-z0-9-]+)", KEY_', source))
    assert "units" in keys
    assert keys == set(re.findall(r"\b([a-z0-9-]+)=,? ", words("vmfirmware-machines.5").partition(
        "EXAMPLES")[0]))


def test_every_key_is_in_the_page_of_the_certificates():
    source = (paths.REPOSITORY / "daemon" / "uefi" / "known-certificates.c").read_text(
        encoding="utf-8")
    known = re.search(r"known\[\] = \{(.*?), NULL\}", source, re.DOTALL)[1]
    keys = set(re.findall(r'"([a-z0-9-]+)"', known))
    assert "sha256" in keys
    assert keys == set(re.findall(r"\b([a-z0-9-]+)=,? ", words("vmfirmware-certificates.5").partition(
        "EXAMPLES")[0]))


def test_every_key_is_in_the_page_of_the_configuration():
    source = (paths.REPOSITORY / "daemon" / "service" / "config.c").read_text(encoding="utf-8")
    keys = set(re.findall(r'\{"(?:Catalog|Log|Limits)", "(\w+)"|LIMIT\("(\w+)"', source))
    keys = {one or other for one, other in keys}
    assert "QuietMSec" in keys and "CallsPerUser" in keys
    assert keys == set(re.findall(r"\b([A-Z]\w+)=,? ", words("vmfirmwared.conf.5").partition(
        "EXAMPLES")[0]))


# -- examples --


def examples(page):
    return manpage.examples(SOURCES / f"{page}.rst")


@pytest.fixture
def environment(bus):
    return {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address, "LC_ALL": "C.UTF-8"}


REPLACE = {"/usr/libexec/vmfirmwared": paths.daemon_binary()}


@pytest.mark.parametrize("page", ["vmfirmwared.8", "org.vmfirmware1.5"])
def test_examples(service, environment, page):
    """With this machine's own firmware; those that need systemd are run where it is booted."""
    service.start(default_layers=True, path=os.environ["PATH"])
    run = [example for example in examples(page) if not example.needs]
    assert run
    for number, example in enumerate(run):
        directory = service.directory / f"example-{number}"
        directory.mkdir()
        manpage.run(example, environment, directory, REPLACE)


def test_examples_of_the_machine_table(service, environment):
    table = service.directory / "machines"
    table.mkdir()
    service.start(default_layers=True, machines=[paths.machines_directory(), table])
    files = manpage.files(SOURCES / "vmfirmware-machines.5.rst")
    assert list(files) == ["40-acme.conf"]
    for name, content in files.items():
        (table / name).write_text(content)
    run = examples("vmfirmware-machines.5")
    assert run
    for example in run:
        manpage.run(example, environment, service.directory)


def test_example_that_does_not_come_out_is_a_failure(tmp_path, environment):
    """What holds the examples can fail."""
    page = tmp_path / "page.rst"
    for text in ("$ false", "$ echo a\n    b", "$ echo a; echo b\n    a", "$ exit 3\n\n    $ true",
                 "$ echo a\n    a\n    b"):
        page.write_text(f"Text::\n\n    {text}\n")
        example, = manpage.examples(page)
        with pytest.raises(AssertionError, match=r"page\.rst:3"):
            manpage.run(example, environment, tmp_path)
    page.write_text("Text::\n\n    $ echo 'a  1'; echo b; echo c\n    a …\n    …\n    c\n"
                    "    $ false\n    $ echo $?\n    1\n    $ echo \\\n    >     a\n    a\n")
    example, = manpage.examples(page)
    assert manpage.run(example, environment, tmp_path)[-1] == "a\n"
