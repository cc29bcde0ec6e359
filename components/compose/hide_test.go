package compose_test

import (
	"maps"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/internal/kubelet"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
)

// found is a source of a file that was not written for dmcloud, with an image that has a user.
func found(keys string) compose.Source {
	source := embedded(strings.Replace(service(keys), "image: archive:1.2.3", "image: archive:1.2.3\n    user: "+
		"'1000:1000'", 1))
	source.Adopt = true
	return source
}

// adopted is the service web of such a file.
func adopted(t *testing.T, keys string) (app.Service, compose.Loaded) {
	t.Helper()
	loaded := load(t, found(keys))
	nowhere(t, loaded)
	return *loaded.App.Service("web"), loaded
}

// values are the values of secrets, by name.
func values(loaded compose.Loaded) map[string]string {
	out := map[string]string{}
	for name, value := range loaded.SecretValues {
		out[name] = value.Reveal()
	}
	return out
}

func TestSecretsInCommandsAreHandedOverByVariables(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		keys    string
		args    []string
		env     []app.EnvVar
		secrets map[string]string
	}{
		"an option whose value is the next word": {
			"command: [serve, --requirepass, CANARY-a, --port, '1']",
			[]string{"serve", "--requirepass", "$(REQUIREPASS)", "--port", "1"},
			[]app.EnvVar{{Name: "REQUIREPASS", Secret: "requirepass"}}, map[string]string{"requirepass": "CANARY-a"},
		},
		"an option with its value in one word": {
			"command: [serve, --db-password=CANARY-a]", []string{"serve", "--db-password=$(DB_PASSWORD)"},
			[]app.EnvVar{{Name: "DB_PASSWORD", Secret: "db-password"}}, map[string]string{"db-password": "CANARY-a"},
		},
		"a property": {
			"command: [java, -Dapp.api-key=CANARY-a]", []string{"java", "-Dapp.api-key=$(DAPP_API_KEY)"},
			[]app.EnvVar{{Name: "DAPP_API_KEY", Secret: "dapp-api-key"}}, map[string]string{"dapp-api-key": "CANARY-a"},
		},
		"an address with a password": {
			"command: [serve, 'redis://u:CANARY-a@db/0']", []string{"serve", "$(ARGUMENT)"},
			[]app.EnvVar{{Name: "ARGUMENT", Secret: "argument"}}, map[string]string{"argument": "redis://u:CANARY-a@db/0"},
		},
		"a value that a variable holds": {
			"command: [serve, 'key:CANARY-a:1', --key, CANARY-a]\nenvironment: {THE_PASSWORD: CANARY-a}",
			[]string{"serve", "key:$(THE_PASSWORD):1", "--key", "$(THE_PASSWORD)"},
			[]app.EnvVar{{Name: "THE_PASSWORD", Secret: "the-password"}}, map[string]string{"the-password": "CANARY-a"},
		},
		"a value glued to an option": {
			"command: [mysql, -pCANARY-a]\nenvironment: {THE_PASSWORD: CANARY-a}", []string{"mysql", "-p$(THE_PASSWORD)"},
			[]app.EnvVar{{Name: "THE_PASSWORD", Secret: "the-password"}}, map[string]string{"the-password": "CANARY-a"},
		},
		"two values of one option": {
			"command: [serve, --password=CANARY-a, --password=CANARY-b]",
			[]string{"serve", "--password=$(PASSWORD)", "--password=$(PASSWORD_2)"},
			[]app.EnvVar{{Name: "PASSWORD", Secret: "password"}, {Name: "PASSWORD_2", Secret: "password-2"}},
			map[string]string{"password": "CANARY-a", "password-2": "CANARY-b"},
		},
		"a script": {
			"command: [sh, -c, \"serve --password 'CANARY-a' --token=CANARY-b --port 1\"]",
			[]string{"sh", "-c", "serve --password '$(PASSWORD)' --token=$(TOKEN) --port 1"},
			[]app.EnvVar{{Name: "PASSWORD", Secret: "password"}, {Name: "TOKEN", Secret: "token"}},
			map[string]string{"password": "CANARY-a", "token": "CANARY-b"},
		},
		"a script that sets variables": {
			"command: [sh, -c, 'PGPASSWORD=CANARY-a psql && run -e API_TOKEN=\"CANARY-b\"']",
			[]string{"sh", "-c", "PGPASSWORD=$(PGPASSWORD) psql && run -e API_TOKEN=\"$(API_TOKEN)\""},
			[]app.EnvVar{{Name: "API_TOKEN", Secret: "api-token"}, {Name: "PGPASSWORD", Secret: "pgpassword"}},
			map[string]string{"pgpassword": "CANARY-a", "api-token": "CANARY-b"},
		},
		"a script with an address": {
			"command: [sh, -c, 'psql postgres://u:CANARY-a@db/x; true']", []string{"sh", "-c", "psql $(ARGUMENT); true"},
			[]app.EnvVar{{Name: "ARGUMENT", Secret: "argument"}}, map[string]string{"argument": "postgres://u:CANARY-a@db/x"},
		},
		"a script whose secrets are short and like its words": {
			"command: [sh, -c, 'printf a; serve --password a --token a']",
			[]string{"sh", "-c", "printf a; serve --password $(PASSWORD) --token $(PASSWORD)"},
			[]app.EnvVar{{Name: "PASSWORD", Secret: "password"}}, map[string]string{"password": "a"},
		},
		"nothing in a script that reads the variable itself": {
			"command: [sh, -c, 'serve --password=$$PASSWORD --token \"$$(cat /token)\"']",
			[]string{"sh", "-c", `serve --password=$PASSWORD --token "$(cat /token)"`}, nil, map[string]string{},
		},
		"nothing where the option says where the secret is": {
			"command: [serve, --password-file, /run/secrets/key, --token=/run/token, --secret-name, x]",
			[]string{"serve", "--password-file", "/run/secrets/key", "--token=/run/token", "--secret-name", "x"}, nil,
			map[string]string{},
		},
		"nothing in the middle of a word": {
			"command: [serve, 'xadmin', 'admin1', admins]\nenvironment: {THE_PASSWORD: admin}",
			[]string{"serve", "xadmin", "admin1", "admins"}, []app.EnvVar{{Name: "THE_PASSWORD", Secret: "the-password"}},
			map[string]string{"the-password": "admin"},
		},
		"nothing that is as short as an ordinary word": {
			"command: [serve, root]\nenvironment: {THE_PASSWORD: root}", []string{"serve", "root"},
			[]app.EnvVar{{Name: "THE_PASSWORD", Secret: "the-password"}}, map[string]string{"the-password": "root"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, loaded := adopted(t, c.keys)
			assert.Equal(t, c.args, s.Args)
			assert.Equal(t, c.env, s.Env)
			assert.Equal(t, c.secrets, values(loaded))
		})
	}
}

func TestASecretOfTwoServicesIsOneSecret(t *testing.T) {
	t.Parallel()
	source := embedded(`
services:
  cache: {image: 'redis:7.4.2', command: [redis-server, --requirepass, CANARY-a]}
  web: {image: 'a:1', user: '1:1', environment: {CACHE_PASSWORD: CANARY-a}}
  worker: {image: 'a:1', user: '1:1', command: [work, --with, CANARY-a]}
  other: {image: 'a:1', user: '1:1', command: [work, --requirepass, CANARY-b]}
`)
	source.Adopt = true
	loaded := load(t, source)
	nowhere(t, loaded)
	a := loaded.App
	assert.Equal(t, map[string]string{"cache-password": "CANARY-a", "requirepass": "CANARY-b"}, values(loaded))
	assert.Equal(t, []string{"redis-server", "--requirepass", "$(REQUIREPASS)"}, a.Service("cache").Args)
	assert.Equal(t, []app.EnvVar{{Name: "REQUIREPASS", Secret: "cache-password"}}, a.Service("cache").Env)
	assert.Equal(t, []app.EnvVar{{Name: "CACHE_PASSWORD", Secret: "cache-password"}}, a.Service("web").Env)
	assert.Equal(t, []string{"work", "--with", "$(ARGUMENT)"}, a.Service("worker").Args)
	assert.Equal(t, []app.EnvVar{{Name: "ARGUMENT", Secret: "cache-password"}}, a.Service("worker").Env)
}

func TestVariablesOfInitContainersAreTheirOwn(t *testing.T) {
	t.Parallel()
	s, _ := adopted(t, "command: [serve, CANARY-a]\n"+
		"x-dmcloud: {init: [{name: prepare, environment: {SOME_PASSWORD: CANARY-a}}]}")
	assert.Equal(t, []string{"serve", "$(ARGUMENT)"}, s.Args)
	assert.Equal(t, []app.EnvVar{{Name: "ARGUMENT", Secret: "some-password"}}, s.Env)
}

func TestKubernetesStartsWhatDockerWould(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		command string
		want    []string
		// written is the last argument as Kubernetes gets it.
		written string
	}{
		"a secret":            {"[--password, CANARY-a]", []string{"--password", "CANARY-a"}, "$(PASSWORD)"},
		"a substitution":      {"[sh, -c, 'echo $$(date)']", []string{"sh", "-c", "echo $(date)"}, "echo $$(date)"},
		"two dollars":         {"['$$$$']", []string{"$$"}, "$$$"},
		"dollars before it":   {"['$$$$(date)']", []string{"$$(date)"}, "$$$$(date)"},
		"a dollar at the end": {"['a$$']", []string{"a$"}, "a$"},
		"a shell variable":    {"['$$HOME $${HOME}']", []string{"$HOME ${HOME}"}, "$HOME ${HOME}"},
		"a variable of ours": {
			"[--password, CANARY-a, '$$(OTHER)']", []string{"--password", "CANARY-a", "$(OTHER)"}, "$$(OTHER)",
		},
		"a dollar before ours": {
			"[--password, CANARY-a, 'x$$CANARY-a']", []string{"--password", "CANARY-a", "x$CANARY-a"}, "x$$$(PASSWORD)",
		},
		"both in one word": {
			"[sh, -c, 'serve --password CANARY-a --at $$(date)']", []string{
				"sh", "-c", "serve --password CANARY-a --at $(date)",
			},
			"serve --password $(PASSWORD) --at $$(date)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := embedded("services: {web: {image: 'a:1', user: '1:1', command: " + c.command + "}}")
			source.Adopt = true
			loaded := load(t, source)
			m, err := manifest.Render(loaded.App, manifest.Cluster{PodSecurityVersion: "v1.37"})
			require.NoError(t, err)
			var container *corev1.Container
			for _, o := range m.Objects {
				if d, ok := any(o.Value).(*appsv1.Deployment); ok {
					container = &d.Spec.Template.Spec.Containers[0]
				}
			}
			require.NotNil(t, container)
			variables := map[string]string{}
			for _, e := range container.Env {
				variables[e.Name] = loaded.SecretValues[e.ValueFrom.SecretKeyRef.Name].Reveal()
			}
			var got []string
			for _, word := range container.Args {
				assert.NotContains(t, word, "CANARY")
				got = append(got, kubelet.Expand(word, variables))
			}
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.written, container.Args[len(container.Args)-1])
		})
	}
}

// output runs a command with variables and gives what it prints.
func output(t *testing.T, words []string, variables map[string]string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/home"}
	for name, value := range variables {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%q: %s", words, out)
	return string(out)
}

func TestAHealthCheckKeepsItsWordsWithoutItsSecret(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]string{
		"a word":                     `[CMD, printf, '<%s>', ping, CANARY-a]`,
		"glued to an option":         `[CMD, printf, '<%s>', -uroot, -pCANARY-a]`,
		"after an equals sign":       `[CMD, printf, '<%s>', --password=CANARY-a]`,
		"beside what shells expand":  `[CMD, printf, '<%s>', CANARY-a, '$$HOME', '*', 'a  b', '~', '', '\n', "$$(date)"]`,
		"in a word with quotes":      `[CMD, printf, '<%s>', "it's CANARY-a, isn't it", "say \"CANARY-a\""]`,
		"in a word with backslashes": `[CMD, printf, '<%s>', "a\\ 'CANARY-a' \\", "\\'CANARY-a"]`,
		"twice":                      `[CMD, printf, '<%s>', CANARY-a, "CANARY-a:CANARY-a"]`,
		"in a shell of its own":      `[CMD, sh, -c, "printf '<%s>' -pCANARY-a 'CANARY-a'"]`,
		"in a shell with arguments":  `[CMD, sh, -c, "printf '<%s>' $$0 'CANARY-a' \"$$1\"", "a b", "CANARY-a"]`,
		"in shell":                   `[CMD-SHELL, "printf '<%s>' -pCANARY-a --password=CANARY-a"]`,
		"in single quotes":           `[CMD-SHELL, "printf '<%s>' 'say CANARY-a'"]`,
		"in double quotes":           `[CMD-SHELL, "printf '<%s>' \"$$HOME CANARY-a\""]`,
		"in both kinds of quotes":    `[CMD-SHELL, "printf '<%s>' \"it's CANARY-a\" 'say \"CANARY-a\"'"]`,
		"behind an escaped quote": `[CMD-SHELL, "printf '<%s>' it\\'s CANARY-a \\\"CANARY-a\\\" ` +
			`\"a\\\"CANARY-a\\\"b\""]`,
		"behind a backslash in quotes": `[CMD-SHELL, "printf '<%s>' '\\' CANARY-a '\\\\'"]`,
		"in a pipe":                    `[CMD-SHELL, "printf '<%s>' CANARY-a | cat || exit 1"]`,
		"with a substitution":          `[CMD-SHELL, "printf '<%s>' \"$$(printf CANARY-a)\""]`,
		"of another service":           `[CMD, printf, '<%s>', CANARY-other]`,
		"of an option only":            `[CMD, printf, '<%s>', --auth-token, CANARY-only, CANARY-only]`,
		"in an address":                `[CMD, printf, '<%s>', 'postgres://u:CANARY-url@db/x', -q]`,
		"in an address in shell":       `[CMD-SHELL, "printf '<%s>' \"postgres://u:CANARY-url@db/x\" -q"]`,
		"of a variable that is set":    `[CMD-SHELL, "PGPASSWORD=CANARY-set && printf '<%s>' x $$PGPASSWORD"]`,
		"however short":                `[CMD, printf, '<%s>', --auth-token=xy, xy, xyz]`,
		"with blanks":                  `[CMD, printf, '<%s>', 'CANARY b  c', "-pCANARY b  c"]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := found("environment: {THE_PASSWORD: CANARY-a, OTHER_PASSWORD: 'CANARY b  c'}\n" +
				"healthcheck: {test: " + test + "}")
			source.Files = append(source.Files, compose.File{Path: "1.yaml", Content: []byte(
				"services: {other: {image: 'a:1', user: '1:1', environment: {API_TOKEN: CANARY-other}}}")})
			loaded := load(t, source)
			nowhere(t, loaded)
			s := loaded.App.Service("web")

			// As it is in the file, read without any help.
			plain := embedded("services: {web: {image: 'a:1', healthcheck: {test: " + test + "}}}")
			plain.Written = true
			asWritten := load(t, plain)
			want := output(t, asWritten.App.Service("web").Health.Exec, nil)

			variables := map[string]string{}
			for _, e := range s.Env {
				variables[e.Name] = loaded.SecretValues[e.Secret].Reveal()
				assert.NotContains(t, strings.Join(s.Health.Exec, "\n"), "--auth-token="+variables[e.Name])
			}
			require.Len(t, s.Health.Exec, 3)
			assert.Equal(t, "-c", s.Health.Exec[1])
			assert.Equal(t, want, output(t, s.Health.Exec, variables), "%q", s.Health.Exec)
		})
	}
}

func TestAHealthCheckWithoutSecretStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		test string
		want []string
	}{
		"words":   {"[CMD, pg_isready, -U, seek]", []string{"pg_isready", "-U", "seek"}},
		"a shell": {"'mysqladmin ping -p$$MYSQL_PASSWORD'", []string{"/bin/sh", "-c", "mysqladmin ping -p$MYSQL_PASSWORD"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := adopted(t, "environment: {THE_PASSWORD: CANARY-a}\nhealthcheck: {test: "+c.test+"}")
			assert.Equal(t, c.want, s.Health.Exec)
		})
	}
}

func TestAProgramInAHealthCheckIsNoShell(t *testing.T) {
	t.Parallel()
	s, _ := adopted(t, "environment: {THE_PASSWORD: CANARY-a}\n"+
		`healthcheck: {test: [CMD, python, -c, "import db; db.ping('CANARY-a')"]}`)
	assert.Equal(
		t, []string{"/bin/sh", "-c", `python -c 'import db; db.ping('\'''"${THE_PASSWORD}"''\'')'`}, s.Health.Exec,
	)
}

func TestPublishedPasswordsAreRefusedWhereItMatters(t *testing.T) {
	t.Parallel()
	for keys, path := range map[string]string{
		"environment: {THE_PASSWORD: changeme}":                     "services.web.environment.THE_PASSWORD: is a published",
		"command: [serve, --password, changeme]":                    "services.web.command: holds a published",
		"command: [sh, -c, 'serve --password=changeme']":            "services.web.command: holds a published",
		"entrypoint: [serve, --password=changeme]":                  "services.web.entrypoint: holds a published",
		"healthcheck: {test: [CMD, ping, --password=changeme]}":     "services.web.healthcheck: holds a published",
		"healthcheck: {test: 'ping --password changeme || exit 1'}": "services.web.healthcheck: holds a published",
		"secrets: [weak]": "secrets.weak: is a published",
	} {
		t.Run(keys, func(t *testing.T) {
			t.Parallel()
			source := found(keys)
			source.Files = append(source.Files, compose.File{Path: "1.yaml", Content: []byte(
				"services: {}\nsecrets: {weak: {file: weak.txt}}")})
			files, _ := source.Assets.(fstest.MapFS)
			files = maps.Clone(files)
			files["weak.txt"] = &fstest.MapFile{Data: []byte("changeme\n")}
			source.Assets = files
			load(t, source)
			source.Protected = true
			loaded, err := compose.Load(t.Context(), source)
			require.ErrorContains(t, err, path+" default password; choose another")
			assert.NotContains(t, err.Error(), "changeme")
			for _, v := range loaded.Verdicts {
				assert.NotContains(t, v.Detail+v.Fix, "changeme")
			}
		})
	}
}
