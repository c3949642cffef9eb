# SPDX-License-Identifier: LGPL-2.1-or-later
"""The report has what another program finds: Debian's python3-virt-firmware, from Debian 13 on."""

import glob
import json

import pytest

from lib import edk2, virtfw

TEMPLATES = sorted(path for directory in ("OVMF", "AAVMF")
                   for path in glob.glob(f"/usr/share/{directory}/*VARS*.fd")
                   if edk2.is_formatted(path))

if virtfw.PROGRAM:
    @pytest.mark.parametrize("path", TEMPLATES)
    def test_variable_by_variable(cli, service, path):
        # in QEMU's format, which is read, too
        output = service.directory / "store.json"
        theirs = virtfw.convert(path, output)
        report, converted = (cli.json("variables", "--list", each) for each in (path, output))
        assert {(one["guid"], one["name"], one["attributes"], one["size"])
                for one in report["list"]} == {
            (one["guid"], one["name"], one["attr"], len(one["data"]) // 2) for one in theirs}
        for key in ("certificates", "expires", "secure-boot", "platform-key", "key-exchange-keys",
                    "signatures", "forbidden-hashes", "boot-order", "boot-entries"):
            assert report[key] == converted[key], key
        assert sorted(report["list"], key=json.dumps) == sorted(converted["list"], key=json.dumps)
