# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-domain --pinned: whether a domain may start with its VM, as libvirt's hook asks it."""

import os

import pytest

from lib import images
from lib.cli import FAILURE, NO_MATCH, USAGE
from lib.locks import locked_as_by_qemu

ID = "libvirt:c7a5fdbd-edaf-9455-926a-d65c16db1809"
PRINTED = f"{os.geteuid()}\n{ID}\n"


class Host:
    def __init__(self, service, cli):
        self.service, self.cli = service, cli
        self.code, self.template = service.ovmf("50-plain")
        service.start()
        self.elements = cli("prepare", ID, "x86_64", "q35", "--render=libvirt")
        self.nvram = cli.json("vm", ID)["nvram"]["filename"]

    def check(self, elements):
        """(status, output, errors) for a domain of these elements."""
        return self.cli.raw("check-domain", "--pinned", "-", stdin=(
            f"<domain type='kvm'><name>vm</name>{elements}</domain>").encode())

    def refused(self, elements):
        status, output, errors = self.check(elements)
        # which VM it is, a caller learns all the same
        assert (status, output.decode()) == (NO_MATCH, PRINTED), errors
        return errors


@pytest.fixture
def host(service, cli):
    return Host(service, cli)


def test_domain_with_its_own_elements(host):
    assert host.check(host.elements) == (0, PRINTED.encode(), "")


def test_domains_of_others(host):
    own = host.elements.replace(host.nvram, "/var/lib/libvirt/qemu/nvram/vm_VARS.fd")
    for elements in (own, "<os><type arch='x86_64' machine='q35'>hvm</type></os>"):
        assert host.check(elements) == (0, b"", "")


@pytest.mark.parametrize("old, new, text", [
    ("CODE", "/usr/share/other.fd", "<loader> is /usr/share/other.fd (raw)"),
    ("<loader ", "<loader format='qcow2' ", "<loader> is "),
    ("<nvram ", "<nvram format='qcow2' ", "<nvram> is "),
])
def test_elements_that_are_not_those_of_the_vm(host, old, new, text):
    changed = host.elements.replace(host.code if old == "CODE" else old, new)
    assert changed != host.elements
    errors = host.refused(changed)
    assert text in errors and (
        f"'vmfirmwarectl vm --render=libvirt --owner={os.geteuid()} {ID}' prints") in errors


def test_pin_that_does_not_hold(host):
    os.truncate(host.nvram, images.OVMF_2M_VARS)
    assert f"its NVRAM file has {images.OVMF_2M_VARS} bytes" in host.refused(host.elements)
    os.unlink(host.nvram)
    assert f"VM {ID}: its NVRAM file" in host.refused(host.elements)


def test_vm_in_use(host, cli):
    with locked_as_by_qemu(host.nvram):
        assert f"virtual machine {ID} is in use" in host.refused(host.elements)


def test_without_a_service(host, service):
    """Not the status for which a domain must not start."""
    service.daemon.stop()
    service.daemons.remove(service.daemon)
    status, output, errors = host.check(host.elements)
    assert (status, output) == (FAILURE, b"") and "cannot reach vmfirmwared" in errors
    # a domain without NVRAM asks for no service
    assert host.check("<os><type arch='x86_64' machine='q35'>hvm</type></os>") == (0, b"", "")


def test_what_it_does_not_go_with(host, cli):
    assert "--pinned takes one file" in cli.fails(USAGE, "check-domain", "--pinned", "a", "b")
    text = cli.fails(USAGE, "check-domain", "--pinned", "--offline", "-")
    assert "--pinned asks the service" in text
