/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vm/vm-op.h"

/*
 * The assessment of many VMs against one catalog: once for all VMs of an owner whose pins are
 * alike.
 */

typedef struct Assessed {
    uid_t owner;
    char *id;
    Pin *pin;
    guint n_assessed;      /* for the caller */
    guint old_differences; /* VMDifference, or-ed; set by the caller */
    VMCondition condition; /* as last read; set by the caller */

    /* The result: */
    gboolean is_assessed; /* FALSE: an image cannot be read */
    guint differences;
    gboolean has_condition; /* CONDITION has been read again */
} Assessed;

typedef struct Assessment {
    VMStore *store;       /* borrowed */
    DigestCache *digests; /* borrowed */
    Catalog *catalog;
    GStrv host_features;
    GPtrArray *all; /* of Assessed */
} Assessment;

Assessment *assessment_new(
        VMStore *store, DigestCache *digests, const Catalog *catalog,
        const char *const *host_features) G_GNUC_WARN_UNUSED_RESULT;
/* Accepts NULL. */
void assessment_free(Assessment *assessment);

/* Returns the new element, borrowed. */
Assessed *assessment_add(Assessment *assessment, uid_t owner, const char *id, const Pin *pin);
/* For a worker thread. */
void assessment_run(Assessment *assessment);
