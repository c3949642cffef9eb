/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus/request.h"

#include <errno.h>
#include <string.h>

#include "bus/error.h"
#include "base/error.h"

int bus_read_fd(sd_bus_message *message, const char *name, int *ret, sd_bus_error *ret_error) {
    g_autoptr(GError) error = NULL;
    int r;

    r = sd_bus_message_read(message, "h", ret);
    if (r != -EBADMSG)
        return r;

    /* the index of a descriptor that the message does not carry; buses do not check it */
    g_set_error(
            &error, FIRMWARE_ERROR, FIRMWARE_ERROR_INVALID_ARGS,
            "%s: no file descriptor came with it", name);
    return bus_error_set(ret_error, error);
}

/* The caller chooses the length, and the time of sd_bus_message_read_strv() grows with its
 * square. */
int bus_read_strings(sd_bus_message *message, BusStrings strings) {
    gsize n = 0;
    int r;

    r = sd_bus_message_enter_container(message, 'a', "s");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_read_basic(message, 's', &strings[n])) > 0)
        if (++n > REQUEST_MAX_STRINGS)
            break;
    strings[n] = NULL;
    if (r < 0 || n > REQUEST_MAX_STRINGS)
        return MIN(r, 0);

    r = sd_bus_message_exit_container(message);
    return r < 0 ? r : 1;
}

/* Reads the variant of KEY. VALUE borrows from the message or from STRINGS. Returns 0 for a list
 * that is too long and for a type that no key has: then VALUE holds enough for request_set() to
 * reject it, and MESSAGE cannot be read any further, because sd_bus_message_skip() would visit each
 * element. */
static int read_value(
        sd_bus_message *message, const char *key, RequestValue *value, BusStrings strings,
        sd_bus_error *ret_error) {
    const char *contents;
    int is_true;
    int r;

    r = sd_bus_message_peek_type(message, NULL, &contents);
    if (r < 0)
        return r;

    if (strlen(contents) != 1 ? !g_str_equal(contents, "as") : !strchr("sbuth", contents[0]))
        return 0;

    r = sd_bus_message_enter_container(message, 'v', contents);
    if (r < 0)
        return r;

    if (g_str_equal(contents, "s")) {
        value->type = REQUEST_VALUE_STRING;
        r = sd_bus_message_read(message, "s", &value->string);
    } else if (g_str_equal(contents, "b")) {
        value->type = REQUEST_VALUE_BOOLEAN;
        r = sd_bus_message_read(message, "b", &is_true);
        value->boolean = is_true;
    } else if (g_str_equal(contents, "u")) {
        value->type = REQUEST_VALUE_NUMBER;
        r = sd_bus_message_read(message, "u", &value->number);
    } else if (g_str_equal(contents, "t")) {
        value->type = REQUEST_VALUE_SIZE;
        r = sd_bus_message_read(message, "t", &value->size);
    } else if (g_str_equal(contents, "h")) {
        value->type = REQUEST_VALUE_FD;
        r = bus_read_fd(message, key, &value->fd, ret_error);
    } else {
        value->type = REQUEST_VALUE_STRINGS;
        r = bus_read_strings(message, strings);
        value->strings = strings;
        if (r == 0)
            return 0;
    }
    if (r < 0)
        return r;

    return sd_bus_message_exit_container(message);
}

static int read_requirement(sd_bus_message *message, Request *request, sd_bus_error *ret_error) {
    BusStrings strings;
    g_autoptr(GError) error = NULL;
    RequestValue value = {};
    const char *key;
    int r;

    r = sd_bus_message_read(message, "s", &key);
    if (r < 0)
        return r;
    r = read_value(message, key, &value, strings, ret_error);
    if (r < 0)
        return r;

    if (!request_set(request, key, &value, &error))
        return bus_error_set(ret_error, error);
    return 0;
}

int bus_read_options(sd_bus_message *message, Request *request, sd_bus_error *ret_error) {
    int r;

    r = sd_bus_message_enter_container(message, 'a', "{sv}");
    if (r < 0)
        return r;
    while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        r = read_requirement(message, request, ret_error);
        if (r < 0)
            return r;
        r = sd_bus_message_exit_container(message);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;

    return sd_bus_message_exit_container(message);
}

int bus_read_request(
        sd_bus_message *message, RequestCall call, Request **ret, sd_bus_error *ret_error) {
    g_autoptr(Request) request = NULL;
    g_autoptr(GError) error = NULL;
    const char *architecture;
    const char *machine;
    int r;

    r = sd_bus_message_read(message, "ss", &architecture, &machine);
    if (r < 0)
        return r;

    request = request_new(call, architecture, machine, &error);
    if (!request)
        return bus_error_set(ret_error, error);

    r = bus_read_options(message, request, ret_error);
    if (r < 0)
        return r;

    *ret = g_steal_pointer(&request);
    return 0;
}
