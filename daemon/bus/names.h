/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All names of the service on the bus. */
#define BUS_NAME "org.vmfirmware1"
#define BUS_MANAGER_PATH "/org/vmfirmware1"
#define BUS_MANAGER_INTERFACE "org.vmfirmware1.Manager"
#define BUS_FIRMWARE_PATH "/org/vmfirmware1/firmware"
#define BUS_FIRMWARE_INTERFACE "org.vmfirmware1.Firmware"
#define BUS_VM_PATH "/org/vmfirmware1/vm"
#define BUS_VM_INTERFACE "org.vmfirmware1.VM"
#define BUS_STATS_INTERFACE "org.freedesktop.DBus.Debug.Stats"
/* org.freedesktop.LogControl1(5) */
#define BUS_LOG_CONTROL_PATH "/org/freedesktop/LogControl1"
#define BUS_LOG_CONTROL_INTERFACE "org.freedesktop.LogControl1"
