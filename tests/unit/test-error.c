/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/error.h"

#include <errno.h>

#include "util.h"

typedef struct Name {
    FirmwareError code;
    const char *name;
} Name;

static const Name names[] = {
        {FIRMWARE_ERROR_INVALID_ARGS, "org.freedesktop.DBus.Error.InvalidArgs"},
        {FIRMWARE_ERROR_NO_MATCHING_FIRMWARE, "org.vmfirmware1.NoMatchingFirmware"},
        {FIRMWARE_ERROR_NO_SUCH_FIRMWARE, "org.vmfirmware1.NoSuchFirmware"},
        {FIRMWARE_ERROR_NO_SUCH_VM, "org.vmfirmware1.NoSuchVM"},
        {FIRMWARE_ERROR_VM_EXISTS, "org.vmfirmware1.VMExists"},
        {FIRMWARE_ERROR_VM_CONFLICT, "org.vmfirmware1.VMConflict"},
        {FIRMWARE_ERROR_FIRMWARE_GONE, "org.vmfirmware1.FirmwareGone"},
        {FIRMWARE_ERROR_NVRAM_MISSING, "org.vmfirmware1.NVRAMMissing"},
        {FIRMWARE_ERROR_NVRAM_MISMATCH, "org.vmfirmware1.NVRAMMismatch"},
        {FIRMWARE_ERROR_NVRAM_IN_USE, "org.vmfirmware1.NVRAMInUse"},
        {FIRMWARE_ERROR_IMAGE_UNUSABLE, "org.vmfirmware1.ImageUnusable"},
        {FIRMWARE_ERROR_NO_SUCH_BACKUP, "org.vmfirmware1.NoSuchBackup"},
        {FIRMWARE_ERROR_NO_SUCH_VARIABLE, "org.vmfirmware1.NoSuchVariable"},
        {FIRMWARE_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
         "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"},
        {FIRMWARE_ERROR_ACCESS_DENIED, "org.freedesktop.DBus.Error.AccessDenied"},
        {FIRMWARE_ERROR_LIMITS_EXCEEDED, "org.freedesktop.DBus.Error.LimitsExceeded"},
        {FIRMWARE_ERROR_NOT_SUPPORTED, "org.freedesktop.DBus.Error.NotSupported"},
        {FIRMWARE_ERROR_IO, "org.freedesktop.DBus.Error.IOError"},
};

static void each_code_has_its_name(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        g_assert_cmpstr(firmware_error_name(names[i].code), ==, names[i].name);
}

/* FIRMWARE_ERROR_IO is the last. */
static void no_code_is_left_out(void) {
    g_assert_cmpuint(G_N_ELEMENTS(names), ==, FIRMWARE_ERROR_IO + 1);
}

static void no_two_codes_share_a_name(void) {
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        for (gsize j = 0; j < i; j++)
            g_assert_cmpstr(
                    firmware_error_name(names[i].code), !=, firmware_error_name(names[j].code));
}

static void a_file_that_cannot_be_read_is_named(void) {
    g_autoptr(GError) error = NULL;

    g_assert_false(firmware_error_set_unreadable(&error, "/a\xff", -EMFILE));
    g_assert_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO);
    g_assert_cmpstr(error->message, ==, "cannot read /a\\xff: Too many open files");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_code_has_its_name),
            TEST_CASE(no_code_is_left_out),
            TEST_CASE(no_two_codes_share_a_name),
            TEST_CASE(a_file_that_cannot_be_read_is_named),
    };

    return test_main(argc, argv, "error", cases, G_N_ELEMENTS(cases));
}
