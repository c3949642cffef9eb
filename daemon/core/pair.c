/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/pair.h"

#include "uefi/volume.h"

/* FvLength of the variables of edk2's firmware for Arm and RISC-V (ArmVirtQemu, RiscVVirtQemu). */
#define LENGTH_BESIDE_X86 0xc0000

/* The images of a descriptor, and what speaks against them. */
typedef struct Pair {
    const Descriptor *descriptor;
    const ImageInfo *code;
    const ImageInfo *variables; /* NULL: the firmware has no template in flash */
    gboolean is_x86;            /* the sizes of both parts belong together */
    GPtrArray *reasons;
} Pair;

G_GNUC_PRINTF(3, 4)
static void bad_pair(const Pair *pair, const DescriptorImage *image, const char *format, ...) {
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(pair->reasons, g_strdup_printf("bad-pair:%s: %s", image->filename, text));
}

static void check_truncated(const Pair *pair, const DescriptorImage *image, const ImageInfo *info) {
    if (info->content.end > info->size)
        bad_pair(
                pair, image,
                "the image is truncated: it has %" G_GUINT64_FORMAT
                " bytes, and its last firmware volume ends at %" G_GUINT64_FORMAT,
                info->size, info->content.end);
}

static void check_code(const Pair *pair) {
    const DescriptorImage *image = &pair->descriptor->executable;

    switch (pair->code->content.kind) {
    case CONTENT_BLANK:
        bad_pair(pair, image, "the image is blank, and holds no code");
        break;
    case CONTENT_VARIABLES:
        bad_pair(pair, image, "the image holds variables and no code");
        break;
    case CONTENT_WHOLE:
        if (pair->variables)
            bad_pair(
                    pair, image,
                    "the image holds code and variables: the guest would not use those of %s",
                    pair->descriptor->nvram_template.filename);
        break;
    case CONTENT_CODE:
    case CONTENT_UNKNOWN:
        break;
    }
    check_truncated(pair, image, pair->code);
}

/* OVMF's code ends at 4 GiB, and looks for variables of its own size right below it. */
static void check_sizes(const Pair *pair) {
    const DescriptorImage *image = &pair->descriptor->nvram_template;
    const char *executable = pair->descriptor->executable.filename;
    const guint64 size = pair->variables->size;
    const guint64 length =
            pair->variables->content.variables ? pair->variables->content.variables : size;
    const guint64 expected = volume_length_for_code(pair->code->size);
    const guint64 wrong = length != expected && volume_find_layout(length) ? length
            : size != expected && pair->code->content.kind == CONTENT_CODE ? size
                                                                           : 0;

    if (volume_length_for_code(size) && volume_find_layout(pair->code->size) &&
        pair->code->content.kind == CONTENT_UNKNOWN)
        bad_pair(
                pair, image,
                "the template has %" G_GUINT64_FORMAT " bytes, the size of code, and %s has "
                "%" G_GUINT64_FORMAT ", that of variables",
                size, executable, pair->code->size);
    else if (expected && wrong)
        bad_pair(
                pair, image,
                "the template has variables of %" G_GUINT64_FORMAT
                " bytes, and the code in %s, of %" G_GUINT64_FORMAT
                " bytes, uses %" G_GUINT64_FORMAT,
                wrong, executable, pair->code->size, expected);
    else
        check_truncated(pair, image, pair->variables);
}

/* Firmware for Arm formats a store of another length: keys and variables are gone. */
static void check_length(const Pair *pair) {
    const guint64 length = pair->variables->content.variables;

    if (length != LENGTH_BESIDE_X86 && volume_find_layout(length))
        bad_pair(
                pair, &pair->descriptor->nvram_template,
                "the template has variables of %" G_GUINT64_FORMAT
                " bytes, as firmware for x86 has, and the code in %s erases them: it uses %d",
                length, pair->descriptor->executable.filename, LENGTH_BESIDE_X86);
}

static void check_template(const Pair *pair) {
    const DescriptorImage *image = &pair->descriptor->nvram_template;
    const ContentKind kind = pair->variables->content.kind;

    if (kind == CONTENT_CODE || kind == CONTENT_WHOLE) {
        bad_pair(pair, image, "the template holds code, where a guest's variables belong");
        return;
    }
    if (!pair->is_x86) {
        check_length(pair);
        return;
    }

    /* AAVMF formats a blank store, and one that is too short; OVMF does neither */
    if (kind == CONTENT_BLANK && volume_find_layout(pair->variables->size))
        bad_pair(pair, image, "the template is blank, and OVMF does not format it");
    check_sizes(pair);
}

gboolean pair_check(
        const Descriptor *descriptor, const FirmwareImages *images, GPtrArray *reasons) {
    const gboolean is_flash = descriptor->device == FIRMWARE_DEVICE_FLASH;
    const gboolean is_split = is_flash && descriptor->mode == FIRMWARE_MODE_SPLIT;
    const Pair pair = {
            .descriptor = descriptor,
            .code = &images->executable,
            .variables = is_split ? &images->nvram_template : NULL,
            .is_x86 = descriptor_is_x86(descriptor),
            .reasons = reasons};
    const guint n_before = reasons->len;

    if (!g_strv_contains((const char *const *)descriptor->interface_types, "uefi") ||
        (!is_flash && descriptor->device != FIRMWARE_DEVICE_MEMORY))
        return TRUE;

    check_code(&pair);
    if (pair.variables)
        check_template(&pair);
    return reasons->len == n_before;
}
