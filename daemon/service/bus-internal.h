/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bus.h"
#include "request.h"
#include "resolution.h"

/* Shared by bus*.c. Functions return negative errno on failure, as libsystemd's callbacks do. */

struct Bus {
    sd_bus *connection;
    Manager *manager;
    GPtrArray *reloads; /* calls of Reload that wait: see bus-reload.c */
};

/* bus-error.c: the one place where a GError becomes a D-Bus error. Returns a negative errno. */
int bus_error_set(sd_bus_error *ret_error, const GError *error);

/* bus-manager.c */
int bus_manager_add(Bus *bus);
int bus_manager_emit_published(
        Bus *bus, const CatalogChange *change, gboolean host_features_differ);

/* bus-reload.c */
int bus_method_reload(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
GPtrArray *bus_reloads_new(void) G_GNUC_WARN_UNUSED_RESULT;

/* bus-firmware.c */
int bus_firmware_add(Bus *bus);
int bus_firmware_emit_removed(Bus *bus, const CatalogChange *change);
int bus_firmware_emit_published(Bus *bus, const CatalogChange *change);
char *bus_firmware_path(const char *name) G_GNUC_WARN_UNUSED_RESULT;

/* bus-request.c: reads "ss" and a{sv} of requirements; a wrong question sets RET_ERROR. */
int bus_read_request(
        sd_bus_message *message, RequestCall call, Request **ret, sd_bus_error *ret_error);

/* bus-resolution.c: appends the a{sv} of a resolution, with what REQUEST wants rendered. */
int bus_append_resolution(
        sd_bus_message *reply, const Resolution *resolution, const Request *request,
        sd_bus_error *ret_error);

/* bus-append.c: entries of an a{sv}, and lists. */
int bus_append_string(sd_bus_message *message, const char *key, const char *value);
int bus_append_strv(sd_bus_message *message, const char *key, const char *const *values);
int bus_append_words(sd_bus_message *message, const char *key, const GPtrArray *words);
int bus_append_word_list(sd_bus_message *message, const GPtrArray *words);
