# SPDX-License-Identifier: LGPL-2.1-or-later
"""--directory: a VM that lives in its manager's own directory, without a service."""

import json
import os
import shutil
import subprocess

import pytest

from lib import images, paths
from lib.cli import FAILURE, USAGE

OWN = ["lock", "nvram.raw", "pin.json"]


class Home:
    """A VM's directory, and the commands on it."""

    def __init__(self, service, cli):
        self.service, self.cli = service, cli
        self.path = service.directory / "home"
        self.sources = [f"--search-path={service.vendor}",
                        f"--machines={paths.machines_directory()}"]

    def words(self, verb, *words, at=None):
        return [verb, f"--directory={at or self.path}", *self.sources, *words]

    def __call__(self, verb, *words, at=None, **options):
        return self.cli(*self.words(verb, *words, at=at), **options)

    def json(self, verb, *words, at=None):
        return self.cli.json(*self.words(verb, *words, at=at))

    def fails(self, status, verb, *words, at=None):
        return self.cli.fails(status, *self.words(verb, *words, at=at))

    def files(self):
        return sorted(os.listdir(self.path))

    def write(self, content):
        with open(self.path / "nvram.raw", "r+b") as file:
            file.write(content)

    def read(self, name="nvram.raw", size=8):
        return (self.path / name).read_bytes()[:size]


@pytest.fixture
def home(service, cli):
    cli.environment["XDG_CACHE_HOME"] = str(service.directory / "cache")
    cli.environment["PATH"] = f"{service.no_programs}:/usr/bin:/bin"
    service.ovmf("50-first", content=b"template")
    service.ovmf("60-second", content=b"another.")
    service.bios("70-bios")
    return Home(service, cli)


PREPARE = ["prepare", "x86_64", "q35"]


def test_the_first_call_pins(home):
    answer = home.json(*PREPARE)
    assert (answer["name"], answer["pinned"]) == ("50-first", False)
    assert answer["nvram"] == {"filename": str(home.path / "nvram.raw"), "format": "raw",
                               "size": images.OVMF_4M_VARS, "created": True}
    assert home.files() == OWN
    assert home.path.stat().st_mode & 0o777 == 0o700
    assert {(home.path / name).stat().st_mode & 0o777 for name in OWN} == {0o600}
    home.service.ovmf("40-newer")
    again = home.json(*PREPARE)
    assert (again["name"], again["pinned"], again["nvram"]["created"]) == ("50-first", True, False)
    shown = home.json("vm")
    assert (shown["id"], shown["state"], shown["in-use"]) == (str(home.path), "ready", False)
    assert shown["resolution"]["name"] == "50-first"
    assert "VMConflict" not in home.fails(FAILURE, "prepare", "aarch64", "virt")


def test_the_same_files_as_the_services(home):
    """A directory that the service has made works here, and its record is the same."""
    home.service.start_with_qemu()
    answer = home.cli.json("prepare", "subject", "x86_64", "q35")
    made = os.path.dirname(answer["nvram"]["filename"])
    shutil.copytree(made, home.path)
    mine = home.json(*PREPARE)
    assert (mine["name"], mine["pinned"]) == ("50-first", True)
    shutil.rmtree(home.path)
    home(*PREPARE)
    records = [json.loads(open(f"{place}/pin.json").read()) for place in (made, home.path)]
    for record in records:
        record.pop("created")
    assert records[0] == records[1]
    assert list(home.json("vm")) == list(home.cli.json("vm", "subject"))


def test_an_answer_tells_of_the_store(home):
    """Secure Boot and certificates are those of the VM's own variables, as with the service."""
    debian = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
    code, _ = home.service.pair("real")
    home.service.add_pair("45-real", code, debian, features=["secure-boot", "acpi-s3"])
    home.service.start_with_qemu()
    for words in (["prepare", "x86_64", "q35", "--firmware=45-real"],
                  ["prepare", "x86_64", "q35"], ["rebind", "--firmware=45-real"]):
        # the first one warns of the certificates
        mine, theirs = (json.loads(home.cli.raw(*command, "--json=short")[1])
                        for command in (home.words(*words), [words[0], "vm", *words[1:]]))
        for key in ("secure-boot", "certificates"):
            assert mine[key] == theirs[key] != "", words
    mine, theirs = home.json("vm"), home.cli.json("vm", "vm")
    assert list(mine) == list(theirs)
    for answer in (mine, theirs):
        for key in ("id", "created", "last-prepared", "nvram"):
            answer.pop(key)
        answer["resolution"].pop("nvram")
        answer["resolution"]["flash"][1].pop("filename")
    assert mine == theirs


def test_a_record_of_before_s3(home):
    """Such a VM keeps its board until it is bound anew."""
    s3 = ["ICH9-LPC", "disable_s3", "1"]
    assert home.json(*PREPARE)["global-properties"] == [s3]
    record = json.loads((home.path / "pin.json").read_text())
    assert record.pop("s3-device") == "ICH9-LPC"
    (home.path / "pin.json").write_text(json.dumps(record))
    assert home.json(*PREPARE)["global-properties"] == []
    assert home.json("rebind")["global-properties"] == [s3]


def test_reset_import_export_and_rebind(home):
    home(*PREPARE)
    home.write(b"changed.")
    home("reset")
    assert (home.read(), home.read("backup-1.raw")) == (b"template", b"changed.")
    exported = home.service.directory / "exported.fd"
    home("export", "--backup", str(exported))
    assert exported.read_bytes()[:8] == b"changed."
    home("import", str(exported))
    assert (home.read(), home.read("backup-2.raw")) == (b"changed.", b"template")
    assert home.json("rebind", "--firmware=60-second")["name"] == "60-second"
    assert home.read() == b"changed."
    assert home.json("rebind", "--firmware=60-second", "--reset")["nvram"]["created"]
    assert (home.read(), home.read("backup-3.raw")) == (b"another.", b"changed.")
    assert home.read("backup-1.raw") == b"changed."
    home("rebind", "--firmware=70-bios", "--reset")
    assert home.files() == ["backup-2.raw", "backup-3.raw", "backup-4.raw", "backups.json", "lock",
                            "pin.json"]
    # what its firmware wrote to is a backup now
    assert "keeps no variables" in home.fails(FAILURE, "reset")
    assert home("remove") == "" and not home.path.exists()


def test_backups_are_listed_and_restored(home):
    home(*PREPARE)
    assert home.json("backups") == [] and "0 backups listed." in home("backups")
    assert "it has no backup" in home.fails(FAILURE, "restore")
    home.write(b"changed.")
    home("reset")
    listed, = home.json("backups")
    assert (listed["index"], listed["reason"], listed["format"]) == (1, "reset", "raw")
    assert "1 backup listed." in home("backups")
    assert home.json("restore")["index"] == 1
    assert home.read() == b"changed."
    assert [(entry["index"], entry["reason"]) for entry in home.json("backups")] == [
        (2, "restore"), (1, "reset")]
    assert "no backup 9; 'vmfirmwarectl backups'" in home.fails(FAILURE, "restore", "9")
    assert "\"x\" is no index" in home.fails(USAGE, "restore", "x")
    exported = home.service.directory / "exported.fd"
    home("export", "--index=2", str(exported))
    assert exported.read_bytes()[:8] == b"template"
    assert "--index=-1" in home.fails(USAGE, "export", "--index=-1", str(exported))


def test_a_new_vm_from_a_file(home):
    source = images.raw(str(home.service.directory / "own.fd"), images.OVMF_4M_VARS, b"imported")
    home("import", "x86_64", "q35", source)
    assert home.read() == b"imported"
    assert "already" in home.fails(FAILURE, "import", "x86_64", "q35", source)


def test_files_of_the_user_stay(home):
    home.path.mkdir()
    foreign = {"disk.qcow2": b"disk", ".new-mine": b"mine", "nvram.raw.old": b"old", "config": b""}
    for name, content in foreign.items():
        (home.path / name).write_bytes(content)
    (home.path / "sub").mkdir()
    os.chmod(home.path, 0o755)
    home(*PREPARE)
    home("reset")
    home("rebind", "--firmware=60-second")
    assert home.files() == sorted([*OWN, "backup-1.raw", "backups.json", "sub", *foreign])
    assert home.path.stat().st_mode & 0o777 == 0o755
    home("remove")
    assert home.files() == sorted(["sub", *foreign])
    for name, content in foreign.items():
        assert (home.path / name).read_bytes() == content


def test_a_file_in_the_way(home):
    home.path.mkdir()
    (home.path / "nvram.raw").write_bytes(b"precious")
    text = home.fails(FAILURE, *PREPARE)
    assert "nvram.raw" in text and "no record of a VM" in text
    assert (home.read(), home.files()) == (b"precious", ["nvram.raw"])


def test_a_call_that_fails_leaves_no_directory(home):
    home.fails(3, "prepare", "x86_64", "q35", "--feature=nonesuch")
    assert not home.path.exists()
    for verb in ("vm", "reset", "remove", "export"):
        words = ["x"] if verb == "export" else []
        assert f"no directory {home.path}" in home.fails(FAILURE, verb, *words)
    home.path.mkdir()
    text = home.fails(FAILURE, "vm")
    assert "has no VM" in text and text.endswith(
        "; 'vmfirmwarectl prepare --directory=DIR ARCH MACHINE' makes one")
    assert "has no VM" in home.fails(FAILURE, "prepare", "x86_64", "q35", "--create=never")


def test_run_holds_the_lease(home):
    done = home.cli.raw(*home.words("run", "x86_64", "q35", "--", "sh", "-c", """
echo "$@" >arguments
{reset}; echo $? >status; umask >umask""".format(
        reset=" ".join(home.cli.command(*home.words("reset")))), "sh"))
    directory = home.service.directory
    assert done[0] == 0 and "its lease is held" in done[2]
    assert (directory / "status").read_text() == "1\n"
    assert (directory / "umask").read_text() == "0022\n"
    assert f"filename={home.path}/nvram.raw" in (directory / "arguments").read_text()
    home("reset")


def test_a_copy_is_another_vm(home):
    home(*PREPARE)
    other = home.service.directory / "copy"
    subprocess.run(["cp", "-a", home.path, other], check=True)
    script = f"exec {' '.join(home.cli.command(*home.words('reset', at=other)))}"
    home("run", "x86_64", "q35", "--", "sh", "-c", script, "sh")
    assert home.json("vm", at=other)["nvram"]["filename"] == str(other / "nvram.raw")
    moved = home.service.directory / "moved"
    os.rename(other, moved)
    assert home.json(*PREPARE, at=moved)["pinned"]
    clone = home.service.directory / "clone"
    home.write(b"changed.")
    home("clone", str(clone))
    assert (clone / "nvram.raw").read_bytes()[:8] == b"changed."
    assert "already" in home.fails(FAILURE, "clone", str(clone))


def test_backups_are_as_configured(home):
    config = home.service.directory / "vmfirmwared" / "vmfirmwared.conf"
    config.parent.mkdir()
    home.cli.environment["XDG_CONFIG_HOME"] = str(home.service.directory)
    home(*PREPARE)

    def reset(number):
        home.write(b"change%02d" % number)
        home("reset", "--user")
        return [one["index"] for one in home.json("backups")]

    assert [reset(number) for number in range(1, 5)][-1] == [4, 3, 2]
    config.write_text("[Limits]\nBackups=1\n")
    assert reset(5) == [5]
    config.write_text("[Limits]\nBackups=5\n")
    assert [reset(number) for number in range(6, 11)][-1] == [10, 9, 8, 7, 6]


def test_owners(home):
    home(*PREPARE)
    for path in (home.path / "nvram.raw", home.path):
        os.chown(path, 12345, 12345)
        text = home.fails(FAILURE, *PREPARE)
        assert "belongs to uid 12345" in text and text.endswith(": run this as the VM's owner")
        os.chown(path, 0, 0)
    link = home.service.directory / "link"
    link.symlink_to(home.path)
    assert str(link) in home.fails(FAILURE, "vm", at=link)
    os.unlink(home.path / "pin.json")
    (home.path / "pin.json").symlink_to("/etc/passwd")
    assert "pin.json" in home.fails(FAILURE, "vm")


def test_what_does_not_go_together(home, cli):
    assert "exclude each other" in home.fails(USAGE, "vm", "--owner=0")
    assert "only --directory" in cli.fails(USAGE, "vm", "x", "--machines=/")
    assert "does not go with" in cli.fails(USAGE, "vms", "--directory=x")
    assert "usage:" in cli.fails(USAGE, "vm", "x", "--directory=y")


def test_as_another_user_with_a_parent_that_is_read_only(home):
    home.path.mkdir()
    os.chown(home.path, 12345, 12345)
    command = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "env", "-i",
               "PATH=/usr/bin", *home.cli.for_any_uid().command(*home.words(*PREPARE))]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert {(home.path / name).stat().st_uid for name in OWN} == {12345}
    assert {(home.path / name).stat().st_gid for name in OWN} == {12345}
