package rules

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// eachRawContainer visits the containers of a workload as they stand in its properties. A place where containers may
// hide but can't be read is noted on the collector.
func eachRawContainer(o *object, c *collector, lists []string, visit func(container field)) {
	spec := o.pod().at
	for _, list := range lists {
		at := spec.get(list)
		items, s := at.items()
		c.other(at, s)
		for _, item := range items {
			// A container that is unknown or malformed as a whole shows in the fields that are read from it.
			visit(item)
		}
	}
}

// isWindows says whether the pod declares that it runs on Windows.
func isWindows(o *object) answer {
	name, s := o.pod().at.get("os", "name").text()
	switch {
	case s == unknown:
		return maybe
	case name == string(corev1.Windows):
		return yes
	default:
		return no
	}
}

func checkReadOnlyRoot(o *object) []verdict {
	c := collector{on: o}
	switch isWindows(o) {
	case yes:
		return nil
	case maybe:
		c.other(o.pod().at.get("os", "name"), unknown)
		return c.verdicts
	case no:
	}
	eachRawContainer(o, &c, containerLists(), func(container field) {
		requireFlag(&c, container.get("securityContext", "readOnlyRootFilesystem"), true, "must be true")
	})
	return c.verdicts
}

// requireFlag notes a violation unless a boolean of the Kubernetes API has a value. A patch may leave it out.
func requireFlag(c *collector, f field, want bool, problem string) {
	value, s := f.flag()
	if !f.value.IsBool() && s == present {
		s = malformed
	}
	switch {
	case s == absent && c.on.patch || s == present && value == want:
	case s == absent || s == present:
		c.violated(f.path, "%s", problem)
	default:
		c.other(f, s)
	}
}

func checkTokenOff(o *object) []verdict {
	c := collector{on: o}
	at := o.root
	if o.kind.String() != "core/ServiceAccount" {
		at = o.pod().at
		if at.value.IsNull() {
			return nil
		}
	}
	requireFlag(&c, at.get("automountServiceAccountToken"), false,
		"must be false; what calls the Kubernetes API by design, such as a controller, needs an exception (dmcloud:policy)")
	return c.verdicts
}

// checkMemoryLimit accepts a limit of the whole pod in place of one on each container. Ephemeral containers can't have
// limits.
func checkMemoryLimit(o *object) []verdict {
	c := collector{on: o}
	ofPod := memoryLimit(o.pod().at)
	if ofPod.limited == yes {
		return nil
	}
	eachRawContainer(o, &c, []string{"initContainers", "containers"}, func(container field) {
		limit := memoryLimit(container)
		switch {
		case limit.limited == yes:
		case limit.state == absent && ofPod.limited == maybe:
			c.other(ofPod.at, unknown)
		case limit.state == absent && o.patch:
		case limit.state == absent:
			c.violated(limit.at.path, "must be set")
		case limit.state == present:
			c.violated(limit.at.path, "must be a quantity above zero")
		default:
			c.other(limit.at, limit.state)
		}
	})
	return c.verdicts
}

// limit is what stands for a memory limit.
type limit struct {
	at      field
	state   state
	limited answer
}

func memoryLimit(around field) limit {
	l := limit{at: around.get("resources", "limits", "memory")}
	var quantity resource.Quantity
	l.state = l.at.state(unmarshal(l.at, &quantity))
	switch {
	case l.state == unknown:
		l.limited = maybe
	case l.state == present && quantity.Sign() > 0:
		l.limited = yes
	}
	return l
}

func checkImagePinned(o *object) []verdict {
	c := collector{on: o}
	eachRawContainer(o, &c, containerLists(), func(container field) {
		at := container.get("image")
		image, s := at.text()
		switch {
		case s == absent && o.patch:
		case s == absent || s == present && image == "":
			c.violated(at.path, "must name an image with a version")
		case s == present:
			if problem := moving(image); problem != "" {
				c.violated(at.path, "%s", problem)
			}
		default:
			c.other(at, s)
		}
	})
	return c.verdicts
}

var (
	digest = regexp.MustCompile(`@[A-Za-z0-9_+.-]+:[0-9a-fA-F]{32,}$`)
	// channel is the beginning of a tag that follows a branch or a release channel.
	channel = regexp.MustCompile(`^(latest|main|master|stable|edge|nightly|dev|develop|rolling|canary|unstable)([-._]|$)`)
	// frozen is the part of a tag that names one build of a channel: a date or a commit.
	frozen = regexp.MustCompile(`\d{8}|\d{4}[-.]\d{2}[-.]\d{2}|[-._](sha-)?[0-9a-f]{7,40}$`)
	number = regexp.MustCompile(`\d`)
)

// moving says why the content behind an image reference may change, or nothing when it is a version or a digest.
func moving(image string) string {
	if digest.MatchString(image) {
		return ""
	}
	name, _, malformedDigest := strings.Cut(image, "@")
	if malformedDigest {
		return "has a digest that is none"
	}
	colon := strings.LastIndex(name, ":")
	if colon < 0 || strings.Contains(name[colon:], "/") {
		return "must have a version or a digest"
	}
	tag := strings.ToLower(name[colon+1:])
	switch {
	case channel.MatchString(tag) && (!frozen.MatchString(tag) || !number.MatchString(tag)):
		return "must not follow a branch or release channel"
	case !number.MatchString(tag):
		return "must have a tag that is a version"
	}
	return ""
}
