/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "nvram-file.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/root.h"
#include "core/flash.h"
#include "core/image.h"
#include "error.h"
#include "sources.h"

gboolean nvram_file_find_format(
        const Options *options, const char *option, const char *path, int fd, ImageFormat *ret,
        GError **error) {
    const char *given = options_get(options, option);
    char head[64] = "";
    gsize size;
    int r;

    if (given && !image_format_from_string(given, ret)) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_USAGE, "--%s=%s: it is one of raw, qcow2, json",
                option, given);
        return FALSE;
    }
    if (given)
        return TRUE;

    r = file_read_at(fd, 0, head, sizeof head - 1, &size);
    if (r < 0) {
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", path, g_strerror(-r));
        return FALSE;
    }
    if (memcmp(head, "QFI\xfb", 4) == 0)
        *ret = IMAGE_FORMAT_QCOW2;
    else
        *ret = head[strspn(head, " \t\r\n")] == '{' ? IMAGE_FORMAT_JSON : IMAGE_FORMAT_RAW;
    return TRUE;
}

/* NULL: none is given, or it is a file of another host. */
static const char *get_file(const Context *context) {
    const Options *options = context->options;

    return options->host || options->container ? NULL : options_get(options, "nvram");
}

static gboolean fail(const Context *context, const char *path, const char *text, GError **error) {
    g_set_error(
            error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: --nvram=%s: %s", context->what, path,
            text);
    return FALSE;
}

gboolean nvram_file_add_requirements(const Context *context, GVariantDict *keys, GError **error) {
    const char *path = get_file(context);
    /* Of a combined firmware the file is a copy of the whole image, and no separate NVRAM. */
    gboolean is_combined = g_strcmp0(options_get(context->options, "mode"), "combined") == 0;
    g_auto(FileFd) fd = FILE_FD_NONE;
    ImageFormat format;
    ImageInfo info;
    int r;

    if (!path)
        return TRUE;
    r = file_open_regular(AT_FDCWD, path, &fd, NULL);
    if (r == -ENOENT || r == -EACCES)
        return TRUE; /* a script may make it later, or run QEMU as another user */
    if (r < 0)
        return fail(context, path, r == -ENOTSUP ? "it is no regular file" : g_strerror(-r), error);
    if (!nvram_file_find_format(context->options, "nvram-format", path, fd, &format, error))
        return FALSE;
    r = image_probe_fd(fd, format, &info);
    if (r < 0)
        return fail(context, path, g_strerror(-r), error);
    if (info.is_foreign)
        return fail(context, path, "it names another file, or has unknown features", error);
    if (info.status != IMAGE_STATUS_OK) {
        g_autofree char *text =
                g_strdup_printf("it is no usable file in %s", image_format_to_string(format));

        return fail(context, path, text, error);
    }

    if (!options_get(context->options, "nvram-size"))
        g_variant_dict_insert(keys, "nvram-size", "t", flash_backend_size(info.size));
    if (!options_get(context->options, "nvram-format") && !is_combined)
        g_variant_dict_insert(keys, "nvram-format", "s", image_format_to_string(format));
    return TRUE;
}

gboolean nvram_file_check(const Context *context, GVariant *resolution, GError **error) {
    static const char *const images[] = {"executable", "nvram-template"};
    const char *path = get_file(context);
    g_auto(SourcesRoot) root = SOURCES_ROOT_INIT;
    struct stat own;

    if (!path || stat(path, &own) < 0)
        return TRUE;
    if (!sources_open_root(context->options, &root, error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(images); i++) {
        g_autoptr(GVariant) image =
                g_variant_lookup_value(resolution, images[i], G_VARIANT_TYPE_VARDICT);
        const char *filename;
        struct stat st;

        if (image && g_variant_lookup(image, "filename", "&s", &filename) &&
            root_stat(root.visitor.root, filename, &st) == 0 && st.st_dev == own.st_dev &&
            st.st_ino == own.st_ino) {
            g_autofree char *text = g_strdup_printf(
                    "it is the file %s of the firmware itself, which all virtual machines share; "
                    "give the path of a copy",
                    filename);

            return fail(context, path, text, error);
        }
    }
    return TRUE;
}
