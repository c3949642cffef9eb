# SPDX-License-Identifier: LGPL-2.1-or-later
"""GnuTLS is in memory only while digests and certificates are read."""

import hashlib
from pathlib import Path

import pytest

from lib import images
from lib.faults import Strace
from lib.vms import VMs
from lib.wait import until

LIBRARY = "libgnutls.so.30"
SIZE = 8192


class Images:
    """Firmware whose template is another one each time, so that its digest has to be computed."""

    def __init__(self, service):
        self.service = service
        code = service.raw("code.fd", images.OVMF_4M_CODE, b"code")
        self.template = service.raw("vars.fd", SIZE, b"0")
        service.add_pair("50-pair", code, self.template)
        self.vms = VMs(service.start_blind())
        self.pid = service.daemon.process.pid

    def is_loaded(self):
        with open(f"/proc/{self.pid}/maps", encoding="utf-8") as maps:
            return LIBRARY in maps.read()

    def until_unloaded(self):
        until(lambda: not self.is_loaded(), "the library is unloaded")

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


def test_it_is_unloaded_after_each_use(pair):
    for name in ("first", "second", "third"):
        pair.until_unloaded()
        pair.read_new(name)
    pair.until_unloaded()


def test_a_moment_without_the_library_is_waited_for(service, pair):
    """A package is being replaced, or others have all the descriptors."""
    pair.until_unloaded()
    paths = [path for root in ("/lib", "/usr/lib") for path in Path(root).glob(f"*/{LIBRARY}")]
    with Strace(pair.pid, service.directory / "strace",
                ["trace=openat", "inject=openat:error=EMFILE:when=1..8"], paths=paths) as strace:
        pair.read_new("vm")
    assert sum("INJECTED" in line for line in strace.lines()) == 8
