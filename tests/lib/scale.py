# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ten thousand descriptors, and one of them that changes."""

import json

from . import descriptors, images, wait

COUNT = 10000


def name(number):
    return f"50-x{number:05}"


def fill(service, count=COUNT):
    """So many usable firmwares, a hundred of which share two images."""
    for number in range(count):
        stem = str(service.images / f"f{number // 100}")
        if number % 100 == 0:
            images.raw(stem + "-code.fd", images.OVMF_4M_CODE)
            images.raw(stem + "-vars.fd", images.OVMF_4M_VARS)
        write(service, number)


def write(service, number, description="firmware for tests"):
    """Not by Layer.write(), for which the service would be stopped: its time is measured."""
    stem = str(service.images / f"f{number // 100}")
    with open(service.vendor.file(name(number)), "w", encoding="utf-8") as file:
        file.write(json.dumps(descriptors.flash(
            stem + "-code.fd", stem + "-vars.fd", description=description), indent=2))


def until_published(service, number):
    """Waits, without a call to the service, until number changes have been told."""
    wait.until(lambda: sum(signal[2] == "CatalogChanged" for signal in service.signals.all)
               >= number, "the change is published", interval=0.0005)
