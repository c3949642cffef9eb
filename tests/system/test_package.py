# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the package and `make install` install, and what becomes of it: upgrade, removal, purge."""

import os
import re
import subprocess

import pytest

from lib import package, paths, vmstate
from lib.machine import LIBRARY, STATE, UNIT

# the package of this tree, built by the Debian before this one; see `tests/run debian13`
OLDER = os.environ.get("VMFIRMWARE_OLDER_PACKAGE")
# in tenths, as --threshold= takes it: 0 is best, 100 is worst
EXPOSURE = 12
INSTALLED = {
    "etc/vmfirmwared/vmfirmwared.conf",
    "usr/bin/vmfirmwarectl",
    "usr/libexec/vmfirmware-confine",
    "usr/libexec/vmfirmwared",
    "usr/lib/systemd/user/vmfirmwared.service",
    "usr/lib/sysusers.d/vmfirmwared.conf",
    "usr/lib/tmpfiles.d/vmfirmwared.conf",
    "usr/share/bash-completion/completions/vmfirmwarectl",
    "usr/share/dbus-1/interfaces/org.vmfirmware1.Manager.xml",
    "usr/share/dbus-1/services/org.vmfirmware1.service",
    "usr/share/dbus-1/system-services/org.vmfirmware1.service",
    "usr/share/dbus-1/system.d/org.vmfirmware1.conf",
    "usr/share/doc/vmfirmwared/CONFINEMENT.md",
    "usr/share/doc/vmfirmwared/NEWS.md",
    "usr/share/doc/vmfirmwared/examples/49-vmfirmwared.rules",
    "usr/share/doc/vmfirmwared/migrating-a-script.md",
    "usr/share/polkit-1/actions/org.vmfirmware1.policy",
    "usr/share/vmfirmwared/firmware/90-seabios-256k.json",
    "usr/share/vmfirmwared/machines/50-x86.conf",
}
# the package cockpit-vmfirmware
PAGE = {f"usr/share/cockpit/vmfirmware/{name}" for name in (
    "index.html", "main.js", "manifest.json", "po.de.js", "po.manifest.de.js", "vmfirmware.css")}


def files_below(directory):
    return {os.path.relpath(os.path.join(parent, name), directory)
            for parent, _, names in os.walk(directory) for name in names}


def test_lintian_finds_nothing(changes):
    package.run("lintian", "--allow-root", "--fail-on", "error,warning", changes,
                cwd=changes.parent)


def test_the_package_holds_what_is_installed(machine):
    listed = machine.output("dpkg-query", "--listfiles", "vmfirmwared")
    files = {name.lstrip("/") for name in listed.splitlines()}
    # Debian 13 has it below usr
    unit = f"lib/systemd/system/{UNIT}"
    assert INSTALLED <= files and len({unit, f"usr/{unit}"} & files) == 1
    assert not PAGE & files


def test_the_page_is_a_package_of_its_own(changes):
    """Nothing else is in it, and no script of the other package's."""
    deb = package.deb_of(changes, "cockpit-vmfirmware")
    listed = package.run("dpkg-deb", "--contents", deb, cwd=changes.parent).splitlines()
    files = {line.split()[5].removeprefix("./") for line in listed if line.startswith("-")}
    assert PAGE <= files
    assert {os.path.dirname(name) for name in files} == {
        "usr/share/cockpit/vmfirmware", "usr/share/doc/cockpit-vmfirmware"}
    control = package.run("dpkg-deb", "--info", deb, cwd=changes.parent)
    assert not re.search(r"postinst|prerm|postrm", control)
    assert re.search(r"Depends: cockpit-bridge \(.*\), vmfirmwared \(", control)


def test_exposure_of_the_system_unit(machine):
    done = machine.run("systemd-analyze", "security", "--no-pager", "--offline=true",
                       f"--threshold={EXPOSURE}", f"/lib/systemd/system/{UNIT}", check=False)
    assert done.returncode == 0, done.stdout[-400:]
    assert re.search(r"Overall exposure level for vmfirmwared.service: [01]\.[0-9] OK", done.stdout)


def test_units_have_no_fault_that_systemd_sees(machine):
    machine.run("systemd-analyze", "verify", "--man=no", f"/lib/systemd/system/{UNIT}")
    machine.run("env", "XDG_RUNTIME_DIR=/run", "systemd-analyze", "--user", "verify", "--man=no",
                f"/usr/lib/systemd/user/{UNIT}")


def test_install_and_uninstall_below_destdir(tmp_path):
    """From a copy of the tree: nothing is written but below DESTDIR, and nothing of it stays."""
    source, destination = tmp_path / "source", tmp_path / "destination"
    package.copy_tree(source)
    build = source / "build" / "package"
    package.run("meson", "setup", build, "--prefix=/usr", "--buildtype=plain", cwd=source)
    package.run("meson", "install", "-C", build, f"--destdir={destination}", cwd=source)
    files = files_below(destination)
    assert INSTALLED | PAGE <= files
    assert [name for name in files if name.endswith("systemd/system/vmfirmwared.service")]
    package.run("make", "uninstall", f"DESTDIR={destination}", cwd=source)
    assert files_below(destination) == set()


def test_install_below_a_prefix_of_its_own():
    """As the tests' own builds are: it must not touch the system."""
    prefix = os.path.dirname(os.path.dirname(paths.daemon_binary()))
    files = files_below(prefix)
    for name in ("lib/systemd/system/vmfirmwared.service", "lib/systemd/user/vmfirmwared.service",
                 "share/dbus-1/system-services/org.vmfirmware1.service"):
        assert name in files
    with open(f"{prefix}/lib/systemd/system/{UNIT}", encoding="utf-8") as unit:
        text = unit.read()
    assert f"ExecStart={prefix}/libexec/vmfirmwared\n" in text
    assert f"systemd-tmpfiles --create {prefix}/lib/tmpfiles.d/vmfirmwared.conf\n" in text


@pytest.fixture
def installed(started, changes):
    """And again when the test is over."""
    yield started
    started.install(package.deb_of(changes))


def dpkg(machine, *words, **variables):
    done = machine.run("env", *(f"{name}={value}" for name, value in variables.items()), "dpkg",
                       *words)
    return done.stdout + done.stderr


def test_upgrade_restarts_it_and_keeps_vms(installed, agents, changes, tmp_path, uids):
    agents.root.run(f"vm = vms.make('vm', owner={uids.alice})\nlease = vm.acquire()")
    before, pid = vmstate.snapshot(installed.path(STATE)), installed.main_pid()
    installed.install(package.next_version(package.deb_of(changes), tmp_path))
    assert installed.show("ActiveState") == "active"
    assert installed.main_pid() != pid
    assert vmstate.snapshot(installed.path(STATE)) == before
    assert agents.root.run("print(vm.get('InUse'))\nos.close(lease)") == ["True"]


if OLDER:
    def test_upgrade_of_what_an_older_debian_has_built(installed, agents, changes, uids):
        installed.install(OLDER)
        agents.root.run(f"""
vm = vms.make('vm', owner={uids.alice})
vm.reset()
vms.make('another', owner={uids.alice}, nvram_format='qcow2')
""")
        before, pid = vmstate.snapshot(installed.path(STATE)), installed.main_pid()
        installed.install(package.deb_of(changes))
        assert installed.main_pid() not in (0, pid)
        assert vmstate.snapshot(installed.path(STATE)) == before
        assert agents.root.run(f"""
print(vm.get('State'))
print([vms.prepare(label, owner={uids.alice})['pinned'] for label in ('vm', 'another')])
""") == ["ready", "[True, True]"]


def test_an_upgrade_starts_none_that_did_not_run(stopped, changes, tmp_path):
    stopped.install(package.next_version(package.deb_of(changes), tmp_path))
    assert stopped.show("ActiveState") == "inactive"
    stopped.install(package.deb_of(changes))


def test_purge_leaves_nvram_unless_asked(installed, agents, changes, uids):
    agents.root.run(f"vms.make('vm', owner={uids.alice})")
    before = vmstate.snapshot(installed.path(STATE))
    said = dpkg(installed, "--purge", "vmfirmwared")
    assert f"the NVRAM of virtual machines is kept in {STATE}" in said
    assert installed.run("systemctl", "is-active", UNIT, check=False).stdout.strip() == "inactive"
    assert vmstate.snapshot(installed.path(STATE)) == before
    assert installed.run("busctl", "status", "org.vmfirmware1", check=False).returncode != 0

    installed.install(package.deb_of(changes))
    assert agents.root.run("import subprocess\n"
                           f"subprocess.run(['systemctl', 'start', '{UNIT}'], check=True)\n"
                           "print(sorted(vms.listed(all=True)))") == [f"[({uids.alice}, 'vm')]"]
    said = dpkg(installed, "--purge", "vmfirmwared", VMFIRMWARED_PURGE="vms")
    assert "is kept" not in said
    assert not installed.path(STATE).exists()


def test_purge_leaves_nothing_of_a_service_without_vms(installed, agents, uids):
    agents.root.run(f"vms.make('vm', owner={uids.alice}).remove()")
    assert "is kept" not in dpkg(installed, "--purge", "vmfirmwared")
    assert not installed.path(STATE).exists()
    # what is in /var/tmp is the host's
    assert installed.output("find", "/etc", "/usr", "/lib", "/var", "-path", "/var/tmp", "-prune", "-o",
                            "-path", "*vmfirmware*", "-not", "-path", f"{LIBRARY}*", "-print") == ""


# what is at the place of the state directory; it is a plain directory unless an administrator says so
PLACES = {
    "directory": "mkdir vmfirmwared",
    "mount": "mkdir vmfirmwared; mount -t tmpfs tmpfs vmfirmwared; mkdir vmfirmwared/lost+found",
    "link": "mkdir elsewhere; ln -s elsewhere vmfirmwared",
}
VM_FILE = "vmfirmwared/vms/0/vm/nvram.raw"


@pytest.mark.parametrize("has_vm, asked", [(False, ""), (True, ""), (True, "vms")])
@pytest.mark.parametrize("place", PLACES)
def test_a_purge_completes_at_each_place(place, has_vm, asked):
    """The script alone, in a /var/lib of its own."""
    make = f"mkdir -p {os.path.dirname(VM_FILE)}; touch {VM_FILE}" if has_vm else "mkdir vmfirmwared/vms"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-euc", f"""
mount -t tmpfs tmpfs /var/lib
cd /var/lib
{PLACES[place]}
touch vmfirmwared/lock
{make}
sh -s purge >&2
find -L vmfirmwared 2>/dev/null || :
"""], input=(paths.REPOSITORY / "debian" / "postrm").read_text(encoding="utf-8"),
        capture_output=True, text=True, check=False,
        env={**os.environ, "VMFIRMWARED_PURGE": asked})
    assert done.returncode == 0, done.stderr
    left = set(done.stdout.splitlines())
    assert (VM_FILE in left) == ("is kept in" in done.stderr) == (has_vm and not asked)
    assert ("vmfirmwared" in left) == (VM_FILE in left or place != "directory")
    assert ("vmfirmwared/lost+found" in left) == (place == "mount")
    assert ("vmfirmwared/vms" in left) == (VM_FILE in left) and "vmfirmwared/lock" not in left


def test_state_that_was_roots_stays_its_owners(stopped, agents, uids):
    """As after a service that root had started by hand."""
    stopped.run("systemctl", "start", UNIT)
    agents.root.run(f"vms.make('vm', owner={uids.alice})")
    stopped.run("systemctl", "stop", UNIT)
    stopped.shell(f"chown root:root {STATE} {STATE}/vms {STATE}/vms/*")
    stopped.run("systemctl", "start", UNIT)
    nvram = stopped.path(f"{STATE}/vms/{uids.alice}/vm/nvram.raw").stat()
    assert (nvram.st_mode & 0o7777, nvram.st_uid) == (0o600, uids.alice)
    assert agents.root.run(f"vm = vms.at('vm', {uids.alice})\nvm.reset()\nvm.clone('twin')\n"
                           "vm.remove()") == []


# What a file system or a copy without owners makes of it, and a service with another uid there.
DAMAGES = {
    "none": "true",
    "service's uid": f"chown -R --from=vmfirmwared 4321:4321 {STATE}",
    "all root's": f"chown -R root:root {STATE}",
    "all the service's": f"chown -R vmfirmwared:vmfirmwared {STATE}",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_restored_backup(stopped, agents, uids, damage):
    """As vmfirmwared(8) says."""
    stopped.run("systemctl", "start", UNIT)
    agents.root.run(f"vms.make('vm', owner={uids.alice}).reset()\nvms.make('roots')")
    stopped.shell(f"systemctl mask --runtime --now {UNIT}; "
                  "tar --numeric-owner -cSf /root/backup.tar -C /var/lib vmfirmwared")
    before = vmstate.snapshot(stopped.path(STATE))
    stopped.shell(f"rm -rf {STATE}; tar --numeric-owner -xpf /root/backup.tar -C /var/lib; "
                  f"rm /root/backup.tar; {DAMAGES[damage]}; systemctl unmask --runtime {UNIT}; "
                  f"systemctl start {UNIT}")
    assert agents.root.run("print([(e[0], e[3]) for e in vms.list(all=True)])") == [
        "[('roots', 'ready'), ('vm', 'ready')]"]
    assert vmstate.snapshot(stopped.path(STATE)) == before
    assert stopped.output("stat", "-c", "%U %a", STATE) == "vmfirmwared 711"
    assert agents.active.run("""
resolution = vms.prepare('vm')
open(resolution['nvram']['filename'], 'r+b').close()
vms.at('vm', os.getuid()).reset()
""") == []


def test_a_missing_state_directory_is_made(stopped):
    stopped.shell(f"rm -r {STATE}; systemctl start {UNIT}")
    assert stopped.output("stat", "-c", "%U %a", STATE) == "vmfirmwared 711"


def test_an_override_decides_about_the_state_directory(stopped):
    stopped.shell("mkdir -p /etc/tmpfiles.d; sed s/0711/0750/ /usr/lib/tmpfiles.d/vmfirmwared.conf "
                  f">/etc/tmpfiles.d/vmfirmwared.conf; systemctl start {UNIT}")
    try:
        assert stopped.output("stat", "-c", "%U %a", STATE) == "vmfirmwared 750"
    finally:
        stopped.shell(f"rm /etc/tmpfiles.d/vmfirmwared.conf; systemctl restart {UNIT}")
    assert stopped.output("stat", "-c", "%U %a", STATE) == "vmfirmwared 711"
