/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/nvram.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm/convert.h"
#include "base/copy.h"
#include "base/error.h"
#include "core/flash.h"

gboolean nvram_check_memfd(const char *key, int fd, GError **error) {
    int seals = fcntl(fd, F_GET_SEALS);
    const char *fault = NULL;
    struct stat st;

    if (seals < 0)
        fault = "not a memfd";
    else if (!(seals & F_SEAL_WRITE) || !(seals & F_SEAL_SHRINK))
        fault = "not sealed with F_SEAL_WRITE and F_SEAL_SHRINK";
    else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        fault = "not a file";
    else if (st.st_size > NVRAM_MAX_FILE_SIZE)
        fault = "larger than 256 MiB";

    if (!fault)
        return TRUE;
    g_set_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS, "%s: %s", key, fault);
    return FALSE;
}

gboolean nvram_set_content(NVRAMSource *source, GBytes *bytes, FileFd *memory, GError **error) {
    gsize size;
    gconstpointer data = g_bytes_get_data(bytes, &size);
    int r;

    if (source->format != IMAGE_FORMAT_JSON) {
        source->head = bytes;
        return TRUE;
    }
    *memory = memfd_create("variables", MFD_CLOEXEC);
    r = *memory < 0 ? -errno : file_write_all(*memory, data, size);
    source->fd = *memory;
    return r >= 0 || firmware_error_set_io(error, source->what, r);
}

static gboolean mismatch(GError **error, const char *what, const char *why) {
    g_set_error(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH, "%s: %s", what, why);
    return FALSE;
}

static gboolean too_large(GError **error, const char *what, guint64 size, guint64 max) {
    g_autofree char *why = g_strdup_printf(
            "it has %" G_GUINT64_FORMAT " bytes, and its content needs at most %" G_GUINT64_FORMAT,
            size, max);

    return mismatch(error, what, why);
}

/* Fails if another file would be opened with the image. */
static gboolean check_own(const ImageInfo *info, const char *what, GError **error) {
    if (!info->is_foreign)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IMAGE_UNUSABLE,
            "%s names another file, or has unknown features", what);
    return FALSE;
}

/* Checks the format, and the size against the pin. */
static gboolean check_source(
        const Pin *pin, const NVRAMSource *source, ImageInfo *ret_info, GError **error) {
    guint64 size;
    int r;

    if ((source->format == IMAGE_FORMAT_JSON) != (pin->nvram_format == IMAGE_FORMAT_JSON)) {
        g_autofree char *why = g_strdup_printf(
                "its format is %s, and the VM's NVRAM is %s",
                image_format_to_string(source->format), image_format_to_string(pin->nvram_format));

        return mismatch(error, source->what, why);
    }

    r = image_probe_fd(source->fd, source->format, ret_info);
    if (r < 0)
        return firmware_error_set_io(error, source->what, r);
    if (!check_own(ret_info, source->what, error))
        return FALSE;
    if (ret_info->status == IMAGE_STATUS_TOO_LARGE)
        return too_large(error, source->what, ret_info->size, IMAGE_JSON_MAX_SIZE);
    if (ret_info->status != IMAGE_STATUS_OK) {
        g_autofree char *why =
                g_strdup_printf("not in the format %s", image_format_to_string(source->format));

        return mismatch(error, source->what, why);
    }
    if (source->format == IMAGE_FORMAT_JSON)
        return TRUE;

    size = flash_backend_size(ret_info->size);
    if (size == pin->nvram_size || (source->may_be_shorter && size > 0 && size < pin->nvram_size))
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_NVRAM_MISMATCH,
            "%s has %" G_GUINT64_FORMAT " bytes, the firmware needs %" G_GUINT64_FORMAT,
            source->what, ret_info->size, pin->nvram_size);
    return FALSE;
}

/* SIZE bytes of SOURCE as a new file of the draft, TOTAL_SIZE long. The owner of SOURCE can have
 * changed it since it was checked; nobody can change the copy. */
static gboolean copy_to_draft(
        VMDraft *draft, const char *name, const NVRAMSource *source, guint64 size,
        guint64 total_size, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    ImageInfo info;
    int r;

    if (!vmdraft_create(draft, name, &fd, error))
        return FALSE;
    r = copy_file(source->fd, fd, size, total_size);
    if (r >= 0)
        r = image_probe_fd(fd, source->format, &info);
    if (r < 0)
        return firmware_error_set_io(error, name, r);
    return check_own(&info, source->what, error);
}

static gboolean extend(VMDraft *draft, const char *name, guint64 size, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    int r;

    r = vmstore_open_owned(vmdraft_get_fd(draft), name, O_RDWR, &fd);
    if (r >= 0 && ftruncate(fd, (off_t)size) < 0)
        r = -errno;
    return r >= 0 || firmware_error_set_io(error, name, r);
}

static gboolean write_head(VMDraft *draft, const char *name, GBytes *head, GError **error) {
    g_auto(FileFd) fd = FILE_FD_NONE;
    gsize size;
    gconstpointer data;
    int r;

    if (!head)
        return TRUE;
    data = g_bytes_get_data(head, &size);
    r = vmstore_open_owned(vmdraft_get_fd(draft), name, O_RDWR, &fd);
    if (r >= 0)
        r = file_write_all(fd, data, size);
    return r >= 0 || firmware_error_set_io(error, name, r);
}

/* A program that a caller's file has taken over can write what it likes. */
static gboolean check_converted(int fd, const char *name, ImageFormat format, GError **error) {
    ImageInfo info;
    int r = image_probe_fd(fd, format, &info);

    if (r < 0)
        return firmware_error_set_io(error, name, r);
    if (info.status == IMAGE_STATUS_OK && !info.is_foreign)
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_IO, "qemu-img has made no %s image",
            image_format_to_string(format));
    return FALSE;
}

static gboolean convert(
        VMDraft *draft, const char *from, ImageFormat from_format, const char *to,
        ImageFormat to_format, GError **error) {
    g_auto(FileFd) input = FILE_FD_NONE;
    g_auto(FileFd) output = FILE_FD_NONE;
    int r;

    r = vmstore_open_owned(vmdraft_get_fd(draft), from, O_RDONLY, &input);
    if (r < 0)
        return firmware_error_set_io(error, from, r);
    if (!vmdraft_create(draft, to, &output, error) ||
        !convert_image(input, from_format, output, to_format, error) ||
        !check_converted(output, to, to_format, error))
        return FALSE;
    vmdraft_discard(draft, from);
    return TRUE;
}

/* Converts by way of a raw scratch copy, which can be extended. *RET_NAME: the scratch file with
 * the result. */
static gboolean make_converted(
        VMDraft *draft, const Pin *pin, const NVRAMSource *source, guint64 file_size,
        const char **ret_name, GError **error) {
    if (source->format == IMAGE_FORMAT_QCOW2) {
        if (!copy_to_draft(draft, VMDRAFT_SCRATCH_IN, source, file_size, file_size, error) ||
            !convert(
                    draft, VMDRAFT_SCRATCH_IN, source->format, VMDRAFT_SCRATCH_RAW,
                    IMAGE_FORMAT_RAW, error) ||
            !extend(draft, VMDRAFT_SCRATCH_RAW, pin->nvram_size, error))
            return FALSE;
    } else if (!copy_to_draft(
                       draft, VMDRAFT_SCRATCH_RAW, source, file_size, pin->nvram_size, error)) {
        return FALSE;
    }

    *ret_name = VMDRAFT_SCRATCH_RAW;
    if (!write_head(draft, VMDRAFT_SCRATCH_RAW, source->head, error))
        return FALSE;
    if (pin->nvram_format == IMAGE_FORMAT_RAW)
        return TRUE;

    *ret_name = VMDRAFT_SCRATCH_OUT;
    return convert(
            draft, VMDRAFT_SCRATCH_RAW, IMAGE_FORMAT_RAW, VMDRAFT_SCRATCH_OUT, pin->nvram_format,
            error);
}

static gboolean check_limit(guint64 size, guint64 max_size, GError **error) {
    if (max_size == 0 || size <= max_size)
        return TRUE;

    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
            "the owner's VMs would take more than they may: %" G_GUINT64_FORMAT
            " bytes are needed, and %" G_GUINT64_FORMAT " are left of BytesPerUser=",
            size, max_size);
    return FALSE;
}

static guint64 max_file_size(const Pin *pin) {
    return pin->nvram_format == IMAGE_FORMAT_JSON ? IMAGE_JSON_MAX_SIZE
                                                  : pin->nvram_size + NVRAM_MAX_METADATA_SIZE;
}

gboolean nvram_make(
        VMDraft *draft, const Pin *pin, const NVRAMSource *source, guint64 max_size,
        GError **error) {
    g_autofree char *name = vmstore_nvram_name(pin->nvram_format);
    const char *scratch = VMDRAFT_SCRATCH_RAW;
    guint64 file_size;
    gboolean is_same_size;
    gboolean is_plain;
    ImageInfo info;
    struct stat st;

    if (!check_source(pin, source, &info, error))
        return FALSE;
    if (fstat(source->fd, &st) < 0)
        return firmware_error_set_io(error, source->what, -errno);
    /* The file may still grow: read no further than the size that was checked. */
    file_size = source->format == IMAGE_FORMAT_RAW ? info.size : (guint64)st.st_size;
    if (file_size > MIN(NVRAM_MAX_FILE_SIZE, max_file_size(pin)))
        return too_large(
                error, source->what, file_size, MIN(NVRAM_MAX_FILE_SIZE, max_file_size(pin)));
    if (!check_limit(MAX(pin->nvram_size, file_size), max_size, error))
        return FALSE;

    is_same_size =
            source->format == IMAGE_FORMAT_JSON || flash_backend_size(info.size) == pin->nvram_size;
    is_plain = source->format == pin->nvram_format &&
            (source->format == IMAGE_FORMAT_RAW || (is_same_size && !source->head));

    if (is_plain) {
        guint64 total_size =
                source->format == IMAGE_FORMAT_RAW ? MAX(file_size, pin->nvram_size) : file_size;

        if (!copy_to_draft(draft, scratch, source, file_size, total_size, error) ||
            !write_head(draft, scratch, source->head, error))
            return FALSE;
    } else if (!make_converted(draft, pin, source, file_size, &scratch, error)) {
        return FALSE;
    }

    return vmdraft_give(draft, scratch, name, error);
}
