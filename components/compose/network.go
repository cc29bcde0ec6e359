package compose

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/dekcd/dmcloud/components/app"
)

// defaultRouteTimeout is what most reverse proxies have, for example
// https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout.
const defaultRouteTimeout = time.Minute

func expose(s *serviceReader) {
	for _, text := range s.spec.Expose {
		numbers, protocol, _ := strings.Cut(text, "/")
		from, to, isRange := strings.Cut(numbers, "-")
		first, err := strconv.Atoi(from)
		last := first
		if err == nil && isRange {
			last, err = strconv.Atoi(to)
		}
		if err != nil || last < first || last-first >= maximumRange {
			s.reject(text, fmt.Sprintf("must be a port, or a range of at most %d", maximumRange), "list the ports")
			continue
		}
		for port := first; port <= last; port++ {
			s.listen("", port, protocol)
		}
	}
	s.keep()
}

// maximumRange is the largest range of ports that is taken for meant.
const maximumRange = 100

func ports(s *serviceReader) {
	for _, p := range s.spec.Ports {
		s.listen(p.Name, int(p.Target), p.Protocol)
	}
	s.harden("open to services that may talk to it, not on the host")
}

func (s *serviceReader) listen(name string, number int, protocol string) {
	p := app.Port{Name: name, Number: number, Protocol: app.Protocol(strings.ToUpper(protocol))}
	if p.Protocol == "" {
		p.Protocol = app.TCP
	}
	if p.Name == "" || s.adopting() && !portName(p.Name) {
		p.Name, name = fmt.Sprintf("%s-%d", strings.ToLower(string(p.Protocol)), number), ""
	}
	for i, known := range s.out.Ports {
		if known.Number == p.Number && known.Protocol == p.Protocol {
			if name != "" {
				s.out.Ports[i].Name = name
			}
			return
		}
	}
	s.out.Ports = append(s.out.Ports, p)
}

// portName tells whether a port's name is one that targets take too; others are only labels for people.
func portName(name string) bool {
	const maximum = 15
	return len(name) <= maximum && plainName.MatchString(name) && !strings.Contains(name, "--")
}

func networks(s *serviceReader) {
	for _, network := range slices.Sorted(maps.Keys(s.spec.Networks)) {
		if s.edges[network] {
			continue
		}
		s.out.Networks = append(s.out.Networks, name(s.names.networks, network))
		of := s.spec.Networks[network]
		if of != nil && (of.Ipv4Address != "" || of.Ipv6Address != "" || of.MacAddress != "") {
			s.say(s.at+"."+network, Ignored, "addresses are given by the target; services are reached by name")
		}
	}
	for _, alias := range aliases(s.spec) {
		s.answerTo(s.at, alias)
	}
	s.harden("services of one network may talk to each other's ports, and to nobody else")
}

// answerTo gives the service a further name. What no target can resolve is replaced where it is used.
func (s *serviceReader) answerTo(at, alias string) {
	label := strings.ToLower(alias)
	switch {
	case label == s.out.Name || slices.Contains(s.out.Aliases, label):
	case !s.source.Written && (!plainName.MatchString(label) || len(label) > maximumName):
		s.say(at, Hardened, "%s is no host name on every target; %s is written where it is used", alias, s.out.Name)
	default:
		s.out.Aliases = append(s.out.Aliases, label)
	}
}

// links are an older way to say who talks to whom, under which name.
func links(s *serviceReader) {
	for i, link := range s.spec.Links {
		to, _, _ := strings.Cut(link, ":")
		if _, active := s.project.Services[to]; !active {
			s.refuse(fmt.Sprintf("%s[%d]", s.at, i), to, "no such active service", "")
			continue
		}
		s.talkTo(to)
	}
	s.keep()
}

// talkTo permits connections to a service of the file.
func (s *serviceReader) talkTo(service string) {
	to := name(s.names.services, service)
	if to != s.out.Name && !slices.Contains(s.out.ConnectsTo, to) {
		s.out.ConnectsTo = append(s.out.ConnectsTo, to)
	}
}

func hostname(s *serviceReader) {
	label := strings.ToLower(s.spec.Hostname)
	if rule, _ := app.CheckName(label); rule != "" {
		s.say(s.at, Ignored, "is no DNS label; the service is called by its own name")
		return
	}
	s.out.Hostname = label
	s.keep()
}

func containerName(s *serviceReader) {
	s.say(s.at, Ignored, "instances are named by the target; others that use the name still reach the service")
}

func extraHosts(s *serviceReader) {
	names := map[string][]string{}
	for _, host := range slices.Sorted(maps.Keys(s.spec.ExtraHosts)) {
		for _, address := range s.spec.ExtraHosts[host] {
			if _, err := netip.ParseAddr(address); err != nil {
				s.reject(address, "is the machine that runs Docker, which a cluster does not have",
					"remove it, and name what is meant by its DNS name; allow it with x-dmcloud.egress")
				return
			}
			names[address] = append(names[address], host)
		}
	}
	for _, address := range slices.Sorted(maps.Keys(names)) {
		s.out.ExtraHosts = append(s.out.ExtraHosts, app.Host{Address: address, Names: names[address]})
	}
	s.say(s.at, Kept, "to be allowed to connect there, add x-dmcloud.egress")
}

func dependsOn(s *serviceReader) {
	for _, original := range slices.Sorted(maps.Keys(s.spec.DependsOn)) {
		at := s.at + "." + original
		to, active := s.project.Services[original]
		if !active {
			s.say(at, Ignored, "the service is not active and not required")
			continue
		}
		if s.spec.DependsOn[original].Restart {
			s.say(at+".restart", Ignored, "services connect again by themselves")
		}
		s.out.DependsOn = append(s.out.DependsOn, app.Dependency{
			Service: name(s.names.services, original), Condition: app.Condition(s.spec.DependsOn[original].Condition),
			NoTraffic: slices.Contains(s.extension.OrderOnly, original) || !together(s.spec, to),
		})
	}
	s.keep()
}

// together tells whether two services share a network; by compose-go's normalization every service has one, unless its
// network_mode says otherwise.
func together(one, other types.ServiceConfig) bool {
	if len(one.Networks) == 0 || len(other.Networks) == 0 {
		return one.NetworkMode != "none" && other.NetworkMode != "none"
	}
	for network := range one.Networks {
		if _, ok := other.Networks[network]; ok {
			return true
		}
	}
	return false
}

// connect works out who talks to whom, from links and from the names of services in the texts of a file that was not
// written for dmcloud.
func (r *reader) connect(services []*serviceReader) {
	byName, byLabel := map[string]*serviceReader{}, map[string]*serviceReader{}
	explicit := false
	for _, s := range services {
		byName[s.original], byLabel[s.out.Name] = s, s
		explicit = explicit || slices.Contains(s.out.Networks, "default")
	}
	for _, s := range services {
		if explicit && s.raw["networks"] == nil && len(s.spec.Networks) > 0 {
			s.out.Networks = append(s.out.Networks, "default")
		}
		for _, link := range s.spec.Links {
			if to, alias, ok := strings.Cut(link, ":"); ok && byName[to] != nil {
				byName[to].answerTo(s.path+".links", alias)
			}
		}
	}
	// A port that is named counts more than that of a URL without one.
	for _, implied := range []bool{false, true} {
		for _, s := range services {
			for _, m := range s.mentions {
				if m.implied == implied {
					r.mentioned(s, byName[m.service], m)
				}
			}
		}
	}
	if r.source.Written {
		return // what is said twice was said twice
	}
	if r.adopting() {
		r.otherNames(services)
	}
	for _, s := range services {
		s.out.ConnectsTo = slices.DeleteFunc(s.out.ConnectsTo, func(to string) bool {
			return byLabel[to] != nil && s.joined(byLabel[to])
		})
	}
}

// otherNames gives services the names of their hosts, which newer Dockers resolve, and sees that no name is given
// twice: Docker would lead to either service in turn.
func (r *reader) otherNames(services []*serviceReader) {
	taken := map[string]string{}
	for _, s := range services {
		taken[s.out.Name] = s.original
	}
	for _, s := range services {
		s.out.Aliases = slices.DeleteFunc(s.out.Aliases, func(alias string) bool {
			other, double := taken[alias]
			if double {
				r.say(s.path+".networks", Hardened, "the name %s leads to %s only", alias, other)
			} else {
				taken[alias] = s.original
			}
			return double
		})
	}
	for _, s := range services {
		if host := s.out.Hostname; plainName.MatchString(host) && taken[host] == "" {
			s.out.Aliases = append(s.out.Aliases, host)
			taken[host] = s.original
		}
		if len(s.out.Ports) == 0 {
			s.portFromProxy()
		}
	}
}

// proxyPort is a label that tells Traefik where a service listens.
var proxyPort = regexp.MustCompile(`^traefik\.(http|tcp)\.services\.[^.]+\.loadbalancer\.server\.port$`)

// portFromProxy takes the port of a service from what tells a reverse proxy.
func (s *serviceReader) portFromProxy() {
	said := map[string]string{}
	for label, value := range s.spec.Labels {
		if proxyPort.MatchString(label) {
			said["labels"] = value
		}
	}
	if value := s.spec.Environment["VIRTUAL_PORT"]; value != nil {
		said["environment.VIRTUAL_PORT"] = *value
	}
	for _, key := range slices.Sorted(maps.Keys(said)) {
		port, err := strconv.Atoi(said[key])
		if err == nil && port > 0 && port <= maximumPort && len(s.out.Ports) == 0 {
			s.listen("", port, "")
			s.say(s.path, Hardened, "listens on %d, as its %s says", port, key)
		}
	}
}

const maximumPort = 65535

// mentioned notes that a service names another, or itself, as a host.
func (r *reader) mentioned(s, to *serviceReader, m mention) {
	if to == nil {
		return
	}
	if m.port > 0 && to.out.Job == nil && to.out.Port(m.port) == nil && (!m.implied || len(to.out.Ports) == 0) {
		r.say(to.path, Hardened, "listens on %d, as %s says", m.port, s.original)
		to.listen("", m.port, "")
	}
	if to == s || !together(s.spec, to.spec) {
		return
	}
	if label := strings.ToLower(m.name); m.name != to.original {
		to.answerTo(to.path, label)
	}
	s.talkTo(to.original)
}

// joined tells whether a service may talk to another one's ports anyway, because they share a network or one depends
// on the other.
func (s *serviceReader) joined(other *serviceReader) bool {
	if len(other.out.Ports) == 0 {
		return false
	}
	shared := slices.ContainsFunc(s.out.Networks, func(n string) bool { return slices.Contains(other.out.Networks, n) })
	waits := slices.ContainsFunc(s.out.DependsOn, func(d app.Dependency) bool {
		return d.Service == other.out.Name && !d.NoTraffic
	})
	return shared || waits
}

// namedRoutes opens the service to the outside by those of its routes that the caller has hosts for.
func (s *serviceReader) namedRoutes() {
	at := s.path + "." + extensionKey + ".routes"
	known := map[string]bool{}
	for i, route := range s.extension.Routes {
		known[route.Name] = true
		host, exposed := s.source.Expose[s.original+"/"+route.Name]
		if !exposed {
			s.say(fmt.Sprintf("%s[%d]", at, i), Ignored, "the environment gives the route no host")
			continue
		}
		s.way(route, route.Name, host, route.Port)
	}
	s.unnamed("expose", slices.Sorted(maps.Keys(s.source.Expose)), known)
}

// unnamed reports keys of the caller for names that the service does not have.
func (s *serviceReader) unnamed(path string, keys []string, known map[string]bool) {
	for _, key := range keys {
		if service, name, named := strings.Cut(key, "/"); named && service == s.original && !known[name] {
			s.problems.Addf(path+"."+key, nil, "", "the service has nothing of that name")
		}
	}
}

// way adds a route.
func (s *serviceReader) way(route routeExtension, routeName, host string, port int) {
	var after []string
	for _, service := range route.After {
		after = append(after, name(s.names.services, service))
	}
	s.reader.out.App.Routes = append(s.reader.out.App.Routes, app.Route{
		Name: routeName, Host: host, Path: cmp.Or(route.Path, "/"), Service: s.out.Name, Port: port,
		BodySize: int64(route.BodySize), After: after,
		Timeout: cmp.Or(time.Duration(route.Timeout), defaultRouteTimeout),
	})
}

// route opens the service to the outside when the caller has a host for it.
func (s *serviceReader) route() {
	s.namedRoutes()
	at := s.path + "." + extensionKey + ".route"
	route := s.extension.Route
	if route == nil {
		route = &routeExtension{}
	}
	var hosts []string
	for _, key := range slices.Sorted(maps.Keys(s.source.Expose)) {
		if service, _, _ := strings.Cut(key, ":"); service == s.original {
			hosts = append(hosts, key)
		}
	}
	if len(hosts) == 0 {
		if s.extension.Route != nil {
			s.say(at, Ignored, "the environment gives the service no host")
		}
		return
	}
	for i, key := range hosts {
		port := route.Port
		if _, number, named := strings.Cut(key, ":"); named {
			var err error
			if port, err = strconv.Atoi(number); err != nil {
				s.problems.Addf("expose."+key, nil, `write "service: host" or "service:port: host"`, "must end in a port")
				continue
			}
			if s.adopting() && s.out.Port(port) == nil {
				if inside := s.publishedAs(number); inside != 0 {
					s.problems.Addf("expose."+key, nil, fmt.Sprintf("write %s:%d", s.original, inside),
						"is the port on the machine that runs Docker; the service listens on another")
					continue
				}
				s.listen("", port, "")
			}
		}
		if port == 0 {
			port = s.mainPort()
		}
		if port == 0 {
			if len(s.out.Ports) != 1 {
				s.refuse(at+".port", nil, fmt.Sprintf("the service has %d ports", len(s.out.Ports)),
					`name the port to open, here or where the environment exposes it: "`+s.original+`:<port>"`)
				continue
			}
			port = s.out.Ports[0].Number
		}
		routeName := cmp.Or(route.Name, s.out.Name)
		if i > 0 {
			routeName = fmt.Sprintf("%s-%d", routeName, port)
		}
		s.way(*route, routeName, s.source.Expose[key], port)
	}
}

// mainPort is the port that people mean when they name none: the only one that the file publishes, or the one that the
// image is known for. It is 0 when there is no such.
func (s *serviceReader) mainPort() int {
	if !s.adopting() {
		return 0
	}
	published := map[uint32]bool{}
	for _, p := range s.spec.Ports {
		published[p.Target] = true
	}
	switch {
	case len(published) == 1:
		return int(s.spec.Ports[0].Target)
	case len(published) == 0 && len(s.known.Ports) > 0:
		return s.known.Ports[0].Number
	}
	return 0
}

// publishedAs is the port of the container that is published under a number; 0 when none is.
func (s *serviceReader) publishedAs(number string) int {
	for _, p := range s.spec.Ports {
		if p.Published == number {
			return int(p.Target)
		}
	}
	return 0
}

// open makes the ways in for what is not HTTP, where the environment asks for them.
func (s *serviceReader) open() {
	s.namedOpenings()
	for _, key := range slices.Sorted(maps.Keys(s.source.Open)) {
		service, at, _ := strings.Cut(key, ":")
		if service != s.original {
			continue
		}
		number, protocol, _ := strings.Cut(at, "/")
		port, err := strconv.Atoi(number)
		if err != nil {
			s.problems.Addf("open."+key, nil, `write "service:port" or "service:port/udp"`, "must end in a port")
			continue
		}
		kind := app.Protocol(cmp.Or(strings.ToUpper(protocol), string(app.TCP)))
		s.reader.out.App.Openings = append(s.reader.out.App.Openings, app.Opening{
			Name: fmt.Sprintf("%s-%d-%s", s.out.Name, port, strings.ToLower(string(kind))), Service: s.out.Name, Port: port,
			Protocol: kind, From: s.source.Open[key],
		})
	}
}

// namedOpenings makes those ways in that the file names and the environment asks for.
func (s *serviceReader) namedOpenings() {
	known := map[string]bool{}
	for i, opening := range s.extension.Openings {
		known[opening.Name] = true
		from, opened := s.source.Open[s.original+"/"+opening.Name]
		if !opened {
			s.say(fmt.Sprintf("%s.%s.openings[%d]", s.path, extensionKey, i), Ignored,
				"the environment does not say who may connect")
			continue
		}
		s.reader.out.App.Openings = append(s.reader.out.App.Openings, app.Opening{
			Name: opening.Name, Service: s.out.Name, Port: opening.Port,
			Protocol: app.Protocol(cmp.Or(strings.ToUpper(opening.Protocol), string(app.TCP))), From: from,
		})
	}
	s.unnamed("open", slices.Sorted(maps.Keys(s.source.Open)), known)
}

// isProxyLabel tells whether a label is there for Traefik or Caddy to read.
func isProxyLabel(label string) bool {
	return strings.HasPrefix(label, "traefik.") || label == "caddy" || strings.HasPrefix(label, "caddy.")
}
