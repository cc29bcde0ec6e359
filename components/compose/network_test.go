package compose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
)

// slugs are the edges of an application.
func slugs(a app.App) []string {
	var all []string
	for _, e := range a.Edges() {
		all = append(all, e.Slug())
	}
	return all
}

// spec is a service that listens on a port, and has more keys.
func spec(keys ...string) string {
	return "{image: 'node:22.1', expose: ['80'], " + strings.Join(keys, ", ") + "}"
}

func TestWhoTalksToWhom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		services map[string]string
		more     string
		want     []string
	}{
		"nobody without a reason": {
			map[string]string{"a": spec(), "b": spec()}, "", nil,
		},
		"who depends on another": {
			map[string]string{"a": spec("depends_on: [b]"), "b": spec()}, "", []string{"a-to-b"},
		},
		"who is in a network with another": {
			map[string]string{"a": spec("networks: [back]"), "b": spec("networks: [back]"), "c": spec()}, "networks: {back: {}}",
			[]string{"network-back-to-a", "network-back-to-b"},
		},
		"not across networks": {
			map[string]string{"a": spec("networks: [one]", "depends_on: [b]"), "b": spec("networks: [two]")},
			"networks: {one: {}, two: {}}", []string{"network-one-to-a", "network-two-to-b"},
		},
		"across networks over who is in both": {
			map[string]string{"a": spec("networks: [one]"), "b": spec("networks: [one, two]"), "c": spec("networks: [two]")},
			"networks: {one: {}, two: {}}",
			[]string{"network-one-to-a", "network-one-to-b", "network-two-to-b", "network-two-to-c"},
		},
		"not those of the implicit network with others": {
			map[string]string{"a": spec("depends_on: [b]"), "b": spec("networks: [back]")}, "networks: {back: {}}",
			[]string{"network-back-to-b"},
		},
		"those of the implicit network when somebody names it": {
			map[string]string{"a": spec(), "b": spec("networks: [back, default]"), "c": spec("networks: [back]")},
			"networks: {back: {}}",
			[]string{"network-back-to-b", "network-back-to-c", "network-default-to-a", "network-default-to-b"},
		},
		"not who has no network": {
			map[string]string{"a": spec("network_mode: none", "depends_on: [b]"), "b": spec("depends_on: [c]"), "c": spec()}, "",
			[]string{"b-to-c"},
		},
		"who links another": {
			map[string]string{"a": spec("links: ['b:database']"), "b": spec()}, "", []string{"a-to-b"},
		},
		"who names another as a host": {
			map[string]string{"a": spec("environment: {B_HOST: b}"), "b": spec()}, "", []string{"a-to-b"},
		},
		"not who names another otherwise": {
			map[string]string{"a": spec("environment: {APP_NAME: b}"), "b": spec()}, "", nil,
		},
		"not who names itself": {
			map[string]string{"a": spec("environment: {A_URL: 'http://a:80'}")}, "", nil,
		},
		"not who names another in a network of its own": {
			map[string]string{"a": spec("networks: [one]", "environment: {B_HOST: b}"), "b": spec("networks: [two]")},
			"networks: {one: {}, two: {}}", []string{"network-one-to-a", "network-two-to-b"},
		},
		"nothing twice": {
			map[string]string{
				"a": spec("networks: [one]", "environment: {B_HOST: b}", "links: [b]"), "b": spec("networks: [one]"),
			},
			"networks: {one: {}}", []string{"network-one-to-a", "network-one-to-b"},
		},
		"a network with a name that no target has": {
			map[string]string{"a": spec("networks: [My_Net]"), "b": spec()}, "networks: {My_Net: {}}", []string{
				"network-my-net-to-a",
			},
		},
		"a service with a name that no target has": {
			map[string]string{"my_app": spec("depends_on: [the_db]"), "the_db": spec()}, "", []string{"my-app-to-the-db"},
		},
		"not in a network where only dependencies count": {
			map[string]string{"a": spec("networks: [one]", "depends_on: [b]"), "b": spec("networks: [one]")},
			"networks: {one: {x-dmcloud: {edge: true}}}", []string{"a-to-b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var content strings.Builder
			content.WriteString("services:\n")
			for service, keys := range c.services {
				fmt.Fprintf(&content, "  %s: %s\n", service, keys)
			}
			assert.Equal(t, c.want, slugs(load(t, asFound(content.String()+c.more+"\n")).App))
		})
	}
}

func TestADependencyAcrossNetworksIsOneOfOrderOnly(t *testing.T) {
	t.Parallel()
	a := load(t, asFound("services:\n  a: "+spec("networks: [one]",
		"depends_on: [b, c]")+"\n  b: "+spec("networks: [two]")+
		"\n  c: "+spec("networks: [one, two]")+"\nnetworks: {one: {}, two: {}}\n")).App
	assert.Equal(t, []app.Dependency{
		{Service: "b", Condition: app.Started, NoTraffic: true}, {Service: "c", Condition: app.Started},
	}, a.Service("a").DependsOn)
}

func TestEdgesOfALargeNetworkDontExplode(t *testing.T) {
	t.Parallel()
	const count = 1000
	var content strings.Builder
	content.WriteString("networks: {back: {}}\nservices:\n")
	for i := range count {
		fmt.Fprintf(
			&content, "  s%d: %s\n", i,
			spec("networks: [back]", fmt.Sprintf("environment: {NEXT: 'http://s%d'}", (i+1)%count)),
		)
	}
	source := embedded(content.String())
	source.Adopt = true
	start := time.Now()
	a := load(t, source).App
	assert.Len(t, a.Edges(), count, "one for each service, not for each pair")
	assert.Less(t, time.Since(start), time.Minute)
	for _, s := range a.Services {
		assert.Empty(t, s.ConnectsTo)
	}
}

func TestFurtherNamesOfServices(t *testing.T) {
	t.Parallel()
	loaded := load(t, asFound("services:\n"+
		"  a: "+spec("links: ['db:database', 'db:The_DB']", "environment: {A: 'http://web.site:80', B: "+
		"'http://the_box:80', C: 'http://box:80'}")+"\n"+
		"  db: "+spec("networks: {default: {aliases: [Postgres, db, web.site]}}")+"\n"+
		"  c: "+spec("container_name: the_box", "hostname: box")+"\n"+
		"  d: "+spec("container_name: unused", "hostname: Own.Name")+"\n"))
	a := loaded.App
	assert.Equal(t, []string{"database", "postgres"}, a.Service("db").Aliases)
	assert.Equal(t, []string{"box"}, a.Service("c").Aliases, "as somebody uses it")
	assert.Equal(t, "box", a.Service("c").Hostname)
	assert.Empty(t, a.Service("d").Aliases)
	assert.Empty(t, a.Service("d").Hostname)
	assert.Equal(t, []app.EnvVar{
		{Name: "A", Value: "http://db:80"}, {Name: "B", Value: "http://c:80"}, {Name: "C", Value: "http://box:80"},
	}, a.Service("a").Env)
	assert.Equal(t, []string{
		"network-default-to-a", "network-default-to-c", "network-default-to-d", "network-default-to-db",
	},
		slugs(a))
	for _, want := range []string{
		"services.c.container_name: ignored instances are named by the target; others that use the name still reach " +
			"the service",
		"services.d.hostname: ignored is no DNS label; the service is called by its own name",
		"services.db.networks: hardened web.site is no host name on every target; db is written where it is used",
		"services.a.links: hardened The_DB is no host name on every target; db is written where it is used",
	} {
		path, _, _ := strings.Cut(want, ":")
		assert.Contains(t, verdicts(loaded.Verdicts, path), want)
	}
}

func TestANameOfTwoServicesLeadsToOne(t *testing.T) {
	t.Parallel()
	alias := "networks: {default: {aliases: [%s]}}"
	loaded := load(t,
		asFound("services:\n  a: "+spec(fmt.Sprintf(alias, "api"))+"\n  b: "+spec(fmt.Sprintf(alias, "API"))+"\n"))
	assert.Equal(t, []string{"api"}, loaded.App.Service("a").Aliases)
	assert.Empty(t, loaded.App.Service("b").Aliases)
	assert.Contains(t, verdicts(loaded.Verdicts, "services.b.networks"),
		"services.b.networks: hardened the name api leads to a only")
}

func TestWhatTellsAReverseProxyTellsThePort(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]int{
		"labels: {traefik.http.services.x.loadbalancer.server.port: 8123}": 8123,
		"environment: {VIRTUAL_PORT: 8124}":                                8124,
		"labels: {traefik.http.services.x.loadbalancer.server.port: all}":  0,
		"labels: {port: 8125}":                                             0,
	} {
		loaded := load(t, asFound("services:\n  a: {image: 'ghcr.io/example/app:1', user: '1:1', "+keys+"}\n"))
		s := loaded.App.Service("a")
		if want == 0 {
			assert.Empty(t, s.Ports, keys)
			continue
		}
		assert.Equal(t, []app.Port{{Name: fmt.Sprintf("tcp-%d", want), Number: want, Protocol: app.TCP}}, s.Ports, keys)
	}
}

func TestTheNameOfAHostLeadsToItsService(t *testing.T) {
	t.Parallel()
	loaded := load(t, asFound("services:\n  a: "+spec("hostname: mail")+"\n  b: "+spec("hostname: a")+"\n"))
	assert.Equal(t, []string{"mail"}, loaded.App.Service("a").Aliases)
	assert.Empty(t, loaded.App.Service("b").Aliases, "it is a's own name")
}

func TestPortsThatOthersSay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		listens string
		says    string
		want    []int
	}{
		"a port that nobody else knows":         {"", "environment: {B: 'b:9000'}", []int{9000}},
		"a port beside others":                  {"expose: ['80']", "environment: {B: 'b:9000'}", []int{80, 9000}},
		"the port of a URL":                     {"", "environment: {B: 'http://b/'}", []int{80}},
		"a port that a URL implies is no other": {"expose: ['8000']", "environment: {B: 'http://b/'}", []int{8000}},
		"a port that a URL names": {
			"expose: ['8000']", "environment: {B: 'http://b:80/'}", []int{80, 8000},
		},
		"one that is named before one implied": {"", "environment: {A: 'http://b/', B: 'http://b:8000/'}", []int{8000}},
		"in a command":                         {"", "command: [wait, 'b:9000']", []int{9000}},
		"in a health check":                    {"", "healthcheck: {test: [CMD, nc, 'b:9000']}", []int{9000}},
		"in an entry point":                    {"", "entrypoint: [wait, 'b:9000']", []int{9000}},
		"none":                                 {"", "environment: {B: b}", nil},
		"none of a job": {
			"restart: 'no', deploy: {mode: replicated-job}", "environment: {B: 'b:9000'}", nil,
		},
		"none across networks, but it is one still": {"", "environment: {B: 'b:9000'}, networks: [other]", []int{9000}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loaded := load(t, asFound("services:\n  a: {image: 'node:22.1', "+c.says+"}\n  b: {image: 'node:22.1', "+
				""+c.listens+"}\n"+
				"networks: {other: {}}\n"))
			var got []int
			for _, p := range loaded.App.Service("b").Ports {
				got = append(got, p.Number)
			}
			assert.Equal(t, c.want, got)
			said := slices.ContainsFunc(loaded.Verdicts, func(v compose.Verdict) bool {
				return v.Path == "services.b" && strings.HasPrefix(v.Detail, "listens on")
			})
			assert.Equal(t, len(c.want) > 0 && !strings.Contains(c.listens, fmt.Sprintf("'%d'", c.want[len(c.want)-1])) ||
				len(c.want) > 1, said, "what is worked out is said")
		})
	}
}

func TestOwnPortsAreSaidByItsHealthCheck(t *testing.T) {
	t.Parallel()
	a := load(t, asFound("services: {a: {image: 'node:22.1', healthcheck: {test: [CMD, nc, 'a:9000']}}}")).App
	assert.Equal(t, []app.Port{{Name: "tcp-9000", Number: 9000, Protocol: app.TCP}}, a.Service("a").Ports)
	assert.Empty(t, a.Edges())
}

func TestExtraHosts(t *testing.T) {
	t.Parallel()
	loaded := load(
		t,
		asFound("services: {a: "+spec("extra_hosts: ['b.example.org:192.0.2.1', 'a.example.org:192.0.2.1', "+
			"'c:2001:db8::1']")+"}"),
	)
	assert.Equal(t, []app.Host{
		{Address: "192.0.2.1", Names: []string{"a.example.org", "b.example.org"}}, {
			Address: "2001:db8::1", Names: []string{"c"},
		},
	}, loaded.App.Service("a").ExtraHosts)
	_, err := compose.Load(
		t.Context(), asFound("services: {a: "+spec("extra_hosts: ['host.docker.internal:host-gateway']")+"}"),
	)
	assert.Equal(t, []string{"services.a.extra_hosts: host-gateway: is the machine that runs Docker, which a " +
		"cluster does not " +
		"have; remove it, and name what is meant by its DNS name; allow it with x-dmcloud.egress"}, problems(t, err))
}

func TestPortsOfServicesAreExposed(t *testing.T) {
	t.Parallel()
	source := asFound("services:\n  my_app: {image: 'node:22.1', expose: ['80', '81']}\n  web: {image: 'nginx:1.28.0'}\n")
	source.Expose = map[string]string{"my_app:81": "a.example.org", "my_app:90": "b.example.org", "web": "c.example.org"}
	a := load(t, source).App
	assert.Equal(t, []app.Route{
		{Name: "my-app", Host: "a.example.org", Path: "/", Service: "my-app", Port: 81, Timeout: time.Minute},
		{Name: "my-app-90", Host: "b.example.org", Path: "/", Service: "my-app", Port: 90, Timeout: time.Minute},
		{Name: "web", Host: "c.example.org", Path: "/", Service: "web", Port: 80, Timeout: time.Minute},
	}, a.Routes)
	assert.NotNil(t, a.Service("my-app").Port(90), "the environment knows that it listens there")

	source.Expose = map[string]string{"my_app": "a.example.org", "web:http": "b.example.org", "my-app:80": "c.example.org"}
	_, err := compose.Load(t.Context(), source)
	assert.Equal(t, []string{
		"expose.my-app:80: no such active service",
		`expose.web:http: must end in a port; write "service: host" or "service:port: host"`,
		"services.my_app.x-dmcloud.route.port: the service has 2 ports; " +
			`name the port to open, here or where the environment exposes it: "my_app:<port>"`,
	}, problems(t, err))
}

func TestPortsOfServicesAreOpened(t *testing.T) {
	t.Parallel()
	source := asFound("services:\n  my_mail: {image: 'node:22.1', ports: ['25', '514/udp']}\n")
	from := []string{"192.0.2.0/24"}
	source.Open = map[string][]string{"my_mail:25": from, "my_mail:514/udp": from}
	a := load(t, source).App
	assert.Equal(t, []app.Opening{
		{Name: "my-mail-25-tcp", Service: "my-mail", Port: 25, Protocol: app.TCP, From: from},
		{Name: "my-mail-514-udp", Service: "my-mail", Port: 514, Protocol: app.UDP, From: from},
	}, a.Openings)

	source.Open = map[string][]string{"my_mail": from, "my_mail:smtp": from, "nobody:25": from}
	_, err := compose.Load(t.Context(), source)
	assert.Equal(t, []string{
		`open.my_mail: must end in a port; write "service:port" or "service:port/udp"`,
		`open.my_mail:smtp: must end in a port; write "service:port" or "service:port/udp"`,
		"open.nobody:25: no such active service",
	}, problems(t, err))
}

func TestNamesOfPorts(t *testing.T) {
	t.Parallel()
	a := load(t, asFound("services: {a: {image: 'node:22.1', ports: [{target: 80, name: web}, {target: 81, name: "+
		"'Admin page'}, "+
		"{target: 82, name: a-name-that-is-long}, {target: 83, name: a--b}, '84:84/udp', '90-91:90-91'], expose: "+
		"['82', '95-96/udp']}}")).App
	var got []string
	for _, p := range a.Service("a").Ports {
		got = append(got, fmt.Sprintf("%s=%d/%s", p.Name, p.Number, p.Protocol))
	}
	assert.Equal(t, []string{
		"web=80/TCP", "tcp-81=81/TCP", "tcp-82=82/TCP", "tcp-83=83/TCP", "udp-84=84/UDP", "tcp-90=90/TCP", "tcp-91=91/TCP",
		"udp-95=95/UDP", "udp-96=96/UDP",
	}, got)
}

func TestALinkToNobodyIsRefused(t *testing.T) {
	t.Parallel()
	_, err := compose.Load(
		t.Context(), asFound("services:\n  a: "+spec("links: [b]")+"\n  b: "+spec("profiles: [more]")+"\n"),
	)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "b")
}
