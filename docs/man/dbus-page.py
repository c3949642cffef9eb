#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the manual page of the D-Bus API, as reStructuredText, out of the commented XML.

usage: dbus-page.py INTRODUCTION VERSION INTERFACE.xml…

The introduction is a page that goes up to the interfaces; a line "@INTERFACES@" in it stands for
them. What is a comment before an element in the XML is its text here: paragraphs, "@NAME:" for each
argument, lists (lines that are indented below one that is not), and indented blocks, which stay as
they are.
"""

import re
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from pathlib import Path

EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
INDENT = " " * 4


def escape(text):
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def indentation(line):
    return len(line) - len(line.lstrip())


def indented(lines, by=INDENT):
    return [by + line if line else "" for line in lines]


def list_items(lines):
    """A bullet list, of lines whose continuations are indented further."""
    depth = min(indentation(line) for line in lines)
    items = []
    for line in lines:
        if indentation(line) == depth:
            items.append([])
        items[-1].append(line.strip())
    made = []
    for item in items:
        term, colon, text = " ".join(item).partition(": ")
        made.append(f"* **{escape(term)}**: {escape(text)}" if colon else f"* {escape(term)}")
    return [*made, ""]


def chunk_to_rst(lines):
    """Lines without an empty one between them."""
    if indentation(lines[0]):
        return ["::", "", *indented(textwrap.dedent("\n".join(lines)).splitlines()), ""]
    made = []
    while lines:
        end = 1
        argument = re.fullmatch(r"@(\w+): (.*)", lines[0])
        if argument:
            while end < len(lines) and indentation(lines[end]):
                end += 1
            text = " ".join([argument[2], *(line.strip() for line in lines[1:end])])
            made += [f"*{argument[1]}*", INDENT + escape(text), ""]
        elif indentation(lines[0]):
            end = len(lines)
            made += list_items(lines)
        else:
            while (end < len(lines) and not indentation(lines[end])
                   and not lines[end].startswith("@")):
                end += 1
            made += [escape(" ".join(lines[:end])), ""]
        lines = lines[end:]
    return made


def comment_to_rst(comment, name):
    """The text of the comment, which begins with the NAME of what it is about."""
    lines = textwrap.dedent(comment.strip("\n").expandtabs()).strip().splitlines()
    if len(lines) > 1:
        depth = min((indentation(line) for line in lines[1:] if line.strip()), default=0)
        lines[1:] = [line[depth:].rstrip() for line in lines[1:]]
    head, colon, rest = lines[0].partition(":")
    if head != name or not colon:
        raise SystemExit(f"dbus-page.py: the comment before {name} does not begin with its name")
    lines[0] = rest.strip()

    made, chunk = [], []
    for line in [*lines, ""]:
        if line:
            chunk.append(line)
        elif chunk:
            made += chunk_to_rst(chunk)
            chunk = []
    return made


def argument_to_rst(argument, with_direction):
    words = [argument.get("direction", "in")] if with_direction else []
    return " ".join([*words, argument.get("type"), f"*{argument.get('name')}*"])


def member_to_rst(element, comment):
    name = element.get("name")
    if element.tag == "property":
        emits = next((annotation.get("value") for annotation in element.findall("annotation")
                      if annotation.get("name") == EMITS), "true")
        head = f"**{name}** {element.get('type')}, {element.get('access')}, EmitsChangedSignal: {emits}"
    else:
        arguments = ", ".join(argument_to_rst(argument, element.tag == "method")
                              for argument in element.findall("arg"))
        head = f"**{name}** ({arguments})"
    body = comment_to_rst(comment, name) if comment else []
    return [head, *(indented(body) or [INDENT + "\\ "]), ""]


def with_comments(parent):
    """(element, the comment before it or None)"""
    comment = None
    for child in parent:
        if child.tag is ElementTree.Comment:
            comment = child.text
        else:
            yield child, comment
            comment = None


def interface_to_rst(path):
    builder = ElementTree.TreeBuilder(insert_comments=True)
    node = ElementTree.parse(path, ElementTree.XMLParser(target=builder)).getroot()
    made = []
    for interface, comment in with_comments(node):
        name = interface.get("name")
        text = comment_to_rst(comment, name)
        made += [name, "=" * len(name), "", text[0][:1].upper() + text[0][1:], *text[1:]]
        for tag, title in (("method", "Methods"), ("signal", "Signals"), ("property", "Properties")):
            members = [pair for pair in with_comments(interface) if pair[0].tag == tag]
            if members:
                heading = f"{title} of {name}"
                made += [heading, "-" * len(heading), ""]
                for element, text in members:
                    made += member_to_rst(element, text)
    return made


def main():
    introduction, version, *interfaces = sys.argv[1:]
    text = "\n".join(line for path in interfaces for line in interface_to_rst(path))
    page = Path(introduction).read_text(encoding="utf-8")
    sys.stdout.buffer.write(
        page.replace("@VERSION@", version).replace("@INTERFACES@", text).encode())


if __name__ == "__main__":
    main()
