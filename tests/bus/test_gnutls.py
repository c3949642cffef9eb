# SPDX-License-Identifier: LGPL-2.1-or-later
"""GnuTLS is in memory only while digests and certificates are read."""

import hashlib
from pathlib import Path

import pytest

from lib import certificates, images
from lib.config import write_config
from lib.faults import Strace
from lib.vms import VMs, change
from lib.wait import until

LIBRARY = "libgnutls.so.30"
SIZE = 8192
ENROLLED = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"


def until_unloaded(service):
    maps = Path(f"/proc/{service.daemon.process.pid}/maps")
    until(lambda: LIBRARY not in maps.read_text(encoding="utf-8"), "the library is unloaded")


class Images:
    """Firmware whose template is another one each time, so that its digest has to be computed."""

    def __init__(self, service):
        self.service = service
        code = service.raw("code.fd", images.OVMF_4M_CODE, b"code")
        self.template = service.raw("vars.fd", SIZE, b"0")
        service.add_pair("50-pair", code, self.template)
        self.vms = VMs(service.start_blind())
        self.pid = service.daemon.process.pid

    def read_new(self, name):
        """Is a digest computed, and rightly?"""
        content = name.encode().ljust(SIZE, b"\0")
        with open(self.template, "r+b") as file:
            file.write(content)
        self.vms.prepare(name)
        assert self.vms.at(name).get("TemplateDigest") == hashlib.sha256(content).hexdigest()


@pytest.fixture
def pair(service):
    return Images(service)


def test_it_is_unloaded_after_each_use(service, pair):
    for name in ("first", "second", "third"):
        until_unloaded(service)
        pair.read_new(name)
    until_unloaded(service)


def test_a_moment_without_the_library_is_waited_for(service, pair):
    """A package is being replaced, or others have all the descriptors."""
    until_unloaded(service)
    paths = [path for root in ("/lib", "/usr/lib") for path in Path(root).glob(f"*/{LIBRARY}")]
    with Strace(pair.pid, service.directory / "strace",
                ["trace=openat", "inject=openat:error=EMFILE:when=1..8"], paths=paths) as strace:
        pair.read_new("vm")
    assert sum("INJECTED" in line for line in strace.lines()) == 8


def test_the_event_loop_does_not_load_it(service, tmp_path):
    """It would wait for a disk or a descriptor, and its thread, which does not end, would keep it."""
    data = certificates.make(tmp_path, "ours")
    directory = service.directory / "enroll" / "db"
    directory.mkdir(parents=True)
    (directory / "ours.der").write_bytes(data)
    service.add_pair("50-secure", service.raw("code.fd", images.OVMF_4M_CODE),
                     images.copy(ENROLLED, service.images / "vars.fd"), features=["secure-boot"])
    vms = VMs(service.start(arguments=[
        write_config(service.directory, EnrollDirectory=directory.parent)]))
    ours = hashlib.sha256(data).hexdigest()
    vm = vms.make(certificates=[ours])
    until_unloaded(service)
    assert ours in [one["sha256"] for one in vm.read_variables()["signatures"]]
    until_unloaded(service)
    assert vm.change_variables(change("enroll", into="db", data=data))["changes"] == []
    until_unloaded(service)
