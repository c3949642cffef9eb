# SPDX-License-Identifier: LGPL-2.1-or-later
"""The client, on the bus of a service."""

import pytest

from lib.cli import Cli


@pytest.fixture
def cli(bus, service):
    return Cli(bus, service.directory)
