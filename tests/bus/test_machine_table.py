# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine table is data: a board is added, changed or hidden without code."""

import pytest

from lib import descriptors, paths
from lib.checks import assert_all_answers
from lib.descriptors import target
from lib.images import MIB

BOARD = """[{glob}]
architectures=x86_64
aliases={alias}
canonical={canonical}
units=2
pflash-properties={properties}
driver=cfi.pflash01
names=new.flash0;new.flash1
placement=fixed
addresses=0x10000000;0x18000000
unit-size={size}
sector-length=0x10000
width=2
device-width=1
max-device-width=2
ids=0x89;0x18;1;2
big-endian=true
"""


def board(glob="new-board-*", alias="new-board", canonical="new-board-1", properties="true",
          size=MIB):
    return BOARD.format(glob=glob, alias=alias, canonical=canonical, properties=properties,
                        size=size)


@pytest.fixture
def admin_table(service):
    directory = service.directory / "machines"
    directory.mkdir()
    return directory


def start(service, admin_table):
    return service.start(machines=[paths.machines_directory(), admin_table])


def firmware(service, size=MIB):
    service.vendor.write("x", descriptors.flash(
        service.raw("code.fd", size), service.raw("vars.fd", size),
        targets=[target("x86_64", "new-board-*", "pc-q35-*")]))


@pytest.mark.parametrize("machine", ["new-board", "new-board-7"])
def test_new_board(service, admin_table, machine):
    firmware(service)
    (admin_table / "60-new.conf").write_text(board())
    client = start(service, admin_table)
    code, variables = client.select("x86_64", machine)["flash"]
    assert (code["name"], code["phys-addr"], code["num-blocks"]) == ("new.flash0", 0x10000000, 16)
    assert (variables["name"], variables["phys-addr"]) == ("new.flash1", 0x18000000)
    for unit in (code, variables):
        assert (unit["width"], unit["device-width"], unit["max-device-width"]) == (2, 1, 2)
        assert [unit[f"id{index}"] for index in range(4)] == [0x89, 0x18, 1, 2]
        assert unit["big-endian"] and unit["driver"] == "cfi.pflash01"
    assert client.select_name("x86_64", "q35") == "x", "the shipped boards are still known"


def test_new_board_is_known_after_a_reload(service, admin_table):
    firmware(service)
    client = start(service, admin_table)
    assert client.verdict_of("x", "x86_64", "new-board-1") == ("rejected", ["geometry-unknown"])
    (admin_table / "60-new.conf").write_text(board())
    client.reload()
    assert client.select_name("x86_64", "new-board-1") == "x"


def test_file_of_the_same_name_takes_the_place_of_the_shipped_one(service, admin_table):
    firmware(service)
    (admin_table / "50-x86.conf").write_text(board("pc-q35-*", "q35", "pc-q35-1.0"))
    client = start(service, admin_table)
    assert client.select("x86_64", "q35")["flash"][0]["name"] == "new.flash0"
    assert client.verdict_of("x", "x86_64", "pc")[0] == "rejected"


def test_broken_table_file_removes_itself_alone(service, admin_table):
    firmware(service)
    path = admin_table / "60-new.conf"
    path.write_text("\xff\xfe", encoding="latin-1")
    client = start(service, admin_table)
    assert [found for found, _ in client.problems()] == [str(path)]
    assert client.select_name("x86_64", "q35") == "x"
    assert client.verdict_of("x", "x86_64", "new-board-1") == ("rejected", ["geometry-unknown"])
    assert_all_answers(client)


def test_no_table_at_all_answers_what_needs_none(service, admin_table):
    firmware(service)
    service.vendor.write("y", descriptors.by_filename("memory", service.raw("bios.bin", 65536)))
    client = service.start(machines=[admin_table])
    assert client.verdict_of("x", "x86_64", "pc-q35-7.2") == ("rejected", ["geometry-unknown"])
    assert client.select_name("x86_64", "pc-q35-7.2") == "y"
