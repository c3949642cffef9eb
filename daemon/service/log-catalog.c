/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/log-catalog.h"

#include "service/log-ids.h"

/* Limit for one catalog: ten thousand lines would flood the log. The property Problems lists
 * all. */
#define MAX_PROBLEMS 64

/* -- catalogs ---------------------------------------------------------------------------- */

/* Path -> problem. */
static GHashTable *index_problems(const Catalog *catalog) {
    GHashTable *problems = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; catalog && i < catalog->problems->len; i++) {
        CatalogProblem *problem = catalog->problems->pdata[i];
        g_hash_table_replace(problems, problem->path, problem);
    }
    return problems;
}

static GPtrArray *find_new_problems(const Catalog *before, const Catalog *after) {
    g_autoptr(GHashTable) known = index_problems(before);
    GPtrArray *found = g_ptr_array_new();

    for (guint i = 0; i < after->problems->len; i++) {
        CatalogProblem *problem = after->problems->pdata[i];
        const CatalogProblem *same = g_hash_table_lookup(known, problem->path);

        if (!same || !g_str_equal(same->text, problem->text))
            g_ptr_array_add(found, problem);
    }
    return found;
}

/* Path -> firmware. */
static GHashTable *index_firmware(const Catalog *catalog) {
    GHashTable *files = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < catalog->firmware->len; i++) {
        CatalogFile *file = catalog->firmware->pdata[i];
        g_hash_table_replace(files, file->path, file);
    }
    return files;
}

/* A descriptor is often installed before its image; any other problem is a mistake. */
static void log_problem(const CatalogProblem *problem, const CatalogFile *file) {
    if (file)
        g_log_structured(
                G_LOG_DOMAIN,
                file->state == FIRMWARE_STATE_INVALID ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_MESSAGE,
                "MESSAGE_ID", LOG_ID_FIRMWARE_PROBLEM, "VMFIRMWARE_NAME", file->name,
                "VMFIRMWARE_PATH", problem->path, "MESSAGE", "%s is %s: %s", problem->path,
                firmware_state_to_string(file->state), problem->text);
    else if (problem->is_expired)
        g_log_structured(
                G_LOG_DOMAIN, G_LOG_LEVEL_MESSAGE, "MESSAGE_ID", LOG_ID_FIRMWARE_EXPIRED,
                "VMFIRMWARE_PATH", problem->path, "MESSAGE", "%s: %s", problem->path,
                problem->text);
    else
        g_log_structured(
                G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "MESSAGE_ID", LOG_ID_FIRMWARE_PROBLEM,
                "VMFIRMWARE_PATH", problem->path, "MESSAGE", "%s: %s", problem->path,
                problem->text);
}

void log_catalog(const Catalog *before, const Catalog *after, guint64 generation) {
    g_autoptr(GPtrArray) problems = find_new_problems(before, after);
    g_autoptr(GHashTable) files = NULL;
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, generation);

    g_log_structured(
            G_LOG_DOMAIN, G_LOG_LEVEL_INFO, "MESSAGE_ID", LOG_ID_CATALOG_PUBLISHED,
            "VMFIRMWARE_GENERATION", number, "MESSAGE",
            "catalog %s is in force: %u firmware, %u problem%s", number, after->firmware->len,
            after->problems->len, after->problems->len == 1 ? "" : "s");
    if (problems->len == 0)
        return;

    files = index_firmware(after);
    for (guint i = 0; i < MIN(problems->len, MAX_PROBLEMS); i++) {
        const CatalogProblem *problem = problems->pdata[i];
        log_problem(problem, g_hash_table_lookup(files, problem->path));
    }
    if (problems->len > MAX_PROBLEMS)
        g_warning(
                "%u more problems are in the property Problems, and not here",
                problems->len - MAX_PROBLEMS);
}
