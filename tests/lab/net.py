"""The engine's own network: a bridge, a subnet that nothing else uses, and three firewall rules.

dockerd is told to leave the firewall alone. One that manages it flushes Docker's chains when it starts, and with them
the rules of any other daemon on the machine; ours carry a comment and are removed by it.
"""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .shell import LabError, run, say, search_path, succeeds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .layout import Layout

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
BLOCKS = ("10.213.0.0/16", "172.29.0.0/16", "10.177.0.0/16", "192.168.240.0/20")
BLOCK_BITS = 20
NETWORK = re.compile("br-[0-9a-f]{12}")


class Subnet(NamedTuple):
    """The address range of one lab."""

    whole: ipaddress.IPv4Network

    @property
    def bridge(self) -> ipaddress.IPv4Interface:
        """The bridge's address: first of the first /24, which the default network uses."""
        first = next(self.whole.subnets(new_prefix=24))
        return ipaddress.IPv4Interface((first.network_address + 1, 24))

    @property
    def pool(self) -> ipaddress.IPv4Network:
        """The upper half, for networks that users create."""
        return list(self.whole.subnets(prefixlen_diff=1))[1]


def subnet(text: str) -> Subnet:
    """Read a range as the lab's state keeps it."""
    return Subnet(ipaddress.IPv4Network(text))


def choose_subnet(taken: Iterable[ipaddress.IPv4Network], start: int) -> Subnet:
    """Return the first candidate that overlaps nothing taken; labs begin at different places in the list."""
    used = list(taken)
    candidates = [net for block in BLOCKS for net in ipaddress.IPv4Network(block).subnets(new_prefix=BLOCK_BITS)]
    start %= len(candidates)
    for candidate in candidates[start:] + candidates[:start]:
        if not any(candidate.overlaps(other) for other in used):
            return Subnet(candidate)
    raise LabError(
        "no free subnet for the engine's bridge",
        f"routes of this machine cover all of {', '.join(BLOCKS)}",
        "remove a route (a VPN often takes a whole private range), then try again",
    )


def routed() -> list[ipaddress.IPv4Network]:
    """Every IPv4 range that this machine has a route for, the default route aside."""
    listing = run(["ip", "-json", "-4", "route", "show", "table", "all"], what="cannot read the routing table")
    destinations = {row.get("dst", "default") for row in json.loads(listing or "[]")}
    return [ipaddress.IPv4Network(dst, strict=False) for dst in destinations - {"default", "0.0.0.0/0"}]


def bring_up(layout: Layout, network: Subnet) -> None:
    """Create the bridge and let its subnet out through the machine's own address."""
    what = f"cannot create the bridge {layout.bridge}"
    todo = "this needs CAP_NET_ADMIN and a kernel with bridges (`modprobe bridge`)"
    # With no address of its own a bridge takes the lowest of its ports': it would change when a container ends, and
    # the others would lose their gateway for half a minute.
    hardware = "02:62:67:" + ":".join(layout.id[at : at + 2] for at in (0, 2, 4))
    run(["ip", "link", "add", layout.bridge, "address", hardware, "type", "bridge"], what=what, todo=todo)
    run(["ip", "address", "add", str(network.bridge), "dev", layout.bridge], what=what, todo=todo)
    run(["ip", "link", "set", layout.bridge, "up"], what=what, todo=todo)
    if FORWARDING.read_text().strip() == "0":
        say("turning on net.ipv4.ip_forward (it stays on until the next boot)")
        FORWARDING.write_text("1\n")
    iptables = working_iptables(layout)
    for table, rule in _rules(layout, network):
        run([*iptables, "-t", table, *rule], what="cannot add a firewall rule", todo="check iptables on this machine")


def tear_down(layout: Layout) -> None:
    """Remove the lab's bridges and the rules with our comment, from whichever backend they are in."""
    for link in _own_links(layout):
        run(["ip", "link", "delete", link], what=f"cannot delete the bridge {link}")
    while rules := removals(layout):  # anew each time: the machine's iptables and ours may show the same rule
        run(rules[0], what="cannot remove a firewall rule")


def removals(layout: Layout) -> list[list[str]]:
    """Return one command for every firewall rule of the lab that exists now: the one that removes it."""
    return [
        [*iptables, "-t", table, "-D", *rule[1:]]
        for iptables in _iptables(layout)
        for table, chain in (("nat", "POSTROUTING"), ("filter", "FORWARD"))
        for rule in _own_rules(layout, iptables, table, chain)
    ]


def _own_links(layout: Layout) -> list[str]:
    """Name the lab's bridge and those of networks that users created: dockerd leaves these behind when it stops.

    The latter are called br-ID, and the ID stands in the network database of the daemon that made them.
    """
    database = layout.data / "network/files/local-kv.db"
    known = database.read_bytes() if database.exists() else b""
    links = [path.name for path in Path("/sys/class/net").iterdir()]
    users = [link for link in links if NETWORK.fullmatch(link) and link.removeprefix("br-").encode() in known]
    return sorted({layout.bridge} & set(links)) + users


def _rules(layout: Layout, network: Subnet) -> list[tuple[str, list[str]]]:
    """NAT for what leaves the subnet; accept both directions in case another daemon made FORWARD drop by default."""
    net = str(network.whole)
    mark = ["-m", "comment", "--comment", layout.name]
    answers = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"]
    return [
        ("nat", ["-A", "POSTROUTING", "-s", net, "!", "-d", net, *mark, "-j", "MASQUERADE"]),
        ("filter", ["-I", "FORWARD", "-s", net, *mark, "-j", "ACCEPT"]),
        ("filter", ["-I", "FORWARD", "-d", net, *answers, *mark, "-j", "ACCEPT"]),
    ]


def _own_rules(layout: Layout, iptables: Sequence[str], table: str, chain: str) -> list[list[str]]:
    """Rules with our comment as iptables prints them: `-A CHAIN ...`."""
    try:
        listing = run([*iptables, "-t", table, "-S", chain], what="cannot list firewall rules")
    except LabError:  # this backend is not in the kernel: it holds none of our rules
        return []
    return [rule for rule in map(shlex.split, listing.splitlines()) if layout.name in rule]


def _iptables(layout: Layout) -> list[list[str]]:
    """Commands to try, best first: the machine's own (it decides with which backend others' rules are seen)."""
    own = shutil.which("iptables", path=search_path())
    ours = [layout.wrappers / f"iptables-{backend}" for backend in ("nft", "legacy")]
    return [[path, "--wait", "5"] for path in [*([own] if own else []), *(str(p) for p in ours if p.exists())]]


def working_iptables(layout: Layout) -> list[str]:
    """Return the first of them that this kernel can serve."""
    for command in _iptables(layout):
        if succeeds([*command, "-t", "nat", "-S", "POSTROUTING"]):
            return command
    raise LabError(
        "RUN steps would have no network",
        "neither nftables nor the older iptables works in this kernel, so nothing can be translated (NAT)",
        "run on a machine whose kernel has nf_tables or ip_tables with nat",
    )
