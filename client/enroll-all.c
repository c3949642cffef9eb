/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "enroll-all.h"

#include <signal.h>

#include "edit.h"
#include "error.h"
#include "keys.h"
#include "bus/names.h"
#include "progress.h"

typedef enum Outcome {
    OUTCOME_CHANGED,
    OUTCOME_UNCHANGED,
    OUTCOME_IN_USE,
    OUTCOME_FAILED,
} Outcome;
#define N_OUTCOMES 4

static const char *const words[N_OUTCOMES] = {"changed", "unchanged", "in-use", "failed"};

typedef struct Fleet {
    Context *context;
    GVariant *changes;
    Progress progress;
    gboolean is_cut_off; /* the service has gone */
    guint counts[N_OUTCOMES];
    GVariantBuilder json; /* aa{sv} */
} Fleet;

static GVariant *list_vms(Context *context, GError **error) {
    GVariant *options = keys_from_options(context->options, OPTIONS_OWNER, NULL, error);
    g_auto(Reply) reply = {};

    if (!options ||
        !connection_call_manager(
                context->connection, CALL_READ_ALL, context->what, "ReportVMs",
                g_variant_new("(@a{sv})", options), "(aa{sv})", &reply, error))
        return NULL;
    return g_variant_get_child_value(reply.body, 0);
}

/* A VM whose variables have not been read yet is in use, or cannot be changed: the result says so.
 */
static gboolean is_candidate(GVariant *vm) {
    const char *secure_boot = "";

    (void)g_variant_lookup(vm, "secure-boot", "&s", &secure_boot);
    return !g_str_equal(secure_boot, "none") && !g_str_equal(secure_boot, "setup");
}

static gboolean is_in_use(Context *context, const char *object) {
    g_autoptr(GVariant) properties = connection_get_properties(
            context->connection, context->what, object, BUS_VM_INTERFACE, NULL);
    gboolean is_in_use = FALSE;

    if (properties)
        (void)g_variant_lookup(properties, "in-use", "b", &is_in_use);
    return is_in_use;
}

static Outcome change_vm(const Fleet *fleet, const char *id, const char *object, GError **error) {
    g_autofree char *what = g_strdup_printf("enroll %s", id);
    g_autoptr(GVariant) result = NULL;
    g_autoptr(GVariant) changes = NULL;
    GVariantDict options = G_VARIANT_DICT_INIT(NULL);
    g_auto(Reply) reply = {};

    if (options_get(fleet->context->options, "dry-run"))
        g_variant_dict_insert(&options, "dry-run", "b", TRUE);
    if (!connection_call(
                fleet->context->connection, CALL_CHANGE, what, object, BUS_VM_INTERFACE,
                "ChangeVariables",
                g_variant_new("(@aa{sv}@a{sv})", fleet->changes, g_variant_dict_end(&options)),
                "(a{sv})", &reply, error))
        return is_in_use(fleet->context, object) ? OUTCOME_IN_USE : OUTCOME_FAILED;
    result = g_variant_get_child_value(reply.body, 0);
    changes = g_variant_lookup_value(result, "changes", NULL);
    return g_variant_n_children(changes) > 0 ? OUTCOME_CHANGED : OUTCOME_UNCHANGED;
}

static void report(Fleet *fleet, const char *id, Outcome outcome, const GError *failure) {
    const gboolean is_told = fleet->context->options->json == JSON_OFF && failure;

    fleet->counts[outcome]++;
    g_variant_builder_open(&fleet->json, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&fleet->json, "{sv}", "id", g_variant_new_string(id));
    g_variant_builder_add(&fleet->json, "{sv}", "result", g_variant_new_string(words[outcome]));
    if (failure)
        g_variant_builder_add(
                &fleet->json, "{sv}", "error", g_variant_new_string(failure->message));
    g_variant_builder_close(&fleet->json);
    if (is_told)
        progress_clear(&fleet->progress);
    if (is_told && outcome == OUTCOME_FAILED)
        output_line("%s", failure->message);
    else if (is_told)
        output_line("%s: in use, and not changed", id);
}

static void visit(Fleet *fleet, GVariant *vm) {
    const char *id = "", *object = "/";
    g_autoptr(GError) failure = NULL;
    Outcome outcome;

    (void)g_variant_lookup(vm, "id", "&s", &id);
    (void)g_variant_lookup(vm, "object", "&o", &object);
    outcome = change_vm(fleet, id, object, &failure);
    fleet->is_cut_off = g_error_matches(failure, CLIENT_ERROR, CLIENT_ERROR_UNREACHABLE);
    /* one that was removed meanwhile needs no keys */
    if (!fleet->is_cut_off && !g_error_matches(failure, CLIENT_ERROR, CLIENT_ERROR_NO_SUCH_VM))
        report(fleet, id, outcome, failure);
}

/* -- Ctrl-C ------------------------------------------------------------------------------- */

static volatile sig_atomic_t is_interrupted;

static void on_interrupt(int number) {
    is_interrupted = TRUE;
}

/* The first Ctrl-C ends the run after the VM that is being changed; the second ends the program.
 */
static void catch_interrupt(void) {
    const struct sigaction stop = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    struct sigaction before;

    if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        (void)sigaction(SIGINT, &stop, NULL);
}

/* -- all of them -------------------------------------------------------------------------- */

static void print_summary(Fleet *fleet) {
    const gboolean is_dry_run = options_get(fleet->context->options, "dry-run") != NULL;

    if (fleet->context->options->json != JSON_OFF)
        output_json(fleet->context->output, g_variant_builder_end(&fleet->json));
    else
        output_line(
                "%u %s, %u had the keys already, %u in use, %u failed.",
                fleet->counts[OUTCOME_CHANGED], is_dry_run ? "would be changed" : "changed",
                fleet->counts[OUTCOME_UNCHANGED], fleet->counts[OUTCOME_IN_USE],
                fleet->counts[OUTCOME_FAILED]);
}

static guint count_candidates(GVariant *vms) {
    guint n = 0;

    for (gsize i = 0; i < g_variant_n_children(vms); i++) {
        g_autoptr(GVariant) vm = g_variant_get_child_value(vms, i);

        n += is_candidate(vm) ? 1 : 0;
    }
    return n;
}

gboolean enroll_all(Context *context, GVariant *changes, GError **error) {
    g_autoptr(GVariant) owned = g_variant_ref_sink(changes);
    g_autoptr(GVariant) vms = list_vms(context, error);
    Fleet fleet = {.context = context, .changes = owned};
    g_autofree char *label = g_strdup_printf("vmfirmwarectl: %s", context->what);
    g_autofree char *question = NULL;
    guint n, done = 0;

    if (!vms)
        return FALSE;
    n = count_candidates(vms);
    question = g_strdup_printf(
            "Change the variables of %u virtual machines? PCR 7 of each will differ: BitLocker asks "
            "for its recovery key, and LUKS that is bound to PCR 7 does not open.",
            n);
    if (n > 0 && !options_get(context->options, "dry-run") &&
        !edit_confirm(context, question, error))
        return FALSE;
    g_variant_builder_init(&fleet.json, G_VARIANT_TYPE("aa{sv}"));
    catch_interrupt();
    progress_begin(&fleet.progress, label);
    for (gsize i = 0; i < g_variant_n_children(vms) && !is_interrupted && !fleet.is_cut_off; i++) {
        g_autoptr(GVariant) vm = g_variant_get_child_value(vms, i);

        if (!is_candidate(vm))
            continue;
        visit(&fleet, vm);
        if (!fleet.is_cut_off)
            progress_update(&fleet.progress, ++done, n);
    }
    progress_clear(&fleet.progress);
    print_summary(&fleet);
    g_variant_builder_clear(&fleet.json);
    if (done < n)
        return client_error_set(
                error, fleet.is_cut_off ? CLIENT_ERROR_UNREACHABLE : CLIENT_ERROR_FAILURE,
                "%s: %s after %u of %u virtual machines; the same command goes on with the others",
                context->what, fleet.is_cut_off ? "the service has gone" : "interrupted", done, n);
    return fleet.counts[OUTCOME_FAILED] == 0 ||
            client_error_set(
                    error, CLIENT_ERROR_FAILURE, "%s: %u of %u virtual machines failed",
                    context->what, fleet.counts[OUTCOME_FAILED], n);
}
