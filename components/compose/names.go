package compose

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

const (
	// maximumService leaves room in a DNS label for what targets append to the name of what runs a service.
	maximumService = 52
	// maximumName is how long a DNS label may be.
	maximumName = 63
	// hashLength are the digits that tell names apart which would be the same.
	hashLength = 5
)

var (
	notLabel = regexp.MustCompile(`[^a-z0-9]+`)
	// plainName is a DNS label that starts with a letter, so that it can name a host on every target.
	plainName = regexp.MustCompile(`^[a-z]([a-z0-9-]*[a-z0-9])?$`)
)

// labels finds a DNS label for each of the names that stand beside each other in a Compose file, where letters of any
// case, digits, dots, underscores and hyphens are allowed. A name that is a label stays; the others become the nearest
// one, with a hash of the whole name where that is somebody's already. The result does not depend on the order, is the
// same in every run, and no two names share a label.
func labels(names []string, maximum int) map[string]string {
	made := make(map[string]string, len(names))
	wanted, taken := map[string]int{}, map[string]bool{}
	for _, name := range names {
		if plainName.MatchString(name) && len(name) <= maximum {
			made[name], taken[name] = name, true
			wanted[name]++
		}
	}
	for _, name := range names {
		if made[name] == "" {
			wanted[nearest(name, maximum)]++
		}
	}
	for _, name := range slices.Sorted(slices.Values(names)) {
		if made[name] != "" {
			continue
		}
		near := nearest(name, maximum)
		label := near
		for digits := hashLength; wanted[near] > 1 && label == near || taken[label]; digits++ {
			label = hashed(near, name, maximum, digits)
		}
		made[name], taken[label] = label, true
	}
	return made
}

// nearest is the label that looks most like the name; too long ones get their hash here.
func nearest(name string, maximum int) string {
	label := slug(name)
	if label == "" || label[0] >= '0' && label[0] <= '9' {
		label = strings.TrimSuffix("s-"+label, "-")
	}
	if len(label) > maximum {
		return hashed(label, name, maximum, hashLength)
	}
	return label
}

// hashed makes a label unique by what it was made from.
func hashed(label, name string, maximum, digits int) string {
	sum := sha256.Sum256([]byte(name))
	hash := hex.EncodeToString(sum[:])[:digits]
	return strings.TrimRight(label[:min(len(label), maximum-digits-1)], "-") + "-" + hash
}

// slug keeps the letters and digits of a text and joins what is between them by hyphens.
func slug(text string) string {
	return strings.Trim(notLabel.ReplaceAllString(strings.ToLower(text), "-"), "-")
}

// scopes are the kinds of names; the same name may stand in each.
type scopes struct {
	services, volumes, secrets, configs, networks map[string]string
}

// name is what a name of the file is called in the application. Names of another file, such as in an extension, are
// taken as they are.
func name(scope map[string]string, original string) string {
	return cmp.Or(scope[original], original)
}
