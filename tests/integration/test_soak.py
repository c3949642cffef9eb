# SPDX-License-Identifier: LGPL-2.1-or-later
"""Nothing drifts: the short form of tests/soak."""

import pytest

from lib.soak import Soak

# the service's user: to root, modes say nothing
UID = 1


@pytest.mark.parametrize("seed, uid, operations", [(1, UID, 500), (2, None, 150)])
def test_short_soak(bus, fresh_bus, tmp_path, seed, uid, operations):
    soak = Soak(bus, fresh_bus, tmp_path, seed, uid)
    try:
        soak.run(operations)
        soak.close()
    finally:
        soak.end()
