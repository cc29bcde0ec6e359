package compose_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/tests/golden"
)

// TestTheTableOfKeys writes README.md of this folder from the rules, and the short table of the project's README.
func TestTheTableOfKeys(t *testing.T) {
	t.Parallel()
	golden.Equal(t, "README.md", table())

	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	assert.Contains(t, string(readme), summary(), "the table in README.md is not that of the rules")
}

// table is a line per key.
func table() string {
	var b strings.Builder
	b.WriteString(`# Compose files

<!-- Made from the rules by "go test ./components/compose -update"; don't edit. -->

What becomes of each key of a [Compose file](https://github.com/compose-spec/compose-spec) in an application, and from
there on Kubernetes. The usual outcome is given; ` + "`bin/compose explain FILE`" + ` says what becomes of those in a
file, and why. A key that is not in here is refused.

- **kept** means in the application what it means in Compose.
- **hardened** is carried over in a safer form.
- **moved** was a literal and became a secret.
- **ignored** has no effect, for the reason given.
- **refused** stops the conversion, and what to write instead is said.

`)
	for _, section := range []string{"file", "service", "deploy", "network", "volume", "config", "secret"} {
		fmt.Fprintf(&b, "## In a %s\n\n| key | outcome | |\n|---|---|---|\n", section)
		for _, k := range compose.Keys() {
			if k.Section == section {
				fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Name, k.Outcome, k.Meaning)
			}
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// summary is a line per outcome, of the keys of services.
func summary() string {
	var b strings.Builder
	b.WriteString("| in a service | keys |\n|---|---|\n")
	for _, outcome := range []compose.Outcome{
		compose.Kept, compose.Hardened, compose.Moved, compose.Ignored, compose.Refused,
	} {
		var names []string
		for _, k := range compose.Keys() {
			if k.Section == "service" && k.Outcome == outcome {
				names = append(names, "`"+k.Name+"`")
			}
		}
		fmt.Fprintf(&b, "| %s | %s |\n", outcome, strings.Join(names, " "))
	}
	return b.String()
}

func TestEveryKeyThatHasARuleIsInTheTable(t *testing.T) {
	t.Parallel()
	described := map[string]bool{}
	for _, k := range compose.Keys() {
		if k.Section == "service" {
			assert.NotEmpty(t, k.Meaning, k.Name)
		}
		if k.Section == "service" {
			assert.False(t, described[k.Name], "%s is there twice", k.Name)
			described[k.Name] = true
		}
	}
	assert.ElementsMatch(t, compose.ServiceKeys(), slices.Collect(maps.Keys(described)))
}
