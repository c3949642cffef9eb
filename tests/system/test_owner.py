# SPDX-License-Identifier: LGPL-2.1-or-later
"""A VM's owner starts QEMU with the answer of PrepareVM; another user cannot."""

import pytest

# what OVMF writes once it looks for something to boot
BOOTS = "BdsDxe: "
PATIENCE = 120


@pytest.fixture
def guest(started, agents):
    """alice's VM, with a lease that her agent holds."""
    agents.active.run("""
import subprocess
from lib import wait
resolution = vms.prepare('guest', without_features=['secure-boot'], render=['qemu'], lease=True)
lease, arguments = resolution['lease'], resolution['qemu-arguments']
""")
    yield agents.active
    agents.active.run("os.close(lease)")


def test_the_owners_qemu_boots(started, agents, uids, guest):
    assert guest.run(f"""
console = '/home/alice/console'
open(console, 'w').close()
before = open(resolution['nvram']['filename'], 'rb').read()
qemu = subprocess.Popen(['qemu-system-x86_64', *arguments, '-display', 'none', '-nodefaults',
                         '-no-user-config', '-serial', 'file:' + console], pass_fds=[lease],
                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
try:
    wait.until(lambda: qemu.poll() is not None or {BOOTS.encode()!r} in open(console, 'rb').read(),
               'the firmware boots', {PATIENCE}, 0.1)
finally:
    running = qemu.poll() is None
    in_use = vms.at('guest', os.getuid()).get('InUse')
    qemu.kill()
    print(running, in_use, qemu.communicate()[0].decode())
print(open(resolution['nvram']['filename'], 'rb').read() != before)
""") == ["True True ", "True"]


def test_nobody_elses_qemu_does(started, agents, guest):
    arguments, nvram = guest.run("print(arguments)\nprint(resolution['nvram']['filename'])")
    assert agents.alone.run(f"""
import subprocess
for mode in ('rb', 'r+b'):
    try:
        open({nvram!r}, mode)
    except PermissionError as error:
        print('PermissionError')
try:
    os.listdir(os.path.dirname(os.path.dirname({nvram!r})))
except PermissionError as error:
    print('PermissionError')
done = subprocess.run(['qemu-system-x86_64', *{arguments}, '-display', 'none', '-S'],
                      capture_output=True, text=True, timeout=60)
print(done.returncode, 'Permission denied' in done.stderr)
""") == ["PermissionError"] * 3 + ["1 True"]
