# SPDX-License-Identifier: LGPL-2.1-or-later
"""New VMs from a template whose certificates have expired: who is told, and what mends it."""

import os

import pytest

from lib import certificates, descriptors, images, paths
from lib.config import text
from lib.vms import VMs, memfd

ENROLLED = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
EXPIRED = "its certificates expired on 2026-06-24, "
BEGINS = "vmfirmwared: VM {} of uid 0 begins with certificates that expired on 2026-06-24, "


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    directory = tmp_path_factory.mktemp("certificates")
    return {name: certificates.make(directory, name) for name in ("kek", "windows", "third_party")}


@pytest.fixture
def template(service):
    path = images.copy(ENROLLED, service.images / "vars.fd")
    for name, features in (("50-secure", ["secure-boot"]), ("55-also", ["secure-boot"]),
                           ("60-plain", [])):
        service.vendor.write(name, descriptors.flash(
            service.raw(f"{name}.fd"), path, features=features))
    return path


@pytest.fixture
def vms(service, template, known):
    """The keys of this host are in a directory that is empty yet."""
    for name in ("KEK", "db"):
        (service.directory / "enroll" / name).mkdir(parents=True)
    directory = service.directory / "known"
    directory.mkdir()
    (directory / "tests.conf").write_text(certificates.table(**known))
    config = service.directory / "vmfirmwared.conf"
    shipped = paths.data_directory() / "certificates"
    config.write_text(text(EnrollDirectory=service.directory / "enroll",
                           CertificateDirectories=f"{directory}:{shipped}"))
    return VMs(service.start(arguments=[f"--config={config}"]))


def mend(service, known, names):
    for name in names:
        path = service.directory / "enroll" / ("KEK" if name == "kek" else "db") / name
        path.write_bytes(known[name])


def told(service, vm_id):
    lines = service.daemon.stderr().splitlines()
    return sum(line.startswith(BEGINS.format(vm_id)) for line in lines)


def test_the_template_is_a_problem(vms, service, template):
    (path, problem), = vms.client.problems()
    assert path == str(template) and problem.startswith(EXPIRED)
    assert "microsoft-2023" in problem and "EnrollDirectory=" in problem
    assert service.daemon.stderr().count(f"{template}: {problem}") == 1
    assert vms.client.state("50-secure") == "usable"
    os.unlink(service.vendor.file("50-secure"))
    os.unlink(service.vendor.file("55-also"))
    vms.client.manager("Reload")
    assert vms.client.problems() == []


def test_a_new_vm_is_logged(vms, service):
    vm = vms.make("vm", firmware="50-secure")
    assert told(service, "vm") == 1
    vms.prepare("vm", firmware="50-secure")
    assert told(service, "vm") == 1
    os.close(vms.prepare("leased", firmware="50-secure", lease=True)["lease"])
    assert told(service, "leased") == 1
    vm.reset()
    assert told(service, "vm") == 2
    vm.rebind(firmware="55-also", reset=True)
    assert told(service, "vm") == 3
    vm.rebind(firmware="50-secure")
    vm.clone("copy")
    vms.make("plain", firmware="60-plain")
    with open(ENROLLED, "rb") as file:
        vms.import_vm("imported", "x86_64", "q35", memfd(file.read()), firmware="50-secure")
    assert [told(service, name) for name in ("vm", "copy", "plain", "imported")] == [3, 0, 0, 0]


def test_keys_of_this_host_mend_it(vms, service, template, known):
    mend(service, known, ["kek", "windows"])
    vms.client.manager("Reload")
    assert [path for path, _ in vms.client.problems()] == [str(template)]
    mend(service, known, ["third_party"])
    vms.client.manager("Reload")
    assert vms.client.problems() == []
    for name, lease in (("vm", False), ("leased", True)):
        made = vms.prepare(name, firmware="50-secure", lease=lease)
        assert made["certificates"]["third-party"] == "2011+2030"
        assert told(service, name) == 0
        if lease:
            os.close(made["lease"])
    vms.prepare("bare", firmware="50-secure", enroll=False)
    assert told(service, "bare") == 1
