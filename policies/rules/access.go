package rules

import (
	"slices"
	"strings"
)

func checkNoWildcard(o *object) []verdict {
	c := collector{on: o}
	at := o.root.get("rules")
	list, s := at.items()
	c.other(at, s)
	for _, rule := range list {
		for _, key := range []string{"verbs", "resources", "apiGroups", "nonResourceURLs"} {
			entriesAt := rule.get(key)
			entries, s := entriesAt.items()
			c.other(entriesAt, s)
			for _, e := range entries {
				entry, s := e.text()
				switch {
				case s == present && (entry == "*" || strings.HasPrefix(entry, "*/") || strings.HasSuffix(entry, "/*")):
					c.violated(e.path, "must not be a wildcard")
				case s != present:
					c.other(e, s)
				}
			}
		}
	}
	return c.verdicts
}

func checkNoClusterAdmin(o *object) []verdict {
	c := collector{on: o}
	role := o.root.get("roleRef", "name")
	name, s := role.text()
	if name == "cluster-admin" {
		c.violated(role.path, "must not bind cluster-admin")
	}
	c.other(role, s)
	at := o.root.get("subjects")
	subjects, s := at.items()
	c.other(at, s)
	for _, subject := range subjects {
		kindAt, nameAt := subject.get("kind"), subject.get("name")
		kind, ks := kindAt.text()
		name, ns := nameAt.text()
		switch {
		case ks == present && ns == present:
			if slices.Contains(everyone(), kind+"/"+name) {
				c.violated(nameAt.path, "must not be a subject that stands for everybody, every administrator or every pod")
			}
		case slices.ContainsFunc(everyone(), func(bad string) bool {
			badKind, badName, _ := strings.Cut(bad, "/")
			return (ks != present || kind == badKind) && (ns != present || name == badName)
		}):
			c.other(kindAt, ks)
			c.other(nameAt, ns)
		}
	}
	return c.verdicts
}

// everyone are the subjects that stand for people and pods nobody chose, as kind/name.
func everyone() []string {
	return []string{
		"Group/system:masters", "Group/system:authenticated", "Group/system:unauthenticated",
		"Group/system:serviceaccounts", "User/system:anonymous", "ServiceAccount/default",
	}
}
