/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/descriptor.h"

#include <fnmatch.h>

#include "core/architecture.h"

static void image_clear(DescriptorImage *image) {
    g_free(image->filename);
    g_free(image->format);
    flash_record_free(image->flash);
}

static void descriptor_clear(gpointer data) {
    Descriptor *descriptor = data;

    g_free(descriptor->description);
    g_strfreev(descriptor->interface_types);
    image_clear(&descriptor->executable);
    image_clear(&descriptor->nvram_template);
    g_ptr_array_unref(descriptor->targets);
    g_strfreev(descriptor->features);
    g_strfreev(descriptor->tags);
    g_bytes_unref(descriptor->document);
}

void descriptor_target_free(DescriptorTarget *target) {
    if (!target)
        return;

    g_free(target->architecture);
    g_strfreev(target->machines);
    g_free(target);
}

Descriptor *descriptor_new(GBytes *document) {
    Descriptor *descriptor = g_atomic_rc_box_new0(Descriptor);

    descriptor->document = g_bytes_ref(document);
    descriptor->targets = g_ptr_array_new_with_free_func((GDestroyNotify)descriptor_target_free);
    return descriptor;
}

Descriptor *descriptor_ref(const Descriptor *descriptor) {
    return g_atomic_rc_box_acquire((gpointer)descriptor);
}

void descriptor_unref(const Descriptor *descriptor) {
    if (descriptor)
        g_atomic_rc_box_release_full((gpointer)descriptor, descriptor_clear);
}

gboolean descriptor_has_feature(const Descriptor *descriptor, const char *feature) {
    return g_strv_contains((const char *const *)descriptor->features, feature);
}

gboolean descriptor_has_confidential_flash(const Descriptor *descriptor, const char *feature) {
    return descriptor->device == FIRMWARE_DEVICE_FLASH &&
            (g_str_equal(feature, FEATURE_AMD_SEV_SNP) ||
             g_str_equal(feature, FEATURE_INTEL_TDX)) &&
            descriptor_has_feature(descriptor, feature);
}

gboolean descriptor_keeps_variables(const Descriptor *descriptor) {
    return descriptor->nvram_template.filename || descriptor->mode == FIRMWARE_MODE_COMBINED;
}

const DescriptorImage *descriptor_get_variables_image(const Descriptor *descriptor) {
    return descriptor->mode == FIRMWARE_MODE_COMBINED ? &descriptor->executable
                                                      : &descriptor->nvram_template;
}

gboolean descriptor_has_architecture(const Descriptor *descriptor, const char *architecture) {
    for (guint i = 0; i < descriptor->targets->len; i++) {
        const DescriptorTarget *target = descriptor->targets->pdata[i];
        if (g_str_equal(target->architecture, architecture))
            return TRUE;
    }

    return FALSE;
}

gboolean descriptor_is_x86(const Descriptor *descriptor) {
    for (guint i = 0; i < descriptor->targets->len; i++) {
        const DescriptorTarget *target = descriptor->targets->pdata[i];
        if (architecture_is_x86(target->architecture))
            return TRUE;
    }

    return FALSE;
}

gboolean descriptor_matches_machine(
        const Descriptor *descriptor, const char *architecture, const char *machine) {
    for (guint i = 0; i < descriptor->targets->len; i++) {
        const DescriptorTarget *target = descriptor->targets->pdata[i];

        if (!g_str_equal(target->architecture, architecture))
            continue;
        for (char **glob = target->machines; *glob; glob++)
            if (fnmatch(*glob, machine, 0) == 0)
                return TRUE;
    }

    return FALSE;
}
