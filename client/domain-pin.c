/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "domain-pin.h"

#include <stdio.h>

#include "error.h"
#include "vm.h"

/* Returns the path of the virtual machine that has NVRAM, or NULL; without an error: none has. */
static char *find_vm(Context *context, const char *nvram, GError **error) {
    g_autoptr(GError) failure = NULL;
    g_auto(Reply) reply = {};
    char *path = NULL;

    if (connection_call_manager(
                context->connection, CALL_READ, context->what, "GetVMByPath",
                g_variant_new_parsed("(%s, @a{sv} {})", nvram), "(o)", &reply, &failure))
        g_variant_get(reply.body, "(o)", &path);
    else if (!g_error_matches(failure, CLIENT_ERROR, CLIENT_ERROR_NO_SUCH_VM))
        g_propagate_error(error, g_steal_pointer(&failure));
    return path;
}

/* A virtual machine that a domain has. */
typedef struct Found {
    Context *context;
    const char *id;
    guint32 owner;
    GVariant *resolution;
} Found;

/* PART of the resolution, an image: the same file and format as the domain's. */
static gboolean compare(
        const Found *found, const char *part, const char *element, const char *filename,
        const char *format, GError **error) {
    g_autoptr(GVariant) image =
            g_variant_lookup_value(found->resolution, part, G_VARIANT_TYPE_VARDICT);
    g_autofree char *owner = g_strdup_printf("%u", found->owner);
    g_autofree char *command = NULL;
    const char *own_filename = "";
    const char *own_format = "raw";

    if (!image)
        return TRUE;
    (void)g_variant_lookup(image, "filename", "&s", &own_filename);
    (void)g_variant_lookup(image, "format", "&s", &own_format);
    if (g_strcmp0(filename, own_filename) == 0 &&
        g_strcmp0(format ? format : "raw", own_format) == 0)
        return TRUE;
    command = vm_make_command(found->context->options, "vm --render=libvirt", owner, found->id, "");
    return client_error_set(
            error, CLIENT_ERROR_MUST_NOT_START,
            "the domain's <%s> is %s (%s), and virtual machine %s has %s (%s); '%s' prints the "
            "elements to put in with 'virsh edit'",
            element, filename ? filename : "absent", format ? format : "raw", found->id,
            own_filename, own_format, command);
}

static gboolean check(const Domain *domain, const Found *found, GError **error) {
    const char *nvram_format = domain->nvram_format ? domain->nvram_format : domain->loader_format;
    g_autofree char *mode = NULL;

    (void)g_variant_lookup(found->resolution, "mode", "s", &mode);
    /* the domain runs from a combined firmware's copy, which is its loader */
    if (g_strcmp0(mode, "combined") == 0)
        return compare(found, "nvram", "loader", domain->loader, domain->loader_format, error);
    if (!compare(found, "executable", "loader", domain->loader, domain->loader_format, error))
        return FALSE;
    if (domain->varstore)
        return compare(found, "nvram", "varstore", domain->varstore, "json", error);
    return compare(found, "nvram", "nvram", domain->nvram, nvram_format, error);
}

static GVariant *get_resolution(Context *context, const char *path, GError **error) {
    g_auto(Reply) reply = {};

    if (!connection_call(
                context->connection, CALL_CHANGE, context->what, path, BUS_VM_INTERFACE,
                "GetResolution", g_variant_new_parsed("({'check': <true>},)"), "(a{sv})", &reply,
                error))
        return NULL;
    return g_variant_get_child_value(reply.body, 0);
}

gboolean domain_check_pin(Context *context, const Domain *domain, GError **error) {
    const char *nvram = domain->varstore ? domain->varstore
            : domain->nvram              ? domain->nvram
                                         : domain->loader;
    g_autoptr(GError) failure = NULL;
    g_autofree char *path = nvram ? find_vm(context, nvram, &failure) : NULL;
    g_autoptr(GVariant) properties = NULL;
    g_autoptr(GVariant) resolution = NULL;
    Found found = {.context = context, .id = ""};
    gboolean in_use = FALSE;

    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    if (!path)
        return TRUE;
    properties = connection_get_properties(
            context->connection, context->what, path, BUS_VM_INTERFACE, error);
    if (!properties)
        return FALSE;
    (void)g_variant_lookup(properties, "id", "&s", &found.id);
    (void)g_variant_lookup(properties, "owner", "u", &found.owner);
    (void)g_variant_lookup(properties, "in-use", "b", &in_use);
    (void)printf("%u\n", found.owner);
    output_line("%s", found.id);
    /* before an error, for a caller that reads both from one pipe */
    (void)fflush(stdout);

    if (in_use)
        return client_error_set(
                error, CLIENT_ERROR_MUST_NOT_START,
                "%s: virtual machine %s is in use: another domain or program has it, or another "
                "file in its directory, such as a copy by virt-clone",
                nvram, found.id);

    resolution = get_resolution(context, path, error);
    found.resolution = resolution;
    return resolution && check(domain, &found, error);
}
