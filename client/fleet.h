/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "verbs.h"

/*
 * The variable stores of all VMs, and of all firmware's templates.
 */

typedef struct FleetStore {
    gboolean is_vm; /* FALSE: a template */
    char *name;     /* the id of the VM, or the name of the firmware */
    guint32 owner;  /* of a VM */
    char *state;
    char *secure_boot; /* as the properties of this name */
    char *health;
    gint64 expires; /* of a VM; 0: no certificate */
    GVariant *certificates;
    /* What certificates of the current generation it lacks for its purposes: "kek windows"; "" */
    char *needs;
} FleetStore;

/* Returns all of FleetStore, or NULL with an error. */
GPtrArray *fleet_read(Context *context, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the generations in CERTIFICATES (a{ss}): "2011", "2023", "2011+2023"; "mixed" if the
 * purposes that are served differ; "none". */
char *fleet_get_generation(GVariant *certificates) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the date on which certificates expired that the PROPERTIES of a virtual machine tell of;
 * NULL: none has, or Secure Boot is not enforced. */
char *fleet_find_expired(GVariant *properties) G_GNUC_WARN_UNUSED_RESULT;

/* Returns the properties of a VM or of firmware with secure-boot in words: what follows from the
 * certificates. Not floating. */
GVariant *fleet_say_secure_boot(GVariant *properties) G_GNUC_WARN_UNUSED_RESULT;
