# SPDX-License-Identifier: LGPL-2.1-or-later
"""Another program that reads variable stores: Debian's python3-virt-firmware, from Debian 13 on."""

import json
import shutil
import subprocess

PROGRAM = shutil.which("virt-fw-vars")


def convert(path, output):
    """The variables of a store, which is written to OUTPUT in QEMU's format."""
    subprocess.run([PROGRAM, "--input", path, "--output-json", output], check=True,
                   stderr=subprocess.DEVNULL)
    return json.loads(output.read_text())["variables"]
