/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-assess.h"

#include "base/error.h"
#include "core/flash.h"

/* How many candidates an error names. */
#define MAX_NEAREST 3

/* An assessment by itself has no request. */
static Machine resolve_machine(const VMOp *op, const Pin *pin) {
    return machine_table_resolve_for(
            op->catalog->machines, pin->resolution->architecture, pin->canonical,
            op->request ? op->request->qemu_version : 0);
}

Resolution *vm_answer(const VMOp *op, const Pin *pin) {
    Resolution *resolution = resolution_copy(pin->resolution);
    Machine machine = resolve_machine(op, pin);

    resolution_set_qemu(resolution, &machine);
    if (pin->has_nvram) {
        g_autofree char *path = vmstore_nvram_path(op->store, op->owner, op->id, pin->nvram_format);

        resolution_set_nvram(resolution, path, image_format_to_string(pin->nvram_format));
    }
    return resolution;
}

typedef enum ImageFate {
    IMAGE_SAME,
    IMAGE_CHANGED,
    IMAGE_GONE
} ImageFate;

static gboolean find_fate(
        const VMOp *op, const DescriptorImage *image, guint64 size, const char *digest,
        ImageFate *ret, GError **error) {
    gboolean is_flash = op->pin->resolution->descriptor->device == FIRMWARE_DEVICE_FLASH;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autofree char *now = NULL;
    ImageInfo info = {.status = IMAGE_STATUS_BAD_FORMAT};
    ImageFormat format;
    struct stat st;
    int r;

    /* The same content has the same format and size as when it was pinned, and a file with the same
     * status can be opened as before. */
    *ret = IMAGE_SAME;
    if (vm_op_stat_image(op, image->filename, &st) >= 0 &&
        digest_cache_has(op->digests, image->filename, &st, digest))
        return TRUE;

    *ret = IMAGE_GONE;
    r = vm_op_open_image(op, image->filename, &fd);
    if (r >= 0 && image_format_from_string(image->format, &format))
        r = image_probe_fd(fd, format, &info);
    if (r >= 0 &&
        (info.status != IMAGE_STATUS_OK ||
         (is_flash ? flash_backend_size(info.size) : info.size) != size))
        return TRUE;
    if (r >= 0)
        r = digest_cache_get(op->digests, image->filename, fd, &now);
    if (r < 0)
        return file_is_at_fault(r) || firmware_error_set_io(error, image->filename, r);

    *ret = g_str_equal(now, digest) ? IMAGE_SAME : IMAGE_CHANGED;
    return TRUE;
}

static gboolean has_identity_of(const Descriptor *a, const Descriptor *b) {
    for (char **feature = a->features; *feature; feature++)
        if (feature_is_identity(*feature) && !descriptor_has_feature(b, *feature))
            return FALSE;
    return TRUE;
}

/* The first property by which a guest can tell the candidate from the pinned firmware; NULL: there
 * is none. */
static const char *find_difference(
        const VMOp *op, const CatalogFile *file, const Machine *machine, const Request *request,
        Resolution **ret) {
    const Resolution *pinned = op->pin->resolution;
    const Descriptor *d = pinned->descriptor;
    g_autoptr(Resolution) candidate = NULL;
    ImageInfo now;

    if (file->descriptor->device != d->device)
        return "another device";
    if (file->descriptor->mode != d->mode)
        return "another mode";
    if (!g_str_equal(file->descriptor->executable.format, d->executable.format))
        return "another format";
    if (!has_identity_of(file->descriptor, d) || !has_identity_of(d, file->descriptor))
        return "other features";

    /* The image may have been removed since the catalog was built. */
    if (image_probe(
                NULL, file->descriptor->executable.filename, file->descriptor->executable.format,
                &now) < 0 ||
        now.status != IMAGE_STATUS_OK || now.size != file->images.executable.size)
        return "its image is gone as well";

    candidate = resolution_new(file, machine, request);
    if (!resolution_same_flash(candidate, pinned))
        return "another flash geometry";
    *ret = g_steal_pointer(&candidate);
    return NULL;
}

typedef struct EquivalentSearch {
    const VMOp *op;
    const Machine *machine;
    const Request *anything;
    Resolution *found;
    GString *nearest;
    guint n_nearest;
} EquivalentSearch;

static gboolean try_firmware(const CatalogFile *file, gpointer userdata) {
    EquivalentSearch *search = userdata;
    const char *difference =
            find_difference(search->op, file, search->machine, search->anything, &search->found);

    if (difference && search->n_nearest++ < MAX_NEAREST)
        g_string_append_printf(
                search->nearest, "%s %s (%s)", search->nearest->len > 0 ? "," : "", file->name,
                difference);
    return difference != NULL;
}

/* The first usable firmware that a guest cannot tell from the pinned one. NULL: there is none;
 * *RET_NEAREST names the nearest candidates with their differences. */
static Resolution *find_equivalent(const VMOp *op, const Machine *machine, char **ret_nearest) {
    g_autoptr(Request) anything = request_new(REQUEST_CALL_PIN, NULL, NULL, NULL);
    g_autoptr(GString) nearest = g_string_new(NULL);
    const SelectionInput input = {
            .catalog = op->catalog,
            .request = anything,
            .machine = *machine,
            .host_features = (const char *const *)op->host_features};
    EquivalentSearch search = {
            .op = op, .machine = machine, .anything = anything, .nearest = nearest};

    selection_visit(&input, try_firmware, &search);
    if (!search.found)
        *ret_nearest = search.n_nearest > 0
                ? g_strdup_printf(
                          "nearest:%s; Rebind pins one of them%s", nearest->str,
                          op->pin->has_nvram
                                  ? ", and with convert moves the variables where the NVRAM differs"
                                  : "")
                : g_strdup("no other firmware is usable for its machine");
    return search.found;
}

static gboolean has_descriptor(const VMOp *op) {
    const CatalogFile *file = catalog_find(op->catalog, op->pin->resolution->name);

    return file && file->descriptor &&
            g_bytes_equal(file->descriptor->document, op->pin->resolution->descriptor->document);
}

static void replace_firmware(const VMOp *op, VMResult *result, char **ret_nearest) {
    const Resolution *pinned = op->pin->resolution;
    Machine machine = resolve_machine(op, op->pin);
    g_autofree char *nearest = NULL;
    Resolution *equivalent;

    machine.name = pinned->machine;
    equivalent = find_equivalent(op, &machine, &nearest);
    if (!equivalent) {
        result->differences |= VM_DIFFERENCE_GONE;
        if (ret_nearest)
            *ret_nearest = g_steal_pointer(&nearest);
        return;
    }

    result->differences |= VM_DIFFERENCE_REPLACED;
    if (result->resolution->nvram_filename)
        resolution_set_nvram(
                equivalent, result->resolution->nvram_filename,
                image_format_to_string(op->pin->nvram_format));
    resolution_free(result->resolution);
    result->resolution = equivalent;
}

gboolean vm_assess(const VMOp *op, VMResult *result, char **ret_nearest, GError **error) {
    const Resolution *pinned = op->pin->resolution;
    const Descriptor *d = pinned->descriptor;
    ImageFate executable;
    ImageFate nvram_template = IMAGE_SAME;

    if (!find_fate(
                op, &d->executable, pinned->executable_size, op->pin->executable_digest,
                &executable, error))
        return FALSE;
    if (d->nvram_template.filename && !op->pin->has_own_template &&
        !find_fate(
                op, &d->nvram_template, pinned->nvram_template_size, op->pin->template_digest,
                &nvram_template, error))
        return FALSE;

    result->is_assessed = TRUE;
    result->resolution = vm_answer(op, op->pin);
    if (!has_descriptor(op))
        result->differences |= VM_DIFFERENCE_DESCRIPTOR;
    if (executable != IMAGE_SAME)
        result->differences |= VM_DIFFERENCE_EXECUTABLE;
    if (nvram_template != IMAGE_SAME)
        result->differences |= VM_DIFFERENCE_NVRAM_TEMPLATE;
    /* A VM runs from its own copy of a combined image. */
    if (executable == IMAGE_GONE && d->mode != FIRMWARE_MODE_COMBINED)
        replace_firmware(op, result, ret_nearest);
    return TRUE;
}
