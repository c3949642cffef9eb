# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private dbus-broker, which needs more of its surroundings than dbus-daemon does.

dbus-broker-launch takes its socket from systemd, logs to the journal's socket and to nothing else, and
is a client of the bus that it serves. So it runs in a mount namespace with a journal of its own, which
nobody reads. It starts no services: only systemd could.
"""

import socket
import subprocess

LAUNCH = """
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal
touch /run/systemd/journal/socket
mount --bind "$1" /run/systemd/journal/socket
exec 3<&"$2"
export LISTEN_FDS=1 LISTEN_PID=$$ DBUS_SYSTEM_BUS_ADDRESS="$3" DBUS_SESSION_BUS_ADDRESS="$3"
exec dbus-broker-launch --scope="$4" --config-file="$5"
"""


def start(directory, kind, config_file, path):
    """(its process, its address, its journal, to be kept open); the socket at PATH takes connections at
    once."""
    address = f"unix:path={path}"
    journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journal.bind(f"{directory}/journal")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(4096)
        # who connects is for the policy to say
        subprocess.run(["chmod", "666", path], check=True)
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private",
             "bash", "-euc", LAUNCH, "bash", f"{directory}/journal", str(listening.fileno()), address,
             {"system": "system", "session": "user"}[kind], config_file],
            pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL)
    return process, address, journal
