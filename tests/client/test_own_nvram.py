# SPDX-License-Identifier: LGPL-2.1-or-later
"""select --nvram: the file is looked at, and the firmware takes it."""

import os

import pytest

from lib import images
from lib.cli import FAILURE, NO_MATCH, USAGE

ASK = ["x86_64", "q35"]


@pytest.fixture
def files(service):
    service.ovmf("10-ovmf")
    service.uefi_vars("40-store")
    service.combined("50-whole")
    service.start_with_qemu()
    return service.directory


def test_firmware_that_takes_the_file(service, files, cli):
    images.raw(files / "vars.fd", images.OVMF_4M_VARS)
    images.qcow2(files / "vars.qcow2", images.OVMF_4M_VARS)
    (files / "vars.json").write_bytes(images.EMPTY_STORE)
    for name, firmware, form in (("vars.fd", "10-ovmf", "raw"), ("vars.qcow2", "10-ovmf", "qcow2"),
                                 ("vars.json", "40-store", None)):
        told = cli.json("select", *ASK, f"--nvram={name}", "--qemu-version=10.1")
        assert told["name"] == firmware
        if form:
            assert told["flash"][1]["filename"] == str(files / name)
            assert told["flash"][1]["format"] == form
        assert f"{name}" in cli("select", *ASK, f"--nvram={name}", "--render=qemu",
                                "--qemu-version=10.1")
    images.raw(files / "whole.fd", 2 * images.MIB)
    assert cli.json("select", *ASK, "--nvram=whole.fd", "--mode=combined")["name"] == "50-whole"
    assert cli.json("select", *ASK, "--nvram=not-there")["name"] == "10-ovmf"


def test_firmware_that_does_not(service, files, cli):
    images.raw(files / "vars.fd", images.OVMF_2M_VARS)
    text = cli.fails(NO_MATCH, "select", *ASK, "--nvram=vars.fd")
    assert "10-ovmf (nvram-size: 540672, not 131072 bytes)" in text
    assert "its NVRAM has another size" in cli("explain", *ASK, "--nvram-size=131072")
    (files / "vars.json").write_bytes(images.EMPTY_STORE)
    text = cli.fails(NO_MATCH, "select", *ASK, "--nvram=vars.json", "--firmware=10-ovmf")
    assert "10-ovmf (nvram-size: 540672, not 0 bytes, nvram-format)" in text
    (files / "empty").touch()
    assert "540672, not 0 bytes" in cli.fails(NO_MATCH, "select", *ASK, "--nvram=empty")


def test_options_take_precedence(files, cli):
    images.raw(files / "vars.fd", images.OVMF_2M_VARS)
    assert cli.json("select", *ASK, "--nvram=vars.fd", "--nvram-size=540672",
                    "--nvram-format=raw")["name"] == "10-ovmf"
    assert "bytes" in cli.fails(USAGE, "select", *ASK, "--nvram-size=1k")
    assert "raw, qcow2" in cli.fails(USAGE, "select", *ASK, "--nvram-format=vdi")
    assert "in qcow2" in cli.fails(FAILURE, "select", *ASK, "--nvram=vars.fd",
                                   "--nvram-format=qcow2")


def test_what_is_no_copy(service, files, cli):
    template = service.images / "10-ovmf-vars.fd"
    (files / "link").symlink_to(template)
    os.link(template, files / "hard")
    for path in (template, "link", "hard"):
        status = USAGE if os.path.normpath(path) == str(template) else FAILURE
        text = cli.fails(status, "select", *ASK, f"--nvram={path}")
        assert str(template) in text and "copy" in text
    code = service.images / "10-ovmf-code.fd"
    os.link(code, files / "code")
    text = cli.fails(FAILURE, "select", *ASK, "--nvram=code", "--nvram-size=540672")
    assert str(code) in text and "copy" in text
    assert "nvram-size: 540672, not 3653632 bytes" in cli.fails(
        NO_MATCH, "select", *ASK, "--nvram=code")


def test_files_that_are_none(files, cli):
    (files / "directory").mkdir()
    os.mkfifo(files / "fifo")
    for name in ("directory", "fifo", "/dev/null"):
        assert "no regular file" in cli.fails(FAILURE, "select", *ASK, f"--nvram={name}")
    images.qcow2(files / "base", images.OVMF_4M_VARS)
    os.system(f"qemu-img create -q -f qcow2 -F qcow2 -b {files}/base {files}/top")
    assert "names another file" in cli.fails(FAILURE, "select", *ASK, "--nvram=top")
    (files / "short").write_bytes(images.QCOW2_MAGIC)
    assert "in qcow2" in cli.fails(FAILURE, "select", *ASK, "--nvram=short")
    (files / "large.json").write_bytes(b"{" + b" " * (1 << 21))
    assert "in json" in cli.fails(FAILURE, "select", *ASK, "--nvram=large.json")
