/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-ops.h"

#include <fcntl.h>

#include "base/error.h"
#include "core/flash.h"
#include "core/store-file.h"
#include "uefi/store-convert.h"
#include "uefi/store-write.h"
#include "vm/new-pin.h"
#include "vm/policy.h"
#include "vm/vm-assess.h"
#include "vm/vm-backups.h"
#include "vm/vm-change.h"
#include "vm/vm-enroll.h"
#include "vm/vm-lock.h"
#include "vm/vm-nvram.h"
#include "vm/vm-start.h"

/* -- building and publishing ------------------------------------------------------------- */

/* The source of a fresh NVRAM: the caller's memfd, or the template of PIN. */
static gboolean open_source(
        const VMOp *op, const Pin *pin, FileFd *fd, NVRAMSource *ret, GError **error) {
    const Descriptor *descriptor = pin->resolution->descriptor;
    const DescriptorImage *image = descriptor_get_variables_image(descriptor);
    ImageFormat format;
    int r;

    *ret = (NVRAMSource){.may_be_shorter = pin->resolution->has_fixed_flash};
    if (op->source >= 0) {
        ret->fd = op->source;
        ret->format = pin->nvram_format;
        ret->what = "the NVRAM that was sent";
        if (op->request->format && image_format_from_string(op->request->format, &format))
            ret->format = format;
        return TRUE;
    }
    if (pin->has_own_template)
        return vm_op_fail(
                error, FIRMWARE_ERROR_INVALID_ARGS, op->id,
                "it was made from the caller's own template: nvram-template is needed again");

    r = vm_op_open_image(op, image->filename, fd);
    if (r < 0) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_FIRMWARE_GONE, "VM %s: its template %s: %s",
                op->id, image->filename, g_strerror(-r));
        return FALSE;
    }
    ret->fd = *fd;
    ret->what = image->filename;
    /* The catalog accepts known formats only. */
    return image_format_from_string(image->format, &ret->format) ||
            firmware_error_set_io(error, image->filename, -EINVAL);
}

/* The content of a fresh NVRAM. */
typedef struct Fresh {
    NVRAMSource source;
    FileFd fd;
    FileFd memory;
    GBytes *content; /* NULL: that of the file */
} Fresh;

#define FRESH_INIT                                 \
    (Fresh) {                                      \
        .fd = FILE_FD_NONE, .memory = FILE_FD_NONE \
    }

static void fresh_clear(Fresh *fresh) {
    file_fd_close(fresh->fd);
    file_fd_close(fresh->memory);
    if (fresh->content)
        g_bytes_unref(fresh->content);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Fresh, fresh_clear)

/* Records in PIN which keys of this host it has. */
static gboolean open_fresh(const VMOp *op, Pin *pin, Fresh *fresh, GError **error) {
    NVRAMSource *source = &fresh->source;

    return open_source(op, pin, &fresh->fd, source, error) &&
            vm_enroll_host_keys(op, pin, source->fd, source->format, &fresh->content, error) &&
            (!fresh->content || nvram_set_content(source, fresh->content, &fresh->memory, error));
}

/* The summary of the catalog, if it is that of the store in FD, which is a copy of its template.
 * NULL: it must be read. */
static StoreSummary *find_summary(const VMOp *op, const Pin *pin, const Fresh *fresh, int fd) {
    const DescriptorImage *image = descriptor_get_variables_image(pin->resolution->descriptor);
    struct stat template;
    struct stat st;

    /* extended or converted, it is another store */
    if (fresh->fd < 0 || fresh->source.format != pin->nvram_format ||
        fstat(fresh->fd, &template) < 0 || fstat(fd, &st) < 0 || st.st_size != template.st_size)
        return NULL;
    return catalog_store_find(op->catalog->stores, image, &template, fresh->content != NULL);
}

/* In the draft, where nobody else can open it. Once it is published, its owner may write to it, and
 * once its lease is held, nobody reads it. */
static void look_at_new(
        const VMOp *op, const VMDraft *draft, const Pin *pin, const Fresh *fresh,
        VMResult *result) {
    KnownCertificates *known = op->catalog->known;
    g_auto(FileFd) fd = FILE_FD_NONE;
    StoreSummary *summary;

    if (!vm_nvram_open(vmdraft_get_fd(draft), op->id, pin, O_RDONLY, &fd, NULL))
        return;
    summary = find_summary(op, pin, fresh, fd);
    result->condition.look = summary ? vm_look_new_known(fd, known, summary)
                                     : vm_look_new(fd, pin->nvram_format, known, NULL);
}

static gboolean make_fresh_nvram(
        const VMOp *op, VMDraft *draft, Pin *pin, VMResult *result, GError **error) {
    g_auto(Fresh) fresh = FRESH_INIT;

    if (!open_fresh(op, pin, &fresh, error) ||
        !nvram_make(draft, pin, &fresh.source, op->max_size, error))
        return FALSE;
    look_at_new(op, draft, pin, &fresh, result);
    return TRUE;
}

/* Adds to the error about the size of the caller's NVRAM which firmware takes it. */
static void describe_mismatch(const VMOp *op, const Pin *pin, GError **error) {
    ImageFormat format = pin->nvram_format;
    g_autofree char *takers = NULL;
    GError *longer;
    ImageInfo info;

    if (op->source < 0 || !error ||
        !g_error_matches(*error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH))
        return;
    if (op->request->format)
        (void)image_format_from_string(op->request->format, &format);
    if (format == IMAGE_FORMAT_JSON || image_probe_fd(op->source, format, &info) < 0 ||
        info.status != IMAGE_STATUS_OK)
        return;
    takers = policy_describe_takers(op, flash_backend_size(info.size));
    longer = g_error_new(
            FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH, "%s%s", (*error)->message, takers);
    g_clear_error(error);
    g_propagate_error(error, longer);
}

gboolean vm_op_create(const VMOp *op, VMResult *result, GError **error) {
    gboolean has_own_template = op->source >= 0 && op->request->call == REQUEST_CALL_PREPARE;
    g_autoptr(Pin) pin = new_pin(op, 0, has_own_template, error);
    g_autoptr(VMDraft) draft = NULL;

    if (!pin)
        return FALSE;

    draft = vmdraft_new(op->store, op->owner, op->commit, error);
    if (!draft || !vmdraft_add_lock(draft, error))
        return FALSE;
    if (pin->has_nvram && !make_fresh_nvram(op, draft, pin, result, error)) {
        describe_mismatch(op, pin, error);
        return FALSE;
    }
    /* what the template has was asked of the catalog */
    if (op->source >= 0 && !vm_check_certificates(op, result->condition.look, error))
        return FALSE;
    if (!vmdraft_write_pin(draft, pin, error) || !vmdraft_publish(draft, op->id, error))
        return FALSE;

    vmstore_set_last_prepared(vmdraft_get_fd(draft));
    result->is_created = pin->has_nvram;
    result->pin = g_steal_pointer(&pin);
    result->is_assessed = TRUE;
    result->resolution = vm_answer(op, result->pin);
    vm_find_platform_key(op, result->pin, result);
    return !op->request->lease || vm_lock_lease(op, &result->lease, error);
}

gboolean vm_op_acquire(const VMOp *op, VMResult *result, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;

    if (!op->request->live)
        return vm_lock_lease(op, &result->lease, error);
    /* The caller's QEMU has the NVRAM open already. */
    return vm_op_open_directory(op, &dir, error) &&
            vmstore_lease(op->store, op->id, dir, &result->lease, error);
}

gboolean vm_op_open_nvram(const VMOp *op, VMResult *result, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;

    return vm_nvram_check_exists(op->id, op->pin, error) &&
            vm_lock_lease(op, &result->lease, error) && vm_op_open_directory(op, &dir, error) &&
            vm_nvram_open(dir, op->id, op->pin, O_RDWR, &result->nvram, error);
}

/* Publishes the VM with PIN and a fresh NVRAM. */
static gboolean replace_nvram(
        const VMOp *op, int dir_fd, Pin *pin, BackupReason reason, VMResult *result,
        GError **error) {
    const BackupChange change = {.reason = reason};
    g_auto(Fresh) fresh = FRESH_INIT;

    return open_fresh(op, pin, &fresh, error) &&
            vm_change_nvram(op, dir_fd, pin, &fresh.source, &change, result, error);
}

gboolean vm_op_replace_nvram(const VMOp *op, VMResult *result, GError **error) {
    const gboolean is_import = op->request->call == REQUEST_CALL_IMPORT;
    g_auto(VMLock) lock = VM_LOCK_INIT;
    g_autoptr(Pin) pin = pin_with(op->pin, NULL, NULL, NULL);

    if (!vm_nvram_check_exists(op->id, op->pin, error) || !vm_lock(op, &lock, error) ||
        !vm_check_record(op, lock.dir, error) ||
        !replace_nvram(
                op, lock.dir, pin, is_import ? BACKUP_REASON_IMPORT : BACKUP_REASON_RESET, result,
                error))
        return FALSE;
    result->is_created = !is_import;
    result->pin = g_steal_pointer(&pin);
    return TRUE;
}

static gboolean read_source(const NVRAMSource *source, Store **ret, GError **error) {
    int r = store_file_read(source->fd, source->format, ret);

    return r >= 0 || firmware_error_set_io(error, source->what, r);
}

/* Publishes the VM with PIN and an NVRAM of its kind that has the old one's variables. */
static gboolean convert_nvram(
        const VMOp *op, int dir_fd, const Pin *pin, VMResult *result, GError **error) {
    static const BackupChange change = {.reason = BACKUP_REASON_REBIND};
    g_auto(Fresh) fresh = FRESH_INIT;
    g_auto(FileFd) old = FILE_FD_NONE;
    g_autoptr(Store) from = NULL;
    g_autoptr(Store) model = NULL;

    if (!vm_nvram_open(dir_fd, op->id, op->pin, O_RDONLY, &old, error) ||
        !vm_nvram_read(op, old, &from, error) ||
        !open_source(op, pin, &fresh.fd, &fresh.source, error) ||
        !read_source(&fresh.source, &model, error))
        return FALSE;
    fresh.content = store_convert(from, model, error);
    if (!fresh.content) {
        g_prefix_error(
                error, "VM %s: its variables cannot move to %s: ", op->id, pin->resolution->name);
        return FALSE;
    }
    return nvram_set_content(&fresh.source, fresh.content, &fresh.memory, error) &&
            vm_change_nvram(op, dir_fd, pin, &fresh.source, &change, result, error);
}

static gboolean does_not_fit(const VMOp *op, const Pin *pin, GError **error) {
    g_autofree char *needed = pin->has_nvram
            ? g_strdup_printf(
                      "needs %s with %" G_GUINT64_FORMAT
                      "; with convert its variables move there, with reset it gets a fresh one",
                      image_format_to_string(pin->nvram_format), pin->nvram_size)
            : g_strdup("keeps none; with reset it becomes a backup");

    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH,
            "VM %s: its NVRAM is %s with %" G_GUINT64_FORMAT
            " bytes, and the firmware chosen, %s, %s",
            op->id, image_format_to_string(op->pin->nvram_format), op->pin->nvram_size,
            pin->resolution->name, needed);
    return FALSE;
}

/* Of the variables that Rebind keeps or converts. */
static gboolean check_kept_certificates(const VMOp *op, int dir_fd, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    g_autoptr(VMLook) look = NULL;

    if (!op->request->certificates || !op->pin->has_nvram || op->request->reset)
        return TRUE;
    if (!vm_nvram_open(dir_fd, op->id, op->pin, O_RDONLY, &fd, error))
        return FALSE;
    look = vm_look_new(fd, op->pin->nvram_format, op->catalog->known, NULL);
    return vm_check_certificates(op, look, error);
}

gboolean vm_op_rebind(const VMOp *op, VMResult *result, GError **error) {
    g_auto(VMLock) lock = VM_LOCK_INIT;
    g_autoptr(Pin) pin = new_pin(op, op->pin->created, FALSE, error);
    gboolean fits;
    gboolean is_kept;
    gboolean is_converted;
    gboolean is_rebound;

    if (!pin || !vm_lock(op, &lock, error) || !vm_check_record(op, lock.dir, error))
        return FALSE;

    fits = pin->has_nvram && op->pin->has_nvram && pin->nvram_size == op->pin->nvram_size &&
            pin->nvram_format == op->pin->nvram_format;
    is_kept = fits && !op->request->reset;
    is_converted = op->request->convert && op->pin->has_nvram && pin->has_nvram && !fits;
    if (op->pin->has_nvram && !fits && !op->request->reset && !is_converted)
        return does_not_fit(op, pin, error);
    if (!check_kept_certificates(op, lock.dir, error))
        return FALSE;
    if (is_kept && !vm_nvram_check(op->store, op->owner, op->id, op->pin, error))
        return FALSE;

    if (is_kept || is_converted)
        pin->enrolled = g_strdupv(op->pin->enrolled);
    if (is_kept && op->pin->has_own_template) {
        /* The kept NVRAM was made from the template: Reset needs it again. */
        pin->has_own_template = TRUE;
        g_free(pin->template_digest);
        pin->template_digest = g_strdup(op->pin->template_digest);
    }

    if (is_converted) {
        is_rebound = convert_nvram(op, lock.dir, pin, result, error);
    } else if (pin->has_nvram && (!fits || op->request->reset)) {
        result->is_created = TRUE;
        is_rebound = replace_nvram(op, lock.dir, pin, BACKUP_REASON_REBIND, result, error);
    } else if (pin->has_nvram || !op->pin->has_nvram) {
        is_rebound = vm_change_pin(op, lock.dir, pin, error);
    } else {
        const BackupChange change = {.reason = BACKUP_REASON_REBIND};

        is_rebound = vm_change_nvram(op, lock.dir, pin, NULL, &change, result, error);
    }
    if (!is_rebound)
        return FALSE;

    result->pin = g_steal_pointer(&pin);
    result->is_assessed = TRUE;
    result->resolution = vm_answer(op, result->pin);
    vm_find_platform_key(op, result->pin, result);
    return TRUE;
}

/* The caller of a call with live has paused the guest. */
static gboolean lock_unless_live(const VMOp *op, VMLock *lock, GError **error) {
    return op->request->live ? vm_op_open_directory(op, &lock->dir, error)
                             : vm_lock(op, lock, error);
}

/* Removes from COPY the boot entries that the option boot names. */
static gboolean clear_boot(const VMOp *op, Fresh *copy, GError **error) {
    static const ChangeSources no_sources = {};
    const char *word = op->request->boot;
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)change_free);
    g_autoptr(ChangeResult) result = NULL;
    g_autoptr(Store) before = NULL;
    g_autoptr(Store) store = NULL;

    if (!word || g_str_equal(word, "keep"))
        return TRUE;
    g_ptr_array_add(changes, change_new_remove_boot(g_str_equal(word, "clear")));
    if (!vm_nvram_read(op, copy->fd, &before, error))
        return FALSE;
    store = store_new_writable(before, error);
    result = store ? changes_apply(store, changes, &no_sources, error) : NULL;
    if (result && result->notes->len == 0)
        return TRUE;
    copy->content = result ? store_write(store, error) : NULL;
    if (copy->content)
        return nvram_set_content(&copy->source, copy->content, &copy->memory, error);
    g_prefix_error(error, "VM %s: its boot entries cannot be removed: ", op->id);
    return FALSE;
}

gboolean vm_op_clone(const VMOp *op, VMResult *result, GError **error) {
    g_auto(VMLock) lock = VM_LOCK_INIT;
    g_auto(Fresh) copy = FRESH_INIT;
    g_autoptr(Pin) pin = pin_for_clone(op->pin, (guint64)g_get_real_time());
    g_autoptr(VMDraft) draft = NULL;

    if (!lock_unless_live(op, &lock, error) || !vm_check_record(op, lock.dir, error))
        return FALSE;

    draft = vmdraft_new(
            op->new_store ? op->new_store : op->store, op->new_owner, op->commit, error);
    if (!draft || !vmdraft_add_lock(draft, error))
        return FALSE;
    if (pin->has_nvram) {
        if (!vm_nvram_open(lock.dir, op->id, op->pin, O_RDONLY, &copy.fd, error))
            return FALSE;
        copy.source = (NVRAMSource){.fd = copy.fd, .format = pin->nvram_format, .what = op->id};
        if (!clear_boot(op, &copy, error) ||
            !nvram_make(draft, pin, &copy.source, op->max_size, error))
            return FALSE;
    }

    if (!vmdraft_write_pin(draft, pin, error) || !vmdraft_publish(draft, op->new_id, error))
        return FALSE;
    vmstore_set_last_prepared(vmdraft_get_fd(draft));
    /* The copy of a pin has the same differences. */
    result->is_assessed = TRUE;
    result->differences = op->differences;
    result->pin = g_steal_pointer(&pin);
    return TRUE;
}

gboolean vm_op_rename(const VMOp *op, VMResult *result, GError **error) {
    g_auto(VMLock) lock = VM_LOCK_INIT;

    return vm_lock(op, &lock, error) &&
            vmstore_rename(op->store, op->owner, op->id, op->pin, op->new_id, op->commit, error);
}

gboolean vm_op_export(const VMOp *op, VMResult *result, GError **error) {
    g_auto(VMLock) lock = VM_LOCK_INIT;
    g_auto(FileFd) fd = FILE_FD_NONE;
    const gboolean is_backup = op->request->backup || op->request->has_index;
    FileFd locked;
    struct stat st;

    if ((!is_backup && !vm_nvram_check_exists(op->id, op->pin, error)) ||
        !lock_unless_live(op, &lock, error))
        return FALSE;

    if (is_backup) {
        g_autoptr(Backup) backup = NULL;

        if (!vm_backup_open(op, lock.dir, &fd, &backup, error))
            return FALSE;
    } else if (!vm_nvram_open(lock.dir, op->id, op->pin, O_RDONLY, &fd, error)) {
        return FALSE;
    }

    if (fstat(fd, &st) < 0)
        return firmware_error_set_io(error, op->id, -errno);
    /* The file is read after this has returned: keep QEMU's locks on it. */
    locked = is_backup ? FILE_FD_NONE : vm_lock_steal_nvram(&lock, op->pin->nvram_format);
    if (locked >= 0) {
        file_fd_close(fd);
        fd = locked;
    }
    result->lease = lock.lease;
    lock.lease = FILE_FD_NONE;
    result->nvram_size = (guint64)st.st_size;
    result->nvram = fd;
    fd = FILE_FD_NONE;
    return TRUE;
}

gboolean vm_op_remove(const VMOp *op, VMResult *result, GError **error) {
    g_auto(VMLock) lock = VM_LOCK_INIT;
    g_auto(FileFd) gone = FILE_FD_NONE;

    /* An administrator may have removed the directory. */
    if (vmstore_open_vm(op->store, op->owner, op->id, &gone) == -ENOENT)
        return TRUE;

    return vm_lock(op, &lock, error) &&
            vmstore_remove(op->store, op->owner, op->id, op->pin, op->commit, error);
}
