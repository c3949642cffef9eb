/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/geometry.h"
#include "base/vocab.h"

/*
 * One valid firmware descriptor: an immutable, reference-counted value, which parse.h makes and
 * threads may share. Features, tags and architectures that the schema does not define are kept as
 * written.
 */

typedef struct DescriptorImage {
    char *filename;     /* absolute; NULL: no such image */
    char *format;       /* as written: may be unknown to the service */
    FlashRecord *flash; /* NULL: no recorded geometry */
} DescriptorImage;

typedef struct DescriptorTarget {
    char *architecture; /* a QEMU target name */
    GStrv machines;     /* fnmatch(3) globs for canonical machine types; never empty */
} DescriptorTarget;

typedef struct Descriptor {
    char *description;     /* may be "" */
    GStrv interface_types; /* never empty */
    FirmwareDevice device;
    FirmwareMode mode; /* stateless if the mapping has none */
    DescriptorImage executable;
    DescriptorImage nvram_template;
    GPtrArray *targets; /* of DescriptorTarget; never empty */
    GStrv features;
    GStrv tags;
    GBytes *document; /* the file itself, with all unknown members */
} Descriptor;

/* Returns an empty descriptor, for parse.h to fill. */
Descriptor *descriptor_new(GBytes *document) G_GNUC_WARN_UNUSED_RESULT;
Descriptor *descriptor_ref(const Descriptor *descriptor);
void descriptor_unref(const Descriptor *descriptor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Descriptor, descriptor_unref)

void descriptor_target_free(DescriptorTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DescriptorTarget, descriptor_target_free)

gboolean descriptor_has_feature(const Descriptor *descriptor, const char *feature);

/* It has FEATURE, amd-sev-snp or intel-tdx, and is mapped to flash, which a guest of this kind does
 * not take: KVM maps no read-only memory into it. */
gboolean descriptor_has_confidential_flash(const Descriptor *descriptor, const char *feature);

/* The firmware writes its variables to a file that each VM has a copy of. */
gboolean descriptor_keeps_variables(const Descriptor *descriptor);

/* The image that a VM's file of variables is a copy of: a combined firmware's executable, else the
 * template, whose filename is NULL if there is none. */
const DescriptorImage *descriptor_get_variables_image(const Descriptor *descriptor);

gboolean descriptor_is_x86(const Descriptor *descriptor);

/* Some target has this architecture; some target of it matches the canonical type. */
gboolean descriptor_has_architecture(const Descriptor *descriptor, const char *architecture);
gboolean descriptor_matches_machine(
        const Descriptor *descriptor, const char *architecture, const char *machine);
