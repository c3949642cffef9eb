/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "output.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/lexical.h"
#include "base/text.h"
#include "pager.h"
#include "value.h"

struct Output {
    const Options *options;
    gboolean is_terminal;
    gboolean has_colour;
    Pager *pager; /* or NULL */
    int failure;  /* errno of the first failed write, or 0 */
};

static gboolean is_terminal_dumb(void) {
    const char *term = g_getenv("TERM");

    return !term || g_str_equal(term, "dumb");
}

Output *output_new(const Options *options) {
    Output *output = g_new0(Output, 1);
    const char *no_colour = g_getenv("NO_COLOR");
    gboolean is_able;

    output->options = options;
    output->is_terminal = isatty(STDOUT_FILENO);
    is_able = output->is_terminal && !is_terminal_dumb();
    /* no-color.org: any value but an empty one */
    output->has_colour = is_able && options->json == JSON_OFF && (!no_colour || !*no_colour);
    if (is_able && !options->no_pager)
        output->pager = pager_start();
    return output;
}

gboolean output_flush(Output *output) {
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && output->failure == 0)
        output->failure = errno != 0 ? errno : EIO;
    return output->failure == 0;
}

gboolean output_free(Output *output) {
    gboolean is_written;
    int failure;

    if (!output)
        return TRUE;
    is_written = output_flush(output);
    failure = output->failure;
    if (output->pager) {
        pager_wait(output->pager);
        /* leaving the pager early is no failure */
        is_written = TRUE;
    }
    g_free(output);
    errno = failure;
    return is_written;
}

gboolean output_is_terminal(const Output *output) {
    return output->is_terminal;
}

void output_json_text(const char *text) {
    g_autofree char *escaped = lexical_escape(text);

    (void)puts(escaped);
}

/* Adds the number of the format. host has a member of that name already. */
static GVariant *add_version(GVariant *dict) {
    g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
    g_autoptr(GVariant) taken = g_variant_lookup_value(dict, "version", NULL);
    GVariantIter iter;
    GVariant *entry;

    g_variant_builder_add_parsed(
            &builder, "{%s, <%u>}", taken ? "json-version" : "version", OUTPUT_JSON_VERSION);
    g_variant_iter_init(&iter, dict);
    while ((entry = g_variant_iter_next_value(&iter))) {
        g_autoptr(GVariant) owned = entry;

        g_variant_builder_add_value(&builder, owned);
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

void output_json(const Output *output, GVariant *value) {
    g_autoptr(GVariant) given = g_variant_ref_sink(value);
    g_autoptr(GVariant) owned = g_variant_is_of_type(given, G_VARIANT_TYPE_VARDICT)
            ? add_version(given)
            : g_variant_ref(given);
    g_autoptr(JsonNode) root = json_gvariant_serialize(owned);
    g_autofree char *text = json_to_string(root, output->options->json == JSON_PRETTY);

    output_json_text(text);
}

Table *output_table_new(const Output *output, const char *const *headings) {
    Table *table = scols_new_table();

    if (!table)
        g_error("no memory");
    /* never truncated: the next command needs whole names */
    (void)scols_table_set_termforce(table, SCOLS_TERMFORCE_NEVER);
    (void)scols_table_enable_colors(table, output->has_colour);
    (void)scols_table_set_column_separator(table, "  ");
    /* it would leave format characters, such as U+202E, as they are: output_table_add() does not */
    (void)scols_table_enable_noencoding(table, TRUE);
    for (; *headings; headings++) {
        gboolean is_right = **headings == '>';
        struct libscols_column *column = scols_table_new_column(
                table, *headings + is_right, 0, is_right ? SCOLS_FL_RIGHT : 0);

        if (!column)
            g_error("no memory");
        (void)scols_cell_set_color(scols_column_get_header(column), "bold");
    }
    return table;
}

static const char *state_colour(const char *state) {
    static const char *const good[] = {"usable", "ready", NULL};
    static const char *const doubtful[] = {"unusable", "changed", "warning", NULL};

    if (g_strv_contains(good, state))
        return "green";
    return g_strv_contains(doubtful, state) ? "brown" : "red";
}

void output_table_add(Table *table, const char *const *cells, guint coloured, const char *state) {
    struct libscols_line *line = scols_table_new_line(table, NULL);

    for (guint i = 0; line && i < scols_table_get_ncols(table); i++) {
        g_autofree char *safe = text_make_printable(cells[i]);

        if (scols_line_set_data(line, i, safe) < 0)
            g_error("no memory");
        if (state && i == coloured)
            (void)scols_cell_set_color(scols_line_get_cell(line, i), state_colour(state));
    }
}

void output_table_print(const Output *output, Table *table) {
    (void)scols_table_enable_noheadings(table, output->options->no_legend);
    /* libsmartcols prints a message if the table is empty */
    if (scols_table_get_nlines(table) > 0)
        (void)scols_print_table(table);
}

static void add_property(const Output *output, Table *table, const char *name, GVariant *value) {
    g_auto(GStrv) lines = value_to_lines(name, value);

    for (char **line = lines; *line; line++) {
        const char *cells[] = {line == lines ? name : "", *line};
        gboolean is_state = g_str_equal(name, "state");

        output_table_add(table, cells, 1, is_state ? *line : NULL);
        (void)scols_cell_set_color(
                scols_line_get_cell(
                        scols_table_get_line(table, scols_table_get_nlines(table) - 1), 0),
                "bold");
    }
}

void output_properties(const Output *output, GVariant *dict, const char *const *order) {
    static const char *const columns[] = {">", "", NULL};
    g_autoptr(Table) table = output_table_new(output, columns);
    GVariantIter iter;
    const char *name;
    GVariant *member;

    for (const char *const *first = order; first && *first; first++) {
        g_autoptr(GVariant) value = g_variant_lookup_value(dict, *first, NULL);
        if (value)
            add_property(output, table, *first, value);
    }

    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &member)) {
        g_autoptr(GVariant) value = member;
        if (!order || !g_strv_contains(order, name))
            add_property(output, table, name, value);
    }

    (void)scols_table_enable_noheadings(table, TRUE);
    if (scols_table_get_nlines(table) > 0)
        (void)scols_print_table(table);
}

void output_warning(const char *text) {
    g_autofree char *safe = text_make_printable(text);

    (void)fprintf(stderr, "vmfirmwarectl: %s\n", safe);
}

GLogWriterOutput output_write_message(
        GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer userdata) {
    if (!(level & (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_ERROR)))
        return g_log_writer_default(level, fields, n_fields, userdata);
    for (gsize i = 0; i < n_fields; i++)
        if (g_str_equal(fields[i].key, "MESSAGE"))
            output_warning(fields[i].value);
    if (level & G_LOG_LEVEL_ERROR)
        _exit(EXIT_FAILURE);
    return G_LOG_WRITER_HANDLED;
}

void output_problem(const ConfProblem *problem) {
    g_autofree char *text = g_strdup_printf("%s: %s; it is left out", problem->path, problem->text);

    output_warning(text);
}

void output_line(const char *format, ...) {
    g_autofree char *text = NULL;
    g_autofree char *safe = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    safe = text_make_printable(text);
    (void)puts(safe);
}
