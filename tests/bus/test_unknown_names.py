# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names as people write them: taken for what they mean, or said to be unknown."""

from lib.checks import raises
from lib.client import NO_MATCH, NO_SUCH_FIRMWARE
from lib.descriptors import target


def test_names_of_others_are_taken_for_architectures(service):
    service.add("50-x")
    client = service.start()
    answer = client.select("amd64", "q35")
    assert (answer["name"], answer["architecture"]) == ("50-x", "x86_64")


def test_unknown_names_are_said_to_be_unknown(service):
    service.add("50-x")
    client = service.start()
    for arguments, requirements, text in (
            (("x86_64", "Q35"), {},
             'unknown machine type "Q35" for x86_64; did you mean "q35"?'),
            (("q35", "x86_64"), {}, 'unknown architecture "q35"; did you mean "x86_64", with'),
            (("x86_64", "q35"), {"firmware": "50-x.json"},
             'unknown firmware "50-x.json"; did you mean "50-x"?'),
            (("x86_64", "q35"), {"features": ["secureboot"]},
             'unknown feature "secureboot"; did you mean "secure-boot"?'),
            (("x86_64", "q35"), {"certificates": ["microsoft-uefi-2032"]},
             'unknown certificate "microsoft-uefi-2032"; did you mean "microsoft-uefi-2023"?'),
            (("x86_64", "q35"), {"certificates": ["A" * 64]}, "no usable firmware")):
        with raises(NO_MATCH) as refused:
            client.select(*arguments, **requirements)
        assert refused.value.text.startswith(text)
    with raises(NO_SUCH_FIRMWARE, 'did you mean "50-x"?'):
        client.get_firmware("50-x.json")


def test_machine_that_answers_is_named(service):
    service.add("50-secure", features=["secure-boot"], targets=[target("x86_64", "pc-q35-*")])
    client = service.start()
    with raises(NO_MATCH, "x86_64 pc (pc-i440fx-", "(machine: for pc-q35-*)",
                "machine type q35 gets 50-secure"):
        client.select("x86_64", "pc", features=["secure-boot"])
