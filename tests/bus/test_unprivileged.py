# SPDX-License-Identifier: LGPL-2.1-or-later
"""The service as a user of its own: modes count then, and its own uid may reload."""

import os

import pytest
from test_access import as_uid
from test_log import get_as, put_as

from lib import descriptors
from lib.checks import assert_all_answers
from lib.client import ACCESS_DENIED
from lib.descriptors import Layer

# daemon and nobody: dbus-daemon serves only uids that the user database knows.
SERVICE_UID, OTHER_UID = 1, 65534


def start(service, **options):
    return service.start(uid=SERVICE_UID, **options)


def test_it_runs_without_privileges(service):
    service.add("x")
    client = start(service)
    assert os.stat(f"/proc/{service.daemon.process.pid}").st_uid == SERVICE_UID
    assert client.select_name("x86_64", "q35") == "x"


def test_layer_that_may_not_be_read_is_no_error(service):
    service.add("x", service.admin)
    service.vendor.path.chmod(0)
    client = start(service)
    assert client.names() == ["x"]
    assert_all_answers(client)
    service.add("y")
    service.vendor.path.chmod(0o755)
    client.reload()
    assert client.names() == ["x", "y"]


def test_layer_below_a_closed_directory_is_no_error(service):
    closed = service.directory / "closed"
    service.add("y", Layer(closed / "layer"))
    service.add("x")
    closed.chmod(0)
    client = start(service, search_path=[service.vendor, closed / "layer"])
    assert client.names() == ["x"]


def test_descriptor_that_may_not_be_read_is_invalid(service):
    below = service.add("x")
    path = service.add("x", service.admin)
    service.add("y")
    os.chmod(path, 0)
    client = start(service)
    assert client.state("x") == "invalid"
    assert client.firmware("x")["Overrides"] == [below]
    assert [found for found, _ in client.problems()] == [path]
    assert client.select_name("x86_64", "q35") == "y"
    assert_all_answers(client)


def test_image_that_may_not_be_read_is_unreadable(service):
    path = service.raw("code.fd")
    service.vendor.write("x", descriptors.flash(path))
    os.chmod(path, 0)
    client = start(service)
    assert client.state("x") == "unusable"
    assert client.verdict_of("x", "x86_64", "q35") == ("rejected", [f"file-unreadable:{path}"])


def test_image_below_a_closed_directory_is_unreadable(service):
    path = service.raw("closed/code.fd")
    service.vendor.write("x", descriptors.flash(path))
    (service.images / "closed").chmod(0)
    client = start(service)
    assert client.verdict_of("x", "x86_64", "q35") == ("rejected", [f"file-unreadable:{path}"])


@pytest.mark.parametrize("uid,allowed", [(0, True), (SERVICE_UID, True), (OTHER_UID, False)])
def test_reload_is_for_root_and_the_services_own_uid(bus, service, uid, allowed):
    service.add("x")
    client = service.start_blind(uid=SERVICE_UID)
    service.add("y")
    answer, *_ = as_uid(bus, uid, "client.reload()")
    assert answer == ("None" if allowed else ACCESS_DENIED)
    assert client.names() == (["x", "y"] if allowed else ["x"])


def test_own_uid_and_root_set_the_log_level(bus, service):
    start(service)
    assert put_as(bus, 0, "LogLevel", "err") == ["None"]
    assert get_as(bus, OTHER_UID, "LogLevel") == ["err"]
    assert put_as(bus, OTHER_UID, "LogLevel", "debug")[0] == ACCESS_DENIED
    assert put_as(bus, SERVICE_UID, "LogLevel", "debug") == ["None"]
    assert get_as(bus, OTHER_UID, "LogLevel") == ["debug"]
