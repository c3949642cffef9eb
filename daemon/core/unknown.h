/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "core/catalog.h"
#include "core/request.h"

/*
 * Names of a question that nothing knows: most likely they are misspelt.
 */

/* What is unknown of REQUEST, with the nearest known name: its architecture, its machine type, a
 * feature or a certificate that it requires, or its firmware. NULL where all of it is known to a
 * table, a descriptor, an emulator or the schema. */
char *unknown_describe(const Catalog *catalog, const Request *request) G_GNUC_WARN_UNUSED_RESULT;

/* What alike_hint() has for a firmware's name, which may be that of its file. */
char *unknown_firmware_hint(const Catalog *catalog, const char *name) G_GNUC_WARN_UNUSED_RESULT;
