# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A thin front door. Meson builds, tests/run tests; all that they make is below build/.

# What `make install` installs into, below DESTDIR.
PREFIX = /usr

# Each variant is one build directory, build/VARIANT, installed into build/VARIANT/install.
VARIANTS = gcc clang asan ndebug coverage i386 s390x
compiler-gcc = gcc
compiler-clang = clang
compiler-asan = gcc
compiler-ndebug = gcc
compiler-coverage = gcc
compiler-i386 = i686-linux-gnu-gcc
compiler-s390x = s390x-linux-gnu-gcc
options-asan = -Db_sanitize=address,undefined
options-ndebug = -Dbuildtype=release -Db_ndebug=true
# its threads count together
options-coverage = -Db_coverage=true -Doptimization=0 -Dc_args=-fprofile-update=atomic
# tests/sysroot makes these
options-i386 = --cross-file=build/debian/i386.cross -Dbuildtype=plain
options-s390x = --cross-file=build/debian/s390x.cross -Dbuildtype=plain

# Set by `make check`: warnings are errors. A compiler that is newer than those of the checks may warn
# of more, which must stop nobody from building.
WERROR =

.PHONY: all build demo check analysis coverage bench install uninstall format clean $(VARIANTS:%=build/%)

all: build

build:
	@tests/install-dependencies build
	@$(MAKE) --no-print-directory build/gcc

# Shows the service at work, over the firmware that is installed on this machine.
demo:
	@tests/install-dependencies demo
	@mkdir -p build && echo 'Building; the log is build/demo.log.'
	@$(MAKE) --no-print-directory build/gcc >build/demo.log 2>&1 || { cat build/demo.log; exit 1; }
	@tests/demo

# All tests, in all variants.
check:
	@tests/install-dependencies check
	@tests/run

# What compilers and tests do not see.
analysis:
	@tests/install-dependencies proof
	@tests/run analysis

# Which lines the tests reach; as root.
coverage:
	@tests/install-dependencies proof
	@$(MAKE) --no-print-directory build/coverage
	@tests/coverage

# Ratios of times; the machine should have nothing else to do.
bench:
	@tests/install-dependencies check
	@$(MAKE) --no-print-directory build/ndebug
	@VMFIRMWARED='$(CURDIR)/build/ndebug/install/libexec/vmfirmwared' tests/bench/run

# For a system: a build of its own, which knows the paths below PREFIX.
install:
	rm -rf build/package
	meson setup build/package --prefix=$(PREFIX) --buildtype=release
	meson compile -C build/package
	DESTDIR='$(DESTDIR)' meson install -C build/package --no-rebuild

# What the last `make install` installed.
uninstall:
	ninja -C build/package uninstall

format:
	find client daemon tests -name '*.[ch]' -exec clang-format-19 -i {} +

clean:
	rm -rf build

$(VARIANTS:%=build/%): build/%: build/%/build.ninja
	$(if $(WERROR),meson configure $@ -Dwerror=true)
	meson compile -C $@
	DESTDIR= meson install -C $@ --no-rebuild --quiet

# Begun anew whenever the options above may have changed, or an earlier attempt broke off.
build/%/build.ninja: Makefile
	rm -rf $(@D)
	CC=$(compiler-$*) meson setup $(@D) --prefix='$(CURDIR)/$(@D)/install' $(options-$*)
