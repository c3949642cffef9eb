/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/catalog-store.h"

#include "base/error.h"
#include "base/root.h"
#include "core/store-file.h"
#include "uefi/store-write.h"

typedef struct KnownStore {
    StoreSummary *summary;   /* or NULL */
    StoreSummary *with_keys; /* of the same with the keys of this host; or NULL */
    FileStamp stamp;
    gboolean is_trusted;
} KnownStore;

static void known_store_free(gpointer data) {
    KnownStore *known = data;

    store_summary_unref(known->summary);
    store_summary_unref(known->with_keys);
    g_free(known);
}

GHashTable *catalog_stores_new(void) {
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, known_store_free);
}

static KnownStore *copy_known(const KnownStore *known) {
    KnownStore *copy = g_memdup2(known, sizeof *known);

    if (copy->summary) {
        copy->summary = store_summary_ref(copy->summary);
        copy->with_keys = store_summary_ref(copy->with_keys);
    }
    return copy;
}

/* Returns SUMMARY if there are no keys, or if PrepareVM would fail to add them. */
static StoreSummary *add_keys(
        const CatalogStoreReading *reading, const Store *template, StoreSummary *summary) {
    g_autoptr(GPtrArray) digests = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(Store) store = NULL;

    if (reading->host_keys && !host_keys_are_none(reading->host_keys))
        store = store_new_writable(template, NULL);
    return store && host_keys_apply(reading->host_keys, reading->known, store, digests, NULL)
            ? store_summary_new(store, reading->known)
            : store_summary_ref(summary);
}

/* Sets the summaries, or none. Returns 0, or a negative errno if the system failed. */
static int read_store(
        const CatalogStoreReading *reading, int fd, const char *format, KnownStore *known) {
    g_autoptr(Store) store = NULL;
    ImageFormat known_format;
    int r;

    if (!image_format_from_string(format, &known_format))
        return 0;
    r = store_file_read(fd, known_format, &store);
    if (r >= 0) {
        known->summary = store_summary_new(store, reading->known);
        known->with_keys = add_keys(reading, store, known->summary);
    }
    return r == -EOPNOTSUPP ? 0 : r;
}

static gboolean is_as_before(const FileRoot *root, const char *path, const KnownStore *previous) {
    FileStamp stamp;
    struct stat st;

    if (!previous || !previous->is_trusted || root_stat(root, path, &st) < 0 ||
        !S_ISREG(st.st_mode))
        return FALSE;
    stamp = file_stamp(&st);
    return file_stamp_equal(&stamp, &previous->stamp);
}

static int look_at_store(
        const CatalogStoreReading *reading, const DescriptorImage *image,
        const KnownStore *previous, KnownStore **ret) {
    const FileRoot *root = root_of(reading->visitor);
    g_auto(FileFd) fd = FILE_FD_NONE;
    KnownStore looked_at = {};
    struct stat st;
    int r;

    if (is_as_before(root, image->filename, previous)) {
        *ret = copy_known(previous);
        return 0;
    }
    r = root_open_regular(root, image->filename, &fd, &st);
    if (r < 0 && !file_is_at_fault(r))
        return r;
    if (r >= 0) {
        looked_at.stamp = file_stamp(&st);
        looked_at.is_trusted = file_stamp_is_trusted(&looked_at.stamp, reading->now);
        r = read_store(reading, fd, image->format, &looked_at);
        if (r < 0)
            return r;
    }
    *ret = g_memdup2(&looked_at, sizeof looked_at);
    return 0;
}

static char *make_key(const DescriptorImage *image) {
    return g_strconcat(image->format, ":", image->filename, NULL);
}

gboolean catalog_store_read(
        const CatalogStoreReading *reading, const Descriptor *descriptor,
        const FirmwareImages *images, StoreSummary **ret, StoreSummary **ret_with_keys,
        GError **error) {
    const DescriptorImage *image = descriptor_get_variables_image(descriptor);
    const ImageInfo *info =
            image == &descriptor->executable ? &images->executable : &images->nvram_template;
    g_autofree char *key = NULL;
    KnownStore *known;

    *ret = *ret_with_keys = NULL;
    if (!descriptor_keeps_variables(descriptor) || !image->filename ||
        info->status != IMAGE_STATUS_OK)
        return TRUE;
    key = make_key(image);
    known = g_hash_table_lookup(reading->stores, key);
    if (!known) {
        const KnownStore *previous = reading->previous_stores
                ? g_hash_table_lookup(reading->previous_stores, key)
                : NULL;
        int r = look_at_store(reading, image, previous, &known);

        if (r < 0)
            return firmware_error_set_unreadable(error, image->filename, r);
        g_hash_table_insert(reading->stores, g_steal_pointer(&key), known);
    }
    if (known->summary) {
        *ret = store_summary_ref(known->summary);
        *ret_with_keys = store_summary_ref(known->with_keys);
    }
    return TRUE;
}

StoreSummary *catalog_store_find(
        GHashTable *stores, const DescriptorImage *image, const struct stat *st,
        gboolean with_keys) {
    g_autofree char *key = make_key(image);
    const KnownStore *known = g_hash_table_lookup(stores, key);
    const FileStamp stamp = file_stamp(st);

    if (!known || !known->is_trusted || !file_stamp_equal(&stamp, &known->stamp))
        return NULL;
    return with_keys ? known->with_keys : known->summary;
}
