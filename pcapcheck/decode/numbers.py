"""Every number that says what follows, and the layer that reads it or the reason why nothing does.

Link types: https://www.tcpdump.org/linktypes.html. Ethertypes, PPP and IP protocols, ports: IANA's registries.
To open one more encapsulation, write its layer and name it here.
"""

from __future__ import annotations

from typing import Final

from pcapcheck.decode import (
    link_layers,
    mpls,
    place,
    point_to_point,
    records,
    tags,
    tunnels,
    udp_tunnels,
    wireless,
)
from pcapcheck.decode.place import Layer
from pcapcheck.decode.segment import Skip

LINK_TYPES: Final[dict[int, Layer | Skip]] = {
    0: link_layers.null,
    1: link_layers.ethernet,
    6: link_layers.token_ring,
    7: link_layers.arcnet,
    8: link_layers.behind(16, place.raw),  # SLIP as BSD writes it
    9: point_to_point.hdlc,
    10: link_layers.fddi,
    11: link_layers.atm,
    12: place.raw,  # DLT_RAW as most systems write it
    14: place.raw,  # and OpenBSD
    17: records.old_pflog,
    50: point_to_point.hdlc,
    51: point_to_point.pppoe,
    100: link_layers.atm,
    101: place.raw,
    104: point_to_point.cisco_hdlc,
    105: wireless.ieee80211,
    106: link_layers.atm,
    107: point_to_point.frame_relay,
    108: link_layers.null,
    109: records.enc,
    113: link_layers.sll,
    117: records.pflog,
    119: wireless.prism,
    122: link_layers.behind(16, link_layers.llc),  # IP over Fibre Channel, RFC 2625
    123: link_layers.sun_atm,
    127: wireless.radiotap,
    129: link_layers.arcnet_linux,
    138: link_layers.at_ethertype(16, 18),  # Apple's IP over IEEE 1394
    **dict.fromkeys(range(147, 163), Skip.USER_LINK_TYPE),
    163: wireless.avs,
    166: point_to_point.directed,
    192: records.ppi,
    204: point_to_point.directed,
    205: link_layers.behind(1, point_to_point.cisco_hdlc),
    206: link_layers.behind(1, point_to_point.frame_relay),
    226: records.ipnet,
    228: place.ipv4,
    229: place.ipv6,
    239: records.nflog,
    240: link_layers.behind(4, link_layers.ethernet),  # Hilscher netANALYZER
    242: link_layers.ipoib,
    258: records.pktap,
    274: link_layers.behind(8, link_layers.ethernet),  # with IEEE 802.3br's preamble
    276: link_layers.sll2,
}

ETHERTYPES: Final[dict[int, Layer | Skip]] = {
    0x0800: place.ipv4,
    0x22EB: Skip.TUNNEL,  # ERSPAN III outside GRE
    0x22F3: tags.trill,
    0x2452: wireless.deciphered,
    0x4305: Skip.TUNNEL,  # batman-adv
    0x6558: link_layers.ethernet,
    0x86DD: place.ipv6,
    0x880B: point_to_point.ppp,
    0x8847: mpls.mpls,
    0x8848: mpls.mpls,  # with an upstream-assigned label
    0x8864: point_to_point.pppoe,
    0x8870: link_layers.llc,  # LLC in jumbo frames
    0x88E5: tags.macsec,
    0x88E7: tags.bridged("pbb", 4),  # IEEE 802.1ah, section 9.7: the service instance's tag
    0x8903: tags.bridged("fabricpath", 2),  # Cisco FabricPath: its tag and TTL
    0x8909: tags.cisco_metadata,
    0x8926: tags.tag(6),  # VN-Tag
    0x892F: tags.tag(6),  # HSR, IEC 62439-3
    0x893F: tags.tag(8),  # IEEE 802.1BR, section 7.4: E-Tag
    0x894F: tags.nsh,
}

PPP_PROTOCOLS: Final[dict[int, Layer | Skip]] = {
    0x0021: place.ipv4,
    0x002D: Skip.TUNNEL,  # Van Jacobson's compressed TCP
    0x002F: Skip.TUNNEL,  # and its uncompressed TCP, RFC 1144
    0x0031: point_to_point.bridged,
    0x003D: point_to_point.multilink,
    0x0053: Skip.ENCRYPTED,
    0x0055: Skip.ENCRYPTED,
    0x0057: place.ipv6,
    0x00FB: Skip.ENCRYPTED,  # compressed in a multilink bundle
    0x00FD: Skip.ENCRYPTED,  # compressed; MPPE encrypts under this number (RFC 3078)
    0x0281: mpls.mpls,
    0x0283: mpls.mpls,
}

IP4_PROTOCOLS: Final[dict[int, Layer | Skip]] = {
    4: tunnels.ip4_in_ip4,
    41: tunnels.ip6_in_ip4,
    47: tunnels.gre,
    50: Skip.ENCRYPTED,  # ESP
    55: Skip.TUNNEL,  # minimal encapsulation, RFC 2004
    94: tunnels.ip4_in_ip4,  # as KA9Q numbered it
    97: tunnels.etherip,
    98: Skip.TUNNEL,  # RFC 1241
    108: Skip.TUNNEL,  # IPComp
    115: tunnels.l2tp3,
    137: mpls.mpls,  # RFC 4023
}
IP6_PROTOCOLS: Final[dict[int, Layer | Skip]] = {
    **IP4_PROTOCOLS,
    4: tunnels.ip4_in_ip6,
    41: tunnels.ip6_in_ip6,
    143: tunnels.ethernet_in_ip6,
}

UDP_PORTS: Final[dict[int, Layer | Skip]] = {
    1701: udp_tunnels.l2tp,
    2152: udp_tunnels.gtp_u,
    3544: udp_tunnels.teredo,
    4341: udp_tunnels.lisp,
    4500: udp_tunnels.esp_in_udp,
    4754: udp_tunnels.gre_in_udp,
    4789: udp_tunnels.vxlan,
    4790: udp_tunnels.vxlan_gpe,
    5072: udp_tunnels.ayiya,
    5247: udp_tunnels.capwap,
    5555: udp_tunnels.fou,
    6080: udp_tunnels.gue,
    6081: udp_tunnels.geneve,
    6635: udp_tunnels.mpls_in_udp,
    8472: udp_tunnels.vxlan,  # as Linux first had it
    37008: udp_tunnels.tzsp,
}

# In the order of Numbers: each table, and what it means that a number is not in it.
TABLES: Final[tuple[tuple[dict[int, Layer | Skip], Skip], ...]] = (
    (LINK_TYPES, Skip.UNKNOWN_LINK_TYPE),
    (ETHERTYPES, Skip.NOT_IP),
    (PPP_PROTOCOLS, Skip.NOT_IP),
    (IP4_PROTOCOLS, Skip.NOT_TCP),
    (IP6_PROTOCOLS, Skip.NOT_TCP),
)
