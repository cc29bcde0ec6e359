package environment

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/dekcd/dmcloud/components/problem"
)

const (
	// namespace is what the keys of the stack file begin with: the name of the Pulumi project.
	namespace = "dmcloud:"
	// DefaultPodSecurityVersion is the newest Kubernetes minor dmcloud is tested on.
	DefaultPodSecurityVersion = "v1.37"
	// DefaultMailPort is the port of message submission, https://www.rfc-editor.org/rfc/rfc6409.
	DefaultMailPort = 587
)

// Source is what an environment is made from.
type Source struct {
	// Stack is the name of the Pulumi stack.
	Stack string
	// Config are the stack's configuration values by full key, as Pulumi hands them to a program (pulumi.RunInfo.Config):
	// structured values are JSON text, others plain text. Keys outside the namespace "dmcloud" are left alone.
	Config map[string]string
	// SecretKeys are the full keys that hold a secret, if only deep inside (pulumi.RunInfo.ConfigSecretKeys). Values below
	// them never appear in problems.
	SecretKeys []string
	// Catalog are the known catalogue entries by name.
	Catalog map[string]Check
	// Compose judges platforms that are described by Compose files.
	Compose Check
}

// Check is a catalogue entry's own judgement of a platform: what is wrong with it, the paths relative to the platform.
// It is asked about every platform of the entry, even one that has other faults; the same path is never reported twice.
type Check func(Environment, Platform) problem.List

// Load decodes, completes and validates an environment. The error is a [problem.Error] with everything that is wrong,
// each path as one writes it in the stack file below "dmcloud:"; it never holds a secret.
func Load(source Source) (Environment, error) {
	env := Environment{Stack: source.Stack}
	document, problems := read(source.Config)
	setDefaults(document)
	for _, p := range problem.Decode(document, &env) {
		problems = append(problems, explain(p))
	}

	v := validator{source: source, known: problems}
	v.environment(env)
	problems = append(problems, v.found...)

	for i, p := range problems {
		key, _, _ := strings.Cut(p.Path, ".")
		key, _, _ = strings.Cut(key, "[")
		if slices.Contains(source.SecretKeys, namespace+key) {
			problems[i].Value = ""
		}
	}
	slices.SortStableFunc(problems, func(a, b problem.Problem) int { return strings.Compare(a.Path, b.Path) })
	if err := problems.Err(); err != nil {
		return Environment{}, fmt.Errorf("stack %s: %w", source.Stack, err)
	}
	return env, nil
}

// read makes one document of the configuration values.
func read(config map[string]string) (map[string]any, problem.List) {
	var problems problem.List
	document := map[string]any{}
	for _, full := range slices.Sorted(maps.Keys(config)) {
		key, ours := strings.CutPrefix(full, namespace)
		if !ours {
			continue
		}
		document[key] = tidy(key, parse(config[full]), &problems)
	}
	return document, problems
}

// parse reads structured values and booleans; anything else stays text, for the decoder to judge.
func parse(text string) any {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return text
	}
	if _, err := decoder.Token(); err != io.EOF {
		return text
	}
	return value
}

// quantities are the places where a bare number is as good as text: "cpu: {limit: 2}".
var quantities = regexp.MustCompile(
	`^platforms\[\d+]\.(sizes\.[^.]+|resources\.[^.]+\.(cpu|memory)\.(request|limit))$`)

// tidy makes text of the numbers that are quantities and reports keys without a value, which the decoder would read as
// false, 0 or "".
func tidy(path string, value any, problems *problem.List) any {
	switch v := value.(type) {
	case nil:
		problems.Addf(path, nil, "write one or remove the key", "has no value")
	case json.Number:
		if quantities.MatchString(path) {
			return v.String()
		}
	case map[string]any:
		for key, inner := range v {
			v[key] = tidy(path+"."+key, inner, problems)
		}
	case []any:
		for i, inner := range v {
			v[i] = tidy(fmt.Sprintf("%s[%d]", path, i), inner, problems)
		}
	}
	return value
}

// setDefaults fills in what a stack file may leave out. What is of another type than expected is left to the decoder.
func setDefaults(document map[string]any) {
	setDefault(document, "protected", true)
	if cluster, ok := document["cluster"].(map[string]any); ok {
		setDefault(cluster, "podSecurityVersion", DefaultPodSecurityVersion)
	}
	if entry, ok := document["entry"].(map[string]any); ok {
		setDefault(entry, "controller", "other")
	}
	platforms, _ := document["platforms"].([]any)
	for _, p := range platforms {
		platform, ok := p.(map[string]any)
		if !ok {
			continue
		}
		if _, own := platform["compose"]; own {
			// One file need not be a list.
			if file, ok := platform["compose"].(string); ok {
				platform["compose"] = []any{file}
			}
			continue
		}
		setDefault(platform, "replicas", 1)
		setDefault(platform, "search", true)
		if name, ok := platform["name"].(string); ok {
			setDefault(platform, "title", name)
		}
		if mail, ok := platform["mail"].(map[string]any); ok {
			setDefault(mail, "port", DefaultMailPort)
		}
	}
}

func setDefault(mapping map[string]any, key string, value any) {
	if _, ok := mapping[key]; !ok {
		mapping[key] = value
	}
}

// mapKey is how the decoder writes an entry of a free mapping: "sizes[filestore]".
var mapKey = regexp.MustCompile(`\[([^]]*[^]0-9][^]]*)]`)

// explain words a problem of the decoder for the author of a stack file.
func explain(p problem.Problem) problem.Problem {
	p.Path = mapKey.ReplaceAllString(p.Path, ".$1")
	// YAML takes 1.18 for a number and yes for a boolean.
	switch p.Rule {
	case "must be text, is a whole number", "must be text, is a number", "must be text, is true or false":
		p.Fix = "put it in quotes"
	}
	return p
}
