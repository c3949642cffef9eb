# SPDX-License-Identifier: LGPL-2.1-or-later
"""The flash that Select tells is the flash that a real QEMU builds from Select's arguments."""

import json

import pytest

from lib import boards, descriptors, flashes, images
from lib.boards import RENDERS
from lib.qemu import canonical
from lib.vms import VMs

BOARDS = [*boards.x86_boards(), *boards.other_boards()]


def by_name(board):
    return board.name


@pytest.mark.parametrize("render", RENDERS)
@pytest.mark.parametrize("board", BOARDS, ids=by_name)
def test_every_key_of_every_unit_equals_the_running_qemu(service, board, render):
    executable, template = board.describe(service)
    copy = board.writable_copy(service, executable, template)
    given = {"nvram_filename": copy} if copy else {}
    client = service.start_with_qemu()
    resolution = client.select(board.architecture, board.machine, render=[render], **given)
    assert set(resolution) & set(RENDERS.values()) == {RENDERS[render]}
    assert resolution["executable"]["filename"] == executable
    boards.start_and_compare(board, resolution, render)


@pytest.mark.parametrize("board", BOARDS, ids=by_name)
def test_units_keep_the_contracts_types_and_roles(service, board):
    board.describe(service)
    client = service.start()
    raw = client.select_raw(board.architecture, board.machine).get_child_value(1)
    units = raw.lookup_value("flash", None)
    assert units.get_type_string() == "aa{sv}"
    for index in range(units.n_children()):
        unit = units.get_child_value(index)
        types = {key: unit.lookup_value(key, None).get_type_string() for key in unit.keys()}
        assert types == flashes.UNIT_TYPES
    plain = units.unpack()
    roles = ["executable", "nvram"] if board.template else ["executable"]
    assert [unit["role"] for unit in plain] == roles
    assert [unit["unit"] for unit in plain] == list(range(len(roles)))
    assert plain[0]["read-only"] == (board.mode != "combined")
    assert all(not unit["read-only"] and unit["filename"] == "" for unit in plain[1:])


@pytest.mark.parametrize("board", BOARDS, ids=by_name)
def test_geometry_is_the_same_without_an_installed_qemu(service, board):
    board.describe(service)
    without = service.start().select(board.architecture, board.machine)
    service.daemon.stop()
    service.daemons.clear()
    with_qemu = service.start_with_qemu().select(board.architecture, board.machine)
    assert without["flash"] == with_qemu["flash"]
    assert without["machine"] == board.machine


def test_what_is_recorded_starts_where_the_table_knows_no_board(service):
    """A VM's copy of a short template fills its unit."""
    size, sector = 64 * images.MIB, 0x40000
    code, variables = (
        {"name": f"virt.flash{unit}", "phys-addr": unit * size, "num-blocks": size // sector,
         "sector-length": sector, "width": 4, "device-width": 2, "max-device-width": 2,
         "id0": 0x89, "id1": 0x18} for unit in range(2))
    service.vendor.write("x", descriptors.descriptor(
        {"device": "flash",
         "executable": descriptors.image(service.raw("code.fd", size), flash=code),
         "nvram-template": descriptors.image(service.raw("vars.fd", 128 * 1024), flash=variables)},
        targets=[descriptors.target("aarch64", "virt-*")]))
    (service.directory / "no-machines").mkdir()
    client = service.start(machines=[service.directory / "no-machines"])
    vm = VMs(client).make("vm", "aarch64", canonical("aarch64", "virt"), render=["qemu"])
    with boards.Qemu("aarch64", vm.resolution["qemu-arguments"]) as qemu:
        flashes.assert_equal(qemu, vm.resolution["flash"])


def test_both_renders_can_be_asked_for_at_once(service):
    board = boards.ovmf("4M", "q35", "_4M")
    copy = board.writable_copy(service, *board.describe(service))
    client = service.start_with_qemu()
    resolution = client.select("x86_64", "q35", nvram_filename=copy,
                               render=["qemu", "qemu-legacy"])
    for render in RENDERS:
        boards.start_and_compare(board, resolution, render)


@pytest.mark.parametrize("machine,device", [("q35", "ICH9-LPC"), ("pc", "PIIX4_PM")])
@pytest.mark.parametrize("render", ["qemu", "qemu-legacy"])
def test_s3_is_as_the_firmware_has_it(service, machine, device, render):
    def disabled(qemu, parent="/machine/unattached", levels=1):
        """Of each such device; newer QEMUs have PIIX4_PM in the device of the south bridge."""
        found = []
        for name, kind in qemu.children(parent).items():
            if kind == f"child<{device}>":
                found.append(qemu.get(f"{parent}/{name}", "disable_s3"))
            elif levels and kind.startswith("child<"):
                found += disabled(qemu, f"{parent}/{name}", levels - 1)
        return found

    board = boards.ovmf("sleepy", machine, "_4M")
    copy = board.writable_copy(service, *board.describe(service, "sleepy"))
    client = service.start_with_qemu()
    resolution = client.select("x86_64", machine, nvram_filename=copy, render=[render])
    assert (device, "disable_s3", "1") in resolution["global-properties"]
    with boards.Qemu("x86_64", resolution[f"{render}-arguments"]) as qemu:
        assert disabled(qemu) == [1]
        assert "warning" not in qemu.error_text()
    with open(service.vendor.file("sleepy"), encoding="utf-8") as file:
        descriptor = json.load(file)
    service.vendor.write("sleepy", {**descriptor, "features": ["acpi-s3"]})
    client.reload()
    resolution = client.select("x86_64", machine, nvram_filename=copy, render=[render])
    assert "disable_s3" not in str(resolution)
    with boards.Qemu("x86_64", resolution[f"{render}-arguments"]) as qemu:
        assert disabled(qemu) == [0]


def test_secure_boot_turns_smm_and_secure_on_in_the_running_qemu(service):
    board = boards.ovmf("secure", "q35", "_4M", features=("secure-boot", "requires-smm"))
    copy = board.writable_copy(service, *board.describe(service))
    client = service.start_with_qemu()
    resolution = client.select("x86_64", "q35", nvram_filename=copy, render=["qemu"])
    assert resolution["machine-properties"] == {"smm": "on"}
    assert resolution["global-properties"] == [("cfi.pflash01", "secure", "on"),
                                               ("ICH9-LPC", "disable_s3", "1")]
    assert [unit["secure"] for unit in resolution["flash"]] == [True, True]
    with boards.Qemu("x86_64", resolution["qemu-arguments"]) as qemu:
        assert qemu.get("/machine", "smm") == "on"
        assert "warning" not in qemu.error_text()
        flashes.assert_equal(qemu, resolution["flash"])
