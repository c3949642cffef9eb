/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <libsmartcols/libsmartcols.h>

#include "base/conf-files.h"
#include "options.h"

/*
 * Standard output: tables, properties, JSON, text. Text of foreign origin is printed so that it
 * cannot control the terminal.
 */

typedef struct libscols_table Table;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, scols_unref_table)

typedef struct Output Output;

/* Starts the pager on a terminal. OPTIONS is borrowed, and must outlive the output. */
Output *output_new(const Options *options) G_GNUC_WARN_UNUSED_RESULT;

/* FALSE: writing failed. */
gboolean output_flush(Output *output);

/* Waits until the reader leaves the pager. FALSE: writing failed, with errno. */
gboolean output_free(Output *output);

/* Standard output was a terminal before the pager took it. */
gboolean output_is_terminal(const Output *output);

/* The number of vmfirmwarectl-json(5): another one breaks its readers. */
#define OUTPUT_JSON_VERSION 1

/* An a{sv} gets the member version. Consumes VALUE only if it is floating. */
void output_json(const Output *output, GVariant *value);

/* TEXT is json-glib's output, without a final line feed. */
void output_json_text(const char *text);

/* A heading that begins with ">" right-aligns its column. */
Table *output_table_new(const Output *output, const char *const *headings)
        G_GNUC_WARN_UNUSED_RESULT;

/* CELLS has one for each column. COLOURED is the index of the cell that shows STATE. */
void output_table_add(Table *table, const char *const *cells, guint coloured, const char *state);

void output_table_print(const Output *output, Table *table);

/* Prints an a{sv}, the names in ORDER first; ORDER may be NULL. */
void output_properties(const Output *output, GVariant *dict, const char *const *order);

/* Reports on standard error what does not make the verb fail. */
void output_warning(const char *text);

/* A GLogWriterFunc: reports on standard error the warnings of the code that is the service's, too.
 * What g_error() says ends the program like any failure. */
GLogWriterOutput output_write_message(
        GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer userdata);

/* Reports on standard error that a file of a table was left out. */
void output_problem(const ConfProblem *problem);

/* Prints one line, made printable. */
void output_line(const char *format, ...) G_GNUC_PRINTF(1, 2);
