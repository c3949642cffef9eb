# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the things under test are."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TEST_DATA = REPOSITORY / "tests" / "data"
INTERFACES = REPOSITORY / "dbus-interfaces"


def daemon_binary():
    path = os.environ.get("VMFIRMWARED")
    if not path:
        raise RuntimeError("VMFIRMWARED must name the vmfirmwared binary to test")
    if not os.path.isabs(path) or not os.access(path, os.X_OK):
        raise RuntimeError(f"VMFIRMWARED is not the absolute path of a program: {path}")
    return path


def daemon_prefix():
    """Where the daemon under test, and all that comes with it, is installed."""
    return Path(daemon_binary()).parents[1]


def data_directory():
    return Path(os.environ.get("VMFIRMWARED_DATA") or REPOSITORY / "data")


def machines_directory():
    return data_directory() / "machines"


def builtin_directory():
    return data_directory() / "firmware"
