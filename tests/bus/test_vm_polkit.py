# SPDX-License-Identifier: LGPL-2.1-or-later
"""What polkit is asked, and what its answers do; the limits of callers that are not uid 0."""

import os
import resource
import subprocess

import pytest
from gi.repository import Gio, GLib

from lib import images, wait
from lib.client import ACCESS_DENIED
from lib.fakepolkit import CHALLENGE, NEVER, NO, YES, FakePolkit
from lib.vms import LIMITS, OTHER, OWNER, SIXTEEN_CALLS, VMs, run_as, start_as, vm_path

OWN, ALL = "org.vmfirmware1.manage-own-vms", "org.vmfirmware1.manage-all-vms"
INTERACTIVE = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"


@pytest.fixture
def bus(own_bus):
    """One of its own: the others have no polkit."""
    return own_bus


@pytest.fixture
def polkit(bus):
    made = FakePolkit(bus)
    yield made
    made.close()


@pytest.fixture
def vms(service, polkit):
    service.ovmf()
    return VMs(service.start())


def test_who_may_manage_all_sees_no_reference(bus, vms, polkit):
    polkit.answers = {ALL: YES}
    vms.make(owner=OWNER, reference="secret")
    program = f"vms.prepare('vm', owner={OWNER}, reference='x', create='{{}}')\n"
    name, text = run_as(OTHER, program.format("never"), bus)
    assert name == "org.vmfirmware1.VMConflict"
    assert "for the reference that its owner gave" in text and "secret" not in text
    assert run_as(OTHER, program.format("adopt"), bus) == []


def test_owner_may_keep_vms(bus, vms, polkit):
    lines = run_as(OWNER, """
path, resolution, _ = vms.prepare_raw('mine')
vm = vms.at('mine', 1)
vm.write(b"owner's")
print(path, vm.export()[:7], vm.clone('twin').path)
vm.reset()
vm.rename('new').import_nvram(memfd(b'', 540672))
vm = vms.at('new', 1)
fd, lease = vm.open_nvram()
print(os.fstat(fd).st_uid, vm.get('InUse'))
os.close(lease)
vm.rebind()
vm.remove()
print([entry[0] for entry in vms.list()])
""", bus)
    assert lines == [vm_path("mine", OWNER) + " b\"owner's\" " + vm_path("twin", OWNER),
                     "1 True", "['twin']"]
    assert {asked for asked in polkit.asked} == {(OWN, 0)}
    assert all(kind == "system-bus-name" and set(rest) == {"name"}
               for kind, rest in polkit.subjects)


OTHERS = [
    f"vms.prepare('x', owner={OTHER})", "vms.prepare('x', owner=0)",
    f"vms.import_vm('x', 'x86_64', 'q35', memfd(b'', 540672), owner={OTHER})",
    "vms.at('root').acquire()", "vms.at('root').open_nvram()", "vms.at('root').export()",
    "vms.at('root').export(live=True)", "vms.at('root').reset()", "vms.at('root').rebind()",
    "vms.at('root').clone('x')", "vms.at('root').clone('x', owner=1)",
    "vms.at('root').rename('x')", "vms.at('root').remove()",
    "vms.at('root').import_nvram(memfd(b'', 540672))", "vms.at('mine', 1).clone('x', owner=0)"]


@pytest.mark.parametrize("call", OTHERS)
def test_anothers_vm_is_another_question(bus, vms, polkit, call):
    vms.make("root")
    vms.make("mine", owner=OWNER)
    before = vms.list(all=True)
    assert run_as(OWNER, call, bus)[0] == ACCESS_DENIED
    assert [action for action, _ in polkit.asked] == [ALL]
    assert vms.list(all=True) == before
    polkit.answers[ALL] = YES
    assert run_as(OWNER, call, bus) == []


@pytest.mark.parametrize("answer,error", [(NO, ACCESS_DENIED), (CHALLENGE, INTERACTIVE)])
def test_answers_that_are_no(bus, vms, polkit, answer, error):
    polkit.answers[OWN] = answer
    assert run_as(OWNER, "vms.prepare('x')", bus)[0] == error
    assert vms.list(all=True) == [] and polkit.asked == [(OWN, 0)]


def test_flag_of_the_message_is_honoured(bus, vms, polkit):
    run_as(OWNER, """
client.connection.call_sync(NAME, MANAGER_PATH, MANAGER, 'PrepareVM', GLib.Variant(
    '(sssa{sv})', ('x', 'x86_64', 'q35', {})), None,
    Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION, 60000, None)
""", bus)
    assert polkit.asked == [(OWN, 1)]


def test_root_is_not_asked_and_neither_is_a_reader(bus, vms, polkit):
    vms.make("a", owner=OTHER)
    vms.at("a", OTHER).reset()
    run_as(OWNER, "vms.list(all=True); vms.get('a', owner=2); vms.at('a', 2).properties()", bus)
    assert polkit.asked == []


def test_arguments_are_checked_before_anybody_is_asked(bus, vms, polkit):
    lines = run_as(OWNER, "vms.prepare('x', owner=65535)", bus)
    assert lines[0].endswith("InvalidArgs") and polkit.asked == []


def send(vms, count, method="PrepareVM", arguments=None):
    """Calls without waiting; the list of their outcomes, filled as they come."""
    outcomes = []

    def done(connection, result):
        try:
            connection.call_finish(result)
            outcomes.append("ok")
        except GLib.Error as error:
            outcomes.append(Gio.DBusError.get_remote_error(error))

    for index in range(count):
        vms.client.connection.call(
            "org.vmfirmware1", "/org/vmfirmware1", "org.vmfirmware1.Manager", method,
            arguments or GLib.Variant("(sssa{sv})", (f"vm{index}", "x86_64", "q35", {})), None,
            Gio.DBusCallFlags.NO_AUTO_START, 120000, None, done)
    return outcomes


SENDER = """
from bus_test import send
from lib import wait
outcomes = send(vms, {count})
wait.until(lambda: len(outcomes) >= {expect}, 'the refused are answered')
print(sorted(set(outcomes)), len(outcomes), flush=True)
sys.stdin.readline()
wait.until(lambda: len(outcomes) == {count}, 'all are answered')
print(outcomes.count('ok'), flush=True)
""".replace("from bus_test import send", "send = SEND")


def sender(bus, count, expect, uid=OWNER):
    import inspect
    program = inspect.getsource(send) + SENDER.replace("send = SEND\n", "").format(
        count=count, expect=expect)
    return start_as(uid, program, bus)


def test_sixteen_unfinished_calls_a_uid(bus, vms, polkit):
    polkit.answers[OWN] = NEVER
    child = sender(bus, 20, 4)
    assert child.stdout.readline() == f"['{LIMITS}'] 4\n"
    other = sender(bus, 17, 1, OTHER)
    assert other.stdout.readline() == f"['{LIMITS}'] 1\n"
    wait.until(lambda: len(polkit.waiting) == 32, "all others are asked about")
    vms.make("root's").reset()
    assert vms.client.select_name("x86_64", "q35") == "ovmf"
    assert len(vms.list(all=True)) == 1 and len(polkit.waiting) == 32, "nobody waits for them"
    polkit.answers[OWN] = YES
    polkit.release(YES)
    for one in (child, other):
        out, _ = one.communicate("\n", timeout=60)
        assert out == "16\n"
    assert len(vms.list(all=True)) == 33
    assert run_as(OWNER, "print(vms.prepare('again')['pinned'])", bus) == ["False"]


def test_caller_that_goes_away_while_polkit_is_asked(bus, vms, polkit):
    polkit.answers[OWN] = NEVER
    child = sender(bus, 16, 0)
    wait.until(lambda: len(polkit.waiting) == 16, "all are asked")
    child.kill()
    child.wait()
    wait.until(lambda: not polkit.waiting, "no question is left, for the bus limits their number")
    polkit.answers[OWN] = YES
    assert run_as(OWNER, "print(vms.prepare('again')['pinned'])", bus) == ["False"]


def test_caller_of_reload_that_goes_away_while_polkit_is_asked(bus, vms, polkit):
    polkit.answers["org.vmfirmware1.reload"] = NEVER
    child = start_as(OWNER, """
from gi.repository import Gio
for _ in range(16):
    client.connection.call(NAME, MANAGER_PATH, MANAGER, "Reload", None, None,
                           Gio.DBusCallFlags.NONE, 60000, None, None)
sys.stdin.read()
""", bus)
    wait.until(lambda: len(polkit.waiting) == 16, "all are asked", 10)
    child.kill()
    child.wait()
    wait.until(lambda: run_as(OWNER, "print(vms.prepare('again')['pinned'])", bus) == ["False"],
               "none of them counts", 10)
    polkit.release(YES)
    vms.client.reload()


def test_descriptors_of_waiting_calls(bus, service, vms, polkit):
    polkit.answers[OWN] = NEVER
    before = len(os.listdir(f"/proc/{service.daemon.process.pid}/fd"))
    child = start_as(OWNER, SIXTEEN_CALLS, bus)
    assert child.stdout.readline() == "sent\n"
    wait.until(lambda: len(polkit.waiting) == 16, "all are asked")
    soft, _ = resource.prlimit(service.daemon.process.pid, resource.RLIMIT_NOFILE)
    assert soft > 16 * 256
    vms.make("root's")
    name, text = run_as(OWNER, "vms.prepare('one more')", bus)
    assert name == LIMITS and text.startswith("16 calls are not finished yet, 16 of them of uid 1;")
    assert text.endswith("Calls= allows 256, and CallsPerUser= 16 of one user")
    child.communicate("\n")
    polkit.release(NO)
    wait.until(lambda: len(os.listdir(f"/proc/{service.daemon.process.pid}/fd")) <= before + 1,
               "all are closed")


def test_256_vms_and_no_more(bus, vms, polkit):
    """uid 0 makes them: its calls are not limited."""
    for index in range(256):
        vms.make(f"vm{index}", owner=OWNER)
    for call in ("vms.prepare('one more')", "vms.at('vm1', 1).clone('one more')",
                 "vms.import_vm('one more', 'x86_64', 'q35', memfd(b'', 540672))"):
        name, text = run_as(OWNER, call, bus)
        assert name == LIMITS and text.endswith(
            "; VMsPerUser= allows 256, BytesPerUser= 4294967296")
    run_as(OWNER, "vms.prepare('vm7')\nvms.at('vm7', 1).reset()\nvms.at('vm7', 1).remove()", bus)
    assert run_as(OWNER, "print(vms.prepare('one more')['pinned'])", bus) == ["False"]
    assert len(vms.list(owner=OWNER)) == 256
    vms.make("and root's", owner=OWNER)


def test_four_gibibytes_and_no_more(bus, service, polkit):
    from lib import descriptors
    size = 256 * images.MIB
    service.vendor.write("x", descriptors.flash(
        service.raw("code.fd", size), service.raw("vars.fd", size),
        targets=[descriptors.target("aarch64", "sbsa-ref")]))
    vms = VMs(service.start())
    for index in range(15):
        vms.make(f"vm{index}", "aarch64", "sbsa-ref", owner=OWNER)
    for call in ("vms.prepare('vm15', 'aarch64', 'sbsa-ref')", "vms.at('vm1', 1).clone('twin')"):
        assert run_as(OWNER, call, bus)[0] == LIMITS, call
    vms.at("vm0", OWNER).remove()
    # the holes of a backup do not count
    assert run_as(OWNER, "vms.at('vm1', 1).reset()", bus) == []
    assert run_as(OWNER, "vms.at('vm1', 1).clone('twin')", bus) == []
    assert run_as(OWNER, "vms.at('vm1', 1).clone('third')", bus)[0] == LIMITS
    assert run_as(OWNER, "vms.prepare('vm2', 'aarch64', 'sbsa-ref')", bus) == []


def test_files_grown_by_their_owner_are_counted(bus, service, vms, polkit):
    service.daemon.stop()
    service.daemons.remove(service.daemon)
    # on ext4 no file is large enough
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", service.state], check=True)
    try:
        vms = VMs(service.start())
        for name in ("a", "b"):
            os.truncate(vms.make(name, owner=OWNER).nvram(), 2**63 - 1)
        vms = VMs(service.restart())
        assert run_as(OWNER, "vms.prepare('one more')", bus)[0] == LIMITS
        vms.at("b", OWNER).remove()
        vm = vms.at("a", OWNER)
        vm.reset()
        os.truncate(vm.nvram(), 2**63 - 1)
        service.restart()
        assert run_as(OWNER, "vms.prepare('one more')", bus)[0] == LIMITS
    finally:
        subprocess.run(["umount", "-l", service.state], check=True)
