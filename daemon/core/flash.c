/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/flash.h"

guint64 flash_backend_size(guint64 size) {
    return size / 512 * 512 + (size % 512 ? 512 : 0);
}

/* Both numbers, and of which part. */
G_GNUC_PRINTF(3, 4)
static gboolean bad_size(
        GPtrArray *reasons, const DescriptorImage *image, const char *format, ...) {
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(reasons, g_strdup_printf("bad-size:%s: %s", image->filename, text));
    return FALSE;
}

/* -bios: the board loads the file unchanged. */
static gboolean memory_fits(
        const Descriptor *descriptor, const ImageInfo *executable, const Machine *machine,
        GPtrArray *reasons) {
    const Board *board = descriptor->device == FIRMWARE_DEVICE_MEMORY ? machine->board : NULL;
    const DescriptorImage *image = &descriptor->executable;
    guint64 size = executable->size;

    if (size == 0)
        return bad_size(reasons, image, "the file has 0 bytes");
    if (board && board->bios_size_multiple && size % board->bios_size_multiple != 0)
        return bad_size(
                reasons, image,
                "the file has %" G_GUINT64_FORMAT
                " bytes, and -bios takes multiples of %" G_GUINT64_FORMAT,
                size, board->bios_size_multiple);
    if (board && board->bios_max_size && size > board->bios_max_size)
        return bad_size(
                reasons, image,
                "the file has %" G_GUINT64_FORMAT
                " bytes, and -bios takes at most %" G_GUINT64_FORMAT,
                size, board->bios_max_size);
    return TRUE;
}

/* One unit of a firmware, and what it is made from. */
typedef struct UnitImage {
    guint index;
    const DescriptorImage *image;
    guint64 size; /* bytes, as the guest sees it */
} UnitImage;

/* A VM's copy of a template is extended to a fixed size; an executable is used as it is. */
static gboolean is_extended(const UnitImage *unit) {
    return unit->index > 0;
}

static gboolean fills_unit(const UnitImage *unit, guint64 fixed_size) {
    return is_extended(unit) ? unit->size <= fixed_size : unit->size == fixed_size;
}

/* The size of the unit on BOARD, or FALSE where the image does not fit it. */
static gboolean unit_size_on_board(
        const Board *board, const UnitImage *unit, guint64 *ret, GPtrArray *reasons) {
    guint64 size = unit->size;

    if (size == 0)
        return bad_size(reasons, unit->image, "flash unit %u would have 0 bytes", unit->index);
    if (board->unit_size && !fills_unit(unit, board->unit_size))
        return bad_size(
                reasons, unit->image,
                "the image has %" G_GUINT64_FORMAT " bytes, and flash unit %u %s%" G_GUINT64_FORMAT,
                size, unit->index, is_extended(unit) ? "at most " : "", board->unit_size);
    if (board->unit_size) {
        *ret = board->unit_size;
        return TRUE;
    }
    if (size % board->sector_length != 0)
        return bad_size(
                reasons, unit->image,
                "the image has %" G_GUINT64_FORMAT
                " bytes, and flash unit %u sectors of %" G_GUINT64_FORMAT,
                size, unit->index, board->sector_length);
    if (board->max_unit_size && size > board->max_unit_size)
        return bad_size(
                reasons, unit->image,
                "the image has %" G_GUINT64_FORMAT
                " bytes, and flash unit %u at most %" G_GUINT64_FORMAT,
                size, unit->index, board->max_unit_size);
    *ret = size;
    return TRUE;
}

static FlashUnit *unit_on_board(const Board *board, guint index, guint64 size, guint64 *top) {
    FlashUnit *unit = g_new0(FlashUnit, 1);

    if (board->placement == FLASH_PLACEMENT_STACKED_DOWN) {
        *top -= size;
        unit->phys_addr = *top;
    } else {
        unit->phys_addr = board->addresses[index];
    }
    unit->driver = g_strdup(board->driver);
    unit->name = g_strdup(board->names[index]);
    unit->size = size;
    unit->num_blocks = (guint32)(size / board->sector_length);
    unit->sector_length = board->sector_length;
    unit->width = board->width;
    unit->device_width = board->device_width;
    unit->max_device_width = board->max_device_width;
    unit->big_endian = board->big_endian;
    for (guint i = 0; i < G_N_ELEMENTS(unit->id); i++)
        unit->id[i] = board->id[i];
    return unit;
}

/* The units of one firmware. */
typedef struct UnitImages {
    guint n;
    UnitImage units[BOARD_MAX_UNITS];
} UnitImages;

static void units_on_board(
        const Board *board, const UnitImages *images, GPtrArray *units, GPtrArray *reasons) {
    guint64 top = board->top;
    guint64 total = 0;

    for (guint i = 0; i < images->n; i++) {
        const UnitImage *unit = &images->units[i];
        guint64 size = 0;

        if (!unit_size_on_board(board, unit, &size, reasons))
            continue;
        if (board->max_total_size && size > board->max_total_size - total) {
            (void)bad_size(
                    reasons, unit->image,
                    "flash units 0 to %u have %" G_GUINT64_FORMAT
                    " bytes together, and the machine takes %" G_GUINT64_FORMAT,
                    i, total + size, board->max_total_size);
            continue;
        }
        total += size;
        g_ptr_array_add(units, unit_on_board(board, i, size, &top));
    }
}

static void units_as_recorded(const UnitImages *images, GPtrArray *units, GPtrArray *reasons) {
    for (guint i = 0; i < images->n; i++) {
        const UnitImage *unit_image = &images->units[i];
        const FlashRecord *record = unit_image->image->flash;
        FlashUnit *unit = record ? flash_record_to_unit(record) : NULL;

        if (!unit) {
            g_ptr_array_add(reasons, g_strdup("geometry-unknown"));
            return;
        }
        g_ptr_array_add(units, unit);
        if (unit_image->size == 0 || !fills_unit(unit_image, unit->size))
            (void)bad_size(
                    reasons, unit_image->image,
                    "the image has %" G_GUINT64_FORMAT
                    " bytes, and flash unit %u %s%" G_GUINT64_FORMAT " as it is recorded",
                    unit_image->size, i, is_extended(unit_image) ? "at most " : "", unit->size);
    }
}

static void describe_unit(FlashUnit *unit, guint index, const Descriptor *descriptor) {
    const DescriptorImage *image =
            index == 0 ? &descriptor->executable : &descriptor->nvram_template;
    gboolean is_shared = index == 0 && descriptor->mode != FIRMWARE_MODE_COMBINED;

    unit->unit = index;
    unit->role = g_strdup(index == 0 ? FLASH_ROLE_EXECUTABLE : FLASH_ROLE_NVRAM);
    unit->filename = g_strdup(is_shared ? image->filename : "");
    unit->format = g_strdup(image->format);
    unit->read_only = is_shared;
    /* firmware.json on requires-smm: "write accesses to the pflash chip (NVRAM) that holds the
     * UEFI variable store must be restricted to code that executes in SMM" */
    unit->secure = descriptor_has_feature(descriptor, FEATURE_REQUIRES_SMM) &&
            descriptor_has_feature(descriptor, FEATURE_SECURE_BOOT);
}

static gboolean agrees_with_records(
        const UnitImages *images, const GPtrArray *units, GPtrArray *reasons) {
    guint n_before = reasons->len;

    for (guint i = 0; i < units->len; i++) {
        const FlashRecord *record = images->units[i].image->flash;
        const FlashKey *key = flash_keys;

        for (; record && (key = flash_record_find_mismatch(record, units->pdata[i], key)); key++)
            g_ptr_array_add(reasons, g_strconcat("geometry-mismatch:", key->name, NULL));
    }
    return reasons->len == n_before;
}

static GPtrArray *flash_units(
        const Descriptor *descriptor, const UnitImages *images, const Machine *machine,
        GPtrArray *reasons) {
    g_autoptr(GPtrArray) units = g_ptr_array_new_with_free_func((GDestroyNotify)flash_unit_free);
    const Board *board = machine->board;
    guint n_before = reasons->len;

    if (!board)
        units_as_recorded(images, units, reasons);
    else if (images->n <= board->n_units)
        units_on_board(board, images, units, reasons);
    else
        g_ptr_array_add(reasons, g_strdup("geometry-unknown"));
    if (reasons->len > n_before)
        return NULL;

    for (guint i = 0; i < units->len; i++)
        describe_unit(units->pdata[i], i, descriptor);

    if (!agrees_with_records(images, units, reasons))
        return NULL;
    return g_steal_pointer(&units);
}

gboolean flash_fit(
        const Descriptor *descriptor, const FirmwareImages *images, const Machine *machine,
        GPtrArray *reasons, GPtrArray **ret_units) {
    g_autoptr(GPtrArray) units = NULL;
    UnitImages unit_images = {
            .n = 1,
            .units[0] = {0, &descriptor->executable, flash_backend_size(images->executable.size)},
    };

    if (descriptor->device != FIRMWARE_DEVICE_FLASH) {
        if (!memory_fits(descriptor, &images->executable, machine, reasons))
            return FALSE;
    } else {
        if (descriptor->mode == FIRMWARE_MODE_SPLIT) {
            unit_images.n = 2;
            unit_images.units[1] = (UnitImage){1, &descriptor->nvram_template,
                                               flash_backend_size(images->nvram_template.size)};
        }
        units = flash_units(descriptor, &unit_images, machine, reasons);
        if (!units)
            return FALSE;
    }

    if (ret_units)
        *ret_units = g_steal_pointer(&units);
    return TRUE;
}
