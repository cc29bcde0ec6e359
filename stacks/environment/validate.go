package environment

import (
	"fmt"
	"maps"
	"net"
	"net/mail"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/blang/semver"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
)

// validator finds what is wrong with a decoded environment.
type validator struct {
	source Source
	// known are the problems of decoding; what follows from them is not reported again.
	known problem.List
	found problem.List
}

func (v *validator) addf(path string, value any, fix, rule string, args ...any) {
	if !v.reported(path) {
		v.found.Addf(path, value, fix, rule, args...)
	}
}

var suggestion = regexp.MustCompile(`^did you mean (.+)\?$`)

// reported tells whether the decoder already found fault with a path, something it lies in, or a misspelling of it.
func (v *validator) reported(path string) bool {
	return slices.ContainsFunc(v.known, func(p problem.Problem) bool {
		if within(path, p.Path) {
			return true
		}
		meant := suggestion.FindStringSubmatch(p.Fix)
		if meant == nil {
			return false
		}
		return within(path, p.Path[:strings.LastIndex(p.Path, ".")+1]+meant[1])
	})
}

// within tells whether a path is another one or lies below it.
func within(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// required reports a text that is missing and tells whether it is there.
func (v *validator) required(path, text, fix string) bool {
	if strings.TrimSpace(text) == "" {
		v.addf(path, nil, fix, "is missing")
		return false
	}
	return true
}

func (v *validator) environment(env Environment) {
	v.cluster(env.Cluster)
	v.objectName("storage.class", env.Storage.Class)
	v.objectName("storage.shared", env.Storage.Shared)
	v.entry(env.Entry, env.Protected)
	if len(env.Platforms) == 0 {
		v.addf("platforms", nil, "describe at least one platform", "is missing")
	}
	for i, p := range env.Platforms {
		v.platform(fmt.Sprintf("platforms[%d]", i), p, env)
	}
	v.unique(env.Platforms, "name", func(p Platform) string { return p.Name })
	v.hosts(env.Platforms)
	var policy problem.List
	policy.Under("policy", env.Policy.Problems(nil)) // the pack itself knows the rules
	for _, p := range policy {
		if !v.reported(p.Path) {
			v.found = append(v.found, p)
		}
	}
}

var minor = regexp.MustCompile(`^v1\.[0-9]{1,3}$`)

func (v *validator) cluster(c Cluster) {
	v.required("cluster.context", c.Context, "kubectl config get-contexts -o name lists them")
	if !minor.MatchString(c.PodSecurityVersion) && c.PodSecurityVersion != "" {
		v.addf("cluster.podSecurityVersion", c.PodSecurityVersion, "write "+DefaultPodSecurityVersion,
			"must be a Kubernetes minor, such as v1.37")
	}
	if c.Kubeconfig != "" && c.KubeconfigContent.IsSet() {
		v.addf("cluster.kubeconfigContent", nil, "keep one of them", "there is cluster.kubeconfig already")
	}
	v.secret("cluster", "cluster.kubeconfigContent", c.KubeconfigContent, " < FILE")
}

// secret refuses a sensitive value that stands in the stack file in clear. Pulumi tells which keys hold a secret, not
// where in them, so one in clear beside an encrypted one under the same key goes unnoticed.
func (v *validator) secret(key, path string, value Sensitive, input string) {
	if value.IsSet() && !slices.Contains(v.source.SecretKeys, namespace+key) {
		v.addf(path, nil,
			fmt.Sprintf("pulumi config set --secret --path '%s%s' -s %s%s", namespace, path, v.source.Stack, input),
			"must not be in the stack file in clear")
	}
}

// Controllers are the values of entry.controller.
func Controllers() []string { return []string{"traefik", "haproxy", "nginx", "other"} }

func (v *validator) entry(e Entry, protected bool) {
	if e == (Entry{}) {
		v.addf("entry", nil, "give class, namespace and tls of the ingress controller", "is missing")
		return
	}
	if v.required("entry.class", e.Class, "kubectl get ingressclass lists them") {
		v.objectName("entry.class", e.Class)
	}
	if v.required("entry.namespace", e.Namespace, "name the namespace the ingress controller runs in") {
		v.label("entry.namespace", e.Namespace)
	}
	if !slices.Contains(Controllers(), e.Controller) {
		v.addf("entry.controller", e.Controller, "", "must be one of %s", strings.Join(Controllers(), ", "))
	}
	v.objectName("entry.tls.issuer", e.TLS.Issuer)
	v.objectName("entry.tls.secretName", e.TLS.SecretName)
	ways := 0
	for _, set := range []bool{e.TLS.Issuer != "", e.TLS.SecretName != "", e.TLS.SelfSigned} {
		if set {
			ways++
		}
	}
	faulty := slices.ContainsFunc(v.known, func(p problem.Problem) bool { return within(p.Path, "entry.tls") })
	if ways != 1 && !faulty {
		v.addf("entry.tls", nil, "", "must have exactly one of issuer, secretName and selfSigned")
	}
	if e.TLS.SelfSigned && protected {
		v.addf("entry.tls.selfSigned", true, "set entry.tls.issuer or entry.tls.secretName",
			"a protected stack needs certificates that browsers trust")
	}
}

// objectName checks the name of a Kubernetes object; an empty one is left alone.
func (v *validator) objectName(path, name string) {
	if name != "" && len(validation.IsDNS1123Subdomain(name)) > 0 {
		v.addf(path, name, "", "must be the name of a Kubernetes object: lower-case letters, digits, '-' and '.'")
	}
}

func (v *validator) label(path, name string) bool {
	if len(validation.IsDNS1123Label(name)) > 0 {
		v.addf(path, name, "", "must be a DNS label: at most 63 lower-case letters, digits and '-'")
		return false
	}
	return true
}

func (v *validator) platform(at string, p Platform, env Environment) {
	if v.required(at+".name", p.Name, "") && v.label(at+".name", p.Name) &&
		(p.Name == "default" || strings.HasPrefix(p.Name, "kube-") || p.Name == env.Entry.Namespace) {
		v.addf(at+".name", p.Name, "choose another", "names the platform's own namespace; this one is in use")
	}
	v.amounts(at, p)
	v.waysIn(at, p, env)
	if len(p.Compose) > 0 {
		v.composed(at, p, env)
		return
	}
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"profiles", p.Profiles != nil}, {"variables", p.Variables != nil}, {"secrets", p.Secrets != nil},
	} {
		if field.set {
			v.addf(at+"."+field.name, nil, "remove it, or set compose instead of catalog", "is for Compose files only")
		}
	}
	v.release(at, p)
	if v.required(at+".host", p.Host, "") {
		v.host(at+".host", p.Host, env.Protected)
	}
	if p.Replicas < 1 {
		v.addf(at+".replicas", p.Replicas, "", "must be at least 1")
	}
	v.administrator(at+".administrator", p.Administrator, env.Protected)
	if p.Mail != nil {
		v.mail(at+".mail", *p.Mail, env.Protected)
	}
	v.catalog(at, p, env)
}

// composed checks a platform that is described by Compose files.
func (v *validator) composed(at string, p Platform, env Environment) {
	for _, field := range []struct {
		name, fix string
		set       bool
	}{
		{"catalog", "keep one of them", p.Catalog != ""},
		{"image", "name it in a further Compose file", p.Image != ""},
		{"host", "write expose: {<service>: " + p.Host + "}", p.Host != ""},
		{"title", "set it by a variable of the Compose file", p.Title != ""},
		{"replicas", "write deploy.replicas in the Compose file", p.Replicas != 0},
		{"administrator", "remove it", p.Administrator != (Administrator{})},
		{"mail", "set it by variables of the Compose file", p.Mail != nil},
		{"plugins", "remove it", p.Plugins != nil},
		{"search", "remove it", p.Search},
		{"virtuoso", "remove it", p.Virtuoso},
	} {
		if field.set {
			v.addf(at+"."+field.name, nil, field.fix, "is for entries of the catalogue, and this platform has Compose files")
		}
	}
	for i, file := range p.Compose {
		v.required(fmt.Sprintf("%s.compose[%d]", at, i), file, "")
	}
	for name, value := range p.Secrets {
		v.secret("platforms", at+".secrets."+name, value, "")
	}
	for name, value := range p.Variables {
		if compose.LooksSecret(name, value.Reveal()) {
			v.secret("platforms", at+".variables."+name, value, "")
		}
	}
	if v.source.Compose != nil {
		v.judge(at, p, env, v.source.Compose)
	}
}

// waysIn checks what is open beside the platform's own host.
func (v *validator) waysIn(at string, p Platform, env Environment) {
	for service, host := range p.Expose {
		v.host(at+".expose."+service, host, env.Protected)
	}
	for service, ranges := range p.Open {
		for i, from := range ranges {
			if _, err := netip.ParsePrefix(from); err != nil {
				v.addf(fmt.Sprintf("%s.open.%s[%d]", at, service, i), from, "", "must be an address range, such as 192.0.2.0/24")
			}
		}
	}
}

// hosts reports public names that several platforms have.
func (v *validator) hosts(platforms []Platform) {
	first := map[string]string{}
	for i, p := range platforms {
		names := map[string]string{fmt.Sprintf("platforms[%d].host", i): p.Host}
		for service, host := range p.Expose {
			names[fmt.Sprintf("platforms[%d].expose.%s", i, service)] = host
		}
		for _, path := range slices.Sorted(maps.Keys(names)) {
			host := names[path]
			if at, taken := first[host]; taken && host != "" {
				v.addf(path, host, "choose another", "is the %s of %s", path[strings.LastIndex(path, "]")+2:], at)
				continue
			}
			first[host] = strings.TrimSuffix(path, ".host")
		}
	}
}

func (v *validator) administrator(at string, a Administrator, protected bool) {
	if a == (Administrator{}) {
		v.addf(at, nil, "give login, email, firstName and lastName of the first account", "is missing")
		return
	}
	v.required(at+".login", a.Login, "")
	v.required(at+".firstName", a.FirstName, "")
	v.required(at+".lastName", a.LastName, "")
	v.email(at+".email", a.Email, protected)
}

// catalog asks the platform's catalogue entry. Call it last.
func (v *validator) catalog(at string, p Platform, env Environment) {
	names := strings.Join(slices.Sorted(maps.Keys(v.source.Catalog)), ", ")
	if !v.required(at+".catalog", p.Catalog, "known: "+names) {
		return
	}
	check, ok := v.source.Catalog[p.Catalog]
	if !ok {
		v.addf(at+".catalog", p.Catalog, "known: "+names, "is not in the catalogue")
		return
	}
	v.judge(at, p, env, check)
}

// judge asks a check, and drops what it says of a path that already has a fault.
func (v *validator) judge(at string, p Platform, env Environment, check Check) {
	var judged problem.List
	judged.Under(at, check(env, p))
	for _, p := range judged {
		same := func(other problem.Problem) bool { return within(p.Path, other.Path) || within(other.Path, p.Path) }
		if !v.reported(p.Path) && !slices.ContainsFunc(v.known, same) && !slices.ContainsFunc(v.found, same) {
			v.found = append(v.found, p)
		}
	}
}

// release checks version and image.
func (v *validator) release(at string, p Platform) {
	if v.required(at+".version", p.Version, "") {
		if _, err := semver.Parse(p.Version); err != nil {
			v.addf(at+".version", p.Version, "", "must be a full release, such as 1.18.1")
		}
	}
	if p.Image == "" {
		return
	}
	if rule, fix := app.CheckImage(p.Image); rule != "" {
		v.addf(at+".image", p.Image, fix, "%s", rule)
	}
}

func (v *validator) host(path, host string, protected bool) {
	switch {
	case net.ParseIP(host) != nil:
		v.addf(path, host, "", "must be a DNS name, not an address")
	case len(validation.IsDNS1123Subdomain(host)) > 0 || !strings.Contains(host, "."):
		v.addf(path, host, "write seek.institute.example, without scheme, port and path",
			"must be a full DNS name in lower case")
	default:
		v.public(path, host, host, protected)
	}
}

// public refuses, in protected stacks, domains that lead nowhere or to strangers.
func (v *validator) public(path, value, domain string, protected bool) {
	if protected && reserved(domain) {
		v.addf(path, value, "write a name of your institute's domain", "is reserved for examples and tests")
	}
}

// reserved tells whether a domain is set aside by https://www.rfc-editor.org/rfc/rfc2606. The top-level domain
// "example" is let through: the stack files of this project stand on it, and must preview before anybody has chosen a
// name.
func reserved(domain string) bool {
	domain = strings.ToLower(domain)
	return slices.ContainsFunc(
		[]string{"example.com", "example.net", "example.org", "invalid", "localhost", "test"},
		func(name string) bool { return domain == name || strings.HasSuffix(domain, "."+name) })
}

func (v *validator) email(path, address string, protected bool) {
	if !v.required(path, address, "") {
		return
	}
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address {
		v.addf(path, address, "", "must be an e-mail address, such as name@institute.example")
		return
	}
	v.public(path, address, address[strings.LastIndex(address, "@")+1:], protected)
}

func (v *validator) mail(at string, m Mail, protected bool) {
	if v.required(at+".host", m.Host, "") {
		if net.ParseIP(m.Host) == nil && len(validation.IsDNS1123Subdomain(m.Host)) > 0 {
			v.addf(at+".host", m.Host, "", "must be a DNS name in lower case or an address")
		}
		v.public(at+".host", m.Host, m.Host, protected)
	}
	if m.Port < 1 || m.Port > 65535 {
		v.addf(at+".port", m.Port, fmt.Sprintf("mail is submitted on %d", DefaultMailPort), "must be 1 to 65535")
	}
	v.email(at+".from", m.From, protected)
	for i, network := range m.Networks {
		if _, err := netip.ParsePrefix(network); err != nil {
			v.addf(fmt.Sprintf("%s.networks[%d]", at, i), network, "", "must be an address range, such as 10.20.0.0/16")
		}
	}
	switch {
	case m.User != "" && !m.Password.IsSet():
		v.addf(at+".password", nil,
			fmt.Sprintf("pulumi config set --secret --path '%s%s.password' -s %s", namespace, at, v.source.Stack),
			"is missing: %s.user has no use without it", at)
	case m.User == "" && m.Password.IsSet():
		v.addf(at+".user", nil, "", "is missing: %s.password has no use without it", at)
	}
	v.secret("platforms", at+".password", m.Password, "")
	if compose.Published(m.Password.Reveal()) {
		v.addf(at+".password", nil, "choose another", "is a published default password")
	}
}

// smallest is what storage and memory are at least; less is a forgotten or misspelt unit ("50", "512m").
const smallest = 1 << 20

// amounts checks sizes and resources.
func (v *validator) amounts(at string, p Platform) {
	bytes := func(path string, q Quantity) {
		if q.IsSet() && q.Value() < smallest {
			v.addf(path, q, "give the unit, such as 512Mi or 50Gi", "must be at least 1Mi")
		}
	}
	ordered := func(path string, r Range) {
		if r.Request.IsSet() && r.Limit.IsSet() && r.Request.amount.Cmp(r.Limit.amount) > 0 {
			v.addf(path+".request", r.Request, "", "must not be more than the limit")
		}
	}
	for name, size := range p.Sizes {
		bytes(at+".sizes."+name, size)
	}
	for name, r := range p.Resources {
		service := at + ".resources." + name
		bytes(service+".memory.request", r.Memory.Request)
		bytes(service+".memory.limit", r.Memory.Limit)
		ordered(service+".memory", r.Memory)
		ordered(service+".cpu", r.CPU)
	}
}

// unique reports platforms that share what each needs for itself.
func (v *validator) unique(platforms []Platform, field string, of func(Platform) string) {
	first := map[string]int{}
	for i, p := range platforms {
		value := of(p)
		if j, taken := first[value]; taken && value != "" {
			v.addf(fmt.Sprintf("platforms[%d].%s", i, field), value, "choose another", "is the %s of platforms[%d]", field, j)
			continue
		}
		first[value] = i
	}
}
