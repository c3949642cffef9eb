/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/* Must be called before admission_new(): libsystemd calls the filter first that was added last. */
int bus_vm_properties_add(Bus *bus);
