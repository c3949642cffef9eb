# SPDX-License-Identifier: LGPL-2.1-or-later
"""Running vmfirmwarectl as a person or a script does."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from . import paths
from .daemon import ADDRESS_VARIABLES, SANITIZER_MARKS

FAILURE, USAGE, NO_MATCH = 1, 2, 3


def binary():
    """The one that was built with the daemon under test."""
    path = Path(paths.daemon_binary()).parents[1] / "bin" / "vmfirmwarectl"
    assert os.access(path, os.X_OK), path
    return str(path)


def without_version(answer):
    if isinstance(answer, dict) and "state-directory" in answer:
        assert answer.pop("json-version") == 1
    elif isinstance(answer, dict) and "mapping" not in answer:
        assert answer.pop("version") == 1
    return answer


class Cli:
    """The client on one private bus."""

    def __init__(self, private_bus, directory, kind="system"):
        self.directory = str(directory)
        self.program = binary()
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith(("DBUS_", "XDG_", "SYSTEMD_", "PAGER"))}
        self.environment.update({ADDRESS_VARIABLES[kind]: private_bus.address,
                                 "LC_ALL": "C.UTF-8", "TZ": "UTC"})

    def for_any_uid(self):
        """A copy of the program and its helper: a uid that may not read this checkout cannot execute
        what is in it."""
        shutil.copy(Path(paths.daemon_binary()).with_name("vmfirmware-confine"), self.directory)
        self.program = shutil.copy(self.program, self.directory)
        return self

    def command(self, *words):
        return [self.program, *(str(word) for word in words)]

    def start(self, *words, environment=None, **options):
        return subprocess.Popen(
            self.command(*words), cwd=self.directory, env={**self.environment,
                                                           **(environment or {})},
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               **options})

    def raw(self, *words, stdin=b"", **options):
        """(status, output, errors) as they are."""
        process = self.start(*words, stdin=subprocess.PIPE, **options)
        output, errors = process.communicate(stdin, timeout=120)
        assert not any(mark in errors.decode(errors="replace") for mark in SANITIZER_MARKS), errors
        assert b"CRITICAL" not in errors and b"WARNING" not in errors, errors
        return process.returncode, output, errors.decode()

    def __call__(self, *words, **options):
        """The output of a command that succeeds, and has nothing to complain about."""
        status, output, errors = self.raw(*words, **options)
        assert (status, errors) == (0, ""), f"{words}: {status}\n{errors}"
        return output.decode()

    def json(self, *words, **options):
        """Without the number of the format, which is not part of the answer."""
        return without_version(json.loads(self(*words, "--json=short", **options)))

    def fails(self, status, *words, **options):
        """The one line of a command that fails."""
        found, output, errors = self.raw(*words, **options)
        assert (found, output) == (status, b""), f"{words}: {found} {output}\n{errors}"
        assert errors.startswith("vmfirmwarectl: ") and errors.endswith("\n"), errors
        assert errors.count("\n") == 1, errors
        return errors.removeprefix("vmfirmwarectl: ").strip()


def properties_of(text):
    """{name: [line…]} of properties: the names end in one column."""
    first = text.splitlines()[0]
    at = len(first) - len(first.lstrip())
    at = first.index("  ", at)
    found, name = {}, None
    for line in text.splitlines():
        name = line[:at].strip() or name
        found.setdefault(name, []).append(line[at:].strip())
    return found
