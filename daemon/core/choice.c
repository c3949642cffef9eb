/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "core/choice.h"

#include "base/error.h"
#include "core/unknown.h"

/* Limits of an error message: candidates, and reasons for each. */
#define MAX_NEAREST 3
#define MAX_NEAREST_REASONS 8

static gboolean contains(GStrv list, const char *word) {
    return g_strv_contains((const char *const *)list, word);
}

/* The fewer reasons the nearer. A firmware for another architecture or machine is farther than any
 * other. */
static guint distance(const FileVerdict *verdict) {
    guint n = g_strv_length(verdict->reasons);

    if (contains(verdict->reasons, "architecture"))
        n += 20000;
    if (contains(verdict->reasons, "machine"))
        n += 10000;
    return n;
}

/* "nvram-size: 540672, not 131072" */
static void append_size(GString *text, const SelectionInput *input, const CatalogFile *file) {
    guint64 size;

    if (selection_find_nvram_size(input, file, &size))
        g_string_append_printf(text, ": %" G_GUINT64_FORMAT, size);
    else
        g_string_append(text, ": none");
    g_string_append_printf(text, ", not %" G_GUINT64_FORMAT " bytes", input->request->nvram_size);
}

/* REASON, and behind "machine" what the firmware is for, behind "nvram-size" both sizes. */
static void append_reason(
        GString *text, const SelectionInput *input, const FileVerdict *verdict,
        const char *reason) {
    const Descriptor *descriptor = verdict->file->descriptor;

    g_string_append(text, reason);
    if (g_str_equal(reason, "nvram-size"))
        append_size(text, input, verdict->file);
    if (g_str_equal(reason, "machine"))
        for (guint i = 0, n = 0; i < descriptor->targets->len; i++) {
            const DescriptorTarget *target = descriptor->targets->pdata[i];

            if (!g_str_equal(target->architecture, input->machine.architecture))
                continue;
            for (char **glob = target->machines; *glob && n < MAX_NEAREST_REASONS; glob++, n++)
                g_string_append_printf(text, "%s%s", n > 0 ? " " : ": for ", *glob);
        }
}

static void append_firmware(
        GString *text, const SelectionInput *input, const FileVerdict *verdict) {
    g_string_append_printf(text, " %s (", verdict->file->name);
    for (guint i = 0; verdict->reasons[i]; i++) {
        if (i == MAX_NEAREST_REASONS) {
            g_string_append(text, ", …");
            break;
        }
        g_string_append(text, i > 0 ? ", " : "");
        append_reason(text, input, verdict, verdict->reasons[i]);
    }
    g_string_append_c(text, ')');
}

typedef struct Nearest {
    const FileVerdict *verdicts[MAX_NEAREST];
    guint distances[MAX_NEAREST];
    guint n;
} Nearest;

/* Of two at the same distance the earlier one is the nearer. */
static void add_near(Nearest *nearest, const FileVerdict *verdict) {
    guint d = distance(verdict);
    guint place = nearest->n;

    while (place > 0 && d < nearest->distances[place - 1])
        place--;
    if (place == MAX_NEAREST)
        return;
    nearest->n = MIN(nearest->n + 1, MAX_NEAREST);
    for (guint i = nearest->n - 1; i > place; i--) {
        nearest->verdicts[i] = nearest->verdicts[i - 1];
        nearest->distances[i] = nearest->distances[i - 1];
    }
    nearest->verdicts[place] = verdict;
    nearest->distances[place] = d;
}

static void append_nearest(GString *text, const SelectionInput *input) {
    g_autoptr(GPtrArray) verdicts = selection_explain(input);
    Nearest nearest = {};

    for (guint i = 0; i < verdicts->len; i++) {
        const FileVerdict *verdict = verdicts->pdata[i];

        if (verdict->verdict == VERDICT_REJECTED)
            add_near(&nearest, verdict);
    }

    g_string_append(text, nearest.n > 0 ? "; nearest:" : ": there is no valid descriptor");
    for (guint i = 0; i < nearest.n; i++) {
        g_string_append(text, i > 0 ? ";" : "");
        append_firmware(text, input, nearest.verdicts[i]);
    }
}

static gboolean take_first(const CatalogFile *file, gpointer userdata) {
    *(const CatalogFile **)userdata = file;
    return FALSE;
}

/* "; machine type q35 gets NAME": the same question with each alias of another board. */
static void append_other_machines(GString *text, const SelectionInput *input) {
    const MachineTable *machines = input->catalog->machines;
    const char *architecture = input->machine.architecture;
    g_autoptr(GPtrArray) names = machine_table_list_names(machines, architecture);

    for (guint i = 0; names->pdata[i]; i++) {
        SelectionInput other = *input;
        const CatalogFile *found = NULL;

        other.machine = machine_table_resolve_for(
                machines, architecture, names->pdata[i], input->request->qemu_version);
        if (g_str_equal(other.machine.canonical, names->pdata[i]) ||
            other.machine.board == input->machine.board)
            continue;
        selection_visit(&other, take_first, &found);
        if (found)
            g_string_append_printf(
                    text, "; machine type %s gets %s", (const char *)names->pdata[i], found->name);
    }
}

static char *describe_failure(const SelectionInput *input) {
    const Request *request = input->request;
    gboolean is_alias = !g_str_equal(input->machine.canonical, request->machine);
    g_autofree char *unknown = unknown_describe(input->catalog, request);
    g_autoptr(GString) text = g_string_new(unknown);

    if (unknown)
        g_string_append(text, g_str_has_suffix(unknown, "?") ? " " : "; ");
    g_string_append_printf(
            text, "no usable firmware for %s %s%s%s%s passes", request->architecture,
            request->machine, is_alias ? " (" : "", is_alias ? input->machine.canonical : "",
            is_alias ? ")" : "");
    append_nearest(text, input);
    if (!unknown)
        append_other_machines(text, input);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

const CatalogFile *choice_find(const SelectionInput *input, GError **error) {
    const CatalogFile *chosen = NULL;

    selection_visit(input, take_first, &chosen);
    if (!chosen) {
        g_autofree char *text = describe_failure(input);

        g_set_error_literal(error, FIRMWARE_ERROR, FIRMWARE_ERROR_NO_MATCHING_FIRMWARE, text);
    }
    return chosen;
}
