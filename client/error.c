/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "error.h"

G_DEFINE_QUARK(vmfirmwarectl - error, client_error)

gboolean client_error_set(GError **error, ClientError code, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    if (error)
        *error = g_error_new_valist(CLIENT_ERROR, code, format, arguments);
    va_end(arguments);
    return FALSE;
}
