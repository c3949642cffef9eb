/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "service/mounts.h"

#include "util.h"

#define ROOT "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
#define HOME "30 21 8:2 / /home rw,relatime shared:2 - ext4 /dev/sda2 rw\n"

static void assert_mount(GHashTable *mounts, const char *key, const char *mount_point) {
    g_assert_cmpstr(g_hash_table_lookup(mounts, key), ==, mount_point);
}

static GHashTable *parse(const char *text) {
    g_autofree char *copy = g_strdup(text);

    return mounts_parse(copy);
}

static void each_line_is_a_mount(void) {
    g_autoptr(GHashTable) mounts = parse(ROOT HOME);

    g_assert_cmpuint(g_hash_table_size(mounts), ==, 2);
    assert_mount(mounts, "21 8:1 / /", "/");
    assert_mount(mounts, "30 8:2 / /home", "/home");
}

static void mount_points_are_unescaped(void) {
    g_autoptr(GHashTable) mounts = parse("31 21 0:30 / /a\\040b\\011c\\134d rw - tmpfs tmpfs rw\n");

    assert_mount(mounts, "31 0:30 / /a\\040b\\011c\\134d", "/a b\tc\\d");
}

static void what_is_no_mount_is_passed_over(void) {
    g_autoptr(GHashTable) mounts = parse("\nfoo\n1 2 3 4 5\n" ROOT);

    g_assert_cmpuint(g_hash_table_size(mounts), ==, 1);
}

static void mounts_above_a_path_tell_its_own(void) {
    g_autoptr(GHashTable) mounts = parse(ROOT HOME "32 21 8:3 / /homes rw - ext4 /dev/sda3 rw\n");
    g_autoptr(GHashTable) with_another = parse(ROOT HOME "33 30 0:31 / /home/a rw - fuse b rw\n");
    g_autofree char *point = NULL;
    g_autofree char *same_point = NULL;
    g_autofree char *root_point = NULL;
    g_autofree char *above = mounts_find_above(mounts, "/home/b", &point);
    g_autofree char *same_above = mounts_find_above(with_another, "/home/b", &same_point);
    g_autofree char *root_above = mounts_find_above(mounts, "/usr/a", &root_point);

    g_assert_cmpstr(point, ==, "/home");
    g_assert_cmpstr(above, ==, "21 8:1 / /\n30 8:2 / /home");
    g_assert_cmpstr(same_above, ==, above);
    g_assert_cmpstr(root_point, ==, "/");
    g_assert_cmpstr(root_above, ==, "21 8:1 / /");
}

int main(int argc, char **argv) {
    static const TestCase cases[] = {
            TEST_CASE(each_line_is_a_mount),
            TEST_CASE(mount_points_are_unescaped),
            TEST_CASE(what_is_no_mount_is_passed_over),
            TEST_CASE(mounts_above_a_path_tell_its_own),
    };

    return test_main(argc, argv, "mounts", cases, G_N_ELEMENTS(cases));
}
