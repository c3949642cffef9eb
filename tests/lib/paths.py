# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the things under test are."""

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
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


def copy_daemon(directory):
    """The daemon and the program that it is installed with, where any uid may execute them."""
    for name in ("vmfirmware-confine", "vmfirmwared"):
        copy = shutil.copy(Path(daemon_binary()).with_name(name), directory)
    return copy


@contextlib.contextmanager
def temporary_directory(parent=None):
    """One that any uid may enter, unlike pytest's own: root's service reads as nobody."""
    with tempfile.TemporaryDirectory(prefix="vmfirmware-test-", dir=parent) as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@functools.cache
def data_directory():
    """A copy that any uid may read, wherever the checkout is."""
    lasting = contextlib.ExitStack()
    atexit.register(lasting.close)
    copy = shutil.copytree(os.environ.get("VMFIRMWARED_DATA") or REPOSITORY / "data",
                           lasting.enter_context(temporary_directory()) / "data")
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


@functools.cache
def system_configuration():
    """Names what the service reads as nobody, who may not enter a checkout in a home."""
    path = data_directory() / "vmfirmwared.conf"
    path.write_text(f"[Catalog]\nCertificateDirectories={data_directory()}/certificates\n",
                    encoding="utf-8")
    path.chmod(0o644)
    return path


def machines_directory():
    return data_directory() / "machines"


def builtin_directory():
    return data_directory() / "firmware"
