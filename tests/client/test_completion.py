# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion, driven in the shells themselves: bash by its own functions, zsh at a terminal."""

import os
import pty
import re
import select
import subprocess
import time

import pytest

from lib import paths
from lib.cli import binary
from lib.vms import VMs

BASH = "/usr/share/bash-completion/bash_completion"
EVIL = "evil $(touch pwned)`touch pwned`"


def completions():
    """Where the build under test has installed them."""
    return paths.daemon_prefix() / "share"


@pytest.fixture
def environment(service, cli):
    service.ovmf("50-ovmf")
    service.bios("60-bios", interface_types=["bios"])
    service.bios("a:b", interface_types=["bios"])
    vms = VMs(service.start())
    for vm_id in ("manager:first", "manager:second", "with space", "with=equals", EVIL):
        vms.make(vm_id)
    programs = service.directory / "programs"
    programs.mkdir()
    os.symlink(binary(), programs / "vmfirmwarectl")
    cli.environment["PATH"] = f"{programs}:{os.environ['PATH']}"
    (service.directory / "nvram-file").touch()
    return cli.environment


# What readline does: it splits the line at COMP_WORDBREAKS, calls the function, and shows COMPREPLY.
DRIVE = r"""
source "$0"; source "$1"
COMP_LINE=$2; COMP_POINT=${#COMP_LINE}
mapfile -d '' -t COMP_WORDS < <(split "$COMP_LINE")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_vmfirmwarectl
printf '%s\n' "${COMPREPLY[@]}"
"""
SPLIT = r"""
split() {
    local word= char rest=$1
    while [[ -n $rest ]]; do
        char=${rest:0:1} rest=${rest:1}
        case $char in
        \\) word+=$char${rest:0:1} rest=${rest:1} ;;
        ' ') [[ -n $word ]] && printf '%s\0' "$word"; word= ;;
        [=:]) [[ -n $word ]] && printf '%s\0' "$word"; printf '%s\0' "$char"; word= ;;
        *) word+=$char ;;
        esac
    done
    # a word that begins is empty
    [[ -n $word || ${1: -1} == ' ' || ${1: -1} == [=:] ]] && printf '%s\0' "$word"
}
compopt() { :; }
"""


def bash(environment, directory, line):
    script = completions() / "bash-completion" / "completions" / "vmfirmwarectl"
    done = subprocess.run(
        ["bash", "--norc", "-c", SPLIT + DRIVE, BASH, script, f"vmfirmwarectl {line}"],
        env=environment, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        timeout=60, check=False)
    assert done.stderr == ""
    return [word for word in done.stdout.splitlines() if word]


def test_bash(service, environment):
    def complete(line):
        return bash(environment, service.directory, line)

    assert complete("sel") == ["select"]
    assert complete("re") == ["reset", "rebind", "rename", "remove", "restore", "record", "reload"]
    assert complete("--no-leg") == ["--no-legend"]
    assert complete("show ") == ["50-ovmf", "60-bios", "a:b"]
    assert complete("show 5") == ["50-ovmf"]
    assert complete("select ") == ["x86_64"]
    assert "q35" in complete("select x86_64 ") and complete("explain x86_64 q3") == ["q35"]
    assert complete("prepare vm x86_64 --secure-boot q3") == ["q35"]
    assert complete("vm with") == ["with\\ space", "with=equals"]
    # as a completion before left it, or within quotes
    assert complete("vm with\\ ") == ["with\\ space"]
    assert complete("vm 'with") == ["with space", "with=equals"]
    assert complete('vm "e') == []
    # behind a colon, or an equals sign, readline has begun another word
    assert complete("vm manager:") == ["first", "second"]
    assert complete("vm with=") == ["equals"]
    assert complete("select x86_64 q35 --firmware a:") == ["b"]
    assert complete("select x86_64 q35 --firmware=a:") == ["b"]
    assert complete("--owner root remove manager:f") == ["first"]
    assert complete("select x86_64 q35 --interface=u") == ["uefi", "uboot"]
    assert complete("select x86_64 q35 --interface u") == ["uefi", "uboot"]
    assert complete("select x86_64 q35 --firmware=6") == ["60-bios"]
    assert complete("export manager:first nvram-f") == ["nvram-file"]
    assert complete("variables manager:") == ["first", "second"]
    assert complete("boot nvram-f") == ["nvram-file"]
    assert complete("--offline variables ") == complete("verify ")
    assert complete("run vm x86_64 q35 -- vmfirmwarec") == ["vmfirmwarectl"]
    assert complete("lease manager:f") == ["first"]
    assert complete("lease manager:first -- vmfirmwarec") == ["vmfirmwarectl"]


def test_bash_knows_what_takes_a_value(service, environment, cli):
    options = re.findall(r"(--[a-z-]+)=", cli("--help"))
    assert {"--mode", "--nvram-format", "--descriptor", "--directory"} <= set(options)
    for option in options:
        assert bash(environment, service.directory, f"{option} value sel") == ["select"], option


def test_bash_knows_what_stands_in_the_place_of_an_id(service, environment):
    def complete(line):
        return bash(environment, service.directory, line)

    for place in ("--directory=vms/web", "--directory vms/web", "--ephemeral"):
        assert complete(f"prepare {place} ") == ["x86_64"]
        assert complete(f"{place} prepare x86_64 q3") == ["q35"]
    assert complete("export --directory=vm nvram-f") == ["nvram-file"]
    assert complete("secure-boot --directory=vm ") == ["on", "off"]
    assert complete("enroll --all micro") == ["microsoft-2023"]
    assert complete("--all enroll nvram-f") == ["nvram-file"]
    assert complete("vms --all ") == []


def test_bash_expands_no_name(service, environment):
    assert len(bash(environment, service.directory, "vm e")) == 1
    bash(environment, service.directory, "reset ")
    assert not (service.directory / "pwned").exists()


def test_completions_know_every_verb_and_option(cli):
    text = cli("--help")
    verbs = set(re.findall(r"^  ([a-z-]+)(?: .*)?  ", text[text.index("Verbs:"):], re.MULTILINE))
    options = set(re.findall(r"--[a-z-]+", text)) - {"--"}
    assert {"select", "verify"} <= verbs and {"--secure-boot", "--machines"} <= options
    for path in (completions() / "bash-completion" / "completions" / "vmfirmwarectl",
                 completions() / "zsh" / "site-functions" / "_vmfirmwarectl"):
        words = set(re.findall(r"--[a-z-]+|\b[a-z]+(?:-[a-z]+)*\b", path.read_text(encoding="utf-8")))
        assert not verbs - words and not options - words, path


class Zsh:
    """zsh at a terminal, with its completion system and ours."""

    def __init__(self, environment, directory):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**environment, "TERM": "dumb", "PS1": "ready>",
                                                    "COLUMNS": "200", "HOME": str(directory)})
        self.text = ""
        functions = completions() / "zsh" / "site-functions"
        self.type(f"fpath=({functions} $fpath); autoload -Uz compinit; compinit -u -D; "
                  "zstyle ':completion:*' verbose no; unsetopt prompt_cr prompt_sp; "
                  "LISTMAX=0; PS1='rea''dy>'\n")
        self.until("ready>")

    def type(self, text):
        os.write(self.fd, text.encode())

    def until(self, pattern):
        deadline = time.monotonic() + 60
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, self.text
            if select.select([self.fd], [], [], 0.5)[0]:
                self.text += os.read(self.fd, 65536).decode(errors="replace")

    def complete(self, line, pattern):
        """Types the line and a tab, and waits for what is to come; the line is dropped again."""
        self.text = ""
        self.type(f"vmfirmwarectl {line}\t")
        self.until(pattern)
        self.type("\x15")

    def close(self):
        os.write(self.fd, b"\x15exit\n")
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def test_zsh(service, environment):
    subprocess.run(
        ["zsh", "-n", completions() / "zsh" / "site-functions" / "_vmfirmwarectl"], check=True)
    zsh = Zsh(environment, service.directory)
    try:
        zsh.complete("sel", "select")
        zsh.complete("show 5", "show 50-ovmf")
        zsh.complete("vm manager:f", "manager:first")
        zsh.complete("vm with\\ ", r"with\\ space")
        zsh.complete("select x86", "x86_64")
        zsh.complete("select x86_64 q3", "q35")
        zsh.complete("select x86_64 q35 --firmware=6", "60-bios")
        zsh.complete("select x86_64 q35 --interface=ue", "uefi")
        zsh.complete("export with\\ space nvram-f", "nvram-file")
        zsh.complete("run vm x86_64 q3", "q35")
        zsh.complete("run vm x86_64 q35 -- vmfirmwarec", "-- vmfirmwarectl")
        zsh.complete("variables manager:f", "irst ")
        zsh.complete("boot nvram-f", "nvram-file")
        zsh.complete("prepare --directory=vms/web x86", "x86_64")
        zsh.complete("--ephemeral prepare x86_64 q3", "q35")
        zsh.complete("run --ephemeral x86_64 q35 -- vmfirmwarec", "-- vmfirmwarectl")
        zsh.complete("enroll --all micro", "soft-2023")
        zsh.complete("vm evil", "touch")
    finally:
        zsh.close()
    assert not (service.directory / "pwned").exists()
