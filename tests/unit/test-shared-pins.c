/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/shared-pins.h"

#include <string.h>

#include "util-pin.h"
#include "vm/pin-reader.h"

/* What the pins of many VMs share. */

static gboolean share(const Pin *a, const Pin *b) {
    g_assert_true((a->resolution == b->resolution) == (a->machine == b->machine));
    g_assert_true((a->resolution == b->resolution) == (a->request == b->request));
    return a->resolution == b->resolution;
}

/* -- the table of pins ------------------------------------------------------------------- */

static void alike_pins_share_their_values(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(SharedPins) pins = shared_pins_new();
    g_autoptr(Pin) a = test_pin(root, test_pin_kind("split"), NULL);
    g_autoptr(Pin) b = pin_with(a, NULL, NULL, "qemu:///system?x");
    g_autoptr(Pin) first = shared_pins_add(pins, a);
    g_autoptr(Pin) second = NULL;

    b->created++;
    second = shared_pins_add(pins, b);
    g_assert_true(first == a);
    g_assert_false(share(a, b));
    g_assert_true(share(first, second));
    g_assert_true(pin_equal(second, b));
    g_assert_false(pin_equal(second, first));
    test_assert_same_pin(first, a);
    g_assert_cmpstr(second->reference, ==, "qemu:///system?x");
    g_assert_cmpuint(second->created, ==, a->created + 1);
    shared_pins_remove(pins, first);
    shared_pins_remove(pins, second);
}

static void pins_that_differ_share_nothing(void) {
    const Machine machine = {.architecture = "x", .name = "n", .canonical = "c"};
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(SharedPins) pins = shared_pins_new();
    g_autoptr(Pin) a = test_pin(root, test_pin_kind("split"), NULL);
    g_autoptr(Pin) b = pin_with(a, &machine, "m", NULL);
    g_autoptr(Pin) first = shared_pins_add(pins, a);
    g_autoptr(Pin) second = shared_pins_add(pins, b);

    g_assert_true(second == b);
    g_assert_false(share(first, second));
}

/* A pin of the table that borrows is changed as any other: it is copied. */
static void a_changed_copy_owns_its_values(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(SharedPins) pins = shared_pins_new();
    g_autoptr(Pin) a = test_pin(root, test_pin_kind("split"), NULL);
    g_autoptr(Pin) b = pin_for_clone(a, 5);
    g_autoptr(Pin) first = shared_pins_add(pins, a);
    g_autoptr(Pin) second = shared_pins_add(pins, b);
    g_autoptr(Pin) copy = pin_with(second, NULL, NULL, "r");

    g_assert_true(share(first, second));
    g_assert_false(share(first, copy));
    g_clear_pointer(&a, pin_unref);
    g_clear_pointer(&first, pin_unref);
    g_clear_pointer(&second, pin_unref);
    g_clear_pointer(&pins, shared_pins_free);
    g_assert_null(copy->lender);
    g_assert_cmpstr(copy->machine, ==, "q35");
}

/* The pin whose values they are goes with the last VM that has them, not with its own. */
static void values_live_as_long_as_a_vm_has_them(void) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(SharedPins) pins = shared_pins_new();
    g_autoptr(Pin) first = test_pin(root, test_pin_kind("split"), NULL);
    g_autoptr(Pin) next = pin_for_clone(first, 6);
    g_autoptr(Pin) second = NULL;
    g_autoptr(Pin) third = NULL;
    g_autoptr(Pin) last = NULL;

    pin_unref(shared_pins_add(pins, first));
    second = shared_pins_add(pins, next);
    shared_pins_remove(pins, first);
    g_clear_pointer(&first, pin_unref);
    g_assert_cmpstr(second->machine, ==, "q35");

    third = shared_pins_add(pins, next);
    g_assert_true(share(second, third));
    shared_pins_remove(pins, second);
    shared_pins_remove(pins, third);
    /* nobody has the values any more */
    last = shared_pins_add(pins, next);
    g_assert_true(last == next);
    g_assert_cmpstr(third->machine, ==, "q35");
}

/* -- reading many records ---------------------------------------------------------------- */

static Pin *read_record(PinReader *reader, const char *text, GError **error) {
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

    return pin_reader_read(reader, bytes, error);
}

static char *record_of(const Pin *plain, guint64 created, const char *reference) {
    g_autoptr(Pin) pin = pin_with(plain, NULL, NULL, reference);

    pin->created = created;
    return pin_to_json(pin);
}

static char *record_of_kind(const char *kind) {
    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) pin = test_pin(root, test_pin_kind(kind), NULL);

    return record_of(pin, 5, "x");
}

/* As the parser alone has it, or refuses it. */
static gboolean is_read_as_parsed(PinReader *reader, const char *text) {
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) expected_error = NULL;
    g_autoptr(Pin) expected = pin_from_json(bytes, NULL, &expected_error);
    g_autoptr(Pin) pin = pin_reader_read(reader, bytes, &error);

    if (!expected) {
        g_assert_null(pin);
        g_assert_cmpstr(error->message, ==, expected_error->message);
        return FALSE;
    }
    g_assert_no_error(error);
    g_assert_true(pin_equal(pin, expected));
    test_assert_same_pin(pin, expected);
    return TRUE;
}

static void alike_records_are_parsed_once(void) {
    static const struct {
        guint64 created;
        const char *reference;
        gboolean is_shared; /* one with escapes is parsed */
    } cases[] = {
            {1, "", TRUE},      {2, "a", TRUE},   {G_MAXINT64, "\u00fc", TRUE},
            {3, "a\"b", FALSE}, {4, "\n", FALSE},
    };

    for (const TestPinKind *kind = test_pin_kinds; kind->name; kind++) {
        g_autoptr(TestDir) root = test_layers_new();
        g_autoptr(Pin) plain = test_pin(root, kind, NULL);
        g_autoptr(PinReader) reader = pin_reader_new();
        g_autofree char *record = record_of(plain, 5, "x");
        g_autoptr(Pin) first = read_record(reader, record, NULL);

        g_assert_nonnull(first);
        for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
            g_autofree char *other = record_of(plain, cases[i].created, cases[i].reference);
            g_autoptr(Pin) pin = read_record(reader, other, NULL);

            g_assert_cmpuint(pin->created, ==, cases[i].created);
            g_assert_cmpint(share(pin, first), ==, cases[i].is_shared);
            g_assert_true(is_read_as_parsed(reader, other));
        }
    }
}

static char *replace(const char *text, const char *from, const char *to) {
    g_autoptr(GString) string = g_string_new(text);

    g_assert_cmpuint(g_string_replace(string, from, to, 1), ==, 1);
    return g_strdup(string->str);
}

static void a_record_is_read_as_the_parser_reads_it(void) {
    static const struct {
        const char *from;
        const char *to;
        gboolean is_read;
    } cases[] = {
            {"5,", "05,", FALSE},
            {"5,", "-5,", FALSE},
            {"5,", "5.5,", FALSE},
            {"5,", "9223372036854775808,", FALSE},
            {"5,", "5,,", FALSE},
            {"5,", "0,", TRUE},
            {"\"x\"", "\"\"", TRUE},
            {"\"x\"", "\"\xff\"", FALSE},
            {"\"x\"", "\"\xef\xbf\xbf\"", FALSE},
            {"\"x\"", "\"\t\"", FALSE},
            {"\"x\"", "\"\\u0061\"", TRUE},
            {"\"x\"", "\"\\ud800\"", FALSE},
            {"\"x\"", "\"x", FALSE},
            {"\"x\"", "5", FALSE},
            {"\"version\" : 1", "\"version\" : 2", FALSE},
            {"\"version\" : 1,\n ", "", FALSE},
            {"\"created\" : 5,\n ", "", FALSE},
            {"\n", " ", TRUE},
    };
    g_autofree char *record = record_of_kind("split");

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(PinReader) reader = pin_reader_new();
        g_autofree char *changed = replace(record, cases[i].from, cases[i].to);

        for (guint round = 0; round < 2; round++) {
            g_assert_cmpint(is_read_as_parsed(reader, changed), ==, cases[i].is_read);
            g_assert_true(is_read_as_parsed(reader, record));
        }
    }
}

/* Behind the head, another value for what the head says. */
static void a_member_that_is_there_twice_is_parsed(void) {
    static const char *const twice[] = {
            "\"created\" : 7", "\"reference\" : \"y\"", "\"version\" : 2", "\"version\" : 1"};

    g_autoptr(TestDir) root = test_layers_new();
    g_autoptr(Pin) plain = test_pin(root, test_pin_kind("split"), NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(twice); i++) {
        g_autoptr(PinReader) reader = pin_reader_new();
        g_autofree char *member = g_strconcat(twice[i], ",\n  \"machine\"", NULL);

        for (guint64 created = 5; created < 8; created++) {
            g_autofree char *record = record_of(plain, created, "x");
            g_autofree char *changed = replace(record, "\"machine\"", member);

            (void)is_read_as_parsed(reader, changed);
        }
    }
}

/* As many as a user likes to make. */
static void few_records_are_remembered(void) {
    g_autofree char *record = record_of_kind("stateless");
    g_autoptr(PinReader) reader = pin_reader_new();

    for (guint i = 0; i < 300; i++) {
        g_autofree char *machine = g_strdup_printf("\"machine\" : \"m%u\"", i);
        g_autofree char *changed = replace(record, "\"machine\" : \"q35\"", machine);
        g_autoptr(Pin) first = read_record(reader, changed, NULL);
        g_autoptr(Pin) second = read_record(reader, changed, NULL);

        g_assert_cmpint(share(first, second), ==, i < 256);
    }
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(alike_pins_share_their_values),
            TEST_CASE(pins_that_differ_share_nothing),
            TEST_CASE(a_changed_copy_owns_its_values),
            TEST_CASE(values_live_as_long_as_a_vm_has_them),
            TEST_CASE(alike_records_are_parsed_once),
            TEST_CASE(a_record_is_read_as_the_parser_reads_it),
            TEST_CASE(a_member_that_is_there_twice_is_parsed),
            TEST_CASE(few_records_are_remembered),
    };

    return test_main(argc, argv, "shared-pins", cases, G_N_ELEMENTS(cases));
}
