/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-start.h"

#include "base/error.h"
#include "core/store-file.h"
#include "uefi/efi.h"
#include "vm/backup-list.h"
#include "vm/vm-condition.h"
#include "vm/vm-nvram.h"

/* OVMF formats no store, unlike ArmVirtQemu and QEMU: a guest never boots from an empty one. Its
 * stores are the smaller ones. */
static gboolean is_empty_usable(const Pin *pin) {
    return pin->nvram_format == IMAGE_FORMAT_JSON || pin->nvram_size >= STORE_MAX_LENGTH;
}

static gboolean is_usable(const Pin *pin, StoreHealth health) {
    switch (health) {
    case STORE_HEALTH_OK:
    case STORE_HEALTH_TORN:
    case STORE_HEALTH_PENDING:
        return TRUE;
    case STORE_HEALTH_EMPTY:
        return is_empty_usable(pin);
    case STORE_HEALTH_DAMAGED:
    case STORE_HEALTH_TRUNCATED:
    case STORE_HEALTH_UNREADABLE:
        return FALSE;
    }
    g_assert_not_reached();
}

/* Returns FALSE if nothing shows that the firmware keeps its variables in a format that the service
 * knows: neither the store nor its template is of a known kind. */
static gboolean knows_format(const VMOp *op, const StoreSummary *summary) {
    const Descriptor *descriptor = op->pin->resolution->descriptor;
    const DescriptorImage *image = descriptor_get_variables_image(descriptor);
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Store) store = NULL;
    ImageFormat format;
    ImageInfo info;

    if (summary->kind != STORE_KIND_UNKNOWN && summary->kind != STORE_KIND_BLANK)
        return TRUE;
    return image->filename && image_format_from_string(image->format, &format) &&
            vm_op_open_image(op, image->filename, &fd) >= 0 &&
            image_probe_fd(fd, format, &info) >= 0 && info.size <= op->pin->nvram_size &&
            store_file_read(fd, format, &store) >= 0 && is_usable(op->pin, store->health);
}

/* "Restore 3, the good copy of …, brings its variables back, "; empty without a good copy. */
static char *describe_good_copy(int dir_fd) {
    g_autoptr(BackupList) list = NULL;
    g_autoptr(GDateTime) time = NULL;
    g_autofree char *when = NULL;
    const Backup *good = NULL;

    if (backup_list_read(dir_fd, &list) >= 0)
        good = backup_list_get_good(list);
    if (!good)
        return g_strdup("");
    time = g_date_time_new_from_unix_utc((gint64)(good->time / G_USEC_PER_SEC));
    when = time ? g_date_time_format(time, " of %Y-%m-%d %H:%M:%S UTC") : g_strdup("");
    return g_strdup_printf(
            "Restore %u, the good copy%s, brings its variables back, ", (unsigned)good->serial,
            when);
}

#define REPLACE_IT "%sImport replaces it by a copy, Reset by a fresh one"

/* The NVRAM is missing, or has not the size or format of the pin. */
static gboolean fail_to_open(int dir_fd, const GError *failure, GError **error) {
    g_autofree char *restore = NULL;

    if (failure->code != FIRMWARE_ERROR_NVRAM_MISSING &&
        failure->code != FIRMWARE_ERROR_NVRAM_MISMATCH) {
        g_propagate_error(error, g_error_copy(failure));
        return FALSE;
    }
    restore = describe_good_copy(dir_fd);
    g_set_error(
            error, failure->domain, failure->code, "%s; " REPLACE_IT, failure->message, restore);
    return FALSE;
}

static gboolean check_health(
        const VMOp *op, int dir_fd, const StoreSummary *summary, GError **error) {
    g_autofree char *restore = NULL;

    if (is_usable(op->pin, summary->health) || !knows_format(op, summary))
        return TRUE;
    restore = describe_good_copy(dir_fd);
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE,
            "VM %s: its variable store is %s, so a guest would not start (%s); " REPLACE_IT, op->id,
            store_health_to_string(summary->health), summary->detail, restore);
    return FALSE;
}

/* The change that adds CERTIFICATE, a name or a SHA-256: "enroll-known microsoft-2023". */
static char *name_change(const KnownCertificates *known, const char *certificate) {
    const KnownCertificate *found = known_certificates_find_name(known, certificate);
    g_autofree char *digest = g_ascii_strdown(certificate, -1);

    if (!found)
        found = known_certificates_find(known, digest);
    return found && found->generation
            ? g_strdup_printf("enroll-known %s-%s", found->authority, found->generation)
            : g_strdup("enroll");
}

static gboolean lacks_certificate(const VMOp *op, const char *certificate, GError **error) {
    g_autofree char *change = name_change(op->catalog->known, certificate);

    if (op->pin)
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_VM_CONFLICT,
                "VM %s: the certificate %s is neither in KEK nor in db of its variables, and %s "
                "does not add it: ChangeVariables does, with %s",
                op->id, certificate,
                op->request->call == REQUEST_CALL_REBIND ? "Rebind" : "PrepareVM", change);
    else
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH,
                "VM %s: the certificate %s is neither in KEK nor in db of the NVRAM that was sent; "
                "without this requirement it is taken, and ChangeVariables adds it, with %s",
                op->id, certificate, change);
    return FALSE;
}

gboolean vm_check_certificates(const VMOp *op, const VMLook *look, GError **error) {
    for (char **c = op->request->certificates; c && *c; c++)
        if (!store_summary_has_certificate(vm_look_get_summary(look), op->catalog->known, *c))
            return lacks_certificate(op, *c, error);
    return TRUE;
}

static gboolean open_vm(const VMOp *op, FileFd *ret_dir, FileFd *ret_nvram, GError **error) {
    if (!op->pin->has_nvram)
        return vm_op_open_directory(op, ret_dir, error);
    return vm_nvram_open_with_directory(
            op->store, op->owner, op->id, op->pin, ret_dir, ret_nvram, error);
}

gboolean vm_check_start(
        const VMOp *op, FileFd *ret_dir, VMStart *ret_start, VMResult *result, GError **error) {
    const Pin *pin = op->pin;
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(GError) failure = NULL;
    g_autoptr(VMLook) look = NULL;
    const StoreSummary *summary;

    *ret_start = VM_START_PLAIN;
    result->condition.begun = g_get_monotonic_time();
    if (!open_vm(op, ret_dir, &fd, &failure))
        return fail_to_open(*ret_dir, failure, error);
    if (!pin->has_nvram)
        return vm_check_certificates(op, NULL, error);
    look = vm_look_new(fd, pin->nvram_format, op->catalog->known, op->look);
    vm_complete_condition(
            op->store, *ret_dir, fd, op->owner, look, &result->condition, &result->size);
    result->last_prepared = vmstore_get_last_prepared(*ret_dir);
    result->is_read = TRUE;
    summary = vm_look_get_summary(look);
    if (!vm_check_certificates(op, look, error))
        return FALSE;
    /* the service cannot read the format, or not now */
    if (!summary || result->condition.is_in_use)
        return TRUE;
    if (summary->health == STORE_HEALTH_PENDING)
        *ret_start = VM_START_PENDING;
    else if (summary->health == STORE_HEALTH_OK && summary->is_readable)
        *ret_start = VM_START_SOUND;
    return check_health(op, *ret_dir, summary, error);
}

void vm_find_platform_key(const VMOp *op, const Pin *pin, VMResult *result) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(Store) store = NULL;

    if (!pin->has_nvram || pin->nvram_format != IMAGE_FORMAT_JSON)
        return;
    result->resolution->has_platform_key =
            vm_nvram_open_to_read(op->store, op->owner, op->id, pin, &fd, NULL) &&
            store_file_read(fd, pin->nvram_format, &store) >= 0 &&
            store_find(store, &efi_global_guid, "PK");
}
