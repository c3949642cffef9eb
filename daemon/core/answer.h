/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/sink.h"
#include "core/catalog-compare.h"
#include "core/render.h"
#include "core/selection.h"

/*
 * The only description of the shape of each answer of the catalog.
 * dbus-interfaces/org.vmfirmware1.Manager.xml and org.vmfirmware1.Firmware.xml document the keys.
 * Each function writes one value.
 */

/* Writes an a{sv}. A NULL RENDERING adds no keys. */
void answer_resolution(Sink *sink, const Resolution *resolution, const Rendering *rendering);
/* Writes the entries of that a{sv}, for an answer with further entries. STORE has the variables of
 * the VM, or of the template; NULL: unknown. */
void answer_resolution_entries(
        Sink *sink, const Resolution *resolution, const StoreSummary *store,
        const Rendering *rendering);

/* Writes an a(sssas) from an array of FileVerdict. */
void answer_verdicts(Sink *sink, const GPtrArray *verdicts);

/* Writes an a{sv}. */
void answer_capabilities(Sink *sink, const Capabilities *capabilities);

/* Writes an a(sso): the catalog's firmware in priority order. PATH_OF returns the object path for a
 * firmware's name; this function frees the path. */
void answer_firmware_list(Sink *sink, const Catalog *catalog, char *(*path_of)(const char *name));

/* Writes an as: the directories of LAYERS (of CatalogLayer), or their only files. */
void answer_search_path(Sink *sink, const GPtrArray *layers);

/* Writes an a(ss): the catalog's problems. */
void answer_problems(Sink *sink, const Catalog *catalog);

/* A property of org.vmfirmware1.Firmware. */
typedef struct FirmwareProperty {
    const char *name;
    CatalogField field; /* the field that changes with the property; 0: no change is reported */
    void (*write)(Sink *sink, const Catalog *catalog, const CatalogFile *file);
} FirmwareProperty;

/* In the order of the interface; ends with a property whose name is NULL. */
extern const FirmwareProperty firmware_properties[];
