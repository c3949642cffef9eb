/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-edit.h"

#include <fcntl.h>

#include "base/error.h"
#include "core/store-file.h"
#include "uefi/change-apply.h"
#include "uefi/digest.h"
#include "uefi/store-write.h"
#include "vm/vm-change.h"
#include "vm/vm-lock.h"
#include "vm/vm-nvram.h"

/* -- what the changes name -------------------------------------------------------------- */

/* Reads the store in the template of a firmware of the catalog. */
static Store *read_template(const VMOp *op, const char *name, GError **error) {
    const CatalogFile *file = catalog_find(op->catalog, name);
    const Descriptor *descriptor = file ? file->descriptor : NULL;
    const DescriptorImage *image;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Store) store = NULL;
    ImageFormat format;
    int r;

    if (!descriptor) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_SUCH_FIRMWARE, "no firmware \"%s\"", name);
        return NULL;
    }
    image = descriptor_get_variables_image(descriptor);
    if (!descriptor_keeps_variables(descriptor) || !image->filename ||
        !image_format_from_string(image->format, &format)) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NOT_SUPPORTED,
                "firmware %s has no template of variables", name);
        return NULL;
    }
    r = vm_op_open_image(op, image->filename, &fd);
    if (r >= 0)
        r = store_file_read(fd, format, &store);
    if (r < 0) {
        (void)firmware_error_set_unreadable(error, image->filename, r);
        return NULL;
    }
    if (store->health == STORE_HEALTH_OK)
        return g_steal_pointer(&store);
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE,
            "%s: the variable store is %s: %s", image->filename,
            store_health_to_string(store->health), store->detail);
    return NULL;
}

static GHashTable *read_templates(const VMOp *op, GError **error) {
    g_autoptr(GHashTable) templates =
            g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)store_free);

    for (guint i = 0; i < op->changes->len; i++) {
        const Change *change = op->changes->pdata[i];
        Store *store;

        if (change->kind != CHANGE_ENROLL_FROM ||
            g_hash_table_contains(templates, change->firmware))
            continue;
        store = read_template(op, change->firmware, error);
        if (!store)
            return NULL;
        (void)g_hash_table_insert(templates, change->firmware, store);
    }
    return g_steal_pointer(&templates);
}

/* -- the store in memory ---------------------------------------------------------------- */

static gboolean check_expected(const VMOp *op, const Store *before, GError **error) {
    g_autofree char *sha256 = digest_gbytes(before->bytes);

    if (!op->request->expected || g_str_equal(op->request->expected, sha256))
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT,
            "VM %s: its variables have changed: the SHA-256 of the store is %s and not %s", op->id,
            sha256, op->request->expected);
    return FALSE;
}

/* Sets RESULT's change, store and report, and *RET to the bytes of the changed store. */
static gboolean make_changes(const VMOp *op, VMResult *result, GBytes **ret, GError **error) {
    g_autoptr(Store) work = store_new_writable(result->before, error);
    g_autoptr(GHashTable) templates = work ? read_templates(op, error) : NULL;
    const ChangeSources sources = {.known = op->catalog->known, .templates = templates};

    if (!templates)
        return FALSE;
    result->change = changes_apply(work, op->changes, &sources, error);
    if (!result->change)
        return FALSE;
    *ret = store_write(work, error);
    if (!*ret)
        return FALSE;
    result->store = store_read_again(*ret, work);
    result->store_format = op->pin->nvram_format;
    result->before_report = vm_op_report(op, result->before);
    result->report = vm_op_report(op, result->store);
    return TRUE;
}

/* -- the file --------------------------------------------------------------------------- */

static gboolean publish(
        const VMOp *op, const VMLock *lock, int nvram, GBytes *bytes, VMResult *result,
        GError **error) {
    static const BackupChange change = {.reason = BACKUP_REASON_CHANGE};
    NVRAMSource source = {.fd = nvram, .format = op->pin->nvram_format, .what = op->id};
    g_auto(FileFd) memory = FILE_FD_NONE;

    return nvram_set_content(&source, bytes, &memory, error) &&
            vm_change_nvram(op, lock->dir, op->pin, &source, &change, result, error);
}

static gboolean check_not_in_use(const VMOp *op, GError **error) {
    return !vm_is_in_use(op->store, op->owner, op->id) ||
            vm_op_fail(
                    error, FIRMWARE_ERROR_NVRAM_IN_USE, op->id,
                    "it is in use: its guest has to be stopped first");
}

static gboolean prefix_id(const VMOp *op, GError **error) {
    if (!error || !g_str_has_prefix((*error)->message, "VM "))
        g_prefix_error(error, "VM %s: ", op->id);
    return FALSE;
}

static gboolean try_changes(const VMOp *op, VMResult *result, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(GBytes) bytes = NULL;

    return check_not_in_use(op, error) &&
            vm_nvram_open_to_read(op->store, op->owner, op->id, op->pin, &fd, error) &&
            vm_nvram_read(op, fd, &result->before, error) && check_not_in_use(op, error) &&
            check_expected(op, result->before, error) && make_changes(op, result, &bytes, error);
}

gboolean vm_op_change_variables(const VMOp *op, VMResult *result, GError **error) {
    g_auto(VMLock) lock = VM_LOCK_INIT;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(GBytes) bytes = NULL;

    if (!vm_nvram_check_exists(op->id, op->pin, error))
        return FALSE;
    if (op->request->dry_run)
        return try_changes(op, result, error) || prefix_id(op, error);
    if (!vm_lock(op, &lock, error) || !vm_check_record(op, lock.dir, error) ||
        !vm_nvram_open(lock.dir, op->id, op->pin, O_RDONLY, &fd, error) ||
        !vm_nvram_read(op, fd, &result->before, error) ||
        !check_expected(op, result->before, error) || !make_changes(op, result, &bytes, error))
        return prefix_id(op, error);
    /* no variable differs: the file stays, unless a write of the firmware is pending */
    if (result->change->notes->len == 0 && result->before->health == STORE_HEALTH_OK)
        return TRUE;
    return publish(op, &lock, fd, bytes, result, error);
}
