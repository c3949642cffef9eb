# SPDX-License-Identifier: LGPL-2.1-or-later
"""Configuration files."""

from . import paths


def text(section="Catalog", **keys):
    return f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items())


def write_config(directory, **keys):
    """The daemon's argument that names a new configuration file with these keys of [Catalog], and by
    default with certificates that any uid may read."""
    path = directory / "vmfirmwared.conf"
    keys.setdefault("CertificateDirectories", paths.data_directory() / "certificates")
    path.write_text(text(**keys))
    return f"--config={path}"
