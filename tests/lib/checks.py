# SPDX-License-Identifier: LGPL-2.1-or-later
"""Assertions that many tests make."""

import re

import pytest

from .client import ACCESS_DENIED, INVALID_ARGS, DBusError, firmware_path

PARSE_ERROR = re.compile(r"parse-error:[0-9]+:[0-9]+: \S.*", re.DOTALL)
SCHEMA_ERROR = re.compile(r"schema-error:(/[^ ]*)?: \S.*", re.DOTALL)


def assert_all_answers(client):
    """Every reply that lists firmware can be made, and they agree on names and objects."""
    listed = client.list_firmware()
    objects = client.managed_objects()
    assert {path for _, _, path in listed} == set(objects)
    for name, state, path in listed:
        assert path == firmware_path(name)
        properties = objects[path]["org.vmfirmware1.Firmware"]
        assert properties == client.firmware(name)
        assert (properties["Name"], properties["State"]) == (name, state)
    client.problems()
    client.explain("x86_64", "q35")
    client.capabilities("x86_64", "q35")


def problem_reasons(client, name):
    return client.firmware(name)["Problems"]


def assert_invalid(client, name, path, pattern=None):
    """The file is told as invalid everywhere that it should be; returns its reasons."""
    assert client.state(name) == "invalid"
    properties = client.firmware(name)
    assert properties["Path"] == path
    reasons = properties["Problems"]
    assert reasons
    for reason in reasons:
        assert PARSE_ERROR.fullmatch(reason) or SCHEMA_ERROR.fullmatch(reason), reason
        if pattern is not None:
            assert pattern.fullmatch(reason), reason
    texts = [text for found, text in client.problems() if found == path]
    assert len(texts) == 1 and reasons[0] in texts[0]
    assert client.verdicts("x86_64", "q35")[path] == ("invalid", reasons)
    return reasons


def raises(name, *words):
    """A context in which one D-Bus error of this name is raised; the text holds each word."""
    assert all(isinstance(word, str) for word in words), "it is no call, but a context"
    return _Raises(name, words)


def invalid_args(*words):
    return _Raises(INVALID_ARGS, words)


class _Raises:
    def __init__(self, name, words):
        self.name = name
        self.words = words
        self.context = pytest.raises(DBusError)

    def __enter__(self):
        self.info = self.context.__enter__()
        return self.info

    def __exit__(self, *arguments):
        result = self.context.__exit__(*arguments)
        error = self.info.value
        assert error.name == self.name, str(error)
        for word in self.words:
            assert word in error.text, error.text
        return result


def is_denied_by_bus(error):
    """ERROR, a (name, text), comes from the bus itself, dbus-daemon or dbus-broker."""
    name, text = error
    return name == ACCESS_DENIED and any(
        words in text for words in ("Rejected send message", "not authorized to send message"))
