# SPDX-License-Identifier: LGPL-2.1-or-later
"""A misspelt requirement is never dropped in silence: InvalidArgs, naming the key."""

import pytest
from gi.repository import GLib

from lib.checks import invalid_args, raises
from lib.client import NO_MATCH, REQUIREMENT_TYPES

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
@pytest.mark.parametrize("key", ["feature", "Interface", "with-features", "", "interface ", "owner",
                                 "create", "lease", "nvram-format", "host_supported", "x" * 255])
def test_unknown_key(client, method, key):
    with invalid_args(key):
        ask(client, method, {key: GLib.Variant("s", "uefi")})


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


@pytest.mark.parametrize("method,key", [
    (method, key) for method in QUESTIONS for key in REQUIREMENT_TYPES])
def test_key_given_twice(client, method, key):
    value = {"s": "uefi", "as": [], "b": False}[REQUIREMENT_TYPES[key]]
    if key in ("executable", "nvram-filename"):
        value = "/x"
    variant = GLib.Variant(REQUIREMENT_TYPES[key], value)
    builder = GLib.VariantBuilder(GLib.VariantType("a{sv}"))
    for _ in range(2):
        builder.add_value(GLib.Variant.new_dict_entry(
            GLib.Variant("s", key), GLib.Variant("v", variant)))
    arguments = GLib.Variant.new_tuple(GLib.Variant("s", "x86_64"), GLib.Variant("s", "q35"),
                                       builder.end())
    with invalid_args(key):
        client.manager(method, arguments, QUESTIONS[method])


@pytest.mark.parametrize("method", QUESTIONS)
@pytest.mark.parametrize("key,words", [
    ("interface", "coreboot"), ("interface", ""), ("interface", "UEFI"),
    ("devices", ["flash", "rom"]), ("devices", [""]), ("modes", ["shared"]),
    ("modes", ["split", "Split"]), ("formats", ["vmdk"]), ("formats", ["raw", "json"]),
    ("render", ["shell"]), ("render", ["qemu", "xml"]), ("render", ["QEMU"]),
], ids=str)
def test_word_outside_the_list_of_words(client, method, key, words):
    variant = GLib.Variant(REQUIREMENT_TYPES[key], words)
    with invalid_args(key):
        ask(client, method, {key: variant})


@pytest.mark.parametrize("method", QUESTIONS)
@pytest.mark.parametrize("key", ["features", "without-features", "devices", "modes", "formats",
                                 "render"])
def test_list_of_65_strings(client, method, key):
    word = {"devices": "flash", "modes": "split", "formats": "raw", "render": "qemu"}.get(key, "x")
    with invalid_args(key):
        ask(client, method, {key: GLib.Variant("as", [word] * 65)})


# libsystemd reads no string that holds a noncharacter, and the whole call fails with it.
UNREADABLE = "\ufffe"


@pytest.mark.parametrize("method", QUESTIONS)
def test_list_that_is_too_long_is_read_no_further(client, method):
    """Its length is the caller's choice: reading a million strings at once takes libsystemd minutes,
    in which nobody has an answer."""
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


def test_list_of_64_strings_is_taken(client):
    with raises(NO_MATCH):
        client.select("x86_64", "q35", features=[f"f{index}" for index in range(64)])
    client.select("x86_64", "q35", without_features=[f"f{index}" for index in range(64)])


@pytest.mark.parametrize("method", QUESTIONS)
@pytest.mark.parametrize("key", ["features", "without-features"])
def test_string_of_256_bytes_in_a_list(client, method, key):
    for text in ("x" * 256, "é" * 128):
        with invalid_args(key):
            ask(client, method, {key: GLib.Variant("as", [text])})


@pytest.mark.parametrize("text", ["x" * 255, "é" * 127], ids=["ascii", "utf-8"])
def test_string_of_255_bytes_is_taken(client, service, text):
    service.add("wide", features=[text])
    client.reload()
    assert client.select_name("x86_64", "q35", features=[text]) == "wide"


@pytest.mark.parametrize("method", ["Explain", "GetCapabilities"])
def test_nvram_filename_is_for_select_only(client, method):
    with invalid_args("nvram-filename"):
        ask(client, method, {"nvram-filename": GLib.Variant("s", "/x")})


@pytest.mark.parametrize("filename", ["", "relative.fd", "./x"], ids=ascii)
def test_nvram_filename_must_be_absolute(client, filename):
    with invalid_args("nvram-filename"):
        client.select("x86_64", "q35", nvram_filename=filename)


@pytest.mark.parametrize("render", ["qemu", "qemu-legacy", "libvirt"])
def test_render_needs_nvram_filename_where_each_vm_has_a_copy(client, render):
    with invalid_args("nvram-filename"):
        client.select("x86_64", "q35", render=[render])


@pytest.mark.parametrize("architecture,machine", [("", "q35"), ("x86_64", ""), ("", ""),
                                                  ("x86-64", "q35"), ("x86_64", "no-board")])
def test_architecture_or_machine_of_no_firmware(client, architecture, machine):
    with pytest.raises(Exception) as refused:
        client.select(architecture, machine)
    assert refused.value.name in (NO_MATCH, "org.freedesktop.DBus.Error.InvalidArgs")


@pytest.mark.parametrize("method", QUESTIONS)
def test_other_signatures_are_refused(client, method):
    with invalid_args():
        client.manager(method, GLib.Variant("(ss)", ("x86_64", "q35")), QUESTIONS[method])
