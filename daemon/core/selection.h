/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"
#include "core/request.h"

/*
 * (catalog, request, machine) -> the firmware, or why not, for each. Pure: no I/O, no state.
 * Nothing is chosen or dropped by any rule that is not among the contract's requirements.
 */

/* All that a question is held against. Borrowed. */
typedef struct SelectionInput {
    const Catalog *catalog;
    const Request *request;
    Machine machine;
    const char *const *host_features; /* confidential-computing features that the host offers */
} SelectionInput;

typedef struct FileVerdict {
    const CatalogFile *file; /* of the catalog */
    Verdict verdict;
    GStrv reasons; /* "code" or "code:detail", all that apply */
} FileVerdict;

/* Of FileVerdict: one for each file of each layer, in the catalog's order. */
GPtrArray *selection_explain(const SelectionInput *input) G_GNUC_WARN_UNUSED_RESULT;

/* The first usable firmware that passes; of the catalog.
 * Error: FIRMWARE_ERROR_NO_MATCHING_FIRMWARE. */
const CatalogFile *selection_choose(const SelectionInput *input, GError **error)
        G_GNUC_WARN_UNUSED_RESULT;

/* What of REQUEST a firmware does not satisfy, whatever the machine and the images. */
void selection_check_requirements(
        const Request *request, const char *name, const Descriptor *descriptor,
        const char *const *host_features, GPtrArray *reasons);

/* FILE, of the catalog's firmware, is usable and passes. */
gboolean selection_accepts(const SelectionInput *input, const CatalogFile *file);

/* What the firmware that passes can do. Each list is of char* without repetition, in the order of
 * first occurrence; all are borrowed from the catalog. */
typedef struct Capabilities {
    GPtrArray *firmware; /* names */
    GPtrArray *interfaces;
    GPtrArray *devices;
    GPtrArray *modes;
    GPtrArray *formats;
    GPtrArray *features;        /* some has it */
    GPtrArray *features_always; /* each has it */
} Capabilities;

Capabilities *selection_capabilities(const SelectionInput *input) G_GNUC_WARN_UNUSED_RESULT;
void capabilities_free(Capabilities *capabilities);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Capabilities, capabilities_free)
