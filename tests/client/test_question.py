# SPDX-License-Identifier: LGPL-2.1-or-later
"""select, explain, capabilities: which firmware, and why not another."""

import json
import os
import re
import shlex
import subprocess

import pytest

from lib import descriptors, paths
from lib.cli import FAILURE, NO_MATCH, USAGE, properties_of

SECURE = ["secure-boot", "enrolled-keys", "requires-smm"]


@pytest.fixture
def client(service):
    service.ovmf("50-secure", features=SECURE, stem="odd 'name' $x")
    service.ovmf("60-plain", features=["acpi-s4"])
    service.bios("70-bios", interface_types=["bios"])
    service.stateless("80-stateless")
    service.vendor.write("90-gone", descriptors.flash("/nonexistent/code.fd"))
    return service.start()


def test_select_says_what_the_service_says(service, client, cli):
    nvram = str(service.directory / "vars.fd")
    words = ["select", "x86_64", "q35", f"--nvram={nvram}"]
    for form in ("qemu", "qemu-legacy"):
        assert cli.json(*words, f"--render={form}") == json.loads(json.dumps(client.select(
            "x86_64", "q35", nvram_filename=nvram, render=[form])))
    shown = properties_of(cli(*words))
    assert shown["name"] == ["50-secure"]
    assert shown["executable"] == [
        f"{service.images}/odd 'name' $x-code.fd (raw, 3653632 bytes)"]
    assert shown["flash"] == [
        "0: executable at 0xffc84000, 3653632 bytes in 892 blocks, read-only",
        "1: nvram at 0xffc00000, 540672 bytes in 132 blocks, writable"]
    assert shown["machine-properties"] == ["smm=on"]
    assert shown["global-properties"] == ["cfi.pflash01.secure=on", "ICH9-LPC.disable_s3=1"]


@pytest.mark.parametrize("form,key", [("qemu", "qemu-arguments"),
                                      ("qemu-legacy", "qemu-legacy-arguments")])
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_arguments_are_read_back_exactly(service, client, cli, form, key, shell):
    odd = str(service.directory / "a b'c\"d$HOME`id`\\e,f*~{g,h}!\n&;|<>#\t\u00e9")
    words = ["select", "x86_64", "q35", f"--nvram={odd}", f"--render={form}"]
    expected = client.select("x86_64", "q35", nvram_filename=odd, render=[form])[key]
    output = cli(*words)
    assert shlex.split(output) == expected

    show = r"""printf '%s\0' "${words[@]}" """
    command = shlex.join(cli.command(*words))
    for script in (f'eval "words=( $({command}) )"; {show}',
                   f'eval "set -- $({command})"; words=("$@"); {show}'):
        done = subprocess.run([shell, "-c", script], env=cli.environment, check=True,
                              stdout=subprocess.PIPE)
        assert done.stdout.decode().split("\0")[:-1] == expected


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_shell_variables(service, client, cli, shell):
    answer = client.select("x86_64", "q35")
    output = cli("select", "x86_64", "q35", "--render=shell")
    assert all("=" in line and line.split("=")[0].replace("_", "").isupper()
               for line in output.splitlines())
    done = subprocess.run(
        [shell, "-c", output + r"""
printf '%s\n' "$NAME" "$EXECUTABLE" "$EXECUTABLE_FORMAT" "$EXECUTABLE_SIZE" "$NVRAM_TEMPLATE" \
    "$MODE" "$FEATURES" "$MACHINE_PROPERTIES" "$DESCRIPTION" """],
        check=True, stdout=subprocess.PIPE, text=True)
    assert done.stdout.splitlines() == [
        answer["name"], answer["executable"]["filename"], "raw",
        str(answer["executable"]["size"]), answer["nvram-template"]["filename"], "split",
        " ".join(SECURE), "smm=on", answer["description"]]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_shell_arguments(service, client, cli, shell):
    """One answer for a script: arguments, template and sizes, whatever the file is called."""
    odd = str(service.directory / "a b'c\"d$HOME`touch pwned`\\e,f*~{g,h}!\n&;|<>#)(\t\u00e9")
    answer = client.select("x86_64", "q35", nvram_filename=odd, render=["qemu"])
    script = 'set -eu; eval "$("$@" --render=shell)"; printf "%s\\0" "$NVRAM" "$NVRAM_SIZE" '\
             '"$NVRAM_TEMPLATE" "$NVRAM_TEMPLATE_SIZE" "${QEMU_ARGUMENTS[@]}"'
    done = subprocess.run(
        [shell, "-c", script, "-", *cli.command("select", "x86_64", "q35", f"--nvram={odd}")],
        env=cli.environment, cwd=cli.directory, check=True, stdout=subprocess.PIPE)
    template = answer["nvram-template"]
    assert done.stdout.decode().split("\0")[:-1] == [
        odd, str(answer["flash"][1]["size"]), template["filename"], str(template["size"]),
        *answer["qemu-arguments"]]
    assert "pwned" not in os.listdir(cli.directory)


def test_shell_arguments_for_whom(client, cli):
    """Not where a copy is needed and none was named; a shell without arrays skips them."""
    words = ["select", "x86_64", "q35", "--render=shell"]
    output = cli(*words)
    assert "QEMU_ARGUMENTS" not in output and "\nNVRAM_SIZE=" in output
    assert "\nNVRAM=" not in output
    bios = cli(*words, "--firmware=70-bios")
    assert "QEMU_ARGUMENTS=(-machine " in bios and "NVRAM" not in bios
    done = subprocess.run(["sh", "-euc", bios + 'echo "$NAME ${QEMU_ARGUMENTS-}"'], check=True,
                          stdout=subprocess.PIPE, text=True)
    assert done.stdout == "70-bios \n"
    assert "QEMU_ARGUMENTS=(-machine " in cli("prepare", "vm", "x86_64", "q35", "--render=shell")
    assert "QEMU_ARGUMENTS=(-machine " in cli("vm", "vm", "--render=shell")


@pytest.mark.parametrize("options,name", [
    ([], "50-secure"),
    (["--interface=bios"], "70-bios"),
    (["--feature=acpi-s4"], "60-plain"),
    (["--feature", "secure-boot", "--feature", "enrolled-keys"], "50-secure"),
    (["--without-feature=secure-boot,acpi-s4"], "70-bios"),
    (["--without-feature=secure-boot", "--without-feature=acpi-s4"], "70-bios"),
    (["--secure-boot"], "50-secure"),
    (["--secure-boot", "--feature=requires-smm"], "50-secure"),
    (["--device=memory"], "70-bios"),
    (["--device=memory,flash"], "50-secure"),
    (["--mode=stateless"], "70-bios"),
    (["--mode=stateless", "--device=flash"], "80-stateless"),
    (["--format=raw", "--firmware=60-plain"], "60-plain"),
    (["--executable=images/70-bios.bin"], "70-bios"),
    (["--host-supported"], "50-secure")])
def test_requirements(client, cli, options, name):
    assert cli.json("select", "x86_64", "q35", *options)["name"] == name
    verdicts = {each["name"]: each["verdict"]
                for each in cli.json("explain", "x86_64", "q35", *options)}
    assert verdicts[name] == "selected"
    assert cli.json("capabilities", "x86_64", "q35", *options)["firmware"][0] == name


@pytest.mark.parametrize("options", [
    ["--secure-boot", "--without-feature=secure-boot"], ["--format=qcow2"], ["--feature=nonesuch"],
    ["--firmware=nonesuch"], ["--secure-boot", "--firmware=60-plain"]])
def test_no_matching_firmware_has_a_status_of_its_own(client, cli, options):
    text = cli.fails(NO_MATCH, "select", "x86_64", "q35", *options)
    assert text.startswith("select: ") and "'vmfirmwarectl explain'" in text
    cli.fails(NO_MATCH, "prepare", "vm", "x86_64", "q35", *options)
    cli.fails(NO_MATCH, "run", "vm", "x86_64", "q35", *options, "--", "true")
    assert cli("vms", "--names") == ""
    assert cli("explain", "x86_64", "q35", *options).startswith(
        "x86_64 q35: no firmware fits.\n\nWhy not, in order of priority:\n")


def test_executable_is_the_same_file_whatever_its_path(service, client, cli):
    executable = client.select("x86_64", "q35", firmware="70-bios")["executable"]["filename"]
    link, second = service.directory / "link", service.directory / "second"
    link.symlink_to(executable)
    second.hardlink_to(executable)
    for path in (link, second):
        assert cli.json("select", "x86_64", "q35", f"--executable={path}")["name"] == "70-bios"
    # whichever of the descriptors with this file the others of the requirements leave
    service.bios("65-first", features=["acpi-s4"])
    os.unlink(service.images / "65-first.bin")
    (service.images / "65-first.bin").symlink_to(executable)
    client.reload()
    for path, words, name in ((link, [], "65-first"), (executable, [], "65-first"),
                              (link, ["--without-feature=acpi-s4"], "70-bios")):
        for where in ("--system", f"--search-path={service.vendor}"):
            assert cli.json("select", "x86_64", "q35", f"--executable={path}", where,
                            *words)["name"] == name
    (service.directory / "copy").write_bytes(b"")
    cli.fails(NO_MATCH, "select", "x86_64", "q35", f"--executable={service.directory}/copy")


def test_explain_says_what_the_machine_was_taken_for(service, client, cli):
    service.add("10-pc", targets=[descriptors.target("x86_64", "pc-i440fx-*", "isapc"),
                                  descriptors.target("aarch64", "virt-*")])
    client.reload()
    machine = client.select("x86_64", "q35")["machine"]
    assert (f"it is not for this machine type ({machine}), but for pc-i440fx-*, isapc\n"
            in cli("explain", "amd64", "q35"))


def test_explain_says_what_is_unknown_and_which_machine_answers(service, client, cli):
    assert cli("explain", "x86_64", "Q35").splitlines()[-1].startswith(
        'unknown machine type "Q35" for x86_64; did you mean "q35"?')
    service.add("10-pc", features=["acpi-s3"],
                targets=[descriptors.target("x86_64", "pc-i440fx-*")])
    client.reload()
    assert cli("explain", "x86_64", "q35", "--feature=acpi-s3").endswith(
        "; machine type pc gets 10-pc\n")


def test_explain_reads_as_an_answer(service, client, cli):
    service.vendor.write("10-broken", "{")
    service.vendor.write("20-schema", {"description": 1})
    service.vendor.write("30-hidden", b"")
    service.admin.write("40-other", descriptors.flash(
        service.raw("a.fd"), targets=[descriptors.target("aarch64", "virt-*")]))
    service.vendor.write("40-other", descriptors.flash(service.raw("b.fd")))
    client.reload()
    paths = {name: service.vendor.file(name) for name in (
        "10-broken", "20-schema", "30-hidden", "40-other", "50-secure", "60-plain", "70-bios",
        "80-stateless", "90-gone")}
    text = cli("explain", "x86_64", "q35", "--feature=acpi-s4", "--interface=uefi")
    assert text.startswith(f"""\
x86_64 q35 gets 60-plain:
  {paths["60-plain"]}

Why not the others, in order of priority:
  {paths["10-broken"]} (invalid)
      it is no JSON: line 1:""")
    assert text.endswith(f"""\
  {paths["30-hidden"]} (masked)
      it hides every firmware of this name
  {service.admin.file("40-other")} (rejected)
      it is not for this architecture
      it does not have the feature acpi-s4
  {paths["40-other"]} (overridden)
      {service.admin.file("40-other")} takes its place
  {paths["50-secure"]} (rejected)
      it does not have the feature acpi-s4
  {paths["70-bios"]} (rejected)
      it has another interface than was asked for
      it does not have the feature acpi-s4
  {paths["80-stateless"]} (rejected)
      it does not have the feature acpi-s4
  {paths["90-gone"]} (rejected)
      it does not have the feature acpi-s4
      /nonexistent/code.fd is not there
""")
    assert f"  {paths['20-schema']} (invalid)\n      it is no firmware descriptor: /" in text
    accepted = cli("explain", "x86_64", "q35", "--without-feature=enrolled-keys")
    assert "70-bios.json (accepted)\n      it would do, but 60-plain comes first\n" in accepted


def test_json_of_explain_and_capabilities(client, cli):
    given = {"features": ["secure-boot"]}
    assert cli.json("explain", "x86_64", "q35", "--feature=secure-boot") == [
        dict(zip(("name", "path", "verdict", "reasons"), verdict))
        for verdict in client.explain("x86_64", "q35", **given)]
    told = client.capabilities("x86_64", "q35", **given)
    assert cli.json("capabilities", "x86_64", "q35", "--feature=secure-boot") == told
    assert properties_of(cli("capabilities", "x86_64", "q35"))["devices"] == ["flash, memory"]


@pytest.mark.parametrize("words,text", [
    (["select", "x86_64"], "usage: vmfirmwarectl [OPTION…] select ARCH MACHINE"),
    (["select", "x86_64", "q35", "more"], "usage: "),
    (["select", "x86_64", "q35", "--device=flsh"], "flsh"),
    (["select", "x86_64", "q35", "--render=pdf"], "--render=pdf"),
    (["select", "x86_64", "q35", "--render=qemu"], "; say where with --nvram=FILE"),
    (["select", "x86_64", "q35", "--interface=uefi", "--interface=bios"], "more than once"),
    (["select", "x86_64", "q35", "--reset"], "--reset does not go with select"),
    (["explain", "x86_64", "q35", "--nvram=x"], "--nvram does not go with explain"),
    (["list", "--feature=x"], "--feature does not go with list"),
    # of verbs with several forms
    (["variables", "./f", "--index=3"], "--index does not go with variables FILE"),
    (["variables", "./f", "--live"], "--live does not go with variables FILE"),
    (["boot", "./f", "--owner=0"], "--owner does not go with boot FILE"),
    (["secure-boot", "./f", "on", "--owner=0"], "--owner does not go with secure-boot FILE"),
    (["variables", "a", "--source-format=raw"], "--source-format does not go with variables ID"),
    (["enroll", "--all", "k", "--source-format=raw"], "--source-format does not go with enroll"),
    (["boot", "a", "--yes"], "--yes does not go with boot without --order and --clear"),
    (["boot", "a", "--order=1", "--live"], "--live does not go with boot with --order or --clear"),
    (["enroll", "a", "microsoft-2023", "--into=KEK"], "no file is given"),
    (["enroll", "a", "/dev/null", b"--into=\xff"], "not UTF-8"),
    (["enroll", "a", b"--from=\xff"], "not UTF-8"),
    (["export", "a", "f", "--backup", "--index=3"], "--backup and --index exclude each other"),
    (["import", "--libvirt=-", "--reference=/srv/x"], "--reference does not go with import --libvirt"),
    (["import", "--libvirt=-", "--source-format=raw"],
     "--source-format does not go with import --libvirt"),
    (["import", "--libvirt=-", "--render=qemu"], "--render does not go with import --libvirt"),
    (["unpack", "f", "--check", "--render=qemu"], "--render does not go with unpack --check"),
    (["unpack", "f", "--check", "--owner=0"], "--owner does not go with unpack --check"),
    (["select", "", "q35"], "argument 1 is empty"), (["export", "a", ""], "argument 2 is empty"),
    (["import", "a", "x86_64", "q35", ""], "argument 4 is empty"),
    (["verify", ""], "argument 1 is empty"), (["--nonesuch"], "--nonesuch"),
    (["nonesuch"], "no such verb"), (["list", "--json=xml"], "--json=xml"),
    (["list", "--user", "--system"], "exclude each other"),
    (["list", "--host=a", "--machine=b"], "exclude each other"),
    (["list", "--host=a", "--user"], "exclude each other"),
    (["select", "x86_64", "q35", "--without-feature="], "--without-feature: its value is empty"),
    (["select", "x86_64", "q35", "--feature=secure-boot,"], "--feature: its value is empty"),
    (["select", "x86_64", "q35", "--nvram", ""], "--nvram: its value is empty"),
    (["list", "--host="], "--host"), (["list", "-M", ""], "--machine"),
    (["show", b"\xff"], "not UTF-8"), (["select", "x86_64", "q35", b"--feature=\xff"], "not UTF-8"),
    (["import", "a", b"\xff", "q35", "f"], "argument 2 is not UTF-8"),
    # UTF-8, and on no bus
    (["select", "x86_64", "q35", "--feature=\ufffe"], "not UTF-8"),
    (["select", "x86_64", "q35", "--firmware=\ufffe"], "not UTF-8")])
def test_usage(client, cli, words, text):
    words = [word.decode(errors="surrogateescape") if isinstance(word, bytes) else word
             for word in words]
    assert text in cli.fails(USAGE, *words)


def test_what_takes_no_value_is_not_given_one(client, cli):
    flags = re.findall(r"^  (?:-., )?(--[a-z-]+) ", cli("--help"), re.MULTILINE)
    assert {"--live", "--reset", "--secure-boot", "--user", "--help"} <= set(flags)
    for flag in flags:
        assert f"{flag} takes no value" in cli.fails(USAGE, "list", f"{flag}=no")
    status, output, _ = cli.raw("run", "a", "x86_64", "q35", "--", "echo", "--live=no")
    assert status == 0 and output.startswith(b"--live=no -machine ")


def test_show_of_nothing(client, cli):
    text = cli.fails(FAILURE, "show", "nonesuch")
    assert '"nonesuch"' in text and "'vmfirmwarectl list'" in text


def test_help_and_version(client, cli):
    text = cli("--help")
    for word in ("select ARCH MACHINE", "run ID ARCH MACHINE -- COMMAND…", "--secure-boot",
                 "--render=FORM", "-H, --host", "Exit status"):
        assert word in text
    # however many bytes a usage has
    verbs = text[text.index("Verbs:\n"):text.index("\nExit status")].splitlines()[1:]
    assert {line[37] for line in verbs} == {" "} and all(line[38].isupper() for line in verbs)
    assert cli("--version") == f"vmfirmwarectl {client.manager_property('Version')}\n"


def test_libvirt(service, client, cli):
    service.vendor.write("95-igvm", descriptors.by_filename(
        "igvm", service.raw("guest.igvm"), interface_types=["uefi"]))
    client.reload()
    words = ["select", "x86_64", "q35", "--nvram=/vars", "--render=libvirt"]
    xml = client.select("x86_64", "q35", nvram_filename="/vars", render=["libvirt"])["libvirt-xml"]
    assert cli(*words) == xml and xml.startswith("<os") and xml.endswith("\n")
    assert cli.json(*words)["libvirt-xml"] == xml
    text = cli.fails(FAILURE, *words, "--device=igvm")
    assert text.startswith("select: ") and "libvirt" in text


def test_every_reason_has_its_words():
    contract = (paths.INTERFACES / "org.vmfirmware1.Manager.xml").read_text(encoding="utf-8")
    contract = contract[contract.index("Reasons, all that apply"):]
    contract = contract[:contract.index("Errors:")]
    codes = set(re.findall(r"^ {8}([a-z]+(?:-[a-z]+)*)(?:[:,]| {2})", contract, re.MULTILINE))
    codes |= {"architecture", "machine", "device", "mode", "format", "firmware", "executable"}
    assert {"feature-missing", "parse-error", "geometry-unknown", "interface"} <= codes
    source = (paths.REPOSITORY / "client" / "reasons.c").read_text(encoding="utf-8")
    assert set(re.findall(r'\{"([a-z-]+)", "', source)) == codes


def test_every_error_of_ours_says_what_to_do_next():
    names = re.findall(r'"org\.vmfirmware1\.(\w+)"', (
        paths.REPOSITORY / "daemon" / "base" / "error.c").read_text(encoding="utf-8"))
    source = (paths.REPOSITORY / "client" / "failure.c").read_text(encoding="utf-8")
    assert set(re.findall(r'OURS "(\w+)"', source)) == set(names)
