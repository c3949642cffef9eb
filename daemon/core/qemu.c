/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/qemu.h"

#include "core/architecture.h"

#define UEFI_VARS_X64 "uefi-vars-x64"
#define UEFI_VARS_SYSBUS "uefi-vars-sysbus"

gboolean qemu_version_from_string(const char *text, QemuVersion *ret) {
    g_auto(GStrv) parts = g_strsplit(text, ".", 4);
    guint n = g_strv_length(parts);
    guint64 numbers[3] = {};

    if (n < 2 || n > G_N_ELEMENTS(numbers))
        return FALSE;
    for (guint i = 0; i < n; i++)
        if (!g_ascii_string_to_unsigned(parts[i], 10, 0, G_MAXUINT8, &numbers[i], NULL))
            return FALSE;

    *ret = QEMU_VERSION(numbers[0], numbers[1], numbers[2]);
    return *ret > 0;
}

char *qemu_version_to_string(QemuVersion version) {
    return g_strdup_printf("%u.%u.%u", version >> 16, version >> 8 & 0xff, version & 0xff);
}

const char *qemu_uefi_vars_type(const char *architecture) {
    return architecture_is_x86(architecture) ? UEFI_VARS_X64 : UEFI_VARS_SYSBUS;
}

QemuVersion qemu_type_since(const char *type) {
    if (g_str_equal(type, UEFI_VARS_X64) || g_str_equal(type, UEFI_VARS_SYSBUS))
        return QEMU_VERSION(10, 0, 0);
    return g_str_equal(type, QEMU_TYPE_IGVM) ? QEMU_VERSION(10, 1, 0) : 0;
}
