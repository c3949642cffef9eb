/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "vm/shared-pins.h"

struct SharedPins {
    GHashTable *lenders; /* to the number of VMs whose pin it is, or borrows from it */
};

static guint hash_pin(gconstpointer pin) {
    return pin_hash(pin);
}

static gboolean is_alike(gconstpointer a, gconstpointer b) {
    return pin_is_alike(a, b);
}

SharedPins *shared_pins_new(void) {
    SharedPins *pins = g_new(SharedPins, 1);

    pins->lenders =
            g_hash_table_new_full(hash_pin, is_alike, (GDestroyNotify)(gpointer)pin_unref, NULL);
    return pins;
}

void shared_pins_free(SharedPins *pins) {
    if (!pins)
        return;
    g_hash_table_unref(pins->lenders);
    g_free(pins);
}

Pin *shared_pins_add(SharedPins *pins, const Pin *pin) {
    gpointer lender;
    gpointer n = NULL;

    if (!g_hash_table_lookup_extended(pins->lenders, pin, &lender, &n))
        lender = (gpointer)pin_get_lender(pin);
    g_hash_table_insert(pins->lenders, pin_ref(lender), GUINT_TO_POINTER(GPOINTER_TO_UINT(n) + 1));
    return lender == pin_get_lender(pin) ? pin_ref(pin)
                                         : pin_borrow(lender, pin->created, pin->reference);
}

void shared_pins_remove(SharedPins *pins, const Pin *pin) {
    const Pin *lender = pin_get_lender(pin);
    guint n = GPOINTER_TO_UINT(g_hash_table_lookup(pins->lenders, lender));

    g_assert(n > 0);
    if (n == 1)
        g_hash_table_remove(pins->lenders, lender);
    else
        g_hash_table_insert(pins->lenders, pin_ref(lender), GUINT_TO_POINTER(n - 1));
}
