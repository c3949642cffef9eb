/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "uefi/report.h"

#include <string.h>

#include "base/conf-files.h"
#include "uefi/summary.h"
#include "util-certificate.h"
#include "util-uefi.h"
#include "util.h"

#define KEK_2011 "kek-2011"
#define YEAR (gint64)(365 * 24 * 3600)

/* A store whose keys are named for what the table knows of them. */
typedef struct Case {
    TestDir *root;
    GString *table;
    TestStore *store;
    GByteArray *lists; /* of the variable that is being made */
} Case;

static Case *case_new(guint32 length) {
    Case *self = g_new0(Case, 1);

    self->root = test_dir_new();
    self->table = g_string_new(NULL);
    self->store = test_store_new(length, TRUE);
    self->lists = g_byte_array_new();
    return self;
}

static void case_free(Case *self) {
    test_dir_free(self->root);
    g_string_free(self->table, TRUE);
    test_store_free(self->store);
    g_byte_array_unref(self->lists);
    g_free(self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Case, case_free)

static GBytes *add_known(Case *self, const char *name, const char *rest, gint64 not_after) {
    GBytes *der = test_certificate(name, 0, not_after);
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, der);

    g_string_append_printf(self->table, "[%s]\nsha256=%s\nauthority=x\n%s\n", name, sha256, rest);
    return der;
}

static void add_list(Case *self, const char *type, GBytes *data) {
    gsize size;
    gconstpointer bytes = g_bytes_get_data(data, &size);

    test_add_siglist(self->lists, type, TEST_OTHER, bytes, size);
}

static void add_certificate(Case *self, const char *name, const char *rest, gint64 not_after) {
    g_autoptr(GBytes) der = add_known(self, name, rest, not_after);

    add_list(self, TEST_X509, der);
}

static void add_hashes(Case *self, guint n_hashes) {
    static const guint8 hash[32];

    for (guint i = 0; i < n_hashes; i++)
        test_add_siglist(self->lists, TEST_SHA256, TEST_OTHER, hash, sizeof hash);
}

static void add_lists(Case *self, const char *guid, const char *name) {
    (void)test_store_add(self->store, TEST_ADDED, guid, name, self->lists->data, self->lists->len);
    g_byte_array_set_size(self->lists, 0);
}

/* Writes the table; what is returned outlives the case. */
static GVariant *write_report(Case *self, gboolean with_list) {
    const char *const directories[] = {self->root, NULL};
    g_autoptr(GPtrArray) problems =
            g_ptr_array_new_with_free_func((GDestroyNotify)conf_problem_free);
    g_autoptr(KnownCertificates) known = NULL;
    g_autoptr(Store) store = test_store_read(self->store);
    g_autoptr(StoreReport) report = NULL;
    VariantSink *sink = variant_sink_new();

    test_write_text(self->root, "a.conf", self->table->str);
    known = known_certificates_load(directories, NULL, problems, NULL);
    g_assert_nonnull(known);
    g_assert_cmpuint(problems->len, ==, 0);
    report = store_report_new(store, known);
    store_report_add_digest(report);
    store_report_write(report, "raw", with_list, variant_sink_get_sink(sink));
    return variant_sink_end(sink);
}

static void assert_string(GVariant *report, const char *key, const char *expected) {
    const char *value = NULL;

    g_assert_true(g_variant_lookup(report, key, "&s", &value));
    g_assert_cmpstr(value, ==, expected);
}

static void assert_number(GVariant *report, const char *key, guint32 expected) {
    guint32 value = 0;

    g_assert_true(g_variant_lookup(report, key, "u", &value));
    g_assert_cmpuint(value, ==, expected);
}

static void assert_certificates(GVariant *report, const char *expected, gint64 expires) {
    g_autoptr(GVariant) certificates =
            g_variant_lookup_value(report, "certificates", G_VARIANT_TYPE("a{ss}"));
    g_autofree char *text = g_variant_print(certificates, FALSE);
    gint64 value = -1;

    g_assert_cmpstr(text, ==, expected);
    g_assert_true(g_variant_lookup(report, "expires", "x", &value));
    g_assert_cmpint(value, ==, expires);
}

/* -- Secure Boot ------------------------------------------------------------------------ */

static void secure_boot(void) {
    static const struct {
        gboolean has_key;
        int enable; /* -1: there is none */
        const char *expected;
    } stores[] = {
            {FALSE, -1, "setup"},  {FALSE, 1, "setup"}, {TRUE, -1, "enforced"},
            {TRUE, 1, "enforced"}, {TRUE, 0, "off"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(stores); i++) {
        g_autoptr(Case) self = case_new(TEST_LENGTH_4M);
        const guint8 enable = (guint8)stores[i].enable;
        g_autoptr(GVariant) report = NULL;
        gboolean is_setup = -1;

        /* one of this name, but another GUID, is no platform key */
        (void)test_store_add(self->store, TEST_ADDED, TEST_OTHER, "PK", "x", 1);
        if (stores[i].has_key)
            (void)test_store_add(self->store, TEST_ADDED, TEST_GLOBAL, "PK", "x", 1);
        if (stores[i].enable >= 0)
            (void)test_store_add(
                    self->store, TEST_ADDED, TEST_SECURE_BOOT_ENABLE, "SecureBootEnable", &enable,
                    1);
        report = write_report(self, FALSE);
        assert_string(report, "secure-boot", stores[i].expected);
        g_assert_true(g_variant_lookup(report, "setup-mode", "b", &is_setup));
        g_assert_cmpint(is_setup, ==, !stores[i].has_key);
    }
}

static void certificates_by_purpose(void) {
    g_autoptr(Case) self = case_new(TEST_LENGTH_4M);
    g_autoptr(GVariant) report = NULL, keys = NULL, key = NULL;

    add_certificate(self, KEK_2011, "purpose=kek\ngeneration=2011", 10 * YEAR);
    add_certificate(self, "kek-2023", "purpose=kek\ngeneration=2023", 20 * YEAR);
    add_lists(self, TEST_GLOBAL, "KEK");
    add_certificate(self, "windows-2011", "purpose=windows\ngeneration=2011", 11 * YEAR);
    add_certificate(self, "uefi-2023", "purpose=third-party\ngeneration=2023", 15 * YEAR);
    /* it serves no purpose in db */
    add_certificate(self, "stray-2099", "purpose=kek\ngeneration=2099", YEAR);
    add_lists(self, TEST_IMAGE_SECURITY, "db");
    report = write_report(self, FALSE);
    assert_certificates(
            report,
            "{'kek': '2011+2023', 'windows': '2011', 'third-party': '2023', 'option-rom': 'none'}",
            11 * YEAR);

    keys = g_variant_lookup_value(report, "key-exchange-keys", G_VARIANT_TYPE("aa{sv}"));
    g_assert_cmpuint(g_variant_n_children(keys), ==, 2);
    key = g_variant_get_child_value(keys, 0);
    assert_string(key, "name", KEK_2011);
    assert_string(key, "subject", "CN=" KEK_2011);
    assert_string(key, "owner", TEST_OTHER);
}

static void nothing_known_expires_never(void) {
    g_autoptr(Case) self = case_new(TEST_LENGTH_2M);
    g_autoptr(GBytes) unknown = test_certificate("unknown", 0, YEAR);
    g_autoptr(GVariant) report = NULL;

    add_list(self, TEST_X509, unknown);
    add_lists(self, TEST_IMAGE_SECURITY, "db");
    report = write_report(self, FALSE);
    assert_certificates(
            report,
            "{'kek': 'none', 'windows': 'none', 'third-party': 'none', 'option-rom': 'none'}", 0);
}

/* As an update of dbx revokes the certificate of 2011. */
static void a_forbidden_certificate_serves_nothing(void) {
    g_autoptr(Case) self = case_new(TEST_LENGTH_4M);
    g_autoptr(GBytes) old =
            add_known(self, "windows-2011", "purpose=windows\ngeneration=2011", 10 * YEAR);
    g_autoptr(GVariant) report = NULL;

    add_list(self, TEST_X509, old);
    add_certificate(self, "windows-2023", "purpose=windows\ngeneration=2023", 9 * YEAR);
    add_lists(self, TEST_IMAGE_SECURITY, "db");
    add_list(self, TEST_X509, old);
    add_lists(self, TEST_IMAGE_SECURITY, "dbx");
    report = write_report(self, FALSE);
    assert_certificates(
            report,
            "{'kek': 'none', 'windows': '2023', 'third-party': 'none', 'option-rom': 'none'}",
            9 * YEAR);
}

static void who_can_update_kek(void) {
    static const struct {
        const char *platform; /* keys of the table; NULL: there is no PK; "": an unknown one */
        const char *kek;
        const char *expected;
    } stores[] = {
            {NULL, "2011", "yes"},
            {"", "2011", "unknown"},
            {"", "2023", "yes"},
            {"purpose=platform\nupdates-kek=true", "2011", "yes"},
            {"purpose=platform\nupdates-kek=false", "2011", "no"},
            {"purpose=platform\nupdates-kek=false", "2023", "yes"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(stores); i++) {
        g_autoptr(Case) self = case_new(TEST_LENGTH_4M);
        g_autofree char *kek = g_strconcat("purpose=kek\ngeneration=", stores[i].kek, NULL);
        g_autoptr(GBytes) unknown = test_certificate("unknown", 0, YEAR);
        g_autoptr(GVariant) report = NULL;

        if (stores[i].platform && *stores[i].platform)
            add_certificate(self, "platform", stores[i].platform, YEAR);
        else if (stores[i].platform)
            add_list(self, TEST_X509, unknown);
        if (stores[i].platform)
            add_lists(self, TEST_GLOBAL, "PK");
        add_certificate(self, "kek", kek, YEAR);
        add_lists(self, TEST_GLOBAL, "KEK");
        report = write_report(self, FALSE);
        assert_string(report, "guest-can-update-kek", stores[i].expected);
    }
}

/* Secure Boot that is managed from outside has a PK that is no certificate. */
static void a_platform_key_that_is_no_certificate(void) {
    g_autoptr(Case) self = case_new(TEST_LENGTH_4M);
    g_autoptr(GVariant) report = NULL;

    test_add_siglist(self->lists, "452e8ced-dfff-4b8c-ae01-5118862e682c", TEST_OTHER, "x", 1);
    add_lists(self, TEST_GLOBAL, "PK");
    report = write_report(self, FALSE);
    assert_string(report, "secure-boot", "enforced");
    assert_string(report, "guest-can-update-kek", "no");
}

static void room_for_hashes(void) {
    static const struct {
        guint32 length;
        guint n_hashes;
        guint32 expected;
    } stores[] = {
            {TEST_LENGTH_2M, 0, 211},
            {TEST_LENGTH_4M, 0, 702},
            {TEST_LENGTH_ARM, 0, 211},
            {TEST_LENGTH_4M, 1, 701},
            /* each list has a header of its own */
            {TEST_LENGTH_2M, 100, (0x2800 - 68 - 100 * 76) / 48},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(stores); i++) {
        g_autoptr(Case) self = case_new(stores[i].length);
        g_autoptr(GVariant) report = NULL;

        if (stores[i].n_hashes > 0) {
            add_hashes(self, stores[i].n_hashes);
            add_lists(self, TEST_IMAGE_SECURITY, "dbx");
        }
        report = write_report(self, FALSE);
        assert_number(report, "forbidden-hashes", stores[i].n_hashes);
        assert_number(report, "forbidden-room", stores[i].expected);
    }
}

/* Dead records are no obstacle, live ones are. */
static void room_in_a_store_that_is_full(void) {
    for (int live = 0; live <= 1; live++) {
        g_autoptr(Case) self = case_new(TEST_LENGTH_2M);
        g_autofree char *filler = g_strnfill(0xd000, 'x');
        const guint32 left = 0xe000 - 0x64 - (60 + 4 + 0xd000);
        g_autoptr(GVariant) report = NULL;

        (void)test_store_add(
                self->store, live ? TEST_ADDED : 0x3c, TEST_OTHER, "F", filler, 0xd000);
        report = write_report(self, FALSE);
        assert_number(report, "forbidden-room", live ? (left - 68 - 28) / 48 : 211);
    }
}

/* -- the rest --------------------------------------------------------------------------- */

static void boot_entries(void) {
    static const guint8 entry[] = {1, 0, 0, 0, 4, 0, 'A', 0, 0, 0, 0x7f, 0xff, 4, 0};
    static const guint8 order[] = {0x0a, 0, 1, 0, 0xff};
    g_autoptr(Case) self = case_new(TEST_LENGTH_ARM);
    g_autoptr(GVariant) report = NULL, entries = NULL, numbers = NULL;
    g_autofree char *text = NULL, *order_text = NULL;

    (void)test_store_add(self->store, TEST_ADDED, TEST_GLOBAL, "Boot000A", entry, sizeof entry);
    (void)test_store_add(self->store, TEST_ADDED, TEST_GLOBAL, "Boot0001", entry, sizeof entry);
    (void)test_store_add(self->store, TEST_ADDED, TEST_OTHER, "Boot0002", entry, sizeof entry);
    (void)test_store_add(self->store, TEST_ADDED, TEST_GLOBAL, "BootOrder", order, sizeof order);
    report = write_report(self, FALSE);
    entries = g_variant_lookup_value(report, "boot-entries", G_VARIANT_TYPE("aa{sv}"));
    text = g_variant_print(entries, FALSE);
    g_assert_cmpstr(
            text, ==,
            "[{'number': <uint16 1>, 'title': <'A'>, 'active': <true>, 'path': <''>, "
            "'bound-to': <''>}, {'number': <uint16 10>, 'title': <'A'>, 'active': <true>, "
            "'path': <''>, 'bound-to': <''>}]");
    numbers = g_variant_lookup_value(report, "boot-order", G_VARIANT_TYPE("aq"));
    order_text = g_variant_print(numbers, FALSE);
    g_assert_cmpstr(order_text, ==, "[10, 1]");
}

static void the_list_is_there_where_it_is_asked_for(void) {
    g_autoptr(Case) self = case_new(TEST_LENGTH_4M);
    g_autoptr(GVariant) without = NULL, with = NULL, list = NULL;
    g_autofree char *text = NULL;

    (void)test_store_add(self->store, TEST_ADDED, TEST_OTHER, "Lang", "eng", 3);
    without = write_report(self, FALSE);
    with = write_report(self, TRUE);
    g_assert_null(g_variant_lookup_value(without, "list", NULL));
    list = g_variant_lookup_value(with, "list", G_VARIANT_TYPE("aa{sv}"));
    text = g_variant_print(list, FALSE);
    g_assert_cmpstr(
            text, ==,
            "[{'guid': <'" TEST_OTHER "'>, 'name': <'Lang'>, 'attributes': <uint32 7>, "
            "'size': <uint64 3>, 'time': <''>}]");
    assert_number(with, "variables", 1);
}

static void nothing_is_said_of_what_could_not_be_read(void) {
    g_autoptr(Case) self = case_new(TEST_LENGTH_4M);
    g_autoptr(GVariant) report = NULL;

    (void)test_store_add(self->store, TEST_ADDED, TEST_GLOBAL, "PK", "x", 1);
    self->store->bytes[0x5c] = 0;
    report = write_report(self, TRUE);
    g_assert_cmpuint(g_variant_n_children(report), ==, 6);
    assert_string(report, "kind", "unknown");
    assert_string(report, "format", "raw");
    assert_string(report, "health", "damaged");
    assert_string(report, "health-detail", "byte 92: the variable store is not formatted");
}

/* -- what the service keeps --------------------------------------------------------------- */

typedef struct Variable {
    const char *guid;
    const char *name;
    const char *data;
} Variable;

/* A summary is made of some variables alone; it says what a report of all says. */
static StoreSummary *summarize(
        const KnownCertificates *known, const Variable *first, const Variable *second) {
    g_autoptr(TestStore) bytes = test_store_new(TEST_LENGTH_4M, TRUE);
    g_autoptr(Store) store = NULL;
    g_autoptr(StoreReport) report = NULL;
    StoreSummary *summary;

    (void)test_store_add(bytes, TEST_ADDED, first->guid, first->name, first->data, 1);
    if (second)
        (void)test_store_add(bytes, TEST_ADDED, second->guid, second->name, second->data, 1);
    store = test_store_read(bytes);
    report = store_report_new(store, known);
    summary = store_summary_new(store, known);
    g_assert_cmpint(summary->secure_boot, ==, report->secure_boot);
    g_assert_cmpint(summary->expires, ==, report->expires);
    for (gsize i = 0; i < G_N_ELEMENTS(report->generations); i++)
        g_assert_cmpstr(summary->generations[i], ==, report->generations[i]);
    return summary;
}

static void a_summary_says_what_a_report_says(void) {
    static const Variable platform_key = {TEST_GLOBAL, "PK", "x"};
    static const Variable off = {TEST_SECURE_BOOT_ENABLE, "SecureBootEnable", "\2"};
    g_autoptr(KnownCertificates) known = known_certificates_new();
    g_autoptr(StoreSummary) enforced = summarize(known, &platform_key, NULL);
    g_autoptr(StoreSummary) disabled = summarize(known, &platform_key, &off);

    g_assert_cmpint(enforced->secure_boot, ==, SECURE_BOOT_ENFORCED);
    g_assert_cmpint(disabled->secure_boot, ==, SECURE_BOOT_OFF);
}

static void stores_with_the_same_keys_share_a_summary(void) {
    static const Variable key = {TEST_GLOBAL, "KEK", "x"};
    static const struct {
        Variable variable;
        gboolean is_shared;
    } cases[] = {
            {{TEST_GLOBAL, "Boot0001", "x"}, TRUE},
            {{TEST_OTHER, "PK", "x"}, TRUE},
            {{TEST_GLOBAL, "PK", "x"}, FALSE},
            {{TEST_IMAGE_SECURITY, "db", "x"}, FALSE},
            {{TEST_IMAGE_SECURITY, "dbx", "x"}, FALSE},
            {{TEST_SECURE_BOOT_ENABLE, "SecureBootEnable", "\1"}, FALSE},
            {{TEST_SECURE_BOOT_ENABLE, "SecureBootEnable", "\2"}, FALSE},
    };
    static const Variable other_key = {TEST_GLOBAL, "KEK", "y"};
    g_autoptr(KnownCertificates) known = known_certificates_new();
    g_autoptr(KnownCertificates) other_names = known_certificates_new();
    g_autoptr(StoreSummary) plain = summarize(known, &key, NULL);
    g_autoptr(StoreSummary) other = summarize(known, &other_key, NULL);
    g_autoptr(StoreSummary) named = summarize(other_names, &key, NULL);

    g_assert_true(other != plain);
    g_assert_true(named != plain);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(StoreSummary) first = summarize(known, &key, &cases[i].variable);
        g_autoptr(StoreSummary) second = summarize(known, &key, &cases[i].variable);

        g_assert_true(first == second);
        g_assert_cmpint(first == plain, ==, cases[i].is_shared);
    }
}

/* A summary in use outlives its place in the table. */
static void few_summaries_are_remembered(void) {
    g_autoptr(KnownCertificates) known = known_certificates_new();
    const Variable key = {TEST_GLOBAL, "KEK", "x"};
    g_autoptr(StoreSummary) before = summarize(known, &key, NULL);
    g_autoptr(StoreSummary) after = NULL;

    for (guint i = 0; i < 100; i++) {
        const char data[] = {(char)i, 0};
        const Variable other = {TEST_GLOBAL, "PK", data};

        store_summary_unref(summarize(known, &key, &other));
    }
    after = summarize(known, &key, NULL);
    g_assert_true(after != before);
    g_assert_true(store_summary_equal(after, before));
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(secure_boot),
            TEST_CASE(certificates_by_purpose),
            TEST_CASE(nothing_known_expires_never),
            TEST_CASE(a_forbidden_certificate_serves_nothing),
            TEST_CASE(who_can_update_kek),
            TEST_CASE(a_platform_key_that_is_no_certificate),
            TEST_CASE(room_for_hashes),
            TEST_CASE(room_in_a_store_that_is_full),
            TEST_CASE(boot_entries),
            TEST_CASE(the_list_is_there_where_it_is_asked_for),
            TEST_CASE(nothing_is_said_of_what_could_not_be_read),
            TEST_CASE(a_summary_says_what_a_report_says),
            TEST_CASE(stores_with_the_same_keys_share_a_summary),
            TEST_CASE(few_summaries_are_remembered),
    };

    return test_main(argc, argv, "uefi-report", cases, G_N_ELEMENTS(cases));
}
