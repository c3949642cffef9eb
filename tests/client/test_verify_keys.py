# SPDX-License-Identifier: LGPL-2.1-or-later
"""verify holds enrolled-keys against the template's platform key."""

import pytest

from lib import descriptors
from lib.cli import FAILURE

ENROLLED = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
PLAIN = "/usr/share/OVMF/OVMF_VARS_4M.fd"
CODE = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"


@pytest.mark.parametrize("template,is_claimed,text", [
    (ENROLLED, True, None), (PLAIN, False, None),
    (PLAIN, True, "/features: error: enrolled-keys, but the variables of a new VM have no platform"),
    (ENROLLED, False, "/features: error: no enrolled-keys, but the variables of a new VM have a"),
])
def test_enrolled_keys(service, cli, template, is_claimed, text):
    features = ["secure-boot", "requires-smm", *(["enrolled-keys"] if is_claimed else [])]
    path = service.vendor.write("50-x", descriptors.flash(CODE, template, features=features))
    status, output, errors = cli.raw("verify", path)
    assert status == (FAILURE if text else 0), output + errors.encode()
    assert text is None or text in (output.decode() + errors)
