/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/resolution.h"

/*
 * Renders a resolution for QEMU and libvirt.
 *
 * Error of all functions: FIRMWARE_ERROR_INVALID_ARGS if the firmware needs a copy of its own and
 * the request names none (nvram-filename).
 */

/* Returns QEMU's arguments, one string each, without shell quoting. "-machine TYPE,…" comes first.
 * Uses -blockdev and -machine pflash0= (QEMU 4.0 and later), or -drive if=pflash on a board without
 * these properties. */
GStrv render_qemu(const Resolution *resolution, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The same with -drive if=pflash, which every QEMU supports. */
GStrv render_qemu_legacy(const Resolution *resolution, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What libvirt is told of a resolution. Strings borrow from it; NULL: does not apply. */
typedef struct LibvirtFields {
    const char *loader;
    const char *loader_type;   /* pflash or rom */
    const char *loader_format; /* NULL: not in flash */
    gboolean is_read_only;     /* these three: of a pflash loader */
    gboolean is_secure;
    gboolean is_stateless;
    const char *nvram;
    const char *nvram_format;
    const char *nvram_template;
    const char *nvram_template_format;
    const char *varstore;
    const char *varstore_template;
    gboolean is_x86; /* SMM and a secure loader exist */
    gboolean needs_smm;
    gboolean wants_acpi;
    gboolean has_no_s3; /* <pm><suspend-to-mem enabled='no'/></pm> */
} LibvirtFields;

/* FIRMWARE_ERROR_NOT_SUPPORTED: libvirt cannot express the resolution. Free with g_free(). */
LibvirtFields *libvirt_fields_new(const Resolution *resolution, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* Returns the elements <os>, <features> and <pm> of a libvirt domain, each on its own lines.
 * FIRMWARE_ERROR_NOT_SUPPORTED: libvirt cannot express the resolution. */
char *render_libvirt(const Resolution *resolution, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The forms that a question asks for; NULL where it does not. Valid as long as the resolution. */
typedef struct Rendering {
    GStrv qemu;
    GStrv qemu_legacy;
    char *libvirt;
    LibvirtFields *libvirt_fields;
} Rendering;

/* RENDER is Request's. */
gboolean rendering_make(const Resolution *resolution, guint render, Rendering *ret, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;
void rendering_clear(Rendering *rendering);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rendering, rendering_clear)

/* For the functions above: FALSE with their common error. */
gboolean render_check_copy(const Resolution *resolution, GError **error) G_GNUC_WARN_UNUSED_RESULT;
