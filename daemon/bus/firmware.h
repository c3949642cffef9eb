/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

int bus_firmware_add(Bus *bus);
int bus_firmware_emit_removed(Bus *bus, const CatalogChange *change);
int bus_firmware_emit_published(Bus *bus, const CatalogChange *change);
char *bus_firmware_path(const char *name) G_GNUC_WARN_UNUSED_RESULT;
