/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/sd-cleanup.h"

/* The Manager's methods on VMs. */
int bus_method_prepare_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_method_import_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_method_read_variables(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_method_get_vm(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_method_get_vm_by_path(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_method_list_vms(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_method_report_vms(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
