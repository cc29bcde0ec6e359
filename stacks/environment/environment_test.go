package environment_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/problem"
	"github.com/dekcd/dmcloud/stacks/environment"
	"github.com/dekcd/dmcloud/tests/golden"
	"github.com/dekcd/dmcloud/tests/stackfile"
)

// canary stands wherever a secret may.
const canary = "canary-in-a-coal-mine"

// catalog stands in for the catalogue: an entry that knows one volume and finds fault with version 1.19.0.
func catalog() map[string]environment.Check {
	return map[string]environment.Check{"seek": func(env environment.Environment, p environment.Platform) problem.List {
		var problems problem.List
		for name := range p.Sizes {
			if name != "filestore" && name != "database" {
				problems.Addf("sizes."+name, nil, "known: database, filestore", "no such volume")
			}
		}
		if p.Version == "1.19.0" {
			problems.Addf("version", p.Version, "", "go through 1.18 first")
		}
		if p.Replicas > 1 && env.Storage.Shared == "" {
			problems.Addf("replicas", p.Replicas, "set storage.shared", "needs shared storage")
		}
		if strings.HasSuffix(p.Image, ":latest") {
			problems.Addf("image", p.Image, "", "the environment has said so already")
		}
		return problems
	}}
}

// valid is a stack's configuration with nothing left to default that has to be given.
func valid() map[string]string {
	return map[string]string{
		"dmcloud:cluster": `{"context":"institute"}`,
		"dmcloud:entry":   `{"class":"traefik","namespace":"traefik","tls":{"issuer":"letsencrypt"}}`,
		"dmcloud:platforms": `[{"name":"seek","catalog":"seek","version":"1.18.1","host":"seek.institute.example",` +
			`"administrator":{"login":"admin","email":"a@institute.example","firstName":"Ada","lastName":"Admin"}}]`,
	}
}

// edited is valid with one text replaced in one key.
func edited(t *testing.T, key, old, replacement string) map[string]string {
	t.Helper()
	configuration := valid()
	require.Contains(t, configuration[key], old)
	configuration[key] = strings.Replace(configuration[key], old, replacement, 1)
	return configuration
}

// platform is valid with something put before the closing brace of its platform.
func platform(t *testing.T, more string) map[string]string {
	t.Helper()
	return edited(t, "dmcloud:platforms", `}]`, `,`+more+`}]`)
}

func problems(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var found *problem.Error
	require.ErrorAs(t, err, &found)
	var lines []string
	for _, p := range found.Problems {
		lines = append(lines, p.Error())
	}
	return lines
}

func TestMistakesAreNamedWithPlaceRuleAndFix(t *testing.T) {
	t.Parallel()
	const platforms, entry, cluster = "dmcloud:platforms", "dmcloud:entry", "dmcloud:cluster"
	with := func(key, value string) map[string]string {
		configuration := valid()
		configuration[key] = value
		return configuration
	}
	without := func(key string) map[string]string {
		configuration := valid()
		delete(configuration, key)
		return configuration
	}
	password := platform(t, `"mail":{"host":"smtp.institute.example","from":"a@institute.example","user":"u",`+
		`"password":"`+canary+`"}`)
	second := func(name, host string) map[string]string {
		configuration := valid()
		one := strings.Trim(configuration[platforms], "[]")
		two := strings.NewReplacer(`"seek","catalog"`, `"`+name+`","catalog"`, "seek.institute.example", host).Replace(one)
		configuration[platforms] = "[" + one + "," + two + "]"
		return configuration
	}
	for name, c := range map[string]struct {
		config  map[string]string
		secrets []string
		want    []string
	}{
		"a valid stack has none":             {config: valid()},
		"keys of other namespaces are left":  {config: with("kubernetes:anything", "x")},
		"numbers are quantities, too":        {config: platform(t, `"resources":{"web":{"cpu":{"request":1,"limit":1.5}}}`)},
		"a password as a secret is accepted": {config: password, secrets: []string{platforms}},
		"an unknown key at the top": {
			config: with("dmcloud:storrage", `{"class":"x"}`), want: []string{"storrage: unknown key; did you mean storage?"},
		},
		"a misspelt key isn't missing as well": {
			config: edited(t, cluster, `"context"`, `"contxt"`),
			want:   []string{"cluster.contxt: unknown key; did you mean context?"},
		},
		"a misspelt way to a certificate isn't missing as well": {
			config: edited(t, entry, `"issuer"`, `"isuer"`),
			want:   []string{"entry.tls.isuer: unknown key; did you mean issuer?"},
		},
		"an unknown key in a platform": {
			config: platform(t, `"replcas":2`), want: []string{"platforms[0].replcas: unknown key; did you mean replicas?"},
		},
		"an unknown key in resources": {
			config: platform(t, `"resources":{"web":{"memry":{}}}`),
			want:   []string{"platforms[0].resources.web.memry: unknown key; did you mean memory?"},
		},
		"the cluster is missing": {
			config: without(cluster),
			want:   []string{"cluster.context: is missing; kubectl config get-contexts -o name lists them"},
		},
		"the entry is missing": {
			config: without(entry),
			want:   []string{"entry: is missing; give class, namespace and tls of the ingress controller"},
		},
		"the platforms are missing": {
			config: without(platforms), want: []string{"platforms: is missing; describe at least one platform"},
		},
		"the list of platforms is empty": {
			config: with(platforms, `[]`), want: []string{"platforms: is missing; describe at least one platform"},
		},
		"a key has another type": {
			config: with(platforms, `seek`), want: []string{"platforms: must be a list, is text"},
		},
		"a key has another type, which explains what is missing in it": {
			config: with(entry, `"traefik"`), want: []string{"entry: must be a mapping, is text"},
		},
		"a boolean is no yes": {
			config: with("dmcloud:protected", "yes"), want: []string{"protected: must be true or false, is text"},
		},
		"a key has no value": {
			config: edited(t, platforms, `"seek.institute.example"`, `null`),
			want:   []string{"platforms[0].host: has no value; write one or remove the key"},
		},
		"a platform has no value": {
			config: with(platforms, `[null]`), want: []string{"platforms[0]: has no value; write one or remove the key"},
		},
		"the storage has no value": {
			config: with("dmcloud:storage", `null`), want: []string{"storage: has no value; write one or remove the key"},
		},
		"a number has no value": {
			config: platform(t, `"replicas":null`),
			want:   []string{"platforms[0].replicas: has no value; write one or remove the key"},
		},
		"the Pod Security version moves": {
			config: with(cluster, `{"context":"x","podSecurityVersion":"latest"}`),
			want: []string{
				"cluster.podSecurityVersion: latest: must be a Kubernetes minor, such as v1.37; write v1.37",
			},
		},
		"there are two kubeconfigs": {
			config:  with(cluster, `{"context":"x","kubeconfig":"a","kubeconfigContent":"`+canary+`"}`),
			secrets: []string{cluster},
			want:    []string{"cluster.kubeconfigContent: there is cluster.kubeconfig already; keep one of them"},
		},
		"a kubeconfig stands in clear": {
			config: with(cluster, `{"context":"x","kubeconfigContent":"`+canary+`"}`),
			want: []string{"cluster.kubeconfigContent: must not be in the stack file in clear; " +
				"pulumi config set --secret --path 'dmcloud:cluster.kubeconfigContent' -s test < FILE"},
		},
		"a class has no Kubernetes name": {
			config: with("dmcloud:storage", `{"class":"Fast Disks"}`),
			want: []string{"storage.class: Fast Disks: must be the name of a Kubernetes object: " +
				"lower-case letters, digits, '-' and '.'"},
		},
		"a namespace is no label": {
			config: edited(t, entry, `"namespace":"traefik"`, `"namespace":"kube.system"`),
			want: []string{"entry.namespace: kube.system: must be a DNS label: " +
				"at most 63 lower-case letters, digits and '-'"},
		},
		"there is no certificate": {
			config: edited(t, entry, `{"issuer":"letsencrypt"}`, `{}`),
			want:   []string{"entry.tls: must have exactly one of issuer, secretName and selfSigned"},
		},
		"there are two certificates": {
			config: edited(t, entry, `"issuer"`, `"secretName":"x","issuer"`),
			want:   []string{"entry.tls: must have exactly one of issuer, secretName and selfSigned"},
		},
		"a protected stack signs for itself": {
			config: edited(t, entry, `"issuer":"letsencrypt"`, `"selfSigned":true`),
			want: []string{"entry.tls.selfSigned: true: a protected stack needs certificates that browsers trust; " +
				"set entry.tls.issuer or entry.tls.secretName"},
		},
		"a platform's name is no label": {
			config: edited(t, platforms, `"name":"seek"`, `"name":"SEEK"`),
			want: []string{"platforms[0].name: SEEK: must be a DNS label: " +
				"at most 63 lower-case letters, digits and '-'"},
		},
		"a platform takes the controller's namespace": {
			config: edited(t, platforms, `"name":"seek"`, `"name":"traefik"`),
			want: []string{"platforms[0].name: traefik: names the platform's own namespace; this one is in use; " +
				"choose another"},
		},
		"a platform takes Kubernetes' namespace": {
			config: edited(t, platforms, `"name":"seek"`, `"name":"kube-system"`),
			want: []string{"platforms[0].name: kube-system: names the platform's own namespace; this one is in use; " +
				"choose another"},
		},
		"two platforms have one name": {
			config: second("seek", "other.institute.example"),
			want:   []string{"platforms[1].name: seek: is the name of platforms[0]; choose another"},
		},
		"two platforms have one host": {
			config: second("other", "seek.institute.example"),
			want:   []string{"platforms[1].host: seek.institute.example: is the host of platforms[0]; choose another"},
		},
		"the catalogue has no such platform": {
			config: edited(t, platforms, `"catalog":"seek"`, `"catalog":"dataverse"`),
			want:   []string{"platforms[0].catalog: dataverse: is not in the catalogue; known: seek"},
		},
		"a version is no release": {
			config: edited(t, platforms, `"1.18.1"`, `"1.18"`),
			want:   []string{"platforms[0].version: 1.18: must be a full release, such as 1.18.1"},
		},
		"a version is a number to YAML": {
			config: edited(t, platforms, `"1.18.1"`, `1.18`),
			want:   []string{"platforms[0].version: must be text, is a number; put it in quotes"},
		},
		"a version can't be reached": {
			config: edited(t, platforms, `"1.18.1"`, `"1.19.0"`),
			want:   []string{"platforms[0].version: 1.19.0: go through 1.18 first"},
		},
		"an image has no version": {
			config: platform(t, `"image":"fairdom/seek"`),
			want: []string{"platforms[0].image: fairdom/seek: has neither a version nor a digest; " +
				`write "fairdom/seek:<version>"`},
		},
		"an image moves": {
			config: platform(t, `"image":"fairdom/seek:latest"`),
			want: []string{`platforms[0].image: fairdom/seek:latest: the tag "latest" moves; ` +
				"write a version or add the digest"},
		},
		"an image has no name": {
			config: platform(t, `"image":"SEEK:1.18.1"`),
			want:   []string{`platforms[0].image: SEEK:1.18.1: is not an image reference; write "name:version"`},
		},
		"a host is a URL": {
			config: edited(t, platforms, `"seek.institute.example"`, `"https://seek.institute.example"`),
			want: []string{"platforms[0].host: https://seek.institute.example: must be a full DNS name in lower case; " +
				"write seek.institute.example, without scheme, port and path"},
		},
		"a host is one word": {
			config: edited(t, platforms, `"seek.institute.example"`, `"seek"`),
			want: []string{"platforms[0].host: seek: must be a full DNS name in lower case; " +
				"write seek.institute.example, without scheme, port and path"},
		},
		"a host is an address": {
			config: edited(t, platforms, `"seek.institute.example"`, `"192.0.2.1"`),
			want:   []string{"platforms[0].host: 192.0.2.1: must be a DNS name, not an address"},
		},
		"a protected host is an example's": {
			config: edited(t, platforms, `"seek.institute.example"`, `"seek.example.org"`),
			want: []string{"platforms[0].host: seek.example.org: is reserved for examples and tests; " +
				"write a name of your institute's domain"},
		},
		"a protected administrator can't be reached": {
			config: edited(t, platforms, `a@institute.example`, `a@institute.invalid`),
			want: []string{"platforms[0].administrator.email: a@institute.invalid: is reserved for examples and tests; " +
				"write a name of your institute's domain"},
		},
		"no web server": {
			config: platform(t, `"replicas":0`), want: []string{"platforms[0].replicas: 0: must be at least 1"},
		},
		"half a web server": {
			config: platform(t, `"replicas":1.5`), want: []string{"platforms[0].replicas: must be a whole number"},
		},
		"nobody administrates": {
			config: edited(t, platforms,
				`"login":"admin","email":"a@institute.example","firstName":"Ada","lastName":"Admin"`, ``),
			want: []string{"platforms[0].administrator: is missing; " +
				"give login, email, firstName and lastName of the first account"},
		},
		"an administrator has no last name": {
			config: edited(t, platforms, `"Admin"`, `" "`), want: []string{"platforms[0].administrator.lastName: is missing"},
		},
		"an e-mail address has a name": {
			config: edited(t, platforms, `a@institute.example`, `Ada <a@institute.example>`),
			want: []string{"platforms[0].administrator.email: Ada <a@institute.example>: " +
				"must be an e-mail address, such as name@institute.example"},
		},
		"mail without all it needs": {
			config: platform(t, `"mail":{"port":0,"user":"u"}`),
			want: []string{
				"platforms[0].mail.from: is missing",
				"platforms[0].mail.host: is missing",
				"platforms[0].mail.password: is missing: platforms[0].mail.user has no use without it; " +
					"pulumi config set --secret --path 'dmcloud:platforms[0].mail.password' -s test",
				"platforms[0].mail.port: 0: must be 1 to 65535; mail is submitted on 587",
			},
		},
		"mail through a port that does not exist": {
			config: platform(t, `"mail":{"host":"192.0.2.1","from":"a@institute.example","port":65536}`),
			want:   []string{"platforms[0].mail.port: 65536: must be 1 to 65535; mail is submitted on 587"},
		},
		"a password stands in clear": {
			config: password,
			want: []string{"platforms[0].mail.password: must not be in the stack file in clear; " +
				"pulumi config set --secret --path 'dmcloud:platforms[0].mail.password' -s test"},
		},
		"a password that everybody knows": {
			config: platform(t, `"mail":{"host":"smtp.institute.example","from":"a@institute.example","user":"u",`+
				`"password":"ChangeMe"}`),
			secrets: []string{platforms},
			want:    []string{"platforms[0].mail.password: is a published default password; choose another"},
		},
		"a value beside a secret isn't repeated": {
			config:  edited(t, platforms, `"seek.institute.example"`, `"`+canary+`"`),
			secrets: []string{platforms},
			want: []string{"platforms[0].host: must be a full DNS name in lower case; " +
				"write seek.institute.example, without scheme, port and path"},
		},
		"a size has a unit of nobody": {
			config: platform(t, `"sizes":{"filestore":"50Gb"}`),
			want: []string{"platforms[0].sizes.filestore: " +
				"must be a number greater than 0 with a unit of Kubernetes, such as 500m, 2 or 50Gi"},
		},
		"a size is nothing": {
			config: platform(t, `"sizes":{"filestore":"0Gi"}`),
			want:   []string{"platforms[0].sizes.filestore: must be greater than 0"},
		},
		"a size has no unit": {
			config: platform(t, `"sizes":{"filestore":50}`),
			want: []string{"platforms[0].sizes.filestore: 50: must be at least 1Mi; " +
				"give the unit, such as 512Mi or 50Gi"},
		},
		"a size is of no volume": {
			config: platform(t, `"sizes":{"filestor":"50Gi"}`),
			want: []string{"platforms[0].sizes.filestor: no such volume; " +
				"known: database, filestore"},
		},
		"memory is in thousandths": {
			config: platform(t, `"resources":{"web":{"memory":{"limit":"512m"}}}`),
			want: []string{"platforms[0].resources.web.memory.limit: 512m: must be at least 1Mi; " +
				"give the unit, such as 512Mi or 50Gi"},
		},
		"more web servers than the storage allows": {
			config: platform(t, `"replicas":2`),
			want:   []string{"platforms[0].replicas: 2: needs shared storage; set storage.shared"},
		},
		"a private mail server's network is no range": {
			config: platform(t, `"mail":{"host":"10.1.2.3","from":"a@institute.example","networks":["10.1.2.3"]}`),
			want:   []string{"platforms[0].mail.networks[0]: 10.1.2.3: must be an address range, such as 10.20.0.0/16"},
		},
		"an ingress controller nobody knows": {
			config: edited(t, entry, `"class":"traefik"`, `"class":"traefik","controller":"kong"`),
			want:   []string{"entry.controller: kong: must be one of traefik, haproxy, nginx, other"},
		},
		"a request is above its limit": {
			config: platform(t, `"resources":{"web":{"cpu":{"request":"2","limit":"500m"}}}`),
			want:   []string{"platforms[0].resources.web.cpu.request: 2: must not be more than the limit"},
		},
		"a policy setting is unknown": {
			config: with("dmcloud:policy", `{"exeptions":[]}`),
			want:   []string{"policy.exeptions: unknown key; did you mean exceptions?"},
		},
		"a policy level is unknown": {
			config: with("dmcloud:policy", `{"levels":{"a-rule":"sometimes"}}`),
			want:   []string{"policy.levels.a-rule: sometimes: must be mandatory, advisory or disabled"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := environment.Load(environment.Source{
				Stack: "test", Config: c.config, SecretKeys: c.secrets, Catalog: catalog(),
			})
			assert.Equal(t, c.want, problems(t, err))
			if err != nil {
				assert.Contains(t, err.Error(), "stack test: ")
				assert.NotContains(t, err.Error(), canary)
			}
		})
	}
}

// TestNoValueBesideASecretIsRepeated puts a secret that no rule likes into every place of a configuration in turn.
func TestNoValueBesideASecretIsRepeated(t *testing.T) {
	t.Parallel()
	const misplaced = "Canary In A Coal Mine!"
	full := platform(t, `"image":"a:1","title":"x","replicas":2,"search":true,"virtuoso":true,`+
		`"sizes":{"filestore":"1Gi"},`+
		`"mail":{"host":"smtp.institute.example","port":25,"from":"a@institute.example","user":"u","password":"p"},`+
		`"resources":{"web":{"cpu":{"request":1,"limit":2},"memory":{"request":"1Gi","limit":"2Gi"}}}`)
	full["dmcloud:protected"] = `true`
	full["dmcloud:cluster"] = `{"context":"x","kubeconfig":"x","podSecurityVersion":"v1.37"}`
	full["dmcloud:storage"] = `{"class":"x","shared":"x"}`
	full["dmcloud:policy"] = `{"levels":{"a":"advisory"},` +
		`"exceptions":[{"rule":"a","resource":"a/b","reason":"r","owner":"o","expires":"2030-01-01"}]}`
	refused := 0
	for key, text := range full {
		var document any
		require.NoError(t, json.Unmarshal([]byte(text), &document))
		each(document, func(v any) { document = v }, func() {
			changed, err := json.Marshal(document)
			require.NoError(t, err)
			configuration := valid()
			configuration[key] = string(changed)
			_, err = environment.Load(environment.Source{
				Stack: "test", Config: configuration, SecretKeys: []string{key}, Catalog: catalog(),
			})
			if err != nil {
				refused++
				assert.NotContains(t, err.Error(), misplaced, key)
			}
		}, misplaced)
	}
	assert.Greater(t, refused, 40)
}

// each sets one value after the other, from the whole down to the leaves, calls do and puts it back.
func each(value any, set func(any), do func(), with any) {
	set(with)
	do()
	set(value)
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			each(inner, func(x any) { v[key] = x }, do, with)
		}
	case []any:
		for i, inner := range v {
			each(inner, func(x any) { v[i] = x }, do, with)
		}
	}
}

func TestEveryMistakeOfAStackFileIsReportedOnce(t *testing.T) {
	t.Parallel()
	_, err := load(t, filepath.Join("testdata", "ten-mistakes.yaml"))
	assert.Len(t, problems(t, err), 10)
	golden.Equal(t, "testdata/ten-mistakes.txt", err.Error()+"\n")
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	configuration := platform(t, `"mail":{"host":"smtp.institute.example","from":"a@institute.example"}`)
	env, err := environment.Load(environment.Source{Stack: "test", Config: configuration, Catalog: catalog()})
	require.NoError(t, err)
	encoded, err := json.MarshalIndent(env, "", "  ")
	require.NoError(t, err)
	golden.Equal(t, "testdata/defaults.json", string(encoded)+"\n")
}

func TestWhatIsWrittenWinsOverDefaults(t *testing.T) {
	t.Parallel()
	configuration := platform(t, `"title":"Ours","replicas":3,"search":false,"virtuoso":true,`+
		`"sizes":{"filestore":"1.5Gi"},"resources":{"web":{"cpu":{"request":"500m"},"memory":{"request":"2Gi"}}}`)
	configuration["dmcloud:protected"] = "false"
	configuration["dmcloud:storage"] = `{"shared":"cephfs"}`
	configuration["dmcloud:cluster"] = `{"context":"x","podSecurityVersion":"v1.36","kubeconfigContent":"` + canary + `"}`
	env, err := environment.Load(environment.Source{
		Stack: "test", Config: configuration, SecretKeys: []string{"dmcloud:cluster"}, Catalog: catalog(),
	})
	require.NoError(t, err)
	assert.False(t, env.Protected)
	assert.Equal(t, "test", env.Stack)
	assert.Equal(t, "v1.36", env.Cluster.PodSecurityVersion)
	assert.Equal(t, canary, env.Cluster.KubeconfigContent.Reveal())
	p := env.Platforms[0]
	assert.Equal(t, "Ours", p.Title)
	assert.Equal(t, 3, p.Replicas)
	assert.False(t, p.Search)
	assert.True(t, p.Virtuoso)
	assert.Equal(t, int64(3<<29), p.Sizes["filestore"].Value())
	assert.Equal(t, int64(500), p.Resources["web"].CPU.Request.MilliValue())
	assert.False(t, p.Resources["web"].CPU.Limit.IsSet())
	assert.Equal(t, []string{
		"seek: seek 1.18.1 at https://seek.institute.example, 3 web servers, without search, with Virtuoso",
		"set in the stack file: storage 1536Mi, cpu 1500m, memory 6Gi",
		"not protected: its data can be deleted",
	}, env.Describe())
}

func TestDescribeNamesWhatTheStackFileLeavesToOthers(t *testing.T) {
	t.Parallel()
	configuration := platform(t, `"mail":{"host":"smtp.institute.example","from":"a@institute.example"}`)
	configuration["dmcloud:policy"] = `{"exceptions":[{"rule":"read-only-root","resource":"seek/*","reason":"r",` +
		`"owner":"o","expires":"2030-01-01"},{"rule":"read-only-root","resource":"x/*","reason":"r","owner":"o",` +
		`"expires":"2030-01-01"}]}`
	env, err := environment.Load(environment.Source{Stack: "test", Config: configuration, Catalog: catalog()})
	require.NoError(t, err)
	assert.Equal(t, []string{
		"seek: seek 1.18.1 at https://seek.institute.example, 1 web server, mail through smtp.institute.example",
		"policy exceptions: read-only-root",
	}, env.Describe())
}

// TestStackFiles loads every stack file of the project as the engine does before it starts the program.
func TestStackFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "Pulumi.*.yaml"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 2)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			f, err := stackfile.Read(filepath.Join("..", ".."), file)
			require.NoError(t, err)
			fine := func(environment.Environment, environment.Platform) problem.List { return nil }
			_, err = environment.Load(environment.Source{
				Stack: f.Stack, Config: f.Config, SecretKeys: f.SecretKeys, Compose: fine,
				Catalog: map[string]environment.Check{"seek": fine, "ckan": fine, "omero": fine},
			})
			require.NoError(t, err)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			stack := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(file), ".yaml"), "Pulumi.")
			assert.True(t, strings.HasPrefix(string(text), "# "+stack+": "), "begins with what it is for")
		})
	}
}

func TestProjectDeclaresWhatStackFilesMayHold(t *testing.T) {
	t.Parallel()
	p := project(t)
	assert.Equal(t, "stacks", p.Main)
	assert.Equal(t, "stacks", p.StackConfigDir)
	assert.Equal(t, map[string]any{"buildTarget": "../bin/dmcloud"}, p.Runtime.Options())
	assert.Equal(t, []any{"kubernetes", "openstack"}, p.Config["pulumi:disable-default-providers"].Value)

	// A key of the schema that the decoder does not know is a key nobody can use.
	for key, declared := range p.Config {
		if strings.Contains(key, ":") {
			continue
		}
		assert.NotEmpty(t, declared.Description, key)
		_, err := environment.Load(environment.Source{Stack: "test", Config: map[string]string{"dmcloud:" + key: "{}"}})
		for _, line := range problems(t, err) {
			assert.NotContains(t, line, "unknown key")
		}
	}
}

func FuzzLoad(f *testing.F) {
	for key, value := range valid() {
		f.Add(key, value)
	}
	f.Add("dmcloud:platforms", `[{"sizes":{"x":"1e999999999"},"mail":{"password":"p"}},null,3]`)
	f.Add("dmcloud:policy", `{"exceptions":[{}],"levels":{"a":"b"}}`)
	f.Add("dmcloud:protected", "true")
	f.Fuzz(func(t *testing.T, key, value string) {
		configuration := valid()
		configuration["dmcloud:cluster"] = `{"context":"x","kubeconfigContent":"` + canary + `"}`
		configuration[key] = value
		// The canary stands in clear, so there is always a problem, unless the fuzzer replaced the cluster.
		env, err := environment.Load(environment.Source{Stack: "fuzz", Config: configuration, Catalog: catalog()})
		if err != nil {
			assert.NotContains(t, err.Error(), canary)
			assert.Zero(t, env)
			assert.NotEmpty(t, problems(t, err))
			return
		}
		assert.Equal(t, "dmcloud:cluster", key)
		assert.NotEmpty(t, env.Cluster.Context)
	})
}

// load reads a stack file like the engine: the project's schema is checked and its defaults are filled in.
func load(t *testing.T, file string) (environment.Environment, error) {
	t.Helper()
	f, err := stackfile.Read(filepath.Join("..", ".."), file)
	require.NoError(t, err)
	return environment.Load(environment.Source{
		Stack: f.Stack, Config: f.Config, SecretKeys: f.SecretKeys, Catalog: catalog(),
	})
}

func project(t *testing.T) *workspace.Project {
	t.Helper()
	p, err := workspace.LoadProject(filepath.Join("..", "..", "Pulumi.yaml"))
	require.NoError(t, err)
	return p
}
