/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/polkit.h"

#include "base/error.h"

/* Long enough for a person to type a password. */
#define TIMEOUT_USEC (120 * G_USEC_PER_SEC)

#define FLAG_ALLOW_USER_INTERACTION 1u

typedef struct Check {
    sd_bus *bus; /* borrowed */
    PolkitDone done;
    gpointer userdata;
    char *action;
    char *id; /* NULL: polkit owes no answer */
} Check;

static int new_call(sd_bus *bus, const char *method, sd_bus_message **ret) {
    return sd_bus_message_new_method_call(
            bus, ret, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
            "org.freedesktop.PolicyKit1.Authority", method);
}

/* The bus counts a question as pending until polkit has answered, whoever waits for the answer, and
 * an agent can let polkit wait forever: whoever left with unanswered questions would in the end
 * leave no room for those of others. */
static void cancel(const Check *check) {
    g_autoptr(sd_bus_message) call = NULL;

    if (new_call(check->bus, "CancelCheckAuthorization", &call) < 0 ||
        sd_bus_message_append(call, "s", check->id) < 0 ||
        sd_bus_message_set_expect_reply(call, FALSE) < 0 || sd_bus_send(check->bus, call, NULL) < 0)
        g_debug("%s: the question to polkit cannot be cancelled", check->action);
}

static void check_free(void *data) {
    Check *check = data;

    if (check->id)
        cancel(check);
    g_free(check->action);
    g_free(check->id);
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
    Check *check = userdata;
    g_autoptr(GError) error = read_answer(answer, check);

    /* libsystemd reports the end of the time limit as an error of this name */
    if (!sd_bus_message_is_method_error(answer, SD_BUS_ERROR_NO_REPLY))
        g_clear_pointer(&check->id, g_free);
    check->done(error, check->userdata);
    return 0;
}

int polkit_check(
        sd_bus_message *message, const char *action, PolkitDone done, gpointer userdata,
        sd_bus_slot **ret_slot) {
    static guint64 n_checks;
    sd_bus *bus = sd_bus_message_get_bus(message);
    gboolean may_interact = sd_bus_message_get_allow_interactive_authorization(message) > 0;
    g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, n_checks++);
    g_autoptr(sd_bus_message) question = NULL;
    Check *check;
    int r;

    r = new_call(bus, "CheckAuthorization", &question);
    if (r < 0)
        return r;
    r = sd_bus_message_append(
            question, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
            sd_bus_message_get_sender(message), action, 0,
            may_interact ? FLAG_ALLOW_USER_INTERACTION : 0u, id);
    if (r < 0)
        return r;

    check = g_new0(Check, 1);
    check->done = done;
    check->userdata = userdata;
    check->action = g_strdup(action);
    check->bus = bus;
    r = sd_bus_call_async(bus, ret_slot, question, on_answer, check, TIMEOUT_USEC);
    if (r < 0) {
        check_free(check);
        return r;
    }
    check->id = g_steal_pointer(&id);
    return sd_bus_slot_set_destroy_callback(*ret_slot, check_free);
}
