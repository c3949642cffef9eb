/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog-file.h"

/*
 * A catalog's firmware by architecture and machine, in order of rank. Firmware with the same globs
 * is one group, and a question matches the globs of each group once: fnmatch(3) for each of ten
 * thousand descriptors costs more than all else. Immutable, and shared between threads.
 */

typedef struct Candidates Candidates;

/* FIRMWARE, of CatalogFile, is borrowed and outlives the result. */
Candidates *candidates_new(const GPtrArray *firmware) G_GNUC_WARN_UNUSED_RESULT;
void candidates_free(Candidates *candidates);

/* Calls VISIT in order of rank with each firmware that has a target for the canonical type MACHINE
 * of ARCHITECTURE, until it returns FALSE. */
typedef gboolean (*CandidateVisit)(const CatalogFile *file, gpointer userdata);
void candidates_visit(
        const Candidates *candidates, const char *architecture, const char *machine,
        CandidateVisit visit, gpointer userdata);
