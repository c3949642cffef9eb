# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a state directory holds, for comparing."""

import hashlib
import json
import os
import stat
from pathlib import Path


def digest(data):
    return hashlib.sha256(data).hexdigest()


def file_digest(path):
    return digest(Path(path).read_bytes())


def read_pin(path):
    """The record, without the one member that differs each time it is made."""
    record = json.loads(Path(path).read_text(encoding="utf-8"))
    assert record.pop("created") > 0
    return json.dumps(record, sort_keys=True)


def read_list(path):
    """That of the backups, without what differs each time."""
    record = json.loads(Path(path).read_text(encoding="utf-8"))
    for entry in record["backups"]:
        assert entry.pop("time") > 0
    return json.dumps(record, sort_keys=True)


READERS = {"pin.json": read_pin, "backups.json": read_list}


def describe(path):
    info = os.lstat(path)
    owner = (oct(stat.S_IMODE(info.st_mode)), info.st_uid, info.st_gid)
    if stat.S_ISDIR(info.st_mode):
        return ("directory", *owner)
    return (READERS.get(path.name, file_digest)(path), *owner)


def snapshot(state):
    """{path below vms: content, mode, owner, group} of all; owners without a VM are left out."""
    root = Path(state) / "vms"
    found = {}
    for directory in sorted(root.glob("*/*")):
        found[str(directory.parent.relative_to(root))] = describe(directory.parent)
        for path in [directory, *sorted(directory.rglob("*"))]:
            found[str(path.relative_to(root))] = describe(path)
    return found


def leftovers(state):
    """Names that are hidden: what a draft or its scratch files are called."""
    return sorted(str(path) for path in Path(state).rglob(".*"))


def ids(shot):
    """{(owner, id)} of a snapshot."""
    parts = [name.split("/") for name in shot]
    return {(int(part[0]), part[1]) for part in parts if len(part) == 2}


def nvram_digests(shot):
    """The content of every NVRAM and backup."""
    return sorted(content for name, (content, *_) in shot.items()
                  if name.split("/")[-1].startswith(("nvram.", "backup-")))
