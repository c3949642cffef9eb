/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus-introspect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bus-internal.h"
#include "bus-names.h"
#include "file.h"

/* sd-bus makes the XML of whatever is on a connection: so there is one, to this process itself, with
 * the same tables as on the bus, and no objects behind them. */

typedef struct Node {
    const char *path; /* labels all in capitals stand for any */
    const char *interface;
    const sd_bus_vtable *vtable; /* NULL: an object manager */
} Node;

static const Node nodes[] = {
        {BUS_MANAGER_PATH, BUS_MANAGER_INTERFACE, bus_manager_vtable},
        {BUS_FIRMWARE_PATH, "org.freedesktop.DBus.ObjectManager", NULL},
        {BUS_FIRMWARE_PATH "/NAME", BUS_FIRMWARE_INTERFACE, bus_firmware_vtable},
        {BUS_VM_PATH "/UID/ID", BUS_VM_INTERFACE, bus_vm_vtable},
        {BUS_LOG_CONTROL_PATH, BUS_LOG_CONTROL_INTERFACE, bus_log_control_vtable},
};

static gboolean node_matches(const Node *node, const char *path) {
    g_auto(GStrv) wanted = g_strsplit(node->path, "/", -1);
    g_auto(GStrv) given = g_strsplit(path, "/", -1);
    gsize n = g_strv_length(wanted);

    if (g_strv_length(given) != n)
        return FALSE;
    for (gsize i = 0; i < n; i++)
        if (wanted[i][strspn(wanted[i], G_CSET_A_2_Z)] && !g_str_equal(wanted[i], given[i]))
            return FALSE;
    return TRUE;
}

static const Node *find_node(const char *path) {
    if (!sd_bus_object_path_is_valid(path))
        return NULL;
    for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++)
        if (node_matches(&nodes[i], path))
            return &nodes[i];
    return NULL;
}

/* Takes FD. */
static int open_end(sd_event *event, int fd, gboolean is_server, sd_bus **ret) {
    g_auto(FileFd) owned_fd = fd;
    g_autoptr(sd_bus) end = NULL;
    int r;

    r = sd_bus_new(&end);
    if (r < 0)
        return r;
    r = sd_bus_set_fd(end, owned_fd, owned_fd);
    if (r < 0)
        return r;
    owned_fd = FILE_FD_NONE;
    if (is_server) {
        r = sd_bus_set_server(end, TRUE, SD_ID128_NULL);
        if (r < 0)
            return r;
    }
    r = sd_bus_set_anonymous(end, TRUE);
    if (r < 0)
        return r;
    r = sd_bus_start(end);
    if (r < 0)
        return r;
    r = sd_bus_attach_event(end, event, SD_EVENT_PRIORITY_NORMAL);
    if (r < 0)
        return r;
    *ret = g_steal_pointer(&end);
    return 0;
}

typedef struct Answer {
    sd_event *event;
    FILE *out;
} Answer;

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
    const Answer *answer = userdata;
    const char *xml;
    int r;

    r = -sd_bus_message_get_errno(reply);
    if (r == 0)
        r = sd_bus_message_read(reply, "s", &xml);
    if (r >= 0)
        r = fputs(xml, answer->out) < 0 ? -errno : 0;
    return sd_event_exit(answer->event, r);
}

static int write_node(const Node *node, const char *path, FILE *out) {
    g_autoptr(sd_event) event = NULL;
    g_autoptr(sd_bus) server = NULL;
    g_autoptr(sd_bus) client = NULL;
    Answer answer = {.out = out};
    int fds[2];
    int r;

    r = sd_event_new(&event);
    if (r < 0)
        return r;
    answer.event = event;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -errno;
    r = open_end(event, fds[0], TRUE, &server);
    if (r < 0) {
        (void)close(fds[1]);
        return r;
    }
    r = open_end(event, fds[1], FALSE, &client);
    if (r < 0)
        return r;

    r = node->vtable
            ? sd_bus_add_object_vtable(server, NULL, path, node->interface, node->vtable, NULL)
            : sd_bus_add_object_manager(server, NULL, path);
    if (r < 0)
        return r;
    r = sd_bus_call_method_async(
            client, NULL, NULL, path, "org.freedesktop.DBus.Introspectable", "Introspect",
            on_answer, &answer, NULL);
    if (r < 0)
        return r;
    return sd_event_loop(event);
}

int bus_introspect(const char *path, FILE *out) {
    const Node *node;

    if (g_str_equal(path, "list")) {
        gsize width = 0;

        for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++)
            width = MAX(width, strlen(nodes[i].path));
        for (gsize i = 0; i < G_N_ELEMENTS(nodes); i++)
            if (fprintf(out, "%-*s  %s\n", (int)width, nodes[i].path, nodes[i].interface) < 0)
                return -errno;
        return 0;
    }

    node = find_node(path);
    return node ? write_node(node, path, out) : -ENOENT;
}
