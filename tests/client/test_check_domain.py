# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-domain: sound domains pass in silence; each fault is named, with the elements to use."""

import json
import os
from xml.sax.saxutils import escape

import pytest

from lib import images
from lib.cli import FAILURE, USAGE

SECURE = ["secure-boot", "enrolled-keys", "requires-smm"]


class Host:
    """Firmware, and NVRAM files of domains."""

    def __init__(self, service):
        self.directory = service.directory
        self.secure = service.ovmf("40-secure", features=SECURE)
        self.plain = service.ovmf("50-plain")
        self.small = (service.raw("small-code.fd", images.OVMF_2M_CODE, b"small"),
                      service.raw("small-vars.fd", images.OVMF_2M_VARS, b"small"))
        service.add_pair("60-small", *self.small)
        self.stateless = service.stateless("70-stateless")
        self.bios = service.bios("80-bios")
        self.qcow2 = service.qcow2("packed.qcow2")
        service.add_pair("90-packed", self.qcow2, self.plain[1], fmt="qcow2")
        self.stray = service.raw("stray.fd")

    def nvram(self, name, size=images.OVMF_4M_VARS):
        return images.raw(str(self.directory / name), size, b"variables")

    def domain(self, loader, nvram=None, name="vm", loader_attributes="readonly='yes' type='pflash'",
               nvram_attributes="", features="<acpi/>", uuid="c7a5fdbd-edaf-9455-926a-d65c16db1809",
               os_attributes="", nvram_source=None, has_name=True):
        elements = f"<loader {loader_attributes}>{escape(loader)}</loader>" if loader else ""
        if nvram:
            elements += f"<nvram {nvram_attributes}>{escape(nvram)}</nvram>"
        if nvram_source:
            elements += f"<nvram {nvram_attributes}><source {nvram_source}/></nvram>"
        path = self.directory / f"{name}.xml"
        path.write_text(
            f"<?xml version='1.0'?>\n<!-- edited by hand -->\n<domain type='kvm' id='1'>"
            f"{f'<name>{name}</name>' if has_name else ''}{f'<uuid>{uuid}</uuid>' if uuid else ''}"
            f"<os {os_attributes}>"
            f"<type arch='x86_64' machine='pc-q35-7.2'>hvm</type>{elements}<boot dev='hd'/></os>"
            f"<features>{features}</features><devices><disk><source file='/x'/></disk></devices>"
            "</domain>\n", encoding="utf-8")
        return str(path)


@pytest.fixture
def host(service):
    made = Host(service)
    service.start()
    return made


def faults(cli, *paths, status=FAILURE):
    found, output, errors = cli.raw("check-domain", "--json=short", *paths)
    assert found == status, errors
    return [domain["faults"] for domain in json.loads(output)]


def only_fault(cli, path):
    (found,) = faults(cli, path)
    assert len(found) == 1, found
    return found[0]


SMM = "<acpi/><smm state='on'/>"
SECURE_LOADER = "readonly='yes' secure='yes' type='pflash'"


def test_sound_domains_pass_in_silence(host, cli):
    nvram = host.nvram("own.fd")
    store = host.nvram("small.fd", images.OVMF_2M_VARS)
    sound = [
        host.domain(None, name="bios-of-libvirt"),
        host.domain(None, name="auto", os_attributes="firmware='efi'"),
        host.domain(host.plain[0], nvram, name="plain"),
        host.domain(host.plain[0], str(host.directory / "new.fd"), name="not-started-yet",
                    nvram_attributes=f"template='{host.plain[1]}'"),
        host.domain(host.secure[0], host.nvram("secure.fd"), name="secure", features=SMM,
                    loader_attributes=SECURE_LOADER),
        host.domain(host.small[0], store, name="small"),
        host.domain(host.plain[0], name="network", nvram_attributes="type='network'",
                    nvram_source="protocol='iscsi' name='iqn.2026-11.example:nvram/0'"),
        host.domain(host.stateless, name="stateless",
                    loader_attributes="readonly='yes' type='pflash' stateless='yes'"),
        host.domain(host.bios, name="bios", loader_attributes="type='rom'"),
        host.domain(host.qcow2, host.nvram("raw.fd"), name="packed", nvram_attributes="format='raw'",
                    loader_attributes="readonly='yes' type='pflash' format='qcow2'"),
    ]
    for path in sound:
        assert cli("check-domain", path) == ""
    with open(sound[2], "rb") as xml:
        assert cli("check-domain", "-", stdin=xml.read()) == ""


def test_image_that_is_gone(host, cli):
    path = host.domain(str(host.directory / "gone.fd"), host.nvram("own.fd"))
    status, output, errors = cli.raw("check-domain", path)
    lines = output.decode().splitlines()
    assert status == FAILURE and "1 of 1 domains has faulty firmware" in errors
    assert lines[0] == f"vm: loader {host.directory}/gone.fd: No such file or directory"
    assert lines[1] == "vm: the elements that would be right:"
    assert any(host.plain[0] in line and "<loader " in line for line in lines[2:])


def test_firmware_that_no_descriptor_names(host, cli):
    fault = only_fault(cli, host.domain(host.stray, host.nvram("own.fd")))
    assert fault.startswith(f"loader {host.stray}: ") and "40-secure" in fault


def test_variables_of_another_size(host, cli):
    """The elements are those of a firmware that takes the variables that are there."""
    path = host.domain(host.plain[0], host.nvram("small.fd", images.OVMF_2M_VARS))
    (domain,) = json.loads(cli.raw("check-domain", "--json=short", path)[1])
    assert len(domain["faults"]) == 1
    assert f"{images.OVMF_2M_VARS} bytes; the loader takes {images.OVMF_4M_VARS}" in \
        domain["faults"][0]
    assert host.small[0] in domain["libvirt-xml"]


def test_shared_nvram(host, cli):
    nvram = host.nvram("own.fd")
    link = str(host.directory / "link.fd")
    os.symlink(nvram, link)
    paths = [host.domain(host.plain[0], nvram, name="first"),
             host.domain(host.plain[0], name="second", uuid="other", nvram_attributes="type='file'",
                         nvram_source=f"file='{link}'"),
             host.domain(host.plain[0], host.nvram("third.fd"), name="third", uuid="third")]
    first, second, third = faults(cli, *paths)
    assert first == [f"nvram {nvram} is that of domain second, too"]
    assert second == [f"nvram {link} is that of domain first, too"] and third == []
    # a backup of a domain's own XML
    assert faults(cli, paths[0], paths[0], status=0) == [[], []]


@pytest.mark.parametrize("uuids", [("", ""), ("", "other")])
def test_shared_nvram_of_domains_without_uuid(host, cli, uuids):
    """Nothing says that they are the same."""
    nvram = host.nvram("own.fd")
    paths = [host.domain(host.plain[0], nvram, name=name, uuid=uuid)
             for name, uuid in zip(("first", "second"), uuids)]
    assert faults(cli, *paths) == [[f"nvram {nvram} is that of domain second, too"],
                                   [f"nvram {nvram} is that of domain first, too"]]


def test_file_name_that_is_not_text(host, cli):
    """It stands for a domain without a name, on paper and in JSON."""
    nvram = host.nvram("own.fd")
    made = host.domain(str(host.directory / "gone.fd"), nvram, has_name=False, uuid="")
    path = os.path.join(str(host.directory), "\udcff.xml")
    os.rename(made, path)
    shown = os.path.join(str(host.directory), "\\xff.xml")
    status, output, _ = cli.raw("check-domain", "--json=short", path, path)
    assert status == FAILURE
    for domain in json.loads(output):
        assert domain["domain"] == shown
        assert f"nvram {nvram} is that of domain {shown}, too" in domain["faults"]
    assert cli.raw("check-domain", path)[1].decode().startswith(f"{shown}: loader ")


@pytest.mark.parametrize("which, text", [(0, "is the loader itself"), (1, "is the template itself")])
def test_nvram_that_is_the_packages_file(host, cli, which, text):
    nvram = str(host.directory / "link.fd")
    os.symlink(host.plain[which], nvram)
    found = faults(cli, host.domain(host.plain[0], nvram,
                                    nvram_attributes=f"template='{host.plain[1]}'"))[0]
    assert text in found[0]


@pytest.mark.parametrize("attributes, features, text", [
    (SECURE_LOADER, "<acpi/>", "requires <smm state='on'/>"),
    ("readonly='yes' type='pflash'", SMM, "lacks secure='yes'"),
])
def test_secure_boot_that_is_none(host, cli, attributes, features, text):
    fault = only_fault(cli, host.domain(host.secure[0], host.nvram("own.fd"), features=features,
                                        loader_attributes=attributes))
    assert text in fault


def test_firmware_without_secure_boot(host, cli):
    fault = only_fault(cli, host.domain(host.plain[0], host.nvram("own.fd"), features=SMM,
                                        loader_attributes=SECURE_LOADER))
    assert "secure-boot" in fault


@pytest.mark.parametrize("loader, nvram, attributes, text", [
    ("plain", False, "readonly='yes' type='pflash'", "there is no <nvram>"),
    ("plain", True, "type='pflash'", "is not readonly='yes'"),
    ("plain", True, "readonly='yes' type='rom'", "is for type='pflash'"),
    ("bios", False, "readonly='yes' type='pflash'", "is for type='rom'"),
    ("stateless", True, "readonly='yes' type='pflash'", "keeps no variables"),
    ("plain", True, "readonly='yes' type='pflash' format='qcow2'", "the format is raw"),
    ("qcow2", True, "readonly='yes' type='pflash'", "the format is qcow2"),
])
def test_attributes_that_do_not_fit(host, cli, loader, nvram, attributes, text):
    path = getattr(host, loader)
    found = faults(cli, host.domain(path if isinstance(path, str) else path[0],
                                    host.nvram("own.fd") if nvram else None,
                                    loader_attributes=attributes, nvram_attributes="format='raw'"))
    assert [fault for fault in found[0] if text in fault], found


def test_format_that_two_versions_of_libvirt_read_differently(host, cli):
    images.qcow2(str(host.directory / "own.qcow2"), images.OVMF_4M_VARS)
    fault = only_fault(cli, host.domain(
        host.qcow2, str(host.directory / "own.qcow2"),
        loader_attributes="readonly='yes' type='pflash' format='qcow2'"))
    assert "before 9.2" in fault


def test_nvram_of_another_format(host, cli):
    images.qcow2(str(host.directory / "own.fd"), images.OVMF_4M_VARS)
    path = host.domain(host.qcow2, host.nvram("raw.fd"), nvram_attributes="format='qcow2'",
                       loader_attributes="readonly='yes' type='pflash' format='qcow2'")
    assert "is no qcow2 image" in only_fault(cli, path)


@pytest.mark.parametrize("text, complaint", [
    ("", "it is no XML"),
    ("<domain><os>", "it is no XML"),
    ("<network/>", "it lacks a <domain> element"),
    ("<domain><os><type machine='q35'>hvm</type></os></domain>", "attribute arch"),
    ("<domain><os><type arch='x86_64'>hvm</type></os></domain>", "attribute machine"),
    ("<!DOCTYPE x [<!ENTITY a 'b'>]><domain>&a;</domain>", "it is no XML"),
])
def test_what_is_no_domain(host, cli, text, complaint):
    path = host.directory / "odd.xml"
    path.write_text(text, encoding="utf-8")
    assert complaint in cli.fails(FAILURE, "check-domain", path)


def test_nesting_without_end(host, cli):
    path = host.directory / "odd.xml"
    path.write_text("<domain>" + "<a>" * 500000, encoding="utf-8")
    assert "it is no XML" in cli.fails(FAILURE, "check-domain", path)


def test_files_that_cannot_be_read(host, cli):
    assert "nonesuch.xml: No such file" in cli.fails(FAILURE, "check-domain", "nonesuch.xml")
    os.truncate(host.domain(None, name="large"), 5 << 20)
    assert "too large" in cli.fails(FAILURE, "check-domain", host.directory / "large.xml")
    cli.fails(USAGE, "check-domain")
