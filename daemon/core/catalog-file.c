/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/catalog-file.h"

#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "core/parse.h"

#define SUFFIX ".json"

void catalog_layer_free(CatalogLayer *layer) {
    if (!layer)
        return;

    g_free(layer->directory);
    g_free(layer->file_name);
    g_free(layer);
}

static void file_clear(gpointer data) {
    CatalogFile *file = data;

    g_free(file->name);
    g_free(file->path);
    descriptor_unref(file->descriptor);
    g_free(file->fault);
    store_summary_unref(file->store);
    store_summary_unref(file->with_keys);
    g_strfreev(file->pair_faults);
    g_strfreev(file->reasons);
    g_strfreev(file->overrides);
}

CatalogFile *catalog_file_ref(CatalogFile *file) {
    return g_atomic_rc_box_acquire(file);
}

void catalog_file_unref(CatalogFile *file) {
    if (file)
        g_atomic_rc_box_release_full(file, file_clear);
}

static CatalogFile *file_new(FirmwareLayer layer, guint depth, const char *path) {
    CatalogFile *file = g_atomic_rc_box_new0(CatalogFile);

    file->path = g_strdup(path);
    file->file_name = strrchr(file->path, '/') + 1;
    file->name = g_strndup(file->file_name, strlen(file->file_name) - strlen(SUFFIX));
    file->layer = layer;
    file->depth = depth;
    return file;
}

CatalogFile *catalog_file_copy_content(const CatalogFile *file) {
    CatalogFile *copy = file_new(file->layer, file->depth, file->path);

    copy->stamp = file->stamp;
    copy->is_trusted = file->is_trusted;
    copy->descriptor = file->descriptor ? descriptor_ref(file->descriptor) : NULL;
    copy->is_mask = file->is_mask;
    copy->fault = g_strdup(file->fault);
    return copy;
}

const char *catalog_file_get_secure_boot(const CatalogFile *file) {
    const gboolean has_secure_boot =
            file->descriptor && descriptor_has_feature(file->descriptor, FEATURE_SECURE_BOOT);

    return store_summary_get_secure_boot(file->store, has_secure_boot && file->store);
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

/* Classifies a file that could not be opened or read. *RET_IS_NONE: it is no descriptor file. */
static int classify_failure(const FileRoot *root, int r, CatalogFile *file, gboolean *ret_is_none) {
    g_auto(FileFd) fd = FILE_FD_NONE;

    if (!file_is_at_fault(r))
        return r;

    /* -EIO: its file system may not answer, so it must not be looked at again */
    if (r != -EFBIG && r != -EIO && root_is_null_device(root, file->path)) {
        file->is_mask = TRUE;
    } else if (r == -ENOTSUP) {
        *ret_is_none = TRUE;
    } else if (r == -EFBIG) {
        file->fault = g_strdup(PARSE_TOO_LARGE);
    } else if (r == -ENOENT || r == -ENOTDIR) {
        /* a dangling link is a broken descriptor; a file removed since readdir() is none */
        *ret_is_none = root_open(root, file->path, O_PATH | O_NOFOLLOW, &fd) < 0;
        file->fault = g_strconcat("file-missing:", file->path, NULL);
    } else {
        file->fault = g_strconcat("file-unreadable:", file->path, NULL);
        file->is_trusted = FALSE; /* the cause can pass without a change of the stamp */
    }
    return 0;
}

static gboolean is_as_before(const FileRoot *root, const CatalogFile *previous) {
    FileStamp stamp;
    struct stat st;

    if (!previous || !previous->is_trusted || root_stat(root, previous->path, &st) < 0 ||
        !S_ISREG(st.st_mode))
        return FALSE;
    stamp = file_stamp(&st);
    return file_stamp_equal(&stamp, &previous->stamp);
}

int catalog_file_read(
        const CatalogReading *reading, FirmwareLayer layer, guint depth, const char *path,
        CatalogFile *previous, CatalogFile **ret) {
    const FileRoot *root = root_of(reading->visitor);
    g_autoptr(CatalogFile) file = NULL;
    g_autoptr(GBytes) bytes = NULL;
    g_auto(FileFd) fd = FILE_FD_NONE;
    /* a link, or a file with a second name, can change without its directory */
    gboolean answers = file_visit(reading->visitor, path);
    gboolean is_none = FALSE;
    struct stat st;
    int r;

    if (answers && is_as_before(root, previous)) {
        *ret = catalog_file_ref(previous);
        return 0;
    }

    file = file_new(layer, depth, path);
    r = answers ? root_open_regular(root, file->path, &fd, &st) : -EIO;
    if (r >= 0) {
        file->stamp = file_stamp(&st);
        file->is_trusted = file_stamp_is_trusted(&file->stamp, reading->now);
        r = file_read_all(fd, PARSE_MAX_SIZE, &bytes);
    }
    if (r >= 0)
        read_descriptor(file, bytes);
    else
        r = classify_failure(root, r, file, &is_none);
    if (r < 0)
        return r;

    if (fd >= 0 && !file->descriptor && !reading->is_first &&
        file_stamp_is_fresh(&file->stamp, reading->now, CATALOG_HOLD_USEC)) {
        *reading->ret_is_held = TRUE;
        *ret = previous ? catalog_file_ref(previous) : NULL;
        return 0;
    }

    *ret = is_none ? NULL : g_steal_pointer(&file);
    return 0;
}

/* -- its images -------------------------------------------------------------------------- */

typedef struct KnownImage {
    ImageInfo info;
    FileStamp stamp;
    gboolean is_trusted;
} KnownImage;

GHashTable *catalog_images_new(void) {
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

static const FileStamp *find_stamp(GHashTable *images, const char *path) {
    for (const char *const *format = image_format_words; *format; format++) {
        g_autofree char *key = g_strconcat(*format, ":", path, NULL);
        const KnownImage *image = g_hash_table_lookup(images, key);

        if (image)
            return &image->stamp;
    }
    return NULL;
}

gboolean catalog_images_are_same(GHashTable *images, const char *a, const char *b) {
    const FileStamp *one = find_stamp(images, a);
    const FileStamp *other = one ? find_stamp(images, b) : NULL;

    /* an image that is not there has inode 0 */
    return other && one->inode != 0 && one->inode == other->inode && one->device == other->device;
}

static guint hash_file(gconstpointer data) {
    const gint64 inode = (gint64)((const KnownImage *)data)->stamp.inode;

    return g_int64_hash(&inode);
}

static gboolean is_same_file(gconstpointer a, gconstpointer b) {
    const FileStamp *one = &((const KnownImage *)a)->stamp;
    const FileStamp *other = &((const KnownImage *)b)->stamp;

    return one->inode == other->inode && one->device == other->device;
}

/* Names each file by the first of its keys in IMAGES. Both are borrowed. */
static GHashTable *name_files(GHashTable *images) {
    GHashTable *names = g_hash_table_new(hash_file, is_same_file);
    GHashTableIter iter;
    gpointer key;
    gpointer image;

    g_hash_table_iter_init(&iter, images);
    while (g_hash_table_iter_next(&iter, &key, &image)) {
        const char *name = g_hash_table_lookup(names, image);

        if (!name || strcmp(key, name) < 0)
            g_hash_table_replace(names, image, key);
    }
    return names;
}

gboolean catalog_images_have_same_links(GHashTable *a, GHashTable *b) {
    g_autoptr(GHashTable) names_a = name_files(a);
    g_autoptr(GHashTable) names_b = name_files(b);
    GHashTableIter iter;
    gpointer key;
    gpointer image;

    g_hash_table_iter_init(&iter, a);
    while (g_hash_table_iter_next(&iter, &key, &image)) {
        gconstpointer other = g_hash_table_lookup(b, key);

        if (!other ||
            !g_str_equal(g_hash_table_lookup(names_a, image), g_hash_table_lookup(names_b, other)))
            return FALSE;
    }
    return TRUE;
}

static gboolean look_at_image(
        const CatalogReading *reading, const DescriptorImage *image, const KnownImage *previous,
        KnownImage *ret, GError **error) {
    const FileRoot *root = root_of(reading->visitor);
    gboolean is_fresh = FALSE;
    struct stat st;
    int r;

    if (!file_visit(reading->visitor, image->filename)) {
        ret->info.status = IMAGE_STATUS_UNREADABLE;
        return TRUE;
    }
    if (root_stat(root, image->filename, &st) >= 0 && S_ISREG(st.st_mode)) {
        ret->stamp = file_stamp(&st);
        ret->is_trusted = file_stamp_is_trusted(&ret->stamp, reading->now);
        is_fresh = file_stamp_is_fresh(&ret->stamp, reading->now, CATALOG_HOLD_USEC);
        if (previous && previous->is_trusted && file_stamp_equal(&ret->stamp, &previous->stamp)) {
            *ret = *previous;
            return TRUE;
        }
    }

    r = image_probe(root, image->filename, image->format, &ret->info);
    if (r < 0)
        return firmware_error_set_unreadable(error, image->filename, r);
    /* as for a descriptor: a lease, a bad block or a host without an answer can pass */
    if (ret->info.status == IMAGE_STATUS_UNREADABLE)
        ret->is_trusted = FALSE;
    if (previous && is_fresh && !image_info_equal(&ret->info, &previous->info)) {
        *reading->ret_is_held = TRUE;
        ret->info = previous->info;
        ret->is_trusted = FALSE;
    }
    return TRUE;
}

/* Several descriptors may name one image, which is probed once. Not so one of an unknown format,
 * which can be any text: its key could be that of another image. */
static gboolean probe_image(
        const CatalogReading *reading, const DescriptorImage *image, ImageInfo *ret,
        GError **error) {
    g_autofree char *key = g_strconcat(image->format, ":", image->filename, NULL);
    const KnownImage *known = g_hash_table_lookup(reading->images, key);
    const KnownImage *previous =
            reading->previous_images ? g_hash_table_lookup(reading->previous_images, key) : NULL;
    KnownImage looked_at = {};
    ImageFormat ignored;

    if (!image_format_from_string(image->format, &ignored)) {
        if (!look_at_image(reading, image, NULL, &looked_at, error))
            return FALSE;
        *ret = looked_at.info;
        return TRUE;
    }
    if (!known) {
        if (!look_at_image(reading, image, previous, &looked_at, error))
            return FALSE;
        known = g_memdup2(&looked_at, sizeof looked_at);
        g_hash_table_insert(reading->images, g_steal_pointer(&key), (gpointer)known);
    }
    *ret = known->info;
    return TRUE;
}

static void check_format(
        const DescriptorImage *image, gboolean is_flash, ImageFormat otherwise, ImageInfo *info) {
    gboolean is_taken = is_flash ? g_strv_contains(flash_format_words, image->format)
                                 : g_str_equal(image->format, image_format_to_string(otherwise));

    if (info->status == IMAGE_STATUS_OK && !is_taken)
        info->status = IMAGE_STATUS_BAD_FORMAT;
}

gboolean catalog_file_probe_images(
        const CatalogReading *reading, const Descriptor *descriptor, FirmwareImages *ret,
        GError **error) {
    const DescriptorImage *executable = &descriptor->executable;
    const DescriptorImage *nvram_template = &descriptor->nvram_template;
    gboolean is_flash = descriptor->device == FIRMWARE_DEVICE_FLASH;
    FirmwareImages images = {};

    if (!probe_image(reading, executable, &images.executable, error))
        return FALSE;
    if (nvram_template->filename &&
        !probe_image(reading, nvram_template, &images.nvram_template, error))
        return FALSE;

    check_format(executable, is_flash, IMAGE_FORMAT_RAW, &images.executable);
    if (nvram_template->filename)
        check_format(nvram_template, is_flash, IMAGE_FORMAT_JSON, &images.nvram_template);
    *ret = images;
    return TRUE;
}

static void add_image_reason(
        const DescriptorImage *image, const ImageInfo *info, GPtrArray *reasons) {
    static const char *const codes[] = {
            [IMAGE_STATUS_MISSING] = "file-missing:",
            [IMAGE_STATUS_UNREADABLE] = "file-unreadable:",
            [IMAGE_STATUS_BAD_FORMAT] = "bad-format:",
    };

    if (image->filename && info->status == IMAGE_STATUS_TOO_LARGE)
        g_ptr_array_add(
                reasons,
                g_strdup_printf(
                        "bad-size:%s: the store has %" G_GUINT64_FORMAT " bytes, and at most %d",
                        image->filename, info->size, IMAGE_JSON_MAX_SIZE));
    else if (image->filename && info->status != IMAGE_STATUS_OK)
        g_ptr_array_add(reasons, g_strconcat(codes[info->status], image->filename, NULL));
}

gboolean catalog_file_check_images(
        const Descriptor *descriptor, const FirmwareImages *images, GPtrArray *reasons) {
    guint n_before = reasons->len;

    add_image_reason(&descriptor->executable, &images->executable, reasons);
    add_image_reason(&descriptor->nvram_template, &images->nvram_template, reasons);
    return reasons->len == n_before;
}
