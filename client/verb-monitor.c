/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "message.h"
#include "value.h"
#include "verbs.h"

/* monitor: prints changes until it is interrupted. An event is an a{sv}, which JSON shows and the
 * text is made from. */

typedef struct Monitor {
    Context *context;
    char *service; /* the service's unique name; NULL: no service, or not known yet */
} Monitor;

static void monitor_clear(Monitor *monitor) {
    g_free(monitor->service);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Monitor, monitor_clear)

static void print_event(Context *context, GVariant *event, const char *text) {
    if (context->options->json != JSON_OFF) {
        output_json(context->output, event);
    } else {
        g_variant_unref(g_variant_ref_sink(event));
        output_line("%s", text);
    }
}

static void append_names(GString *text, const char *verb, char **names) {
    g_autofree char *list = g_strjoinv(", ", names);

    if (*names)
        g_string_append_printf(text, "; %s %s", verb, list);
}

static void on_catalog(Context *context, GVariant *body) {
    g_autoptr(GString) text = g_string_new(NULL);
    g_auto(GStrv) added = NULL, removed = NULL, changed = NULL;
    guint64 generation;

    g_variant_get(body, "(t^as^as^as)", &generation, &added, &removed, &changed);
    g_string_printf(text, "catalog %" G_GUINT64_FORMAT, generation);
    append_names(text, "added", added);
    append_names(text, "removed", removed);
    append_names(text, "changed", changed);
    if (!*added && !*removed && !*changed)
        g_string_append(text, "; another answer may be due");

    print_event(
            context,
            g_variant_new_parsed(
                    "{'event': <'catalog-changed'>, 'generation': <%t>, 'added': <%^as>, "
                    "'removed': <%^as>, 'changed': <%^as>}",
                    generation, added, removed, changed),
            text->str);
}

static void on_vm(Context *context, GVariant *body, gboolean is_added) {
    g_autofree char *text = NULL;
    const char *id, *object;
    guint32 owner;

    g_variant_get(body, "(&su&o)", &id, &owner, &object);
    text = g_strdup_printf("%s of uid %u %s", id, owner, is_added ? "added" : "removed");
    print_event(
            context,
            g_variant_new_parsed(
                    "{'event': <%s>, 'id': <%s>, 'owner': <%u>, 'object': <%s>}",
                    is_added ? "vm-added" : "vm-removed", id, owner, object),
            text);
}

static char *get_vm_id(const char *path, guint32 *ret_owner) {
    const char *rest = path + strlen(BUS_VM_PATH "/");
    const char *slash = strchr(rest, '/');
    g_autofree char *parent = slash ? g_strndup(path, (gsize)(slash - path)) : NULL;
    char *decoded = NULL;
    char *id;

    if (!parent || sd_bus_path_decode(path, parent, &decoded) <= 0)
        return g_strdup(path);
    *ret_owner = (guint32)g_ascii_strtoull(rest, NULL, 10);
    id = g_strdup(decoded);
    free(decoded);
    return id;
}

static char *changes_to_text(GVariant *changes) {
    g_autoptr(GString) text = g_string_new(NULL);
    GVariantIter iter;
    const char *name;
    GVariant *member;

    g_variant_iter_init(&iter, changes);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &member)) {
        g_autoptr(GVariant) value = member;
        g_auto(GStrv) lines = value_to_lines(name, value);
        g_autofree char *joined = g_strjoinv(", ", lines);

        g_string_append_printf(text, "%s%s %s", text->len > 0 ? "; " : "", name, joined);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static void on_vm_properties(Context *context, const char *path, GVariant *body) {
    g_autoptr(GVariant) properties = g_variant_get_child_value(body, 1);
    g_autoptr(GVariant) changes = value_from_properties(properties);
    g_autofree char *list = changes_to_text(changes);
    guint32 owner = 0;
    g_autofree char *id = get_vm_id(path, &owner);
    g_autofree char *text = g_strdup_printf("%s of uid %u: %s", id, owner, list);

    print_event(
            context,
            g_variant_new_parsed(
                    "{'event': <'vm-changed'>, 'id': <%s>, 'owner': <%u>, 'object': <%s>, "
                    "'properties': <%@a{sv}>}",
                    id, owner, path, changes),
            text);
}

/* The bus delivers messages that anybody addresses to this connection, matched or not. */
static gboolean is_from(sd_bus_message *message, const char *sender) {
    return sender && g_strcmp0(sd_bus_message_get_sender(message), sender) == 0;
}

static int on_service_signal(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    const Monitor *monitor = userdata;
    Context *context = monitor->context;
    const char *member = sd_bus_message_get_member(message);
    const char *path = sd_bus_message_get_path(message);
    g_autoptr(GVariant) body = NULL;
    int r;

    if (!is_from(message, monitor->service))
        return 0;
    r = message_read(message, &body);
    if (r < 0)
        return r;
    if (g_str_equal(member, "CatalogChanged") &&
        g_variant_is_of_type(body, G_VARIANT_TYPE("(tasasas)")))
        on_catalog(context, body);
    else if (g_str_has_prefix(member, "VM") && g_variant_is_of_type(body, G_VARIANT_TYPE("(suo)")))
        on_vm(context, body, g_str_equal(member, "VMAdded"));
    else if (
            g_str_equal(member, "PropertiesChanged") && g_str_has_prefix(path, BUS_VM_PATH "/") &&
            g_variant_is_of_type(body, G_VARIANT_TYPE("(sa{sv}as)")))
        on_vm_properties(context, path, body);
    return 0;
}

static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
    Monitor *monitor = userdata;
    const char *name, *old_owner, *new_owner;
    gboolean is_up;
    int r;

    if (!is_from(message, "org.freedesktop.DBus"))
        return 0;
    r = sd_bus_message_read(message, "sss", &name, &old_owner, &new_owner);
    if (r < 0)
        return r;
    is_up = *new_owner != '\0';
    g_free(monitor->service);
    monitor->service = is_up ? g_strdup(new_owner) : NULL;
    print_event(
            monitor->context,
            g_variant_new_parsed("{'event': <%s>}", is_up ? "service-started" : "service-stopped"),
            is_up ? "service started" : "service stopped");
    return 0;
}

static int add_matches(Monitor *monitor) {
    sd_bus *bus = connection_get_bus(monitor->context->connection);
    int r;

    r = sd_bus_match_signal(bus, NULL, BUS_NAME, NULL, NULL, NULL, on_service_signal, monitor);
    if (r < 0)
        return r;
    return sd_bus_add_match(
            bus, NULL,
            "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
            "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" BUS_NAME "'",
            on_owner, monitor);
}

static int find_service(Monitor *monitor) {
    sd_bus *bus = connection_get_bus(monitor->context->connection);
    g_autoptr(sd_bus_creds) creds = NULL;
    const char *name;
    int r;

    r = sd_bus_get_name_creds(bus, BUS_NAME, SD_BUS_CREDS_UNIQUE_NAME, &creds);
    if (r == -ENXIO || r == -ESRCH)
        return 0; /* it has gone since: NameOwnerChanged follows */
    if (r < 0)
        return r;
    r = sd_bus_creds_get_unique_name(creds, &name);
    if (r < 0)
        return r;
    g_free(monitor->service);
    monitor->service = g_strdup(name);
    return 0;
}

/* Printed first: no change after this line is missed. */
static gboolean print_begin(Context *context, GError **error) {
    g_autoptr(GVariant) properties = connection_get_properties(
            context->connection, context->what, BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, error);
    g_autofree char *text = NULL;
    guint64 generation = 0;

    if (!properties)
        return FALSE;
    (void)g_variant_lookup(properties, "generation", "t", &generation);
    text = g_strdup_printf("catalog %" G_GUINT64_FORMAT " is in force", generation);
    print_event(
            context, g_variant_new_parsed("{'event': <'begin'>, 'generation': <%t>}", generation),
            text);
    return TRUE;
}

gboolean verb_monitor(Context *context, char **arguments, GError **error) {
    sd_bus *bus = connection_get_bus(context->connection);
    g_auto(Monitor) monitor = {.context = context};
    int r;

    r = add_matches(&monitor);
    if (r >= 0 && !print_begin(context, error))
        return FALSE;
    /* process messages that arrived meanwhile */
    if (r >= 0)
        r = find_service(&monitor);
    /* do not buffer events in a pipe */
    while (r >= 0 && output_flush(context->output)) {
        r = sd_bus_process(bus, NULL);
        if (r == 0)
            r = sd_bus_wait(bus, G_MAXUINT64);
        if (r == -EINTR)
            r = 0;
    }

    if (r >= 0)
        return TRUE; /* output_free() reports the failed write */
    connection_set_error(context->connection, context->what, r, error);
    return FALSE;
}
