# SPDX-License-Identifier: LGPL-2.1-or-later
"""The locks that a QEMU with write access has on an image."""

import contextlib
import fcntl
import os
import struct

READS, WRITES = 100, 101


@contextlib.contextmanager
def locked_as_by_qemu(path):
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        for byte in (READS, WRITES):
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK,
                        struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, byte, 1, 0))
        yield
    finally:
        os.close(fd)
