# SPDX-License-Identifier: LGPL-2.1-or-later
"""The translations of the Cockpit page are complete; `po/update` brings them up to date."""

import re
import shutil
import subprocess

import pytest

from lib import paths

LANGUAGES = sorted(path.stem for path in (paths.REPOSITORY / "po").glob("*.po"))
VARIABLE = re.compile(r"\$(?:\d|\{\w+\})")


def gettext(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def updated(tmp_path_factory):
    """The directory after an update."""
    tree = tmp_path_factory.mktemp("tree")
    for name in ("po", "data/cockpit"):
        shutil.copytree(paths.REPOSITORY / name, tree / name)
    subprocess.run([tree / "po" / "update"], check=True)
    return tree / "po"


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_has_the_messages_of_the_page_and_no_others(updated, language):
    name = f"{language}.po"
    assert (updated / name).read_text("utf-8") == (paths.REPOSITORY / "po" / name).read_text("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_message_is_translated(updated, language):
    path = updated / f"{language}.po"
    for kind in ("--untranslated", "--only-fuzzy"):
        assert gettext("msgattrib", kind, path).stdout == ""
    counted = gettext("msgfmt", "--check-format", "--check-header", "--statistics",
                      "--output-file=/dev/null", path).stderr
    assert re.fullmatch(r"\d+ translated messages\.", counted.splitlines()[-1])


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_variable_of_a_message_is_in_its_translation(updated, language):
    text = gettext("msgattrib", "--no-wrap", updated / f"{language}.po").stdout
    for block in text.split("\n\n"):
        message, *translations = re.split(r"\nmsgstr(?:\[\d\])? ", block)
        for translation in translations:
            wanted = re.split(r"\nmsgid_plural ", message)[-1]
            assert set(VARIABLE.findall(translation)) == set(VARIABLE.findall(wanted)), block


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_built_and_installed(language):
    """The page's file has all of it; the shell's has what the manifest shows."""
    page = paths.daemon_prefix() / "share" / "cockpit" / "vmfirmware"
    whole, menu = ((page / name).read_text("utf-8") for name in (
        f"po.{language}.js", f"po.manifest.{language}.js"))
    for text in (whole, menu):
        assert text.startswith('cockpit.locale({"": {"plural-forms": n => ')
        assert '"VM firmware": [null, "' in text
    assert '"Virtual machines": [null, "' in whole and '"Virtual machines"' not in menu
