# SPDX-License-Identifier: LGPL-2.1-or-later
"""VMs follow what happens to their firmware, without a call."""

import os

import pytest

from lib import descriptors, images, wait
from lib.checks import raises
from lib.vms import GONE, VMs

SECURE = ["secure-boot", "enrolled-keys", "requires-smm"]


@pytest.fixture
def live(service, start_live):
    service.code, service.template = service.ovmf("50-x", features=SECURE)
    live = start_live()
    service.vm = VMs(service.client).make()
    live.told = []

    def told(signal):
        if signal[0] == service.vm.path and "State" in signal[3][1]:
            live.told.append(signal[3][1]["State"])

    live.signals.hooks.append(told)
    return live


def until_told(service, live, *states):
    """These states were signalled, no others, and the object says the last of them."""
    wait.until(lambda: live.told == list(states), f"{states} are told")
    assert service.vm.get("State") == states[-1]
    assert VMs(service.client).list()[0][3] == states[-1]
    live.told.clear()


def test_image_goes_and_comes(service, live):
    os.rename(service.code, service.code + ".away")
    until_told(service, live, "firmware-gone")
    with raises(GONE, "vm"):
        VMs(service.client).prepare()
    os.rename(service.code + ".away", service.code)
    until_told(service, live, "ready")
    assert VMs(service.client).prepare()["changed"] == []


def test_image_is_changed_in_place_and_back(service, live):
    with open(service.code, "rb") as file:
        head = file.read(8)
    for data, state in ((b"updated!", "changed"), (head, "ready")):
        with open(service.code, "r+b") as file:
            file.write(data)
        until_told(service, live, state)
    assert VMs(service.client).prepare()["changed"] == []


def test_image_is_changed_by_a_writer_that_stays(service, live):
    with open(service.code, "r+b", buffering=0) as file:
        file.write(b"updated!")
        until_told(service, live, "changed")


def test_template_is_replaced(service, live):
    images.raw(service.template + ".new", images.OVMF_4M_VARS, b"other")
    os.rename(service.template + ".new", service.template)
    until_told(service, live, "changed")
    assert VMs(service.client).prepare()["changed"] == ["nvram-template"]


def test_descriptor_is_changed_and_goes(service, live):
    with open(service.vendor.file("50-x"), "rb") as file:
        before = file.read()
    service.vendor.write("50-x", descriptors.flash(
        service.code, service.template, features=SECURE + ["other"]))
    until_told(service, live, "changed")
    service.vendor.write("50-x", before)
    until_told(service, live, "ready")
    service.vendor.remove("50-x")
    until_told(service, live, "changed")


def test_masked_by_the_administrator(service, live):
    service.admin.write("50-x", b"")
    until_told(service, live, "changed")
    service.admin.remove("50-x")
    until_told(service, live, "ready")


def test_an_equivalent_comes_after_the_pinned_one_is_gone(service, live):
    os.unlink(service.code)
    until_told(service, live, "firmware-gone")
    service.ovmf("60-new", features=SECURE)
    until_told(service, live, "changed")
    assert VMs(service.client).prepare()["name"] == "60-new"


def test_image_of_a_firmware_that_no_descriptor_names_any_more(service, live):
    """The pin names it still, so it is watched still."""
    service.vendor.remove("50-x")
    until_told(service, live, "changed")
    os.rename(service.code, service.code + ".away")
    until_told(service, live, "firmware-gone")
    os.rename(service.code + ".away", service.code)
    until_told(service, live, "changed")


def test_the_same_after_a_restart(service, live):
    """Nobody has prepared the VM since: what it is pinned to is watched all the same."""
    os.unlink(service.vendor.file("50-x"))
    until_told(service, live, "changed")
    service.restart()
    service.vm = VMs(service.client).at("vm")
    live.follow()
    wait.until(lambda: service.vm.get("State") == "changed", "State is known after the start")
    os.unlink(service.code)
    wait.until(lambda: service.vm.get("State") == "firmware-gone", "State follows")
    assert service.vm.path in [
        signal[0] for signal in live.signals.named("PropertiesChanged")
        if signal[3][1].get("State") == "firmware-gone"]


def test_another_firmware_is_nothing_to_it(service, live):
    service.ovmf("40-other", features=SECURE)
    live.until(usable=["40-other", "50-x"])
    service.vendor.remove("40-other")
    live.until(usable=["50-x"])
    live.assert_silent()
    assert live.told == [] and service.vm.get("State") == "ready"


def test_a_hundred_vms_follow(service, live):
    for number in range(100):
        VMs(service.client).make(f"vm{number}")
    os.unlink(service.code)

    def states():
        return {state for _, state, _ in VMs(service.client).listed().values()}

    wait.until(lambda: states() == {"firmware-gone"}, "all are gone")
    told = {signal[0] for signal in live.signals.named("PropertiesChanged")
            if signal[3][1].get("State") == "firmware-gone"}
    assert len(told) == 101
