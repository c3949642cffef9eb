# SPDX-License-Identifier: LGPL-2.1-or-later
"""The files of the Cockpit page; tests/system/test_cockpit.py has it in a browser."""

import re

from lib import paths

PAGE = paths.REPOSITORY / "data" / "cockpit"


def test_each_module_is_preloaded_and_installed():
    modules = {path.name for path in PAGE.glob("*.js")}
    html = (PAGE / "index.html").read_text("utf-8")
    assert modules == {"main.js", *re.findall('rel="modulepreload" href="(.*?)"', html)}
    installed = paths.daemon_prefix() / "share" / "cockpit" / "vmfirmware"
    assert modules <= {path.name for path in installed.iterdir()}
