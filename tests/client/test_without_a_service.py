# SPDX-License-Identifier: LGPL-2.1-or-later
"""The same answers without the service: --offline, and where nothing answers."""

import itertools
import os
import re
import shutil
import subprocess

import pytest

from lib import descriptors, distributions, faults, images, paths
from lib.cli import FAILURE, USAGE

DEBIAN = "/usr/share/qemu/firmware"
# leaks are looked for by ptrace(2), which strace has taken
TRACED = {"ASAN_OPTIONS": "detect_leaks=0"}


@pytest.fixture(autouse=True)
def cache(service, cli):
    """Not the user's own."""
    cli.environment["XDG_CACHE_HOME"] = str(service.directory / "cache")
    return service.directory / "cache" / "vmfirmwared"


# -- the same as the service says ---------------------------------------------------------------

REQUIREMENTS = [
    [], ["--secure-boot"], ["--interface=bios"], ["--interface=uefi", "--without-feature=acpi-s4"],
    ["--feature=secure-boot", "--without-feature=enrolled-keys"], ["--device=memory,kernel"],
    ["--device=igvm"], ["--mode=combined", "--mode=stateless"], ["--format=qcow2"],
    ["--firmware=50-ovmf-x64-microvm"], ["--firmware=ovmf"], ["--executable=/nonexistent/code.fd"],
    ["--qemu-version=3.1"], ["--qemu-version=9.2.1"], ["--host-supported"],
    ["--host-supported", "--feature=amd-sev"], ["--feature=secure-bot"],
    ["--nvram-size=540672"], ["--nvram-size=0"], ["--nvram-format=qcow2"], ["--nvram-format=json"],
    ["--certificate=microsoft-uefi-2023"], ["--certificate=" + "0" * 64], ["--certificate=x"],
    # what no request may hold
    ["--interface=efi"], ["--mode=splitt"], ["--qemu-version=new"], ["--format=vmdk"],
    ["--firmware=" + "x" * 300], ["--executable=/" + "x" * 4096],
]
RENDERINGS = [["--render=qemu"], ["--render=libvirt-fields", "--nvram=/x"],
              ["--render=shell", "--nvram=/x y"], ["--render=libvirt"], ["--render=qemu-legacy", "--nvram=/x y"],
              ["--render=libvirt", "--nvram=/x"], ["--render=shell"]]
MACHINES = [("x86_64", "q35"), ("amd64", "pc-i440fx-7.2"), ("x86_64", "microvm"), ("i386", "q35"),
            ("aarch64", "virt"), ("riscv64", "virt"), ("x86_64", "pc-q35-rhel8.6.0"),
            ("x86_64", "q36"), ("sparc", "q35"), ("x86_64", "x" * 300)]


def questions():
    """Each requirement of each verb on one machine, and each machine without a requirement."""
    for requirements in REQUIREMENTS:
        yield from (["select", "x86_64", "q35", *requirements],
                    ["explain", "x86_64", "q35", *requirements],
                    ["capabilities", "x86_64", "q35", *requirements])
    for architecture, machine in MACHINES:
        yield from ([verb, architecture, machine] for verb in ("select", "explain", "capabilities"))
    for words in RENDERINGS:
        yield ["select", "x86_64", "q35", *words]
    yield from (["list"], ["list", "--names"], ["show", "nonesuch"])


def compare(service, cli, layers):
    """Everything that can be asked of both."""
    machines = f"--machines={paths.machines_directory()}"
    sources = [f"--search-path={':'.join(str(layer) for layer in layers)}", machines]
    names = cli("list", "--names").splitlines()
    assert names
    forms = itertools.cycle(("off", "short"))
    for words in itertools.chain(questions(), (["show", name] for name in names)):
        words_of_form = [*words, f"--json={next(forms)}"]
        expected = cli.raw(*words_of_form, "--system")
        assert cli.raw(*words_of_form, *sources) == expected, words_of_form
    host, offline = cli.json("host"), cli.json("host", *sources)
    # the tests' services have directories of their own
    assert host.pop("state-directory") == str(service.state)
    assert offline.pop("state-directory") == "/var/lib/vmfirmwared"
    # the service publishes once more where a QEMU took more than two seconds to answer
    assert offline.pop("generation") == 1 <= host.pop("generation")
    assert offline == host


@pytest.fixture
def without_qemu(service, cli):
    cli.environment["PATH"] = str(service.no_programs)


def test_every_requirement_is_compared(cli):
    options = re.findall(r"^ +--([a-z-]+)\S* +(?:Require|Allow|Answer for)", cli("--help"),
                         re.MULTILINE)
    compared = " ".join(itertools.chain(*REQUIREMENTS))
    assert len(options) >= 11
    assert [option for option in options if f"--{option}" not in compared] == []


@pytest.mark.parametrize("style", distributions.STYLES)
def test_each_distribution(service, cli, without_qemu, style):
    distributions.install(service, style)
    compare(service, cli, [service.vendor, service.admin])


def test_debian_with_its_qemu(service, cli):
    layers = [paths.builtin_directory(), DEBIAN]
    service.start_with_qemu(search_path=layers)
    compare(service, cli, layers)


def test_every_kind_of_fault(service, cli, without_qemu):
    service.ovmf("50-good")
    service.ovmf("55-overridden")
    service.stateless("55-overridden", targets=[descriptors.target("x86_64", "pc-q35-*")])
    service.admin.write("55-overridden", descriptors.flash("/nonexistent/code.fd"))
    service.bios("60-masked")
    service.admin.write("60-masked", "")
    service.vendor.write("10-broken", '{\n  "description": x\n}')
    service.vendor.write("20-schema", descriptors.flash(service.raw("code.fd"), mode="nonesuch"))
    service.vendor.write("30-relative", descriptors.flash("code.fd"))
    service.vendor.write("31-size", descriptors.flash(
        service.raw("odd.fd", 4000), template=service.raw("vars.fd", 4000)))
    (service.vendor.path / "40-dangling.json").symlink_to("nonesuch")
    (service.vendor.path / "41-loop.json").symlink_to("41-loop.json")
    service.combined("70-whole")
    service.uefi_vars("80-store")
    service.start()
    compare(service, cli, [service.vendor, service.admin])
    for executable in ("50-good-code.fd", "elsewhere.fd"):
        if not (service.images / executable).exists():
            (service.images / executable).symlink_to("50-good-code.fd")
        words = ["select", "x86_64", "q35", f"--executable={service.images / executable}"]
        assert cli(*words, f"--search-path={service.vendor}") == cli(*words)


def test_what_reads_files_and_the_catalog(service, cli, without_qemu):
    """The verbs that look at a file of the caller's."""
    code, template = service.ovmf("50-good")
    service.start()
    cli("prepare", "vm", "x86_64", "q35")
    cli("pack", "vm", "vm.pack")
    (service.directory / "domain.xml").write_text(
        "<domain type='kvm'><name>d</name><os><type arch='x86_64' machine='q35'>hvm</type>"
        f"<loader type='pflash' readonly='no'>{code}</loader><nvram>{template}</nvram></os>"
        "</domain>")
    sources = [f"--search-path={service.vendor}:{service.admin}",
               f"--machines={paths.machines_directory()}"]
    for words in (["unpack", "--check", "vm.pack"], ["check-domain", "domain.xml"],
                  ["unpack", "--check", "vm.pack", "--secure-boot"]):
        for form in ("off", "short"):
            expected = cli.raw(*words, f"--json={form}", "--system")
            assert cli.raw(*words, f"--json={form}", *sources) == expected, words


def test_no_machine_table(service, cli, without_qemu):
    service.ovmf("50-good")
    words = ["select", "x86_64", "q35", f"--search-path={service.vendor}"]
    status, output, errors = cli.raw(*words, f"--machines={service.no_programs}")
    assert status != 0 and output == b""
    assert f"no machine table in {service.no_programs}: no machine type is known" in errors
    assert "--machines=" in errors


# -- chosen by itself ---------------------------------------------------------------------------

LINE = "vmfirmwarectl: no service answers on the system bus; answering without it, as with " \
       "--offline\n"


@pytest.mark.parametrize("address", [None, "unix:path=/nonexistent"])
def test_where_nothing_answers(service, cli, address):
    """A bus without the service, and no bus."""
    if address:
        cli.environment["DBUS_SYSTEM_BUS_ADDRESS"] = address
    for words in (["list"], ["show", "60-edk2-x86_64"], ["select", "x86_64", "q35"],
                  ["explain", "x86_64", "q35"], ["capabilities", "x86_64", "q35"], ["host"],
                  ["explain", "x86_64", "q35", "--executable=/usr/share/OVMF/OVMF_CODE_4M.fd"]):
        expected = cli.raw(*words, "--offline")
        assert expected[0] == 0 and expected[2] == ""
        assert cli.raw(*words) == (0, expected[1], LINE)
    # its own bus was asked for, or another host's, or it changes something
    for words in (["--system", "list"], ["--user", "list"], ["vms"], ["reload"],
                  ["prepare", "a", "x86_64", "q35"]):
        assert "cannot reach vmfirmwared" in cli.fails(FAILURE, *words)


def test_a_service_that_answers_is_asked(service, cli):
    service.stateless("50-own")
    service.start()
    assert cli("list", "--names") == "50-own\n"


# -- its own options ----------------------------------------------------------------------------

def test_one_descriptor(service, cli):
    code, _ = service.ovmf("50-mine")
    path = service.vendor.file("50-mine")
    words = ["--descriptor=vendor/50-mine.json", "select", "x86_64", "q35"]
    answer = cli.json(*words)
    assert (answer["name"], answer["descriptor"]) == ("50-mine", str(path))
    assert answer["executable"]["filename"] == code
    shown, = cli.json("list", f"--descriptor={path}")
    assert (shown["layer"], shown["state"]) == ("custom", "usable")
    assert cli.json("host", f"--descriptor={path}")["search-path"] == [str(path)]
    os.unlink(code)
    verdict, = cli.json("explain", "x86_64", "q35", f"--descriptor={path}")
    assert verdict["reasons"] == [f"file-missing:{code}"]
    assert "is no regular file" in cli.fails(FAILURE, "--descriptor=none.json", "list")
    odd = service.directory / "odd"
    odd.write_text("{}")
    assert "end in .json" in cli.fails(USAGE, f"--descriptor={odd}", "list")
    assert "exclude each other" in cli.fails(
        USAGE, f"--descriptor={path}", "--search-path=vendor", "list")


def test_what_does_not_go_together(cli):
    for words in (["--offline", "prepare", "a", "x86_64", "q35"], ["--offline", "vms"],
                  ["--search-path=/", "vms"], ["--descriptor=x.json", "verify", "x"]):
        assert "does not go with" in cli.fails(USAGE, *words)
    for words in (["-H", "there"], ["-M", "there"]):
        assert "does not go with it" in cli.fails(USAGE, "list", "--offline", *words)
    assert "--search-path: \"none\" is no directory" in cli.fails(
        FAILURE, "list", "--search-path=/:none")


def test_the_users_own_layer(service, cli):
    home = service.directory / "config"
    (home / "qemu" / "firmware").mkdir(parents=True)
    code = service.raw("code.fd")
    descriptors.Layer(home / "qemu" / "firmware").write("01-user", descriptors.flash(code))
    cli.environment["XDG_CONFIG_HOME"] = str(home)
    assert "01-user" not in cli("--offline", "list", "--names").split()
    assert cli("--offline", "--user", "list", "--names").split()[0] == "01-user"


# -- QEMU ---------------------------------------------------------------------------------------

def test_qemu_is_asked_once(service, cli, cache):
    """And only that of the architecture in question."""
    programs = service.directory / "programs"
    programs.mkdir()
    for architecture in ("x86_64", "aarch64"):
        qemu = shutil.which(f"qemu-system-{architecture}")
        program = programs / f"qemu-system-{architecture}"
        program.write_text(f"#!/bin/sh\n[ -e {service.directory}/gone ] || exec {qemu} \"$@\"\n")
        program.chmod(0o755)
    cli.environment["PATH"] = f"{programs}:/usr/bin:/bin"
    words = ["--offline", "select", "x86_64", "q35"]
    machine = cli.json(*words)["machine"]
    assert re.fullmatch("pc-q35-[0-9.]+", machine)
    assert os.listdir(cache) == ["qemu-system-x86_64"]
    # it is not started again: it would give no answer
    (service.directory / "gone").touch()
    assert cli.json(*words)["machine"] == machine
    # another file, or a cache that is broken
    kept = cache / "qemu-system-x86_64"
    kept.write_bytes(kept.read_bytes()[:-3])
    status, output, errors = cli.raw(*words, "--json=short")
    assert status == 0 and b'"machine":"q35"' in output
    assert errors == (f"vmfirmwarectl: {programs}/qemu-system-x86_64 does not tell its machine "
                      "types: no answer\n")
    (service.directory / "gone").unlink()
    assert cli.json(*words)["machine"] == machine


def test_no_place_for_a_cache(service, cli):
    del cli.environment["XDG_CACHE_HOME"]
    del cli.environment["HOME"]
    machine = cli.json("--offline", "select", "x86_64", "q35")["machine"]
    assert machine.startswith("pc-q35-")
    cli.environment["XDG_CACHE_HOME"] = "/proc/nonexistent"
    assert cli.json("--offline", "select", "x86_64", "q35")["machine"] == machine


# -- it needs nothing, and reads nothing in vain ------------------------------------------------

def test_no_image_of_another_architecture_is_opened(service, cli):
    log = service.directory / "log"
    words = cli.command("--offline", "select", "x86_64", "q35")
    subprocess.run(["strace", "-f", "-o", log, "-e", "trace=file", *words],
                   env=cli.environment | TRACED,
                   check=True, stdout=subprocess.PIPE)
    assert "OVMF_CODE" in log.read_text() and "AAVMF" not in log.read_text()


@pytest.fixture
def sandbox(cli):
    """Without /run, a home, a user's name and a place to write; as a user that nobody knows."""
    def run(*words, binds=()):
        command = ["bwrap", "--unshare-user", "--uid", "12345", "--gid", "12345", "--unshare-net",
                   "--unshare-pid", "--ro-bind", "/usr", "/usr",
                   "--ro-bind", paths.daemon_prefix(), paths.daemon_prefix(),
                   "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
                   "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev", *binds,
                   "--clearenv", "--setenv", "PATH", "/usr/bin", *cli.command(*words)]
        return subprocess.run(command, check=False, capture_output=True, text=True)
    return run


def test_in_a_sandbox(cli, sandbox):
    words = ["select", "x86_64", "q35", "--json=short"]
    done = sandbox(*words)
    assert (done.returncode, done.stderr) == (0, LINE)
    assert done.stdout == cli(*words, "--offline")
    done = sandbox(*words, "--offline", "--feature=nonesuch")
    assert done.returncode == 3 and "nonesuch" in done.stderr


def test_as_any_uid(service, cli):
    service.ovmf()
    words = ["--offline", "select", "x86_64", "q35", "--json=short",
             f"--search-path={service.vendor}", f"--machines={paths.machines_directory()}"]
    done = subprocess.run(
        ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "env", "-i",
         "PATH=/usr/bin", *cli.for_any_uid().command(*words)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == cli(*words)


# -- another root -------------------------------------------------------------------------------

@pytest.fixture
def tree(service):
    """A tools tree whose links would lead out of it, with firmware that this host does not have."""
    root = service.directory / "tree"
    layer = root / "usr" / "share" / "qemu" / "firmware"
    images_of = root / "usr" / "lib" / "code"
    for directory in (layer, images_of, root / "etc" / "qemu" / "firmware"):
        directory.mkdir(parents=True)
    images.raw(str(images_of / "code.fd"), images.OVMF_4M_CODE)
    images.raw(str(images_of / "vars.fd"), images.OVMF_4M_VARS)
    (root / "usr" / "share" / "code").symlink_to("/usr/lib/code")
    (root / "usr" / "share" / "code2").symlink_to("../../../../usr/lib/code")
    descriptors.Layer(layer).write("50-tree", descriptors.flash(
        "/usr/share/code/code.fd", template="/usr/share/code2/vars.fd"))
    descriptors.Layer(layer).write("55-host", descriptors.flash(
        "/usr/share/OVMF/OVMF_CODE_4M.fd", template="/usr/share/OVMF/OVMF_VARS_4M.fd"))
    descriptors.Layer(layer).write("60-masked", descriptors.flash("/usr/lib/code/code.fd"))
    (root / "etc" / "qemu" / "firmware" / "60-masked.json").symlink_to("/dev/null")
    (layer / "70-linked.json").symlink_to("/usr/share/qemu/firmware/50-tree.json")
    return root


def test_another_root(service, cli, tree):
    sources = [f"--root={tree}"]
    shown = {firmware["name"]: firmware for firmware in cli.json("list", *sources)
             if firmware["layer"] != "builtin"}
    assert {name: firmware["state"] for name, firmware in shown.items()} == {
        "50-tree": "usable", "55-host": "unusable", "70-linked": "usable"}
    answer = cli.json("select", "x86_64", "q35", *sources, "--nvram=/x", "--render=qemu")
    assert answer["executable"]["filename"] == "/usr/share/code/code.fd"
    assert answer["descriptor"] == "/usr/share/qemu/firmware/50-tree.json"
    # no QEMU is asked
    assert answer["machine"] == "q35"
    verdicts = {(verdict["name"], verdict["verdict"]): verdict["reasons"] for verdict in cli.json(
        "explain", "x86_64", "q35", *sources)}
    assert verdicts["60-masked", "masked"] == []
    assert verdicts["55-host", "rejected"] == [
        "file-missing:/usr/share/OVMF/OVMF_CODE_4M.fd",
        "file-missing:/usr/share/OVMF/OVMF_VARS_4M.fd"]
    # the descriptor is the caller's, and its images are the root's
    path = service.add("50-mine")
    assert [firmware["state"] for firmware in cli.json(
        "list", *sources, f"--descriptor={path}")] == ["unusable"]
    assert cli("list", "--names", *sources, "--search-path=/usr/share/qemu/firmware").split() == [
        "50-tree", "55-host", "60-masked", "70-linked"]
    (tree / "etc" / "vmfirmwared").mkdir()
    (tree / "etc" / "vmfirmwared" / "vmfirmwared.conf").write_text(
        "[Catalog]\nSearchPath=/etc/qemu/firmware\n")
    assert cli.json("list", *sources) == []
    assert "--root: \"none\": No such file" in cli.fails(FAILURE, "list", "--root=none")
    assert "exclude each other" in cli.fails(USAGE, "list", *sources, "--user")


def test_another_root_is_refused_where_it_would_be_ignored(cli, service, tree):
    store = images.raw(str(service.directory / "s.fd"), images.OVMF_4M_VARS, b"variables")
    home = f"--directory={service.directory / 'home'}"
    for words in (["secure-boot", store, "off", "--yes"], ["variables", store], ["boot", store],
                  ["prepare", home, "x86_64", "q35"], ["vm", home], ["prepare", "vm", "x86_64", "q35"],
                  ["unpack", home, store], ["verify", store]):
        assert "--root does not go with " + words[0] in cli.fails(
            USAGE, *words, f"--root={tree}"), words
    assert not (service.directory / "home").exists()


def test_a_copy_beside_another_root(cli, tree):
    """The template is looked for in the root, whatever the host has there."""
    words = ["select", "x86_64", "q35", f"--root={tree}"]
    template = tree / "usr" / "lib" / "code" / "vars.fd"
    text = cli.fails(FAILURE, *words, f"--nvram={template}")
    assert "/usr/share/code2/vars.fd of the firmware itself" in text
    (tree / "copy.fd").write_bytes(template.read_bytes())
    assert cli.json(*words, f"--nvram={tree / 'copy.fd'}")["name"] == "50-tree"


def test_domains_of_another_root(cli, service, tree):
    """Each path in the XML is one in the root."""
    path = service.directory / "vm.xml"
    path.write_text(
        "<domain><name>vm</name><os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type>"
        "<loader readonly='yes' type='pflash'>/usr/share/code/code.fd</loader>"
        "<nvram template='/usr/share/code2/vars.fd'>/nvram.fd</nvram></os></domain>")
    words = ["check-domain", path, f"--root={tree}"]
    template = tree / "usr" / "lib" / "code" / "vars.fd"
    nvram = tree / "nvram.fd"
    nvram.write_bytes(template.read_bytes())
    assert cli(*words) == ""
    nvram.write_bytes(bytes(4096))
    assert "has 4096 bytes" in cli.raw(*words)[1].decode()
    nvram.unlink()
    nvram.symlink_to("/usr/lib/code/vars.fd")
    assert "is the template itself" in cli.raw(*words)[1].decode()
    (tree / "usr" / "lib" / "code" / "code.fd").unlink()
    assert "code.fd: No such file" in cli.raw(*words)[1].decode()


def test_another_root_without_openat2(cli, tree):
    """As on an older kernel, or where a filter of system calls does not know it."""
    words = ["select", "x86_64", "q35", f"--root={tree}", "--json=short"]
    done = subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", "inject=openat2:error=ENOSYS",
         *cli.command(*words)], env=cli.environment | TRACED, check=True, capture_output=True,
        text=True)
    assert done.stdout == cli(*words)
    assert "50-tree" in done.stdout


def test_a_directory_that_the_system_does_not_read_to_its_end(service, cli, tree):
    """Without memory, say: no answer, and never one without a table or the keys of the host."""
    (tree / "etc" / "vmfirmwared" / "enroll" / "db").mkdir(parents=True)
    command, log = cli.command("list", f"--root={tree}"), service.directory / "log"
    options = {"env": cli.environment | TRACED, "text": True}
    assert faults.run(command, log, ["trace=getdents64"], **options).returncode == 0
    directories = re.findall(r"getdents64\(\d+<(.*?)>", log.read_text(encoding="utf-8"))
    assert {"machines", "certificates", "firmware", "db"} <= {
        os.path.basename(directory) for directory in directories}
    for number, directory in enumerate(directories, 1):
        done = faults.run(
            command, log, [f"inject=getdents64:error=ENOMEM:when={number}"], **options)
        assert (done.returncode, done.stdout) == (FAILURE, ""), directory
        assert f"{directory.removeprefix(str(tree))}: Cannot allocate memory" in done.stderr


def test_another_root_in_a_sandbox(cli, sandbox, tree):
    """A tools tree at another path."""
    words = ["select", "x86_64", "q35", "--json=short"]
    done = sandbox(*words, "--root=/tree", binds=["--ro-bind", str(tree), "/tree"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == cli(*words, f"--root={tree}")
