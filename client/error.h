/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Errors that end the program: the code is its exit status, the message its line on standard
 * error. */
#define CLIENT_ERROR (client_error_quark())
GQuark client_error_quark(void);

typedef enum ClientError {
    CLIENT_ERROR_FAILURE = 1,
    CLIENT_ERROR_USAGE = 2,
    CLIENT_ERROR_NO_MATCH = 3,
    CLIENT_ERROR_UNREACHABLE = 4, /* no bus or no service; the exit status is that of FAILURE */
} ClientError;
