# SPDX-License-Identifier: LGPL-2.1-or-later
"""vmfirmwarectl-json(5): what it says of each verb's output, and whether an output is so."""

import re

from . import paths

PAGE = paths.REPOSITORY / "docs" / "man" / "vmfirmwarectl-json.5.rst"
TYPES = {"string": str, "boolean": bool, "number": int, "array": list, "object": dict}
MEMBER = re.compile(r"^    \| \*\*([a-z0-9-]+)\*\* (\w+)(.*)$", re.MULTILINE)


def sections():
    """{heading: text}; a heading is a line of verbs."""
    text = PAGE.read_text(encoding="utf-8")
    text = text[text.index("\nVERBS\n"):text.index("\nSEE ALSO\n")]
    parts = re.split(r"^(\*\*.*)\n(?=    )", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


def verbs():
    return {verb for heading in sections() for verb in re.findall(r"\*\*([a-z-]+)", heading)}


def members(heading):
    """{name: (type, always there)} of the section whose heading has these words."""
    title, text = next((title, text) for title, text in sections().items()
                       if heading in title.replace("*", "").split(", "))
    found = {name: (TYPES[kind], not rest.startswith(", or absent") and "only, or absent" not in rest)
             for name, kind, rest in MEMBER.findall(text)}
    other = re.search(r"as of \*\*(\w+)\*\*(, and:|\.)", text)
    return {**(members(other[1]) if other else {}), **found}


def check(heading, answer):
    """An object of a section."""
    described = members(heading)
    version = "json-version" if "json-version" in described else "version"
    assert answer[version] == 1
    check_members(described, {key: value for key, value in answer.items()
                              if key != version or key in described})


def check_members(described, answer):
    for name, value in answer.items():
        assert name in described, f"{name} is in the page"
        kind = described[name][0]
        assert type(value) is kind, f"{name}: {value!r} is {kind}"
    missing = {name for name, (_, always) in described.items() if always} - set(answer)
    assert not missing, sorted(missing)


def check_array(heading, answer, at_least=1):
    """Its elements have no version."""
    assert isinstance(answer, list) and len(answer) >= at_least
    for element in answer:
        assert "version" not in element
        check_members(members(heading), element)
