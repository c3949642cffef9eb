/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Versions of QEMU, and the device types that firmware needs and not every QEMU has.
 */

/* Orders as versions do; 0: none. */
typedef guint32 QemuVersion;

#define QEMU_VERSION(major, minor, micro) \
    ((QemuVersion)(major) << 16 | (QemuVersion)(minor) << 8 | (QemuVersion)(micro))

/* "7.2" or "10.0.2". FALSE: TEXT is no version. */
gboolean qemu_version_from_string(const char *text, QemuVersion *ret);
char *qemu_version_to_string(QemuVersion version) G_GNUC_WARN_UNUSED_RESULT;

/* Types that can be missing in a QEMU: uefi-vars-x64, uefi-vars-sysbus, igvm-cfg. */
#define QEMU_TYPE_IGVM "igvm-cfg"

/* The uefi-vars device of the machines of ARCHITECTURE. */
const char *qemu_uefi_vars_type(const char *architecture);

/* The version that brought TYPE; 0: every version has it. A build may lack it in later ones. */
QemuVersion qemu_type_since(const char *type);
