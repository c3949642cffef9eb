/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "domain-pin.h"

#include <stdio.h>

#include "error.h"

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

/* PART of the resolution, an image: the same file and format as the domain's. */
static gboolean compare(
        GVariant *resolution, const char *part, const char *id, const char *element,
        const char *filename, const char *format, GError **error) {
    g_autoptr(GVariant) image = g_variant_lookup_value(resolution, part, G_VARIANT_TYPE_VARDICT);
    const char *own_filename = "";
    const char *own_format = "raw";

    if (!image)
        return TRUE;
    (void)g_variant_lookup(image, "filename", "&s", &own_filename);
    (void)g_variant_lookup(image, "format", "&s", &own_format);
    if (g_strcmp0(filename, own_filename) == 0 &&
        g_strcmp0(format ? format : "raw", own_format) == 0)
        return TRUE;
    return client_error_set(
            error, CLIENT_ERROR_MUST_NOT_START,
            "the domain's <%s> is %s (%s), and virtual machine %s has %s (%s); 'vmfirmwarectl vm %s "
            "--render=libvirt' prints the elements to put in with 'virsh edit'",
            element, filename ? filename : "absent", format ? format : "raw", id, own_filename,
            own_format, id);
}

static gboolean check(const Domain *domain, GVariant *resolution, const char *id, GError **error) {
    const char *nvram_format = domain->nvram_format ? domain->nvram_format : domain->loader_format;
    g_autofree char *mode = NULL;

    (void)g_variant_lookup(resolution, "mode", "s", &mode);
    /* the domain runs from a combined firmware's copy, which is its loader */
    if (g_strcmp0(mode, "combined") == 0)
        return compare(
                resolution, "nvram", id, "loader", domain->loader, domain->loader_format, error);
    if (!compare(
                resolution, "executable", id, "loader", domain->loader, domain->loader_format,
                error))
        return FALSE;
    if (domain->varstore)
        return compare(resolution, "nvram", id, "varstore", domain->varstore, "json", error);
    return compare(resolution, "nvram", id, "nvram", domain->nvram, nvram_format, error);
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
    const char *id = "";
    gboolean in_use = FALSE;
    guint32 owner = 0;

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
    (void)g_variant_lookup(properties, "id", "&s", &id);
    (void)g_variant_lookup(properties, "owner", "u", &owner);
    (void)g_variant_lookup(properties, "in-use", "b", &in_use);
    (void)printf("%u\n", owner);
    output_line("%s", id);
    /* before an error, for a caller that reads both from one pipe */
    (void)fflush(stdout);

    if (in_use)
        return client_error_set(
                error, CLIENT_ERROR_MUST_NOT_START,
                "%s: virtual machine %s is in use: another domain or program has it, or another "
                "file in its directory, such as a copy by virt-clone",
                nvram, id);

    resolution = get_resolution(context, path, error);
    return resolution && check(domain, resolution, id, error);
}
