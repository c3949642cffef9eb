/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

int bus_manager_add(Bus *bus);
int bus_manager_emit_published(Bus *bus, const Publication *publication);
