# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the code takes for granted about QEMU holds in the QEMU that is installed."""

import pytest

from lib import boards, flashes, images
from lib.qemu import Qemu, QemuFailed, canonical, version

LONG_FORM = ["-global", "driver=cfi.pflash01,property=secure,value=on"]
SHORT_FORM = ["-global", "cfi.pflash01.secure=on"]
CODE = f"{boards.OVMF}/OVMF_CODE_4M.fd"


def blockdev(name, path, read_only=False):
    mode = "on" if read_only else "off"
    return ["-blockdev", f"driver=file,node-name={name}-file,filename={path},read-only={mode}",
            "-blockdev", f"driver=raw,node-name={name},file={name}-file,read-only={mode}"]


@pytest.fixture
def variables(tmp_path):
    return images.copy(f"{boards.OVMF}/OVMF_VARS_4M.fd", tmp_path / "vars.fd")


def q35(variables, *extra):
    return ["-machine", "q35,pflash0=code,pflash1=vars", *blockdev("code", CODE, True),
            *blockdev("vars", variables), *extra]


@pytest.mark.parametrize("form,secure", [([], False), (LONG_FORM, True), (SHORT_FORM, False)],
                         ids=["none", "long", "short"])
def test_secure_works_in_its_long_form_only(variables, form, secure):
    with Qemu("x86_64", q35(variables, *form)) as qemu:
        assert [unit["secure"] for unit in flashes.read_all(qemu).values()] == [secure, secure]


def test_flash_of_pc_is_stacked_below_4_gib(variables):
    with Qemu("x86_64", q35(variables)) as qemu:
        units = flashes.read_all(qemu)
    assert units[0]["phys-addr"] == 2**32 - images.OVMF_4M_CODE
    assert units[1]["phys-addr"] == units[0]["phys-addr"] - images.OVMF_4M_VARS
    assert [units[index]["num-blocks"] for index in (0, 1)] == [892, 132]


def test_raw_length_is_rounded_up_to_512(tmp_path):
    path = images.raw(str(tmp_path / "code.fd"), 64 * images.MIB - 100)
    with Qemu("aarch64", ["-machine", "virt,pflash0=code", *blockdev("code", path)]) as qemu:
        assert flashes.read_all(qemu)[0]["size"] == 64 * images.MIB


def test_both_units_of_virt_exist_without_a_backend(tmp_path):
    with Qemu("aarch64", ["-machine", "virt"]) as qemu:
        units = flashes.read_all(qemu)
    assert sorted(units) == [0, 1]
    assert not any("filename" in unit for unit in units.values())


# since which version of QEMU a machine has them; None: it never had
@pytest.mark.parametrize("architecture,machine,since", [
    ("x86_64", "isapc", None), ("x86_64", "microvm", None), ("riscv64", "virt", (8, 1)),
    ("arm", "vexpress-a9", None)])
def test_machines_without_pflash_properties(architecture, machine, since):
    with pytest.raises(QemuFailed) as failed:
        # of no size that riscv64 takes
        Qemu(architecture, ["-machine", f"{machine},pflash0=code", *blockdev("code", CODE, True)])
    has_property = since is not None and version(architecture) >= since
    assert ("pflash0' not found" in failed.value.text) == (not has_property)


@pytest.mark.parametrize("architecture,alias,name", [
    ("x86_64", "q35", "pc-q35-{}.{}"), ("x86_64", "pc", "pc-i440fx-{}.{}"),
    ("aarch64", "virt", "virt-{}.{}"), ("arm", "virt", "virt-{}.{}"), ("riscv64", "virt", "virt")])
def test_alias_names_a_canonical_machine(architecture, alias, name):
    name = name.format(*version(architecture))
    assert (canonical(architecture, alias) or alias) == name
    with Qemu(architecture, ["-machine", alias]) as qemu:
        assert qemu.machine_type() == name


def test_two_processes_may_write_one_flash_file(variables):
    """QEMU takes no lock on flash: who hands one file to two guests ruins it."""
    with Qemu("x86_64", q35(variables)), Qemu("x86_64", q35(variables)) as second:
        assert flashes.read_all(second)[1]["read-only"] is False
