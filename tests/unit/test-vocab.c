/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/vocab.h"

#include "util.h"

static void devices(void) {
    static const char *const words[] = {
            [FIRMWARE_DEVICE_FLASH] = "flash",
            [FIRMWARE_DEVICE_KERNEL] = "kernel",
            [FIRMWARE_DEVICE_MEMORY] = "memory",
            [FIRMWARE_DEVICE_IGVM] = "igvm",
    };
    FirmwareDevice device;

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        g_assert_true(firmware_device_from_string(words[i], &device));
        g_assert_cmpuint(device, ==, i);
        g_assert_cmpstr(firmware_device_to_string(device), ==, words[i]);
    }
    g_assert_false(firmware_device_from_string("Flash", &device));
    g_assert_false(firmware_device_from_string("", &device));
}

static void modes(void) {
    static const char *const words[] = {
            [FIRMWARE_MODE_SPLIT] = "split",
            [FIRMWARE_MODE_COMBINED] = "combined",
            [FIRMWARE_MODE_STATELESS] = "stateless",
    };
    FirmwareMode mode;

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        g_assert_true(firmware_mode_from_string(words[i], &mode));
        g_assert_cmpuint(mode, ==, i);
        g_assert_cmpstr(firmware_mode_to_string(mode), ==, words[i]);
    }
    g_assert_false(firmware_mode_from_string("splits", &mode));
}

static void formats(void) {
    static const char *const words[] = {
            [IMAGE_FORMAT_RAW] = "raw",
            [IMAGE_FORMAT_QCOW2] = "qcow2",
            [IMAGE_FORMAT_JSON] = "json",
    };
    ImageFormat format;

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        g_assert_true(image_format_from_string(words[i], &format));
        g_assert_cmpuint(format, ==, i);
        g_assert_cmpstr(image_format_to_string(format), ==, words[i]);
    }
    g_assert_false(image_format_from_string("qcow", &format));
}

static void what_is_only_said(void) {
    g_assert_cmpstr(firmware_state_to_string(FIRMWARE_STATE_USABLE), ==, "usable");
    g_assert_cmpstr(firmware_state_to_string(FIRMWARE_STATE_UNUSABLE), ==, "unusable");
    g_assert_cmpstr(firmware_state_to_string(FIRMWARE_STATE_INVALID), ==, "invalid");
    g_assert_cmpstr(firmware_layer_to_string(FIRMWARE_LAYER_BUILTIN), ==, "builtin");
    g_assert_cmpstr(firmware_layer_to_string(FIRMWARE_LAYER_VENDOR), ==, "vendor");
    g_assert_cmpstr(firmware_layer_to_string(FIRMWARE_LAYER_ADMIN), ==, "admin");
    g_assert_cmpstr(firmware_layer_to_string(FIRMWARE_LAYER_USER), ==, "user");
    g_assert_cmpstr(firmware_layer_to_string(FIRMWARE_LAYER_CUSTOM), ==, "custom");
    g_assert_cmpstr(verdict_to_string(VERDICT_SELECTED), ==, "selected");
    g_assert_cmpstr(verdict_to_string(VERDICT_ACCEPTED), ==, "accepted");
    g_assert_cmpstr(verdict_to_string(VERDICT_REJECTED), ==, "rejected");
    g_assert_cmpstr(verdict_to_string(VERDICT_OVERRIDDEN), ==, "overridden");
    g_assert_cmpstr(verdict_to_string(VERDICT_MASKED), ==, "masked");
    g_assert_cmpstr(verdict_to_string(VERDICT_INVALID), ==, "invalid");
}

static void confidential_computing(void) {
    test_assert_joined(
            (char **)confidential_features, "amd-sev, amd-sev-es, amd-sev-snp, intel-tdx");
    for (const char *const *feature = confidential_features; *feature; feature++)
        g_assert_true(feature_is_confidential(*feature));
    g_assert_false(feature_is_confidential("secure-boot"));
    g_assert_false(feature_is_confidential("amd-sev-"));
    g_assert_false(feature_is_confidential(""));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(devices),
            TEST_CASE(modes),
            TEST_CASE(formats),
            TEST_CASE(what_is_only_said),
            TEST_CASE(confidential_computing),
    };

    return test_main(argc, argv, "vocab", cases, G_N_ELEMENTS(cases));
}
