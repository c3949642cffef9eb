/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/vm-ops.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "core/flash.h"
#include "vm/nvram.h"

static gboolean fail(GError **error, FirmwareError code, const char *id, const char *text) {
    g_set_error(error, FIRMWARE_ERROR, code, "VM %s: %s", id, text);
    return FALSE;
}

static gboolean io_failed(GError **error, const char *what, int r) {
    g_set_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "%s: %s", what, g_strerror(-r));
    return FALSE;
}

static gboolean open_vm(const VMOp *op, FileFd *ret, GError **error) {
    int r = vmstore_open_vm(op->store, op->owner, op->id, ret);

    return r >= 0 || io_failed(error, op->id, r);
}

/* -- the NVRAM as its owner left it ------------------------------------------------------ */

static gboolean nvram_open_failed(GError **error, const char *id, int r) {
    switch (r) {
    case -ENOENT:
    case -ELOOP:
    case -ENOTSUP:
    case -EISDIR:
    case -ENXIO:
        return fail(error, FIRMWARE_ERROR_NVRAM_MISSING, id, "its NVRAM file is gone");
    case -EWOULDBLOCK:
        return fail(error, FIRMWARE_ERROR_NVRAM_IN_USE, id, "somebody leases its NVRAM file");
    default:
        return io_failed(error, id, r);
    }
}

/* Opens the NVRAM, and looks whether it is what its pin says. */
static gboolean open_nvram(
        int dir_fd, const char *id, const Pin *pin, int flags, FileFd *ret, GError **error) {
    g_autofree char *name = vmstore_nvram_name(pin->nvram_format);
    g_auto(FileFd) fd = FILE_FD_NONE;
    ImageInfo info;
    struct stat st;
    int r;

    r = vmstore_open_owned(dir_fd, name, flags, &fd);
    if (r < 0)
        return nvram_open_failed(error, id, r);
    if (fstat(fd, &st) < 0)
        return io_failed(error, id, -errno);
    r = image_probe_fd(fd, pin->nvram_format, &info);
    if (r < 0)
        return io_failed(error, id, r);

    if (info.is_foreign)
        return fail(
                error, FIRMWARE_ERROR_IMAGE_UNUSABLE, id,
                "its NVRAM file names another file, or has unknown features");
    if (info.status != IMAGE_STATUS_OK)
        return fail(
                error, FIRMWARE_ERROR_NVRAM_MISMATCH, id,
                "its NVRAM file is not of the format it was made in");
    if (pin->nvram_format != IMAGE_FORMAT_JSON &&
        (flash_backend_size(info.size) != pin->nvram_size ||
         (guint64)st.st_size > pin->nvram_size + NVRAM_MAX_METADATA_SIZE))
        return fail(
                error, FIRMWARE_ERROR_NVRAM_MISMATCH, id,
                "its NVRAM file is not of the size it was made in");

    *ret = fd;
    fd = FILE_FD_NONE;
    return TRUE;
}

gboolean vm_op_check_nvram(
        const VMStore *store, uid_t owner, const char *id, const Pin *pin, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r;

    if (!pin->has_nvram)
        return TRUE;
    r = vmstore_open_vm(store, owner, id, &dir);
    if (r < 0)
        return nvram_open_failed(error, id, r);
    return open_nvram(dir, id, pin, O_RDONLY, &fd, error);
}

static gboolean needs_nvram(const VMOp *op, GError **error) {
    return op->pin->has_nvram ||
            fail(error, FIRMWARE_ERROR_NOT_SUPPORTED, op->id, "its firmware keeps no variables");
}

/* -- pins -------------------------------------------------------------------------------- */

static char *find_nvram_format(const VMOp *op) {
    const Descriptor *descriptor = op->file->descriptor;

    if (descriptor->device == FIRMWARE_DEVICE_FLASH && op->request->nvram_format)
        return g_strdup(op->request->nvram_format);
    return g_strdup(
            descriptor->mode == FIRMWARE_MODE_COMBINED ? descriptor->executable.format
                                                       : descriptor->nvram_template.format);
}

/* The digest of an image of the catalog, if it is still what the catalog says. */
static gboolean read_digest(
        const VMOp *op, const DescriptorImage *image, const ImageInfo *info, char **ret,
        GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    ImageFormat format;
    ImageInfo now;
    int r;

    *ret = g_strdup("");
    if (!image->filename || !image_format_from_string(image->format, &format))
        return TRUE;

    r = file_open_regular(AT_FDCWD, image->filename, &fd, NULL);
    if (r >= 0)
        r = image_probe_fd(fd, format, &now);
    if (r < 0)
        return io_failed(error, image->filename, r);
    if (now.status != IMAGE_STATUS_OK || now.size != info->size) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO,
                "%s is not what it was when the descriptors were read: Reload", image->filename);
        return FALSE;
    }
    if (now.is_foreign) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE, "%s names another file",
                image->filename);
        return FALSE;
    }

    g_free(*ret);
    *ret = NULL;
    r = digest_cache_get(op->digests, image->filename, fd, ret);
    return r >= 0 || io_failed(error, image->filename, r);
}

static gboolean read_own_template(const VMOp *op, Pin *values, GError **error) {
    struct stat st;
    int r;

    if (fstat(op->source, &st) < 0)
        return io_failed(error, "nvram-template", -errno);
    if (st.st_size > NVRAM_MAX_FILE_SIZE) /* it may have grown since it was checked */
        return io_failed(error, "nvram-template", -EFBIG);

    g_free(values->template_digest);
    values->template_digest = NULL;
    values->has_own_template = TRUE;
    r = file_digest(op->source, (guint64)st.st_size, &values->template_digest);
    return r >= 0 || io_failed(error, "nvram-template", r);
}

/* A pin to OP's file; CREATED 0: now. */
static Pin *make_pin(const VMOp *op, guint64 created, gboolean has_own_template, GError **error) {
    const Descriptor *descriptor = op->file->descriptor;
    g_autofree char *format = find_nvram_format(op);
    const Pin nothing = {};
    g_autoptr(Pin) pin = pin_new(&nothing);
    const FlashUnit *writable;

    pin->created = created ? created : (guint64)g_get_real_time();
    pin->machine = g_strdup(op->request->machine);
    pin->canonical = g_strdup(op->machine.canonical);
    pin->request = request_copy_requirements(op->request);
    pin->resolution = resolution_new(op->file, &op->machine, op->request);
    pin->has_nvram = descriptor_keeps_variables(descriptor);

    if (!read_digest(
                op, &descriptor->executable, &op->file->executable, &pin->executable_digest,
                error) ||
        !read_digest(
                op, &descriptor->nvram_template, &op->file->nvram_template, &pin->template_digest,
                error) ||
        (has_own_template && !read_own_template(op, pin, error)))
        return NULL;

    writable = resolution_get_writable_unit(pin->resolution);
    pin->nvram_size = writable ? writable->size : 0;
    if (pin->has_nvram) {
        gboolean is_known = image_format_from_string(format, &pin->nvram_format);
        g_assert(is_known);
        resolution_set_nvram(pin->resolution, "", format);
    }
    return g_steal_pointer(&pin);
}

/* -- building and publishing ------------------------------------------------------------- */

/* Where a fresh NVRAM of PIN comes from: what the caller sent, or the package's file. */
static gboolean open_source(
        const VMOp *op, const Pin *pin, FileFd *fd, NVRAMSource *ret, GError **error) {
    const Descriptor *descriptor = pin->resolution->descriptor;
    const DescriptorImage *image = descriptor->mode == FIRMWARE_MODE_COMBINED
            ? &descriptor->executable
            : &descriptor->nvram_template;
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
        return fail(
                error, FIRMWARE_ERROR_INVALID_ARGS, op->id,
                "it was made from the caller's own template: nvram-template is needed again");

    r = file_open_regular(AT_FDCWD, image->filename, fd, NULL);
    if (r < 0) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_FIRMWARE_GONE, "VM %s: its template %s: %s",
                op->id, image->filename, g_strerror(-r));
        return FALSE;
    }
    ret->fd = *fd;
    ret->what = image->filename;
    /* the catalog has held it against the known formats */
    return image_format_from_string(image->format, &ret->format) ||
            io_failed(error, image->filename, -EINVAL);
}

static gboolean make_fresh_nvram(VMOp *op, VMDraft *draft, const Pin *pin, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    NVRAMSource source;

    return open_source(op, pin, &fd, &source, error) &&
            nvram_make(draft, pin, &source, op->max_size, error);
}

static gboolean take_lease(VMOp *op, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;

    return open_vm(op, &dir, error) && vmstore_lease(op->store, op->id, dir, &op->lease, error);
}

/* For the time of a change. */
static gboolean lock_vm(const VMOp *op, FileFd *ret_dir, FileFd *ret_lock, GError **error) {
    return open_vm(op, ret_dir, error) &&
            vmstore_lease(op->store, op->id, *ret_dir, ret_lock, error);
}

gboolean vm_op_create(VMOp *op, GError **error) {
    gboolean has_own_template = op->source >= 0 && op->request->call == REQUEST_CALL_PREPARE;
    g_autoptr(Pin) pin = make_pin(op, 0, has_own_template, error);
    g_autoptr(VMDraft) draft = NULL;

    if (!pin)
        return FALSE;

    draft = vmdraft_new(op->store, op->owner, error);
    if (!draft || (pin->has_nvram && !make_fresh_nvram(op, draft, pin, error)) ||
        !vmdraft_write_pin(draft, pin, error) || !vmdraft_publish(draft, op->id, error))
        return FALSE;

    op->is_created = pin->has_nvram;
    op->new_pin = g_steal_pointer(&pin);
    op->changed = g_ptr_array_new();
    vm_op_answer(op, op->new_pin);
    return !op->request->lease || take_lease(op, error);
}

/* The VM as it is, with another pin. */
static gboolean replace_pin(VMOp *op, int dir_fd, const Pin *pin, GError **error) {
    g_autoptr(VMDraft) draft = vmdraft_new(op->store, op->owner, error);
    g_autofree char *nvram = vmstore_nvram_name(pin->nvram_format);

    return draft && vmdraft_keep(draft, dir_fd, nvram, nvram, error) &&
            vmdraft_keep(draft, dir_fd, VMSTORE_BACKUP_NAME, VMSTORE_BACKUP_NAME, error) &&
            vmdraft_write_pin(draft, pin, error) && vmdraft_replace(draft, op->id, error);
}

/* "Another version of the same section … is accepted and recorded" */
static gboolean record_machine(VMOp *op, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_autoptr(Pin) pin = NULL;

    if (g_str_equal(op->request->machine, op->pin->machine))
        return TRUE;

    pin = pin_with_machine(op->pin, &op->machine, op->request->machine);
    if (!open_vm(op, &dir, error) || !replace_pin(op, dir, pin, error))
        return FALSE;
    g_free(op->resolution->machine);
    op->resolution->machine = g_strdup(pin->resolution->machine);
    op->new_pin = g_steal_pointer(&pin);
    return TRUE;
}

gboolean vm_op_prepare(VMOp *op, GError **error) {
    if (!vm_op_check_nvram(op->store, op->owner, op->id, op->pin, error) ||
        !vm_op_assess(op, error))
        return FALSE;
    if (op->is_gone) {
        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_FIRMWARE_GONE,
                "VM %s: the image of its firmware %s is gone, and no equivalent is installed; %s",
                op->id, op->pin->resolution->name, op->nearest);
        return FALSE;
    }

    /* a call that is refused changes nothing */
    return (!op->request->lease || take_lease(op, error)) && record_machine(op, error);
}

gboolean vm_op_acquire(VMOp *op, GError **error) {
    return take_lease(op, error);
}

gboolean vm_op_open_nvram(VMOp *op, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;

    return needs_nvram(op, error) && open_vm(op, &dir, error) &&
            vmstore_lease(op->store, op->id, dir, &op->lease, error) &&
            open_nvram(dir, op->id, op->pin, O_RDWR, &op->nvram, error);
}

/* What the NVRAM was becomes the backup; without one the backup stays. */
static gboolean keep_as_backup(VMDraft *draft, int dir_fd, const Pin *old, GError **error) {
    g_autofree char *nvram = vmstore_nvram_name(old->nvram_format);
    struct stat st;

    if (old->has_nvram && fstatat(dir_fd, nvram, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return vmdraft_keep(draft, dir_fd, nvram, VMSTORE_BACKUP_NAME, error);
    return vmdraft_keep(draft, dir_fd, VMSTORE_BACKUP_NAME, VMSTORE_BACKUP_NAME, error);
}

/* Fresh NVRAM for PIN in the place of what is there. */
static gboolean replace_nvram(VMOp *op, int dir_fd, const Pin *pin, GError **error) {
    g_autoptr(VMDraft) draft = vmdraft_new(op->store, op->owner, error);

    return draft && make_fresh_nvram(op, draft, pin, error) &&
            keep_as_backup(draft, dir_fd, op->pin, error) && vmdraft_write_pin(draft, pin, error) &&
            vmdraft_replace(draft, op->id, error);
}

gboolean vm_op_reset(VMOp *op, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_auto(FileFd) lock = FILE_FD_NONE;

    return needs_nvram(op, error) && lock_vm(op, &dir, &lock, error) &&
            replace_nvram(op, dir, op->pin, error);
}

gboolean vm_op_import(VMOp *op, GError **error) {
    return vm_op_reset(op, error);
}

gboolean vm_op_rebind(VMOp *op, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_auto(FileFd) lock = FILE_FD_NONE;
    g_autoptr(Pin) pin = make_pin(op, op->pin->created, FALSE, error);
    gboolean fits;
    gboolean is_rebound;

    if (!pin || !lock_vm(op, &dir, &lock, error))
        return FALSE;

    fits = pin->has_nvram && op->pin->has_nvram && pin->nvram_size == op->pin->nvram_size &&
            pin->nvram_format == op->pin->nvram_format;
    if (op->pin->has_nvram && !fits && !op->request->reset)
        return fail(
                error, FIRMWARE_ERROR_NVRAM_MISMATCH, op->id,
                "its NVRAM does not fit the firmware chosen; with reset it gets a fresh one");
    if (fits && !op->request->reset &&
        !vm_op_check_nvram(op->store, op->owner, op->id, op->pin, error))
        return FALSE;

    if (fits && !op->request->reset && op->pin->has_own_template) {
        /* the NVRAM that is kept came from it, and Reset needs it again */
        pin->has_own_template = TRUE;
        g_free(pin->template_digest);
        pin->template_digest = g_strdup(op->pin->template_digest);
    }

    if (pin->has_nvram && (!fits || op->request->reset)) {
        op->is_created = TRUE;
        is_rebound = replace_nvram(op, dir, pin, error);
    } else if (pin->has_nvram || !op->pin->has_nvram) {
        is_rebound = replace_pin(op, dir, pin, error);
    } else {
        g_autoptr(VMDraft) draft = vmdraft_new(op->store, op->owner, error);

        is_rebound = draft && keep_as_backup(draft, dir, op->pin, error) &&
                vmdraft_write_pin(draft, pin, error) && vmdraft_replace(draft, op->id, error);
    }
    if (!is_rebound)
        return FALSE;

    op->new_pin = g_steal_pointer(&pin);
    op->changed = g_ptr_array_new();
    vm_op_answer(op, op->new_pin);
    return TRUE;
}

gboolean vm_op_clone(VMOp *op, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_auto(FileFd) lock = FILE_FD_NONE;
    g_auto(FileFd) nvram = FILE_FD_NONE;
    g_autoptr(Pin) pin = pin_with_created(op->pin, (guint64)g_get_real_time());
    g_autoptr(VMDraft) draft = NULL;

    if (!open_vm(op, &dir, error) ||
        (!op->request->live && !vmstore_lease(op->store, op->id, dir, &lock, error)))
        return FALSE;

    draft = vmdraft_new(op->store, op->new_owner, error);
    if (!draft)
        return FALSE;
    if (pin->has_nvram) {
        NVRAMSource source = {.format = pin->nvram_format, .what = op->id};

        if (!open_nvram(dir, op->id, op->pin, O_RDONLY, &nvram, error))
            return FALSE;
        source.fd = nvram;
        if (!nvram_make(draft, pin, &source, op->max_size, error))
            return FALSE;
    }

    if (!vmdraft_write_pin(draft, pin, error) || !vmdraft_publish(draft, op->new_id, error))
        return FALSE;
    op->new_pin = g_steal_pointer(&pin);
    return TRUE;
}

gboolean vm_op_rename(VMOp *op, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_auto(FileFd) lock = FILE_FD_NONE;

    return lock_vm(op, &dir, &lock, error) &&
            vmstore_rename(op->store, op->owner, op->id, op->new_id, error);
}

gboolean vm_op_export(VMOp *op, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_auto(FileFd) fd = FILE_FD_NONE;
    struct stat st;

    if ((!op->request->backup && !needs_nvram(op, error)) || !open_vm(op, &dir, error) ||
        (!op->request->live && !vmstore_lease(op->store, op->id, dir, &op->lease, error)))
        return FALSE;

    if (op->request->backup) {
        int r = vmstore_open_owned(dir, VMSTORE_BACKUP_NAME, O_RDONLY, &fd);

        if (r == -ENOENT)
            return fail(error, FIRMWARE_ERROR_NVRAM_MISSING, op->id, "it has no backup");
        if (r < 0)
            return nvram_open_failed(error, op->id, r);
    } else if (!open_nvram(dir, op->id, op->pin, O_RDONLY, &fd, error)) {
        return FALSE;
    }

    if (fstat(fd, &st) < 0)
        return io_failed(error, op->id, -errno);
    op->nvram_size = (guint64)st.st_size;
    op->nvram = fd;
    fd = FILE_FD_NONE;
    return TRUE;
}

gboolean vm_op_remove(VMOp *op, GError **error) {
    g_auto(FileFd) dir = FILE_FD_NONE;
    g_auto(FileFd) lock = FILE_FD_NONE;
    g_auto(FileFd) gone = FILE_FD_NONE;

    /* taken away from under the service: then it is gone */
    if (vmstore_open_vm(op->store, op->owner, op->id, &gone) == -ENOENT)
        return TRUE;

    return lock_vm(op, &dir, &lock, error) && vmstore_remove(op->store, op->owner, op->id, error);
}

void vm_op_measure(VMOp *op) {
    const char *id = op->new_id ? op->new_id : op->id;
    g_auto(FileFd) dir = FILE_FD_NONE;

    op->size = vmstore_open_vm(op->store, op->new_owner, id, &dir) < 0 ? 0 : vmstore_get_size(dir);
}
