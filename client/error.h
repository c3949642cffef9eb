/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Errors that end the program: the low byte of the code is its exit status, the message its line on
 * standard error. */
#define CLIENT_ERROR (client_error_quark())
GQuark client_error_quark(void);

typedef enum ClientError {
    CLIENT_ERROR_FAILURE = 1,
    CLIENT_ERROR_USAGE = 2,
    CLIENT_ERROR_NO_MATCH = 3,
    /* no bus or no service */
    CLIENT_ERROR_UNREACHABLE = 0x100 | CLIENT_ERROR_FAILURE,
    CLIENT_ERROR_NO_SUCH_VM = 0x200 | CLIENT_ERROR_FAILURE,
    /* the service's word that a virtual machine cannot start with its pin, or is in use */
    CLIENT_ERROR_MUST_NOT_START = 0x300 | CLIENT_ERROR_FAILURE,
} ClientError;

/* Sets the error, and returns FALSE. */
gboolean client_error_set(GError **error, ClientError code, const char *format, ...)
        G_GNUC_PRINTF(3, 4);
