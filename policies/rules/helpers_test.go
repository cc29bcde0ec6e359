package rules_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/property"
	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/policies/rules"
)

// parse reads properties from YAML.
func parse(text string) property.Map {
	var v map[string]any
	if err := yaml.Unmarshal([]byte(text), &v); err != nil {
		panic(fmt.Sprintf("bad test data: %v\n%s", err, text))
	}
	return resource.FromResourcePropertyMap(resource.NewPropertyMapFromMap(v))
}

// compliantPodSpec satisfies every rule.
const compliantPodSpec = `
automountServiceAccountToken: false
securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
initContainers:
  - name: prepare
    image: docker.io/library/busybox:1.37
    command: [sh, -c, echo prepared]
    resources: {limits: {memory: 64Mi}}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
containers:
  - name: web
    image: docker.io/fairdom/seek:1.18.1
    ports: [{name: http, containerPort: 3000}]
    env:
      - {name: LOG_LEVEL, value: info}
      - {name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: database, key: password}}}
    resources: {limits: {memory: 1Gi, cpu: 1}}
    securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`

// compliantOthers are the properties of compliant resources that aren't workloads, by kind.
const compliantOthers = `
"core/ServiceAccount": {metadata: {name: web, namespace: seek}, automountServiceAccountToken: false}
"core/ConfigMap": {metadata: {name: web, namespace: seek}, data: {LOG_LEVEL: info, "app.ini": "level = info\n"}}
"core/Namespace": {metadata: {name: seek}}
"networking.k8s.io/NetworkPolicy":
  {metadata: {name: deny, namespace: seek}, spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}
"rbac.authorization.k8s.io/Role":
  {metadata: {name: web}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}
"rbac.authorization.k8s.io/ClusterRole":
  {metadata: {name: web}, rules: [{nonResourceURLs: [/healthz], verbs: [get]}]}
"rbac.authorization.k8s.io/RoleBinding":
  {roleRef: {kind: Role, name: web}, subjects: [{kind: ServiceAccount, name: web}]}
"rbac.authorization.k8s.io/ClusterRoleBinding":
  {roleRef: {kind: ClusterRole, name: view}, subjects: [{kind: Group, name: readers}]}
"openstack:networking/secGroupRule:SecGroupRule":
  {direction: ingress, protocol: tcp, portRangeMin: 22, portRangeMax: 22, remoteIpPrefix: 10.0.0.0/24}
"openstack:compute/secGroup:SecGroup": {rules: [{ipProtocol: tcp, fromPort: 22, toPort: 22, cidr: 10.0.0.0/24}]}
"openstack:compute/instance:Instance": {keyPair: web, flavorName: m1.small}
"openstack:identity/applicationCredential:ApplicationCredential":
  {name: web, expiresAt: "2027-01-01T00:00:00Z", unrestricted: false}
"pulumi:providers:openstack": {cloud: institute, insecure: "false"}
`

// around puts a pod spec into a workload.
func around(kind string, spec property.Map) property.Map {
	keys := []string{"spec", "template", "spec"}
	switch kind {
	case "core/Pod":
		keys = keys[:1]
	case "core/PodTemplate":
		keys = keys[1:]
	case "batch/CronJob":
		keys = []string{"spec", "jobTemplate", "spec", "template", "spec"}
	}
	m := spec
	for _, key := range slices.Backward(keys) {
		m = property.NewMap(map[string]property.Value{key: property.New(m)})
	}
	return m.Set("metadata", property.New(parse(`{name: web, namespace: seek}`)))
}

// typeToken is the type token of a kind as it stands in the table.
func typeToken(kind string) string {
	group, name, ok := strings.Cut(kind, "/")
	if !ok || strings.Contains(kind, ":") {
		return kind
	}
	return "kubernetes:" + group + "/v1:" + name
}

// compliant is a resource of a kind that satisfies every rule.
func compliant(kind string) rules.Resource {
	r := rules.Resource{Type: typeToken(kind), Name: "web", URN: "urn:pulumi:test::test::" + typeToken(kind) + "::web"}
	if others := parse(compliantOthers); !others.Get(kind).IsNull() {
		r.Properties = others.Get(kind).AsMap()
	} else {
		r.Properties = around(kind, parse(compliantPodSpec))
	}
	return r
}

// edit returns a value with another one put at a place: "spec.containers.0.image". Objects on the way are made.
func edit(v property.Value, place string, to property.Value) property.Value {
	key, rest, _ := strings.Cut(place, ".")
	if key == "" {
		return to
	}
	if v.IsArray() {
		i, err := strconv.Atoi(key)
		elements := v.AsArray().AsSlice()
		if err != nil || i > len(elements) {
			panic("bad place " + place)
		}
		if i == len(elements) {
			elements = append(elements, property.Value{})
		}
		elements[i] = edit(elements[i], rest, to)
		return property.New(elements).WithSecret(v.Secret())
	}
	m := property.Map{}
	if v.IsMap() {
		m = v.AsMap()
	}
	return property.New(m.Set(key, edit(m.Get(key), rest, to))).WithSecret(v.Secret())
}

// places are the places of a value and everything in it, as edit takes them.
func places(v property.Value) []string {
	var list []string
	add := func(key string, v property.Value) {
		list = append(list, key)
		for _, below := range places(v) {
			list = append(list, key+"."+below)
		}
	}
	switch {
	case v.IsMap():
		for key, member := range v.AsMap().AllStable {
			if !strings.Contains(key, ".") {
				add(key, member)
			}
		}
	case v.IsArray():
		for i, element := range v.AsArray().All {
			add(strconv.Itoa(i), element)
		}
	}
	return list
}

// at is the value at a place.
func at(v property.Value, place string) property.Value {
	for place != "" {
		key, rest, _ := strings.Cut(place, ".")
		if v.IsArray() {
			i, _ := strconv.Atoi(key)
			v = v.AsArray().Get(i)
		} else {
			v = v.AsMap().Get(key)
		}
		place = rest
	}
	return v
}

// with is a resource with another value at a place.
func with(r rules.Resource, place string, to property.Value) rules.Resource {
	r.Properties = edit(property.New(r.Properties), place, to).AsMap()
	return r
}

// of are the findings of one rule, as "outcome path".
func of(rule string, findings []rules.Finding) []string {
	var list []string
	for _, f := range findings {
		if f.Rule == rule {
			list = append(list, string(f.Outcome)+" "+f.Path)
		}
	}
	return list
}

// value reads a property value from YAML; "?" is an unknown one.
func value(text string) property.Value {
	if text == "?" {
		return property.New(property.Computed)
	}
	return parse("v: " + text).Get("v")
}
