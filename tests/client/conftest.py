# SPDX-License-Identifier: LGPL-2.1-or-later
"""A service with one firmware, and the client on its bus."""

import pytest

from lib.cli import Cli
from lib.vms import service  # noqa: F401


@pytest.fixture
def cli(bus, service):  # noqa: F811
    return Cli(bus, service.directory)
