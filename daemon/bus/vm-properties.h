/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus/state.h"

/* Must be called before admission_new(): libsystemd calls the last added filter first. */
int bus_vm_properties_add(Bus *bus);
