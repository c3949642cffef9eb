# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures that all tests share."""

import shutil
import tempfile
from pathlib import Path

import pytest

from lib.bus import PrivateBus
from lib.live import Live
from lib.service import Service


@pytest.fixture(scope="session")
def bus():
    private_bus = PrivateBus()
    yield private_bus
    private_bus.close()


@pytest.fixture(scope="session")
def fresh_bus():
    """Another one, for a service to compare with."""
    private_bus = PrivateBus()
    yield private_bus
    private_bus.close()


@pytest.fixture
def own_bus():
    """One that a test need not share."""
    private_bus = PrivateBus()
    yield private_bus
    private_bus.close()


@pytest.fixture
def service(bus):
    """In a directory that every uid may enter, unlike pytest's, as an owner's QEMU must."""
    directory = Path(tempfile.mkdtemp(prefix="vmfirmware-test-"))
    directory.chmod(0o755)
    made = Service(bus, directory)
    yield made
    try:
        made.close()
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def start_live(service, fresh_bus):
    """Live, called when the layers are filled; everything is compared once more at the end."""
    made = []

    def start(**options):
        made.append(Live(service, fresh_bus, **options))
        return made[-1]

    yield start
    for live in made:
        live.check()
