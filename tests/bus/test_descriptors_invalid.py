# SPDX-License-Identifier: LGPL-2.1-or-later
"""A broken descriptor is invalid, says where, and removes itself alone."""

import copy
import json

import pytest

from lib import descriptors
from lib.checks import PARSE_ERROR, SCHEMA_ERROR, assert_all_answers, assert_invalid

GOOD = json.dumps(descriptors.flash("/c.fd", "/v.fd"))

UNPARSABLE = {
    "empty-object-cut": "{", "just-space": " \n\t\n", "one-newline": "\n", "word": "firmware",
    "cut": GOOD[:-1], "cut-in-string": GOOD[:20], "text-after": GOOD + "x",
    "second-object": GOOD + GOOD, "trailing-comma": GOOD[:-1] + ",}",
    "missing-comma": GOOD.replace(', "tags"', ' "tags"'), "single-quotes": GOOD.replace('"', "'"),
    "not-utf-8": GOOD.encode().replace(b"tests", b"t\xffsts"),
    "cut-utf-8": GOOD.encode().replace(b"tests", b"t\xe2\x82sts"),
    "surrogate-utf-8": GOOD.encode().replace(b"tests", b"t\xed\xa0\x80sts"),
    "overlong-utf-8": GOOD.encode().replace(b"tests", b"t\xc0\xafsts"),
    "utf-16": GOOD.encode("utf-16"), "nul-byte": GOOD.encode() + b"\0",
    "nul-in-string": GOOD.encode().replace(b"tests", b"t\0sts"),
    "bare-key": GOOD.replace('"tags"', "tags"), "bad-escape": GOOD.replace("tests", "t\\x41"),
    "lone-colon": "{:}", "minus": '{"a": -}', "closed-wrong": GOOD[:-1] + "]",
}
DUPLICATES = {
    "root": (GOOD[:-1] + ', "tags": []}', "tags"),
    "mapping": (GOOD.replace('"device"', '"device": "flash", "device"'), "device"),
    "image": (GOOD.replace('"format"', '"format": "raw", "format"', 1), "format"),
    "target": (GOOD.replace('"machines"', '"machines": [], "machines"'), "machines"),
    "further": (GOOD[:-1] + ', "x": {"y": [{"z": 1, "z": 1}]}}', "z"),
    "escaped": (GOOD[:-1] + ', "\\u0074ags": []}', "tags"),
    "three": (GOOD[:-1] + ', "a": 1, "a": 2, "a": 3}', "a"),
}


@pytest.mark.parametrize("content", UNPARSABLE.values(), ids=UNPARSABLE.keys())
def test_unparsable_text(service, content):
    service.add("10-good")
    path = service.vendor.write("50-bad", content)
    client = service.start()
    assert_invalid(client, "50-bad", path, PARSE_ERROR)
    assert client.select_name("x86_64", "q35") == "10-good"
    assert_all_answers(client)


@pytest.mark.parametrize("content,key", DUPLICATES.values(), ids=DUPLICATES.keys())
def test_duplicate_key(service, content, key):
    path = service.vendor.write("bad", content)
    reasons = assert_invalid(service.start(), "bad", path)
    assert any(key in reason for reason in reasons)


def test_parse_error_tells_the_line(service):
    path = service.vendor.write("bad", '{\n  "description": "x",\n  oops\n}\n')
    reasons = assert_invalid(service.start(), "bad", path, PARSE_ERROR)
    assert reasons[0].startswith("parse-error:3:")


@pytest.mark.parametrize("extra", [1, 1024 * 1024])
def test_larger_than_64_kib(service, extra):
    path = service.vendor.write("bad", GOOD + " " * (65536 - len(GOOD) + extra))
    client = service.start()
    assert_invalid(client, "bad", path)
    assert_all_answers(client)


def test_sparse_file_of_many_gigabytes_is_not_read(service):
    path = service.vendor.write("bad", GOOD)
    with open(path, "r+b") as file:
        file.truncate(1 << 40)
    client = service.start()
    assert_invalid(client, "bad", path)


@pytest.mark.parametrize("content", [
    "[" * 65536, "[" * 32000 + "]" * 32000, '{"a":' * 10000, '{"a":' * 10000 + "1" + "}" * 10000,
], ids=["open", "closed", "objects-open", "objects-closed"])
def test_nested_without_end_never_hurts(service, content):
    service.add("10-good")
    path = service.vendor.write("50-bad", content)
    client = service.start()
    assert_invalid(client, "50-bad", path)
    assert client.select_name("x86_64", "q35") == "10-good"


def test_deep_nesting_in_a_further_member_never_hurts(service):
    """It is JSON, so it may be taken or not; the service and the other files must live."""
    service.add("10-good")
    service.vendor.write("50-deep", GOOD[:-1] + ', "x": ' + "[" * 30000 + "]" * 30000 + "}")
    client = service.start()
    assert client.names() == ["10-good", "50-deep"]
    assert client.select_name("x86_64", "q35") == "10-good"
    assert_all_answers(client)


@pytest.mark.parametrize("root", ["[]", "null", "1", '"text"', "true", "{}", "[{}]"])
def test_root_that_is_no_firmware(service, root):
    path = service.vendor.write("bad", root)
    assert_invalid(service.start(), "bad", path, SCHEMA_ERROR)


def changed(pointer, value):
    """A good descriptor with another value at this JSON pointer; DROP leaves it out."""
    made = copy.deepcopy(json.loads(GOOD))
    *parents, last = pointer.strip("/").split("/")
    place = made
    for key in parents:
        place = place[int(key)] if isinstance(place, list) else place[key]
    last = int(last) if isinstance(place, list) else last
    if value is descriptors.DROP:
        del place[last]
    else:
        place[last] = value
    return made


OTHERS = {"string": "text", "number": 7, "float": 1.5, "bool": True, "null": None, "array": [],
          "object": {}}
TYPES = {
    "/description": "string", "/interface-types": "array", "/interface-types/0": "string",
    "/mapping": "object", "/mapping/device": "string", "/mapping/executable": "object",
    "/mapping/executable/filename": "string", "/mapping/executable/format": "string",
    "/mapping/nvram-template": "object", "/mapping/nvram-template/filename": "string",
    "/mapping/nvram-template/format": "string", "/targets": "array", "/targets/0": "object",
    "/targets/0/architecture": "string", "/targets/0/machines": "array",
    "/targets/0/machines/0": "string", "/features": "array", "/tags": "array",
}
WRONG_TYPES = [(pointer, kind) for pointer, right in TYPES.items() for kind in OTHERS
               if kind != right]


@pytest.mark.parametrize("pointer", TYPES)
def test_wrong_type_of_each_member(service, pointer):
    kinds = [kind for found, kind in WRONG_TYPES if found == pointer]
    paths = {kind: service.vendor.write(f"bad-{kind}", changed(pointer, OTHERS[kind]))
             for kind in kinds}
    client = service.start()
    for kind, path in paths.items():
        reasons = assert_invalid(client, f"bad-{kind}", path, SCHEMA_ERROR)
        assert any(reason.startswith(f"schema-error:{pointer}") for reason in reasons), reasons


@pytest.mark.parametrize("pointer", ["/features/0", "/tags/0", "/mapping/mode"])
def test_wrong_type_of_members_that_a_plain_descriptor_lacks(service, pointer):
    made = json.loads(GOOD)
    made["features"], made["tags"] = ["x"], ["x"]
    made["mapping"]["mode"] = "split"
    parent, last = pointer.rsplit("/", 1)
    for kind, value in OTHERS.items():
        if kind != "string":
            place = made["mapping"] if parent == "/mapping" else made[parent.strip("/")]
            place[int(last) if last.isdigit() else last] = value
            service.vendor.write(f"bad-{kind}", made)
    client = service.start()
    for kind in OTHERS:
        if kind != "string":
            reasons = assert_invalid(client, f"bad-{kind}", service.vendor.file(f"bad-{kind}"),
                                     SCHEMA_ERROR)
            assert reasons[0].startswith(f"schema-error:{pointer}: ")


@pytest.mark.parametrize("pointer", [
    "/interface-types", "/mapping", "/targets", "/mapping/device",
    "/mapping/executable", "/mapping/nvram-template", "/mapping/executable/filename",
    "/mapping/executable/format", "/mapping/nvram-template/filename",
    "/mapping/nvram-template/format", "/targets/0/architecture", "/targets/0/machines",
])
def test_member_that_must_not_be_absent(service, pointer):
    path = service.vendor.write("bad", changed(pointer, descriptors.DROP))
    reasons = assert_invalid(service.start(), "bad", path, SCHEMA_ERROR)
    assert pointer.rsplit("/", 1)[1] in reasons[0]


@pytest.mark.parametrize("pointer,value", [
    ("/interface-types", ["uefi", "coreboot"]), ("/interface-types", ["UEFI"]),
    ("/interface-types", [""]), ("/mapping/device", "rom"), ("/mapping/device", "Flash"),
    ("/mapping/device", ""), ("/mapping/mode", "shared"), ("/mapping/mode", ""),
    ("/interface-types", []), ("/targets", []), ("/targets/0/machines", []),
    ("/mapping/executable/filename", "code.fd"), ("/mapping/executable/filename", ""),
    ("/mapping/executable/filename", "./code.fd"),
    ("/mapping/nvram-template/filename", "../vars.fd"),
], ids=ascii)
def test_value_that_makes_a_descriptor_invalid(service, pointer, value):
    path = service.vendor.write("bad", changed(pointer, value))
    reasons = assert_invalid(service.start(), "bad", path, SCHEMA_ERROR)
    assert reasons[0].startswith(f"schema-error:{pointer}")


@pytest.mark.parametrize("device", ["memory", "kernel", "igvm"])
@pytest.mark.parametrize("filename", ["firmware.bin", "", 7, None, descriptors.DROP], ids=ascii)
def test_file_name_of_other_devices_must_be_absolute(service, device, filename):
    mapping = {"device": device, "filename": filename}
    if filename is descriptors.DROP:
        del mapping["filename"]
    path = service.vendor.write("bad", descriptors.descriptor(mapping))
    assert_invalid(service.start(), "bad", path, SCHEMA_ERROR)
