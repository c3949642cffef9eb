# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each requirement key, passing and failing, and the reason that Explain gives."""

import pytest

from lib import descriptors
from lib.checks import raises
from lib.client import NO_MATCH

ALL = ["10-split", "20-bios", "30-combined-qcow2", "40-confidential"]


@pytest.fixture
def client(service):
    """Four firmwares for q35, each of which one requirement tells from the others."""
    write, code = service.vendor.write, service.raw("code.fd")
    write("10-split", descriptors.flash(code, service.raw("vars.fd", 540672), features=["a"]))
    write("20-bios", descriptors.by_filename("memory", service.raw("bios.bin", 65536),
                                             interface_types=["bios"]))
    write("30-combined-qcow2", descriptors.flash(service.qcow2("whole.qcow2"), fmt="qcow2",
                                                 mode="combined"))
    # no host offers both
    write("40-confidential", descriptors.flash(code, features=["amd-sev", "intel-tdx"]))
    return service.start()


def passing(client, given):
    """The names that satisfy the requirements, by all calls that tell them."""
    names = client.capabilities("x86_64", "q35", **given)["firmware"]
    explained = [name for name, _, verdict, _ in client.explain("x86_64", "q35", **given)
                 if verdict in ("selected", "accepted")]
    assert explained == names
    if names:
        assert client.select_name("x86_64", "q35", **given) == names[0]
    else:
        with raises(NO_MATCH):
            client.select("x86_64", "q35", **given)
    return names


# requirements, the numbers of those that pass, and the reason why another does not
QUESTIONS = [
    ({}, "1234", None),
    ({"interface": "bios"}, "2", "interface"),
    ({"features": ["a"]}, "1", "feature-missing:a"),
    ({"without_features": ["amd-sev", "x"]}, "123", "feature-present:amd-sev"),
    ({"devices": ["memory", "kernel"]}, "2", "device"),
    ({"modes": ["split", "combined"]}, "13", "mode"),
    ({"formats": ["qcow2"]}, "3", "format"),
    ({"firmware": "20-bios"}, "2", "firmware"),
    ({"executable": "{images}/bios.bin"}, "2", "executable"),
    ({"host_supported": True}, "123", "host-lacks:"),
    ({"host_supported": False}, "1234", None),
    ({"interface": "uefi", "formats": ["raw"], "without_features": ["a"]}, "4", "format"),
    ({"features": ["a"], "without_features": ["a"]}, "", "feature-present:a"),
]


@pytest.mark.parametrize("given,numbers,reason", QUESTIONS, ids=str)
def test_requirement(service, client, given, numbers, reason):
    given = {key: value.format(images=service.images) if isinstance(value, str) else value
             for key, value in given.items()}
    names = passing(client, given)
    assert names == [name for name in ALL if name[0] in numbers]
    rejected = [client.verdict_of(name, "x86_64", "q35", **given)
                for name in ALL if name not in names]
    assert all(verdict == "rejected" for verdict, _ in rejected)
    told = {why for _, reasons in rejected for why in reasons}
    assert any(why.startswith(reason) for why in told) if reason else not told


def test_all_reasons_are_told_together(client):
    assert client.verdict_of(
        "10-split", "aarch64", "virt", interface="bios", features=["x", "a"],
        devices=["kernel"]) == ("rejected", ["interface", "architecture", "feature-missing:x",
                                             "device"])
