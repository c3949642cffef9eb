/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

extern const sd_bus_vtable bus_vm_vtable[];
