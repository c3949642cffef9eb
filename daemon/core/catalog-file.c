/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "catalog-file.h"

#include <fcntl.h>
#include <string.h>

#include "file.h"
#include "parse.h"

#define SUFFIX ".json"

void catalog_layer_free(CatalogLayer *layer) {
    if (!layer)
        return;

    g_free(layer->directory);
    g_free(layer);
}

void catalog_file_free(CatalogFile *file) {
    if (!file)
        return;

    g_free(file->name);
    g_free(file->path);
    descriptor_unref(file->descriptor);
    g_free(file->fault);
    g_strfreev(file->reasons);
    g_strfreev(file->overrides);
    g_free(file);
}

/* -- the descriptor ---------------------------------------------------------------------- */

gboolean catalog_file_is_name(const char *file_name) {
    return file_name[0] != '.' && g_str_has_suffix(file_name, SUFFIX);
}

static void read_descriptor(CatalogFile *file, GBytes *bytes) {
    g_autoptr(GError) error = NULL;

    if (g_bytes_get_size(bytes) == 0) {
        file->is_mask = TRUE;
        return;
    }

    file->descriptor = parse_descriptor(bytes, &error);
    if (!file->descriptor)
        file->fault = g_strdup(error->message);
}

/* A file that could not be opened or read: what is it then? *RET_IS_NONE: no descriptor at all. */
static int classify_failure(
        int dir_fd, const char *file_name, int r, CatalogFile *file, gboolean *ret_is_none) {
    struct stat st;

    if (!file_is_at_fault(r))
        return r;

    if (r == -ENOTSUP) {
        file->is_mask = file_is_null_device(dir_fd, file_name);
        *ret_is_none = !file->is_mask;
    } else if (r == -EFBIG) {
        file->fault = g_strdup_printf(
                "parse-error:1:1: the file is larger than %d bytes", PARSE_MAX_SIZE);
    } else if (r == -ENOENT || r == -ENOTDIR) {
        /* a link that leads nowhere is a descriptor; what went away since readdir() is none */
        *ret_is_none = fstatat(dir_fd, file_name, &st, AT_SYMLINK_NOFOLLOW) < 0;
        file->fault = g_strconcat("file-missing:", file->path, NULL);
    } else {
        file->fault = g_strconcat("file-unreadable:", file->path, NULL);
    }
    return 0;
}

/* *RET is NULL where the name is not that of a descriptor. */
int catalog_file_read(
        const CatalogLayer *layer, int dir_fd, const char *file_name, CatalogFile **ret) {
    g_autoptr(CatalogFile) file = g_new0(CatalogFile, 1);
    g_autoptr(GBytes) bytes = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    gboolean is_none = FALSE;
    int r;

    file->name = g_strndup(file_name, strlen(file_name) - strlen(SUFFIX));
    file->path = g_build_filename(layer->directory, file_name, NULL);
    file->layer = layer->kind;

    r = file_open_regular(dir_fd, file_name, &fd, NULL);
    if (r >= 0)
        r = file_read_all(fd, PARSE_MAX_SIZE, &bytes);
    if (r >= 0)
        read_descriptor(file, bytes);
    else
        r = classify_failure(dir_fd, file_name, r, file, &is_none);
    if (r < 0)
        return r;

    *ret = is_none ? NULL : g_steal_pointer(&file);
    return 0;
}

/* -- its images -------------------------------------------------------------------------- */

/* Several descriptors name one image: it is looked at once. */
static int probe_image(GHashTable *seen, const DescriptorImage *image, ImageInfo *ret) {
    g_autofree char *key = g_strconcat(image->format, ":", image->filename, NULL);
    const ImageInfo *known = g_hash_table_lookup(seen, key);
    int r;

    if (known) {
        *ret = *known;
        return 0;
    }

    r = image_probe(image->filename, image->format, ret);
    if (r < 0)
        return r;
    g_hash_table_insert(seen, g_steal_pointer(&key), g_memdup2(ret, sizeof *ret));
    return 0;
}

static void check_format(
        const DescriptorImage *image, const char *const *formats, ImageInfo *info) {
    if (info->status == IMAGE_STATUS_OK && !g_strv_contains(formats, image->format))
        info->status = IMAGE_STATUS_BAD_FORMAT;
}

int catalog_file_probe_images(CatalogFile *file, GHashTable *seen) {
    static const char *const flash_formats[] = {"raw", "qcow2", NULL};
    static const char *const file_formats[] = {"raw", NULL};
    static const char *const store_formats[] = {"json", NULL};
    const Descriptor *descriptor = file->descriptor;
    gboolean is_flash = descriptor->device == FIRMWARE_DEVICE_FLASH;
    int r;

    r = probe_image(seen, &descriptor->executable, &file->executable);
    if (r < 0)
        return r;
    check_format(
            &descriptor->executable, is_flash ? flash_formats : file_formats, &file->executable);

    if (!descriptor->nvram_template.filename)
        return 0;
    r = probe_image(seen, &descriptor->nvram_template, &file->nvram_template);
    if (r < 0)
        return r;
    check_format(
            &descriptor->nvram_template, is_flash ? flash_formats : store_formats,
            &file->nvram_template);
    return 0;
}

static void add_image_reason(
        const DescriptorImage *image, const ImageInfo *info, GPtrArray *reasons) {
    static const char *const codes[] = {
            [IMAGE_STATUS_MISSING] = "file-missing:",
            [IMAGE_STATUS_UNREADABLE] = "file-unreadable:",
            [IMAGE_STATUS_BAD_FORMAT] = "bad-format:",
    };

    if (image->filename && info->status != IMAGE_STATUS_OK)
        g_ptr_array_add(reasons, g_strconcat(codes[info->status], image->filename, NULL));
}

gboolean catalog_file_check_images(const CatalogFile *file, GPtrArray *reasons) {
    guint n_before = reasons->len;

    add_image_reason(&file->descriptor->executable, &file->executable, reasons);
    add_image_reason(&file->descriptor->nvram_template, &file->nvram_template, reasons);
    return reasons->len == n_before;
}
