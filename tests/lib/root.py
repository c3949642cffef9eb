# SPDX-License-Identifier: LGPL-2.1-or-later
"""A root of its own: this machine's, in which anything may be changed and nothing stays."""

import os
import subprocess
from pathlib import Path

from . import paths

# Its namespace, and with it all that is mounted here, goes with the process that this becomes. No mount of
# the machine stays in it: the kernel ends one whose directory is removed in any namespace, and tells
# who listens to mounts.
ENTER = """
set -eu
directory=$1
shift
mount -t tmpfs tmpfs "$directory"
mkdir "$directory/upper" "$directory/work" "$directory/root"
mount -t overlay overlay "$directory/root" \
    -o "lowerdir=/,upperdir=$directory/upper,workdir=$directory/work"
for each in /proc /dev "$@"; do
    mkdir -p "$directory/root$each"
    mount --bind "$each" "$directory/root$each"
done
cd "$directory/root"
# the machine's root is now over the new one
pivot_root . .
umount --lazy .
# not ready before: /proc/PID/root is the machine's own until then
echo ready
exec cat
"""


class Root:
    """An overlay over / in a mount namespace of its own.

    SHARED directories are the real ones, and so are those of the daemon, of the tests and of a
    sanitizer's reports.
    """

    def __init__(self, directory, shared):
        directory = Path(directory)
        shared = [*shared, paths.REPOSITORY, paths.data_directory(),
                  Path(paths.daemon_binary()).parents[1],
                  *filter(None, [os.environ.get("VMFIRMWARE_REPORTS")])]
        directory.mkdir()
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", "sh", "-c", ENTER, "sh",
             str(directory), *map(str, shared)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        # Nothing may be written to this machine's own root by mistake.
        if self.holder.stdout.readline() != "ready\n" or os.path.samefile("/", self.path("/")):
            self.close()
            raise RuntimeError("cannot make a root of its own")
        # words before a command that is run in it, and become it
        self.wrapper = ("/usr/bin/nsenter", f"--target={self.holder.pid}", "--mount", "--root",
                        "--wd=/")

    def path(self, path):
        """What is there under this path, as seen from outside."""
        return Path(f"/proc/{self.holder.pid}/root{path}")

    def run(self, *command):
        done = subprocess.run([*self.wrapper, *map(str, command)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()
