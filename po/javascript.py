#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a translation as the files that Cockpit loads.

usage: javascript.py LANGUAGE.po manifest.json po.LANGUAGE.js po.manifest.LANGUAGE.js

The page loads the first one. The shell loads the second one, for the menu, together with those of all
other pages, so it holds the manifest's messages alone. Cockpit before version 300 knows the first one
only.
"""

import ast
import json
import re
import sys
from pathlib import Path

KEYWORD = re.compile(r'(msgctxt|msgid|msgid_plural|msgstr)(?:\[\d+\])? (".*")$')
# what of C and of JavaScript means the same in both
PLURAL = re.compile(r"plural=([n\d\s()=!<>&|%?:+-]+);")


def read(text):
    """(header, {key: [None, translation...]}). What is not translated, or only guessed, is left out."""
    header, messages = "", {}
    for block in re.split(r"\n{2,}", text):
        if re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE):
            continue
        found = []
        for line in block.splitlines():
            if match := KEYWORD.match(line):
                found.append([match[1], ast.literal_eval(match[2])])
            elif line.startswith('"'):
                found[-1][1] += ast.literal_eval(line)
        translations = [value for keyword, value in found if keyword == "msgstr"]
        strings = dict(found)
        if strings.get("msgid") == "":
            header = translations[0]
        elif translations and all(translations):
            context = [strings["msgctxt"]] if "msgctxt" in strings else []
            messages["\x04".join([*context, strings["msgid"]])] = [None, *translations]
    return header, messages


def manifest_messages(value):
    """What the shell shows and searches of a manifest: labels, and the words that match."""
    if isinstance(value, list):
        return set().union(*map(manifest_messages, value))
    if not isinstance(value, dict):
        return set()
    label = [value["label"]] if "label" in value else []
    return {*label, *value.get("matches", [])}.union(*map(manifest_messages, value.values()))


def javascript(language, header, messages):
    plural = PLURAL.search(header)[1]
    start = f'{{"plural-forms": n => {plural}, "language": {json.dumps(language)}}}'
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in messages.items()]
    return "cockpit.locale({" + ",\n".join([f'"": {start}', *lines]) + "});\n"


def main():
    source, manifest, page, menu = map(Path, sys.argv[1:])
    header, messages = read(source.read_text(encoding="utf-8"))
    shown = manifest_messages(json.loads(manifest.read_text(encoding="utf-8")))
    for path, chosen in ((page, messages),
                         (menu, {key: messages[key] for key in messages if key in shown})):
        path.write_text(javascript(source.stem, header, chosen), encoding="utf-8")


if __name__ == "__main__":
    main()
