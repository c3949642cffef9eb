# SPDX-License-Identifier: LGPL-2.1-or-later
"""No text in a descriptor can silence a reply: D-Bus takes no NUL and sd-bus no non-character."""

import json

import pytest

from lib import descriptors
from lib.checks import assert_all_answers
from lib.client import bus_label

TEXTS = {
    "nul": "a\\u0000b", "fffe": "a\\ufffeb", "ffff": "\\uffff", "fdd0": "\\ufdd0",
    "plane-1-fffe": "\\ud83f\\udffe", "plane-16-ffff": "\\udbff\\udfff", "lone-high": "\\ud800",
    "lone-low": "\\udc00x", "raw-fffe": "\ufffe", "raw-fdef": "\ufdef", "raw-1ffff": "\U0001ffff",
}
HARMLESS = {"escape": "\\u001b[2J", "newline": "a\\nb", "delete": "\\u007f", "c1": "\\u0085",
            "emoji": "\\ud83d\\ude00",
            "bidi": "\\u202e", "replacement": "\\ufffd", "bom": "\\ufeff"}
PLACES = {
    "description": ("firmware for tests", True), "feature": ("feature-x", True),
    "tag": ("tag-x", True), "architecture": ("x86_64", True), "machine": ("pc-i440fx-*", True),
    "filename": ("/c.fd", True), "template": ("/v.fd", True), "format": ('"raw"', False),
    "device": ('"flash"', False), "further-key": ("x-key", True), "further": ("x-value", True),
    "interface": ('"uefi"', False),
}
BASE = json.dumps(descriptors.flash("/c.fd", "/v.fd", features=["feature-x"], tags=["tag-x"],
                                    **{"x-key": "x-value"}), ensure_ascii=False)


def spoiled(place, text):
    word, inside = PLACES[place]
    return BASE.replace(word, word + text if inside else word[:-1] + text + '"', 1)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_text_that_no_reply_can_carry_silences_none(service, text):
    service.add("00-good")
    for place in PLACES:
        service.vendor.write(f"50-{place}", spoiled(place, text))
    client = service.start()
    assert_all_answers(client)
    assert {name for name in client.names()} == {"00-good"} | {f"50-{place}" for place in PLACES}
    assert client.select_name("x86_64", "q35") == "00-good"
    service.watch()
    service.add("00-good", description="changed")
    client.reload()
    assert [change[3] for change in service.signals.catalog_changes()] == [["00-good"]]


@pytest.mark.parametrize("place", PLACES)
def test_string_that_cannot_be_told_makes_the_descriptor_invalid(service, place):
    """It cannot be kept verbatim, and a shortened file name would be another file's."""
    service.vendor.write("nul", spoiled(place, TEXTS["nul"]))
    service.vendor.write("nonchar", spoiled(place, TEXTS["fffe"]))
    client = service.start()
    if not place.startswith("further"):
        assert client.state("nul") == "invalid"
        assert client.state("nonchar") == "invalid"


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS.keys())
def test_odd_but_legal_text_is_kept_verbatim(service, text):
    executable, template = service.pair()
    made = json.dumps(descriptors.flash(executable, template, features=["feature-x"],
                                        tags=["tag-x"]))
    service.vendor.write("f", made.replace("feature-x", "feature" + text))
    client = service.start()
    plain = "feature" + json.loads(f'"{text}"')
    assert client.firmware("f")["Features"] == [plain]
    assert client.select_name("x86_64", "q35", features=[plain]) == "f"
    assert_all_answers(client)


@pytest.mark.parametrize("name", ["ümlaut", "with space", "a.b", "1-first", "-", "a_b", "固件",
                                  "quote\"'", "new\nline", "a" * 250])
def test_any_utf_8_name_has_an_object(service, name):
    name = name[:255 - len(".json")]
    service.add(name)
    client = service.start()
    path = client.get_firmware(name)
    assert path == "/org/vmfirmware1/firmware/" + bus_label(name)
    assert client.all_properties(path, "org.vmfirmware1.Firmware")["Name"] == name
    assert client.select_name("x86_64", "q35", firmware=name) == name
    assert_all_answers(client)


def test_file_name_with_a_non_character_silences_no_reply(service):
    service.add("good")
    service.add("bad\ufffe")
    client = service.start()
    assert_all_answers(client)
    assert client.select_name("x86_64", "q35") == "good"
