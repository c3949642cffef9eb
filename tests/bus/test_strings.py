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
    """Nor is it shortened: it makes the descriptor invalid, wherever it would be told."""
    service.add("00-good")
    for place in PLACES:
        service.vendor.write(f"50-{place}", spoiled(place, text))
    client = service.start()
    assert_all_answers(client)
    assert len(client.names()) == 1 + len(PLACES)
    assert {client.state(f"50-{place}") for place in PLACES if "further" not in place} == {
        "invalid"}
    assert client.select_name("x86_64", "q35") == "00-good"
    service.watch()
    service.add("00-good", description="changed")
    client.reload()
    assert [change[3] for change in service.signals.catalog_changes()] == [["00-good"]]


def test_odd_but_legal_text_is_kept_verbatim(service):
    code = service.raw("code.fd")
    made = json.dumps(descriptors.flash(code, features=["feature-x"]))
    for name, text in HARMLESS.items():
        service.vendor.write(name, made.replace("feature-x", "feature" + text))
    client = service.start()
    for name, text in HARMLESS.items():
        plain = "feature" + json.loads(f'"{text}"')
        assert client.firmware(name)["Features"] == [plain]
        assert client.select_name("x86_64", "q35", features=[plain]) == name
    assert_all_answers(client)


def test_any_utf_8_name_has_an_object(service):
    names = ["ümlaut", "with space", "a.b", "1-first", "-", "a_b", "固件", "quote\"'", "new\nline",
             "a" * 250]
    for name in names:
        service.add(name)
    service.add("bad\ufffe")
    client = service.start()
    assert set(client.names()) == set(names)
    for name in names:
        path = client.get_firmware(name)
        assert path == "/org/vmfirmware1/firmware/" + bus_label(name)
        assert client.all_properties(path, "org.vmfirmware1.Firmware")["Name"] == name
        assert client.select_name("x86_64", "q35", firmware=name) == name
    assert_all_answers(client)
