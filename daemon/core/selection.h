/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"
#include "core/request.h"

/*
 * (catalog, request, machine) to the firmware, or the reasons against each. Pure: no I/O, no state.
 * Only the contract's requirements choose and reject.
 */

/* The input of a request. Borrowed. */
typedef struct SelectionInput {
    const Catalog *catalog;
    const Request *request;
    Machine machine;
    const char *const *host_features; /* confidential-computing features of the host */
    gboolean has_store; /* the VM's variables are there, and are not made from the template */
} SelectionInput;

/* The input for REQUEST on the machine that it names. */
SelectionInput selection_input(
        const Catalog *catalog, const char *const *host_features, const Request *request);

typedef struct FileVerdict {
    const CatalogFile *file; /* of the catalog */
    Verdict verdict;
    GStrv reasons; /* "code" or "code:detail", all that apply */
} FileVerdict;

/* Returns an array of FileVerdict: one for each file of each layer, in the catalog's order. */
GPtrArray *selection_explain(const SelectionInput *input) G_GNUC_WARN_UNUSED_RESULT;

/* Calls VISIT with each usable firmware that passes, in order, until it returns FALSE. */
void selection_visit(const SelectionInput *input, CandidateVisit visit, gpointer userdata);

/* Sets *RET to the size in bytes of the NVRAM of a VM that gets FILE: 0 for a JSON store. Returns
 * FALSE if the firmware keeps no variables, or does not fit the machine. */
gboolean selection_find_nvram_size(
        const SelectionInput *input, const CatalogFile *file, guint64 *ret);

/* Adds to REASONS the requirements that a firmware does not satisfy, apart from machine and
 * images. IMAGES: of the catalog. */
void selection_check_requirements(
        const Request *request, GHashTable *images, const char *name, const Descriptor *descriptor,
        const char *const *host_features, GPtrArray *reasons);

/* FILE, one of the catalog's firmware, is usable and passes. */
gboolean selection_accepts(const SelectionInput *input, const CatalogFile *file);

/* The capabilities of the firmware that passes. Each list holds char* without duplicates, in the
 * order of first occurrence, borrowed from the catalog. */
typedef struct Capabilities {
    GPtrArray *firmware; /* names */
    GPtrArray *interfaces;
    GPtrArray *devices;
    GPtrArray *modes;
    GPtrArray *formats;
    GPtrArray *features;        /* of some firmware */
    GPtrArray *features_always; /* of every firmware */
} Capabilities;

Capabilities *selection_capabilities(const SelectionInput *input) G_GNUC_WARN_UNUSED_RESULT;
void capabilities_free(Capabilities *capabilities);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Capabilities, capabilities_free)
