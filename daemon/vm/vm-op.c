/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-op.h"

#include <fcntl.h>

#include "base/privilege.h"

GPtrArray *vm_differences_to_words(guint differences) {
    static const struct {
        VMDifference difference;
        const char *word;
    } all[] = {
            {VM_DIFFERENCE_DESCRIPTOR, "descriptor"},
            {VM_DIFFERENCE_EXECUTABLE, "executable"},
            {VM_DIFFERENCE_NVRAM_TEMPLATE, "nvram-template"},
            {VM_DIFFERENCE_REPLACED, "replaced"},
    };
    GPtrArray *words = g_ptr_array_new();

    for (gsize i = 0; i < G_N_ELEMENTS(all); i++)
        if (differences & all[i].difference)
            g_ptr_array_add(words, (gpointer)all[i].word);
    return words;
}

void vm_op_clear(VMOp *op) {
    g_clear_pointer(&op->catalog, catalog_unref);
    g_strfreev(op->host_features);
    g_free(op->id);
    g_free(op->new_id);
    request_free(op->request);
    file_fd_close(op->source);
    g_free(op->guid);
    g_free(op->name);
    g_clear_pointer(&op->changes, g_ptr_array_unref);
    pin_unref(op->pin);
    g_free(op->fault);
    vm_look_unref(op->look);
}

gboolean vm_op_open_directory(const VMOp *op, FileFd *ret, GError **error) {
    int r = vmstore_open_vm(op->store, op->owner, op->id, ret);

    return r >= 0 || firmware_error_set_io(error, op->id, r);
}

static gboolean is_silent(const VMOp *op, const char *filename) {
    return op->catalog && g_hash_table_contains(op->catalog->silent, filename);
}

/* The service of a user reads with the rights of this user alone. */
static gboolean may_read(const VMOp *op, const struct stat *st) {
    return (st->st_mode & S_IROTH) || op->owner == privilege_get_uid();
}

int vm_op_stat_image(const VMOp *op, const char *filename, struct stat *ret) {
    if (is_silent(op, filename))
        return -ETIMEDOUT;
    if (stat(filename, ret) < 0)
        return -errno;
    return may_read(op, ret) ? 0 : -EACCES;
}

int vm_op_open_image(const VMOp *op, const char *filename, FileFd *ret) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    struct stat st;
    int r;

    if (is_silent(op, filename))
        return -ETIMEDOUT;
    r = file_open_regular(AT_FDCWD, filename, &fd, &st);
    if (r < 0)
        return r;
    if (!may_read(op, &st))
        return -EACCES;

    *ret = fd;
    fd = FILE_FD_NONE;
    return 0;
}

VMCondition vm_condition_copy(const VMCondition *condition) {
    VMCondition copy = *condition;

    if (copy.look)
        copy.look = vm_look_ref(copy.look);
    return copy;
}

void vm_condition_clear(VMCondition *condition) {
    g_clear_pointer(&condition->look, vm_look_unref);
}

void vm_result_clear(VMResult *result) {
    pin_unref(result->pin);
    resolution_free(result->resolution);
    file_fd_close(result->lease);
    file_fd_close(result->nvram);
    store_report_free(result->report);
    g_clear_pointer(&result->backups, g_ptr_array_unref);
    store_free(result->store);
    store_report_free(result->before_report);
    store_free(result->before);
    change_result_free(result->change);
    vm_condition_clear(&result->condition);
}

StoreReport *vm_op_report(const VMOp *op, const Store *store) {
    StoreReport *report = store_report_new(store, op->catalog->known);

    store_report_add_digest(report);
    if (op->pin && !descriptor_has_feature(op->pin->resolution->descriptor, FEATURE_SECURE_BOOT))
        store_report_deny_secure_boot(report);
    return report;
}

gboolean vm_op_fail(GError **error, FirmwareError code, const char *id, const char *text) {
    g_set_error(error, FIRMWARE_ERROR, code, "VM %s: %s", id, text);
    return FALSE;
}
