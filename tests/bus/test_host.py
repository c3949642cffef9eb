# SPDX-License-Identifier: LGPL-2.1-or-later
"""HostFeatures, from /dev and /sys: hardware that this machine has not is umockdev's.

What is absent there is looked for in the real /dev, so no test takes /dev/kvm away.
"""

import pytest

SEV = "sys/module/kvm_amd/parameters/sev"
SEV_ES = "sys/module/kvm_amd/parameters/sev_es"
SEV_SNP = "sys/module/kvm_amd/parameters/sev_snp"
TDX = "sys/module/kvm_intel/parameters/tdx"


@pytest.fixture
def host(service, tmp_path):
    """Starts the service on a host that has these files."""
    root = tmp_path / "host"

    def put(files):
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="ascii")

    def start(files):
        put({"sys/module/.keep": "", "dev/.keep": "", **files})
        # the preloaded library need not come before that of a sanitizer
        return service.start(environment={
            "LD_PRELOAD": "libumockdev-preload.so.0", "UMOCKDEV_DIR": str(root),
            "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"})

    start.put = put
    return start


@pytest.mark.parametrize("files,features", [
    ({}, []),
    ({"dev/kvm": ""}, []),
    ({"dev/kvm": "", "dev/sev": "", SEV: "Y\n"}, ["amd-sev"]),
    ({"dev/kvm": "", "dev/sev": "", SEV: "1\n"}, ["amd-sev"]),
    ({"dev/kvm": "", "dev/sev": "", SEV: "Y\n", SEV_ES: "Y\n", SEV_SNP: "N\n"},
     ["amd-sev", "amd-sev-es"]),
    ({"dev/kvm": "", "dev/sev": "", SEV: "Y\n", SEV_ES: "Y\n", SEV_SNP: "Y\n"},
     ["amd-sev", "amd-sev-es", "amd-sev-snp"]),
    ({"dev/kvm": "", SEV: "Y\n"}, []),
    ({"dev/kvm": "", "dev/sev": "", SEV: "N\n"}, []),
    ({"dev/kvm": "", TDX: "Y\n"}, ["intel-tdx"]),
    ({"dev/kvm": "", TDX: "N\n"}, []),
], ids=["nothing", "kvm-alone", "sev", "sev-as-1", "sev-es", "sev-snp", "no-dev-sev", "sev-off",
        "tdx", "tdx-off"])
def test_host_features(host, files, features):
    assert host(files).manager_property("HostFeatures") == features


def test_host_supported_needs_each_feature(service, host):
    service.add("10-snp", features=["amd-sev", "amd-sev-snp"])
    service.add("20-sev", features=["amd-sev"])
    service.add("30-none")
    client = host({"dev/kvm": "", "dev/sev": "", SEV: "Y\n"})
    assert client.select_name("x86_64", "q35") == "10-snp"
    assert client.select_name("x86_64", "q35", host_supported=True) == "20-sev"
    assert client.verdict_of("10-snp", "x86_64", "q35", host_supported=True) == (
        "rejected", ["host-lacks:amd-sev-snp"])


def test_another_host_is_seen_by_a_reload_and_is_no_other_catalog(service, host):
    service.add("x")
    client = host({"dev/kvm": "", TDX: "N\n"})
    generation = client.manager_property("Generation")
    host.put({TDX: "Y\n"})
    client.reload()
    assert client.manager_property("HostFeatures") == ["intel-tdx"]
    assert client.manager_property("Generation") == generation
