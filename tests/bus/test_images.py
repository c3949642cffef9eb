# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images must exist, be regular and readable, and be what the descriptor says."""

import os
import struct

import pytest

from lib import descriptors, images
from lib.checks import assert_all_answers, raises
from lib.client import NO_MATCH


def refused(service, reasons, name="x", problem=True):
    """The firmware is unusable for these reasons, wherever that is told."""
    client = service.client
    firmware = client.firmware(name)
    assert (firmware["State"], firmware["Problems"]) == ("unusable", reasons)
    assert client.verdict_of(name, "x86_64", "q35") == ("rejected", reasons)
    told = dict(client.problems())
    assert all(reason in told[firmware["Path"]] for reason in reasons)
    assert name not in client.capabilities("x86_64", "q35")["firmware"]
    with raises(NO_MATCH, name, reasons[0]):
        client.select("x86_64", "q35", firmware=name)
    assert_all_answers(client)


def test_missing_executable_and_template_are_both_told(service):
    code, variables = str(service.images / "no-code"), str(service.images / "no-vars")
    service.vendor.write("x", descriptors.flash(code, variables))
    service.start()
    refused(service, [f"file-missing:{code}", f"file-missing:{variables}"])


def test_missing_template_alone_makes_it_unusable(service):
    code, variables = service.raw("code.fd"), str(service.images / "no-vars")
    service.vendor.write("x", descriptors.flash(code, variables))
    service.start()
    refused(service, [f"file-missing:{variables}"])


@pytest.mark.parametrize("device", ["memory", "kernel", "igvm"])
def test_missing_file_of_other_devices(service, device):
    path = str(service.images / "nowhere")
    service.vendor.write("x", descriptors.by_filename(device, path))
    service.start()
    refused(service, [f"file-missing:{path}"])


def test_missing_uefi_vars_template(service):
    path, template = service.raw("f.bin"), str(service.images / "nowhere.json")
    service.vendor.write("x", descriptors.by_filename(
        "memory", path, mapping={"uefi-vars": {"template": template}}))
    service.start()
    refused(service, [f"file-missing:{template}"])


def test_dangling_link_is_missing(service):
    path = service.images / "link.fd"
    path.symlink_to("nowhere")
    service.vendor.write("x", descriptors.flash(path))
    service.start()
    refused(service, [f"file-missing:{path}"])


UNREADABLE = {
    "directory": os.mkdir, "fifo": os.mkfifo,
    "device": lambda path: os.mknod(path, 0o020600, os.makedev(1, 5)),
    "looping-link": lambda path: os.symlink(path, path),
    "link-to-directory": lambda path: os.symlink("/tmp", path),
    "link-to-null": lambda path: os.symlink("/dev/null", path),
}


@pytest.mark.parametrize("make", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_image_that_is_no_regular_file_is_unreadable(service, make):
    path = str(service.images / "odd.fd")
    make(path)
    service.vendor.write("x", descriptors.flash(path))
    service.start()
    refused(service, [f"file-unreadable:{path}"])


def test_file_below_a_file_is_not_there(service):
    path = service.raw("file", 4096) + "/below"
    service.vendor.write("x", descriptors.flash(path))
    client = service.start()
    assert client.state("x") == "unusable"
    assert client.firmware("x")["Problems"][0].split(":", 1)[1] == path


def test_raw_that_begins_with_a_qcow2_magic_is_bad_format(service):
    path = service.qcow2("image")
    service.vendor.write("x", descriptors.flash(path, fmt="raw"))
    service.start()
    refused(service, [f"bad-format:{path}"])


def test_raw_template_that_is_qcow2_is_bad_format(service):
    template = service.raw("vars.fd", images.OVMF_4M_VARS, images.QCOW2_MAGIC)
    service.vendor.write("x", descriptors.flash(service.raw("code.fd"), template))
    service.start()
    refused(service, [f"bad-format:{template}"])


def test_qcow2_that_is_raw_is_bad_format(service):
    path = service.raw("code.fd")
    service.vendor.write("x", descriptors.flash(path, fmt="qcow2"))
    service.start()
    refused(service, [f"bad-format:{path}"])


@pytest.mark.parametrize("content", [
    b"", b"QFI", images.QCOW2_MAGIC, images.QCOW2_MAGIC + struct.pack(">I", 3),
    images.QCOW2_MAGIC + struct.pack(">I", 1) + bytes(200),
    images.QCOW2_MAGIC + struct.pack(">I", 99) + bytes(200),
], ids=["empty", "half-magic", "magic", "cut-header", "version-1", "version-99"])
def test_broken_qcow2_header_is_bad_format(service, content):
    path = service.raw("code.qcow2", len(content), content)
    service.vendor.write("x", descriptors.flash(path, fmt="qcow2"))
    service.start()
    refused(service, [f"bad-format:{path}"])


@pytest.mark.parametrize("fmt", ["vmdk", "RAW", "", "qcow", "raw "], ids=ascii)
def test_unknown_format_is_unusable_not_invalid(service, fmt):
    path = service.raw("code.fd")
    service.vendor.write("x", descriptors.flash(path, fmt=fmt))
    service.start()
    refused(service, [f"bad-format:{path}"])


@pytest.mark.parametrize("version", ["0.10", "1.1"])
@pytest.mark.parametrize("size", [65536, 3653632, 2 * images.MIB])
def test_size_of_a_qcow2_is_its_virtual_size(service, version, size):
    path = str(service.images / "code.qcow2")
    images.subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", f"compat={version}",
                           path, str(size)], check=True)
    service.vendor.write("x", descriptors.flash(path, fmt="qcow2"))
    executable = service.start().select("x86_64", "q35")["executable"]
    assert executable == {"filename": path, "format": "qcow2", "size": size}


@pytest.mark.parametrize("content", [b"\0" * 100, b"plain text", images.QCOW2_MAGIC],
                         ids=["zeros", "text", "qcow2"])
def test_json_store_that_is_no_json_is_bad_format(service, content):
    store = service.raw("vars.json", len(content), content)
    service.vendor.write("x", descriptors.by_filename(
        "memory", service.raw("f.bin", 65536), mapping={"uefi-vars": {"template": store}}))
    service.start()
    refused(service, [f"bad-format:{store}"])


@pytest.mark.parametrize("size", [2**63 - 512, 2**63, 2**64 - 4096, 2**64 - 512, 2**64 - 1])
def test_impossible_virtual_size_is_no_usable_flash(service, size):
    """With a second image the sum must not wrap around to something that fits."""
    code = service.qcow2("code.qcow2", 65536)
    with open(code, "r+b") as file:
        file.seek(24)
        file.write(struct.pack(">Q", size))
    service.vendor.write("x", descriptors.flash(code, service.qcow2("vars.qcow2", 8192),
                                                fmt="qcow2", template_fmt="qcow2"))
    client = service.start()
    assert client.state("x") == "unusable"
    (code_only,) = client.firmware("x")["Problems"]
    assert code_only in (f"bad-size:{code}", f"bad-format:{code}")
    assert_all_answers(client)


def test_link_to_an_image_is_followed_and_named_as_written(service):
    link = service.images / "link.fd"
    link.symlink_to(os.path.basename(service.raw("code.fd", 65536)))
    service.vendor.write("x", descriptors.flash(link))
    executable = service.start().select("x86_64", "q35")["executable"]
    assert executable == {"filename": str(link), "format": "raw", "size": 65536}


def test_image_that_goes_is_noticed_at_reload(service):
    path = service.raw("code.fd")
    service.vendor.write("x", descriptors.flash(path))
    client = service.start()
    assert client.state("x") == "usable"
    os.unlink(path)
    client.reload()
    refused(service, [f"file-missing:{path}"])
    service.raw("code.fd")
    client.reload()
    assert client.state("x") == "usable"
    assert client.problems() == []


def test_next_firmware_answers_where_the_first_is_unusable(service):
    service.vendor.write("10-x", descriptors.flash("/nowhere/code.fd"))
    service.add("20-y")
    assert service.start().select_name("x86_64", "q35") == "20-y"
