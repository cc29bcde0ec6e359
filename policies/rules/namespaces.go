package rules

import (
	"slices"
	"strings"
)

// checkDefaultDeny asks that every namespace in the stack has, for each direction, a policy that selects all pods and
// allows nothing. Policies only ever add up, so what else is allowed must then be named; a policy that allows
// everything undoes it.
func checkDefaultDeny(objects []*object) []verdict {
	var verdicts []verdict
	for _, np := range objects {
		if isNetworkPolicy(np) {
			verdicts = append(verdicts, allowsAll(np)...)
		}
	}
	for _, ns := range objects {
		if ns.kind.String() != "core/Namespace" || ns.patch || ns.root.value.IsNull() {
			continue
		}
		c := collector{on: ns}
		for _, direction := range []string{"Ingress", "Egress"} {
			covered := no
			for _, np := range objects {
				if isNetworkPolicy(np) {
					covered = max(covered, both(inNamespace(np, ns), deniesAll(np, direction)))
				}
			}
			switch covered {
			case no:
				c.violated("metadata.name", "the namespace has no NetworkPolicy that denies all %s", direction)
			case maybe:
				c.other(field{path: "metadata.name"}, unknown)
			case yes:
			}
		}
		verdicts = append(verdicts, c.verdicts...)
	}
	return verdicts
}

// inNamespace says whether an object lies in a namespace of the stack. Where a name is not known yet, depending on the
// namespace says that it does.
func inNamespace(o, ns *object) answer {
	want, ws := ns.root.get("metadata", "name").text()
	got, gs := o.root.get("metadata", "namespace").text()
	depends := slices.Contains(o.resource.Dependencies, ns.resource.URN) && ns.resource.URN != ""
	switch {
	case ws == present && gs == present && got == want:
		return yes
	case ws == present && gs == present:
		return no
	case (gs == unknown || ws == unknown) && depends:
		return yes
	case gs == unknown || ws == unknown:
		return maybe
	}
	return no
}

// isNetworkPolicy says whether an object is a NetworkPolicy, of today's API group or the one before.
func isNetworkPolicy(o *object) bool {
	return o.kind.String() == "networking.k8s.io/NetworkPolicy" || o.kind.String() == "apps/NetworkPolicy"
}

// deniesAll says whether a policy selects every pod, has a direction and allows nothing in it.
func deniesAll(np *object, direction string) answer {
	return both(selectsAll(np), both(emptyOrUnknown(rulesFor(np, direction)), hasDirection(np, direction)))
}

// allowsAll notes the rules of a policy that let every pod of its namespace talk to everything: rules with neither
// peers nor ports, in a policy that selects every pod.
func allowsAll(np *object) []verdict {
	c := collector{on: np}
	for direction, peers := range map[string]string{"Ingress": "from", "Egress": "to"} {
		list, _ := rulesFor(np, direction).items()
		for _, rule := range list {
			open := both(emptyOrUnknown(rule.get(peers)), everyPort(rule.get("ports")))
			switch both(open, both(selectsAll(np), hasDirection(np, direction))) {
			case yes:
				c.violated(rule.path, "must not allow everything to every pod of the namespace")
			case maybe:
				c.other(field{path: rule.path}, unknown)
			case no:
			}
		}
	}
	slices.SortFunc(c.verdicts, func(a, b verdict) int { return strings.Compare(a.path, b.path) })
	return c.verdicts
}

// everyPort says whether the ports of a rule leave a protocol unrestricted.
func everyPort(ports field) answer {
	result := emptyOrUnknown(ports)
	list, _ := ports.items()
	for _, p := range list {
		result = max(result, emptyOrUnknown(p.get("port")))
	}
	return result
}

// rulesFor are a policy's rules for a direction.
func rulesFor(np *object, direction string) field {
	return np.root.get("spec", strings.ToLower(direction))
}

// selectsAll says whether a policy is for every pod of its namespace.
func selectsAll(np *object) answer {
	spec := np.root.get("spec")
	selector := spec.get("podSelector")
	if spec.value.IsNull() || selector.state(selector.value.IsMap()) == malformed {
		return no
	}
	return both(emptyOrUnknown(selector.get("matchLabels")), emptyOrUnknown(selector.get("matchExpressions")))
}

// hasDirection says whether a policy is about a direction. Without types it is about ingress, and about egress where it
// has rules for it.
func hasDirection(np *object, direction string) answer {
	types, s := np.root.get("spec", "policyTypes").items()
	switch s {
	case unknown:
		return maybe
	case malformed:
		return no
	case absent:
		if direction == "Ingress" {
			return yes
		}
		list, s := rulesFor(np, direction).items()
		switch {
		case s == unknown:
			return maybe
		case len(list) > 0:
			return yes
		}
		return no
	case present:
	}
	has := no
	for _, t := range types {
		switch name, s := t.text(); {
		case s == present && name == direction:
			has = yes
		case s == unknown:
			has = max(has, maybe)
		}
	}
	return has
}

// emptyOrUnknown says whether a list or an object has no elements.
func emptyOrUnknown(f field) answer {
	switch {
	case f.value.IsNull():
		return yes
	case f.value.IsComputed():
		return maybe
	case f.value.IsArray() && f.value.AsArray().Len() == 0, f.value.IsMap() && f.value.AsMap().Len() == 0:
		return yes
	}
	return no
}
