package deployment

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/entrykit"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/policies/settings"
	"github.com/dekcd/dmcloud/stacks/environment"
)

// stackFolder is where stack files are, below the project's folder; paths in them start there.
const stackFolder = "stacks"

// The policy rules whose exceptions let a service run as the user of its image.
const (
	// ruleNonRoot is broken by a service that may be root.
	ruleNonRoot = "k8s-run-as-non-root"
	// ruleCapabilities is broken by one that starts as root and becomes somebody else.
	ruleCapabilities = "k8s-drop-all-caps"
)

// composeApplication makes the application that Compose files describe.
func composeApplication(
	ctx context.Context, root string, env environment.Environment, p environment.Platform,
) (application, error) {
	source := composeSource(root, env, p)
	loaded, err := compose.Load(ctx, source)
	if err != nil {
		locator := compose.Locate(source)
		var problems problem.List
		for _, found := range problemsOf(err) {
			problems = append(problems, inCompose(found, locator))
		}
		return application{}, problems.Err()
	}
	secrets, problems := secretValues(loaded, env, p)
	problems = append(problems, entrykit.Sizes(&loaded.App, sizes(p.Sizes))...)
	problems = append(problems, entrykit.Resources(&loaded.App, resources(p.Resources))...)
	if p.Version != "" {
		loaded.App.Version = p.Version
	}
	return application{model: loaded.App, secrets: secrets, note: verdictNote(p, loaded.Verdicts)}, problems.Err()
}

// verdictNote sums up for the reader of a preview what became of the files, and says where all of it is told.
func verdictNote(p environment.Platform, verdicts []compose.Verdict) string {
	counts := map[compose.Outcome]int{}
	for _, v := range verdicts {
		counts[v.Outcome]++
	}
	return fmt.Sprintf("%s: of what its Compose files say, %d is kept, %d hardened, %d moved into secrets, %d ignored; "+
		"bin/compose explain tells each.", p.Name, counts[compose.Kept], counts[compose.Hardened], counts[compose.Moved],
		counts[compose.Ignored])
}

// composeSource says where everything in the Compose files comes from.
func composeSource(root string, env environment.Environment, p environment.Platform) compose.Source {
	source := compose.Source{
		Name: p.Name, Profiles: p.Profiles, Expose: p.Expose, Open: p.Open, Protected: env.Protected, Adopt: true,
		Environment: map[string]string{}, Baseline: granted(env.Policy, p.Name, time.Now()),
	}
	for i, file := range p.Compose {
		if !filepath.IsAbs(file) {
			file = filepath.Join(root, stackFolder, file)
		}
		if i == 0 {
			// As Compose does: paths in all files start at the folder of the first.
			source.Dir = filepath.Dir(file)
		}
		if relative, err := filepath.Rel(source.Dir, file); err == nil {
			file = relative
		}
		source.Files = append(source.Files, compose.File{Path: file})
	}
	for name, value := range p.Variables {
		source.Environment[name] = value.Reveal()
	}
	return source
}

// inCompose says that a problem is in the Compose files and where, unless it is about what the stack file gives them.
func inCompose(p problem.Problem, locator compose.Locator) problem.Problem {
	for _, ours := range []string{"expose.", "open.", "variables."} {
		if strings.HasPrefix(p.Path, ours) {
			return p
		}
	}
	if position := locator.Position(p.Path); position != "" {
		p.Rule += " (" + position + ")"
	}
	if p.Path == "compose" {
		// The parser's word on all files. At the key itself it would stand for everything below and hide it.
		p.Path = "files"
	}
	p.Path = "compose." + p.Path
	return p
}

// secretValues are the values of all secrets that are not generated: those from the files, and those of external
// secrets from the stack file.
func secretValues(
	loaded compose.Loaded, env environment.Environment, p environment.Platform,
) (map[string]pulumi.StringInput, problem.List) {
	var problems problem.List
	values := map[string]pulumi.StringInput{}
	keep := func(name, value string) {
		values[name] = pulumi.ToSecret(pulumi.String(value)).(pulumi.StringOutput)
	}
	for name, value := range loaded.SecretValues {
		keep(name, value.Reveal())
	}
	for _, s := range loaded.App.Secrets {
		_, inFiles := loaded.SecretValues[s.Name]
		given, inStack := p.Secrets[s.Name]
		switch {
		case inStack && (inFiles || s.Generate != nil):
			problems.Addf("secrets."+s.Name, nil, "remove it", "the Compose files say where the value comes from")
		case inStack:
			keep(s.Name, given.Reveal())
		case !inFiles && s.Generate == nil:
			problems.Addf("secrets."+s.Name, nil, fmt.Sprintf(
				"pulumi config set --secret --path 'dmcloud:platforms[%d].secrets.%s' -s %s",
				slices.IndexFunc(env.Platforms, func(o environment.Platform) bool { return o.Name == p.Name }), s.Name, env.Stack),
				"is missing: the Compose files leave its value to the environment")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Secrets)) {
		if loaded.App.Secret(name) == nil {
			problems.Addf("secrets."+name, nil, "", "the Compose files use no such secret")
		}
	}
	return values, problems
}

// granted tells which services of a platform the stack's policy exceptions let run as the user of their image. The same
// exception lets the resource past the policy pack, which shows it in every preview.
func granted(policy settings.Settings, platform string, now time.Time) func(service string) *app.Baseline {
	return func(service string) *app.Baseline {
		var baseline *app.Baseline
		for _, e := range policy.Exceptions {
			if e.Expired(now) || !selects(e.Resource, platform, service) {
				continue
			}
			switch e.Rule {
			case ruleNonRoot:
				baseline = &app.Baseline{Reason: e.Reason, StepDown: baseline != nil && baseline.StepDown}
			case ruleCapabilities:
				if baseline == nil {
					baseline = &app.Baseline{}
				}
				baseline.StepDown = true
			}
		}
		if baseline == nil || baseline.Reason == "" {
			return nil // capabilities alone are of no use to a process that is not root
		}
		return baseline
	}
}

// selects tells whether the pattern of an exception is for the workload of a service.
func selects(pattern, namespace, service string) bool {
	for _, name := range []string{
		namespace + "/" + service, "Deployment/" + namespace + "/" + service,
		"StatefulSet/" + namespace + "/" + service, "Job/" + namespace + "/" + service,
	} {
		if ok, err := path.Match(pattern, name); err == nil && ok {
			return true
		}
	}
	return false
}
