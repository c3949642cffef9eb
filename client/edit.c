/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "edit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "error.h"
#include "sources.h"
#include "store-edit.h"
#include "vm.h"

GVariant *edit_make_change(const char *kind, const EditKey *keys) {
    GVariantDict dict = G_VARIANT_DICT_INIT(NULL);

    g_variant_dict_insert(&dict, "do", "s", kind);
    for (; keys->key; keys++)
        if (keys->value)
            g_variant_dict_insert_value(&dict, keys->key, keys->value);
    return g_variant_dict_end(&dict);
}

typedef struct Edit {
    Context *context;
    const char *argument;     /* an id, or a file */
    KnownCertificates *known; /* of a file */
    GVariant *changes;
} Edit;

static GVariant *make(const Edit *edit, gboolean is_dry_run, const char *expected, GError **error) {
    Context *context = edit->context;

    GVariantDict options = G_VARIANT_DICT_INIT(NULL);
    g_auto(Reply) reply = {};

    if (!context->connection)
        return store_edit_file(
                context, edit->argument, edit->known, edit->changes, is_dry_run, expected, error);
    if (!text_is_valid(edit->argument)) {
        (void)client_error_set(
                error, CLIENT_ERROR_FAILURE, "%s: neither a file nor an id in UTF-8",
                context->what);
        return NULL;
    }
    if (is_dry_run)
        g_variant_dict_insert(&options, "dry-run", "b", TRUE);
    if (expected)
        g_variant_dict_insert(&options, "expected", "s", expected);
    if (!vm_call(
                context, edit->argument, "ChangeVariables",
                g_variant_new("(@aa{sv}@a{sv})", edit->changes, g_variant_dict_end(&options)),
                "(a{sv})", &reply, error))
        return NULL;
    return g_variant_get_child_value(reply.body, 0);
}

/* -- the plan --------------------------------------------------------------------------- */

static void print_changes(Context *context, GVariant *changes) {
    static const char *const headings[] = {"VARIABLE", ">BEFORE", ">AFTER", "CHANGE", NULL};
    g_autoptr(Table) table = output_table_new(context->output, headings);

    for (gsize i = 0; i < g_variant_n_children(changes); i++) {
        g_autoptr(GVariant) change = g_variant_get_child_value(changes, i);
        const char *name = "", *what = "";
        guint64 before = 0, after = 0;
        g_autofree char *before_text = NULL, *after_text = NULL;

        (void)g_variant_lookup(change, "variable", "&s", &name);
        (void)g_variant_lookup(change, "what", "&s", &what);
        (void)g_variant_lookup(change, "before", "t", &before);
        (void)g_variant_lookup(change, "after", "t", &after);
        before_text = g_strdup_printf("%" G_GUINT64_FORMAT, before);
        after_text = g_strdup_printf("%" G_GUINT64_FORMAT, after);
        output_table_add(table, (const char *[]){name, before_text, after_text, what}, 0, NULL);
    }
    output_table_print(context->output, table);
}

static void print_missing(GVariant *plan) {
    g_auto(GStrv) missing = NULL;
    g_autofree char *text = NULL;

    if (!g_variant_lookup(plan, "missing", "^as", &missing) || !*missing)
        return;
    text = g_strjoinv(", ", missing);
    output_line("Not on this host, and not required: %s.", text);
}

static char *get_secure_boot(GVariant *plan, const char *when) {
    g_autoptr(GVariant) report = g_variant_lookup_value(plan, when, G_VARIANT_TYPE_VARDICT);
    char *state;

    return report && g_variant_lookup(report, "secure-boot", "s", &state) ? state : g_strdup("");
}

/* Returns FALSE if nothing changes. */
static gboolean print_plan(Context *context, GVariant *plan) {
    g_autoptr(GVariant) changes = g_variant_lookup_value(plan, "changes", NULL);
    g_autofree char *before = get_secure_boot(plan, "before");
    g_autofree char *after = get_secure_boot(plan, "after");
    gboolean pcr7 = FALSE;

    print_missing(plan);
    if (g_variant_n_children(changes) == 0) {
        output_line("Nothing changes.");
        return FALSE;
    }
    print_changes(context, changes);
    if (!g_str_equal(before, after))
        output_line("Secure Boot: %s, was %s.", after, before);
    (void)g_variant_lookup(plan, "pcr7", "b", &pcr7);
    if (pcr7)
        output_line(
                "The TPM's PCR 7 will differ: BitLocker asks for its recovery key, and LUKS that "
                "is bound to PCR 7 does not open.");
    return TRUE;
}

/* -- agreement -------------------------------------------------------------------------- */

gboolean edit_confirm(const Context *context, const char *question, GError **error) {
    char line[16] = "";

    if (options_get(context->options, "yes"))
        return TRUE;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO) || context->options->json != JSON_OFF)
        return client_error_set(
                error, CLIENT_ERROR_USAGE,
                "%s: nobody can be asked: --yes makes the changes, --dry-run only shows them",
                context->what);
    (void)output_flush(context->output);
    (void)fprintf(stderr, "%s [y/N] ", question);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return TRUE;
    return client_error_set(error, CLIENT_ERROR_FAILURE, "%s: nothing was changed", context->what);
}

static gboolean show_and_make(const Edit *edit, GError **error) {
    Context *context = edit->context;
    g_autoptr(GVariant) plan = make(edit, TRUE, NULL, error);
    g_autoptr(GVariant) result = NULL;
    const char *sha256 = NULL;

    if (!plan)
        return FALSE;
    if (!print_plan(context, plan) || options_get(context->options, "dry-run"))
        return TRUE;
    if (!edit_confirm(context, "Make these changes?", error))
        return FALSE;
    (void)g_variant_lookup(plan, "sha256", "&s", &sha256);
    result = make(edit, FALSE, sha256, error);
    return result != NULL;
}

static gboolean make_and_print(const Edit *edit, GError **error) {
    Context *context = edit->context;
    const gboolean is_dry_run = options_get(context->options, "dry-run") != NULL;
    g_autoptr(GVariant) result = NULL;

    if (!is_dry_run && !edit_confirm(context, "", error))
        return FALSE;
    result = make(edit, is_dry_run, NULL, error);
    if (!result)
        return FALSE;
    output_json(context->output, result);
    return TRUE;
}

gboolean edit_run(Context *context, const char *argument, GVariant *changes, GError **error) {
    g_autoptr(GVariant) owned = g_variant_ref_sink(changes);
    g_autoptr(Config) config = NULL;
    g_autoptr(KnownCertificates) known = NULL;
    Edit edit = {.context = context, .argument = argument, .changes = owned};

    if (!context->connection) {
        config = sources_load_config(context->options, NULL, error);
        known = config ? sources_load_known(config, error) : NULL;
        if (!known)
            return FALSE;
        edit.known = known;
    }
    return context->options->json == JSON_OFF ? show_and_make(&edit, error)
                                              : make_and_print(&edit, error);
}
