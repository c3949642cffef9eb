# SPDX-License-Identifier: LGPL-2.1-or-later
"""Examples of the manual pages and of README, taken from their sources and run.

An example is an indented block whose first line begins with "$ ":

    $ vmfirmwarectl list
    NAME   STATE
    60-x   usable
    …

"$ " begins a command, which goes on after a backslash at a line's end, and in lines that begin with
"> "; what follows up to the next command is what it prints. A line "…" stands for any lines, "…" in a line for any text; runs of blanks
are alike, and trailing ones do not count. Where nothing follows, nothing is said about the output. A
command must succeed, unless the next one is "echo $?". The commands of one block are run in one shell,
so variables and directories last.

A comment before a block, ".. example: WORD…" in reStructuredText and "<!-- example: WORD… -->" in
Markdown, names what the block needs that not every machine has (example: systemd), for the test that
runs it to choose by; and ".. file: NAME" says that the block is the content of a file. Each example of
a page is run by exactly one test.
"""

import re
import subprocess
from dataclasses import dataclass, field

COMMENT = re.compile(r"(?:\.\. |<!-- )(example|file): (.*?)(?: -->)?")
ANYTHING = "…"
STATUS = "echo $?"
SEPARATOR = "\x1e"


@dataclass
class Step:
    line: int
    command: str
    output: list = field(default_factory=list)


@dataclass
class Example:
    path: object
    line: int
    steps: list
    needs: frozenset

    def __str__(self):
        return f"{self.path.name}:{self.line}"


def blocks(path):
    """(number of its first line, comment before it or None, its lines without the indentation) of
    each indented block."""
    found, block, comment, start = [], [], None, 0

    def finish():
        nonlocal block, comment
        while block and not block[-1]:
            block.pop()
        if block:
            indent = min(len(line) - len(line.lstrip()) for line in block if line)
            found.append((start, comment, [line[indent:] for line in block]))
            block, comment = [], None

    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = line.rstrip()
        match = COMMENT.fullmatch(line)
        if match:
            finish()
            comment = match.groups()
        elif line.startswith("   ") and (block or line):
            if not block:
                start = number
            block.append(line)
        elif not line and block:
            block.append(line)
        elif line:
            finish()
            if line != "::":
                comment = None
    finish()
    return found


def examples(path):
    """All examples of a page, in order."""
    found = []
    for start, comment, lines in blocks(path):
        if not lines[0].startswith("$ "):
            continue
        steps = []
        continued = False
        for number, line in enumerate(lines, start):
            if continued:
                steps[-1].command += "\n" + line.removeprefix("> ")
            elif line.startswith("> ") and not steps[-1].output:
                steps[-1].command += "\n" + line[2:]
            elif line.startswith("$ "):
                steps.append(Step(number, line[2:]))
            else:
                steps[-1].output.append(line)
                continue
            continued = line.endswith("\\")
        for step in steps:
            while step.output and not step.output[-1]:
                step.output.pop()
        needs = comment[1].split() if comment and comment[0] == "example" else []
        found.append(Example(path, start, steps, frozenset(needs)))
    return found


def files(path):
    """Name -> content of each block that is a file."""
    return {comment[1]: "\n".join(lines) + "\n" for _, comment, lines in blocks(path)
            if comment and comment[0] == "file"}


def pattern(expected):
    """A regular expression for the whole output, a list of lines."""
    parts = []
    for line in expected:
        words = re.sub(r"[ \t]+", " ", line.strip())
        if words == ANYTHING:
            parts.append(r"(?:[^\n]*\n)*")
        else:
            parts.append(".*".join(re.escape(word) for word in words.split(ANYTHING)) + r"\n")
    return re.compile("".join(parts))


def simplified(output):
    return "".join(re.sub(r"[ \t]+", " ", line.strip()) + "\n" for line in output.splitlines())


def run(example, environment, directory, replace=None, timeout=120, shell=("bash", "-c")):
    """Runs an example in DIRECTORY with bash, or with what SHELL leads to a bash; what does not come
    out as printed is an AssertionError that names the page and the line. REPLACE: text -> what stands
    for it in commands and outputs, such as a path that the installed program would have. Returns the
    outputs."""

    def put(text):
        for old, new in (replace or {}).items():
            text = text.replace(old, new)
        return text

    script = []
    for step in example.steps:
        # the status is kept for the next command, which may print it
        script += [f"{{ {put(step.command)}\n}}", "_status=$?",
                   f"printf '\\n{SEPARATOR}%s{SEPARATOR}\\n' $_status", "(exit $_status)"]
    done = subprocess.run(
        [*shell, "\n".join(script)], env=environment, cwd=directory, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    text = done.stdout.decode(errors="backslashreplace")
    ended = re.findall(f"(.*?)\n{SEPARATOR}([0-9]+){SEPARATOR}\n", text, re.DOTALL)
    assert len(ended) == len(example.steps), f"{example}: the shell ended early:\n{text}"

    commands = [step.command for step in example.steps[1:]] + [""]
    for step, following, (output, status) in zip(example.steps, commands, ended):
        where = f"{example.path.name}:{step.line}: $ {step.command}"
        assert status == "0" or following == STATUS, f"{where}\nexit status {status}:\n{output}"
        if step.output:
            assert pattern([put(line) for line in step.output]).fullmatch(simplified(output)), (
                f"{where}\nprinted:\n{output}\ninstead of:\n" + "\n".join(step.output))
    return [output for output, _ in ended]
