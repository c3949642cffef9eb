/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-look.h"

#include "core/store-file.h"

void vm_comparison_clear(VMComparison *comparison) {
    g_free(comparison->file);
}

static void look_clear(gpointer data) {
    VMLook *look = data;

    vm_comparison_clear(&look->comparison);
    known_certificates_unref(look->known);
    store_summary_unref(look->summary);
}

VMLook *vm_look_ref(VMLook *look) {
    return g_atomic_rc_box_acquire(look);
}

void vm_look_unref(VMLook *look) {
    if (look)
        g_atomic_rc_box_release_full(look, look_clear);
}

gboolean vm_look_is_current(
        const VMLook *look, const KnownCertificates *known, const struct stat *st) {
    return look && look->is_trusted && look->known == known && vm_look_is_of(look, st);
}

VMLook *vm_look_new(int fd, ImageFormat format, KnownCertificates *known, VMLook *before) {
    g_autoptr(VMLook) look = NULL;
    g_autoptr(Store) store = NULL;
    FileStamp stamp;
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return NULL;
    if (vm_look_is_current(before, known, &st))
        return vm_look_ref(before);

    stamp = file_stamp(&st);
    r = store_file_read(fd, format, &store);
    if (r < 0 && r != -EOPNOTSUPP)
        return NULL;
    look = g_atomic_rc_box_new0(VMLook);
    look->stamp = stamp;
    look->is_trusted = file_stamp_is_trusted(&stamp, g_get_real_time());
    look->known = known_certificates_ref(known);
    look->summary = store ? store_summary_new(store, known) : NULL;
    return g_steal_pointer(&look);
}

VMLook *vm_look_new_known(int fd, KnownCertificates *known, StoreSummary *summary) {
    VMLook *look;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return NULL;
    look = g_atomic_rc_box_new0(VMLook);
    look->stamp = file_stamp(&st);
    look->known = known_certificates_ref(known);
    look->summary = store_summary_ref(summary);
    return look;
}

VMLook *vm_look_add_comparison(const VMLook *look, VMComparison *comparison) {
    VMLook *copy = g_atomic_rc_box_new0(VMLook);

    copy->stamp = look->stamp;
    copy->is_trusted = look->is_trusted;
    copy->known = known_certificates_ref(look->known);
    copy->summary = look->summary ? store_summary_ref(look->summary) : NULL;
    copy->comparison = *comparison;
    *comparison = (VMComparison){};
    return copy;
}

static gboolean has_stamp(const struct stat *st, const FileStamp *expected) {
    FileStamp stamp = file_stamp(st);

    return file_stamp_equal(&stamp, expected);
}

gboolean vm_look_has_directory(const VMLook *look, int dir_fd) {
    struct stat st;

    return look && fstat(dir_fd, &st) == 0 && has_stamp(&st, &look->comparison.directory);
}

gboolean vm_look_is_of(const VMLook *look, const struct stat *st) {
    return has_stamp(st, &look->stamp);
}

StoreSummary *vm_look_get_summary(const VMLook *look) {
    return look ? look->summary : NULL;
}
