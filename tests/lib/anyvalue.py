# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random values of D-Bus types, and file descriptors that nobody expects."""

import os
import socket

from gi.repository import GLib

from .vms import SEALS, memfd

# of which some are right somewhere, and the others wrong in their own way each
STRINGS = [
    "", "x", ".", "..", "../x", "a/b", "a\nb", "\x1b[1m", "%s%n", "\u202e", "\U0010ffff", "a" * 200,
    "a" * 201, "é" * 127, "b" * 1025, "c" * 100000, "raw", "qcow2", "json", "q35", "x86_64", "all"]
BASIC = "ybnqiuxtdsogv"
RANGES = {"y": (0, 255), "n": (-2**15, 2**15 - 1), "q": (0, 2**16 - 1), "i": (-2**31, 2**31 - 1),
          "u": (0, 2**32 - 1), "x": (-2**63, 2**63 - 1), "t": (0, 2**64 - 1)}


def signature(random, depth=2):
    """Of one complete type."""
    kind = random.random()
    if depth == 0 or kind < 0.5:
        return random.choice(BASIC + "h")
    if kind < 0.7:
        return "a" + signature(random, depth - 1)
    if kind < 0.85:
        return f"a{{{random.choice('sou')}{signature(random, depth - 1)}}}"
    return f"({''.join(signature(random, depth - 1) for _ in range(random.randint(1, 3)))})"


def value(random, word):
    """Something of the type that this signature names."""
    if word.startswith("a{"):
        key, held = word[2], word[3:-1]
        return {value(random, key): value(random, held) for _ in range(random.randint(0, 3))}
    if word.startswith("a"):
        return [value(random, word[1:]) for _ in range(random.choice([0, 1, 2, 3, 70]))]
    if word.startswith("("):
        return tuple(value(random, each) for each in GLib.Variant.split_signature(word))
    if word in RANGES:
        return random.choice([0, 1, *RANGES[word], random.randint(*RANGES[word])])
    return {"b": lambda: random.random() < 0.5, "d": random.random,
            "s": lambda: random.choice(STRINGS), "g": lambda: random.choice(["", "s", "a{sv}"]),
            "o": lambda: random.choice(["/", "/x", "/org/vmfirmware1/vm/0/x"]),
            "h": lambda: random.choice([0, 0, 0, 1, 17, -1]),
            "v": lambda: variant(random, signature(random, 1))}[word]()


def variant(random, word):
    return GLib.Variant(word, value(random, word))


def descriptor(random, content):
    """A new file descriptor; CONTENT is what would be right for a memfd."""
    kind = random.choice(["memfd"] * 6 + ["pipe", "directory", "path", "socket", "null", "zero"])
    if kind == "memfd":
        size = random.choice([None, None, 0, 1, len(content) + 512, 1 << 40])
        made = [content, content, b"", random.randbytes(4096), b"QFI\xfb\0\0\0\3" + bytes(96)]
        return memfd(random.choice(made), size, random.choice([SEALS, SEALS, SEALS, 0]))
    if kind == "pipe":
        ends = os.pipe()
        chosen = random.randrange(2)
        os.close(ends[1 - chosen])
        return ends[chosen]
    if kind == "socket":
        one, other = socket.socketpair()
        other.close()
        return one.detach()
    return os.open(*{
        "directory": ("/", os.O_RDONLY | os.O_DIRECTORY), "path": ("/etc/shadow", os.O_PATH),
        "null": ("/dev/null", os.O_RDWR), "zero": ("/dev/zero", os.O_RDONLY)}[kind])
