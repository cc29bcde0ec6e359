package rules

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

func checkEnvSecrets(o *object) []verdict {
	c := collector{on: o}
	eachRawContainer(o, &c, containerLists(), func(container field) {
		envAt := container.get("env")
		env, s := envAt.items()
		c.other(envAt, s)
		for _, e := range env {
			name, _ := e.get("name").text()
			literal(&c, e.get("value"), name, e.get("name").label())
		}
		for _, list := range []string{"command", "args"} {
			at := container.get(list)
			words, s := at.items()
			c.other(at, s)
			arguments(&c, words)
		}
	})
	return c.verdicts
}

// literal notes what is wrong with a value that stands in the open. shown is the name as it may be shown.
func literal(c *collector, value field, name, shown string) {
	s, st := value.text()
	switch {
	case st == unknown || st == malformed:
		c.other(value, st)
	case value.marked:
		c.violated(value.path, "%sis a Pulumi secret written in the open", called(shown))
	case st == absent:
	case secretName(name) && secretLooking(s):
		c.violated(value.path, "%sis a literal and by its name a secret", called(shown))
	case secretContent(s):
		c.violated(value.path, "%scontains a private key, an access token or a URL with a password", called(shown))
	}
}

func called(name string) string {
	if name == "" {
		return ""
	}
	return name + " "
}

// arguments notes secrets among the words of a command line: "--password=…", "--password …", "PASSWORD=… program".
func arguments(c *collector, words []field) {
	flag := ""
	for _, w := range words {
		s, st := w.text()
		if st != present || w.marked {
			literal(c, w, "", "")
			flag = ""
			continue
		}
		problem := secretContent(s) || secretName(flag) && !strings.HasPrefix(s, "-") && secretLooking(s)
		for _, m := range assignment.FindAllStringSubmatch(s, -1) {
			problem = problem || secretName(m[1]) && secretLooking(m[2])
		}
		if problem {
			c.violated(w.path, "contains a secret in the open")
		}
		flag = ""
		if option.MatchString(s) {
			flag = s
		}
	}
}

func checkConfigMapSecrets(o *object) []verdict {
	c := collector{on: o}
	at := o.root.get("data")
	entries, s := at.members()
	c.other(at, s)
	for _, e := range entries {
		literal(&c, e.field, e.key, "")
		content, s := e.text()
		if s != present || e.marked || !configFile(e.key) {
			continue
		}
		for _, m := range setting.FindAllStringSubmatch(content, -1) {
			if secretName(m[1]) && secretLooking(m[2]) {
				c.violated(e.path, "contains a setting that is a literal and by its name a secret")
				break
			}
		}
	}
	return c.verdicts
}

var (
	assignment = regexp.MustCompile(`(?:^|[\s;&])-{0,2}([A-Za-z_][A-Za-z0-9_.-]*)=("[^"]*"|'[^']*'|[^\s;&]*)`)
	option     = regexp.MustCompile(`^--?[A-Za-z][A-Za-z0-9_.-]*$`)
	setting    = regexp.MustCompile(
		`(?m)^[ \t]*"?([A-Za-z_][A-Za-z0-9_.-]*)"?[ \t]*[:=][ \t]*("[^"\n]*"|'[^'\n]*'|[^\s#]*)`)
	camel     = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	wordBreak = regexp.MustCompile(`[^A-Z0-9]+`)
	reference = regexp.MustCompile(`^(\$|%|<|\{\{|__)|^/[A-Za-z0-9._-]+/|^(file|vault|secretref|ref\+[a-z]+):`)
)

// configFile says whether a ConfigMap entry is a settings file by its name; in others, such as scripts, what looks like
// an assignment need not be one.
func configFile(key string) bool {
	return slices.Contains([]string{".env", ".properties", ".ini", ".cnf", ".conf", ".cfg", ".yaml", ".yml", ".toml"},
		strings.ToLower(path.Ext(key)))
}

var (
	privateKey  = regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`)
	amazonKey   = regexp.MustCompile(`\bAKIA[0-9A-Z]{16}\b`)
	gitHubToken = regexp.MustCompile(`\bgh[pousr]_[A-Za-z0-9]{36}`)
	gitLabToken = regexp.MustCompile(`\bglpat-[A-Za-z0-9_-]{20}`)
	slackToken  = regexp.MustCompile(`\bxox[abprs]-[A-Za-z0-9-]{10}`)
	passwordURL = regexp.MustCompile(`\b[a-z][a-z0-9+.-]{1,20}://[^/\s:@"'$]{1,100}:[^/\s:@"'$<{*][^/\s:@"']{0,200}@`)
)

// secretContent says whether a text contains a secret whatever it is called. Each pattern is only tried on texts that
// contain what it always contains, because texts may be large.
func secretContent(s string) bool {
	for _, p := range []struct {
		contains string
		pattern  *regexp.Regexp
	}{
		{"PRIVATE KEY-----", privateKey}, {"AKIA", amazonKey}, {"gh", gitHubToken}, {"glpat-", gitLabToken},
		{"xox", slackToken}, {"://", passwordURL},
	} {
		if strings.Contains(s, p.contains) && p.pattern.MatchString(s) {
			return true
		}
	}
	return false
}

// secretLooking says whether the value of something called a secret is one: not empty, a reference, a path or a switch.
func secretLooking(s string) bool {
	s = strings.Trim(strings.TrimSpace(s), `"'`)
	switch strings.ToLower(s) {
	case "", "true", "false", "yes", "no", "on", "off", "none", "null":
		return false
	}
	return !reference.MatchString(s)
}

// secretName says whether something is a secret by its name: DB_PASSWORD, apiKey, secret_key_base.
func secretName(name string) bool {
	words := slices.DeleteFunc(
		wordBreak.Split(strings.ToUpper(camel.ReplaceAllString(name, "${1}_${2}")), -1),
		func(w string) bool { return w == "" })
	if len(words) == 0 || slices.Contains(aboutSecrets(), words[len(words)-1]) {
		return false
	}
	for i, w := range words {
		for _, part := range []string{
			"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "APIKEY", "PRIVATEKEY", "CREDENTIAL",
		} {
			if strings.Contains(w, part) {
				return true
			}
		}
		switch {
		case strings.HasSuffix(w, "TOKEN"), w == "PWD" && i > 0:
			return true
		case w == "KEY" && i > 0 && slices.Contains(secretKeys(), words[i-1]):
			return true
		}
	}
	return false
}

// secretKeys are the words that make a KEY after them a secret.
func secretKeys() []string {
	return []string{"API", "PRIVATE", "ACCESS", "ENCRYPTION", "SIGNING", "AUTH", "MASTER", "ENCRYPTED"}
}

// aboutSecrets are the last words of names that say something about a secret without being one.
func aboutSecrets() []string {
	return []string{
		"FILE", "FILES", "PATH", "DIR", "NAME", "NAMES", "URL", "URI", "ENDPOINT", "HOST", "PORT", "TTL", "EXPIRY",
		"EXPIRES", "EXPIRATION", "LENGTH", "POLICY", "ENABLED", "DISABLED", "REQUIRED", "TYPE", "ALGORITHM", "LIFETIME",
		"LIFESPAN", "TIMEOUT", "VERSION", "ISSUER", "AUDIENCE", "REF", "ID", "COUNT", "MIN", "MAX", "SIZE", "ROTATION",
		"MODE", "METHOD", "HEADER", "FIELD", "PROVIDER", "STORE", "BACKEND", "NAMESPACE", "PREFIX",
	}
}
