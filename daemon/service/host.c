/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/host.h"

#include <unistd.h>

#include "service/sd-cleanup.h"

#define KVM_DEVICE "/dev/kvm"
#define SEV_DEVICE "/dev/sev"

/* The source of each feature: a KVM module's parameter, and the device that QEMU needs
 * (NULL: /dev/kvm alone). Linux Documentation/virt/kvm/x86/amd-memory-encryption.rst and
 * intel-tdx.rst. */
static const struct {
    const char *feature;
    const char *module;
    const char *parameter;
    const char *device;
} host_features[] = {
        {"amd-sev", "/sys/module/kvm_amd", "parameters/sev", SEV_DEVICE},
        {"amd-sev-es", "/sys/module/kvm_amd", "parameters/sev_es", SEV_DEVICE},
        {"amd-sev-snp", "/sys/module/kvm_amd", "parameters/sev_snp", SEV_DEVICE},
        {"intel-tdx", "/sys/module/kvm_intel", "parameters/tdx", NULL},
};

static gboolean parameter_is_on(const char *module, const char *parameter) {
    g_autoptr(sd_device) device = NULL;
    const char *value;

    if (sd_device_new_from_syspath(&device, module) < 0 ||
        sd_device_get_sysattr_value(device, parameter, &value) < 0)
        return FALSE;

    return g_str_equal(value, "Y") || g_str_equal(value, "1");
}

static gboolean device_exists(const char *device) {
    return access(device, F_OK) == 0;
}

GStrv host_probe_features(const FileVisitor *visitor) {
    g_autoptr(GPtrArray) features = g_ptr_array_new();
    gboolean has_kvm;

    /* /sys raises no event, but a module that is loaded later makes its device, which does */
    (void)file_visit(visitor, KVM_DEVICE);
    (void)file_visit(visitor, SEV_DEVICE);
    has_kvm = device_exists(KVM_DEVICE);

    for (gsize i = 0; has_kvm && i < G_N_ELEMENTS(host_features); i++)
        if ((!host_features[i].device || device_exists(host_features[i].device)) &&
            parameter_is_on(host_features[i].module, host_features[i].parameter))
            g_ptr_array_add(features, g_strdup(host_features[i].feature));

    g_ptr_array_add(features, NULL);
    return (GStrv)g_ptr_array_free(g_steal_pointer(&features), FALSE);
}
