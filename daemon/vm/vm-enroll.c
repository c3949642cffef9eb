/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-enroll.h"

#include "base/error.h"
#include "core/store-file.h"
#include "uefi/store-write.h"

#define TEMPLATE_CALLS (REQUEST_CALL_PREPARE | REQUEST_CALL_RESET | REQUEST_CALL_REBIND)

static gboolean gets_keys(const VMOp *op, const Pin *pin) {
    return (op->request->call & TEMPLATE_CALLS) && op->request->enroll &&
            descriptor_has_feature(pin->resolution->descriptor, FEATURE_SECURE_BOOT) &&
            !host_keys_are_none(op->catalog->host_keys);
}

static GBytes *add_keys(const VMOp *op, const Store *template, GPtrArray *digests, GError **error) {
    g_autoptr(Store) store = store_new_writable(template, error);

    if (!store ||
        !host_keys_apply(op->catalog->host_keys, op->catalog->known, store, digests, error))
        return NULL;
    return store_write(store, error);
}

gboolean vm_enroll_host_keys(
        const VMOp *op, Pin *pin, int fd, ImageFormat format, GBytes **ret, GError **error) {
    g_autoptr(GPtrArray) digests = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(Store) template = NULL;
    g_autoptr(GBytes) bytes = NULL;
    int r;

    *ret = NULL;
    g_clear_pointer(&pin->enrolled, g_strfreev);
    if (!gets_keys(op, pin))
        return TRUE;
    r = store_file_read(fd, format, &template);
    if (r < 0)
        return firmware_error_set_io(error, op->id, r);
    bytes = add_keys(op, template, digests, error);
    if (!bytes) {
        g_prefix_error(
                error, "VM %s: a key of this host cannot be added to the template of firmware %s: ",
                op->id, pin->resolution->name);
        return FALSE;
    }
    if (digests->len == 0)
        return TRUE;
    g_ptr_array_add(digests, NULL);
    pin->enrolled = g_strdupv((GStrv)digests->pdata);
    *ret = g_steal_pointer(&bytes);
    return TRUE;
}
