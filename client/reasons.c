/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "reasons.h"

#include <string.h>

/* %s is the detail after the code's colon. */
static const struct {
    const char *code;
    const char *text;
} texts[] = {
        {"interface", "it has another interface than was asked for"},
        {"architecture", "it is not for this architecture"},
        {"machine", "it is not for this machine type"},
        {"feature-missing", "it does not have the feature %s"},
        {"feature-present", "it has the feature %s"},
        {"device", "it is loaded by another device than was asked for"},
        {"mode", "its flash has another mode than was asked for"},
        {"format", "its executable has another format than was asked for"},
        {"firmware", "it has another name than was asked for"},
        {"executable", "it has another executable than was asked for"},
        {"file-missing", "%s is not there"},
        {"file-unreadable", "%s cannot be read"},
        {"bad-format", "%s is not of the format that the descriptor says"},
        {"bad-size", "%s"},
        {"bad-pair", "%s"},
        {"confidential-flash", "it is in flash, which a guest with %s does not take"},
        {"nvram-size", "its NVRAM has another size than was asked for"},
        {"nvram-format", "it has no NVRAM of the format that was asked for"},
        {"qemu-lacks", "it does, but the QEMU that would start it has no %s"},
        {"geometry-unknown", "the machine has no flash, or none that is known"},
        {"geometry-mismatch", "it records another %s of its flash than QEMU gives it"},
        {"host-lacks", "this host does not offer %s"},
        {"certificate-missing", "a new VM would not have the certificate %s"},
        {"overridden-by", "%s takes its place"},
        {"parse-error", "it is no JSON: line %s"},
        {"schema-error", "it is no firmware descriptor: %s"},
};

char *reason_to_text(const char *reason) {
    const char *colon = strchr(reason, ':');
    gsize length = colon ? (gsize)(colon - reason) : strlen(reason);
    const char *detail = colon ? colon + 1 : "";

    /* the JSON pointer to the whole document is empty */
    if (g_str_has_prefix(detail, ": "))
        detail += strlen(": ");

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        const char *place;

        if (strlen(texts[i].code) != length || strncmp(texts[i].code, reason, length) != 0)
            continue;
        place = strstr(texts[i].text, "%s");
        if (!place)
            return g_strdup(texts[i].text);
        return g_strdup_printf(
                "%.*s%s%s", (int)(place - texts[i].text), texts[i].text, detail,
                place + strlen("%s"));
    }
    return g_strdup(reason);
}
