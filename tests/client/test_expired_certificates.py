# SPDX-License-Identifier: LGPL-2.1-or-later
"""The warning about a new VM whose certificates have expired."""

import os

import pytest

from lib import images, paths

TEMPLATE = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
WARNING = ("vmfirmwarectl: {}: its certificates expired on 2026-06-24, so boot loaders signed "
           "since then do not start; 'vmfirmwarectl enroll {} microsoft-2023' adds the new ones, see "
           "vmfirmware-secure-boot(7)\n")


@pytest.fixture
def started(service):
    images.copy(TEMPLATE, service.ovmf("50-secure", features=["secure-boot"])[1])
    service.ovmf("60-plain")
    return service.start(path=os.environ["PATH"])


def errors(cli, *words):
    status, output, told = cli.raw(*words)
    assert status == 0, told
    return output, told


def test_new_variables(started, cli):
    new = ["prepare", "vm", "x86_64", "q35", "--firmware=50-secure"]
    for words in (new, ["reset", "vm"], ["rebind", "vm", "--firmware=50-secure", "--reset"],
                  ["run", "ran", "x86_64", "q35", "--firmware=50-secure", "--", "true"]):
        expected = WARNING.format(" ".join(words[:2]), words[1])
        assert errors(cli, *words)[1] == expected, words
    assert errors(cli, *new[:1], "other", *new[2:], "--owner=bin", "--json=short")[1] == (
        WARNING.format("prepare other", "--owner=bin other"))
    assert errors(cli, "prepare", "a b", *new[2:])[1] == WARNING.format("prepare a b", "'a b'")
    # no option
    assert errors(cli, "prepare", new[4], "--", "-d3", *new[2:4])[1] == (
        WARNING.format("prepare -d3", "-- -d3"))
    for words in (new, ["rebind", "vm", "--firmware=50-secure"], ["clone", "vm", "copy"],
                  ["prepare", "plain", "x86_64", "q35", "--firmware=60-plain"],
                  ["reset", "plain"]):
        assert errors(cli, *words)[1] == "", words


def test_without_a_service(started, cli, service):
    sources = [f"--search-path={service.vendor}", f"--machines={paths.machines_directory()}"]
    where = f"--directory={service.directory}/vm"
    words = ["x86_64", "q35", "--firmware=50-secure", *sources]
    assert errors(cli, "prepare", where, *words)[1] == WARNING.format(
        f"prepare {service.directory}/vm", where)
    assert errors(cli, "reset", where, *sources)[1] == WARNING.format(
        f"reset {service.directory}/vm", where)
    assert errors(cli, "run", "--ephemeral", *words, "--", "true")[1] == ""
