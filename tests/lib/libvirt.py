# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rendered elements of a libvirt domain, held against libvirt's own schema."""

import re
import subprocess
import xml.etree.ElementTree as ElementTree

DOMAIN = "<domain type='kvm'><name>vm</name><memory>1048576</memory>{}</domain>"


class Domain:
    """The elements of a rendering, which is the text of a resolution's libvirt-xml."""

    def __init__(self, text):
        self.text = text
        self.root = ElementTree.fromstring(DOMAIN.format(text))
        tags = [element.tag for element in self.root][2:]
        assert tags in (["os", "features"], ["os", "features", "pm"])

    def os(self, tag):
        """(attributes, text) of an element of <os>, or None."""
        found = self.root.findall(f"os/{tag}")
        assert len(found) <= 1
        return (found[0].attrib, found[0].text) if found else None

    def tags(self):
        return [element.tag for element in self.root.find("os")]

    def features(self):
        return {element.tag: element.attrib for element in self.root.find("features")}

    def assert_valid(self):
        """For libvirt 9.0: without what is newer."""
        older = re.sub(r" (template)?[fF]ormat='\w+'| arch='loongarch64'|<varstore [^>]*/>", "",
                       self.text)
        made = subprocess.run(["virt-xml-validate", "-", "domain"], input=DOMAIN.format(older),
                              capture_output=True, text=True, check=False)
        assert made.returncode == 0, f"{self.text}\n{made.stdout}{made.stderr}"
        return self


def rendered(resolution):
    return Domain(resolution["libvirt-xml"]).assert_valid()
