# SPDX-License-Identifier: LGPL-2.1-or-later
"""A distribution update under VMs that are pinned: 2M firmware becomes 4M, moves, changes, goes.

The images of 4M are copies of Debian's own, so that they can be taken away; those of 2M, which Debian
13 has no more, are files of their sizes.
"""

import os
import shutil
from pathlib import Path

import pytest

from lib import descriptors, images, vmstate
from lib.checks import raises
from lib.qemu import Qemu
from lib.vms import GONE, MISMATCH, VMs

OVMF = Path("/usr/share/OVMF")
SIZES_OF_2M = {"OVMF_CODE.fd": images.OVMF_2M_CODE, "OVMF_VARS.fd": images.OVMF_2M_VARS}
Q35 = descriptors.target("x86_64", "pc-q35-*")
SECURE = ["enrolled-keys", "requires-smm", "secure-boot"]
NAME = "60-edk2-x86_64"


def put(name, path):
    """A copy of OVMF's image of this name."""
    if name in SIZES_OF_2M:
        images.raw(str(path), SIZES_OF_2M[name], name.encode())
    else:
        shutil.copyfile(OVMF / name, path)


def spare_end(size):
    """Where the variables of an image of this size end, or of the whole firmware that it is."""
    return images.OVMF_4M_VARS if size in (images.OVMF_4M_VARS, 4 * images.MIB) \
        else images.OVMF_2M_VARS


class Distribution:
    """Installed firmware, and the VM "guest" that was made when it was 2M."""

    def __init__(self, service):
        self.service = service
        self.directory = service.images

    def install(self, name, code, template, features=(), as_code=None, as_template=None):
        """Copies of OVMF's images under their names or others, and a descriptor."""
        code_path = self.directory / (as_code or code)
        template_path = self.directory / (as_template or template)
        put(code, code_path)
        put(template, template_path)
        self.service.vendor.write(name, descriptors.flash(
            code_path, template_path, targets=[Q35], features=list(features)))
        return str(code_path), str(template_path)

    def install_2m(self, name=NAME, **members):
        return self.install(name, "OVMF_CODE.fd", "OVMF_VARS.fd", **members)

    def install_4m(self, name=NAME, **members):
        return self.install(name, "OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd", **members)

    def start(self):
        self.vms = VMs(self.service.start())

    def make_guest(self, **given):
        """The guest has run: its NVRAM is no template any more."""
        self.start()
        self.first = self.vms.prepare("guest", machine="q35", render=["qemu"], **given)
        self.nvram = Path(self.first["nvram"]["filename"])
        with open(self.nvram, "r+b") as file:
            # in the spare area, which holds no variables
            file.seek(spare_end(os.fstat(file.fileno()).st_size) - 64)
            file.write(b"what the guest wrote")
        self.state = self.shot()

    def shot(self):
        return vmstate.snapshot(self.service.directory / "state")

    def update(self, how):
        """The service learns of what has been installed, or does not."""
        if how == "reload":
            self.service.client.reload()
        elif how == "restart":
            self.service.daemons.pop().stop()
            self.start()

    def prepare(self):
        return self.vms.prepare("guest", machine="q35", render=["qemu"])

    def vm(self):
        return self.vms.find("guest")

    def vm_state(self):
        return self.vm().get("State")

    def assert_kept(self, changed, nothing_else=True):
        """The same answer as before but for what is told; not one byte has changed."""
        answer = self.prepare()
        assert answer["pinned"] and sorted(answer["changed"]) == sorted(changed)
        assert answer["nvram"] == {**self.first["nvram"], "created": False}
        if nothing_else:
            for key in {*self.first, *answer} - {"pinned", "changed", "nvram"}:
                assert answer[key] == self.first[key], key
        # but for a copy of a store that the guest has changed
        assert {name: found for name, found in self.shot().items()
                if not Path(name).name.startswith("backup")} == self.state
        assert self.vm_state() == ("changed" if changed else "ready")
        return answer

    def assert_gone(self, *words):
        with raises(GONE, "guest", *words):
            self.prepare()
        with raises(GONE):
            self.vms.prepare("guest", machine="q35", lease=True)
        assert self.shot() == self.state
        assert self.vm_state() == "firmware-gone"
        assert not self.vm().get("InUse")


@pytest.fixture
def distribution(service):
    return Distribution(service)


every_way = pytest.mark.parametrize("how", ["reload", "restart"])


@every_way
def test_2m_becomes_4m_and_the_old_images_stay(distribution, how):
    distribution.install_2m()
    distribution.make_guest()
    code, _ = distribution.install_4m()
    distribution.update(how)
    answer = distribution.assert_kept(["descriptor"])
    with Qemu("x86_64", answer["qemu-arguments"]) as qemu:
        qemu.execute("query-status")
    fresh = distribution.vms.prepare("newer", machine="q35")
    assert fresh["executable"]["filename"] == code and fresh["changed"] == []
    assert fresh["nvram"]["size"] == 540672


@every_way
def test_2m_becomes_4m_and_the_old_images_go(distribution, how):
    old = distribution.install_2m()
    distribution.make_guest()
    distribution.install_4m()
    for path in old:
        os.unlink(path)
    distribution.update(how)
    distribution.assert_gone(NAME)
    with raises(MISMATCH):
        distribution.vm().rebind()
    assert distribution.shot() == distribution.state
    # What was taken away comes back: nothing was lost.
    for path in old:
        put(Path(path).name, path)
    distribution.update(how)
    distribution.assert_kept(["descriptor"])


def test_rebind_with_reset_is_the_way_from_2m_to_4m(distribution):
    old = distribution.install_2m()
    distribution.make_guest()
    before = distribution.nvram.read_bytes()
    _, template = distribution.install_4m()
    for path in old:
        os.unlink(path)
    distribution.update("reload")
    answer = distribution.vm().rebind(reset=True, render=["qemu"])
    assert answer["changed"] == [] and answer["nvram"]["size"] == 540672
    assert distribution.nvram.read_bytes() == Path(template).read_bytes()
    assert distribution.vm().export(backup=True) == before
    with Qemu("x86_64", answer["qemu-arguments"]) as qemu:
        qemu.execute("query-status")
    assert distribution.prepare()["changed"] == []
    assert distribution.vm_state() == "ready"


@every_way
def test_renamed_to_an_equivalent(distribution, how):
    old = distribution.install_2m()
    distribution.make_guest()
    distribution.service.vendor.remove(NAME)
    for path in old:
        os.unlink(path)
    # The first in order is none: it lacks nothing but has another geometry.
    distribution.install_4m("40-four")
    code, template = distribution.install_2m("50-moved", as_code="code.fd",
                                             as_template="vars.fd")
    distribution.update(how)
    answer = distribution.assert_kept(["descriptor", "executable", "nvram-template", "replaced"],
                                      nothing_else=False)
    assert answer["name"] == "50-moved"
    assert answer["executable"]["filename"] == code
    assert answer["nvram-template"]["filename"] == template
    filenames = [unit["filename"] for unit in answer["flash"]]
    assert filenames == [code, str(distribution.nvram)]
    geometry = [{**unit, "filename": ""} for unit in answer["flash"]]
    assert geometry == [{**unit, "filename": ""} for unit in distribution.first["flash"]]
    with Qemu("x86_64", answer["qemu-arguments"]) as qemu:
        qemu.execute("query-status")
    # It is no choice of its own: the old one counts again when it is back.
    distribution.install_2m()
    distribution.update(how)
    distribution.assert_kept([])


@pytest.mark.parametrize("features", [[], ["secure-boot", "requires-smm"],
                                      [*SECURE, "amd-sev"]], ids=str)
def test_never_a_downgrade(distribution, features):
    """Of the same geometry and machine, but another sort of firmware: not in silence."""
    secure = {"code": "OVMF_CODE_4M.secboot.fd", "template": "OVMF_VARS_4M.ms.fd",
              "features": SECURE}
    code, _ = distribution.install("40-secure", **secure)
    distribution.make_guest()
    os.unlink(code)
    distribution.install("50-other", "OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd", features)
    distribution.update("reload")
    distribution.assert_gone("50-other")
    # A true equivalent is taken at once.
    distribution.install("70-equal", as_code="equal.fd", **secure)
    distribution.update("reload")
    answer = distribution.assert_kept(["executable", "replaced"], nothing_else=False)
    assert answer["name"] == "70-equal" and set(answer["features"]) == set(SECURE)


@pytest.mark.parametrize("how", ["reload", "restart", "nothing"])
def test_image_removed(distribution, how):
    code, _ = distribution.install_2m()
    distribution.make_guest()
    os.unlink(code)
    distribution.update(how)
    distribution.assert_gone()
    put("OVMF_CODE.fd", code)
    distribution.update(how)
    distribution.assert_kept([])


@pytest.mark.parametrize("how", ["reload", "restart", "nothing"])
def test_image_overwritten_by_a_larger_one(distribution, how):
    code, template = distribution.install_2m()
    distribution.make_guest()
    shutil.copyfile(OVMF / "OVMF_CODE_4M.fd", code)
    shutil.copyfile(OVMF / "OVMF_VARS_4M.fd", template)
    distribution.update(how)
    distribution.assert_gone()


@pytest.mark.parametrize("how", ["reload", "restart", "nothing"])
def test_image_updated_in_place(distribution, how):
    code, _ = distribution.install_2m()
    distribution.make_guest()
    with open(code, "r+b") as file:
        file.write(b"a newer build")
    distribution.update(how)
    distribution.assert_kept(["executable"])
    # It stays told until Rebind, which pins what is there now, and keeps the NVRAM.
    distribution.assert_kept(["executable"])
    before = distribution.nvram.read_bytes()
    distribution.vm().rebind()
    assert distribution.prepare()["changed"] == []
    assert distribution.nvram.read_bytes() == before


@pytest.mark.parametrize("how", ["reload", "restart", "nothing"])
def test_template_changed(distribution, how):
    _, template = distribution.install_2m()
    distribution.make_guest()
    with open(template, "r+b") as file:
        file.seek(2000)
        file.write(b"newer keys")
    distribution.update(how)
    distribution.assert_kept(["nvram-template"])
    before = distribution.nvram.read_bytes()
    distribution.vm().reset()
    assert distribution.nvram.read_bytes() == Path(template).read_bytes()
    assert distribution.vm().export(backup=True) == before


@pytest.mark.parametrize("how", ["reload", "restart", "nothing"])
def test_template_removed_stops_only_reset(distribution, how):
    _, template = distribution.install_2m()
    distribution.make_guest()
    os.unlink(template)
    distribution.update(how)
    distribution.assert_kept(["nvram-template"])
    with raises(GONE, template):
        distribution.vm().reset()
    distribution.vm().clone("copy")
    copy = distribution.nvram.parent.parent / "copy" / distribution.nvram.name
    assert copy.read_bytes() == distribution.nvram.read_bytes()


@every_way
def test_source_of_a_combined_image_removed(distribution, how):
    source = distribution.directory / "OVMF.fd"
    shutil.copyfile("/usr/share/ovmf/OVMF.fd", source)
    distribution.service.vendor.write("whole", descriptors.flash(source, mode="combined",
                                                                 targets=[Q35]))
    distribution.make_guest()
    os.unlink(source)
    distribution.update(how)
    answer = distribution.assert_kept(["executable"])
    with Qemu("x86_64", answer["qemu-arguments"]) as qemu:
        qemu.execute("query-status")
    with raises(GONE):
        distribution.vm().reset()


@every_way
def test_all_firmware_removed(distribution, how):
    installed = distribution.install_2m()
    distribution.make_guest()
    for path in installed:
        os.unlink(path)
    distribution.service.vendor.remove(NAME)
    distribution.update(how)
    distribution.assert_gone()
