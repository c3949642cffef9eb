# SPDX-License-Identifier: LGPL-2.1-or-later
"""pack and unpack: a VM in an archive."""

import gzip
import hashlib
import io
import json
import os
import tarfile

import pytest

from lib import images, paths
from lib.cli import FAILURE, NO_MATCH, USAGE


class Place:
    """Where VMs are: the service, or directories of the user's."""

    def __init__(self, cli, service, is_service):
        self.cli, self.service = cli, service
        self.is_service = is_service

    def words(self, verb, name, *words):
        if self.is_service:
            return [verb, name, *words]
        return [verb, f"--directory={self.service.directory / name}",
                f"--search-path={self.service.vendor}", f"--machines={paths.machines_directory()}",
                *words]

    def __call__(self, verb, name, *words, **options):
        return self.cli(*self.words(verb, name, *words), **options)

    def json(self, verb, name, *words):
        return self.cli.json(*self.words(verb, name, *words))

    def fails(self, status, verb, name, *words):
        return self.cli.fails(status, *self.words(verb, name, *words))


@pytest.fixture
def there(service, cli):
    cli.environment["XDG_CACHE_HOME"] = str(service.directory / "cache")
    service.ovmf("50-first", content=b"template")
    service.ovmf("60-second", content=b"another.")
    service.bios("70-bios")
    service.start(path=os.environ["PATH"])


@pytest.fixture(params=["service", "directory"])
def origin(there, service, cli, request):
    return Place(cli, service, request.param == "service")


@pytest.fixture(params=["service", "directory"])
def target(there, service, cli, request):
    return Place(cli, service, request.param == "service")


@pytest.fixture
def here(there, service, cli):
    return Place(cli, service, True)


def members(path):
    with tarfile.open(path) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def write_archive(path, files, compress=False):
    """(name, content or TarInfo's changes) in this order; a name may be there twice."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            if isinstance(content, dict):
                for key, value in content.items():
                    setattr(info, key, value)
                # addfile() of Python 3.13 wants the data as well
                stream.write(info.tobuf())
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    data = stream.getvalue()
    path.write_bytes(gzip.compress(data) if compress else data)
    return str(path)


def test_from_everywhere_to_everywhere(origin, target, service):
    made = origin.json("prepare", "old", "x86_64", "q35", "--mode=split",
                       "--without-feature=secure-boot")
    exported = service.directory / "changed.fd"
    images.raw(str(exported), images.OVMF_4M_VARS, b"variables of the guest")
    origin("import", "old", exported)
    file = service.directory / "old.pack"
    assert origin("pack", "old", file) == ""
    assert file.stat().st_mode & 0o777 == 0o600

    found = members(file)
    assert list(found) == ["manifest.json", "pin.json", "nvram.raw"]
    assert found["nvram.raw"] == exported.read_bytes()
    manifest, pin = (json.loads(found[name]) for name in ("manifest.json", "pin.json"))
    assert manifest["version"] == 1
    assert manifest["nvram"] == {"file": "nvram.raw", "size": images.OVMF_4M_VARS,
                                 "sha256": hashlib.sha256(found["nvram.raw"]).hexdigest()}
    assert (pin["architecture"], pin["machine"]) == ("x86_64", "q35")

    answer = target.json("unpack", "new", file)
    assert (answer["name"], answer["differences"]) == (made["name"], [])
    shown = target.json("vm", "new")
    assert shown["resolution"]["requirements"] == {
        "modes": ["split"], "without-features": ["secure-boot"]}
    copy = service.directory / "copy.fd"
    target("export", "new", copy)
    assert copy.read_bytes() == exported.read_bytes()
    # and there is one now
    assert "already" in target.fails(FAILURE, "unpack", "new", file)
    assert origin.json("vm", "old")["state"] == "ready"


def test_the_same_vm_makes_the_same_bytes(origin, service, cli):
    origin("prepare", "old", "x86_64", "q35")
    origin("pack", "old", service.directory / "a.pack")
    _, output, _ = cli.raw(*origin.words("pack", "old", "-"))
    assert output == (service.directory / "a.pack").read_bytes()
    assert origin.json("pack", "old", service.directory / "b.pack")["size"] == len(output)
    # from a pipe
    assert "50-first" in cli("unpack", "new", "-", stdin=output)


def test_without_nvram(origin, target, service):
    origin("prepare", "old", "x86_64", "q35", "--firmware=70-bios")
    file = service.directory / "old.pack"
    origin("pack", "old", file)
    assert list(members(file)) == ["manifest.json", "pin.json"]
    answer = target.json("unpack", "new", file)
    assert (answer["name"], answer["differences"], answer["pinned"]) == ("70-bios", [], False)


def test_other_formats(here, service):
    service.uefi_vars("40-json")
    service.client.reload()
    here("prepare", "json", "x86_64", "q35", "--firmware=40-json", "--qemu-version=10.0")
    here("prepare", "qcow2", "x86_64", "q35", "--firmware=50-first", "--nvram-format=qcow2")
    for name in ("json", "qcow2"):
        file = service.directory / f"{name}.pack"
        here("pack", name, file)
        assert list(members(file))[2] == f"nvram.{name}"
        answer = here.json("unpack", f"{name}-new", file, "--qemu-version=10.0")
        assert (answer["nvram"]["format"], answer["differences"]) == (name, [])


def test_the_same_firmware_is_preferred(here, service):
    """Also where another has come before it. What it required stays what it requires."""
    here("prepare", "old", "x86_64", "q35", "--without-feature=secure-boot")
    file = service.directory / "old.pack"
    here("pack", "old", file)
    service.ovmf("40-newer", content=b"template")
    service.client.reload()
    assert here.cli("unpack", "--check", file) == "This host has its firmware: 50-first.\n"
    assert here.json("unpack", "new", file)["name"] == "50-first"
    # the caller's own words come first
    answer = here.json("unpack", "own", file, "--firmware=40-newer")
    assert (answer["name"], answer["differences"]) == (
        "40-newer", ["name", "executable"])


def test_a_certificate_comes_with_the_nvram(here, service):
    """Where the template of this host has not what the VM was made with."""
    for name in ("ms", "blank"):
        suffix = ".ms" if name == "ms" else ""
        with open(f"/usr/share/OVMF/OVMF_VARS_4M{suffix}.fd", "rb") as file:
            variables = file.read()
        service.add_pair(f"{'40' if name == 'ms' else '90'}-{name}", service.raw(f"{name}.fd"),
                         service.raw(f"{name}-vars.fd", len(variables), variables))
    service.client.reload()
    here("prepare", "old", "x86_64", "q35", "--certificate=microsoft-uefi-2011")
    file = service.directory / "old.pack"
    here("pack", "old", file)
    os.unlink(service.vendor.file("40-ms"))
    service.client.reload()
    here.fails(NO_MATCH, "select", "x86_64", "q35", "--certificate=microsoft-uefi-2011")
    assert here.json("unpack", "new", file, "--firmware=90-blank")["name"] == "90-blank"
    assert here("unpack", "--check", file) == "This host has its firmware: 90-blank.\n"
    here("prepare", "new", "x86_64", "q35", "--certificate=microsoft-uefi-2011")

    # a guest can have removed it; only the command line asks for it then
    here("import", "old", "/usr/share/OVMF/OVMF_VARS_4M.fd")
    here("pack", "old", service.directory / "without.pack")
    here("unpack", "without", service.directory / "without.pack")
    assert "neither in KEK nor in db" in here.fails(
        FAILURE, "unpack", "other", service.directory / "without.pack",
        "--certificate=microsoft-uefi-2011")


def test_nvram_of_another_size_finds_its_firmware(here, service):
    code = service.raw("small-code.fd", images.OVMF_2M_CODE)
    variables = service.raw("small-vars.fd", images.OVMF_2M_VARS, b"small")
    service.add_pair("65-small", code, variables)
    service.client.reload()
    here("prepare", "old", "x86_64", "q35", "--firmware=65-small")
    file = service.directory / "old.pack"
    here("pack", "old", file)
    # as if it had asked for nothing
    found = members(file)
    pin = json.loads(found["pin.json"])
    pin["resolution"]["requirements"] = {}
    found["pin.json"] = json.dumps(pin).encode()
    write_archive(file, found.items())
    assert here.json("unpack", "new", file)["name"] == "65-small"


def test_check(here, service, cli):
    here("prepare", "old", "x86_64", "q35", "--without-feature=secure-boot")
    file = str(service.directory / "old.pack")
    here("pack", "old", file)
    assert cli.json("unpack", "--check", file) == {
        "verdict": "same", "firmware": "50-first", "here": "50-first", "differences": [],
        "description": "firmware for tests"}
    assert cli("vms", "--names") == "old\n"

    # another version under another name
    os.unlink(service.vendor.file("50-first"))
    service.client.reload()
    assert cli("unpack", "--check", file) == (
        "This host has an equivalent of its firmware 50-first: 60-second.\n")
    found = cli.json("unpack", "--check", file)
    assert (found["verdict"], found["here"]) == ("equivalent", "60-second")
    assert found["differences"] == ["name", "executable"]
    answer = cli.json("unpack", "new", file)
    assert answer["differences"] == ["name", "executable", "nvram-template"]
    _, output, errors = cli.raw("unpack", "other", file, "--render=qemu")
    assert b"pflash" in output
    assert errors == ("vmfirmwarectl: unpack other: not as it was packed: name, executable, "
                      "nvram-template\n")

    # something else, and nothing
    os.unlink(service.vendor.file("60-second"))
    service.client.reload()
    error = cli.fails(NO_MATCH, "unpack", "--check", file)
    assert "50-first (firmware for tests) for x86_64 q35 is missing here" in error
    assert "unpack would take 70-bios, which differs in: name, device" in error
    os.unlink(service.vendor.file("70-bios"))
    service.client.reload()
    status, output, errors = cli.raw("unpack", "--check", file, "--json=short")
    assert (status, json.loads(output)["verdict"]) == (NO_MATCH, "missing")
    assert "here" not in json.loads(output) and "would take" not in errors
    assert "no usable firmware" in cli.fails(NO_MATCH, "unpack", "gone", file)


def test_check_of_a_file_name_that_is_not_text(here, service, cli):
    """It is sent to nobody."""
    here("prepare", "a", "x86_64", "q35")
    here("pack", "a", "a.pack")
    os.rename(service.directory / "a.pack", service.directory / "\udcff.pack")
    assert "50-first" in cli("unpack", "--check", "\udcff.pack")
    assert cli.json("unpack", "b", "\udcff.pack")["name"] == "50-first"


def test_check_needs_no_service(here, service, cli):
    here("prepare", "old", "x86_64", "q35")
    file = str(service.directory / "old.pack")
    here("pack", "old", file)
    cli.environment["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent"
    sources = [f"--search-path={service.vendor}"]
    assert "has its firmware" in cli("unpack", "--check", *sources, file)
    status, _, errors = cli.raw("unpack", "--check", file)
    assert "answering without it" in errors and status in (0, NO_MATCH)
    assert "only --directory says" in cli.fails(USAGE, "unpack", "new", *sources, file)


def test_a_lease_is_respected(origin, service, cli):
    origin("prepare", "old", "x86_64", "q35")
    file = str(service.directory / "old.pack")
    words = origin.words("lease", "old", "--", "sh", "-c", 'exec "$@"', "-", cli.program)
    pack = origin.words("pack", "old", file)
    status, _, errors = cli.raw(*words, *pack)
    assert status == FAILURE and "its lease is held" in errors and not os.path.exists(file)
    status, _, errors = cli.raw(*words, *pack, "--live")
    assert (status, errors) == (0, "") and os.path.exists(file)


# -- archives that pack did not write --

@pytest.fixture
def good(here, service):
    """The files of a good archive."""
    here("prepare", "old", "x86_64", "q35")
    here("pack", "old", service.directory / "good.pack")
    return members(service.directory / "good.pack")


def test_uncompressed_is_fine(here, service, good):
    file = write_archive(service.directory / "own.pack", reversed(good.items()))
    assert here.json("unpack", "new", file)["differences"] == []


def test_hostile_archives(service, cli, good):
    path = service.directory / "bad.pack"
    manifest, pin, nvram = good.items()
    big = {"size": 300 * images.MIB}
    link = {"type": tarfile.SYMTYPE, "linkname": "/etc/shadow"}
    hard = {"type": tarfile.LNKTYPE, "linkname": "manifest.json"}
    cases = {
        "manifest.json: it is missing": [pin, nvram],
        "pin.json: it is missing": [manifest, nvram],
        "manifest.json: it is there twice": [manifest, manifest, pin, nvram],
        "pin.json: it is there twice": [manifest, pin, pin, nvram],
        "nvram.raw: it is the second NVRAM": [manifest, pin, nvram, nvram],
        "nvram.json: it is the second NVRAM": [manifest, pin, nvram, ("nvram.json", b"{}")],
        "../../etc/passwd: no such file belongs there": [manifest, ("../../etc/passwd", b"")],
        "/nvram.raw: no such file belongs there": [manifest, pin, ("/nvram.raw", b"")],
        "backup: no such file belongs there": [manifest, pin, nvram, ("backup", b"")],
        "\\x1b[31m: no such file belongs there": [("\x1b[31m", b"")],
        "nvram.raw: it is no regular file": [manifest, pin, ("nvram.raw", link)],
        "pin.json: it is no regular file": [manifest, ("pin.json", hard)],
        "manifest.json/: it is no regular file": [("manifest.json", {"type": tarfile.DIRTYPE})],
        "pin.json: it has more than 1 MiB": [manifest, ("pin.json", b" " * (images.MIB + 1))],
        "nvram.raw: it has more than 256 MiB": [manifest, pin, ("nvram.raw", big)],
        "manifest.json: member \"nvram\"": [manifest, pin],
        "another SHA-256": [manifest, pin, ("nvram.raw", nvram[1][:-1] + b"x")],
        "manifest.json: empty": [("manifest.json", b""), pin, nvram],
        "pin.json: no JSON object": [manifest, ("pin.json", b"[]"), nvram],
        "version 2; this program reads version 1": [
            ("manifest.json", b'{"version": 2}'), pin, nvram],
    }
    for text, files in cases.items():
        for compress in (False, True):
            write_archive(path, files, compress)
            assert text in cli.fails(FAILURE, "unpack", "new", path), text
    assert cli("vms", "--names") == "old\n"


def test_a_hostile_pin(service, cli, good):
    """A requirement that no service knows, and what is believed of the rest: nothing."""
    path = service.directory / "bad.pack"
    pin = json.loads(good["pin.json"])

    def write(**changes):
        changed = {**pin, **changes}
        write_archive(path, {**good, "pin.json": json.dumps(changed).encode()}.items())
        return str(path)

    resolution = pin["resolution"]
    for requirements, text in [({"featurez": ["x"]}, "featurez"), ({"features": "x"}, "features"),
                               ({"interface": {}}, "interface"), ({"interface": None}, "interface"),
                               ({"features": [1]}, "features"), ({"nvram-size": -1}, "nvram-size"),
                               ({"nvram-filename": "/etc/passwd"}, "nvram-filename"),
                               ({"owner": 1}, "owner")]:
        file = write(resolution={**resolution, "requirements": requirements})
        status, _, errors = cli.raw("unpack", "new", file)
        assert status != 0 and text in errors, errors
    for member in ("architecture", "machine", "executable-digest", "resolution"):
        assert member in cli.fails(FAILURE, "unpack", "new", write(**{member: 7}))
    assert cli("vms", "--names") == "old\n"

    evil = {**resolution, "name": "../../x", "executable": {"filename": "/etc/shadow"},
            "flash": [{"unit": 0, "filename": "/etc/shadow", "size": 1}], "nvram": {
                "filename": "/etc/passwd"}, "features": 3, "mode": [], "descriptor": "/dev/zero"}
    answer = cli.json("unpack", "new", write(resolution=evil))
    assert answer["name"] == "50-first" and "/etc" not in json.dumps(answer)


def test_what_is_no_archive(service, cli, good):
    path = service.directory / "bad.pack"
    whole = (service.directory / "good.pack").read_bytes()
    for content in (b"", b"hello", b"\0" * 4096, whole[:len(whole) // 2], os.urandom(1000)):
        path.write_bytes(content)
        text = cli.fails(FAILURE, "unpack", "--check", path)
        assert len(content) > 1000 or text.endswith("is it an archive of 'vmfirmwarectl pack'?")
    assert "no regular file" in cli.fails(FAILURE, "unpack", "--check", service.directory)
    assert "No such file" in cli.fails(FAILURE, "unpack", "--check", "nowhere")
    assert "FILE alone" in cli.fails(USAGE, "unpack", "--check", "id", path)
    assert "ID FILE" in cli.fails(USAGE, "unpack", path)


def test_without_the_library(service, cli, good):
    """A clear word, and no other verb needs it."""
    loader = service.directory / "loader"
    loader.mkdir()
    # a library of this name that is none
    (loader / "libarchive.so.13").write_bytes(b"no ELF")
    cli.environment["LD_LIBRARY_PATH"] = str(loader)
    error = cli.fails(FAILURE, "unpack", "--check", service.directory / "good.pack")
    assert "libarchive, which is not here" in error and "install its package" in error
    assert cli("vms", "--names") == "old\n"
