# SPDX-License-Identifier: LGPL-2.1-or-later
"""The services hold still while the tests write a file, and see it when it is whole.

Between the call that empties a file and the one that fills it a busy machine may let the tests
wait for longer than the service does. It would be right to tell of what is there then, and no test
could say how often something changes. What happens to files that are half written is tested by who
writes them in parts.
"""

import contextlib

_daemons = set()


def add(daemon):
    _daemons.add(daemon)


def discard(daemon):
    _daemons.discard(daemon)


@contextlib.contextmanager
def all_frozen():
    """All services that the tests have started."""
    with contextlib.ExitStack() as stack:
        for daemon in tuple(_daemons):
            if daemon.process.poll() is None:
                stack.enter_context(daemon.frozen())
            else:
                discard(daemon)
        yield
