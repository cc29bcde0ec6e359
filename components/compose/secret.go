package compose

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

var (
	// secretNames are names of variables whose values are secret, in any of the ways people write them.
	secretNames = regexp.MustCompile(`(?i)(passw(or)?d|passphrase|secret|token|api_?key|private_?key|encryption_?key|` +
		`access_?key|credential|(^|_)(pass|pwd|dsn)($|_))`)
	// notSecretNames are names that match secretNames and say where a secret is or how it is handled.
	notSecretNames = regexp.MustCompile(`(?i)_(file|path|dir|name|id|length|lifetime|expiry|ttl|enabled|host|url)$`)
	// secretValues are values that are secret whatever their name: private keys, tokens of well-known services, and
	// addresses with a password in them.
	secretValues = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----|` +
		`\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|` +
		`\bglpat-[\w-]{20,}|\bAKIA[A-Z0-9]{16}\b|\bxox[abpr]-[\w-]{10,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.|` +
		`\w+://[^\s/:@]*:[^\s/@]+@`)
	// switches are values that turn something on or off, so they are no secrets even under a secret's name.
	switches = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|0|1)?$`)
)

// LooksSecret tells whether the value of a variable must not stand in plain text. Values of well-known forms are secret
// under any name, the empty one included; others are when the name says so.
func LooksSecret(name, value string) bool {
	if secretValues.MatchString(value) {
		return true
	}
	return secretNames.MatchString(name) && !notSecretNames.MatchString(name) && !switches.MatchString(value)
}

// move makes a secret of a literal and returns its name; the same value under the same name is one secret.
func (r *reader) move(service, variable, value string) string {
	name := strings.Trim(notLabel.ReplaceAllString(strings.ToLower(variable), "-"), "-")
	name = cmp.Or(name, "secret")
	for _, candidate := range []string{name, service + "-" + name} {
		known, taken := r.literal[candidate]
		if _, declared := r.project.Secrets[candidate]; declared || taken && known != value {
			continue
		}
		if !taken {
			r.literal[candidate] = value
			r.out.SecretValues[candidate] = NewSensitive(value)
			r.moved = append(r.moved, movedSecret{name: candidate, variable: variable})
		}
		return candidate
	}
	return ""
}

var notLabel = regexp.MustCompile(`[^a-z0-9]+`)

// movedSecret is a secret that was a literal.
type movedSecret struct {
	name     string
	variable string
}

// scrub removes from a message what may be secret: all values of the caller's environment, and whatever scalar of the
// files looks secret or is the value of a variable or secret.
func (r *reader) scrub(text string) string {
	values, keys := slices.Collect(maps.Values(r.source.Environment)), map[string]bool{}
	for _, file := range r.source.Files {
		content := string(file.Content)
		if file.Content == nil {
			content = r.onDisk(file.Path)
		}
		for document := range strings.SplitSeq("\n"+content, "\n---") {
			var parsed any
			if yaml.Unmarshal([]byte(document), &parsed) != nil {
				// The parser quotes what it stumbles over.
				text = quoted.ReplaceAllString(text, redacted)
			}
			values = append(values, scalars(parsed, false, keys)...)
		}
	}
	// Longer ones first, so that no rest of one stays behind.
	slices.SortFunc(values, func(x, y string) int { return cmp.Compare(len(y), len(x)) })
	for _, value := range values {
		// What also is a key stands in the paths of messages and is no secret.
		if len(value) > 2 && !keys[value] {
			text = strings.ReplaceAll(text, value, redacted)
		}
	}
	return secretValues.ReplaceAllString(text, redacted)
}

var quoted = regexp.MustCompile("`[^`]*`|\"[^\"]*\"|'[^']*'")

// scalars lists the values in a document that may be secret and collects its keys; all is true below keys that hold
// values of variables and secrets.
func scalars(document any, all bool, keys map[string]bool) []string {
	var values []string
	switch node := document.(type) {
	case map[string]any:
		for key, value := range node {
			keys[key] = true
			secret := all || key == "environment" || key == "secrets" || secretNames.MatchString(key)
			values = append(values, scalars(value, secret, keys)...)
		}
	case []any:
		for _, value := range node {
			values = append(values, scalars(value, all, keys)...)
		}
	case nil:
	default:
		text := fmt.Sprint(node)
		if all || secretValues.MatchString(text) {
			_, after, _ := strings.Cut(text, "=")
			values = append(values, text, after)
		}
	}
	return values
}
