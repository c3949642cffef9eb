/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * The keywords of QEMU's firmware.json and of the D-Bus contract, and their enums. *_words[] is
 * NULL-terminated, *_from_string() returns FALSE for an unknown word, *_to_string() returns a
 * static string.
 */

/* firmware.json FirmwareOSInterface */
extern const char *const firmware_interface_words[];

/* firmware.json FirmwareDevice */
typedef enum FirmwareDevice {
    FIRMWARE_DEVICE_FLASH,
    FIRMWARE_DEVICE_MEMORY,
    FIRMWARE_DEVICE_KERNEL,
    FIRMWARE_DEVICE_IGVM,
} FirmwareDevice;
extern const char *const firmware_device_words[];
gboolean firmware_device_from_string(const char *word, FirmwareDevice *ret);
const char *firmware_device_to_string(FirmwareDevice device);

/* firmware.json FirmwareFlashMode */
typedef enum FirmwareMode {
    FIRMWARE_MODE_SPLIT,
    FIRMWARE_MODE_COMBINED,
    FIRMWARE_MODE_STATELESS,
} FirmwareMode;
extern const char *const firmware_mode_words[];
gboolean firmware_mode_from_string(const char *word, FirmwareMode *ret);
const char *firmware_mode_to_string(FirmwareMode mode);

/* firmware.json FirmwareFormat: of flash executables and templates. */
typedef enum ImageFormat {
    IMAGE_FORMAT_RAW,
    IMAGE_FORMAT_QCOW2,
    /* the variable store of a uefi-vars device */
    IMAGE_FORMAT_JSON,
} ImageFormat;
extern const char *const image_format_words[];
gboolean image_format_from_string(const char *word, ImageFormat *ret);
const char *image_format_to_string(ImageFormat format);

/* The formats of images in flash. */
extern const char *const flash_format_words[];

/* The state of a firmware on the bus. */
typedef enum FirmwareState {
    FIRMWARE_STATE_USABLE,
    FIRMWARE_STATE_UNUSABLE,
    FIRMWARE_STATE_INVALID,
} FirmwareState;
const char *firmware_state_to_string(FirmwareState state);

/* Who owns the directory of a descriptor. */
typedef enum FirmwareLayer {
    FIRMWARE_LAYER_BUILTIN,
    FIRMWARE_LAYER_VENDOR,
    FIRMWARE_LAYER_ADMIN,
    FIRMWARE_LAYER_USER,
    FIRMWARE_LAYER_CUSTOM,
} FirmwareLayer;
const char *firmware_layer_to_string(FirmwareLayer layer);

/* The result of a request for one descriptor file. */
typedef enum Verdict {
    VERDICT_SELECTED,
    VERDICT_ACCEPTED,
    VERDICT_REJECTED,
    VERDICT_OVERRIDDEN,
    VERDICT_MASKED,
    VERDICT_INVALID,
} Verdict;
const char *verdict_to_string(Verdict verdict);

/* firmware.json FirmwareFeature, NULL-terminated: the words that the schema has by now. */
extern const char *const known_features[];
/* As far as the service itself acts on it. */
#define FEATURE_ACPI_S3 "acpi-s3"
#define FEATURE_SECURE_BOOT "secure-boot"
#define FEATURE_REQUIRES_SMM "requires-smm"
#define FEATURE_HOST_UEFI_VARS "host-uefi-vars"
#define FEATURE_ENROLLED_KEYS "enrolled-keys"
#define FEATURE_AMD_SEV_SNP "amd-sev-snp"
#define FEATURE_INTEL_TDX "intel-tdx"

/* TRUE: the feature names a confidential-computing technology, which the host must support. */
gboolean feature_is_confidential(const char *feature);
/* TRUE: firmware with it and firmware without it are never equivalent. */
gboolean feature_is_identity(const char *feature);
/* The confidential-computing features, NULL-terminated. */
extern const char *const confidential_features[];
