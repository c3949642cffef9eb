# SPDX-License-Identifier: LGPL-2.1-or-later
"""Descriptors in the styles of several distributions, with images for them."""

import re

from . import images, paths
from .images import MIB

STYLES = ["numbered-qcow2", "bare-names", "new-architectures"]
# The first pattern that an image's path ends with gives its size.
SIZES = [
    (r"ovmf/CODE_4M\S*", images.OVMF_4M_CODE), (r"ovmf/VARS_4M\S*", images.OVMF_4M_VARS),
    (r"CODE\S*\.fd", images.OVMF_2M_CODE), (r"ovmf\S*/VARS\S*\.fd", images.OVMF_2M_VARS),
    (r"aarch64/\S*", 64 * MIB), (r"riscv/\S*", 32 * MIB), (r"loongarch64/VARS.fd", MIB),
    (r"\S*", 4 * MIB),
]


def install(service, style):
    """Copy one style's descriptors, with images of the right kind and size."""
    for source in sorted((paths.TEST_DATA / "distributions" / style).glob("*.json")):
        text = source.read_text(encoding="utf-8")
        for name in re.findall(r"@IMAGES@/([^\"]+)", text):
            size = next(size for pattern, size in SIZES if re.fullmatch(pattern, name))
            path = service.images / name
            if not path.exists():
                if name.endswith("json"):
                    service.store(name)
                    continue
                (images.qcow2 if name.endswith("qcow2") else images.raw)(str(path), size)
        service.vendor.write(source.stem, text.replace("@IMAGES@", str(service.images)))
    return service.start()
