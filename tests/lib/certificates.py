# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates of the tests' own."""

import hashlib
import os
import subprocess
from pathlib import Path


def make(directory, name):
    """DER of a new certificate."""
    path = Path(directory) / f"{name}.der"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10",
                    "-subj", f"/CN={name}", "-keyout", os.devnull, "-outform", "DER",
                    "-out", str(path)], check=True, capture_output=True)
    return path.read_bytes()


def table(**purposes):
    """A file of known certificates, {purpose: DER}: tests-2030."""
    return "".join(
        f"[tests-{purpose}]\nsha256={hashlib.sha256(der).hexdigest()}\npurpose={purpose}\n"
        "generation=2030\nauthority=tests\n"
        for purpose, der in ((key.replace("_", "-"), der) for key, der in purposes.items()))
