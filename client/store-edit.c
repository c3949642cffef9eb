/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store-edit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/error.h"
#include "base/file.h"
#include "core/store-file.h"
#include "error.h"
#include "failure.h"
#include "nvram-file.h"
#include "uefi/digest.h"
#include "uefi/store-write.h"
#include "vm/vm-answer.h"
#include "vm/vm-lock.h"

typedef struct Edit {
    char *path; /* resolved: a link stays one */
    FileFd fd;
    struct stat st;
    VMResult result;
    GBytes *bytes; /* the changed store */
} Edit;

static void edit_clear(Edit *edit) {
    g_free(edit->path);
    file_fd_close(edit->fd);
    vm_result_clear(&edit->result);
    g_bytes_unref(edit->bytes);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Edit, edit_clear)

static gboolean failed(const Edit *edit, const char *text, GError **error) {
    return client_error_set(error, CLIENT_ERROR_FAILURE, "%s: %s", edit->path, text);
}

static gboolean open_file(Edit *edit, const char *path, gboolean is_dry_run, GError **error) {
    int r;

    edit->path = realpath(path, NULL);
    if (!edit->path)
        return client_error_set(error, CLIENT_ERROR_FAILURE, "%s: %s", path, g_strerror(errno));
    r = file_open(AT_FDCWD, edit->path, is_dry_run ? O_RDONLY : O_RDWR, &edit->fd, &edit->st);
    if (r < 0)
        return failed(edit, r == -ENOTSUP ? "it is no regular file" : g_strerror(-r), error);
    r = is_dry_run ? (vm_lock_is_written_by_another(edit->fd) ? -EAGAIN : 0)
                   : vm_lock_file(edit->fd);
    if (r == -EAGAIN)
        return failed(
                edit, "a QEMU has it open for writing; stop the virtual machine first", error);
    return r >= 0 || failed(edit, g_strerror(-r), error);
}

static gboolean read_file(
        const Context *context, Edit *edit, const char *expected, GError **error) {
    g_autofree char *sha256 = NULL;
    int r;

    if (!nvram_file_find_format(
                context->options, "source-format", edit->path, edit->fd, &edit->result.store_format,
                error))
        return FALSE;
    if (edit->result.store_format == IMAGE_FORMAT_QCOW2)
        return failed(
                edit,
                "it is a qcow2 image; 'qemu-img convert -O raw' makes a file that can be changed",
                error);
    r = store_file_read(edit->fd, edit->result.store_format, &edit->result.before);
    if (r < 0)
        return failed(edit, g_strerror(-r), error);
    sha256 = digest_gbytes(edit->result.before->bytes);
    return !expected || g_str_equal(sha256, expected) ||
            failed(edit, "it has changed since the plan was made", error);
}

static gboolean make_changes(Edit *edit, KnownCertificates *known, GVariant *list, GError **error) {
    const ChangeSources sources = {.known = known};
    g_autoptr(GPtrArray) changes = changes_read(list, error);
    VMResult *result = &edit->result;
    g_autoptr(Store) work = NULL;

    if (!changes)
        return FALSE;
    for (guint i = 0; i < changes->len; i++)
        if (((const Change *)changes->pdata[i])->kind == CHANGE_ENROLL_FROM) {
            g_set_error_literal(
                    error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
                    "--from needs a virtual machine, whose host knows the firmware");
            return FALSE;
        }
    work = store_new_writable(result->before, error);
    result->change = work ? changes_apply(work, changes, &sources, error) : NULL;
    edit->bytes = result->change ? store_write(work, error) : NULL;
    if (!edit->bytes)
        return FALSE;
    result->store = store_read_again(edit->bytes, work);
    result->before_report = store_report_new(result->before, known);
    result->report = store_report_new(result->store, known);
    store_report_add_digest(result->before_report);
    store_report_add_digest(result->report);
    return TRUE;
}

/* -- writing ---------------------------------------------------------------------------- */

static int write_content(const Edit *edit, int fd) {
    const gboolean is_json = edit->result.store_format == IMAGE_FORMAT_JSON;
    gsize size;
    gconstpointer data = g_bytes_get_data(edit->bytes, &size);
    int r = is_json ? 0
                    : copy_file(edit->fd, fd, (guint64)edit->st.st_size, (guint64)edit->st.st_size);

    if (r >= 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    if (r >= 0)
        r = file_write_all(fd, data, size);
    if (r >= 0 && fchown(fd, edit->st.st_uid, edit->st.st_gid) < 0)
        r = -errno;
    if (r >= 0 && (fchmod(fd, edit->st.st_mode & 07777) < 0 || fsync(fd) < 0))
        r = -errno;
    return r;
}

static int sync_directory(const char *path) {
    g_autofree char *directory = g_path_get_dirname(path);
    g_auto(FileFd) fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* The name still refers to the file that is locked. */
static gboolean is_same_file(const Edit *edit) {
    struct stat st;

    return lstat(edit->path, &st) == 0 && st.st_dev == edit->st.st_dev &&
            st.st_ino == edit->st.st_ino;
}

/* Whoever has the file's lock writes under this name: one that is there is left of a process that
 * was killed. */
static FileFd create_new(const char *name) {
    (void)unlink(name);
    return open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static gboolean write_file(const Edit *edit, GError **error) {
    g_autofree char *name = g_strconcat(edit->path, ".vmfirmwarectl", NULL);
    g_auto(FileFd) fd = create_new(name);
    int r = fd < 0 ? -errno : write_content(edit, fd);

    if (fd < 0)
        return failed(edit, g_strerror(-r), error);
    if (r >= 0 && !is_same_file(edit))
        r = -EBUSY;
    if (r >= 0 && rename(name, edit->path) < 0)
        r = -errno;
    if (r < 0) {
        (void)unlink(name);
        return failed(edit, g_strerror(-r), error);
    }
    r = sync_directory(edit->path);
    return r >= 0 || failed(edit, g_strerror(-r), error);
}

GVariant *store_edit_file(
        const Context *context, const char *path, KnownCertificates *known, GVariant *changes,
        gboolean is_dry_run, const char *expected, GError **error) {
    g_auto(Edit) edit = {.fd = FILE_FD_NONE, .result = VM_RESULT_INIT};
    g_autoptr(GError) failure = NULL;
    VariantSink *sink;

    if (!open_file(&edit, path, is_dry_run, error) || !read_file(context, &edit, expected, error))
        return NULL;
    if (!make_changes(&edit, known, changes, &failure)) {
        (void)client_error_set(
                error, failure_find_code(failure), "%s: %s", edit.path, failure->message);
        return NULL;
    }
    if (!is_dry_run &&
        (edit.result.change->notes->len > 0 || edit.result.before->health != STORE_HEALTH_OK) &&
        !write_file(&edit, error))
        return NULL;
    sink = variant_sink_new();
    vm_answer_changes(variant_sink_get_sink(sink), &edit.result);
    return variant_sink_end(sink);
}
