/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "packfile.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/text.h"
#include "error.h"

#define LIBRARY_NAME "libarchive.so.13"
#define BLOCK_SIZE (64 * 1024)

static const char *const nvram_names[] = {"nvram.raw", "nvram.qcow2", "nvram.json"};

void packfile_clear(PackFile *file) {
    g_clear_pointer(&file->manifest, g_bytes_unref);
    g_clear_pointer(&file->pin, g_bytes_unref);
    g_clear_pointer(&file->nvram_name, g_free);
    file_fd_close(file->nvram);
    *file = PACKFILE_INIT;
}

const char *packfile_get_nvram_name(const char *format) {
    for (guint i = 0; i < G_N_ELEMENTS(nvram_names); i++)
        if (g_str_equal(nvram_names[i] + strlen("nvram."), format))
            return nvram_names[i];
    return NULL;
}

/* -- the library --------------------------------------------------------------------------- */

#define FUNCTIONS(F)                         \
    F(archive_entry_filetype)                \
    F(archive_entry_free)                    \
    F(archive_entry_hardlink)                \
    F(archive_entry_new)                     \
    F(archive_entry_pathname)                \
    F(archive_entry_set_filetype)            \
    F(archive_entry_set_pathname)            \
    F(archive_entry_set_perm)                \
    F(archive_entry_set_size)                \
    F(archive_entry_size)                    \
    F(archive_error_string)                  \
    F(archive_read_data)                     \
    F(archive_read_free)                     \
    F(archive_read_new)                      \
    F(archive_read_next_header)              \
    F(archive_read_open_fd)                  \
    F(archive_read_support_filter_gzip)      \
    F(archive_read_support_format_tar)       \
    F(archive_write_add_filter_gzip)         \
    F(archive_write_close)                   \
    F(archive_write_data)                    \
    F(archive_write_free)                    \
    F(archive_write_header)                  \
    F(archive_write_new)                     \
    F(archive_write_open_fd)                 \
    F(archive_write_set_bytes_in_last_block) \
    F(archive_write_set_filter_option)       \
    F(archive_write_set_format_ustar)

#define DECLARE(function) typeof(function) *function;
typedef struct Library {
    FUNCTIONS(DECLARE)
} Library;

#define FIND(function) {#function, G_STRUCT_OFFSET(Library, function)},
static const struct {
    const char *name;
    gsize offset;
} functions[] = {FUNCTIONS(FIND)};

static gboolean load(Library *ret, GError **error) {
    void *handle = dlopen(LIBRARY_NAME, RTLD_NOW | RTLD_LOCAL);

    for (guint i = 0; handle && i < G_N_ELEMENTS(functions); i++) {
        void *symbol = dlsym(handle, functions[i].name);

        if (!symbol)
            return client_error_set(error, CLIENT_ERROR_FAILURE, "%s", dlerror());
        memcpy((char *)ret + functions[i].offset, &symbol, sizeof symbol);
    }
    return handle ||
            client_error_set(
                    error, CLIENT_ERROR_FAILURE,
                    "archives are read and written by libarchive, which is not here: %s; install "
                    "its package (libarchive13, libarchive13t64)",
                    dlerror());
}

/* The library's handles are of incomplete types that both directions share. */
typedef struct Session {
    Library library;
    struct archive *handle;
    struct archive_entry *entry;
    int (*free)(struct archive *handle);
    const char *name; /* for messages */
} Session;

static void session_clear(Session *session) {
    if (session->entry)
        session->library.archive_entry_free(session->entry);
    if (session->handle)
        (void)session->free(session->handle);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Session, session_clear)

#define NEXT_OF_READING "; is it an archive of 'vmfirmwarectl pack'?"

static gboolean fail(const Session *session, const char *next, GError **error) {
    const char *text = session->library.archive_error_string(session->handle);
    g_autofree char *valid = text_make_valid(text ? text : "unknown error");

    return client_error_set(error, CLIENT_ERROR_FAILURE, "%s: %s%s", session->name, valid, next);
}

/* -- writing ------------------------------------------------------------------------------- */

static gboolean begin_file(Session *session, const char *name, guint64 size, GError **error) {
    const Library *library = &session->library;

    g_clear_pointer(&session->entry, library->archive_entry_free);
    session->entry = library->archive_entry_new();
    if (!session->entry)
        g_error("no memory");
    library->archive_entry_set_pathname(session->entry, name);
    library->archive_entry_set_filetype(session->entry, AE_IFREG);
    library->archive_entry_set_perm(session->entry, 0600);
    library->archive_entry_set_size(session->entry, (gint64)size);
    return library->archive_write_header(session->handle, session->entry) == ARCHIVE_OK ||
            fail(session, "", error);
}

static gboolean write_data(Session *session, const void *data, gsize size, GError **error) {
    return session->library.archive_write_data(session->handle, data, size) == (gssize)size ||
            fail(session, "", error);
}

static gboolean write_json(Session *session, const char *name, GBytes *bytes, GError **error) {
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);

    return begin_file(session, name, size, error) && write_data(session, data, size, error);
}

static gboolean write_nvram(Session *session, const PackFile *file, GError **error) {
    g_autofree char *chunk = g_malloc(BLOCK_SIZE);
    guint64 done = 0;

    if (!begin_file(session, file->nvram_name, file->nvram_size, error))
        return FALSE;
    while (done < file->nvram_size) {
        gsize size;
        int r = file_read_at(file->nvram, done, chunk, BLOCK_SIZE, &size);

        if (r < 0 || size == 0)
            return client_error_set(
                    error, CLIENT_ERROR_FAILURE, "%s: %s", file->nvram_name,
                    g_strerror(r < 0 ? -r : ENODATA));
        if (!write_data(session, chunk, size, error))
            return FALSE;
        done += size;
    }
    return TRUE;
}

gboolean packfile_write(const PackFile *file, int fd, const char *name, GError **error) {
    g_auto(Session) session = {.name = name};
    const Library *library = &session.library;

    if (!load(&session.library, error))
        return FALSE;
    session.free = library->archive_write_free;
    session.handle = library->archive_write_new();
    if (!session.handle)
        g_error("no memory");
    /* Archives of the same content would differ by gzip's own time stamp, and by the padding that a
     * pipe gets for tape drives. */
    if (library->archive_write_set_bytes_in_last_block(session.handle, 1) != ARCHIVE_OK ||
        library->archive_write_set_format_ustar(session.handle) != ARCHIVE_OK ||
        library->archive_write_add_filter_gzip(session.handle) != ARCHIVE_OK ||
        library->archive_write_set_filter_option(session.handle, "gzip", "timestamp", NULL) !=
                ARCHIVE_OK ||
        library->archive_write_open_fd(session.handle, fd) != ARCHIVE_OK)
        return fail(&session, "", error);
    return write_json(&session, PACKFILE_MANIFEST_NAME, file->manifest, error) &&
            write_json(&session, PACKFILE_PIN_NAME, file->pin, error) &&
            (!file->nvram_name || write_nvram(&session, file, error)) &&
            (library->archive_write_close(session.handle) == ARCHIVE_OK ||
             fail(&session, "", error));
}

/* -- reading ------------------------------------------------------------------------------- */

static gboolean refuse(
        const Session *session, const char *entry, const char *what, GError **error) {
    g_autofree char *shown = text_make_printable(entry);

    return client_error_set(
            error, CLIENT_ERROR_FAILURE, "%s: %s: %s; is it a file of 'vmfirmwarectl pack'?",
            session->name, shown, what);
}

typedef gboolean (*TakeFunc)(const void *data, gsize size, gpointer userdata);

/* Reads as many bytes as the header says, which the caller has compared with a limit. */
static gboolean read_content(
        Session *session, const char *entry, guint64 size, TakeFunc take, gpointer userdata,
        GError **error) {
    g_autofree char *chunk = g_malloc(BLOCK_SIZE);
    guint64 done = 0;

    for (;;) {
        la_ssize_t n = session->library.archive_read_data(session->handle, chunk, BLOCK_SIZE);

        if (n < 0)
            return fail(session, NEXT_OF_READING, error);
        if (n == 0)
            return done == size || refuse(session, entry, "it is incomplete", error);
        done += (guint64)n;
        if (done > size)
            return refuse(session, entry, "it is longer than its header says", error);
        if (!take(chunk, (gsize)n, userdata))
            return client_error_set(
                    error, CLIENT_ERROR_FAILURE, "%s: %s: %s", session->name, entry,
                    g_strerror(errno));
    }
}

static gboolean append(const void *data, gsize size, gpointer array) {
    g_byte_array_append(array, data, (guint)size);
    return TRUE;
}

static gboolean read_json(
        Session *session, const char *entry, guint64 size, GBytes **ret, GError **error) {
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    if (*ret)
        return refuse(session, entry, "it is there twice", error);
    if (size > PACKFILE_MAX_JSON)
        return refuse(session, entry, "it has more than 1 MiB", error);
    if (!read_content(session, entry, size, append, bytes, error))
        return FALSE;
    *ret = g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
    return TRUE;
}

static gboolean copy(const void *data, gsize size, gpointer fd) {
    int r = copy_chunk(*(const int *)fd, data, size);

    errno = -r;
    return r == 0;
}

static gboolean read_nvram(
        Session *session, const char *entry, guint64 size, PackFile *file, GError **error) {
    if (file->nvram_name)
        return refuse(session, entry, "it is the second NVRAM", error);
    if (size > PACKFILE_MAX_NVRAM)
        return refuse(
                session, entry, "it has more than 256 MiB, which no firmware's variables need",
                error);
    file->nvram_name = g_strdup(entry);
    file->nvram_size = size;
    file->nvram = memfd_create("vmfirmwarectl", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file->nvram >= 0 && !read_content(session, entry, size, copy, &file->nvram, error))
        return FALSE;
    return (file->nvram >= 0 && ftruncate(file->nvram, (off_t)size) == 0 &&
            fcntl(file->nvram, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) == 0) ||
            client_error_set(
                    error, CLIENT_ERROR_FAILURE, "%s: %s: %s", session->name, entry,
                    g_strerror(errno));
}

/* Nothing but these names: a file that is not read here is read by nobody, or by somebody who
 * believes that pack wrote it. */
static gboolean read_entry(Session *session, PackFile *file, GError **error) {
    const Library *library = &session->library;
    const char *name = library->archive_entry_pathname(session->entry);
    gint64 size = library->archive_entry_size(session->entry);

    if (!name)
        return refuse(session, "a file", "its name is not text", error);
    if (library->archive_entry_filetype(session->entry) != AE_IFREG ||
        library->archive_entry_hardlink(session->entry) || size < 0)
        return refuse(session, name, "it is no regular file", error);
    if (g_str_equal(name, PACKFILE_MANIFEST_NAME))
        return read_json(session, name, (guint64)size, &file->manifest, error);
    if (g_str_equal(name, PACKFILE_PIN_NAME))
        return read_json(session, name, (guint64)size, &file->pin, error);
    for (guint i = 0; i < G_N_ELEMENTS(nvram_names); i++)
        if (g_str_equal(name, nvram_names[i]))
            return read_nvram(session, nvram_names[i], (guint64)size, file, error);
    return refuse(session, name, "no such file belongs there", error);
}

static gboolean read_entries(Session *session, PackFile *file, GError **error) {
    for (;;) {
        /* the handle owns the entry of a header that it reads */
        int r = session->library.archive_read_next_header(session->handle, &session->entry);
        gboolean is_read = r == ARCHIVE_OK && read_entry(session, file, error);

        session->entry = NULL;
        if (r == ARCHIVE_EOF)
            return TRUE;
        if (r != ARCHIVE_OK)
            return fail(session, NEXT_OF_READING, error);
        if (!is_read)
            return FALSE;
    }
}

gboolean packfile_read(int fd, const char *name, PackFile *ret, GError **error) {
    g_auto(Session) session = {.name = name};
    const Library *library = &session.library;
    g_auto(PackFile) file = PACKFILE_INIT;

    if (!load(&session.library, error))
        return FALSE;
    session.free = library->archive_read_free;
    session.handle = library->archive_read_new();
    if (!session.handle)
        g_error("no memory");
    if (library->archive_read_support_format_tar(session.handle) != ARCHIVE_OK ||
        library->archive_read_support_filter_gzip(session.handle) != ARCHIVE_OK ||
        library->archive_read_open_fd(session.handle, fd, BLOCK_SIZE) != ARCHIVE_OK)
        return fail(&session, NEXT_OF_READING, error);
    if (!read_entries(&session, &file, error))
        return FALSE;
    if (!file.manifest || !file.pin)
        return refuse(
                &session, file.manifest ? PACKFILE_PIN_NAME : PACKFILE_MANIFEST_NAME,
                "it is missing", error);
    *ret = file;
    file = PACKFILE_INIT;
    return TRUE;
}
