# SPDX-License-Identifier: LGPL-2.1-or-later
"""Explain: one verdict for every file of every layer; NoMatchingFirmware tells the nearest."""

import pytest

from lib import descriptors
from lib.checks import raises
from lib.client import NO_MATCH
from lib.descriptors import target
from lib.images import MIB


def test_reply_has_the_contracts_type_and_order(service):
    masked, mask = service.add("10-masked"), service.admin.write("10-masked", b"")
    low, high = service.add("20-twice"), service.add("20-twice", service.admin)
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


def test_exactly_one_is_selected_and_select_agrees(service):
    for name, features in (("a", []), ("b", ["x"]), ("c", ["x", "y"]), ("d", ["x"])):
        service.add(name, features=features)
    client = service.start()
    for features in ([], ["x"], ["y"], ["x", "y"]):
        verdicts = client.explain("x86_64", "q35", features=features)
        selected = [name for name, _, verdict, _ in verdicts if verdict == "selected"]
        assert selected == [client.select_name("x86_64", "q35", features=features)]
    verdicts = client.explain("x86_64", "q35", features=["z"])
    assert {verdict for _, _, verdict, _ in verdicts} == {"rejected"}


def test_empty_catalog_explains_nothing(service):
    client = service.start()
    assert client.explain("x86_64", "q35") == []
    with raises(NO_MATCH):
        client.select("x86_64", "q35")


def test_geometry_unknown_for_machines_without_pflash(service):
    service.add("x", targets=[target("x86_64", "*")])
    client = service.start()
    for machine in ("isapc", "microvm", "some-new-board"):
        verdict, reasons = client.verdict_of("x", "x86_64", machine)
        assert (verdict, reasons) == ("rejected", ["geometry-unknown"])
        with raises(NO_MATCH, "geometry-unknown"):
            client.select("x86_64", machine)


@pytest.mark.parametrize("machine", ["isapc", "microvm", "some-new-board"])
def test_memory_needs_no_geometry(service, machine):
    path = service.raw("bios.bin", 65536)
    service.vendor.write("x", descriptors.by_filename("memory", path,
                                                      targets=[target("x86_64", "*")]))
    assert service.start().select_name("x86_64", machine) == "x"


def test_image_reasons_come_with_requirement_reasons(service):
    path = service.raw("code.fd", 9 * MIB)
    service.vendor.write("x", descriptors.flash(path))
    client = service.start()
    verdict, reasons = client.verdict_of("x", "x86_64", "q35", interface="bios", features=["f"])
    assert verdict == "rejected"
    assert sorted(reasons) == sorted([f"bad-size:{path}", "interface", "feature-missing:f"])


def test_overridden_file_is_told_even_where_it_is_broken(service):
    low = service.vendor.write("x", "{")
    high = service.add("x", service.admin)
    verdict, reasons = service.start().verdicts("x86_64", "q35")[low]
    assert verdict == "overridden"
    assert f"overridden-by:{high}" in reasons


def test_no_match_names_nearest_candidates_and_why_each_fell_out(service):
    service.add("near-secure", features=["secure-boot"])
    service.add("near-size")
    service.vendor.write("near-size", descriptors.flash("/nowhere/code.fd",
                                                        features=["secure-boot", "enrolled-keys"]))
    service.add("far-arm", targets=[target("aarch64", "virt-*")])
    client = service.start()
    with raises(NO_MATCH, "near-secure", "feature-missing:enrolled-keys", "near-size",
                "file-missing:/nowhere/code.fd") as refused:
        client.select("x86_64", "q35", features=["secure-boot", "enrolled-keys"])
    text = refused.value.text
    assert "q35" in text and "x86_64" in text
    if "far-arm" in text:
        assert text.index("far-arm") > max(text.index("near-secure"), text.index("near-size"))


def test_no_match_of_many_candidates_stays_readable(service):
    for index in range(100):
        service.add(f"{index:03}-x", features=[f"f{index}"])
    client = service.start()
    with raises(NO_MATCH) as refused:
        client.select("x86_64", "q35", features=["never"])
    assert "feature-missing:never" in refused.value.text
    assert len(refused.value.text) < 4096


def test_selected_firmware_is_the_one_whose_object_is_returned(service):
    service.add("1-ü x")
    client = service.start()
    raw = client.select_raw("x86_64", "q35")
    assert raw.get_type_string() == "(oa{sv})"
    path, resolution = raw.unpack()
    assert path == client.get_firmware("1-ü x")
    assert resolution["name"] == "1-ü x"
