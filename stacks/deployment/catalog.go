package deployment

import (
	"context"
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/seek"
	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/stacks/environment"
)

// load decodes the stack file and makes its applications. All problems of all platforms come in one error.
func load(
	ctx *pulumi.Context, p Program, deployed map[string]string,
) (environment.Environment, []application, error) {
	made := map[string]application{}
	env, err := environment.Load(environment.Source{
		Stack: ctx.Stack(), Config: p.Config, SecretKeys: p.SecretKeys,
		Catalog: map[string]environment.Check{
			"seek": func(env environment.Environment, platform environment.Platform) problem.List {
				problems := upgradeProblems(deployed[platform.Name], platform.Version, seek.CheckUpgrade)
				a, err := seekApplication(ctx.Context(), env, platform)
				made[platform.Name] = a
				return append(problems, problemsOf(err)...)
			},
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
	secrets := map[string]pulumi.StringInput{}
	if m := p.Mail; m != nil {
		options.Mail = &seek.Mail{Host: m.Host, Port: m.Port, From: m.From, User: m.User, Networks: m.Networks}
		if m.User != "" {
			secrets[seek.MailPassword] = pulumi.ToSecret(pulumi.String(m.Password.Reveal())).(pulumi.StringOutput)
		}
	}
	model, err := seek.New(ctx, options)
	if err != nil {
		return application{}, fmt.Errorf("platform %s: %w", p.Name, err)
	}
	return application{
		model: model, secrets: secrets, login: p.Administrator.Login, passwordSecret: seek.AdministratorPassword,
	}, nil
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
