/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "keys.h"
#include "reasons.h"
#include "render.h"
#include "value.h"
#include "verbs.h"

/* Verbs that ask for firmware: select, explain, capabilities. Their arguments are ARCHITECTURE and
 * MACHINE. */

static gboolean ask(
        Context *context, const char *method, char **arguments, unsigned groups, const char *type,
        Reply *ret_reply, GError **error) {
    GVariant *requirements = keys_from_options(context->options, groups, NULL, error);

    if (!requirements)
        return FALSE;
    return connection_call_manager(
            context->connection, CALL_READ, context->what, method,
            g_variant_new("(ss@a{sv})", arguments[0], arguments[1], requirements), type, ret_reply,
            error);
}

gboolean verb_select(Context *context, char **arguments, GError **error) {
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) resolution = NULL;

    if (!ask(context, "Select", arguments, OPTIONS_REQUIREMENTS | OPTIONS_NVRAM | OPTIONS_RENDER,
             "(oa{sv})", &reply, error))
        return FALSE;
    resolution = g_variant_get_child_value(reply.body, 1);
    render_resolution(context->output, context->options, resolution);
    return TRUE;
}

gboolean verb_capabilities(Context *context, char **arguments, GError **error) {
    static const char *const order[] = {"firmware", "interfaces", "devices",         "modes",
                                        "formats",  "features",   "features-always", NULL};
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) capabilities = NULL;

    if (!ask(context, "GetCapabilities", arguments, OPTIONS_REQUIREMENTS, "(a{sv})", &reply, error))
        return FALSE;
    capabilities = g_variant_get_child_value(reply.body, 0);
    if (context->options->json != JSON_OFF)
        output_json(context->output, capabilities);
    else
        output_properties(context->output, capabilities, order);
    return TRUE;
}

/* One of Explain's verdicts. Borrows its strings from the reply. */
typedef struct Verdict {
    const char *name;
    const char *path;
    const char *verdict;
    char **reasons; /* the verdict owns the array */
} Verdict;

static void verdict_free(Verdict *verdict) {
    g_free(verdict->reasons);
    g_free(verdict);
}

static GPtrArray *read_verdicts(GVariant *array) {
    GPtrArray *verdicts = g_ptr_array_new_with_free_func((GDestroyNotify)verdict_free);
    GVariantIter iter;
    Verdict verdict;

    g_variant_iter_init(&iter, array);
    while (g_variant_iter_next(
            &iter, "(&s&s&s^a&s)", &verdict.name, &verdict.path, &verdict.verdict,
            &verdict.reasons))
        g_ptr_array_add(verdicts, g_memdup2(&verdict, sizeof(verdict)));
    return verdicts;
}

static const Verdict *find_selected(const GPtrArray *verdicts) {
    for (guint i = 0; i < verdicts->len; i++) {
        const Verdict *verdict = verdicts->pdata[i];
        if (g_str_equal(verdict->verdict, "selected"))
            return verdict;
    }
    return NULL;
}

static void print_verdict(const Verdict *verdict, const Verdict *selected) {
    output_line("  %s (%s)", verdict->path, verdict->verdict);
    if (g_str_equal(verdict->verdict, "accepted") && selected)
        output_line("      it would do, but %s comes first", selected->name);
    if (g_str_equal(verdict->verdict, "masked"))
        output_line("      it hides every firmware of this name");
    for (char **reason = verdict->reasons; *reason; reason++) {
        g_autofree char *text = reason_to_text(*reason);
        output_line("      %s", text);
    }
}

static void print_explanation(char **arguments, const GPtrArray *verdicts) {
    const Verdict *selected = find_selected(verdicts);

    if (selected) {
        output_line("%s %s gets %s:", arguments[0], arguments[1], selected->name);
        output_line("  %s", selected->path);
    } else {
        output_line("%s %s: no firmware fits.", arguments[0], arguments[1]);
    }

    if (verdicts->len > (selected ? 1 : 0))
        (void)printf("\nWhy not%s, in order of priority:\n", selected ? " the others" : "");
    for (guint i = 0; i < verdicts->len; i++)
        if (verdicts->pdata[i] != selected)
            print_verdict(verdicts->pdata[i], selected);
}

gboolean verb_explain(Context *context, char **arguments, GError **error) {
    static const char *const names[] = {"name", "path", "verdict", "reasons", NULL};
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) array = NULL;
    g_autoptr(GPtrArray) verdicts = NULL;

    if (!ask(context, "Explain", arguments, OPTIONS_REQUIREMENTS, "(a(sssas))", &reply, error))
        return FALSE;
    array = g_variant_get_child_value(reply.body, 0);
    if (context->options->json != JSON_OFF) {
        output_json(context->output, value_name_members(array, names));
        return TRUE;
    }

    verdicts = read_verdicts(array);
    print_explanation(arguments, verdicts);
    return TRUE;
}
