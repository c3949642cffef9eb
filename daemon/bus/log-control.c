/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/log-control.h"

#include "bus/names.h"
#include "bus/place.h"
#include "service/log.h"

/* org.freedesktop.LogControl1, for `systemctl service-log-level`. Every user may read it; only uid
 * 0 and the service's own uid may write. libsystemd's own check would make a synchronous call. */

static int get_level(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    return sd_bus_message_append(reply, "s", log_level_to_string(log_get_max_level()));
}

static int check_caller(const Bus *bus, sd_bus_error *ret_error) {
    if (bus_is_privileged(bus->caller))
        return 0;
    return sd_bus_error_set(
            ret_error, SD_BUS_ERROR_ACCESS_DENIED,
            "only root and the service's own user may change how it logs");
}

static int set_level(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *value, void *userdata, sd_bus_error *ret_error) {
    const char *word;
    int r;

    r = check_caller(userdata, ret_error);
    if (r < 0)
        return r;
    r = sd_bus_message_read(value, "s", &word);
    if (r < 0)
        return r;
    r = log_level_from_string(word);
    if (r < 0)
        return sd_bus_error_setf(
                ret_error, SD_BUS_ERROR_INVALID_ARGS,
                "\"%s\" is no log level: emerg, alert, crit, err, warning, notice, info, debug",
                word);

    log_set_max_level(r);
    return 1;
}

static int get_target(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    return sd_bus_message_append(reply, "s", log_target_to_string(log_get_target()));
}

static int set_target(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *value, void *userdata, sd_bus_error *ret_error) {
    const char *word;
    LogTarget target;
    int r;

    r = check_caller(userdata, ret_error);
    if (r < 0)
        return r;
    r = sd_bus_message_read(value, "s", &word);
    if (r < 0)
        return r;
    if (log_target_from_string(word, &target) < 0)
        return sd_bus_error_setf(
                ret_error, SD_BUS_ERROR_INVALID_ARGS,
                "\"%s\" is no log target here: auto, console, journal, null", word);

    log_set_target(target);
    return 1;
}

static int get_identifier(
        sd_bus *connection, const char *path, const char *interface, const char *property,
        sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    return sd_bus_message_append(reply, "s", LOG_IDENTIFIER);
}

static const sd_bus_vtable bus_log_control_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_WRITABLE_PROPERTY(
                "LogLevel", "s", get_level, set_level, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_WRITABLE_PROPERTY(
                "LogTarget", "s", get_target, set_target, 0, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("SyslogIdentifier", "s", get_identifier, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

int bus_log_control_add(Bus *bus) {
    return sd_bus_add_object_vtable(
            bus->connection, NULL, BUS_LOG_CONTROL_PATH, BUS_LOG_CONTROL_INTERFACE,
            bus_log_control_vtable, bus);
}
