/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lint/lint-features.h"

#include <fcntl.h>

#include "base/error.h"
#include "base/file.h"
#include "uefi/guid-table.h"

/* On x86 the guest can write its Secure Boot keys unless SMM protects the flash. */
static void check_secure_boot(GPtrArray *findings, const char *path, const Descriptor *descriptor) {
    if (descriptor_is_x86(descriptor) && descriptor->device == FIRMWARE_DEVICE_FLASH &&
        descriptor->mode != FIRMWARE_MODE_STATELESS &&
        descriptor_has_feature(descriptor, FEATURE_SECURE_BOOT) &&
        !descriptor_has_feature(descriptor, FEATURE_REQUIRES_SMM))
        lint_add(
                findings, LINT_SEVERITY_WARNING, "secure-boot", path, "/features",
                "secure-boot without requires-smm: on x86 the guest can change its keys");
}

void lint_features(GPtrArray *findings, const char *path, const Descriptor *descriptor) {
    check_secure_boot(findings, path, descriptor);
    for (char **feature = descriptor->features; *feature; feature++)
        if (descriptor_has_confidential_flash(descriptor, *feature))
            lint_add(
                    findings, LINT_SEVERITY_ERROR, "confidential-flash", path, "/mapping/device",
                    "%s in flash: such a guest takes no pflash; the device is memory", *feature);
}

/* What QEMU looks for in the executable before it starts such a guest. */
static const struct {
    const char *feature;
    GuidTableEntry entry;
    const char *name;
} claims[] = {
        {FEATURE_AMD_SEV_SNP, GUID_TABLE_SEV_METADATA, "SEV metadata"},
        {FEATURE_INTEL_TDX, GUID_TABLE_TDX_METADATA, "TDX metadata"},
};

static int read_table(const DescriptorImage *image, const ImageInfo *info, guint *ret) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    ImageFormat format;
    int r;

    *ret = 0;
    if (!image_format_from_string(image->format, &format))
        return 0;
    r = file_open_regular(AT_FDCWD, image->filename, &fd, NULL);
    return r < 0 ? r : guid_table_read(fd, info->size, image_get_reader(format), ret);
}

static gboolean tell_unreadable(
        GPtrArray *findings, const char *path, const DescriptorImage *image, int r,
        GError **error) {
    if (!file_is_at_fault(r))
        return firmware_error_set_unreadable(error, image->filename, r);
    /* compressed with zstd: nothing is known */
    if (r != -EOPNOTSUPP)
        lint_add(
                findings, LINT_SEVERITY_ERROR, "file-unreadable", path, "/mapping",
                "%s cannot be read to its end: %s", image->filename, file_describe_error(r));
    return TRUE;
}

gboolean lint_feature_claims(
        GPtrArray *findings, const char *path, const Descriptor *descriptor, const ImageInfo *info,
        GError **error) {
    const DescriptorImage *image = &descriptor->executable;

    /* other content may have another way */
    if (info->content.kind != CONTENT_CODE && info->content.kind != CONTENT_WHOLE)
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(claims); i++) {
        guint entries;
        int r;

        if (!descriptor_has_feature(descriptor, claims[i].feature))
            continue;
        r = read_table(image, info, &entries);
        if (r < 0)
            return tell_unreadable(findings, path, image, r, error);
        if (!(entries & claims[i].entry))
            lint_add(
                    findings, LINT_SEVERITY_ERROR, "claim", path, "/features",
                    "%s: %s has no %s in its table of GUIDs", claims[i].feature, image->filename,
                    claims[i].name);
    }
    return TRUE;
}
