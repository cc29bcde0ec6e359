package compose_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
)

// beside writes a Compose file and others beside it, for a source that was not written for dmcloud.
func beside(t *testing.T, content string, files map[string]string) compose.Source {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	write("compose.yaml", content)
	for name, content := range files {
		write(name, content)
	}
	return compose.Source{
		Name: "archive", Dir: dir, Files: []compose.File{{Path: "compose.yaml"}}, Adopt: true,
		Environment: map[string]string{},
	}
}

const web = "services:\n  web:\n    image: archive:1.2.3\n    user: '1:1'\n"

func TestWhereVariablesComeFrom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value, dotenv string
		environment   map[string]string
		want          string
	}{
		"the file .env":                      {"${A}", "A=file\n", nil, "file"},
		"the environment before the file":    {"${A}", "A=file\n", map[string]string{"A": "given"}, "given"},
		"the environment without the file":   {"$A", "", map[string]string{"A": "given"}, "given"},
		"a default":                          {"${A:-other}", "", nil, "other"},
		"a default for what is blank":        {"${A:-other}", "A=\n", nil, "other"},
		"no default for what is set blank":   {"x${A-other}", "A=\n", nil, "x"},
		"another text when it is set":        {"${A:+there}", "A=file\n", nil, "there"},
		"variables in the file .env":         {"${A}", "B=b\nA=${B}-${C}\n", map[string]string{"C": "c"}, "b-c"},
		"quotes and comments in it":          {"${A}", "# A=no\nexport A='a $$b' # comment\n", nil, "a $$b"},
		"a dollar of the container's own":    {"$${A}", "", nil, "${A}"},
		"no variable of the process":         {"${HOME:-none}", "", nil, "none"},
		"a required one that has a value":    {"${A:?must be set}", "A=file\n", nil, "file"},
		"a default that is another variable": {"${A:-${B}}", "B=file\n", nil, "file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{}
			if c.dotenv != "" {
				files[".env"] = c.dotenv
			}
			source := beside(t, web+"    environment: {V: '"+c.value+"'}\n", files)
			source.Environment = c.environment
			loaded := load(t, source)
			assert.Equal(t, []app.EnvVar{{Name: "V", Value: c.want}}, loaded.App.Service("web").Env)
		})
	}
}

func TestAFileOfVariablesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, err := compose.Load(t.Context(), beside(t, web, map[string]string{".env": "A='CANARY\n"}))
	require.EqualError(t, err, "reading the Compose files of archive: .env: "+
		"the file .env cannot be read: it must be lines of NAME=value")
}

func TestEmbeddedFilesHaveNoFileOfVariables(t *testing.T) {
	t.Parallel()
	source := beside(t, "", map[string]string{".env": "A=file\n"})
	source.Assets = os.DirFS(source.Dir)
	source.Files[0].Content = []byte(web + "    environment: {V: '${A:-none}'}\n")
	loaded := load(t, source)
	assert.Equal(t, "none", loaded.App.Service("web").Env[0].Value)
}

func TestUnsetPasswordsAreGeneratedOnceForAllWhoUseThem(t *testing.T) {
	t.Parallel()
	loaded := load(t, beside(t, `
services:
  db:
    image: postgres:17.5
    environment: ["POSTGRES_PASSWORD=${DB_PASSWORD}", POSTGRES_USER=app]
  web:
    image: archive:1.2.3
    user: '1:1'
    environment: {DB_PASSWORD: $DB_PASSWORD, DB_AUTH: '${DB_PASSWORD}', SESSION_SECRET: '${SESSION_SECRET}'}
  worker:
    image: archive:1.2.3
    user: '1:1'
    environment: {SESSION_SECRET: '${SESSION_SECRET}', SMTP_PASSWORD: , CLIENT_SECRET: }
`, nil))
	a := loaded.App
	assert.Equal(t, []app.Secret{
		{
			Name: "db-password", Purpose: "the value of DB_PASSWORD, which the Compose file leaves to the environment",
			Generate: &app.Generate{Length: 32, Alphabet: app.Alphanumeric},
		},
		{
			Name:     "session-secret",
			Purpose:  "the value of SESSION_SECRET, which the Compose file leaves to the environment",
			Generate: &app.Generate{Length: 32, Alphabet: app.Alphanumeric},
		},
	}, a.Secrets)
	assert.Empty(t, loaded.SecretValues)
	assert.Contains(t, a.Service("db").Env, app.EnvVar{Name: "POSTGRES_PASSWORD", Secret: "db-password"})
	assert.Equal(t, []app.EnvVar{
		{Name: "DB_AUTH", Secret: "db-password"}, {Name: "DB_PASSWORD", Secret: "db-password"},
		{Name: "SESSION_SECRET", Secret: "session-secret"},
	}, a.Service("web").Env, "a secret under whatever name")
	assert.Equal(t, []app.EnvVar{{Name: "SESSION_SECRET", Secret: "session-secret"}}, a.Service("worker").Env,
		"what is passed on and not there is left out, as in Compose")
	assert.Equal(t, []string{
		"services.db.environment.POSTGRES_PASSWORD: moved DB_PASSWORD has no value: generated as the secret db-password",
	}, verdicts(loaded.Verdicts, "services.db.environment.POSTGRES_PASSWORD"))
}

func TestAGeneratedSecretTakesNobodysName(t *testing.T) {
	t.Parallel()
	loaded := load(t, beside(t, web+"    environment: {DB_PASSWORD: '${DB_PASSWORD}'}\n    secrets: [db_password]\n"+
		"secrets: {db_password: {external: true}}\n", nil))
	require.Len(t, loaded.App.Secrets, 2)
	assert.Equal(t, "db-password", loaded.App.Secrets[0].Name)
	assert.Nil(t, loaded.App.Secrets[0].Generate)
	assert.Regexp(t, `^db-password-[0-9a-f]{5}$`, loaded.App.Secrets[1].Name)
}

func TestUnsetPlainValuesAreBlankAndSaidToBe(t *testing.T) {
	t.Parallel()
	loaded := load(t, beside(t, web+"    environment: {THEME: '${THEME}', PASSED: , SECRET_ENABLED: '${X}'}\n", nil))
	assert.Equal(t, []app.EnvVar{{Name: "SECRET_ENABLED"}, {Name: "THEME"}}, loaded.App.Service("web").Env)
	assert.Equal(t, []string{
		"services.web.environment: kept",
		"services.web.environment.PASSED: ignored PASSED has no value, so the container gets no such variable, as in Compose",
		"services.web.environment.SECRET_ENABLED: ignored X has no value, so this is blank, as in Compose",
		"services.web.environment.THEME: ignored THEME has no value, so this is blank, as in Compose",
	}, verdicts(loaded.Verdicts, "services.web.environment"))
}

func TestVariablesThatMustHaveAValue(t *testing.T) {
	t.Parallel()
	const fix = "; give it a value in the file .env beside the Compose file, or among the variables of the environment"
	const nothing = "has neither a value nor a default"
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"somebody else's token": {
			web + "    environment: {SMTP_TOKEN: '${MAIL}'}\n",
			[]string{"variables.MAIL: is used at services.web.environment.SMTP_TOKEN and " + nothing + fix},
		},
		"somebody else's token by the name of the variable": {
			web + "    environment: {AUTH: '${SMTP_TOKEN}'}\n",
			[]string{"variables.SMTP_TOKEN: is used at services.web.environment.AUTH and " + nothing + fix},
		},
		"a key of somebody else's": {
			web + "    environment: ['SMTP_API_KEY=${SMTP_API_KEY}']\n",
			[]string{"variables.SMTP_API_KEY: is used at services.web.environment.SMTP_API_KEY and " + nothing + fix},
		},
		"part of a longer value": {
			web + "    environment: {URL: 'postgres://u:${PW}@db/x'}\n",
			[]string{"variables.PW: is used at services.web.environment.URL and " + nothing + fix},
		},
		"a command": {
			web + "    command: [serve, --at, '$HOST']\n",
			[]string{"variables.HOST: is used at services.web.command[2] and " + nothing + fix},
		},
		"a number": {
			web + "    deploy: {replicas: '${COUNT:?how many}'}\n    expose: ['${PORT:?which}']\n",
			[]string{"variables.COUNT: is required: how many" + fix, "variables.PORT: is required: which" + fix},
		},
		"an image": {
			"services: {web: {user: '1:1', image: 'archive:${TAG:?}'}}",
			[]string{"variables.TAG: is required: the file says so" + fix},
		},
		"all at once, and what else is wrong": {
			"services: {web: {user: '1:1', image: '${IMAGE:?which image}', environment: {A: 'x${B}', C: '${D:?}'}, " +
				"privileged: true}}",
			[]string{
				"services.web.privileged: true: gives control over the host; remove it",
				"variables.B: is used at services.web.environment.A and " + nothing + fix,
				"variables.D: is required: the file says so" + fix,
				"variables.IMAGE: is required: which image" + fix,
			},
		},
		"first in a service that is not active": {
			"services:\n  all: {image: 'a:${TAG}', profiles: [more]}\n  web.site: {image: 'archive:${TAG}', user: '1:1'}\n",
			[]string{"variables.TAG: is used at services.web.site.image and " + nothing + fix},
		},
		"a volume": {
			web + "    volumes: ['${DATA}/files:/data']\n",
			[]string{"variables.DATA: is used at services.web.volumes[0].source and " + nothing + fix},
		},
		"a declared secret": {
			web + "    secrets: [key]\nsecrets: {key: {environment: THE_KEY}}\n",
			[]string{"variables.THE_KEY: is used at secrets.key.environment and " + nothing + fix},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compose.Load(t.Context(), beside(t, c.content, nil))
			assert.Equal(t, c.want, problems(t, err))
		})
	}
}

func TestVariablesThatNobodyNeeds(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"in a place for anchors":          "x-all: &all {A: 'x${UNSET}'}\n" + web,
		"in an inactive service":          web + "  other: {image: 'a:${UNSET}', command: ['$UNSET'], profiles: [more]}\n",
		"protected from Compose":          web + "    command: ['$${UNSET}', '$$UNSET']\n",
		"with a default":                  web + "    command: ['${UNSET:-x}', '${UNSET-}']\n",
		"behind another that has a value": web + "    command: ['${SET:-${UNSET}}']\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			load(t, beside(t, content, map[string]string{".env": "SET=x\n"}))
		})
	}
	_, err := compose.Load(t.Context(), beside(t,
		"x-all: &all {A: 'x${UNSET}'}\nservices: {web: {image: 'a:1', user: '1:1', environment: *all}}", nil))
	require.ErrorContains(
		t, err, "variables.UNSET: is used at services.web.environment.A and", "what refers to an anchor counts",
	)
}

func TestFilesOfVariables(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"web.env": "A=1\nQUOTED=\"a b\"\nTHE_PASSWORD=CANARY-a\nFROM=${BASE}\n", "raw.env": "# raw\nQUOTED=\"a " +
			"b\"\nD=$A ${B\n",
	}
	for name, c := range map[string]struct {
		keys string
		want []app.EnvVar
	}{
		"variables and secrets": {
			"env_file: web.env", []app.EnvVar{
				{Name: "A", Value: "1"}, {Name: "FROM", Value: "base"}, {Name: "QUOTED", Value: "a b"},
				{Name: "THE_PASSWORD", Secret: "the-password"},
			},
		},
		"the file itself comes first": {
			"env_file: [web.env]\n    environment: {A: '2', THE_PASSWORD: x}", []app.EnvVar{
				{Name: "A", Value: "2"}, {Name: "FROM", Value: "base"}, {Name: "QUOTED", Value: "a b"},
				{Name: "THE_PASSWORD", Secret: "the-password"},
			},
		},
		"a file that need not be there": {
			"env_file: [{path: missing.env, required: false}]\n    environment: {A: '2'}", []app.EnvVar{{Name: "A", Value: "2"}},
		},
		"values as they are": {
			"env_file: [{path: raw.env, format: raw}]", []app.EnvVar{
				{Name: "D", Value: "$A ${B"}, {Name: "QUOTED", Value: `"a b"`},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := beside(t, web+"    "+c.keys+"\n", files)
			source.Environment["BASE"] = "base"
			loaded := load(t, source)
			nowhere(t, loaded)
			assert.Equal(t, c.want, loaded.App.Service("web").Env)
		})
	}
	for keys, want := range map[string]string{
		"env_file: missing.env":                        "compose: env file missing.env not found",
		"env_file: [{path: bad.env, format: raw}]":     "bad.env: must be lines of NAME=value",
		"env_file: [{path: web.env, format: strange}]": "strange",
	} {
		_, err := compose.Load(
			t.Context(), beside(t, web+"    "+keys+"\n", map[string]string{"bad.env": "CANARY\n", "web.env": "A=1\n"}),
		)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "CANARY")
	}
}

// problems are the problems of an error, in the order it lists them.
func problems(t *testing.T, err error) []string {
	t.Helper()
	var all *problem.Error
	require.ErrorAs(t, err, &all)
	var texts []string
	for _, p := range all.Problems {
		texts = append(texts, p.Error())
	}
	return texts
}

func TestVariablesInAnEnvFileNeedAValueToo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"compose.yaml": "services: {web: {image: 'nginx:1.28.0', env_file: [web.env, {path: raw.env, format: raw}]}}\n",
		".env":         "KNOWN=1\n",
		"web.env":      "A=x\nB=${A}/${KNOWN}/${OTHER:-y}\nC='${QUOTED}'\n# D=${COMMENT}\nURL=http://u:${NOBODY}@db\n",
		"raw.env":      "E=${RAW}\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	_, err := compose.Load(t.Context(), compose.Source{
		Name: "archive", Dir: dir, Files: []compose.File{{Path: "compose.yaml"}}, Adopt: true,
	})
	require.EqualError(t, err, "reading the Compose files of archive: variables.NOBODY: is used at services.web.env_file "+
		"and has neither a value nor a default; give it a value in the file .env beside the Compose file, or among the "+
		"variables of the environment")
}
