/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* MESSAGE_ID of the service's log messages. They never change. The journal's catalog (data/journal)
 * explains each. */
#define LOG_ID_CATALOG_PUBLISHED "5a5d4ae69d1e48bea6974edea512a3ba"
#define LOG_ID_FIRMWARE_PROBLEM "cffb384242b444d3bd3d4c4299005aa4"
#define LOG_ID_VM_ADDED "8a27853ff4044f7e89b3aa35f13e6f34"
#define LOG_ID_VM_REMOVED "526b42392fb740699c42440b39d839bb"
#define LOG_ID_VM_RENAMED "9989830885904376af75c80b608e5bb2"
#define LOG_ID_VM_PINNED "5f45eaf5ad2246508f8822e29238de47"
#define LOG_ID_VM_FIRMWARE_GONE "0d68765f04584a27ad2285291e05847d"
#define LOG_ID_VM_STORE "8e37465ff0ca4568850c5467d1930ad9"
#define LOG_ID_VM_GOOD_COPY "f144245d00ec426f9573024af5585807"
#define LOG_ID_VM_UNREADABLE "6d429dd5efb540c7bfebd9f713171d80"
