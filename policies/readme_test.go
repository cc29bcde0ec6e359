package main_test

import (
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/policies/rules"
	"github.com/dekcd/dmcloud/policies/settings"
	"github.com/dekcd/dmcloud/tests/golden"
)

const readme = `# Security policy pack

<!-- Made from the table in rules/table.go by "go test ./policies -update"; don't edit. -->

The pack looks at every resource of every preview and update, whoever wrote it, and stops what violates a mandatory
rule before it reaches a cluster or a cloud. It works for any Pulumi program with Kubernetes or OpenStack resources.

` + "```" + `
go build -o bin/policies ./policies
pulumi preview --policy-pack "$PWD/bin/policies"
` + "```" + `

The engine runs the program itself (Pulumi 3.255 or later), when the path is that of the program.

- **Not known yet.** A value that a preview does not know can't violate a rule there; the update checks it again, and
  what it still does not know then counts as violated.
- **Secrets** are checked like everything else. No message contains a value of a resource.
- **Crashes.** A rule that crashes counts as violated and mandatory, whatever its level; a crash of the pack itself ends
  the preview or update.
- **Advice** is one line per finding. What repairs it stands below, under the name of the rule.

## Settings

` + "`dmcloud:policy`" + ` in the stack's configuration; anything wrong in it stops the pack with all problems listed.

` + "```yaml" + `
dmcloud:policy:
  exceptions: # shown in every preview and update; after its last day (UTC) the violation counts again
    - rule: k8s-read-only-rootfs
      resource: StatefulSet/seek/solr-* # or namespace/name; "-" for what has no namespace
      reason: Solr writes its configuration into its own folder
      owner: platform team
      expires: "2027-06-30"
  levels: # advisory rules only: mandatory, advisory or disabled
    k8s-read-only-rootfs: mandatory
` + "```" + `

A mandatory rule can't be lowered: the way around one is an exception, because that has a reason, an owner and an end.
Levels in a file for the engine (` + "`--policy-pack-config`" + `) are taken under the same condition.

## Rules

{{len .Rules}} rules: {{.Mandatory}} mandatory, {{.Advisory}} advisory.

| rule | level | what must hold |
|---|---|---|
{{- range .Rules}}
| [{{.ID}}](#{{.ID}}) | {{.Level}} | {{.Title}} |
{{- end}}
{{range .Rules}}
### {{.ID}}

**{{.Title}}.** {{.Level}}{{if eq .Scope "stack"}}, over the whole stack{{end}}

{{.Checks}}

Why: {{.Why}}

Looks at: {{join .Applies}}

` + "```yaml" + `
{{trim .Fix}}
` + "```" + `
{{with references .References}}
Also known as: {{.}}
{{end}}
{{- end}}`

func references(r rules.References) string {
	var parts []string
	for _, p := range []struct {
		name string
		ids  []string
	}{
		{"Pod Security", r.PodSecurity}, {"CIS", r.CIS}, {"NSA/CISA (Kubescape)", r.NSACISA}, {"kube-linter", r.KubeLinter},
		{"Checkov", r.Checkov}, {"Trivy", r.Trivy}, {"BSI", r.BSI},
	} {
		if len(p.ids) > 0 {
			parts = append(parts, p.name+" "+strings.Join(p.ids, ", "))
		}
	}
	return strings.Join(parts, " · ")
}

func TestREADMEAgreesWithTheTable(t *testing.T) {
	t.Parallel()
	data := struct {
		Rules               []rules.Rule
		Mandatory, Advisory int
	}{Rules: rules.Table()}
	for _, rule := range data.Rules {
		if rule.Level == settings.Mandatory {
			data.Mandatory++
		} else {
			data.Advisory++
		}
	}
	var text strings.Builder
	require.NoError(t, template.Must(template.New("README").Funcs(template.FuncMap{
		"join":       func(list []string) string { return "`" + strings.Join(list, "`, `") + "`" },
		"trim":       strings.TrimSpace,
		"references": references,
	}).Parse(readme)).Execute(&text, data))
	golden.Equal(t, "README.md", text.String())
}

func TestTableIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, rule := range rules.Table() {
		assert.Regexp(t, `^(k8s|os)(-[a-z0-9]+)+$`, rule.ID)
		assert.False(t, seen[rule.ID], rule.ID)
		seen[rule.ID] = true
		for name, text := range map[string]string{
			"title": rule.Title, "checks": rule.Checks, "why": rule.Why, "fix": rule.Fix,
		} {
			assert.NotEmpty(t, text, "%s: %s", rule.ID, name)
		}
		assert.NotContains(t, rule.Title, ".", rule.ID)
		assert.Contains(t, []settings.Level{settings.Mandatory, settings.Advisory}, rule.Level, rule.ID)
		assert.Contains(t, []rules.Scope{rules.ResourceScope, rules.StackScope}, rule.Scope, rule.ID)
		assert.NotEmpty(t, rule.Applies, rule.ID)
		assert.NotEmpty(t, rule.References.BSI, rule.ID)
		assert.NotEmpty(t, append(rule.References.Checkov, rule.References.Trivy...), rule.ID)
	}
	assert.Len(t, seen, 19)
}
