# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each version of a machine that the installed QEMU has gets the flash that Select tells."""

import dataclasses
from fnmatch import fnmatchcase

import pytest

from lib import boards, qemu

PC = [boards.ovmf("4M", machine, "_4M") for machine in ("pc", "q35")]
BOARDS = [*PC, *(dataclasses.replace(board, architecture="i386") for board in PC),
          *(board for board in boards.other_boards() if board.name in ("arm-virt", "aarch64-virt"))]


@pytest.mark.parametrize("board", BOARDS,
                         ids=lambda board: f"{board.architecture}-{board.machine}")
def test_every_version_of_a_machine(service, board):
    copy = board.writable_copy(service, *board.describe(service))
    client = service.start_with_qemu()
    machines = [name for name in qemu.machines(board.architecture) if fnmatchcase(name, board.glob)]
    assert len(machines) > 10
    for machine in machines:
        resolution = client.select(board.architecture, machine, nvram_filename=copy,
                                   render=["qemu"])
        assert resolution["machine"] == machine
        boards.start_and_compare(board, resolution, "qemu")
