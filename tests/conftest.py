# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures that all tests share."""

import pytest

from lib.bus import PrivateBus
from lib.live import start_live  # noqa: F401
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
def service(bus, tmp_path):
    made = Service(bus, tmp_path)
    yield made
    made.close()
