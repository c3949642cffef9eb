# SPDX-License-Identifier: LGPL-2.1-or-later
"""No neighbour does harm: the short form of tests/busfuzz."""

from lib.busfuzz import BusFuzz


def test_short_busfuzz(own_bus, tmp_path):
    fuzz = BusFuzz(own_bus, tmp_path, seed=1)
    try:
        fuzz.run(seconds=30)
        assert fuzz.answers["PrepareVM"]
    finally:
        fuzz.end()
