# SPDX-License-Identifier: LGPL-2.1-or-later
"""polkitd: absent, stopped, killed in between, saying no; and an administrator's own rules."""

import os
import signal
import subprocess

import pytest

from lib import paths, vmstate, wait
from lib.client import ACCESS_DENIED
from lib.machine import LIBRARY, PASSWORD, STATE
from lib.vms import LIMITS

from test_authorisation import INTERACTIVE

POLKIT = "polkit.service"
RULE = "/etc/polkit-1/rules.d/49-vmfirmwared.rules"
NO = """polkit.addRule(function(action, subject) {
    if (action.id.indexOf("org.vmfirmware1.") == 0) return polkit.Result.NO;
});
"""


@pytest.fixture
def polkit(started):
    """The machine, with polkitd running before and after."""
    started.run("systemctl", "restart", POLKIT)
    yield started
    started.path(RULE).unlink(missing_ok=True)
    started.run("systemctl", "unmask", "--runtime", POLKIT)
    started.run("systemctl", "kill", "--signal=CONT", POLKIT, check=False)
    started.run("systemctl", "restart", POLKIT)


def put_rule(machine, text):
    """The rules are read anew when a file changes; a restart waits for that."""
    path = machine.path(RULE)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
    machine.run("systemctl", "restart", POLKIT)


def assert_denied(lines):
    assert lines[0] == ACCESS_DENIED, lines
    assert "org.vmfirmware1.manage-own-vms" in lines[1]


def test_absent(polkit, agents):
    polkit.run("systemctl", "mask", "--runtime", "--now", POLKIT)
    before = vmstate.snapshot(polkit.path(STATE))
    assert_denied(agents.active.run("vms.prepare('vm')"))
    assert agents.active.run("client.reload()")[0] == ACCESS_DENIED
    assert vmstate.snapshot(polkit.path(STATE)) == before
    assert agents.root.run("print(vms.prepare('vm')['pinned'])") == ["False"]


def test_slow(polkit, agents):
    """Others are served meanwhile; the answer counts when it comes."""
    polkit.kill(POLKIT, signal.SIGSTOP)
    agents.active.start("print(vms.prepare('vm')['pinned'])")
    assert agents.root.run("print(vms.prepare('vm')['pinned'])\nclient.reload()") == ["False"]
    assert agents.alone.run("print(client.names() != [], len(vms.list(all=True)))") == ["True 1"]
    assert [entry.name for entry in polkit.path(f"{STATE}/vms").iterdir()] == ["0"]
    polkit.kill(POLKIT, signal.SIGCONT)
    assert agents.active.finish() == ["False"]


def test_killed_in_between(polkit, agents):
    before = vmstate.snapshot(polkit.path(STATE))
    idle = descriptors(polkit)
    polkit.kill(POLKIT, signal.SIGSTOP)
    agents.active.start("vms.prepare('vm', nvram_template=b'mine')")
    wait.until(lambda: len(descriptors(polkit)) > len(idle), "the call is there, and waits")
    polkit.kill(POLKIT)
    assert_denied(agents.active.finish())
    assert vmstate.snapshot(polkit.path(STATE)) == before


def descriptors(machine):
    """What the service has open. A waiting call keeps the descriptor that it needs."""
    return os.listdir(machine.path(f"/proc/{machine.main_pid()}/fd"))


def test_says_no(polkit, agents):
    put_rule(polkit, NO)
    before = vmstate.snapshot(polkit.path(STATE))
    assert_denied(agents.active.run("vms.prepare('vm')"))
    assert agents.active.run("vms.prepare('vm', owner=0)")[0] == ACCESS_DENIED
    assert agents.active.run("client.reload()")[0] == ACCESS_DENIED
    assert vmstate.snapshot(polkit.path(STATE)) == before
    assert agents.root.run("client.reload()\nprint(vms.prepare('vm')['pinned'])") == ["False"]


def test_the_example_lets_a_group_keep_its_vms(polkit, agents, uids):
    assert agents.keeper.run("vms.prepare('vm')")[0] == INTERACTIVE
    put_rule(polkit, (paths.REPOSITORY / "docs" / "examples" / "49-vmfirmwared.rules").read_text(
        encoding="utf-8"))
    assert agents.keeper.run("print(vms.prepare('vm')['pinned'])") == ["False"]
    assert agents.keeper.run("vms.at('vm', os.getuid()).reset()") == []
    assert agents.keeper.run(f"vms.prepare('vm', owner={uids.alice})")[0] == INTERACTIVE
    assert agents.keeper.run("client.reload()")[0] == INTERACTIVE
    assert agents.alone.run("vms.prepare('vm')")[0] == INTERACTIVE


INTERACTIVELY = """
def interactively(path, interface, method, arguments):
    try:
        client.connection.call_sync(NAME, path, interface, method, arguments, None,
                                    Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION, 60000, None)
        print('yes')
    except GLib.Error as error:
        print(Gio.DBusError.get_remote_error(error))
prepare = (MANAGER_PATH, MANAGER, 'PrepareVM',
           GLib.Variant('(sssa{sv})', ('vm', 'x86_64', 'q35', {})))
"""
WITH_AGENT = INTERACTIVELY + """
from lib.agent import connect
from lib.polkitagent import PolkitAgent
person = PolkitAgent(lambda: connect('system'), 'carol', %r)
"""


@pytest.fixture
def person(polkit):
    """Logged in by ssh: who may become root answers the terminal's question."""
    agent = polkit.agent("alice", ssh=True)
    yield agent
    agent.run("person.close()")


def test_a_person_is_asked_only_if_the_message_allows_it(polkit, person, uids):
    person.run(WITH_AGENT % PASSWORD)
    assert person.run("vms.prepare('vm')")[0] == INTERACTIVE
    assert person.run("print(person.messages)") == ["[]"]
    assert person.run("interactively(*prepare)") == ["yes"]
    assert person.run("print(*person.messages, person.administrators)") == [
        "Authentication is required to manage the firmware settings (NVRAM) of your virtual "
        "machines. ['carol']"]
    # it is kept for a while
    assert person.run("vms.at('vm', os.getuid()).reset()") == []

    assert person.run(f"vms.prepare('vm', owner={uids.bob})")[0] == INTERACTIVE
    assert person.run(f"""
interactively(MANAGER_PATH, MANAGER, 'PrepareVM', GLib.Variant('(sssa{{sv}})', (
    'vm', 'x86_64', 'q35', {{'owner': GLib.Variant('u', {uids.bob})}})))
interactively(MANAGER_PATH, MANAGER, 'Reload', None)
print(*person.messages[1:], sep='\\n')
""") == ["yes", "yes",
         "Authentication is required to manage the firmware settings (NVRAM) of another user's "
         "virtual machine.",
         "Authentication is required to reload the list of virtual machine firmware."]


def test_a_wrong_password_is_a_no(polkit, person):
    person.run(WITH_AGENT % "wrong")
    before = vmstate.snapshot(polkit.path(STATE))
    assert person.run("interactively(*prepare)") == [ACCESS_DENIED]
    assert len(person.run("print(*person.messages, sep='\\n')")) >= 1
    assert vmstate.snapshot(polkit.path(STATE)) == before


FLOOD = """
from lib import wait

def flood(count):
    outcomes = []
    def done(connection, result):
        try:
            connection.call_with_unix_fd_list_finish(result)
            outcomes.append('ok')
        except GLib.Error as error:
            outcomes.append(Gio.DBusError.get_remote_error(error) or str(error))
    for index in range(count):
        # as many as the bus policy lets through
        fds = Gio.UnixFDList.new()
        fds.append(0)
        client.connection.call_with_unix_fd_list(
            NAME, MANAGER_PATH, MANAGER, 'PrepareVM',
            GLib.Variant('(sssa{sv})', (f'vm{index}', 'x86_64', 'q35', {})), None,
            Gio.DBusCallFlags.NONE, 120000, fds, None, done)
        # the bus has 64 descriptors at most on their way to one receiver
        client.ping()
    # before the second answer, the service has the bus's own to what it asked before the first
    client.ping()
    wait.drain()
    return outcomes
"""


def test_flood_of_one_user(polkit, agents):
    idle = descriptors(polkit)
    polkit.kill(POLKIT, signal.SIGSTOP)
    assert agents.active.run(FLOOD + """
outcomes = flood(40)
print(len(outcomes), set(outcomes))
""") == [f"24 {{'{LIMITS}'}}"]
    assert len(descriptors(polkit)) <= len(idle) + 16
    assert agents.root.run("print(vms.prepare('vm')['pinned'])") == ["False"]
    polkit.kill(POLKIT, signal.SIGCONT)
    assert agents.active.run("""
wait.until(lambda: len(outcomes) == 40, 'all are answered', 60)
print(outcomes.count('ok'), len(vms.list()))
""") == ["16 16"]


MANY = """
import sys
sys.path.insert(0, %r)
from lib.agent import connect
from lib.client import Client
from lib.vms import *
""" % LIBRARY + FLOOD + """
children = []
for uid in map(int, sys.argv[1:]):
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([]); os.setresgid(uid, uid, uid); os.setresuid(uid, uid, uid)
        client = Client(connect('system'))
        outcomes = flood(16)
        os.write(into, f'{outcomes.count(LIMITS)} {len(outcomes)}'.encode())
        os.read(0, 1)
        os._exit(0)
    children.append(pid)
    # one after the other: so the last one finds that there is no room
    print(os.read(out, 100).decode(), flush=True)
sys.stdin.readline()
"""


def test_flood_of_many_users(polkit, agents):
    """The service lets 256 calls wait, and dbus-daemon lets it have 128 questions; what is beyond
    is refused. Who asks for nothing that changes is served all the same."""
    count = 17
    polkit.shell(f"for n in $(seq {count}); do id flood$n 2>/dev/null || useradd flood$n; done")
    users = [polkit.output("id", "-u", f"flood{number + 1}") for number in range(count)]
    idle = descriptors(polkit)
    polkit.kill(POLKIT, signal.SIGSTOP)
    flood = subprocess.Popen(polkit.command("python3", "-c", MANY, *users), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True, cwd="/")
    try:
        refused = [flood.stdout.readline() for _ in users]
        assert set(refused) == {"0 0\n", "16 16\n"}
        assert refused[:8] == ["0 0\n"] * 8 and refused[-1] == "16 16\n"
        assert len(descriptors(polkit)) <= len(idle) + 256
        assert agents.root.run("print(client.names() != [])") == ["True"]
        assert agents.alone.run("print(client.names() != [])") == ["True"]
    finally:
        flood.kill()
        flood.wait()
        flood.stdin.close()
        flood.stdout.close()
    # the children's standard input has ended
    polkit.kill(POLKIT, signal.SIGCONT)
    wait.until(lambda: len(descriptors(polkit)) <= len(idle), "all of it is closed")
    # polkit answers first what it was asked for those that have gone, and dbus-daemon has no room for
    # another question until then
    def prepare():
        printed = agents.active.run("print(vms.prepare('vm')['pinned'])")
        return printed[0] != LIMITS and printed
    assert wait.until(prepare, "polkit has caught up") == ["False"]
    assert polkit.show("NRestarts") == "0"
