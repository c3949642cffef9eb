/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/question.h"

#include "base/error.h"
#include "core/choice.h"
#include "core/unknown.h"

/* The guest would write to the file that all VMs share. Paths are compared as text. */
static gboolean check_own_nvram(const CatalogFile *file, const Request *request, GError **error) {
    const Descriptor *d = file->descriptor;
    const char *path = request->nvram_filename;
    gboolean is_executable = g_strcmp0(path, d->executable.filename) == 0;

    if (!path || (!is_executable && g_strcmp0(path, d->nvram_template.filename) != 0))
        return TRUE;
    g_set_error(
            error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
            "nvram-filename: %s is the %s of firmware %s, and no copy of it", path,
            is_executable ? "executable" : "template", file->name);
    return FALSE;
}

Resolution *question_select(const SelectionInput *input, GError **error) {
    const CatalogFile *file = choice_find(input, error);

    return file && check_own_nvram(file, input->request, error)
            ? resolution_new(file, &input->machine, input->request)
            : NULL;
}

const CatalogFile *question_find_firmware(
        const Catalog *catalog, const char *name, GError **error) {
    const CatalogFile *file = catalog_find(catalog, name);

    if (!file) {
        g_autofree char *hint = unknown_firmware_hint(catalog, name);

        g_set_error(
                error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_SUCH_FIRMWARE,
                "no firmware has the name \"%s\"%s", name, hint);
    }
    return file;
}
