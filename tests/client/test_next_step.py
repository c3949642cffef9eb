# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an error says to do next fits the verb."""

import os
import subprocess

import pytest

from lib import certificates, descriptors, images
from lib.cli import FAILURE, NO_MATCH
from lib.config import write_config
from lib.vms import OTHER, VMs

ASK = ["x86_64", "q35"]


@pytest.fixture
def vms(service):
    service.ovmf("10-large")
    service.vendor.write("20-small", descriptors.flash(
        service.raw("small-code.fd", images.OVMF_2M_CODE),
        service.raw("small-vars.fd", images.OVMF_2M_VARS), features=["secure-boot"]))
    images.raw(service.directory / "small.fd", images.OVMF_2M_VARS)
    images.raw(service.directory / "odd.fd", 4096)
    return VMs(service.start())


def test_import_names_the_firmware_that_takes_the_file(vms, cli):
    text = cli.fails(FAILURE, "import", "a", *ASK, "small.fd")
    assert text.endswith("has 131072 bytes, the firmware needs 540672; firmware for that size: "
                         "20-small; from there Rebind with convert moves the variables; choose it "
                         "with --firmware=NAME or --nvram-size=BYTES, and move on with "
                         "'vmfirmwarectl rebind --convert'")
    # a name is not held against it, any other requirement is
    assert "20-small" in cli.fails(FAILURE, "import", "a", *ASK, "small.fd", "--firmware=10-large")
    assert "no firmware has that size" in cli.fails(
        FAILURE, "import", "a", *ASK, "small.fd", "--without-feature=secure-boot")
    text = cli.fails(FAILURE, "import", "a", *ASK, "odd.fd")
    assert "no firmware has that size; is it the right file" in text
    cli("import", "a", *ASK, "small.fd", "--nvram-size=131072")
    text = cli.fails(FAILURE, "import", "a", "odd.fd")
    assert text.endswith("the firmware needs 131072; give one that fits")
    assert "rebind --reset" not in text


def test_import_names_the_option_for_the_format(service, vms, cli):
    images.qcow2(service.directory / "x.qcow2", images.OVMF_4M_VARS)
    text = cli.fails(FAILURE, "import", "a", *ASK, "small.fd", "--source-format=qcow2")
    assert text.endswith("say its format with --source-format=raw, qcow2 or json")


def test_rebind_with_convert_is_named_where_it_helps(service, vms, cli):
    cli("prepare", "a", *ASK, "--firmware=20-small")
    for option in ("--nvram-size=540672", "--nvram-format=qcow2"):
        text = cli.fails(FAILURE, "prepare", "a", *ASK, option)
        assert "; Rebind with convert moves its variables; " in text
        assert text.endswith("or 'vmfirmwarectl rebind --convert' it")
    service.bios("30-bios", interface_types=["bios"])
    vms.client.reload()
    text = cli.fails(FAILURE, "rebind", "a", "--interface=bios", "--convert")
    assert text.endswith("keeps none; with reset it becomes a backup; go on without NVRAM with "
                         "--reset")
    service.vendor.remove("30-bios")
    (service.images / "small-code.fd").unlink()
    vms.client.reload()
    text = cli.fails(FAILURE, "prepare", "a", *ASK)
    assert "nearest: 10-large" in text and "Rebind pins one of them, and with convert" in text
    assert text.endswith("or 'vmfirmwarectl rebind' it, with --convert where it keeps other NVRAM")
    (service.images / "code.fd").unlink(missing_ok=True)
    service.vendor.remove("10-large")
    vms.client.reload()
    text = cli.fails(FAILURE, "prepare", "a", *ASK)
    assert "Rebind" not in text and text.endswith("or 'vmfirmwarectl rebind' it")


def test_restore_of_another_format_is_an_import(service, vms, cli):
    file = service.directory / "backup.fd"
    service.restart(path=os.environ["PATH"])  # with qemu-img
    cli("prepare", "a", *ASK, "--firmware=10-large")
    cli("rebind", "a", "--nvram-format=qcow2", "--reset")
    text = cli.fails(FAILURE, "restore", "a")
    assert "is raw with 540672 bytes, and its firmware 10-large needs qcow2 with 540672; " in text
    assert text.endswith("'vmfirmwarectl export --index=' copies it to a file, which "
                         "'import --source-format=' takes")
    index = cli.json("backups", "a")[0]["index"]
    cli("export", "a", file, f"--index={index}")
    cli("import", "a", file, "--source-format=raw")


@pytest.mark.parametrize("certificate, change, step", [
    ("microsoft-uefi-2023", "with enroll-known microsoft-2023", "enroll ID NAME"),
    (64 * "a", "with enroll", "enroll ID FILE")])
def test_certificate_of_a_vm_that_is_there(vms, cli, certificate, change, step):
    cli("prepare", "a", *ASK)
    text = cli.fails(FAILURE, "prepare", "a", *ASK, f"--certificate={certificate}")
    assert f"the certificate {certificate} is neither" in text
    assert f"ChangeVariables does, {change}; " in text and step in text


def test_template_of_prepare(vms, cli):
    text = cli.fails(FAILURE, "prepare", "a", *ASK, "--nvram-template=small.fd")
    assert "firmware for that size: 20-small" in text and "reset" not in text
    cli("prepare", "a", *ASK)
    vms.at("a").write(b"")
    with open(vms.at("a").nvram(), "r+b") as file:
        file.truncate(1)
    assert "rebind --reset" in cli.fails(FAILURE, "prepare", "a", *ASK)


def test_image_that_names_another_file(service, vms, cli):
    """Of the package, of the caller, and of a VM: only what is of a VM has one to mend."""
    def qcow2(path, base):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, path],
                       check=True)
        return path

    template = qcow2(service.images / "template.qcow2", service.directory / "small.fd")
    service.vendor.write("05-backed", descriptors.flash(
        service.images / "small-code.fd", template, template_fmt="qcow2"))
    vms.client.reload()
    text = cli.fails(FAILURE, "prepare", "a", *ASK)
    assert text.endswith("template.qcow2 names another file; choose another firmware with "
                         "--firmware=NAME")
    cli("prepare", "a", *ASK, "--firmware=20-small")
    text = cli.fails(FAILURE, "import", "a", template, "--source-format=qcow2")
    assert "that was sent names another file" in text
    assert text.endswith("'qemu-img convert' makes a file of it that names none")
    service.restart(path=os.environ["PATH"])  # with qemu-img
    cli("prepare", "b", *ASK, "--firmware=20-small", "--nvram-format=qcow2")
    qcow2(VMs(service.client).at("b").nvram(), service.directory / "small.fd")
    text = cli.fails(FAILURE, "prepare", "b", *ASK)
    assert "its NVRAM file names another file" in text
    assert text.endswith("'vmfirmwarectl reset' for a fresh one")
    cli("reset", "b")
    text = cli.fails(FAILURE, "restore", "b")
    assert "the backup names another file" in text
    assert text.endswith("'vmfirmwarectl reset' for a fresh one")
    # the package's, after the VM was made
    own = service.qcow2("own.qcow2", images.OVMF_2M_VARS)
    service.vendor.write("07-own", descriptors.flash(
        service.images / "small-code.fd", own, template_fmt="qcow2"))
    VMs(service.client).client.reload()
    cli("prepare", "c", *ASK, "--firmware=07-own")
    qcow2(own, service.directory / "small.fd")
    assert cli.fails(FAILURE, "reset", "c").endswith(
        "'vmfirmwarectl rebind --reset --firmware=NAME' takes another firmware")


def test_template_that_serves_no_new_vm(service, vms, cli):
    """There is no VM to mend: its tables are too large, or no key of the host can be added."""
    template = service.qcow2("template.qcow2", images.OVMF_2M_VARS)
    os.truncate(template, 32 * images.MIB)
    service.vendor.write("05-tables", descriptors.flash(
        service.images / "small-code.fd", template, template_fmt="qcow2"))
    directory = service.directory / "enroll" / "db"
    directory.mkdir(parents=True)
    (directory / "a.der").write_bytes(certificates.make(directory.parent, "a"))
    service.restart(arguments=[write_config(service.directory, EnrollDirectory=directory.parent)])
    for name, why in (("05-tables", "and its content needs at most"),
                      ("20-small", "a key of this host cannot be added to the template")):
        text = cli.fails(FAILURE, "prepare", "a", *ASK, f"--firmware={name}")
        assert why in text
        assert text.endswith("; choose another firmware with --firmware=NAME")


@pytest.mark.parametrize("words, step", [
    (["select", *ASK], "with the same arguments"),
    (["select", *ASK, "--nvram=odd.fd"], "with --nvram-size= and --nvram-format="),
    (["prepare", "a", *ASK], "'vmfirmwarectl explain ARCH MACHINE' with the same requirements"),
    (["run", "a", *ASK, "--", "true"], "'vmfirmwarectl explain ARCH MACHINE' with the same"),
    (["import", "a", *ASK, "small.fd"], "'vmfirmwarectl explain ARCH MACHINE' with the same")])
def test_explain_is_named_where_it_can_be_asked(vms, cli, words, step):
    text = cli.fails(NO_MATCH, words[0], "--feature=none", *words[1:])
    assert step in text and text.endswith("says why of each")


def test_owner_of_a_vm_of_that_id(vms, cli):
    vms.make("b", owner=OTHER)
    vms.make("b", owner=1)
    for verb in (["vm", "b"], ["reset", "b"], ["export", "b", "file"]):
        text = cli.fails(FAILURE, *verb)
        assert text.endswith("another user has one of this id: --owner=1, --owner=2")
    assert "--owner=" not in cli.fails(FAILURE, "vm", "c")
    assert "--owner=" not in cli.fails(FAILURE, "vm", "b", "--owner=3")


@pytest.mark.parametrize("options", [[], ["--user"]])
def test_without_any_bus(cli, options):
    cli.environment.update({"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent",
                            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"})
    text = cli.fails(FAILURE, *options, "prepare", "a", *ASK)
    assert "cannot reach vmfirmwared" in text
    assert "--offline" in text and "'dbus-run-session -- vmfirmwarectl --user …'" in text
