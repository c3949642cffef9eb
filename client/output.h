/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <libsmartcols/libsmartcols.h>

#include "options.h"

/*
 * What goes to standard output: tables, properties, JSON, text. What came from elsewhere is printed
 * so that it cannot steer a terminal.
 */

typedef struct libscols_table Table;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Table, scols_unref_table)

typedef struct Output Output;

/* Starts the pager where there is a terminal to page on. OPTIONS stays the caller's, and outlives
 * it. */
Output *output_new(const Options *options) G_GNUC_WARN_UNUSED_RESULT;

/* FALSE: not all could be written so far. */
gboolean output_flush(Output *output);

/* Ends the pager once the reader has left it. FALSE: not all could be written; errno says why. */
gboolean output_free(Output *output);

/* Whether standard output was a terminal before the pager took it. */
gboolean output_is_terminal(const Output *output);

/* VALUE is not consumed; a floating one is. */
void output_json(const Output *output, GVariant *value);

/* TEXT: JSON as json-glib writes it, without a line end. */
void output_json_text(const char *text);

/* Columns are right-aligned where their heading begins with ">". */
Table *output_table_new(const Output *output, const char *const *headings)
        G_GNUC_WARN_UNUSED_RESULT;

/* As many cells as the table has columns. COLOURED: the number of the cell that shows STATE. */
void output_table_add(Table *table, const char *const *cells, guint coloured, const char *state);

void output_table_print(const Output *output, Table *table);

/* Names and values of an a{sv}, those named in ORDER first; NULL for as they come. */
void output_properties(const Output *output, GVariant *dict, const char *const *order);

/* One line, with whatever is not text escaped. */
void output_line(const char *format, ...) G_GNUC_PRINTF(1, 2);
