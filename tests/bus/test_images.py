# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images must exist, be regular and readable, and be what the descriptor says."""

import os
import subprocess

import pytest

from lib import descriptors, images
from lib.checks import assert_all_answers, raises
from lib.client import NO_MATCH
from lib.vms import CONFLICT, VMs


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


@pytest.mark.parametrize("options", [[], ["-c"], ["-o", "cluster_size=512"]])
def test_pair_in_qcow2_that_cannot_boot_is_no_answer(service, options):
    code, variables = service.images / "code.qcow2", service.images / "vars.qcow2"
    for source, path in ((service.raw("code.fd", *CODE), code), (service.raw("vars.fd", *VARS), variables)):
        subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", *options, source, path],
                       check=True)
    formats = {"fmt": "qcow2", "template_fmt": "qcow2"}
    service.vendor.write("sound", descriptors.flash(code, variables, **formats))
    service.vendor.write("x", descriptors.flash(variables, code, **formats))
    service.add("y")
    client = service.start()
    assert client.state("sound") == "usable"
    refused(service, [NO_CODE.format(code=variables), NO_VARS.format(vars=code)])


def test_blank_qcow2_is_filled_later(service):
    code, variables = service.qcow2("code.qcow2"), service.qcow2("vars.qcow2", VARS_4M)
    service.vendor.write("x", descriptors.flash(code, variables, fmt="qcow2", template_fmt="qcow2"))
    assert service.start().state("x") == "usable"


@pytest.mark.parametrize("feature", ["amd-sev-snp", "intel-tdx"])
def test_confidential_guest_takes_no_flash(service, feature):
    reason = f"confidential-flash:{feature}"
    code = service.raw("code.fd")
    path = service.vendor.write("10-flash", descriptors.flash(code, features=["amd-sev", feature]))
    service.vendor.write("20-memory", descriptors.by_filename(
        "memory", service.raw("rom", 65536), features=[feature]))
    client = service.start()
    assert client.select_name("x86_64", "q35", features=[feature]) == "20-memory"
    assert client.verdict_of("10-flash", "x86_64", "q35", features=[feature]) == (
        "rejected", [reason])
    # it serves all other guests
    assert client.select_name("x86_64", "q35", features=["amd-sev"]) == "10-flash"
    assert client.verdict_of("10-flash", "x86_64", "q35") == ("selected", [])
    firmware = client.firmware("10-flash")
    assert (firmware["State"], firmware["Problems"]) == ("usable", [reason])
    assert client.problems() == [(path, reason)]
    vms = VMs(client)
    assert vms.prepare("vm", firmware="10-flash")["name"] == "10-flash"
    with raises(CONFLICT, reason):
        vms.prepare("vm", features=[feature])
