package deployment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/ckan"
	"github.com/dekcd/dmcloud/components/catalog/entrykit"
	"github.com/dekcd/dmcloud/components/catalog/omero"
	"github.com/dekcd/dmcloud/components/catalog/seek"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/stacks/environment"
)

// load decodes the stack file and makes its applications. All problems of all platforms come in one error.
func load(
	ctx *pulumi.Context, p Program, deployed map[string]string,
) (environment.Environment, []application, error) {
	made := map[string]application{}
	// keep notes an application, after everything that only its target can find wrong.
	keep := func(env environment.Environment, platform environment.Platform, a application, err error) problem.List {
		if err == nil {
			_, err = manifest.Render(a.model, clusterOf(env))
		}
		made[platform.Name] = a
		return problemsOf(err)
	}
	env, err := environment.Load(environment.Source{
		Stack: ctx.Stack(), Config: p.Config, SecretKeys: p.SecretKeys,
		Catalog: catalog(ctx.Context(), deployed, keep),
		Compose: func(env environment.Environment, platform environment.Platform) problem.List {
			a, err := composeApplication(ctx.Context(), p.Root, env, platform)
			return keep(env, platform, a, err)
		},
	})
	if err != nil {
		return env, nil, err
	}
	apps := make([]application, 0, len(env.Platforms))
	for _, platform := range env.Platforms {
		apps = append(apps, made[platform.Name])
	}
	return env, apps, nil
}

// keeper notes an application that was made for a platform, or why none could be, and says what is wrong with it.
type keeper func(environment.Environment, environment.Platform, application, error) problem.List

// entry is an entry of the catalogue.
type entry struct {
	// upgrade says why one version can't become another.
	upgrade func(from, to string) error
	// make makes the application as the stack file wants it.
	make func(context.Context, environment.Environment, environment.Platform) (application, error)
	// plugins, expose and open tell which of these keys of a platform the entry knows.
	plugins      bool
	expose, open []string
	// parts is true when search and virtuoso are parts of the platform that can be chosen.
	parts bool
}

func entries() map[string]entry {
	return map[string]entry{
		"seek": {upgrade: seek.CheckUpgrade, make: seekApplication, parts: true},
		"ckan": {upgrade: ckan.CheckUpgrade, make: ckanApplication, plugins: true},
		"omero": {
			upgrade: omero.CheckUpgrade, make: omeroApplication,
			expose: []string{omeroWebSocket}, open: []string{omeroClients},
		},
	}
}

// catalog has the judgement of every entry.
func catalog(ctx context.Context, deployed map[string]string, keep keeper) map[string]environment.Check {
	checks := map[string]environment.Check{}
	for name, e := range entries() {
		checks[name] = func(env environment.Environment, p environment.Platform) problem.List {
			problems := upgradeProblems(deployed[p.Name], p.Version, e.upgrade)
			problems = append(problems, e.foreign(p)...)
			a, err := e.make(ctx, env, p)
			return append(problems, keep(env, p, a, err)...)
		}
	}
	return checks
}

// foreign reports keys that the entry has no use for.
func (e entry) foreign(p environment.Platform) problem.List {
	var problems problem.List
	refuse := func(path string) { problems.Addf(path, nil, "remove it", "%s has no such choice", p.Catalog) }
	if p.Plugins != nil && !e.plugins {
		refuse("plugins")
	}
	if !p.Search && !e.parts {
		refuse("search")
	}
	if p.Virtuoso && !e.parts {
		refuse("virtuoso")
	}
	for _, key := range slices.Sorted(maps.Keys(p.Expose)) {
		if !slices.Contains(e.expose, key) {
			refuse("expose." + key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.Open)) {
		if !slices.Contains(e.open, key) {
			refuse("open." + key)
		}
	}
	return problems
}

// upgradeProblems says why the version can't follow the deployed one.
func upgradeProblems(deployed, version string, check func(from, to string) error) problem.List {
	if deployed == "" || deployed == version {
		return nil
	}
	return problemsOf(check(deployed, version))
}

// problemsOf takes an error apart into the problems it lists.
func problemsOf(err error) problem.List {
	var listed *problem.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &listed):
		return listed.Problems
	default:
		return problem.List{{Rule: err.Error()}}
	}
}

// seekApplication makes SEEK as the stack file wants it.
func seekApplication(
	ctx context.Context, env environment.Environment, p environment.Platform,
) (application, error) {
	options := seek.Options{
		Name: p.Name, Version: p.Version, Image: p.Image, Host: p.Host, Title: p.Title, Replicas: p.Replicas,
		SharedStorage: env.Storage.Shared != "", Administrator: seek.Administrator(p.Administrator),
		Search: &p.Search, Virtuoso: p.Virtuoso, Sizes: sizes(p.Sizes), Resources: resources(p.Resources),
	}
	mail, secrets := mailOf(p, seek.MailPassword)
	options.Mail = mail
	model, err := seek.New(ctx, options)
	if err != nil {
		return application{}, fmt.Errorf("platform %s: %w", p.Name, err)
	}
	return application{
		model: model, secrets: secrets, login: p.Administrator.Login, passwordSecret: seek.AdministratorPassword,
	}, nil
}

// ckanApplication makes CKAN as the stack file wants it.
func ckanApplication(
	ctx context.Context, env environment.Environment, p environment.Platform,
) (application, error) {
	mail, secrets := mailOf(p, ckan.MailPassword)
	model, err := ckan.New(ctx, ckan.Options{
		Name: p.Name, Version: p.Version, Image: p.Image, Plugins: p.Plugins, Host: p.Host, Title: p.Title,
		Replicas: p.Replicas, SharedStorage: env.Storage.Shared != "", Mail: mail,
		Administrator: ckan.Administrator{
			Login: p.Administrator.Login, Email: p.Administrator.Email, FullName: fullName(p.Administrator),
		},
		Sizes: sizes(p.Sizes), Resources: resources(p.Resources),
	})
	if err != nil {
		return application{}, fmt.Errorf("platform %s: %w", p.Name, err)
	}
	return application{
		model: model, secrets: secrets, login: p.Administrator.Login, passwordSecret: ckan.AdministratorPassword,
	}, nil
}

// The ways in for OMERO's own clients, beside the browser.
const (
	omeroWebSocket = "websocket"
	omeroClients   = "server:4064"
)

// omeroApplication makes OMERO as the stack file wants it.
func omeroApplication(
	ctx context.Context, _ environment.Environment, p environment.Platform,
) (application, error) {
	mail, secrets := mailOf(p, omero.MailPassword)
	model, err := omero.New(ctx, omero.Options{
		Name: p.Name, Version: p.Version, Image: p.Image, Host: p.Host, Title: p.Title, Replicas: p.Replicas, Mail: mail,
		WebSocketHost: p.Expose[omeroWebSocket], ClientNetworks: p.Open[omeroClients],
		Administrator: omero.Administrator{Email: p.Administrator.Email, FullName: fullName(p.Administrator)},
		Sizes:         sizes(p.Sizes), Resources: resources(p.Resources),
	})
	if err != nil {
		return application{}, fmt.Errorf("platform %s: %w", p.Name, err)
	}
	return application{
		model: model, secrets: secrets, login: omero.AdministratorLogin, passwordSecret: omero.AdministratorPassword,
	}, nil
}

func fullName(a environment.Administrator) string {
	return strings.TrimSpace(a.FirstName + " " + a.LastName)
}

// mailOf is the platform's mail server, and the password for it under the name the catalogue has for it.
func mailOf(p environment.Platform, password string) (*entrykit.Mail, map[string]pulumi.StringInput) {
	secrets := map[string]pulumi.StringInput{}
	m := p.Mail
	if m == nil {
		return nil, secrets
	}
	if m.User != "" {
		secrets[password] = pulumi.ToSecret(pulumi.String(m.Password.Reveal())).(pulumi.StringOutput)
	}
	return &entrykit.Mail{Host: m.Host, Port: m.Port, From: m.From, User: m.User, Networks: m.Networks}, secrets
}

func sizes(given map[string]environment.Quantity) map[string]int64 {
	bytes := make(map[string]int64, len(given))
	for volume, size := range given {
		bytes[volume] = size.Value()
	}
	return bytes
}

func resources(given map[string]environment.Resources) map[string]app.Resources {
	all := make(map[string]app.Resources, len(given))
	for service, r := range given {
		all[service] = app.Resources{
			CPURequest: r.CPU.Request.MilliValue(), CPULimit: r.CPU.Limit.MilliValue(),
			MemoryRequest: r.Memory.Request.Value(), MemoryLimit: r.Memory.Limit.Value(),
		}
	}
	return all
}
