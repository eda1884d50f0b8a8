"""The exact text of every recipe for the article's two offices, and of the page that shows them."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from leasedline import gateways
from leasedline.gateways import RECIPES, OfficeRoutes
from leasedline.gateways.page import EXAMPLE, sections

ROOT = Path(__file__).parents[2]
OFFICE_1 = EXAMPLE
OFFICE_2 = OfficeRoutes(
    office="c",
    lan=IPv4Network("192.168.200.0/24"),
    gateway=IPv4Address("192.168.200.1"),
    next_hop=IPv4Address("192.168.200.248"),
    destinations=(IPv4Network("192.168.201.0/24"),),
)
MIRROR = {
    "office a": "office c",
    "192.168.201.247": "192.168.200.248",
    "192.168.201.1": "192.168.200.1",
    "192.168.201.0": "192.168.200.0",
    "192.168.200.0": "192.168.201.0",
    "192_168_201_247": "192_168_200_248",
    "192_168_200_0": "192_168_201_0",
    "00C0A8C90118C0A8C8C0A8C9F7": "00C0A8C80118C0A8C9C0A8C8F8",
    "00:c0:a8:c9:01:18:c0:a8:c8:c0:a8:c9:f7": "00:c0:a8:c8:01:18:c0:a8:c9:c0:a8:c8:f8",
    "0, 192, 168, 201, 1, 24, 192, 168, 200, 192, 168, 201, 247": (
        "0, 192, 168, 200, 1, 24, 192, 168, 201, 192, 168, 200, 248"
    ),
}
"""What in office 1's texts stands where in office 2's, longest first."""

EXPECTED = {
    "linux": """\
# leased-line: office a, on the router of 192.168.201.0/24
ip route replace 192.168.200.0/24 via 192.168.201.247
""",
    "networkd": """\
# leased-line: office a, on the router of 192.168.201.0/24
# File: /etc/systemd/network/NAME.d/50-leased-line-192.168.201.0-24.conf
# NAME: the last part of the "Network File:" that networkctl status shows for the LAN
# interface, such as 10-lan.network; then run: networkctl reload

[Route]
Destination=192.168.200.0/24
Gateway=192.168.201.247
""",
    "netplan": """\
# leased-line: office a, on the router of 192.168.201.0/24
# File: /etc/netplan/90-leased-line-192.168.201.0-24.yaml
# LAN_INTERFACE: the LAN interface's name in your other files there, and ethernets: the
# group it stands in (ethernets, bridges, bonds or vlans); then run: netplan apply
network:
  version: 2
  ethernets:
    LAN_INTERFACE:
      routes:
        - to: 192.168.200.0/24
          via: 192.168.201.247
""",
    "openwrt": """\
# leased-line: office a, on the router of 192.168.201.0/24
# The section of /etc/config/network that holds 192.168.201.0/24; lan unless you renamed it.
lan=lan
uci set network.leased_line_192_168_200_0_24=route
uci set network.leased_line_192_168_200_0_24.interface="$lan"
uci set network.leased_line_192_168_200_0_24.target=192.168.200.0
uci set network.leased_line_192_168_200_0_24.netmask=255.255.255.0
uci set network.leased_line_192_168_200_0_24.gateway=192.168.201.247
uci commit network
/etc/init.d/network reload
""",
    "routeros": """\
# leased-line: office a, on the router of 192.168.201.0/24
:if ([:len [/ip route find comment="leased-line 192.168.200.0/24"]] = 0) do={ /ip route add \
dst-address=192.168.200.0/24 gateway=192.168.201.247 comment="leased-line 192.168.200.0/24" } \
else={ /ip route set [/ip route find comment="leased-line 192.168.200.0/24"] \
dst-address=192.168.200.0/24 gateway=192.168.201.247 }
""",
    "opnsense": """\
leased-line: office a, on the router of 192.168.201.0/24
What is there already stays as it is; add only what is missing.
1. System > Gateways > Configuration > Add, then Save:
   Name                        LEASED_LINE_192_168_201_247
   Interface                   the one that holds 192.168.201.0/24, most often LAN
   Address Family              IPv4
   Gateway (IP address)        192.168.201.247
   Disable Gateway Monitoring  ticked
   Description                 leased-line
   The default gateway stays what it was.
2. System > Routes > Configuration > Add, then Save, once per row:
   Network               Gateway                         Description
   192.168.200.0/24      LEASED_LINE_192_168_201_247     leased-line
3. Firewall > Settings > Advanced, Static route filtering, then Save:
   Bypass firewall rules for traffic on the same interface  ticked
4. Apply the changes on each page that offers it.
""",
    "pfsense": """\
leased-line: office a, on the router of 192.168.201.0/24
What is there already stays as it is; add only what is missing.
1. System > Routing > Gateways > Add, then Save:
   Name                        LEASED_LINE_192_168_201_247
   Interface                   the one that holds 192.168.201.0/24, most often LAN
   Address Family              IPv4
   Gateway (IP address)        192.168.201.247
   Disable Gateway Monitoring  ticked
   Description                 leased-line
   The default gateway stays what it was.
2. System > Routing > Static Routes > Add, then Save, once per row:
   Network               Gateway                         Description
   192.168.200.0/24      LEASED_LINE_192_168_201_247     leased-line
3. System > Advanced > Firewall & NAT, Static route filtering, then Save:
   Bypass firewall rules for traffic on the same interface  ticked
4. Apply the changes on each page that offers it.
""",
    "vyos": """\
# leased-line: office a, on the router of 192.168.201.0/24
configure
set protocols static route 192.168.200.0/24 next-hop 192.168.201.247
set protocols static route 192.168.200.0/24 description leased-line
commit
save
exit
""",
    "edgeos": """\
# leased-line: office a, on the router of 192.168.201.0/24
configure
set protocols static route 192.168.200.0/24 next-hop 192.168.201.247
commit
save
exit
""",
    "cisco_ios": """\
! leased-line: office a, on the router of 192.168.201.0/24
configure terminal
ip route 192.168.200.0 255.255.255.0 192.168.201.247 name leased-line
end
write memory
""",
    "windows": """\
# leased-line: office a, on the router of 192.168.201.0/24
$lan = (Find-NetRoute -RemoteIPAddress '192.168.201.247' | Select-Object -First 1).InterfaceIndex
if (-not (Get-NetRoute -DestinationPrefix '192.168.200.0/24' -NextHop '192.168.201.247' \
-ErrorAction SilentlyContinue)) { New-NetRoute -DestinationPrefix '192.168.200.0/24' -NextHop \
'192.168.201.247' -InterfaceIndex $lan | Out-Null }
""",
    "web": """\
leased-line: office a, on the router of 192.168.201.0/24
One static route per row; where there is a name or comment, leased-line.
Destination network   Subnet mask       Next hop          Interface
192.168.200.0         255.255.255.0     192.168.201.247   LAN
""",
    "dhcp_option_121": """\
# leased-line: office a, for the DHCP server of 192.168.201.0/24
# 13 bytes for option 121, and the same for option 249 (old Windows). The
# default route via 192.168.201.1 is among them: who gets 121 ignores option 3.
# Take the one form that your server knows; devices learn it with their next lease.

# Hexadecimal, as most web pages ask for it:
0x00C0A8C90118C0A8C8C0A8C9F7
00:c0:a8:c9:01:18:c0:a8:c8:c0:a8:c9:f7

# dnsmasq, in its configuration; if it serves several LANs, with tag:INTERFACE, behind
# each equals sign; OpenWrt takes what is behind that sign among lan's DHCP options:
dhcp-option=121,0.0.0.0/0,192.168.201.1,192.168.200.0/24,192.168.201.247
dhcp-option=249,0.0.0.0/0,192.168.201.1,192.168.200.0/24,192.168.201.247

# ISC dhcpd: the first two lines at the top of dhcpd.conf, the others inside
# subnet 192.168.201.0 netmask 255.255.255.0 { }:
option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
option ms-classless-static-routes code 249 = array of unsigned integer 8;
option rfc3442-classless-static-routes 0, 192, 168, 201, 1, 24, 192, 168, 200, 192, 168, 201, 247;
option ms-classless-static-routes 0, 192, 168, 201, 1, 24, 192, 168, 200, 192, 168, 201, 247;

# Kea: inside "option-data": [ ] of the subnet4 entry of 192.168.201.0/24:
{ "code": 121, "csv-format": false, "data": "00C0A8C90118C0A8C8C0A8C9F7" },
{ "code": 249, "csv-format": false, "data": "00C0A8C90118C0A8C8C0A8C9F7" }
""",
    "device": """\
# leased-line: office a, on each device of 192.168.201.0/24

# Linux, in a root shell; until it restarts:
ip route replace 192.168.200.0/24 via 192.168.201.247

# Windows, in a command prompt opened with Run as administrator; for good:
route delete 192.168.200.0 mask 255.255.255.0 192.168.201.247 >nul 2>&1 & route -p add \
192.168.200.0 mask 255.255.255.0 192.168.201.247

# macOS, in a terminal; until it restarts:
sudo route -n add -net 192.168.200.0/24 192.168.201.247 || sudo route -n change -net \
192.168.200.0/24 192.168.201.247
""",
}


def mirrored(text: str) -> str:
    words = sorted(MIRROR, key=len, reverse=True)
    pattern = "|".join(rf"(?<![0-9]){re.escape(word)}(?![0-9])" for word in words)
    return re.sub(pattern, lambda found: MIRROR[found[0]], text)


def test_every_vendor_has_a_text_here() -> None:
    assert list(RECIPES) == list(EXPECTED)


@pytest.mark.parametrize("vendor", RECIPES)
def test_the_articles_offices(vendor: str) -> None:
    assert gateways.recipes(OFFICE_1)[vendor] == EXPECTED[vendor]
    assert gateways.recipes(OFFICE_2)[vendor] == mirrored(EXPECTED[vendor])


def test_the_page_shows_what_the_code_says() -> None:
    page = (ROOT / "docs" / "gateways.md").read_text()
    begin, end = "<!-- recipes: python -m leasedline.gateways -->\n", "<!-- end of recipes -->"
    shown = page.partition(begin)[2].partition(end)[0]
    assert shown.strip() == sections(EXAMPLE).strip(), (
        "docs/gateways.md is behind the code: put the output of `python -m leasedline.gateways` "
        "between its two recipes comments"
    )
