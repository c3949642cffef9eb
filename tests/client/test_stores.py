# SPDX-License-Identifier: LGPL-2.1-or-later
"""variables and boot: what a variable store in a file holds. They need no service, and no bus."""

import glob
import hashlib
import json
import os
import re
import subprocess

import pytest

from lib import edk2, images, paths
from lib.cli import FAILURE, USAGE, properties_of

OVMF = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
TEMPLATES = sorted(path for directory in ("OVMF", "AAVMF")
                   for path in glob.glob(f"/usr/share/{directory}/*VARS*.fd")
                   if edk2.is_formatted(path))
JSON_STORE = {"version": 2, "variables": [
    {"guid": edk2.GLOBAL, "name": "Lang", "attr": 7, "data": b"eng".hex()},
    {"guid": edk2.GLOBAL, "name": "PK", "attr": 39, "data": "00",
     "time": "da070101000000000000000000000000"}]}


@pytest.fixture(autouse=True)
def no_bus(cli):
    cli.environment["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent"


@pytest.mark.parametrize("path", TEMPLATES)
def test_debians_templates(cli, path):
    """Variable by variable what another reader finds."""
    store = edk2.read(path)
    report = cli.json("variables", "--list", path)
    assert (report["kind"], report["health"], report["format"]) == ("edk2", "ok", "raw")
    assert report["sha256"] == hashlib.sha256(store.volume).hexdigest()
    assert [(one["guid"], one["name"], one["attributes"], one["size"], one["time"])
            for one in report["list"]] == [
        (one.guid, one.name, one.attributes, len(one.data), one.time) for one in store.variables]
    assert report["variables"] == len(store.variables)
    assert report["bytes-free"] == store.free
    assert report["bytes-live"] + report["bytes-dead"] + report["bytes-free"] == store.room
    is_enrolled = any(one.name == "PK" for one in store.variables)
    assert report["setup-mode"] == (not is_enrolled)
    assert report["secure-boot"] == ("enforced" if is_enrolled else "setup")


@pytest.mark.parametrize("words", [["variables", OVMF], ["secure-boot", OVMF, "off", "--dry-run"],
                                   ["verify", CODE]])
def test_known_certificates_that_cannot_be_read(cli, words):
    """A failure, and not a number of its own."""
    table = paths.daemon_prefix() / "share" / "vmfirmwared" / "certificates" / "50-microsoft.conf"
    # LeakSanitizer can do nothing under a tracer
    options = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    done = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-P", table, "-e", "inject=openat:error=ENFILE",
         *cli.command(*words)], env=cli.environment | {"ASAN_OPTIONS": options}, text=True,
        capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (FAILURE, ""), done.stderr
    assert str(table) in done.stderr and done.stderr.count("\n") == 1


def test_no_file_descriptor_for_a_library(cli):
    """The file has the last one, and nobody gives one back: it ends, and says why."""
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 4; exec "$@"', "sh",
         *cli.command("secure-boot", OVMF, "off", "--dry-run")],
        env=cli.environment, text=True, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout) == (FAILURE, ""), done.stderr
    assert re.fullmatch("vmfirmwarectl: GnuTLS cannot be loaded: .*: Too many open files\n",
                        done.stderr)


def test_certificates_of_2011(cli):
    """Each release of Debian enrols these; later ones more."""
    report = cli.json("variables", OVMF)
    assert report["certificates"].keys() == {"kek", "windows", "third-party", "option-rom"}
    for purpose in ("kek", "windows", "third-party"):
        assert report["certificates"][purpose].split("+")[0] == "2011"
    named = {one["name"]: one for key in ("platform-key", "key-exchange-keys", "signatures")
             for one in report[key]}
    assert {"debian-platform", "microsoft-kek-2011", "microsoft-windows-2011",
            "microsoft-uefi-2011"} <= named.keys()
    assert named["microsoft-kek-2011"]["not-after"] == 1782334289  # 2026-06-24 20:51:29
    windows = named["microsoft-windows-2011"]
    assert windows["owner"] == "77fa9abd-0359-4d32-bd60-28f4e78f784b"
    assert windows["subject"].startswith("CN=Microsoft Windows Production PCA 2011,O=Microsoft")
    is_current = "2023" in report["certificates"]["kek"]
    assert report["guest-can-update-kek"] == ("yes" if is_current else "no")
    assert is_current or report["expires"] == 1782334289
    assert report["forbidden-hashes"] + report["forbidden-room"] <= 702
    assert "list" not in report


def test_words(cli):
    found = properties_of(cli("variables", OVMF))
    assert found["secure-boot"] == ["enforced"]
    assert len(found["expires"][0]) == len("2026-06-24")
    assert any(line.endswith(" (microsoft-kek-2011), valid until 2026-06-24")
               for line in found["key-exchange-keys"])
    assert "boot-order" not in found and "boot-entries" not in found
    output = cli("variables", "--list", OVMF)
    assert output.splitlines()[0].split() == ["GUID", "NAME", "ATTRIBUTES", "SIZE", "TIME"]
    assert output.endswith(f"\n{len(edk2.read(OVMF).variables)} variables listed.\n")
    assert "listed" not in cli("variables", "--list", "--no-legend", OVMF)


@pytest.mark.parametrize("path", TEMPLATES)
def test_boot_entries(cli, path):
    numbers = sorted(int(one.name[4:], 16) for one in edk2.read(path).variables
                     if one.guid == edk2.GLOBAL and re.fullmatch("Boot[0-9A-F]{4}", one.name))
    entries = cli.json("boot", path)["boot-entries"]
    assert [entry["number"] for entry in entries] == numbers
    assert all(entry["title"] and "Path(" not in entry["path"] and "…" not in entry["path"]
               for entry in entries)
    if numbers:
        assert cli("boot", path).splitlines()[0].split() == [
            "ORDER", "NUMBER", "ACTIVE", "BOUND-TO", "TITLE", "PATH"]


def test_boot_order(cli, service):
    entry = "0100000004004100000" + "0" + "7fff0400"
    store = {"version": 2, "variables": [
        {"guid": edk2.GLOBAL, "name": name, "attr": 7, "data": data}
        for name, data in (("Boot0001", entry), ("Boot000B", entry), ("BootOrder", "0b00aa00"))]}
    path = service.directory / "store.json"
    path.write_text(json.dumps(store))
    rows = [line.split() for line in cli("boot", "--no-legend", path).splitlines()]
    assert rows == [["1", "000B", "yes", "-", "A"], ["2", "00AA", "missing", "-"],
                    ["-", "0001", "yes", "-", "A"]]


def test_json_store(cli, service):
    path = service.directory / "store"
    path.write_text("\n " + json.dumps(JSON_STORE))
    report = cli.json("variables", "--list", path)
    assert (report["kind"], report["format"], report["health"]) == ("qemu-json", "json", "ok")
    assert [one["name"] for one in report["list"]] == ["Lang", "PK"]
    assert report["list"][1]["time"] == "2010-01-01T00:00:00Z"
    path.write_text(json.dumps(JSON_STORE)[:-1])
    report = cli.json("variables", path)
    assert report["health"] == "damaged" and "secure-boot" not in report
    # what an empty file is cannot be told from its content
    path.write_text("")
    assert cli.json("variables", path)["kind"] == "blank"
    assert cli.json("variables", path, "--source-format=json")["kind"] == "qemu-json"


# what QEMU 10.0 made of a store that had Lang alone
QEMU_10 = """{
    "version": 2,
    "variables": [
        {
            "name": "Lang",
            "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c",
            "attr": 7,
            "data": "656e67"
        },
        {
            "name": "CustomMode",
            "guid": "c076ec0c-7028-4399-a072-71ee5c448b9f",
            "attr": 3,
            "data": "00"
        },
        {
            "name": "VendorKeysNv",
            "guid": "8be4df61-93ca-11d2-aa0d-00e098032b8c",
            "attr": 35,
            "time": "00000000000000000000000000000000",
            "data": "00"
        }
    ]
}"""


def test_json_store_of_qemu_10(cli, service):
    path = service.directory / "store"
    path.write_text(QEMU_10)
    report = cli.json("variables", "--list", path)
    assert (report["kind"], report["health"], report["size"]) == ("qemu-json", "ok", len(QEMU_10))
    assert [(one["name"], one["guid"], one["attributes"], one["size"], one["time"])
            for one in report["list"]] == [
        ("Lang", edk2.GLOBAL, 7, 3, ""),
        ("CustomMode", "c076ec0c-7028-4399-a072-71ee5c448b9f", 3, 1, ""),
        ("VendorKeysNv", edk2.GLOBAL, 35, 1, "")]


def test_list_of_nothing(cli, service):
    """With or without JSON there is none, and a report without it is no answer."""
    (service.directory / "junk").write_bytes(b"junk" * 1024)
    text = cli.fails(FAILURE, "variables", "junk", "--list")
    assert text.startswith("junk: the store is damaged: ")
    assert cli.fails(FAILURE, "variables", "junk", "--list", "--json=short") == text
    assert cli.json("variables", "junk")["health"] == "damaged"


def test_blank(cli, service):
    path = service.directory / "vars.fd"
    with open(path, "wb") as file:
        file.truncate(64 * 1024 * 1024)
    report = cli.json("variables", path)
    assert (report["kind"], report["health"], report["secure-boot"]) == ("blank", "empty", "setup")
    assert report["size"] == 64 * 1024 * 1024


def test_what_is_no_store(cli, service):
    report = cli.json("variables", CODE)
    assert (report["kind"], report["health"]) == ("unknown", "damaged")
    assert properties_of(cli("variables", CODE))["health-detail"] == [
        "byte 16: the volume is not one of variables"]
    line = cli.fails(FAILURE, "boot", CODE)
    assert line == f"{CODE}: the store is damaged: byte 16: the volume is not one of variables"
    assert "the store is damaged" in cli.fails(FAILURE, "variables", "--list", CODE)


@pytest.mark.parametrize("options", [
    (), ("cluster_size=512",), ("cluster_size=2M",), ("compat=0.10",), ("extended_l2=on",),
    ("compression_type=zlib",), ("preallocation=metadata",)], ids=" ".join)
@pytest.mark.parametrize("is_compressed", [False, True], ids=["plain", "compressed"])
def test_qcow2(cli, service, options, is_compressed):
    path = service.directory / "store.qcow2"
    if is_compressed and options == ("preallocation=metadata",):
        return  # not possible
    subprocess.run(["qemu-img", "convert", *(["-c"] if is_compressed else []), "-f", "raw",
                    "-O", "qcow2", *(f"-o{option}" for option in options), OVMF, path], check=True)
    report = cli.json("variables", "--list", path)
    assert report == dict(cli.json("variables", "--list", OVMF), format="qcow2")


def test_qcow2_in_which_zeros_were_discarded(cli, service):
    path = images.convert_qcow2(OVMF, service.directory / "store.qcow2")
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -z 0 64k", path], check=True,
                   stdout=subprocess.DEVNULL)
    report = cli.json("variables", path)
    assert (report["health"], report["health-detail"]) == (
        "damaged", "byte 40: no firmware volume")


def test_qcow2_that_cannot_be_read(cli, service):
    path = service.directory / "store.qcow2"
    path.write_bytes(b"QFI\xfb" + bytes(100))
    report = cli.json("variables", path)
    assert (report["health"], report["health-detail"]) == (
        "unreadable", "the image is not of its format")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", OVMF, "-F", "raw", path],
                   check=True)
    report = cli.json("variables", path)
    assert (report["health"], report["health-detail"]) == (
        "unreadable", "the image names another file, or has unknown features")
    subprocess.run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2",
                    "-ocompression_type=zstd", OVMF, path], check=True)
    assert "zstd; 'qemu-img convert'" in cli.fails(FAILURE, "variables", path)
    compressed = ["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", OVMF, path]
    subprocess.run(compressed, check=True)
    content = bytearray(path.read_bytes())
    content[-4096:] = bytes(4096)  # of what is deflated
    path.write_bytes(content)
    assert cli.json("variables", path)["health"] in ("unreadable", "damaged")


def test_what_cannot_be_read(cli, service):
    for path, text in (("./nonesuch", "No such file"), (str(service.directory), "no regular file"),
                       ("/dev/zero", "no regular file")):
        for verb in ("variables", "boot"):
            line = cli.fails(FAILURE, verb, path)
            assert line.startswith(f"{path}: ") and text in line
    assert "raw, qcow2, json" in cli.fails(USAGE, "variables", OVMF, "--source-format=x")
    assert "files here" in cli.fails(USAGE, "boot", OVMF, "-H", "there")


def test_json_that_is_too_large(cli, service):
    path = service.directory / "large.json"
    path.write_bytes(b"{" + bytes(1024 * 1024))
    report = cli.json("variables", path)
    assert (report["health"], report["health-detail"]) == (
        "unreadable", "larger than a JSON store can be")


def test_truncated(cli, service):
    path = service.directory / "vars.fd"
    with open(OVMF, "rb") as file:
        path.write_bytes(file.read(100000))
    assert cli.json("variables", path)["health"] == "truncated"
