/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/vocab.h"

const char *const firmware_interface_words[] = {"uefi", "bios", "openfirmware", "uboot", NULL};

const char *const firmware_device_words[] = {
        [FIRMWARE_DEVICE_FLASH] = "flash",
        [FIRMWARE_DEVICE_MEMORY] = "memory",
        [FIRMWARE_DEVICE_KERNEL] = "kernel",
        [FIRMWARE_DEVICE_IGVM] = "igvm",
        NULL,
};

const char *const firmware_mode_words[] = {
        [FIRMWARE_MODE_SPLIT] = "split",
        [FIRMWARE_MODE_COMBINED] = "combined",
        [FIRMWARE_MODE_STATELESS] = "stateless",
        NULL,
};

const char *const image_format_words[] = {
        [IMAGE_FORMAT_RAW] = "raw",
        [IMAGE_FORMAT_QCOW2] = "qcow2",
        [IMAGE_FORMAT_JSON] = "json",
        NULL,
};

const char *const flash_format_words[] = {"raw", "qcow2", NULL};

static const char *const state_words[] = {
        [FIRMWARE_STATE_USABLE] = "usable",
        [FIRMWARE_STATE_UNUSABLE] = "unusable",
        [FIRMWARE_STATE_INVALID] = "invalid",
};

static const char *const layer_words[] = {
        [FIRMWARE_LAYER_BUILTIN] = "builtin", [FIRMWARE_LAYER_VENDOR] = "vendor",
        [FIRMWARE_LAYER_ADMIN] = "admin",     [FIRMWARE_LAYER_USER] = "user",
        [FIRMWARE_LAYER_CUSTOM] = "custom",
};

static const char *const verdict_words[] = {
        [VERDICT_SELECTED] = "selected", [VERDICT_ACCEPTED] = "accepted",
        [VERDICT_REJECTED] = "rejected", [VERDICT_OVERRIDDEN] = "overridden",
        [VERDICT_MASKED] = "masked",     [VERDICT_INVALID] = "invalid",
};

const char *const known_features[] = {
        "acpi-s3",         "acpi-s4",        "amd-sev",   "amd-sev-es",   "amd-sev-snp",
        "enrolled-keys",   "host-uefi-vars", "intel-tdx", "requires-smm", "secure-boot",
        "verbose-dynamic", "verbose-static", NULL,
};

const char *const confidential_features[] = {
        "amd-sev", "amd-sev-es", "amd-sev-snp", "intel-tdx", NULL,
};

static gboolean find_word(const char *const *words, const char *word, guint *ret_index) {
    for (guint i = 0; words[i]; i++)
        if (g_str_equal(words[i], word)) {
            *ret_index = i;
            return TRUE;
        }

    return FALSE;
}

#define DEFINE_FROM_STRING(prefix, type, words)                  \
    gboolean prefix##_from_string(const char *word, type *ret) { \
        guint found;                                             \
        if (!find_word(words, word, &found))                     \
            return FALSE;                                        \
        *ret = (type)found;                                      \
        return TRUE;                                             \
    }

#define DEFINE_TO_STRING(prefix, type, words)         \
    const char *prefix##_to_string(type value) {      \
        g_assert((gsize)value < G_N_ELEMENTS(words)); \
        return words[value];                          \
    }

DEFINE_FROM_STRING(firmware_device, FirmwareDevice, firmware_device_words)
DEFINE_TO_STRING(firmware_device, FirmwareDevice, firmware_device_words)
DEFINE_FROM_STRING(firmware_mode, FirmwareMode, firmware_mode_words)
DEFINE_TO_STRING(firmware_mode, FirmwareMode, firmware_mode_words)
DEFINE_FROM_STRING(image_format, ImageFormat, image_format_words)
DEFINE_TO_STRING(image_format, ImageFormat, image_format_words)
DEFINE_TO_STRING(firmware_state, FirmwareState, state_words)
DEFINE_TO_STRING(firmware_layer, FirmwareLayer, layer_words)
DEFINE_TO_STRING(verdict, Verdict, verdict_words)

gboolean feature_is_confidential(const char *feature) {
    return g_strv_contains(confidential_features, feature);
}

gboolean feature_is_identity(const char *feature) {
    return g_str_equal(feature, FEATURE_SECURE_BOOT) ||
            g_str_equal(feature, FEATURE_ENROLLED_KEYS) ||
            g_str_equal(feature, FEATURE_REQUIRES_SMM) || feature_is_confidential(feature);
}
