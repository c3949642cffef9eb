/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "connection.h"
#include "options.h"
#include "output.h"

/* The context of a verb. */
typedef struct Context {
    const Options *options;
    Connection *connection; /* NULL: an offline verb */
    Output *output;         /* NULL: the verb prints nothing itself */
    char *what;             /* the verb with its first argument, for messages */
    int wait_status;        /* of a command that the verb has waited for: see wait(2) */
} Context;

/* ARGUMENTS follow the verb, NULL-terminated; their number is in the table of verbs. */
typedef gboolean (*VerbFunc)(Context *context, char **arguments, GError **error);

gboolean verb_list(Context *context, char **arguments, GError **error);
gboolean verb_show(Context *context, char **arguments, GError **error);
gboolean verb_host(Context *context, char **arguments, GError **error);
gboolean verb_reload(Context *context, char **arguments, GError **error);

gboolean verb_select(Context *context, char **arguments, GError **error);
gboolean verb_explain(Context *context, char **arguments, GError **error);
gboolean verb_capabilities(Context *context, char **arguments, GError **error);

gboolean verb_prepare(Context *context, char **arguments, GError **error);
gboolean verb_run(Context *context, char **arguments, GError **error);
gboolean verb_lease(Context *context, char **arguments, GError **error);

gboolean verb_vms(Context *context, char **arguments, GError **error);
gboolean verb_vm(Context *context, char **arguments, GError **error);
gboolean verb_reset(Context *context, char **arguments, GError **error);
gboolean verb_rebind(Context *context, char **arguments, GError **error);
gboolean verb_clone(Context *context, char **arguments, GError **error);
gboolean verb_rename(Context *context, char **arguments, GError **error);
gboolean verb_remove(Context *context, char **arguments, GError **error);

gboolean verb_backups(Context *context, char **arguments, GError **error);
gboolean verb_restore(Context *context, char **arguments, GError **error);

gboolean verb_export(Context *context, char **arguments, GError **error);
gboolean verb_import(Context *context, char **arguments, GError **error);

gboolean verb_pack(Context *context, char **arguments, GError **error);
gboolean verb_unpack(Context *context, char **arguments, GError **error);

gboolean verb_verify(Context *context, char **arguments, GError **error);
gboolean verb_record(Context *context, char **arguments, GError **error);

gboolean verb_variables(Context *context, char **arguments, GError **error);
gboolean verb_boot(Context *context, char **arguments, GError **error);
gboolean verb_enroll(Context *context, char **arguments, GError **error);
gboolean verb_secure_boot(Context *context, char **arguments, GError **error);
gboolean verb_set_variable(Context *context, char **arguments, GError **error);
gboolean verb_delete_variable(Context *context, char **arguments, GError **error);
/* The changes of the verb boot: --order, --clear. */
gboolean edit_boot(Context *context, const char *argument, GError **error);
/* Returns TRUE if ARGUMENT is a file of this host, not an id: it has a slash, or such a file
 * exists. */
gboolean store_is_file(const char *argument);

gboolean verb_certificates(Context *context, char **arguments, GError **error);
gboolean verb_metrics(Context *context, char **arguments, GError **error);

gboolean verb_check_domain(Context *context, char **arguments, GError **error);

gboolean verb_monitor(Context *context, char **arguments, GError **error);
