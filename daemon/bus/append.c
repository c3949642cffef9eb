/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/append.h"

int bus_append_string(sd_bus_message *message, const char *key, const char *value) {
    return sd_bus_message_append(message, "{sv}", key, "s", value);
}

int bus_open_entry(sd_bus_message *message, const char *key, const char *type) {
    int r;

    r = sd_bus_message_open_container(message, 'e', "sv");
    if (r < 0)
        return r;
    r = sd_bus_message_append(message, "s", key);
    if (r < 0)
        return r;
    return sd_bus_message_open_container(message, 'v', type);
}

int bus_close_entry(sd_bus_message *message) {
    int r;

    r = sd_bus_message_close_container(message);
    if (r < 0)
        return r;
    return sd_bus_message_close_container(message);
}

int bus_append_strv(sd_bus_message *message, const char *key, const char *const *values) {
    int r;

    r = bus_open_entry(message, key, "as");
    if (r < 0)
        return r;
    r = sd_bus_message_append_strv(message, (char **)values);
    if (r < 0)
        return r;
    return bus_close_entry(message);
}

int bus_append_array(
        sd_bus_message *message, const char *type, const GPtrArray *elements,
        BusAppendElement append) {
    int r;

    r = sd_bus_message_open_container(message, 'a', type);
    if (r < 0)
        return r;
    for (guint i = 0; i < elements->len; i++) {
        r = append(message, elements->pdata[i]);
        if (r < 0)
            return r;
    }
    return sd_bus_message_close_container(message);
}

static int append_word(sd_bus_message *message, gconstpointer word) {
    return sd_bus_message_append(message, "s", word);
}

int bus_append_word_list(sd_bus_message *message, const GPtrArray *words) {
    return bus_append_array(message, "s", words, append_word);
}

int bus_append_words(sd_bus_message *message, const char *key, const GPtrArray *words) {
    g_autofree const char **strv = g_new0(const char *, words->len + 1);

    for (guint i = 0; i < words->len; i++)
        strv[i] = words->pdata[i];
    return bus_append_strv(message, key, strv);
}
