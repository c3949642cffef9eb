# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs programs that come as lines of JSON, each with `vms` and `client` on the bus named.

What one of them has set, the next one finds. `machine.Agent` is the other end.
"""

import contextlib
import io
import json
import os
import sys
import traceback

from gi.repository import Gio

from . import vms as library
from .client import Client, DBusError

ADDRESSES = {"system": "unix:path=/run/dbus/system_bus_socket",
             "session": f"unix:path=/run/user/{os.getuid()}/bus"}


def connect(kind):
    flags = (Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
             | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION)
    connection = Gio.DBusConnection.new_for_address_sync(ADDRESSES[kind], flags, None, None)
    connection.set_exit_on_close(False)
    return connection


def main():
    names = {name: getattr(library, name) for name in library.__all__}
    names.update({"os": os, "sys": sys})
    for line in sys.stdin:
        exception = None
        with contextlib.redirect_stdout(io.StringIO()) as out:
            try:
                # a bus that was restarted has forgotten us
                if "client" not in names or names["client"].connection.is_closed():
                    names["client"] = Client(connect(sys.argv[1]))
                    names["vms"] = library.VMs(names["client"])
                exec(json.loads(line), names)
            except DBusError as error:
                print(error.name)
                print(error.text)
            except BaseException:
                exception = traceback.format_exc()
        print(json.dumps({"lines": out.getvalue().splitlines(), "exception": exception}),
              flush=True)


if __name__ == "__main__":
    main()
