/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Signature lists, certificates, and those that are known. */

#include "uefi/certificate.h"

#include <string.h>

#include "base/conf-files.h"
#include "base/error.h"
#include "uefi/known-certificates.h"
#include "uefi/siglist.h"
#include "util-certificate.h"
#include "util-uefi.h"
#include "util.h"

static void add_line(
        SiglistType type, const EfiGuid *owner, const guint8 *data, gsize size, gpointer userdata) {
    char guid[EFI_GUID_TEXT_SIZE];

    efi_guid_to_text(owner, guid);
    g_string_append_printf(userdata, "%d %.4s %zu;", type, guid, size);
}

static void assert_lists(const GByteArray *lists, gsize size, gsize end, const char *expected) {
    g_autoptr(GString) text = g_string_new(NULL);
    /* a copy of exactly that size: a sanitizer sees what is read behind it */
    g_autofree guint8 *bytes = g_memdup2(lists->data, size);

    g_assert_cmpuint(siglist_visit(bytes, size, add_line, text), ==, end);
    g_assert_cmpstr(text->str, ==, expected);
}

static GByteArray *make_lists(void) {
    static const guint8 hash[32];
    GByteArray *lists = g_byte_array_new();

    test_add_siglist(lists, TEST_X509, TEST_OTHER, "certificate", 11);
    test_add_siglist(lists, TEST_SHA256, TEST_GLOBAL, hash, sizeof hash);
    test_add_siglist(lists, "452e8ced-dfff-4b8c-ae01-5118862e682c", TEST_OTHER, "x", 1);
    test_add_siglist(lists, TEST_OTHER, TEST_OTHER, "", 0);
    return lists;
}

static void lists_of_signatures(void) {
    g_autoptr(GByteArray) lists = make_lists();

    assert_lists(lists, lists->len, lists->len, "1 1111 11;2 8be4 32;3 1111 1;0 1111 0;");
    assert_lists(lists, 0, 0, "");
    for (gsize size = 1; size < lists->len; size++) {
        g_autoptr(GString) ignored = g_string_new(NULL);
        g_autofree guint8 *bytes = g_memdup2(lists->data, size);

        g_assert_cmpuint(siglist_visit(bytes, size, add_line, ignored), <=, size);
    }
}

static void a_list_that_is_malformed_ends_them(void) {
    /* offset of a size in the second list, and what it is set to */
    static const guint32 changes[][2] = {{16, 0},           {16, 27}, {16, 75}, {16, 77},
                                         {16, G_MAXUINT32}, {20, 1},  {20, 49}, {20, G_MAXUINT32},
                                         {24, 0},           {24, 15}, {24, 16}, {24, 24},
                                         {24, G_MAXUINT32}};

    for (gsize i = 0; i < G_N_ELEMENTS(changes); i++) {
        g_autoptr(GByteArray) lists = make_lists();
        const gsize second = 28 + 16 + 11;
        const guint32 value = GUINT32_TO_LE(changes[i][1]);

        memcpy(lists->data + second + changes[i][0], &value, sizeof value);
        assert_lists(lists, lists->len, second, "1 1111 11;");
    }
}

static void certificates(void) {
    g_autoptr(GBytes) der = test_certificate("A, \"strange\" name", 1300000000, 2000000000);
    g_autofree char *sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, der);
    gsize size;
    const guint8 *data = g_bytes_get_data(der, &size);
    g_autoptr(Certificate) certificate = certificate_new(data, size);

    g_assert_cmpstr(certificate->subject, ==, "CN=A\\, \\\"strange\\\" name");
    g_assert_cmpstr(certificate->issuer, ==, certificate->subject);
    g_assert_cmpstr(certificate->sha256, ==, sha256);
    g_assert_cmpint(certificate->not_before, ==, 1300000000);
    g_assert_cmpint(certificate->not_after, ==, 2000000000);
}

static void a_certificate_of_nobody(void) {
    g_autoptr(GBytes) der = test_certificate("", 1300000000, 2000000000);
    gsize size;
    const guint8 *data = g_bytes_get_data(der, &size);
    g_autoptr(Certificate) certificate = certificate_new(data, size);

    g_assert_true(certificate_is_whole(data, size));
    g_assert_cmpstr(certificate->subject, ==, "");
    g_assert_cmpstr(certificate->issuer, ==, "");
    g_assert_cmpint(certificate->not_after, ==, 2000000000);
}

static void what_is_no_certificate_has_its_digest(void) {
    g_autofree guint8 *large = g_malloc0(CERTIFICATE_MAX_SIZE + 1);
    g_autoptr(Certificate) certificate = certificate_new((const guint8 *)"abc", 3);
    g_autoptr(Certificate) too_large = certificate_new(large, CERTIFICATE_MAX_SIZE + 1);

    g_assert_cmpstr(certificate->subject, ==, "");
    g_assert_cmpstr(certificate->issuer, ==, "");
    g_assert_cmpint(certificate->not_after, ==, 0);
    g_assert_cmpstr(
            certificate->sha256, ==,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    g_assert_cmpstr(too_large->subject, ==, "");
}

/* -- known certificates ----------------------------------------------------------------- */

#define DIGEST "00000000000000000000000000000000000000000000000000000000000000"

static KnownCertificates *load(const char *const *directories, GPtrArray *problems) {
    g_autoptr(GError) error = NULL;
    KnownCertificates *known = known_certificates_load(directories, NULL, problems, &error);

    g_assert_no_error(error);
    return known;
}

static GPtrArray *make_problems(void) {
    return g_ptr_array_new_with_free_func((GDestroyNotify)conf_problem_free);
}

static void shipped_certificates(void) {
    static const char *const directories[] = {SHIPPED_CERTIFICATES, NULL};
    g_autoptr(GPtrArray) problems = make_problems();
    g_autoptr(KnownCertificates) known = load(directories, problems);
    const KnownCertificate *kek = known_certificates_find(
            known, "3cd3f0309edae228767a976dd40d9f4affc4fbd5218f2e8cc3c9dd97e8ac6f9d");
    const KnownCertificate *debian = known_certificates_find(
            known, "5fb05ed84c5170d542ed6a7b7487dd57b8faedb02f7e107b0409e1d22cac4169");
    const KnownCertificate *red_hat = known_certificates_find(
            known, "7f122fab825041c2b0c67696bb151db6f39fed7df2d1104107f5b892b354ef5c");

    g_assert_cmpuint(problems->len, ==, 0);
    g_assert_cmpstr(kek->name, ==, "microsoft-kek-2023");
    g_assert_cmpint(kek->purpose, ==, CERTIFICATE_PURPOSE_KEK);
    g_assert_cmpstr(kek->authority, ==, "microsoft");
    g_assert_cmpstr(kek->generation, ==, "2023");
    g_assert_cmpint(debian->purpose, ==, CERTIFICATE_PURPOSE_PLATFORM);
    g_assert_false(debian->updates_kek);
    g_assert_true(red_hat->updates_kek);
    g_assert_null(known_certificates_find(known, DIGEST "00"));
}

static void an_administrators_file_overrides(void) {
    g_autoptr(TestDir) root = test_dir_new();
    g_autofree char *low = test_mkdir(root, "low");
    g_autofree char *high = test_mkdir(root, "high");
    const char *const directories[] = {low, high, NULL};
    g_autoptr(GPtrArray) problems = make_problems();
    g_autoptr(KnownCertificates) known = NULL;

    test_write_text(
            low, "a.conf", "[a]\nsha256=" DIGEST "01\npurpose=kek\nauthority=x\ngeneration=1\n");
    test_write_text(
            low, "b.conf",
            "[b]\nsha256=" DIGEST "02\npurpose=windows\nauthority=x\ngeneration=1\n");
    test_write_text(
            low, "c.conf",
            "[c]\nsha256=" DIGEST "01\npurpose=windows\nauthority=x\ngeneration=1\n");
    test_write_text(high, "b.conf", "");
    test_write_text(
            high, "d.conf",
            "[d]\nsha256=" DIGEST "03\npurpose=platform\nauthority=x\nupdates-kek=true\n");
    known = load(directories, problems);
    g_assert_cmpuint(problems->len, ==, 0);
    g_assert_cmpstr(known_certificates_find(known, DIGEST "01")->name, ==, "a");
    g_assert_null(known_certificates_find(known, DIGEST "02"));
    g_assert_true(known_certificates_find(known, DIGEST "03")->updates_kek);
}

/* Each key counts: firmware is judged anew after a change. */
static void tables_are_equal_if_all_of_them_is(void) {
    static const char *const texts[] = {
            "[a]\nsha256=" DIGEST "01\npurpose=kek\nauthority=x\ngeneration=1\n",
            "[b]\nsha256=" DIGEST "01\npurpose=kek\nauthority=x\ngeneration=1\n",
            "[a]\nsha256=" DIGEST "02\npurpose=kek\nauthority=x\ngeneration=1\n",
            "[a]\nsha256=" DIGEST "01\npurpose=windows\nauthority=x\ngeneration=1\n",
            "[a]\nsha256=" DIGEST "01\npurpose=kek\nauthority=y\ngeneration=1\n",
            "[a]\nsha256=" DIGEST "01\npurpose=kek\nauthority=x\ngeneration=2\n",
            "[a]\nsha256=" DIGEST "01\npurpose=platform\nauthority=x\nupdates-kek=true\n",
            "[a]\nsha256=" DIGEST "01\npurpose=platform\nauthority=x\nupdates-kek=false\n",
            "",
    };
    g_autoptr(TestDir) root = test_dir_new();
    const char *const directories[] = {root, NULL};
    g_autoptr(GPtrArray) problems = make_problems();
    g_autoptr(GPtrArray) tables =
            g_ptr_array_new_with_free_func((GDestroyNotify)known_certificates_unref);

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        test_write_text(root, "a.conf", texts[i]);
        g_ptr_array_add(tables, load(directories, problems));
    }
    g_assert_cmpuint(problems->len, ==, 0);
    for (guint i = 0; i < tables->len; i++)
        for (guint j = 0; j < tables->len; j++)
            g_assert_true(known_certificates_equal(tables->pdata[i], tables->pdata[j]) == (i == j));
}

static void a_file_with_a_mistake_is_ignored(void) {
    static const struct {
        const char *text;
        const char *problem;
    } files[] = {
            {"[a]\npurpose=kek\n", "[a]: sha256 is missing"},
            {"[a]\nsha256=12\n", "[a]: sha256 has not 64 lower-case digits"},
            {"[a]\nsha256=" DIGEST "0A\n", "[a]: sha256 has not 64 lower-case digits"},
            {"[a]\nsha256=" DIGEST "001\n", "[a]: sha256 has not 64 lower-case digits"},
            {"[a]\nsha256=" DIGEST "00\n", "[a]: purpose is missing"},
            {"[a]\nsha256=" DIGEST "00\npurpose=x\n", "[a]: purpose=x is not known"},
            {"[a]\nsha256=" DIGEST "00\npurpose=kek\n", "[a]: authority is missing"},
            {"[a]\nsha256=" DIGEST "00\npurpose=kek\nauthority=x\n", "[a]: generation is missing"},
            {"[a]\nsha256=" DIGEST "00\npurpose=kek\nupdates-kek=true\n",
             "[a]: updates-kek is no key of purpose=kek"},
            {"[a]\nsha256=" DIGEST "00\npurpose=platform\ngeneration=1\n",
             "[a]: generation is no key of purpose=platform"},
            {"[a]\nsha256=" DIGEST "00\npurpose=kek\nauthority=x\ngeneration=1\nx=1\n",
             "[a]: x is no key of purpose=kek"},
            {"[a]\nsha256=" DIGEST "00\npurpose=platform\nauthority=x\n",
             "[a]: updates-kek is neither true nor false"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(TestDir) root = test_dir_new();
        const char *const directories[] = {root, NULL};
        g_autoptr(GPtrArray) problems = make_problems();
        g_autofree char *text = g_strconcat(
                "[good]\nsha256=" DIGEST "00\npurpose=kek\nauthority=x\ngeneration=1\n",
                files[i].text, NULL);
        g_autoptr(KnownCertificates) known = NULL;

        test_write_text(root, "a.conf", text);
        known = load(directories, problems);
        g_assert_cmpuint(problems->len, ==, 1);
        g_assert_cmpstr(((ConfProblem *)problems->pdata[0])->text, ==, files[i].problem);
        g_assert_null(known_certificates_find(known, DIGEST "00"));
    }
}

static gpointer load_known(const FileVisitor *visitor, gconstpointer directories, GError **error) {
    g_autoptr(GPtrArray) problems = make_problems();

    return known_certificates_load(directories, visitor, problems, error);
}

static void a_failing_system_is_an_error(void) {
    g_autoptr(TestDir) root = test_dir_new();
    const char *const directories[] = {root, SHIPPED_CERTIFICATES, NULL};

    test_write_text(root, "certificate", "none");
    test_fail_at_each_visit(load_known, (GDestroyNotify)known_certificates_unref, directories);
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(lists_of_signatures),
            TEST_CASE(a_list_that_is_malformed_ends_them),
            TEST_CASE(certificates),
            TEST_CASE(a_certificate_of_nobody),
            TEST_CASE(what_is_no_certificate_has_its_digest),
            TEST_CASE(shipped_certificates),
            TEST_CASE(an_administrators_file_overrides),
            TEST_CASE(tables_are_equal_if_all_of_them_is),
            TEST_CASE(a_failing_system_is_an_error),
            TEST_CASE(a_file_with_a_mistake_is_ignored),
    };

    return test_main(argc, argv, "uefi-certificate", cases, G_N_ELEMENTS(cases));
}
