/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/assessment.h"

#include "vm/vm-assess.h"
#include "vm/vm-condition.h"

static void assessed_free(gpointer data) {
    Assessed *assessed = data;

    g_free(assessed->id);
    pin_unref(assessed->pin);
    vm_condition_clear(&assessed->condition);
    g_free(assessed);
}

Assessment *assessment_new(
        VMStore *store, DigestCache *digests, const Catalog *catalog,
        const char *const *host_features) {
    Assessment *assessment = g_new0(Assessment, 1);

    assessment->store = store;
    assessment->digests = digests;
    assessment->catalog = catalog_ref((Catalog *)catalog);
    assessment->host_features = g_strdupv((GStrv)host_features);
    assessment->all = g_ptr_array_new_with_free_func(assessed_free);
    return assessment;
}

void assessment_free(Assessment *assessment) {
    if (!assessment)
        return;

    catalog_unref(assessment->catalog);
    g_strfreev(assessment->host_features);
    g_ptr_array_unref(assessment->all);
    g_free(assessment);
}

Assessed *assessment_add(Assessment *assessment, uid_t owner, const char *id, const Pin *pin) {
    Assessed *assessed = g_new0(Assessed, 1);

    assessed->owner = owner;
    assessed->id = g_strdup(id);
    assessed->pin = pin_ref(pin);
    g_ptr_array_add(assessment->all, assessed);
    return assessed;
}

static guint hash_assessed(gconstpointer data) {
    const Assessed *assessed = data;

    return pin_hash(assessed->pin) ^ assessed->owner;
}

/* Compares owners too, because an image may be readable for one owner and not for another. */
static gboolean is_alike(gconstpointer a, gconstpointer b) {
    const Assessed *assessed_a = a;
    const Assessed *assessed_b = b;

    return assessed_a->owner == assessed_b->owner && pin_is_alike(assessed_a->pin, assessed_b->pin);
}

static void assess(const Assessment *assessment, Assessed *assessed) {
    const VMOp op = {
            .store = assessment->store,
            .digests = assessment->digests,
            .catalog = assessment->catalog,
            .host_features = assessment->host_features,
            .owner = assessed->owner,
            .id = assessed->id,
            .pin = assessed->pin,
            .source = FILE_FD_NONE,
    };
    g_auto(VMResult) result = VM_RESULT_INIT;

    assessed->is_assessed = vm_assess(&op, &result, NULL, NULL);
    assessed->differences = result.differences;
}

/* The certificates may have other names than at the last look. */
static gboolean must_look(const Assessment *assessment, const Assessed *assessed) {
    return assessed->pin->has_nvram &&
            (!assessed->condition.look ||
             assessed->condition.look->known != assessment->catalog->known);
}

void assessment_run(Assessment *assessment) {
    g_autoptr(GHashTable) known = g_hash_table_new(hash_assessed, is_alike);
    VMStoreWalk walk; /* never over all VMs of an owner */

    vmstore_walk_begin(&walk, assessment->store);
    for (guint i = 0; i < assessment->all->len; i++) {
        Assessed *assessed = assessment->all->pdata[i];
        const Assessed *same = g_hash_table_lookup(known, assessed);

        if (same) {
            assessed->is_assessed = same->is_assessed;
            assessed->differences = same->differences;
        } else {
            g_hash_table_add(known, assessed);
            assess(assessment, assessed);
        }
        /* a changed State is broadcast in a signal, so the condition is read here */
        if ((assessed->is_assessed && assessed->differences != assessed->old_differences) ||
            must_look(assessment, assessed))
            assessed->has_condition = vm_read_state(
                    &walk, assessed->owner, assessed->id, assessed->pin, assessment->catalog->known,
                    &assessed->condition);
    }
}
