# SPDX-License-Identifier: LGPL-2.1-or-later
"""What packages, administrators and users bring is read with no more rights than nobody has."""

import hashlib
import os
import re

import pytest

from lib import images, paths
from lib.checks import raises
from lib.vms import GONE, IO_ERROR, NO_MATCH, NOBODY, OTHER, VMs

SERVICE_UID = 1
# whose functions open what is the service's own, or an owner's
STORE = {f"daemon/vm/{name}.c" for name in (
    "vmstore", "vmstore-lease", "vmdraft", "vmfiles", "vm-owner")}
# whose program drops it, but may be where nobody may not go
STARTS = "daemon/vm/confine.c"
TABLE = "[test-*]\narchitectures=x86_64\naliases=test\n"


@pytest.fixture(params=["unit", "root"])
def start(service, request):
    return {"unit": lambda: service.start_as_unit(SERVICE_UID), "root": service.start}[request.param]


def secret(path):
    os.chown(path, 0, 0)
    os.chmod(path, 0o600)
    return path


def status(service, *keys):
    with open(f"/proc/{service.daemon.process.pid}/status", encoding="ascii") as file:
        lines = dict(line.split(":\t", 1) for line in file)
    return [lines[key].split() for key in keys]


def test_root_has_the_files_of_nobody(service):
    service.start()
    uids, gids, groups = status(service, "Uid", "Gid", "Groups")
    assert (uids, gids, groups) == (["0", "0", "0", "65534"], ["0", "0", "0", "65534"], [])


def test_a_descriptor_of_root_alone_is_unreadable(service, start):
    service.ovmf("a")
    path = service.add("b")
    secret(path)
    client = start()
    assert client.names() == ["a", "b"]
    assert client.state("b") == "invalid"
    assert [found for found, _ in client.problems()] == [path]


def test_an_image_of_root_alone_is_unreadable(service, start):
    code, _ = service.ovmf()
    secret(code)
    vms = VMs(start())
    assert vms.client.verdict_of("ovmf", "x86_64", "q35") == (
        "rejected", [f"file-unreadable:{code}"])
    with raises(NO_MATCH):
        vms.prepare()


def test_layers_of_root_alone_are_empty(service, start):
    service.ovmf()
    service.add("b", service.admin)
    service.admin.path.chmod(0o700)
    os.chown(service.admin.path, 0, 0)
    assert start().names() == ["ovmf"]


def test_a_link_to_what_only_root_may_read(service, start):
    """In a directory of a user's, who may change what an administrator's descriptor names."""
    _, template = service.ovmf()
    shadow = service.raw("shadow", images.OVMF_4M_VARS, b"root:secret")
    secret(shadow)
    vms = VMs(start())
    before = vms.make("before", owner=OTHER)
    os.unlink(template)
    os.symlink(shadow, template)
    for change in (lambda: vms.prepare("after", owner=OTHER), before.reset, before.rebind):
        with pytest.raises(Exception) as info:
            change()
        assert "secret" not in str(info.value)
    digest = hashlib.sha256(open(shadow, "rb").read()).hexdigest()
    vms.client.reload()
    assert [entry[0] for entry in vms.list(all=True)] == ["before"]
    assert before.get("TemplateDigest") != digest
    assert before.read().startswith(b"template")


def test_an_image_that_only_the_service_may_read(service, start):
    """Another VM's record, say: it is copied to nobody, and its digest is told to nobody."""
    _, template = service.ovmf()
    vms = VMs(start())
    before = vms.make("before", owner=OTHER)
    digest = before.get("TemplateDigest")
    uid = os.stat(f"/proc/{service.daemon.process.pid}").st_uid or NOBODY
    for path in (template, service.raw("another", images.OVMF_4M_VARS, b"secret")):
        os.chown(path, uid, uid)
        os.chmod(path, 0o600)
    os.unlink(template)
    os.symlink(path, template)
    vms.client.reload()
    with raises(IO_ERROR, "Permission denied"):
        vms.prepare("after", owner=OTHER)
    with raises(IO_ERROR, "Permission denied"):
        before.rebind()
    with raises(GONE, "Permission denied"):
        before.reset()
    assert vms.prepare("before", owner=OTHER)["changed"] == ["nvram-template"]
    assert before.get("TemplateDigest") == digest
    assert [entry[0] for entry in vms.list(all=True)] == ["before"]


def test_only_the_store_raises_it():
    raising = {str(path.relative_to(paths.REPOSITORY))
               for path in (paths.REPOSITORY / "daemon").rglob("*.c")
               if re.search(r"\bPRIVILEGE_SCOPE\b|\bprivilege_raise\b", path.read_text("utf-8"))}
    assert raising == {*STORE, STARTS, "daemon/base/privilege.c"}
