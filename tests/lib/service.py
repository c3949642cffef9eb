# SPDX-License-Identifier: LGPL-2.1-or-later
"""A running service with layers and images of its own: what most tests want."""

import os

from . import descriptors, images, paths, still, wait
from .client import Client, Signals
from .daemon import Daemon

AS_UNIT = """#!/bin/sh
exec setpriv --reuid {uid} --regid {uid} --clear-groups --no-new-privs \
  --inh-caps=-all,+chown,+dac_override --ambient-caps=-all,+chown,+dac_override \
  --bounding-set=-all,+chown,+dac_override -- {program} "$@"
"""


class Service:
    """Fill layers first, then start(): the daemon then reads vendor below admin."""

    def __init__(self, private_bus, directory):
        self.bus = private_bus
        self.directory = directory
        self.vendor = descriptors.Layer(directory / "vendor")
        self.admin = descriptors.Layer(directory / "admin")
        self.images = directory / "images"
        self.images.mkdir()
        self.no_programs = directory / "no-programs"
        self.no_programs.mkdir()
        self.daemons = []
        self.signals = None

    def start(self, search_path=None, path=None, default_layers=False, **options):
        """Without a path the daemon finds no QEMU: answers come from the machine table alone."""
        if search_path is None and not default_layers:
            search_path = [self.vendor, self.admin]
        self.daemon = Daemon(self.bus, str(self.directory), search_path=search_path,
                             path=self.no_programs if path is None else path, **options)
        self.daemons.append(self.daemon)
        self.daemon.wait_ready()
        self.client = Client(self.daemon.connection)
        return self.client

    def start_with_qemu(self, **options):
        client = self.start(path=os.environ["PATH"], **options)
        # it does not wait long for them, and each test wants what they answer
        if self.daemon.children():
            wait.until(lambda: not self.daemon.children(), "each QEMU has answered")
            # the answers come before the second one at the latest
            client.reload()
            client.reload()
        return client

    def start_as_unit(self, uid, environment=None, **options):
        """With the uid and the capabilities that its unit gives it; again after it has stopped."""
        program = paths.copy_daemon(self.directory)
        wrapper = self.directory / "start"
        wrapper.write_text(AS_UNIT.format(uid=uid, program=program))
        wrapper.chmod(0o755)
        self.state.mkdir(exist_ok=True)
        for path in (self.state, self.directory):
            os.chown(path, uid, uid)
        # leaks are looked for by ptrace(2), which such a process does not allow
        environment = {"ASAN_OPTIONS": "detect_leaks=0", **(environment or {})}
        return self.start(binary=str(wrapper), environment=environment,
                          **{"path": os.environ["PATH"], **options})

    def start_blind(self, **options):
        """A daemon that does not act on changes of files, but for Reload."""
        config = self.directory / "blind.conf"
        config.write_text("[Catalog]\nQuietMSec=3600000\n")
        return self.start(arguments=[f"--config={config}"], **options)

    def restart(self, **options):
        self.daemon.stop()
        self.daemons.remove(self.daemon)
        return self.start(**options)

    def crash(self, **options):
        self.daemon.kill()
        self.daemons.remove(self.daemon)
        return self.start(**options)

    def watch(self):
        self.signals = Signals(self.client)
        return self.signals

    def raw(self, name, size=images.OVMF_4M_CODE, data=b"image"):
        return images.raw(str(self.images / name), size, data)

    def qcow2(self, name, size=images.OVMF_4M_CODE):
        return images.qcow2(str(self.images / name), size)

    def store(self, name):
        """A uefi-vars variable store without variables, as QEMU writes it."""
        return images.raw(str(self.images / name), len(images.EMPTY_STORE), images.EMPTY_STORE)

    def pair(self, stem="ovmf"):
        """(executable, template) with OVMF's 4M sizes."""
        return (self.raw(f"{stem}-code.fd", images.OVMF_4M_CODE),
                self.raw(f"{stem}-vars.fd", images.OVMF_4M_VARS))

    def add(self, name, layer=None, **members):
        """A usable split firmware under this name; returns the descriptor's path."""
        with still.all_frozen():
            executable, template = self.pair()
            return (layer or self.vendor).write(
                name, descriptors.flash(executable, template, **members))

    @property
    def state(self):
        return self.directory / "state"

    def ovmf(self, name="ovmf", content=b"template", stem=None, **members):
        """A split firmware with OVMF's 4M sizes; its template begins with content."""
        stem = stem or name
        code = self.raw(f"{stem}-code.fd", images.OVMF_4M_CODE, b"code of " + stem.encode())
        variables = self.raw(f"{stem}-vars.fd", images.OVMF_4M_VARS, content)
        self.vendor.write(name, descriptors.flash(code, variables, **members))
        return code, variables

    def add_pair(self, name, executable, template, **members):
        self.vendor.write(name, descriptors.flash(executable, template, **members))

    def combined(self, name="whole", size=2 * images.MIB, **members):
        path = self.raw(f"{name}.fd", size, b"whole image")
        self.vendor.write(name, descriptors.flash(path, mode="combined", **members))
        return path

    def stateless(self, name="stateless", **members):
        path = self.raw(f"{name}.fd", images.OVMF_4M_CODE, b"stateless")
        self.vendor.write(name, descriptors.flash(path, **members))
        return path

    def bios(self, name="bios", **members):
        path = self.raw(f"{name}.bin", 262144, b"bios")
        self.vendor.write(name, descriptors.by_filename("memory", path, **members))
        return path

    def uefi_vars(self, name="store", **members):
        path, template = self.raw(f"{name}.bin", 65536, b"uefi"), self.store(f"{name}.json")
        self.vendor.write(name, descriptors.by_filename(
            "memory", path, mapping={"uefi-vars": {"template": template}}, **members))
        return path, template

    def close(self):
        if self.signals is not None:
            self.signals.close()
        failures = []
        for daemon in self.daemons:
            try:
                daemon.stop()
            except AssertionError as error:
                failures.append(str(error))
        assert not failures, "\n".join(failures)
