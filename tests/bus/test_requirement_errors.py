# SPDX-License-Identifier: LGPL-2.1-or-later
"""A misspelt requirement is never dropped in silence: InvalidArgs, naming the key."""

import pytest
from gi.repository import GLib

from lib.checks import invalid_args, raises
from lib.client import REQUIREMENT_TYPES

QUESTIONS = {"Select": "(oa{sv})", "Explain": "(a(sssas))", "GetCapabilities": "(a{sv})"}
VARIANTS = {
    "s": GLib.Variant("s", "flash"), "as": GLib.Variant("as", ["raw"]),
    "b": GLib.Variant("b", True), "u": GLib.Variant("u", 1), "o": GLib.Variant("o", "/x"),
    "av": GLib.Variant("av", [GLib.Variant("s", "raw")]), "ay": GLib.Variant("ay", b"raw"),
    "v": GLib.Variant("v", GLib.Variant("s", "uefi")), "a{sv}": GLib.Variant("a{sv}", {}),
    "(s)": GLib.Variant("(s)", ("uefi",)), "aas": GLib.Variant("aas", [["raw"]]),
}


@pytest.fixture
def client(service):
    service.add("x")
    return service.start()


def ask(client, method, given):
    return client.question(method, "x86_64", "q35", given, QUESTIONS[method])


@pytest.mark.parametrize("method", QUESTIONS)
@pytest.mark.parametrize("key,value", [
    ("feature", GLib.Variant("as", [])), ("create", GLib.Variant("s", "auto")),
    ("nvram-template", GLib.Variant("h", 0)), ("interface", GLib.Variant("s", "UEFI")),
    ("devices", GLib.Variant("as", ["flash", "rom"])),
    ("without-features", GLib.Variant("as", ["é" * 128])),
], ids=["unknown", "of-another-call", "fd-that-did-not-come", "word", "word-in-a-list",
        "long-string"])
def test_key_or_value_that_is_none(client, method, key, value):
    with invalid_args(key):
        ask(client, method, {key: value})


@pytest.mark.parametrize("method", QUESTIONS)
def test_key_too_long_to_be_named(client, method):
    with invalid_args():
        ask(client, method, {"x" * 100000: GLib.Variant("s", "uefi")})


@pytest.mark.parametrize("key", REQUIREMENT_TYPES)
def test_wrong_type(client, key):
    for kind, value in VARIANTS.items():
        if kind != REQUIREMENT_TYPES[key]:
            for method in QUESTIONS:
                with invalid_args(key):
                    ask(client, method, {key: value})
    client.select("x86_64", "q35")


@pytest.mark.parametrize("method", QUESTIONS)
def test_key_given_twice(client, method):
    builder = GLib.VariantBuilder(GLib.VariantType("a{sv}"))
    for _ in range(2):
        builder.add_value(GLib.Variant.new_dict_entry(
            GLib.Variant("s", "host-supported"), GLib.Variant("v", GLib.Variant("b", False))))
    arguments = GLib.Variant.new_tuple(GLib.Variant("s", "x86_64"), GLib.Variant("s", "q35"),
                                       builder.end())
    with invalid_args("host-supported"):
        client.manager(method, arguments, QUESTIONS[method])


# libsystemd reads no string that holds a noncharacter, and the whole call fails with it.
UNREADABLE = "\ufffe"


@pytest.mark.parametrize("method", QUESTIONS)
def test_list_that_is_too_long_is_read_no_further(client, method):
    """Its length is the caller's choice: reading a million strings at once takes libsystemd minutes,
    in which nobody has an answer."""
    ask(client, method, {"without-features": GLib.Variant("as", ["x"] * 64)})
    with invalid_args("without-features"):
        ask(client, method, {"without-features": GLib.Variant("as", ["x"] * 65 + [UNREADABLE])})


@pytest.mark.parametrize("method", QUESTIONS)
def test_value_of_a_type_that_no_key_has_is_not_read(client, method):
    """Skipping a megabyte of structs within structs takes libsystemd half a minute."""
    with invalid_args("features"):
        ask(client, method, {"features": GLib.Variant("a(s)", [(UNREADABLE,)])})


def test_string_that_libsystemd_does_not_read(client):
    """What the two above stand on."""
    with raises("org.freedesktop.DBus.Error.InconsistentMessage"):
        ask(client, "Select", {"features": GLib.Variant("as", [UNREADABLE])})


@pytest.mark.parametrize("method", QUESTIONS)
def test_architecture_that_is_empty_and_other_signatures(client, method):
    with invalid_args("architecture"):
        client.question(method, "", "q35", {}, QUESTIONS[method])
    with invalid_args():
        client.manager(method, GLib.Variant("(ss)", ("x86_64", "q35")), QUESTIONS[method])
