/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/error.h"

#include "base/text.h"

G_DEFINE_QUARK(firmware_error, firmware_error)

gboolean firmware_error_set_unreadable(GError **error, const char *path, int r) {
    g_autofree char *safe = text_make_valid(path);

    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "cannot read %s: %s", safe, g_strerror(-r));
    return FALSE;
}

gboolean firmware_error_set_io(GError **error, const char *what, int r) {
    g_set_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "%s: %s", what, g_strerror(-r));
    return FALSE;
}

const char *firmware_error_name(FirmwareError code) {
    switch (code) {
    case FIRMWARE_ERROR_INVALID_ARGS:
        return "org.freedesktop.DBus.Error.InvalidArgs";
    case FIRMWARE_ERROR_NO_MATCHING_FIRMWARE:
        return "org.vmfirmware1.NoMatchingFirmware";
    case FIRMWARE_ERROR_NO_SUCH_FIRMWARE:
        return "org.vmfirmware1.NoSuchFirmware";
    case FIRMWARE_ERROR_NO_SUCH_VM:
        return "org.vmfirmware1.NoSuchVM";
    case FIRMWARE_ERROR_VM_EXISTS:
        return "org.vmfirmware1.VMExists";
    case FIRMWARE_ERROR_VM_CONFLICT:
        return "org.vmfirmware1.VMConflict";
    case FIRMWARE_ERROR_FIRMWARE_GONE:
        return "org.vmfirmware1.FirmwareGone";
    case FIRMWARE_ERROR_NVRAM_MISSING:
        return "org.vmfirmware1.NVRAMMissing";
    case FIRMWARE_ERROR_NVRAM_MISMATCH:
        return "org.vmfirmware1.NVRAMMismatch";
    case FIRMWARE_ERROR_NVRAM_IN_USE:
        return "org.vmfirmware1.NVRAMInUse";
    case FIRMWARE_ERROR_IMAGE_UNUSABLE:
        return "org.vmfirmware1.ImageUnusable";
    case FIRMWARE_ERROR_NO_SUCH_BACKUP:
        return "org.vmfirmware1.NoSuchBackup";
    case FIRMWARE_ERROR_NO_SUCH_VARIABLE:
        return "org.vmfirmware1.NoSuchVariable";
    case FIRMWARE_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED:
        return "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";
    case FIRMWARE_ERROR_ACCESS_DENIED:
        return "org.freedesktop.DBus.Error.AccessDenied";
    case FIRMWARE_ERROR_LIMITS_EXCEEDED:
        return "org.freedesktop.DBus.Error.LimitsExceeded";
    case FIRMWARE_ERROR_NOT_SUPPORTED:
        return "org.freedesktop.DBus.Error.NotSupported";
    case FIRMWARE_ERROR_IO:
        return "org.freedesktop.DBus.Error.IOError";
    }
    g_assert_not_reached();
}
