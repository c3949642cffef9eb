/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <stdio.h>

#include "error.h"
#include "base/file.h"
#include "lint/lint.h"
#include "core/parse.h"
#include "reasons.h"
#include "lint/record.h"
#include "sources.h"
#include "verbs.h"

/* Verbs that need no service: verify and record, for authors and packagers of descriptors. */

static MachineTable *load_machines(Context *context, const Config *config, GError **error) {
    g_autoptr(GError) failure = NULL;
    MachineTable *machines =
            machine_table_load((const char *const *)config->machine_directories, NULL, &failure);

    if (!machines) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", context->what,
                failure->message);
        return NULL;
    }
    for (guint i = 0; i < machine_table_get_problems(machines)->len; i++)
        output_problem(machine_table_get_problems(machines)->pdata[i]);
    return machines;
}

static GVariant *finding_to_variant(const LintFinding *finding) {
    g_auto(GVariantBuilder) dict = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

    g_variant_builder_add_parsed(
            &dict, "{'severity', <%s>}", lint_severity_to_string(finding->severity));
    g_variant_builder_add_parsed(&dict, "{'code', <%s>}", finding->code);
    g_variant_builder_add_parsed(&dict, "{'path', <%s>}", finding->path);
    if (finding->line > 0) {
        g_variant_builder_add_parsed(&dict, "{'line', <%u>}", finding->line);
        g_variant_builder_add_parsed(&dict, "{'column', <%u>}", finding->column);
    }
    if (finding->pointer)
        g_variant_builder_add_parsed(&dict, "{'pointer', <%s>}", finding->pointer);
    g_variant_builder_add_parsed(&dict, "{'text', <%s>}", finding->text);
    return g_variant_builder_end(&dict);
}

static void print_findings(Context *context, const GPtrArray *findings) {
    g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("aa{sv}"));

    for (guint i = 0; i < findings->len; i++) {
        g_autofree char *line = lint_finding_to_string(findings->pdata[i]);

        if (context->options->json != JSON_OFF)
            g_variant_builder_add_value(&list, finding_to_variant(findings->pdata[i]));
        else
            output_line("%s", line);
    }
    if (context->options->json != JSON_OFF)
        output_json(context->output, g_variant_builder_end(&list));
}

static char *sum_up(const GPtrArray *findings, guint n_files) {
    guint n_errors = 0;

    for (guint i = 0; i < findings->len; i++) {
        const LintFinding *finding = findings->pdata[i];
        n_errors += finding->severity == LINT_SEVERITY_ERROR;
    }
    return g_strdup_printf(
            "%u descriptor%s checked, %u error%s, %u warning%s", n_files, n_files == 1 ? "" : "s",
            n_errors, n_errors == 1 ? "" : "s", findings->len - n_errors,
            findings->len - n_errors == 1 ? "" : "s");
}

gboolean verb_verify(Context *context, char **arguments, GError **error) {
    g_autoptr(Config) config = sources_load_config(context->options, NULL, error);
    g_autoptr(MachineTable) machines = config ? load_machines(context, config, error) : NULL;
    g_autoptr(GPtrArray) layers = NULL;
    g_autoptr(KnownCertificates) known = NULL;
    g_autoptr(GPtrArray) findings = NULL;
    g_autoptr(GError) failure = NULL;
    g_autofree char *sum = NULL;
    LintFacts facts;
    guint n_files = 0;

    if (!machines)
        return FALSE;
    layers = sources_list_layers(context->options, config, error);
    if (!layers)
        return FALSE;
    known = sources_load_known(config, error);
    if (!known)
        return FALSE;
    facts = (LintFacts){.layers = layers,
                        .machines = machines,
                        .known = known,
                        .now = g_get_real_time() / G_USEC_PER_SEC};
    findings = lint_paths((const char *const *)arguments, &facts, &n_files, &failure);
    if (!findings) {
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", context->what,
                failure->message);
        return FALSE;
    }

    print_findings(context, findings);
    sum = sum_up(findings, n_files);
    if (lint_has_errors(findings)) {
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "verify: %s", sum);
        return FALSE;
    }
    if (!context->options->no_legend && context->options->json == JSON_OFF)
        (void)printf("%s%s.\n", findings->len > 0 ? "\n" : "", sum);
    return TRUE;
}

static GBytes *read_document(const char *filename, GError **error) {
    GBytes *document = NULL;
    int r = file_read(AT_FDCWD, filename, PARSE_MAX_SIZE, &document);

    if (r == -ENOTSUP)
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: it is no regular file", filename);
    else if (r == -EFBIG)
        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: too large to be a descriptor",
                filename);
    else if (r < 0)
        g_set_error(error, CLIENT_ERROR, CLIENT_ERROR_FAILURE, "%s: %s", filename, g_strerror(-r));
    return document;
}

/* TEXT is JSON, already pretty-printed. */
static void print_document(Context *context, char *text) {
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *compact = NULL;

    if (context->options->json == JSON_SHORT) {
        root = json_from_string(text, NULL);
        compact = root ? json_to_string(root, FALSE) : NULL;
    }
    output_json_text(compact ? compact : g_strchomp(text));
}

gboolean verb_record(Context *context, char **arguments, GError **error) {
    g_autoptr(Config) config = sources_load_config(context->options, NULL, error);
    g_autoptr(MachineTable) machines = config ? load_machines(context, config, error) : NULL;
    g_autoptr(GBytes) document = machines ? read_document(arguments[0], error) : NULL;
    g_autoptr(GError) failure = NULL;
    g_autofree char *text = NULL;

    if (!document)
        return FALSE;
    text = record_geometry(document, machines, &failure);
    if (!text) {
        g_autofree char *reason = reason_to_text(failure->message);

        g_set_error(
                error, CLIENT_ERROR, CLIENT_ERROR_FAILURE,
                "%s: %s; 'vmfirmwarectl verify' says all that is wrong with it", context->what,
                reason);
        return FALSE;
    }
    print_document(context, text);
    return TRUE;
}
