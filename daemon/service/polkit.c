/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/polkit.h"

#include "base/error.h"

/* Long enough for a person to type a password. */
#define TIMEOUT_USEC (120 * G_USEC_PER_SEC)

#define FLAG_ALLOW_USER_INTERACTION 1u

typedef struct Check {
    PolkitDone done;
    gpointer userdata;
    char *action;
} Check;

static void check_free(void *data) {
    Check *check = data;

    g_free(check->action);
    g_free(check);
}

static GError *read_answer(sd_bus_message *answer, const Check *check) {
    const sd_bus_error *error = sd_bus_message_get_error(answer);
    int is_authorized;
    int is_challenge;

    /* a bus limits calls without a reply: dbus-daemon to 128 for each connection */
    if (error && sd_bus_error_has_name(error, SD_BUS_ERROR_LIMITS_EXCEEDED))
        return g_error_new(
                FIRMWARE_ERROR, FIRMWARE_ERROR_LIMITS_EXCEEDED,
                "%s: too many calls wait for polkit: %s", check->action, error->message);
    if (error)
        return g_error_new(
                FIRMWARE_ERROR, FIRMWARE_ERROR_ACCESS_DENIED,
                "%s is not authorised: polkit cannot be asked: %s", check->action, error->message);

    if (sd_bus_message_enter_container(answer, 'r', "bba{ss}") < 0 ||
        sd_bus_message_read(answer, "bb", &is_authorized, &is_challenge) < 0)
        return g_error_new(
                FIRMWARE_ERROR, FIRMWARE_ERROR_ACCESS_DENIED,
                "%s is not authorised: polkit's answer cannot be read", check->action);

    if (is_authorized)
        return NULL;
    if (is_challenge)
        return g_error_new(
                FIRMWARE_ERROR, FIRMWARE_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                "%s needs interactive authorisation", check->action);
    return g_error_new(
            FIRMWARE_ERROR, FIRMWARE_ERROR_ACCESS_DENIED, "%s is not authorised", check->action);
}

static int on_answer(sd_bus_message *answer, void *userdata, sd_bus_error *ret_error) {
    const Check *check = userdata;
    g_autoptr(GError) error = read_answer(answer, check);

    check->done(error, check->userdata);
    return 0;
}

int polkit_check(
        sd_bus_message *message, const char *action, PolkitDone done, gpointer userdata,
        sd_bus_slot **ret_slot) {
    sd_bus *bus = sd_bus_message_get_bus(message);
    gboolean may_interact = sd_bus_message_get_allow_interactive_authorization(message) > 0;
    g_autoptr(sd_bus_message) question = NULL;
    Check *check;
    int r;

    r = sd_bus_message_new_method_call(
            bus, &question, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
            "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
    if (r < 0)
        return r;
    r = sd_bus_message_append(
            question, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
            sd_bus_message_get_sender(message), action, 0,
            may_interact ? FLAG_ALLOW_USER_INTERACTION : 0u, "");
    if (r < 0)
        return r;

    check = g_new0(Check, 1);
    check->done = done;
    check->userdata = userdata;
    check->action = g_strdup(action);
    r = sd_bus_call_async(bus, ret_slot, question, on_answer, check, TIMEOUT_USEC);
    if (r < 0) {
        check_free(check);
        return r;
    }
    return sd_bus_slot_set_destroy_callback(*ret_slot, check_free);
}
