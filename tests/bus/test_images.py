# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images must exist, be regular and readable, and be what the descriptor says."""

import os
import subprocess

import pytest

from lib import descriptors, images
from lib.checks import assert_all_answers, raises
from lib.client import NO_MATCH
from lib.vms import VMs


def refused(service, reasons, name="x"):
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


BAD_SIZE = ": the image has 4608 bytes, and flash unit {} sectors of 4096"


@pytest.mark.parametrize("reason,text,make", [
    ("file-missing", "", lambda path: None), ("file-unreadable", "", os.mkfifo),
    ("bad-format", "", lambda path: images.raw(path, 4096, images.QCOW2_MAGIC)),
    ("bad-size", BAD_SIZE, lambda path: images.raw(path, 4097)),
])
def test_each_reason_of_each_image(service, reason, text, make):
    code, variables = str(service.images / "code"), str(service.images / "vars")
    make(code)
    make(variables)
    service.vendor.write("x", descriptors.flash(code, variables))
    service.add("y")
    assert service.start().select_name("x86_64", "q35") == "y"
    refused(service, [f"{reason}:{code}{text.format(0)}", f"{reason}:{variables}{text.format(1)}"])


@pytest.mark.parametrize("version", ["0.10", "1.1"])
def test_size_of_a_qcow2_is_its_virtual_size(service, version):
    path = str(service.images / "code.qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", f"compat={version}", path,
                    "3653632"], check=True)
    service.vendor.write("x", descriptors.flash(path, fmt="qcow2"))
    executable = service.start().select("x86_64", "q35")["executable"]
    assert executable == {"filename": path, "format": "qcow2", "size": 3653632}


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


CODE_4M, VARS_4M = images.OVMF_4M_CODE, images.OVMF_4M_VARS
CODE = (CODE_4M, images.volume(CODE_4M))
VARS = (VARS_4M, images.volume(VARS_4M, variables=True))
NO_CODE = "bad-pair:{code}: the image holds variables and no code"
NO_VARS = "bad-pair:{vars}: the template holds code, where a guest's variables belong"


@pytest.mark.parametrize("code,variables,reasons", [
    (VARS, CODE, [NO_CODE, NO_VARS]), (CODE, CODE, [NO_VARS]),
    (CODE, (images.OVMF_2M_VARS, images.volume(images.OVMF_2M_VARS, variables=True)), [
        "bad-pair:{vars}: the template has variables of 131072 bytes, and the code in {code}, of "
        "3653632 bytes, uses 540672"]),
    ((CODE_4M, b""), VARS, ["bad-pair:{code}: the image is blank, and holds no code"]),
    ((2 * images.MIB, CODE[1]), VARS, [
        "bad-pair:{code}: the image is truncated: it has 2097152 bytes, and its last firmware "
        "volume ends at 3653632"]),
    (CODE, (VARS_4M, b""), ["bad-pair:{vars}: the template is blank, and OVMF does not format it"]),
], ids=["swapped", "twice", "two-builds", "blank", "truncated", "unformatted"])
def test_pair_that_cannot_boot_is_no_answer(service, code, variables, reasons):
    paths = {"code": service.raw("code.fd", *code), "vars": service.raw("vars.fd", *variables)}
    service.vendor.write("x", descriptors.flash(paths["code"], paths["vars"]))
    service.add("y")
    client = service.start()
    refused(service, [reason.format(**paths) for reason in reasons])
    assert VMs(client).prepare()["name"] == "y"
    service.raw("code.fd", *CODE)
    service.raw("vars.fd", *VARS)
    client.reload()
    assert client.state("x") == "usable"
    assert client.select_name("x86_64", "q35") == "x"
