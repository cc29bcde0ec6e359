package entrykit

import (
	"fmt"
	"maps"
	"net/mail"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
)

// Fill sets a field that nobody has set.
func Fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Name checks the name of an application, at the path "name".
func Name(name string) problem.List {
	var problems problem.List
	if len(validation.IsDNS1123Label(name)) > 0 {
		problems.Addf("name", name, "", "must be a DNS label: at most 63 lowercase letters, digits and hyphens")
	}
	return problems
}

// Image checks an image that replaces that of a profile; none is right.
func Image(path, image string) problem.List {
	var problems problem.List
	if image != "" {
		if rule, fix := app.CheckImage(image); rule != "" {
			problems.Addf(path, image, fix, "%s", rule)
		}
	}
	return problems
}

// Host checks a public DNS name; the example is one that would be right.
func Host(path, host, example string) problem.List {
	var problems problem.List
	if !IsHost(host) {
		problems.Addf(path, host, fmt.Sprintf("write a name such as %q", example), "must be a DNS name")
	}
	return problems
}

// Line checks a text that people read. The problem does not repeat it: it may hold anything.
func Line(path, text string) problem.List {
	var problems problem.List
	if !IsLine(text) {
		problems.Addf(path, nil, "", "must be one line of text")
	}
	return problems
}

// Email checks an e-mail address.
func Email(path, address string) problem.List {
	var problems problem.List
	if !IsEmail(address) {
		problems.Addf(path, address, "", "must be an e-mail address")
	}
	return problems
}

// Networks checks address ranges, at paths such as "networks[0]".
func Networks(path string, networks []string) problem.List {
	var problems problem.List
	for i, network := range networks {
		if _, err := netip.ParsePrefix(network); err != nil {
			problems.Addf(fmt.Sprintf("%s[%d]", path, i), network, "", "must be an address range such as 192.0.2.0/24")
		}
	}
	return problems
}

// Positive checks a number of things of which there must be one at least.
func Positive(path string, number int) problem.List {
	var problems problem.List
	if number < 1 {
		problems.Addf(path, number, "", "must be at least 1")
	}
	return problems
}

// Secrets finds texts, by their paths, that look like a secret in the wrong place, also those of a mail server if there
// is one: all of them are readable in the platform.
func Secrets(m *Mail, texts map[string]string) problem.List {
	all := maps.Clone(texts)
	if m != nil {
		all["mail.from"], all["mail.user"] = m.From, m.User
	}
	var problems problem.List
	for _, path := range slices.Sorted(maps.Keys(all)) {
		if compose.LooksSecret("", all[path]) {
			problems.Addf(path, nil, "write something else", "looks like a secret, and is readable in the platform")
		}
	}
	return problems
}

// IsHost tells whether the text is a DNS name.
func IsHost(text string) bool { return len(validation.IsDNS1123Subdomain(text)) == 0 }

// IsAddress tells whether the text is an IP address.
func IsAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// IsEmail tells whether the text is an e-mail address and nothing else.
func IsEmail(text string) bool {
	address, err := mail.ParseAddress(text)
	return err == nil && address.Address == text
}

// IsLine tells whether the text is one line that is not blank.
func IsLine(text string) bool {
	return utf8.ValidString(text) && strings.TrimSpace(text) != "" && !strings.ContainsFunc(text, unicode.IsControl)
}
