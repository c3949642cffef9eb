/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/question.h"

#include "base/error.h"
#include "core/unknown.h"

Resolution *question_select(const SelectionInput *input, GError **error) {
    const CatalogFile *file = selection_choose(input, error);

    return file ? resolution_new(file, &input->machine, input->request) : NULL;
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
