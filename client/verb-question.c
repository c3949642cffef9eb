/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <string.h>

#include "error.h"
#include "firmware.h"
#include "keys.h"
#include "nvram-file.h"
#include "reasons.h"
#include "render.h"
#include "value.h"
#include "verbs.h"

/* Verbs that ask for firmware: select, explain, capabilities. Their arguments are ARCHITECTURE and
 * MACHINE. */

static gboolean ask(
        Context *context, const char *method, char **arguments, unsigned groups, const char *type,
        Reply *ret_reply, GError **error) {
    GVariantDict keys = G_VARIANT_DICT_INIT(NULL);
    GVariant *requirements;

    if (!nvram_file_add_requirements(context, &keys, error)) {
        g_variant_dict_clear(&keys);
        return FALSE;
    }
    requirements = keys_from_options(context->options, groups, &keys, error);
    if (!requirements)
        return FALSE;
    return connection_call_manager(
            context->connection, CALL_READ, context->what, method,
            g_variant_new("(ss@a{sv})", arguments[0], arguments[1], requirements), type, ret_reply,
            error);
}

/* For --render=shell, firmware that needs a copy of the NVRAM has an answer without it, too, but no
 * arguments. */
static gboolean ask_select(Context *context, char **arguments, Reply *ret_reply, GError **error) {
    const unsigned groups = OPTIONS_REQUIREMENTS | OPTIONS_NVRAM;
    const Options *options = context->options;
    gboolean may_lack = g_strcmp0(options_get(options, "render"), "shell") == 0 &&
            !options_get(options, "nvram");
    g_autoptr(GError) failure = NULL;

    if (ask(context, "Select", arguments, groups | OPTIONS_RENDER, "(oa{sv})", ret_reply, &failure))
        return TRUE;
    if (may_lack && g_error_matches(failure, CLIENT_ERROR, CLIENT_ERROR_USAGE))
        return ask(context, "Select", arguments, groups, "(oa{sv})", ret_reply, error);
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

gboolean verb_select(Context *context, char **arguments, GError **error) {
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) resolution = NULL;

    if (!ask_select(context, arguments, &reply, error))
        return FALSE;
    resolution = g_variant_get_child_value(reply.body, 1);
    if (!nvram_file_check(context, resolution, error))
        return FALSE;
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
typedef struct VerdictRow {
    const char *name;
    const char *path;
    const char *verdict;
    char **reasons; /* the verdict owns the array */
} VerdictRow;

static void verdict_free(VerdictRow *verdict) {
    g_free(verdict->reasons);
    g_free(verdict);
}

static GPtrArray *read_verdicts(GVariant *array) {
    GPtrArray *verdicts = g_ptr_array_new_with_free_func((GDestroyNotify)verdict_free);
    GVariantIter iter;
    VerdictRow verdict;

    g_variant_iter_init(&iter, array);
    while (g_variant_iter_next(
            &iter, "(&s&s&s^a&s)", &verdict.name, &verdict.path, &verdict.verdict,
            &verdict.reasons))
        g_ptr_array_add(verdicts, g_memdup2(&verdict, sizeof(verdict)));
    return verdicts;
}

static const VerdictRow *find_selected(const GPtrArray *verdicts) {
    for (guint i = 0; i < verdicts->len; i++) {
        const VerdictRow *verdict = verdicts->pdata[i];
        if (g_str_equal(verdict->verdict, "selected"))
            return verdict;
    }
    return NULL;
}

/* What is printed of an answer of Explain. */
typedef struct Explanation {
    char **arguments;
    GPtrArray *verdicts;
    const VerdictRow *selected;
    GPtrArray *firmware; /* see firmware_get_all(); NULL: nothing is known of their targets */
    char *machine;       /* what the machine type was taken for */
    char *failure;       /* why nothing is selected, in the service's words; or NULL */
} Explanation;

static void explanation_clear(Explanation *explanation) {
    g_clear_pointer(&explanation->verdicts, g_ptr_array_unref);
    g_clear_pointer(&explanation->firmware, g_ptr_array_unref);
    g_free(explanation->machine);
    g_free(explanation->failure);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Explanation, explanation_clear)

static void print_reason(
        const Explanation *explanation, const VerdictRow *verdict, const char *reason) {
    g_autofree char *text = reason_to_text(reason);
    g_autofree char *machines = NULL;

    if (g_str_equal(reason, "machine") && explanation->firmware)
        machines = firmware_get_machines(
                explanation->firmware, verdict->name, explanation->arguments[0]);
    if (machines)
        output_line("      %s (%s), but for %s", text, explanation->machine, machines);
    else
        output_line("      %s", text);
}

static void print_verdict(const Explanation *explanation, const VerdictRow *verdict) {
    const VerdictRow *selected = explanation->selected;

    output_line("  %s (%s)", verdict->path, verdict->verdict);
    if (g_str_equal(verdict->verdict, "accepted") && selected)
        output_line("      it would do, but %s comes first", selected->name);
    if (g_str_equal(verdict->verdict, "masked"))
        output_line("      it hides every firmware of this name");
    for (char **reason = verdict->reasons; *reason; reason++)
        print_reason(explanation, verdict, *reason);
}

static void print_explanation(const Explanation *explanation) {
    const GPtrArray *verdicts = explanation->verdicts;
    const VerdictRow *selected = explanation->selected;
    char **arguments = explanation->arguments;

    if (selected) {
        output_line("%s %s gets %s:", arguments[0], arguments[1], selected->name);
        output_line("  %s", selected->path);
        for (char **reason = selected->reasons; *reason; reason++)
            print_reason(explanation, selected, *reason);
    } else {
        output_line("%s %s: no firmware fits.", arguments[0], arguments[1]);
    }

    if (verdicts->len > (selected ? 1 : 0))
        (void)printf("\nWhy not%s, in order of priority:\n", selected ? " the others" : "");
    for (guint i = 0; i < verdicts->len; i++)
        if (verdicts->pdata[i] != selected)
            print_verdict(explanation, verdicts->pdata[i]);
    if (explanation->failure) {
        (void)putchar('\n');
        output_line("%s", explanation->failure);
    }
}

/* What the verdicts do not say. An answer without it is one, too, so its errors do not count. */
static void ask_more(Context *context, Explanation *explanation) {
    g_autoptr(GError) failure = NULL;
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) resolution = NULL;

    explanation->machine = g_strdup(explanation->arguments[1]);
    explanation->firmware = firmware_get_all(context, NULL);
    if (ask(context, "Select", explanation->arguments, OPTIONS_REQUIREMENTS, "(oa{sv})", &reply,
            &failure)) {
        resolution = g_variant_get_child_value(reply.body, 1);
        g_free(explanation->machine);
        if (!g_variant_lookup(resolution, "machine", "s", &explanation->machine))
            explanation->machine = g_strdup(explanation->arguments[1]);
    } else if (g_error_matches(failure, CLIENT_ERROR, CLIENT_ERROR_NO_MATCH)) {
        explanation->failure = g_strdup(failure->message + strlen(context->what) + strlen(": "));
    }
}

gboolean verb_explain(Context *context, char **arguments, GError **error) {
    static const char *const names[] = {"name", "path", "verdict", "reasons", NULL};
    g_auto(Explanation) explanation = {.arguments = arguments};
    g_auto(Reply) reply = {};
    g_autoptr(GVariant) array = NULL;

    if (!ask(context, "Explain", arguments, OPTIONS_REQUIREMENTS, "(a(sssas))", &reply, error))
        return FALSE;
    array = g_variant_get_child_value(reply.body, 0);
    if (context->options->json != JSON_OFF) {
        output_json(context->output, value_name_members(array, names));
        return TRUE;
    }

    explanation.verdicts = read_verdicts(array);
    explanation.selected = find_selected(explanation.verdicts);
    ask_more(context, &explanation);
    print_explanation(&explanation);
    return TRUE;
}
