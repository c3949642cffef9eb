# SPDX-License-Identifier: LGPL-2.1-or-later
"""Explain: one verdict for every file of every layer; NoMatchingFirmware tells the nearest."""

from lib import descriptors
from lib.checks import raises
from lib.client import NO_MATCH
from lib.descriptors import target


def test_reply_has_the_contracts_type_and_order(service):
    masked, mask = service.add("10-masked"), service.admin.write("10-masked", b"")
    low, high = service.vendor.write("20-twice", "{"), service.add("20-twice", service.admin)
    bad = service.admin.write("30-bad", "{")
    last = service.add("40-last", features=["f"])
    client = service.start()
    assert client.explain("x86_64", "q35") == [
        ("10-masked", mask, "masked", []),
        ("10-masked", masked, "overridden", [f"overridden-by:{mask}"]),
        ("20-twice", high, "selected", []),
        ("20-twice", low, "overridden", [f"overridden-by:{high}"]),
        ("30-bad", bad, "invalid", client.firmware("30-bad")["Problems"]),
        ("40-last", last, "accepted", []),
    ]


def test_empty_catalog_explains_nothing(service):
    client = service.start(search_path=[service.directory / "missing"])
    assert client.list_firmware() == []
    assert client.managed_objects() == {}
    assert client.explain("x86_64", "q35") == []
    assert set(map(tuple, client.capabilities("x86_64", "q35").values())) == {()}
    with raises(NO_MATCH):
        client.select("x86_64", "q35")


def test_machine_without_flash(service):
    """What needs none answers all the same."""
    service.add("x", targets=[target("x86_64", "*")])
    service.vendor.write("y", descriptors.by_filename(
        "memory", service.raw("bios.bin", 65536), targets=[target("x86_64", "*")]))
    client = service.start()
    for machine in ("isapc", "some-new-board"):
        assert client.verdict_of("x", "x86_64", machine) == ("rejected", ["geometry-unknown"])
        assert client.select_name("x86_64", machine) == "y"


def test_no_match_names_nearest_candidates_and_why_each_fell_out(service):
    service.add("near-secure", features=["secure-boot"])
    service.vendor.write("near-size", descriptors.flash("/nowhere/code.fd",
                                                        features=["secure-boot", "enrolled-keys"]))
    client = service.start()
    with raises(NO_MATCH, "x86_64 q35", "near-secure", "feature-missing:enrolled-keys",
                "near-size", "file-missing:/nowhere/code.fd"):
        client.select("x86_64", "q35", features=["secure-boot", "enrolled-keys"])
