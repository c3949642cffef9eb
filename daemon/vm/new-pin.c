/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/new-pin.h"

#include "base/error.h"
#include "uefi/digest.h"
#include "vm/nvram.h"

static char *find_nvram_format(const VMOp *op) {
    const Descriptor *descriptor = op->file->descriptor;

    if (descriptor->device == FIRMWARE_DEVICE_FLASH && op->request->nvram_format)
        return g_strdup(op->request->nvram_format);
    /* Rebind keeps the format of an NVRAM in flash. */
    if (descriptor->device == FIRMWARE_DEVICE_FLASH && op->pin && op->pin->has_nvram &&
        op->pin->nvram_format != IMAGE_FORMAT_JSON)
        return g_strdup(image_format_to_string(op->pin->nvram_format));
    return g_strdup(
            descriptor->mode == FIRMWARE_MODE_COMBINED ? descriptor->executable.format
                                                       : descriptor->nvram_template.format);
}

/* The digest of an image of the catalog; an error where the image has changed since it was read. */
static gboolean read_digest(
        const VMOp *op, const DescriptorImage *image, const ImageInfo *info, char **ret,
        GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    ImageFormat format;
    ImageInfo now;
    int r;

    *ret = g_strdup("");
    if (!image->filename || !image_format_from_string(image->format, &format))
        return TRUE;

    r = vm_op_open_image(op, image->filename, &fd);
    if (r >= 0)
        r = image_probe_fd(fd, format, &now);
    if (r < 0)
        return firmware_error_set_io(error, image->filename, r);
    if (now.status != IMAGE_STATUS_OK || now.size != info->size) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO,
                "%s is not what it was when the descriptors were read: Reload", image->filename);
        return FALSE;
    }
    if (now.is_foreign) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE, "%s names another file",
                image->filename);
        return FALSE;
    }

    g_free(*ret);
    *ret = NULL;
    r = digest_cache_get(op->digests, image->filename, fd, ret);
    return r >= 0 || firmware_error_set_io(error, image->filename, r);
}

static gboolean read_own_template(const VMOp *op, Pin *values, GError **error) {
    struct stat st;
    int r;

    if (fstat(op->source, &st) < 0)
        return firmware_error_set_io(error, "nvram-template", -errno);
    if (st.st_size > NVRAM_MAX_FILE_SIZE) /* it may have grown since it was checked */
        return firmware_error_set_io(error, "nvram-template", -EFBIG);

    g_free(values->template_digest);
    values->template_digest = NULL;
    values->has_own_template = TRUE;
    r = digest_file(op->source, (guint64)st.st_size, &values->template_digest);
    return r >= 0 || firmware_error_set_io(error, "nvram-template", r);
}

Pin *new_pin(const VMOp *op, guint64 created, gboolean has_own_template, GError **error) {
    const Descriptor *descriptor = op->file->descriptor;
    g_autofree char *format = find_nvram_format(op);
    const Pin nothing = {};
    g_autoptr(Pin) pin = pin_new(&nothing);
    const FlashUnit *writable;

    pin->created = created ? created : (guint64)g_get_real_time();
    if (op->pin) {
        pin->reference = g_strdup(op->pin->reference);
        pin->unknown = g_strdup(op->pin->unknown);
    } else if (op->request->reference && *op->request->reference) {
        pin->reference = g_strdup(op->request->reference);
    }
    pin->machine = g_strdup(op->request->machine);
    pin->canonical = g_strdup(op->machine.canonical);
    pin->request = request_copy_requirements(op->request);
    pin->resolution = resolution_new(op->file, &op->machine, op->request);
    pin->has_nvram = descriptor_keeps_variables(descriptor);

    if (!read_digest(
                op, &descriptor->executable, &op->file->images.executable, &pin->executable_digest,
                error) ||
        !read_digest(
                op, &descriptor->nvram_template, &op->file->images.nvram_template,
                &pin->template_digest, error) ||
        (has_own_template && !read_own_template(op, pin, error)))
        return NULL;

    writable = resolution_get_writable_unit(pin->resolution);
    pin->nvram_size = writable ? writable->size : 0;
    if (pin->has_nvram) {
        gboolean is_known = image_format_from_string(format, &pin->nvram_format);
        g_assert(is_known);
        resolution_set_nvram(pin->resolution, "", format);
    }
    return g_steal_pointer(&pin);
}
