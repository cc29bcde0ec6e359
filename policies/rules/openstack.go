package rules

import (
	"net/netip"
	"strconv"
	"strings"
)

const (
	securityGroupRule  = "openstack:networking/secGroupRule:SecGroupRule"
	novaSecurityGroup  = "openstack:compute/secGroup:SecGroup"
	instance           = "openstack:compute/instance:Instance"
	openStackProvider  = "pulumi:providers:openstack"
	applicationCreds   = "openstack:identity/applicationCredential:ApplicationCredential"
	highestPort        = 65535
	protocolTCP        = "tcp"
	protocolUDP        = "udp"
	widestPrefixLength = 7
)

// adminPort is a port that administers a machine or a cluster.
type adminPort struct {
	from, to int
	service  string
	// udp says that the service also speaks UDP.
	udp bool
}

func adminPorts() []adminPort {
	return []adminPort{
		{from: 22, to: 22, service: "SSH"},
		{from: 2376, to: 2376, service: "Docker"},
		{from: 2379, to: 2379, service: "etcd"},
		{from: 3389, to: 3389, service: "RDP", udp: true},
		{from: 5985, to: 5986, service: "WinRM"},
		{from: 6443, to: 6443, service: "Kubernetes API"},
		{from: 10250, to: 10250, service: "kubelet"},
	}
}

func checkWorldAdminPorts(o *object) []verdict {
	c := collector{on: o}
	if o.kind.token == novaSecurityGroup {
		at := o.root.get("rules")
		list, s := at.items()
		c.other(at, s)
		for _, r := range list {
			ingress{
				remotes: []field{r.get("fromGroupId"), r.get("self")},
				prefix:  r.get("cidr"), protocol: r.get("ipProtocol"), from: r.get("fromPort"), to: r.get("toPort"),
			}.check(&c)
		}
		return c.verdicts
	}
	direction := o.root.get("direction")
	switch d, s := direction.text(); {
	case s == present && d != "ingress":
		return nil
	case s == unknown:
		c.other(direction, s)
		return c.verdicts
	}
	ingress{
		remotes: []field{o.root.get("remoteGroupId"), o.root.get("remoteAddressGroupId")},
		prefix:  o.root.get("remoteIpPrefix"), protocol: o.root.get("protocol"),
		from: o.root.get("portRangeMin"), to: o.root.get("portRangeMax"),
	}.check(&c)
	return c.verdicts
}

// ingress is a rule of a security group that lets traffic in, as Neutron reads it: what is left out is not restricted.
type ingress struct {
	// remotes are the fields that restrict the source to something other than a prefix.
	remotes                    []field
	prefix, protocol, from, to field
}

func (r ingress) check(c *collector) {
	world, why := r.fromWorld(c)
	ports, open := r.adminPorts(c)
	switch {
	case world == no || len(ports) == 0:
	case world == maybe:
		c.other(r.prefix, unknown)
	case open != nil:
		c.other(*open, unknown)
	default:
		c.violated(r.prefix.path, "%s may reach %s", why, strings.Join(ports, ", "))
	}
}

// fromWorld says whether the source is everybody, and in which words.
func (r ingress) fromWorld(c *collector) (answer, string) {
	restricted := no
	for _, f := range r.remotes {
		switch s, st := f.text(); {
		case st == present && s != "":
			restricted = yes
		case st == unknown:
			restricted = max(restricted, maybe)
		}
		if self, st := f.flag(); st == present && self {
			restricted = yes
		}
	}
	prefix, st := r.prefix.text()
	world, why := yes, "everybody, because no source is set,"
	switch {
	case st == unknown:
		return maybe, ""
	case st == malformed:
		c.other(r.prefix, st)
		return no, ""
	case strings.TrimSpace(prefix) != "":
		world, why = worldPrefix(prefix)
		return world, why
	}
	switch restricted {
	case yes:
		return no, ""
	case maybe:
		return maybe, ""
	case no:
	}
	return world, why
}

// worldPrefix says whether an address prefix is everybody: the whole address space or so large a part of it that a few
// make up the whole. What Neutron might read differently from us counts as everybody.
func worldPrefix(text string) (answer, string) {
	address, length, hasLength := strings.Cut(strings.TrimSpace(text), "/")
	ip, err := netip.ParseAddr(expandIPv4(address))
	if err != nil {
		return yes, "a source that is no address prefix"
	}
	if !hasLength {
		return no, ""
	}
	bits, err := strconv.Atoi(length)
	if err != nil {
		mask, err := netip.ParseAddr(length)
		if err != nil {
			return yes, "a source that is no address prefix"
		}
		bits = leadingOnes(mask)
	}
	uniqueLocal := netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfc}), widestPrefixLength)
	if bits > widestPrefixLength || bits == widestPrefixLength && uniqueLocal.Contains(ip) {
		return no, ""
	}
	return yes, "everybody, or a large part of the internet,"
}

// expandIPv4 completes the short form of an IPv4 network, "0" for 0.0.0.0, which OpenStack accepts.
func expandIPv4(address string) string {
	if strings.Contains(address, ":") {
		return address
	}
	return address + strings.Repeat(".0", max(0, 3-strings.Count(address, ".")))
}

func leadingOnes(mask netip.Addr) int {
	n := 0
	for _, b := range mask.AsSlice() {
		for bit := 7; bit >= 0; bit-- {
			if b>>bit&1 == 0 {
				return n
			}
			n++
		}
	}
	return n
}

// adminPorts are the administration ports the rule covers, as text. open is the unknown field on which it depends
// whether any is covered.
func (r ingress) adminPorts(c *collector) (ports []string, open *field) {
	from, fs := r.from.number()
	to, ts := r.to.number()
	if fs == malformed {
		c.other(r.from, fs)
	}
	if ts == malformed {
		c.other(r.to, ts)
	}
	switch {
	case fs == unknown:
		from, open = 0, &r.from
	case from <= 0:
		from = 0
	}
	switch {
	case ts == unknown:
		to, open = highestPort, &r.to
	case to <= 0:
		to = max(from, 0)
		if from == 0 {
			to = highestPort
		}
	}
	protocol, ps := r.protocol.text()
	if n, s := r.protocol.number(); s == present {
		protocol, ps = strconv.Itoa(n), present
	}
	if ps == malformed {
		c.other(r.protocol, ps)
	}
	if ps == unknown {
		open = &r.protocol
	}
	udpOnly := false
	switch strings.ToLower(strings.TrimSpace(protocol)) {
	case "", "any", "0", "-1":
		if ps != unknown && fs != unknown && ts != unknown {
			// Without a protocol Neutron knows no ports.
			from, to = 0, highestPort
		}
	case protocolTCP, "6":
	case protocolUDP, "17":
		udpOnly = true
	default:
		return nil, nil
	}
	for _, p := range adminPorts() {
		if from <= p.to && to >= p.from && (!udpOnly || p.udp) {
			ports = append(ports, p.service+" ("+strconv.Itoa(p.from)+")")
		}
	}
	return ports, open
}

func checkNoAdminPass(o *object) []verdict {
	c := collector{on: o}
	at := o.root.get("adminPass")
	switch s, st := at.text(); {
	case st == present && s != "":
		c.violated(at.path, "must not be set")
	case st != present:
		c.other(at, st)
	}
	return c.verdicts
}

func checkProviderCredentials(o *object) []verdict {
	c := collector{on: o}
	if o.kind.token == applicationCreds {
		mustBeSecret(&c, o.root.get("secret"))
		mustNotBeTrue(&c, o.root.get("unrestricted"), "must not be true: the credential could make more of its kind")
		at := o.root.get("expiresAt")
		switch s, st := at.text(); {
		case st == absent || st == present && s == "":
			c.violated(at.path, "must be set, so that the credential ends")
		default:
			c.other(at, st)
		}
		return c.verdicts
	}
	for _, key := range []string{"password", "token", "applicationCredentialSecret", "key"} {
		mustBeSecret(&c, o.root.get(key))
	}
	mustNotBeTrue(&c, o.root.get("insecure"), "must not be true: the cloud's certificate would not be checked")
	return c.verdicts
}

// mustBeSecret notes a credential that the state would hold in clear.
func mustBeSecret(c *collector, f field) {
	s, st := f.text()
	switch {
	case f.secret || st == absent || st == present && s == "":
	case st == unknown:
		c.other(f, st)
	default:
		c.violated(f.path, "must be a Pulumi secret")
	}
}

func mustNotBeTrue(c *collector, f field, problem string) {
	switch on, st := f.flag(); {
	case st == present && on:
		c.violated(f.path, "%s", problem)
	default:
		c.other(f, st)
	}
}
