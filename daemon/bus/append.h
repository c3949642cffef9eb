/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include "service/sd-cleanup.h"

/* Entries of an a{sv}, and lists. TYPE is of the entry's value, or of an element. */
int bus_open_entry(sd_bus_message *message, const char *key, const char *type);
int bus_close_entry(sd_bus_message *message);
typedef int (*BusAppendElement)(sd_bus_message *message, gconstpointer element);
int bus_append_array(
        sd_bus_message *message, const char *type, const GPtrArray *elements,
        BusAppendElement append);
int bus_append_string(sd_bus_message *message, const char *key, const char *value);
int bus_append_strv(sd_bus_message *message, const char *key, const char *const *values);
int bus_append_words(sd_bus_message *message, const char *key, const GPtrArray *words);
int bus_append_word_list(sd_bus_message *message, const GPtrArray *words);
