/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/flash.h"

guint64 flash_backend_size(guint64 size) {
    return size / 512 * 512 + (size % 512 ? 512 : 0);
}

static void add_bad_size(GPtrArray *reasons, const DescriptorImage *image) {
    g_ptr_array_add(reasons, g_strconcat("bad-size:", image->filename, NULL));
}

/* -bios: the board loads the file unchanged. */
static gboolean memory_fits(
        const Descriptor *descriptor, const ImageInfo *executable, const Machine *machine,
        GPtrArray *reasons) {
    const Board *board = descriptor->device == FIRMWARE_DEVICE_MEMORY ? machine->board : NULL;
    gboolean fits = executable->size > 0;

    if (board && board->bios_size_multiple)
        fits = fits && executable->size % board->bios_size_multiple == 0;
    if (board && board->bios_max_size)
        fits = fits && executable->size <= board->bios_max_size;

    if (!fits)
        add_bad_size(reasons, &descriptor->executable);
    return fits;
}

/* Returns the size of a unit on BOARD, or 0 if the image does not fit. A VM's copy of a template is
 * extended to a fixed size; an executable is not. */
static guint64 unit_size_on_board(const Board *board, guint64 image_size, gboolean is_template) {
    if (image_size == 0)
        return 0;
    if (board->unit_size) {
        if (is_template ? image_size > board->unit_size : image_size != board->unit_size)
            return 0;
        return board->unit_size;
    }
    if (image_size % board->sector_length != 0)
        return 0;
    if (board->max_unit_size && image_size > board->max_unit_size)
        return 0;
    return image_size;
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

/* The images behind the units of one firmware. */
typedef struct UnitImages {
    guint n;
    const DescriptorImage *image[BOARD_MAX_UNITS];
    guint64 size[BOARD_MAX_UNITS];
} UnitImages;

static void units_on_board(
        const Board *board, const UnitImages *images, GPtrArray *units, GPtrArray *reasons) {
    guint64 top = board->top;
    guint64 total = 0;

    for (guint i = 0; i < images->n; i++) {
        guint64 size = unit_size_on_board(board, images->size[i], i > 0);

        if (size == 0 || (board->max_total_size && size > board->max_total_size - total)) {
            add_bad_size(reasons, images->image[i]);
            continue;
        }
        total += size;
        g_ptr_array_add(units, unit_on_board(board, i, size, &top));
    }
}

static void units_as_recorded(const UnitImages *images, GPtrArray *units, GPtrArray *reasons) {
    for (guint i = 0; i < images->n; i++) {
        const DescriptorImage *image = images->image[i];
        FlashUnit *unit = image->flash ? flash_record_to_unit(image->flash) : NULL;

        if (!unit) {
            g_ptr_array_add(reasons, g_strdup("geometry-unknown"));
            return;
        }
        g_ptr_array_add(units, unit);
        if (images->size[i] == 0 || images->size[i] > unit->size)
            add_bad_size(reasons, image);
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
        const FlashRecord *record = images->image[i]->flash;
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
            .image[0] = &descriptor->executable,
            .size[0] = flash_backend_size(images->executable.size),
    };

    if (descriptor->device != FIRMWARE_DEVICE_FLASH) {
        if (!memory_fits(descriptor, &images->executable, machine, reasons))
            return FALSE;
    } else {
        if (descriptor->mode == FIRMWARE_MODE_SPLIT) {
            unit_images.n = 2;
            unit_images.image[1] = &descriptor->nvram_template;
            unit_images.size[1] = flash_backend_size(images->nvram_template.size);
        }
        units = flash_units(descriptor, &unit_images, machine, reasons);
        if (!units)
            return FALSE;
    }

    if (ret_units)
        *ret_units = g_steal_pointer(&units);
    return TRUE;
}
