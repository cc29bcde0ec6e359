package rules_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/policies/rules"
	"github.com/dekcd/dmcloud/policies/settings"
)

// canary is in every value that must not be told.
const canary = "canary"

// kinds are all kinds the table looks at.
func kinds() []string {
	seen := map[string]bool{}
	var list []string
	for _, rule := range rules.Table() {
		for _, kind := range rule.Applies {
			if !seen[kind] {
				seen[kind] = true
				list = append(list, kind)
			}
		}
	}
	return list
}

// samples are compliant resources of every kind and violating ones for every rule.
func samples() []rules.Resource {
	var list []rules.Resource
	for _, kind := range kinds() {
		list = append(list, compliant(kind))
	}
	for _, cases := range ruleCases() {
		for _, c := range cases {
			list = append(list, c.resource())
		}
	}
	return list
}

func noCrash(tb testing.TB, findings []rules.Finding) {
	tb.Helper()
	for _, f := range findings {
		if strings.Contains(f.Problem, "crashed") || strings.Contains(f.String(), canary) {
			tb.Errorf("%s", f)
		}
	}
}

func violated(findings []rules.Finding) []string {
	var list []string
	for _, f := range findings {
		if f.Outcome == rules.Violated {
			list = append(list, f.Rule+" "+f.Path)
		}
	}
	return list
}

func TestCompliantResourcesOfEveryKindPass(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		if kind != "core/Namespace" { // needs a policy beside it
			assert.Empty(t, rules.Check(compliant(kind)), kind)
		}
	}
}

// TestNothingUnknownIsAViolation replaces each value of compliant resources, one at a time, by an unknown one.
func TestNothingUnknownIsAViolation(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		r := compliant(kind)
		beside := []rules.Resource{compliant("networking.k8s.io/NetworkPolicy"), compliant("core/Namespace")}
		for _, place := range places(property.New(r.Properties)) {
			changed := with(r, place, property.New(property.Computed))
			assert.Empty(t, violated(rules.Check(append(beside, changed)...)), "%s %s", kind, place)
		}
	}
}

func TestAllUnknownIsUndeterminedForEveryRule(t *testing.T) {
	t.Parallel()
	for _, rule := range rules.Table() {
		if rule.Scope == rules.StackScope {
			continue
		}
		for _, kind := range rule.Applies {
			r := compliant(kind)
			keys := map[string]property.Value{
				"data": {}, "rules": {}, "roleRef": {}, "direction": {}, "password": {}, "adminPass": {}, "expiresAt": {},
				"automountServiceAccountToken": {}, "template": {}, "spec": {},
			}
			for key := range r.Properties.All {
				keys[key] = property.Value{}
			}
			for key := range keys {
				keys[key] = property.New(property.Computed)
			}
			r.Properties = property.NewMap(keys)
			found := of(rule.ID, rules.Check(r))
			assert.NotEmpty(t, found, "%s %s", rule.ID, kind)
			for _, f := range found {
				assert.True(t, strings.HasPrefix(f, "undetermined "), "%s %s: %s", rule.ID, kind, f)
			}
		}
	}
}

// TestSecretsAreCheckedAndNotTold wraps everything, as a whole and value by value.
func TestSecretsAreCheckedAndNotTold(t *testing.T) {
	t.Parallel()
	for _, r := range samples() {
		plain := rules.Check(r)
		noCrash(t, plain)
		whole := r
		for key, v := range r.Properties.All {
			whole.Properties = whole.Properties.Set(key, v.WithSecret(true))
		}
		found := rules.Check(whole)
		noCrash(t, found)
		open := map[string]bool{"os-provider-creds": true} // a secret credential is the remedy
		for _, f := range plain {
			if !open[f.Rule] {
				assert.Contains(t, of(f.Rule, found), string(f.Outcome)+" "+f.Path, "%s %s", r.Type, f)
			}
		}
		for _, place := range places(property.New(r.Properties)) {
			v := at(property.New(r.Properties), place)
			noCrash(t, rules.Check(with(r, place, v.WithSecret(true))))
			if v.IsString() {
				noCrash(t, rules.Check(with(r, place, property.New("canary").WithSecret(true))))
			}
		}
	}
}

// TestOddValuesNeverCrash puts each odd value at each place of compliant and violating resources.
func TestOddValuesNeverCrash(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("canary=", 1<<17) // 0.9 MiB
	odd := map[string]property.Value{
		"null": {}, "true": property.New(true), "number": property.New(-1.5), "not a number": property.New(math.NaN()),
		"infinity": property.New(math.Inf(1)), "empty text": property.New(""), "canary": property.New("canary"),
		"empty list": property.New([]property.Value{}), "list of nulls": property.New([]property.Value{{}, {}}),
		"empty object": property.New(map[string]property.Value{}),
		"unknown":      property.New(property.Computed), "secret unknown": property.New(property.Computed).WithSecret(true),
		"reference": property.New(property.ResourceReference{URN: "urn:pulumi:canary"}),
	}
	var list []rules.Resource
	for _, kind := range kinds() {
		list = append(list, compliant(kind))
	}
	for _, cases := range ruleCases() {
		list = append(list, cases[0].resource())
	}
	for _, r := range list {
		for _, place := range places(property.New(r.Properties)) {
			for name, v := range odd {
				if name == "canary" && strings.HasSuffix(place, "name") {
					continue // names may be told
				}
				noCrash(t, rules.Check(with(r, place, v)))
			}
		}
	}
	for _, kind := range kinds() {
		for _, place := range places(property.New(compliant(kind).Properties)) {
			if !strings.HasSuffix(place, "name") {
				noCrash(t, rules.Check(with(compliant(kind), place, property.New(huge))))
			}
		}
		r := compliant(kind)
		r.Properties = property.Map{}
		noCrash(t, rules.Check(r))
	}
}

func TestCrashesCountAsViolations(t *testing.T) {
	t.Parallel()
	r := compliant(configMap)
	r.Properties = parse(`{metadata: {name: web, namespace: seek}, data: {a: canary}}`)
	for _, scope := range []rules.Scope{rules.ResourceScope, rules.StackScope} {
		rule := rules.Crashing(scope)
		checker, err := rules.NewCheckerOf([]rules.Rule{rule}, settings.Settings{Exceptions: []settings.Exception{{
			Rule: rule.ID, Resource: "*/*", Reason: "none", Owner: "nobody", Expires: "2999-01-01",
		}}}, nil)
		require.NoError(t, err)
		findings := checker.Check(r)
		require.Len(t, findings, 1)
		assert.Equal(t, rules.Violated, findings[0].Outcome)
		assert.Equal(t, settings.Mandatory, findings[0].Level)
		assert.Contains(t, findings[0].Problem, "the rule crashed at export_test.go:")
		assert.NotContains(t, findings[0].String(), canary)
	}
}

func TestExceptions(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 6, 30, 23, 59, 0, 0, time.UTC)
	bad := with(compliant(deployment), podOfDeploy+"containers.0.image", property.New("web:main"))
	bad.Name = "pulumi-name"
	tests := map[string]struct {
		exception settings.Exception
		resource  rules.Resource
		want      []string
	}{
		"by name":              {settings.Exception{Resource: "seek/web"}, bad, []string{"excepted"}},
		"by Pulumi name":       {settings.Exception{Resource: "seek/pulumi-*"}, bad, []string{"excepted"}},
		"by kind":              {settings.Exception{Resource: "Deployment/seek/*"}, bad, []string{"excepted"}},
		"of another kind":      {settings.Exception{Resource: "Job/seek/*"}, bad, []string{"violated"}},
		"in another namespace": {settings.Exception{Resource: "monitoring/web"}, bad, []string{"violated"}},
		"of another rule":      {settings.Exception{Resource: "seek/web", Rule: "k8s-seccomp"}, bad, []string{"violated"}},
		"on its last day": {
			settings.Exception{Resource: "seek/web", Expires: "2027-06-30"}, bad, []string{"excepted"},
		},
		"on the day after": {
			settings.Exception{Resource: "seek/web", Expires: "2027-06-29"}, bad, []string{"violated"},
		},
		"in an unknown namespace": {
			settings.Exception{Resource: "seek/web"}, with(bad, "metadata.namespace", value("?")), []string{"undetermined"},
		},
		"without a namespace": {
			settings.Exception{Resource: "-/web"}, with(bad, "metadata.namespace", value("null")), []string{"excepted"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := test.exception
			e.Reason, e.Owner = "waiting for upstream", "platform team"
			if e.Rule == "" {
				e.Rule = "k8s-image-pinned"
			}
			if e.Expires == "" {
				e.Expires = "2027-12-31"
			}
			checker, err := rules.NewChecker(
				settings.Settings{Exceptions: []settings.Exception{e}}, func() time.Time { return now })
			require.NoError(t, err)
			var got []string
			for _, f := range checker.Check(test.resource) {
				got = append(got, string(f.Outcome))
				if f.Exception != nil && f.Outcome != rules.Undetermined {
					assert.Contains(t, f.String(), e.Expires+", owner platform team): waiting for upstream")
				}
				assert.Equal(t, name == "on the day after", strings.Contains(f.String(), "expired on"))
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestDefaultDeny(t *testing.T) {
	t.Parallel()
	const urn = "urn:pulumi:test::test::kubernetes:core/v1:Namespace::seek"
	policy := func(text string) rules.Resource {
		return rules.Resource{Type: "kubernetes:networking.k8s.io/v1:NetworkPolicy", Name: "deny", Properties: parse(text)}
	}
	deny := policy(`{metadata: {namespace: seek}, spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}`)
	unknownNamespace := with(deny, "metadata.namespace", value("?"))
	depending := unknownNamespace
	depending.Dependencies = []string{urn}
	tests := map[string]struct {
		beside []rules.Resource
		name   string
		want   []string
	}{
		"with a policy": {beside: []rules.Resource{deny}},
		"without":       {want: []string{"violated", "violated"}},
		"with one in another namespace": {
			beside: []rules.Resource{with(deny, "metadata.namespace", value("other"))}, want: []string{"violated", "violated"},
		},
		"with one that selects": {
			beside: []rules.Resource{with(deny, "spec.podSelector.matchLabels.app", value("web"))},
			want:   []string{"violated", "violated"},
		},
		"with one that allows": {
			beside: []rules.Resource{with(deny, "spec.ingress", value("[{}]"))}, want: []string{"violated"},
		},
		"with ingress only": {
			beside: []rules.Resource{with(deny, "spec.policyTypes", value("[Ingress]"))}, want: []string{"violated"},
		},
		"with default types": {
			beside: []rules.Resource{with(deny, "spec.policyTypes", value("null"))}, want: []string{"violated"},
		},
		"with one policy each": {
			beside: []rules.Resource{
				with(deny, "spec.policyTypes", value("[Ingress]")), with(deny, "spec.policyTypes", value("[Egress]")),
			},
		},
		"with no spec": {
			beside: []rules.Resource{with(deny, "spec", value("null"))}, want: []string{"violated", "violated"},
		},
		"with a malformed selector": {
			beside: []rules.Resource{with(deny, "spec.podSelector", value("all"))}, want: []string{"violated", "violated"},
		},
		"with unknown types": {
			beside: []rules.Resource{with(deny, "spec.policyTypes", value("?"))}, want: []string{"undetermined", "undetermined"},
		},
		"with an unknown namespace": {
			beside: []rules.Resource{unknownNamespace}, want: []string{"undetermined", "undetermined"},
		},
		"with one that depends on it": {beside: []rules.Resource{depending}},
		"with an unknown name": {
			beside: []rules.Resource{deny}, name: "?", want: []string{"undetermined", "undetermined"},
		},
		"with an unknown name, depended": {beside: []rules.Resource{depending}, name: "?"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := compliant("core/Namespace")
			ns.URN = urn
			if test.name != "" {
				ns = with(ns, "metadata.name", value(test.name))
			}
			var got []string
			for _, f := range rules.Check(append(test.beside, ns)...) {
				if f.Kind == "Namespace" {
					got = append(got, string(f.Outcome))
					assert.Equal(t, urn, f.URN)
				}
			}
			assert.Equal(t, test.want, got)
		})
	}
}

func TestPoliciesThatAllowEverythingUndoTheDefault(t *testing.T) {
	t.Parallel()
	const ingress, egress = "violated spec.ingress[0]", "violated spec.egress[0]"
	tests := map[string]struct {
		spec string
		want []string
	}{
		"ingress":              {`{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}`, []string{ingress}},
		"egress":               {`{podSelector: {}, policyTypes: [Egress], egress: [{}]}`, []string{egress}},
		"both, types left out": {`{podSelector: {}, ingress: [{}], egress: [{}]}`, []string{egress, ingress}},
		"no selector":          {`{ingress: [{}]}`, []string{ingress}},
		"empty lists":          {`{podSelector: {}, ingress: [{from: [], ports: []}]}`, []string{ingress}},
		"every port of TCP":    {`{podSelector: {}, ingress: [{ports: [{protocol: TCP}]}]}`, []string{ingress}},
		"a second rule": {
			`{podSelector: {}, ingress: [{from: [{podSelector: {}}]}, {}]}`, []string{"violated spec.ingress[1]"},
		},
		"one port of everybody":  {`{podSelector: {}, egress: [{ports: [{port: 53}]}]}`, nil},
		"named peers":            {`{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}`, nil},
		"selected pods":          {`{podSelector: {matchLabels: {app: web}}, ingress: [{}]}`, nil},
		"a direction it has not": {`{podSelector: {}, policyTypes: [Egress], ingress: [{}]}`, nil},
		"nothing allowed":        {`{podSelector: {}, policyTypes: [Ingress, Egress]}`, nil},
		"malformed":              {`{podSelector: all, ingress: [{}]}`, nil},
	}
	allow := rules.Resource{Type: "kubernetes:networking.k8s.io/v1:NetworkPolicy", Name: "allow"}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deny := compliant("networking.k8s.io/NetworkPolicy")
			r := allow
			r.Properties = parse("metadata: {name: allow, namespace: seek}\nspec: " + test.spec)
			assert.Equal(t, test.want, of("k8s-ns-default-deny", rules.Check(compliant("core/Namespace"), deny, r)))
		})
	}
	for _, place := range []string{"podSelector", "policyTypes", "ingress.0", "ingress.0.from", "ingress.0.ports"} {
		r := allow
		r.Properties = parse(`{spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{from: [], ports: []}]}}`)
		assert.Equal(t, []string{"undetermined spec.ingress[0]"},
			of("k8s-ns-default-deny", rules.Check(with(r, "spec."+place, value("?")))), place)
	}
}

// generator makes property values of bytes.
type generator struct {
	data  []byte
	keys  []string
	depth int
}

func (g *generator) next() byte {
	if len(g.data) == 0 {
		return 0
	}
	b := g.data[0]
	g.data = g.data[1:]
	return b
}

func (g *generator) value() property.Value {
	const deepest = 12
	g.depth++
	defer func() { g.depth-- }()
	b := g.next()
	v := property.Value{}
	switch kind := b % 9; {
	case kind == 0:
	case kind == 1:
		v = property.New(b&64 != 0)
	case kind == 2:
		var bits [8]byte
		for i := range bits {
			bits[i] = g.next()
		}
		v = property.New(math.Float64frombits(binary.LittleEndian.Uint64(bits[:])))
	case kind == 3:
		v = property.New(property.Computed)
	case kind == 4:
		n := min(int(g.next()), len(g.data))
		v = property.New(string(g.data[:n]))
		g.data = g.data[n:]
	case kind <= 6 && g.depth < deepest:
		var list []property.Value
		for range g.next() % 4 {
			list = append(list, g.value())
		}
		v = property.New(list)
	case g.depth < deepest:
		m := map[string]property.Value{}
		for range g.next() % 8 {
			m[g.keys[int(g.next())%len(g.keys)]] = g.value()
		}
		v = property.New(m)
	}
	return v.WithSecret(b&128 != 0)
}

// vocabulary are the keys that rules look at.
func vocabulary() []string {
	seen := map[string]bool{}
	var keys []string
	for _, r := range samples() {
		for _, place := range places(property.New(r.Properties)) {
			key := place[strings.LastIndex(place, ".")+1:]
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// FuzzCheck mixes samples with made-up values: at a place of a sample, or as the whole resource.
func FuzzCheck(f *testing.F) {
	list, keys := samples(), vocabulary()
	for i := range list {
		f.Add(uint16(i), uint16(0), []byte{byte(i), 7, 3, 1, 8, 2, 4, 3, 'a', 'b', 'c'})
	}
	f.Fuzz(func(t *testing.T, sample, where uint16, data []byte) {
		r := list[int(sample)%len(list)]
		g := generator{data: data, keys: keys}
		at := places(property.New(r.Properties))
		if where == 0 {
			if v := g.value(); v.IsMap() {
				r.Properties = v.AsMap()
			}
		} else {
			r = with(r, at[int(where)%len(at)], g.value())
		}
		for _, finding := range rules.Check(r) {
			if strings.Contains(finding.Problem, "crashed") {
				t.Errorf("%s", finding)
			}
		}
	})
}
