# SPDX-License-Identifier: LGPL-2.1-or-later
"""Some rounds of what `tests/soak --vms` does many of."""

import pytest

from lib import paths
from lib.vmsoak import VMSoak


@pytest.mark.parametrize("seed", [1, 2])
def test_vms_of_a_service_that_is_killed(bus, seed):
    with paths.temporary_directory() as directory:
        soak = VMSoak(bus, directory, seed)
        try:
            soak.run(10)
            assert soak.calls > 50
        finally:
            soak.end()
