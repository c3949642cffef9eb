# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures that all tests share."""

import signal

import pytest

from lib import paths
from lib.bus import PrivateBus
from lib.live import Live
from lib.service import Service

# nohup, or a shell's &, has the tests ignore them: a command that is started here would as well
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def tmp_path():
    with paths.temporary_directory() as directory:
        yield directory


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
