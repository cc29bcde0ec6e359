package rules

import (
	"path"
	"strings"
)

// groupKind names a kind of resource. For Kubernetes it is group and kind without the version, for everything else the
// token and its last part.
type groupKind struct {
	group, kind string
	token       string
}

// String is the form in which [Rule.Applies] names kinds.
func (k groupKind) String() string {
	if k.token != "" {
		return k.token
	}
	return k.group + "/" + k.kind
}

// object is one thing that rules look at: a resource, or an element of a Kubernetes list.
type object struct {
	resource *Resource
	kind     groupKind
	// patch says that only some fields of an object that somebody else owns are given.
	patch bool
	root  field

	decoded *pod
}

const (
	kubernetesPrefix = "kubernetes:"
	patchSuffix      = "Patch"
	listSuffix       = "List"
)

// objectsOf are the objects in a resource: itself, or the elements of a list.
func objectsOf(r *Resource) []*object {
	root := rootField(r.Properties)
	module, kind, ok := strings.Cut(strings.TrimPrefix(r.Type, kubernetesPrefix), ":")
	if !strings.HasPrefix(r.Type, kubernetesPrefix) || !ok {
		return []*object{{
			resource: r, root: root,
			kind: groupKind{kind: r.Type[strings.LastIndex(r.Type, ":")+1:], token: r.Type},
		}}
	}
	if element, isList := strings.CutSuffix(kind, listSuffix); isList {
		return elements(r, groupKind{group: group(module), kind: element}, root.get("items"))
	}
	kind, patch := strings.CutSuffix(kind, patchSuffix)
	return []*object{{resource: r, kind: groupKind{group: group(module), kind: kind}, patch: patch, root: root}}
}

// elements are the objects of a list. Each may name its own kind, as those of kind List do; otherwise it is the list's.
func elements(r *Resource, kind groupKind, items field) []*object {
	list, s := items.items()
	if s != present {
		// The list as a whole is unknown, malformed or empty; rules see that through the field.
		return []*object{{resource: r, kind: kind, root: items}}
	}
	var objects []*object
	for _, item := range list {
		own := kind
		if apiVersion, s := item.get("apiVersion").text(); s == present {
			own.group = group(apiVersion)
		}
		if name, s := item.get("kind").text(); s == present {
			own.kind = name
		}
		objects = append(objects, &object{resource: r, kind: own, root: item})
	}
	return objects
}

// group is the API group of "group/version", with the names it had before groups were split up.
func group(apiVersion string) string {
	name, _, grouped := strings.Cut(apiVersion, "/")
	switch {
	case !grouped:
		return "core"
	case name == "extensions":
		return "apps"
	default:
		return name
	}
}

// names are what the object may be called in an exception, and whether all of them are known.
func (o *object) names() (names []string, known bool) {
	name, s := o.root.get("metadata", "name").text()
	if s == present {
		names = append(names, name)
	}
	return append(names, o.resource.Name), s != unknown
}

// namespace is the namespace, "-" for what has none.
func (o *object) namespace() (string, state) {
	name, s := o.root.get("metadata", "namespace").text()
	if s == unknown {
		return "", unknown
	}
	if name == "" {
		name = "-"
	}
	return name, present
}

// matches says whether the resource pattern of an exception selects the object.
func (o *object) matches(pattern string) answer {
	parts := strings.Split(pattern, "/")
	if len(parts) == 3 {
		if !globMatches(parts[0], o.kind.kind) {
			return no
		}
		parts = parts[1:]
	}
	if len(parts) != 2 {
		return no
	}
	inNamespace := maybe
	if namespace, s := o.namespace(); s == present {
		inNamespace = no
		if globMatches(parts[0], namespace) {
			inNamespace = yes
		}
	}
	named := no
	names, known := o.names()
	if !known {
		named = maybe
	}
	for _, name := range names {
		if globMatches(parts[1], name) {
			named = yes
		}
	}
	return both(inNamespace, named)
}

func globMatches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
