/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* Handler of ChangeVariables of a VM. USERDATA is the VM. */
int bus_method_change_variables(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
