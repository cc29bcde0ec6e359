package compose

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/dekcd/dmcloud/components/app"
)

var (
	// secretNames are names of variables whose values are secret, in any of the ways people write them.
	secretNames = regexp.MustCompile(`(?i)(passw(or)?d|passphrase|pswd|secret|token|credential|` +
		`(access|account|anon|api|app|auth|crypto|cookie|enc|encryption|fernet|hash|jwt|licen[cs]e|master|private|secure|` +
		`service|session|signing|storage|stripe|vault)_?key|(^|_)(pass|pwd|dsn|salt|pepper)($|_)|pass$|_pw$|_auth$|` +
		`erlang_cookie|webhook_url)`)
	// notSecretNames are names that match secretNames and say where a secret is or how it is handled.
	notSecretNames = regexp.MustCompile(`(?i)_(file|path|dir|name|id|length|lifetime|expiry|ttl|enabled|host|url)$`)
	// foreignSecretNames are names of secrets that somebody else gives out; a made-up value is worth nothing there.
	foreignSecretNames = regexp.MustCompile(`(?i)(token|api_?key|access_?key|private_?key|credential|client_?secret|dsn)`)
	// secretFlags are options of programs whose values are secret and whose names secretNames does not know.
	secretFlags = regexp.MustCompile(`(?i)^-*(requirepass|masterauth)$`)
	// secretValues are values that are secret whatever their name: private keys, tokens of well-known services, and
	// addresses with a password in them.
	secretValues = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----|` +
		`\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|` +
		`\bglpat-[\w-]{20,}|\bAKIA[A-Z0-9]{16}\b|\bxox[abpr]-[\w-]{10,}|\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.|` +
		`\w+://[^\s/:@]*:[^\s/@]+@|(?i:[;?&]|^)(?i:password|pwd)=[^\s;&$]+`)
	// switches are values that turn something on or off, so they are no secrets even under a secret's name.
	switches = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|0|1)?$`)
	// setting is a line of a configuration file that sets something.
	setting = regexp.MustCompile(`(?m)(?:^|[{,])[ \t]*["']?([\w.-]+)["']?[ \t]*[:=][ \t]*["']?([^\s"',;#}]+)`)
	// reference is a value that says where the value is.
	reference = regexp.MustCompile(`^(\$|\{\{|<|%|\*|/|!)`)
)

// LooksSecret tells whether the value of a variable must not stand in plain text. Values of well-known forms are secret
// under any name, the empty one included; others are when the name says so.
func LooksSecret(name, value string) bool {
	if secretValues.MatchString(value) {
		return true
	}
	return secretNames.MatchString(name) && !notSecretNames.MatchString(name) && !switches.MatchString(value)
}

// looksSecret is [LooksSecret], except that everything in a written file was decided on before.
func (r *reader) looksSecret(name, value string) bool {
	return !r.source.Written && LooksSecret(name, value)
}

// Published tells whether a password is one that everybody tries first: the usual placeholders, and defaults in the
// Compose files that platforms publish, such as SEEK's own
// (https://github.com/seek4science/seek/blob/v1.18.1/docker/db.env) and CKAN's
// (https://github.com/ckan/ckan-docker/blob/master/.env.example).
func Published(password string) bool {
	return slices.Contains([]string{
		"123456", "12345678", "admin", "admin123", "administrator", "change_me", "change-me", "changeit", "changeme",
		"ckan", "datapusher", "default", "dev", "development", "docker", "elastic", "example", "guest", "keycloak",
		"letmein", "minio", "minio123", "minioadmin", "mysql", "omero", "p4ssw0rd", "pass", "passw0rd", "password",
		"password123", "postgres", "postgrespw", "qwerty", "redis", "replaceme", "root", "rootpassword", "s3cr3t",
		"secret", "seek", "seek_db_password", "seek_db_user", "seek_root", "supersecret", "test", "test1234", "todo",
		"toor", "user", "wordpress",
	}, strings.ToLower(password))
}

// move makes a secret of a literal and returns its name; the same value is one secret, wherever it stands.
func (r *reader) move(service, variable, value string) string {
	if known, ok := r.literal[value]; ok {
		return known
	}
	base := cmp.Or(slug(variable), "secret")
	for _, candidate := range []string{base, service + "-" + base} {
		if candidate = nearest(candidate, maximumName); r.free(candidate) {
			return r.declare(candidate, variable, value, "the value of "+variable)
		}
	}
	return ""
}

// free tells whether a secret may have the name.
func (r *reader) free(name string) bool {
	return !r.taken[name] && !slices.Contains(slices.Collect(maps.Values(r.names.secrets)), name)
}

// declare adds a secret with a value that stood in the file, and returns its name.
func (r *reader) declare(name, unique, value, what string) string {
	if known, ok := r.literal[value]; ok {
		return known
	}
	if !r.free(name) {
		name = hashed(name, unique, maximumName, hashLength)
	}
	r.literal[value], r.taken[name] = name, true
	r.out.SecretValues[name] = NewSensitive(value)
	r.moved = append(r.moved, app.Secret{Name: name, Purpose: what + ", which stood in the Compose file"})
	return name
}

// generatedLength is that of passwords made for variables without a value: 190 bits.
const generatedLength = 32

// generate makes the secret for a variable without a value; every service that uses the variable gets the same.
func (r *reader) generate(variable string) string {
	if known, ok := r.generated[variable]; ok {
		return known
	}
	name := nearest(variable, maximumName)
	if !r.free(name) {
		name = hashed(name, variable, maximumName, hashLength)
	}
	r.generated[variable], r.taken[name] = name, true
	r.moved = append(r.moved, app.Secret{
		Name: name, Purpose: "the value of " + variable + ", which the Compose file leaves to the environment",
		Generate: &app.Generate{Length: generatedLength, Alphabet: app.Alphanumeric},
	})
	return name
}

// secretFile tells whether the content of a file must not be readable for everybody who may see the application: a key,
// or a setting with a secret in it.
func (r *reader) secretFile(content string) bool {
	if secretValues.MatchString(content) {
		return true
	}
	for _, match := range setting.FindAllStringSubmatch(content, -1) {
		if LooksSecret(match[1], match[2]) && !reference.MatchString(match[2]) {
			return true
		}
	}
	return false
}

// scrub removes from a message what may be secret: all values of the caller's environment, and whatever scalar of the
// files looks secret or is the value of a variable or secret.
func (r *reader) scrub(text string) string {
	values, keys := slices.Collect(maps.Values(r.source.Environment)), map[string]bool{}
	if variables, err := r.variables(); err == nil {
		values = slices.AppendSeq(values, maps.Values(variables))
	}
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
