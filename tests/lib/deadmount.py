# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file system that does not answer, as that of a server that is gone: FUSE without a server."""

import contextlib
import ctypes
import os
import subprocess

LIBC = ctypes.CDLL(None, use_errno=True)


class DeadMount:
    """Over a directory. Who looks at it waits until answer() or the end of this process."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other"
        if LIBC.mount(b"dead", self.directory.encode(), b"fuse", 0, options.encode()) < 0:
            raise OSError(ctypes.get_errno(), "mount", self.directory)
        self.is_mounted = True

    def answer(self):
        """An error, to all who wait and all who come."""
        if self.device is not None:
            os.close(self.device)
            self.device = None

    def unmount(self):
        """Lazily: who waits goes on waiting."""
        if self.is_mounted:
            subprocess.run(["umount", "-l", self.directory], check=True)
            self.is_mounted = False

    def close(self):
        self.answer()
        with contextlib.suppress(subprocess.CalledProcessError):
            self.unmount()
