# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service in its unit's sandbox passes the tests that it passes started by hand."""

import shutil

import pytest

from lib import paths
from lib.machine import LIBRARY

# What of each cannot be so here: the service's own files are root's, or the service runs as whom the
# test says, and on a kernel with Landlock, which the container refuses.
SUITES = {
    "test_layers.py": "",
    "test_reload.py": "",
    "test_vm_convert.py": "not (no_privileges or its_two_files or looked_at or leaves_behind or hangs)",
    "test_vm_lease.py": "not test_lease_is_a_read_only_fd_of_a_file_that_the_owner_cannot_open",
    "test_vm_methods.py": "",
    "test_vm_prepare.py": "not test_modes_and_owners_of_all_files",
}


@pytest.fixture(scope="module")
def suites(machine):
    """Below a directory that PrivateTmp= does not hide."""
    for name in ("bus", "conftest.py"):
        source, target = paths.REPOSITORY / "tests" / name, machine.path(f"{LIBRARY}/{name}")
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    shutil.copytree(paths.REPOSITORY / "data", machine.path(f"{LIBRARY}/data"))
    machine.shell("mkdir -p /srv/tests")
    yield
    machine.shell("systemctl stop vmfirmwared; rm -rf /run/systemd/system/vmfirmwared.service.d; "
                  "systemctl daemon-reload")


@pytest.mark.parametrize("suite", SUITES)
def test_the_sandboxed_service_passes(machine, suites, suite):
    done = machine.run(
        "env", "TMPDIR=/srv/tests", "PYTHONDONTWRITEBYTECODE=1", f"PYTHONPATH={LIBRARY}",
        f"VMFIRMWARED_DATA={LIBRARY}/data", "/usr/bin/python3", "-m", "pytest", "-q",
        "--tb=short", "-p", "lib.unitdaemon", "-p", "no:cacheprovider", "--rootdir", LIBRARY,
        "-k", SUITES[suite], f"{LIBRARY}/bus/{suite}", check=False, seconds=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout and "passed" in done.stdout
