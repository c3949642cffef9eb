/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/sink.h"
#include "core/catalog-compare.h"
#include "core/render.h"
#include "core/selection.h"

/*
 * The shape of each answer of the catalog, written once:
 * dbus-interfaces/org.vmfirmware1.Manager.xml and org.vmfirmware1.Firmware.xml say what the keys
 * mean. Each function writes one value.
 */

/* a{sv}. RENDERING NULL: none. */
void answer_resolution(Sink *sink, const Resolution *resolution, const Rendering *rendering);
/* The entries of that a{sv}, for an answer that has more of them. */
void answer_resolution_entries(
        Sink *sink, const Resolution *resolution, const Rendering *rendering);

/* a(sssas), of FileVerdict. */
void answer_verdicts(Sink *sink, const GPtrArray *verdicts);

/* a{sv} */
void answer_capabilities(Sink *sink, const Capabilities *capabilities);

/* a(sso), of the catalog's firmware in priority order. PATH_OF returns the object path of a
 * firmware's name, which is freed here. */
void answer_firmware_list(Sink *sink, const Catalog *catalog, char *(*path_of)(const char *name));

/* A property of org.vmfirmware1.Firmware. */
typedef struct FirmwareProperty {
    const char *name;
    CatalogField field; /* 0: no difference between two catalogs is a change of it */
    void (*write)(Sink *sink, const Catalog *catalog, const CatalogFile *file);
} FirmwareProperty;

/* In the order of the interface; ends with a property without a name. */
extern const FirmwareProperty firmware_properties[];
