package rules_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/policies/rules"
)

// TestVerdictsOnThePodSecurityFixtures runs the fixtures that Kubernetes tests Pod Security admission with. They and
// the rules share their evaluator, so this proves how the rules feed it and name fields, not the evaluator itself.
func TestVerdictsOnThePodSecurityFixtures(t *testing.T) {
	t.Parallel()
	output, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/pod-security-admission").Output()
	require.NoError(t, err)
	const version = "v1.37"
	byCheck := map[string]string{}
	for _, rule := range rules.Table() {
		for _, check := range rule.References.PodSecurity {
			byCheck[strings.ToLower(check)] = rule.ID
		}
	}
	digits := regexp.MustCompile(`\d+$`)
	passed, failed := 0, map[string]int{}
	for _, level := range []string{"baseline", "restricted"} {
		for _, verdict := range []string{"pass", "fail"} {
			files, err := filepath.Glob(filepath.Join(
				strings.TrimSpace(string(output)), "test", "testdata", level, version, verdict, "*.yaml"))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, file := range files {
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				findings := rules.Check(rules.Resource{Type: "kubernetes:core/v1:Pod", Properties: parse(string(text))})
				name := level + "/" + strings.TrimSuffix(filepath.Base(file), ".yaml")
				check := digits.ReplaceAllString(strings.TrimSuffix(filepath.Base(file), ".yaml"), "")
				rule, known := byCheck[check]
				found := of(rule, findings)
				switch {
				case verdict == "pass" && level == "restricted":
					passed++
					for _, id := range byCheck {
						assert.Empty(t, of(id, findings), name)
					}
				case verdict == "fail" && known:
					failed[rule]++
					assert.NotEmpty(t, found, name)
					for _, f := range found {
						assert.Positive(t, strings.Count(f, "."), "%s: no field named: %s", name, f)
					}
				}
			}
		}
	}
	assert.Greater(t, passed, 10)
	for _, rule := range byCheck {
		assert.Positive(t, failed[rule], rule)
	}
}
