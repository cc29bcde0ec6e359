package compose_test

import (
	"cmp"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/catalog/seek"
	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/problem"
)

// hardTexts are what parsers of YAML, Compose's variables and shells take for something else.
func hardTexts() []string {
	return []string{
		"", " ", "  leading", "trailing  ", "\ttab\t", "\n", "\n\n", "a\nb", "a\nb\n", "a\nb\n\n", "  a\nb", "a \nb",
		"a\r\nb",
		"#!/bin/sh\nset -e\n\nif true; then\n  echo \"$HOME\" '$$' # all\nfi\n", "\n#a", "a: b", "a:", ": a", "a #b", "#a",
		"- a", "? a", "[a]", "{a: b}", "{}", "[]", "*a", "&a", "!a", "!!str a", "|", ">", "%a", "@a", "`a`", "---",
		"...", "--- a",
		"yes", "Yes", "no", "on", "OFF", "y", "N", "true", "False", "null", "Null", "~", "nan", ".nan", ".inf",
		"-.INF", "1e3",
		"0o7", "007", "0x1F", "1_000", "1:20", "12:30:45", "2024-01-01", "1.5", "+1", "-", "-1", "=", "<<", "0",
		"1.", ".5", "1e",
		"$", "$$", "$$$", "$A", "${A}", "${A:-b}", "${A:?b}", "$(A)", "$$(A)", "$${A:-${B}}", "a$", "${", "$}", "${}", "$1",
		"'", `"`, `\`, `\n`, `'a'`, `"a"`, `it's "so" \ here`, "a'\nb\"", "\x00", "\a\x1b", "\u0085",
		"\u2028a\u2029", "\ufeffa",
		"\u00a0", "ünïcödé", "日本語", "🙂", "e\u0301", "\U0010ffff", "\ufffd", "a,b", "a, b", "a]", strings.Repeat("long ", 80),
		strings.Repeat("x", 5000), "postgres://u:p@db/x", "ghp_0123456789012345678901234567890",
		"-----BEGIN PRIVATE KEY-----",
		"x-a", "null\n", "key: |\n  text\n", "changeme", "curl", "http://localhost:80/",
	}
}

// generator makes random valid applications.
type generator struct{ *rand.Rand }

func (g generator) one(chance int) bool { return g.IntN(chance) == 0 }

func pick[T any](g generator, from []T) T { return from[g.IntN(len(from))] }

func (g generator) text() string {
	if !g.one(5) {
		return pick(g, hardTexts())
	}
	var b strings.Builder
	for range g.IntN(12) {
		parts := []string{"$", "{", "}", "a", "b", " ", "\n", "'", `"`, `\`, "#", ":", "-", "ä", "\t", "1", "~", ":-"}
		b.WriteString(pick(g, parts))
	}
	return b.String()
}

// said is a text that says something.
func (g generator) said() string { return cmp.Or(g.text(), "because") }

func (g generator) texts(most int) []string {
	var list []string
	for range g.IntN(most + 1) {
		list = append(list, g.text())
	}
	return list
}

func (g generator) label() string {
	letters := "abcdefghijklmnopqrstuvwxyz0123456789"
	switch g.IntN(12) {
	case 0:
		return pick(g, []string{
			"default", "yes", "null", "n", "on", "0", "1e3", "x", "to-db", "a--b", "9db", "web", "true", "007",
		})
	case 1:
		return strings.Repeat(pick(g, []string{"z", "9", "q"}), 63)
	case 2:
		return "x-" + string(letters[g.IntN(len(letters))])
	}
	label := make([]byte, 1+g.IntN(8))
	for i := range label {
		label[i] = letters[g.IntN(len(letters))]
	}
	return string(label)
}

// labels are different ones, none of them taken.
func (g generator) labels(count int, taken map[string]bool) []string {
	var list []string
	for len(list) < count {
		if label := g.label(); !taken[label] {
			list, taken[label] = append(list, label), true
		}
	}
	return list
}

func (g generator) some(from []string) []string {
	var list []string
	for _, one := range from {
		if g.one(2) {
			list = append(list, one)
		}
	}
	return list
}

func (g generator) bytes() string {
	content := make([]byte, g.IntN(300))
	for i := range content {
		content[i] = byte(g.Uint32() & 0xff)
	}
	return string(content)
}

func (g generator) size() int64 {
	return pick(g, []int64{1, 1023, 1 << 10, 3 << 20, 20 << 30, 1<<40 + 1, 5 << 40, 1<<53 + 1, 1 + g.Int64N(1<<62)})
}

func (g generator) mode() int { return pick(g, []int{0, 0o444, 0o400, 0o555, 0o777, 0o1755, 1, -1}) }

func (g generator) span() time.Duration {
	return pick(g, []time.Duration{
		1, time.Microsecond + 1, 1500 * time.Millisecond, 7 * time.Second, time.Hour + time.Nanosecond, 1<<63 - 1,
		time.Duration(1 + g.Int64N(int64(100*time.Hour))),
	})
}

func (g generator) env(secrets []string) []app.EnvVar {
	names := []string{
		"A", "PATH", "a.b", "x-a", "-", ".", "NULL", "null", "yes", "DB_PASSWORD", "TOKEN", "_", "N", "http.proxy-x",
	}
	var list []app.EnvVar
	for _, name := range g.some(names) {
		e := app.EnvVar{Name: name}
		if len(secrets) > 0 && g.one(3) {
			e.Secret = pick(g, secrets)
		} else {
			e.Value = g.text()
		}
		list = append(list, e)
	}
	byKey(list, func(e app.EnvVar) string { return e.Name })
	return list
}

func byKey[T any](list []T, key func(T) string) {
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(key(a), key(b)) })
}

// names are those of everything in an application.
type names struct{ services, volumes, secrets, files, folders, scratch, networks []string }

func (g generator) path() string {
	return "/" + pick(g, []string{
		"", "data", "run/secrets/key", "etc/app.ini", "with space", "a:b", "a,b=c", "$HOME/x", "ü", "x\ny", `q"'`,
		"dev/shm", "#a",
		fmt.Sprint("p", g.IntN(1000)),
	})
}

func (g generator) mounts(n names, taken map[string]bool) []app.Mount {
	var list []app.Mount
	for range g.IntN(6) {
		m := app.Mount{Path: g.path(), ReadOnly: g.one(2)}
		if taken[m.Path] {
			continue
		}
		source := g.IntN(5)
		of := [][]string{n.volumes, n.files, n.folders, n.secrets, n.scratch}[source]
		if len(of) == 0 {
			continue
		}
		taken[m.Path] = true
		*[]*string{&m.Volume, &m.File, &m.Folder, &m.Secret, &m.Scratch}[source] = pick(g, of)
		if m.Volume != "" && g.one(3) {
			m.SubPath = pick(g, []string{"data", "a/b", "a/../b", ".", "$x", "..a"})
		}
		list = append(list, m)
	}
	byKey(list, func(m app.Mount) string { return m.Path })
	return list
}

func (g generator) image() string {
	return pick(g, []string{
		"a:1", "archive:1.2.3", "registry.example.org:5000/team/app:v1.0-rc.1",
		"postgres@sha256:" + strings.Repeat("0123456789abcdef", 4),
	})
}

// application makes one that uses everything there is; size says how large it may be.
func (g generator) application(size uint8) app.App {
	most := 1 + int(size)%7
	taken := map[string]bool{}
	n := names{
		services: g.labels(1+g.IntN(most), taken), volumes: g.labels(g.IntN(most), map[string]bool{}),
		secrets: g.labels(g.IntN(most), map[string]bool{}), files: g.labels(g.IntN(most), map[string]bool{}),
		folders: g.labels(g.IntN(most), map[string]bool{}),
	}
	for _, network := range g.labels(g.IntN(most), map[string]bool{}) {
		n.networks = append(n.networks, strings.Replace(network, "x-", "y-", 1))
	}
	slices.Sort(n.networks)
	n.networks = slices.Compact(n.networks)
	volumes := map[string]bool{}
	for _, volume := range n.volumes {
		volumes[volume] = true
	}
	n.scratch = g.labels(2, volumes)
	a := app.App{Name: g.label(), Version: g.text()}
	for _, name := range n.files {
		a.Files = append(a.Files, app.File{Name: name, Content: pick(g, []string{g.bytes(), g.text()}), Mode: g.mode()})
	}
	for _, name := range n.folders {
		a.Folders = append(a.Folders, g.folder(name))
	}
	for _, name := range n.secrets {
		s := app.Secret{Name: name, Purpose: g.text()}
		if g.one(2) {
			s.Generate = &app.Generate{
				Length: 16 + g.IntN(50), Alphabet: pick(g, []app.Alphabet{app.Alphanumeric, app.Hexadecimal}),
			}
		}
		a.Secrets = append(a.Secrets, s)
	}
	for i, name := range n.services {
		a.Services = append(a.Services, g.service(name, n, a.Services[:i], taken))
	}
	for i := range a.Services {
		s := &a.Services[i]
		for _, other := range g.some(n.services) {
			if other != s.Name {
				s.ConnectsTo = append(s.ConnectsTo, other)
			}
		}
		slices.Sort(s.ConnectsTo)
	}
	for _, name := range n.volumes {
		v := app.Volume{Name: name, Size: g.size(), Shared: len(a.Mounting(name)) > 1, Data: g.one(2)}
		v.Backup = pick(g, []app.Backup{app.BackupFiles, app.BackupMySQL, app.BackupPostgres, app.BackupNone})
		if v.Data && v.Backup == app.BackupNone {
			v.Backup = app.BackupFiles
		}
		a.Volumes = append(a.Volumes, v)
	}
	g.waysIn(&a, n)
	sorted(&a)
	return a
}

func (g generator) folder(name string) app.Folder {
	f := app.Folder{Name: name, Mode: g.mode()}
	for i := range g.IntN(4) {
		path := pick(g, []string{"lang/stopwords_en.txt", ".hidden", "with space", "$x", "ü", "a/b/c", "..a", "-"})
		f.Files = append(f.Files, app.FolderFile{Path: fmt.Sprintf("%d%s", i, path), Content: g.bytes()})
	}
	return f
}

func (g generator) service(name string, n names, before []app.Service, taken map[string]bool) app.Service {
	s := app.Service{
		Name: name, Aliases: g.labels(g.IntN(3), taken), Image: g.image(), Entrypoint: g.texts(2), Args: g.texts(4),
		WorkingDir: g.text(), Env: g.env(n.secrets), Replicas: 1, Networks: g.some(n.networks), BindCapability: g.one(4),
		StopGrace: time.Duration(g.IntN(2)) * g.span(), ReadOnlyRoot: g.one(2), Terminal: g.one(2),
		Input: g.one(2), PostStart: g.texts(2), PreStop: g.texts(2),
	}
	if g.one(3) {
		s.Hostname = g.label()
	}
	if !s.ReadOnlyRoot {
		s.WritableRootReason = pick(g, []string{g.said(), "the Compose file does not say read_only"})
	}
	if g.one(2) {
		s.User = app.User{UID: g.Int64N(3) * 1000, GID: g.Int64N(3) * 1000}
	}
	if g.one(3) {
		s.Baseline = &app.Baseline{Reason: g.said(), StepDown: g.one(2)}
	}
	for _, e := range s.Env {
		if g.one(3) {
			s.Expand = append(s.Expand, e.Name)
		}
	}
	for _, group := range []int64{7, 3, 100000} {
		if g.one(3) {
			s.Groups = append(s.Groups, group)
		}
	}
	for _, sysctl := range g.some(app.SafeSysctls()[:2]) {
		s.Sysctls = append(s.Sysctls, app.Sysctl{Name: sysctl, Value: g.text()})
	}
	s.Resources = app.Resources{
		CPURequest: g.Int64N(500), CPULimit: pick(g, []int64{0, 500, 1001, 15_999_999}),
		MemoryRequest: g.Int64N(1 << 20), MemoryLimit: pick(g, []int64{0, 1 << 20, 1<<20 + 1, 4 << 30, 1<<60 + 1}),
		GPUs: g.Int64N(3),
	}
	g.storage(&s, n)
	g.surroundings(&s, before)
	if g.one(4) {
		s.Role = app.RoleTask
		s.Job = &app.Job{Release: g.one(2), Deadline: g.span(), Retries: g.IntN(3)}
		return s
	}
	s.Role = pick(g, []app.Role{app.RoleWeb, app.RoleWorker, app.RoleDatabase, app.RoleSearch, app.RoleCache})
	if s.Replicas = 1 + g.IntN(3); g.one(3) {
		s.Replicas, s.Singleton = 1, g.said()
	}
	g.listen(&s)
	return s
}

func (g generator) storage(s *app.Service, n names) {
	paths := map[string]bool{}
	s.Mounts = g.mounts(n, paths)
	for range g.IntN(4) {
		w := app.WritablePath{Path: g.path(), Memory: g.one(2), Size: int64(g.IntN(2)) * g.size()}
		if !paths[w.Path] {
			s.WritablePaths, paths[w.Path] = append(s.WritablePaths, w), true
		}
	}
	for _, name := range g.labels(g.IntN(3), map[string]bool{s.Name: true}) {
		init := app.Init{
			Name: name, Image: g.image(), Entrypoint: g.texts(2), Args: g.texts(2), Env: g.env(n.secrets),
			Mounts: g.mounts(n, map[string]bool{}), User: s.User,
		}
		if g.one(2) {
			init.User = app.User{UID: g.Int64N(3), GID: g.Int64N(3)}
		}
		s.Init = append(s.Init, init)
	}
}

func (g generator) surroundings(s *app.Service, before []app.Service) {
	for i, address := range []string{"192.0.2.7", "2001:db8::1", "::ffff:192.0.2.8"} {
		if g.one(4) {
			s.ExtraHosts = append(s.ExtraHosts,
				app.Host{Address: address, Names: [][]string{{"a.example.org", "b"}, {"b"}, {"9"}}[i]})
		}
	}
	for _, l := range []app.Label{
		{Key: "kubernetes.io/arch", Value: pick(g, []string{"arm64", "", "Odd.Value"})}, {Key: "gpu"},
		{Key: "node.labels.x/role", Value: "a-b_c.d"}, {Key: "node.role", Value: "manager"},
	} {
		if g.one(4) {
			s.Placement = append(s.Placement, l)
		}
	}
	for _, e := range []app.Egress{
		{Name: "web", Ports: []int{443, 80}, Reason: g.said()},
		{Name: "0", CIDRs: []string{"192.0.2.0/24", "2001:db8::/32"}, Ports: []int{25}, Reason: g.said()},
	} {
		if g.one(3) {
			s.Egress = append(s.Egress, e)
		}
	}
	for _, other := range before {
		d := app.Dependency{Service: other.Name, Condition: app.Started, NoTraffic: g.one(3)}
		switch {
		case g.one(2):
			continue
		case other.Job != nil:
			d.Condition = app.Completed
		case other.Health != nil:
			d.Condition = app.Healthy
		}
		s.DependsOn = append(s.DependsOn, d)
	}
}

func (g generator) listen(s *app.Service) {
	for i, number := range []int{1, 80, 8080, 65535} {
		for _, protocol := range []app.Protocol{app.TCP, app.UDP} {
			lower := strings.ToLower(string(protocol))
			p := app.Port{Number: number, Protocol: protocol, Name: fmt.Sprintf("%s-%d", lower, number)}
			if g.one(2) {
				p.Name = fmt.Sprintf("%dhttp-%s", i, lower)
			}
			if g.one(4) {
				s.Ports = append(s.Ports, p)
			}
		}
	}
	if g.one(3) {
		return
	}
	s.Health = &app.Health{
		Interval: g.span(), Timeout: g.span(), Retries: pick(g, []int{1, 3, 1 << 40}),
		StartPeriod: time.Duration(g.IntN(2)) * g.span(),
	}
	switch {
	case len(s.Ports) > 0 && g.one(3):
		s.Health.HTTP, s.Health.Port = "/"+g.text(), s.Ports[0].Number
	case len(s.Ports) > 0 && g.one(2):
		s.Health.TCP, s.Health.Port = true, s.Ports[0].Number
	default:
		s.Health.Exec = pick(g, [][]string{
			{g.text()}, {"NONE"}, {"curl", "-f", "http://localhost:80/"},
			{"/bin/sh", "-c", "curl -f http://localhost || exit 1"},
			{"CMD-SHELL", g.text()},
		})
		s.Health.Port = pick(g, []int{0, 0, 80})
	}
}

func (g generator) waysIn(a *app.App, n names) {
	routes, openings := map[string]bool{}, map[string]bool{}
	for _, s := range a.Services {
		for _, p := range s.Ports {
			for _, name := range g.labels(g.IntN(3), routes) {
				a.Routes = append(a.Routes, app.Route{
					Name: name, Host: pick(g, []string{"a.example.org", "localhost", "9"}), Path: g.path(), Service: s.Name,
					Port: p.Number, BodySize: int64(g.IntN(2)) * g.size(), Timeout: g.span(), After: g.some(n.services),
				})
			}
			for _, name := range g.labels(g.IntN(2), openings) {
				a.Openings = append(a.Openings, app.Opening{
					Name: name, Service: s.Name, Port: p.Number, Protocol: p.Protocol, From: []string{"192.0.2.0/24", "::/0"},
				})
			}
		}
	}
}

func sorted(a *app.App) {
	byKey(a.Services, func(s app.Service) string { return s.Name })
	byKey(a.Volumes, func(v app.Volume) string { return v.Name })
	byKey(a.Secrets, func(s app.Secret) string { return s.Name })
	byKey(a.Files, func(f app.File) string { return f.Name })
	byKey(a.Folders, func(f app.Folder) string { return f.Name })
	byKey(a.Routes, func(r app.Route) string { return r.Name })
	byKey(a.Openings, func(o app.Opening) string { return o.Name })
	for i := range a.Services {
		s := &a.Services[i]
		slices.Sort(s.Aliases)
		byKey(s.DependsOn, func(d app.Dependency) string { return d.Service })
		byKey(s.Egress, func(e app.Egress) string { return e.Name })
		byKey(s.ExtraHosts, func(h app.Host) string { return h.Address })
		byKey(s.Placement, func(l app.Label) string { return l.Key })
		byKey(s.WritablePaths, func(w app.WritablePath) string { return w.Path })
	}
	for i := range a.Folders {
		byKey(a.Folders[i].Files, func(f app.FolderFile) string { return f.Path })
	}
}

// withoutEmpty makes nil of every empty list in a value.
func withoutEmpty(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // the others hold no lists
	case reflect.Pointer:
		if !v.IsNil() {
			withoutEmpty(v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			withoutEmpty(field)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			v.SetZero()
		}
		for i := range v.Len() {
			withoutEmpty(v.Index(i))
		}
	}
}

// roundTrip writes an application and reads it back. What was read once must come back to the last detail.
func roundTrip(t *testing.T, a app.App) compose.Source {
	t.Helper()
	require.Empty(t, a.Validate())
	source, err := compose.Write(a)
	require.NoError(t, err)
	loaded, err := compose.Load(t.Context(), source)
	require.NoError(t, err, "%s", source.Files[0].Content)
	again, err := compose.Write(loaded.App)
	require.NoError(t, err)
	assert.Equal(t, string(source.Files[0].Content), string(again.Files[0].Content))
	twice := load(t, again)
	assert.Equal(t, loaded.App, twice.App)
	withoutEmpty(reflect.ValueOf(&a))
	withoutEmpty(reflect.ValueOf(&loaded.App))
	require.Equal(t, a, loaded.App, "%s", source.Files[0].Content)
	assert.Empty(t, loaded.SecretValues)
	return source
}

// filled notes the fields that are not zero.
func filled(v reflect.Value, seen map[string]bool) {
	switch v.Kind() { //nolint:exhaustive // the others have no fields
	case reflect.Pointer:
		if !v.IsNil() {
			filled(v.Elem(), seen)
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			if !value.IsZero() {
				seen[v.Type().Name()+"."+field.Name] = true
			}
			filled(value, seen)
		}
	case reflect.Slice:
		for i := range v.Len() {
			filled(v.Index(i), seen)
		}
	}
}

// fieldsOf are the fields of a type and of those that it is made of.
func fieldsOf(t reflect.Type, all map[string]bool) {
	switch t.Kind() { //nolint:exhaustive // the others have no fields
	case reflect.Pointer, reflect.Slice:
		fieldsOf(t.Elem(), all)
	case reflect.Struct:
		for field := range t.Fields() {
			all[t.Name()+"."+field.Name] = true
			fieldsOf(field.Type, all)
		}
	}
}

func random(seed uint64, size uint8) app.App {
	return generator{rand.New(rand.NewPCG(seed, uint64(size)))}.application(size) //nolint:gosec // no secrets are made
}

func TestRoundTripOfRandomApplications(t *testing.T) {
	t.Parallel()
	const seeds = 300
	seen, all := map[string]bool{}, map[string]bool{}
	fieldsOf(reflect.TypeFor[app.App](), all)
	for seed := range uint64(seeds) {
		a := random(seed, uint8(seed))
		filled(reflect.ValueOf(a), seen)
		source := roundTrip(t, a)
		if seed%10 == 0 {
			understood(t, a, source)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	assert.Equal(t, all, seen, "every field of every part was set once")
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(uint64(1), uint8(1))
	f.Add(uint64(2), uint8(6))
	f.Fuzz(func(t *testing.T, seed uint64, size uint8) { roundTrip(t, random(seed, size)) })
}

// understood has the file read the way Docker Compose does, from a folder on disk.
func understood(t *testing.T, a app.App, source compose.Source) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, source.Assets))
	name := filepath.Join(dir, source.Files[0].Path)
	require.NoError(t, os.WriteFile(name, source.Files[0].Content, 0o600))
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: dir, ConfigFiles: []types.ConfigFile{{Filename: name}}, Environment: types.Mapping{},
	}, func(o *loader.Options) { o.SetProjectName(a.Name, true) })
	require.NoError(t, err)
	require.Len(t, project.Services, len(a.Services))
	for _, s := range a.Services {
		spec := project.Services[s.Name]
		assert.Equal(t, s.Image, spec.Image)
		assert.Len(t, spec.Command, len(s.Args))
		for _, e := range s.Env {
			if e.Secret == "" && assert.NotNil(t, spec.Environment[e.Name]) {
				assert.Equal(t, e.Value, *spec.Environment[e.Name])
			}
		}
		for _, d := range s.DependsOn {
			assert.Equal(t, string(d.Condition), spec.DependsOn[d.Service].Condition)
		}
		for _, v := range spec.Volumes {
			if v.Type == types.VolumeTypeBind {
				assert.DirExists(t, v.Source)
			}
		}
	}
	for _, f := range a.Files {
		content, err := fs.ReadFile(source.Assets, "files/"+f.Name)
		require.NoError(t, err)
		assert.Equal(t, f.Content, string(content))
		assert.FileExists(t, project.Configs[f.Name].File)
	}
	reachable(t, a, project)
}

// reachable checks that services that may connect to each other share a network.
func reachable(t *testing.T, a app.App, project *types.Project) {
	t.Helper()
	for _, edge := range a.Edges() {
		if edge.Network != "" {
			assert.Contains(t, project.Services[edge.To].Networks, edge.Network)
			continue
		}
		shared := false
		for network := range project.Services[edge.From].Networks {
			_, both := project.Services[edge.To].Networks[network]
			shared = shared || both
		}
		assert.True(t, shared, edge.Slug())
	}
}

func TestRoundTripOfHardTexts(t *testing.T) {
	t.Parallel()
	for i, text := range hardTexts() {
		t.Run(fmt.Sprint(i, " ", strings.ToValidUTF8(text[:min(len(text), 20)], "")), func(t *testing.T) {
			t.Parallel()
			said := cmp.Or(text, "-")
			env := []app.EnvVar{{Name: "A", Value: text}, {Name: "SECRET_TOKEN", Value: text}}
			roundTrip(t, app.App{
				Name: "archive", Version: text,
				Services: []app.Service{{
					Name: "web", Image: "a:1", Entrypoint: []string{text, "x"}, Args: []string{"x", text, text}, WorkingDir: text,
					Env: env, Replicas: 1, Singleton: text, PostStart: []string{text}, PreStop: []string{text},
					Sysctls: []app.Sysctl{{Name: "net.ipv4.tcp_syncookies", Value: text}}, WritableRootReason: said,
					Role: app.RoleWorker, Health: &app.Health{Exec: []string{text}, Interval: 1, Timeout: 1, Retries: 1},
					Egress: []app.Egress{{Name: "web", Ports: []int{443}, Reason: said}}, Baseline: &app.Baseline{Reason: said},
					Mounts: []app.Mount{{Path: "/c", File: "conf"}, {Path: "/v", Volume: "v", SubPath: strings.Trim(text, "/")}},
					Init: []app.Init{{
						Name: "prepare", Image: "a:1", Entrypoint: []string{text}, Args: []string{text, text}, Env: env,
					}},
				}},
				Volumes: []app.Volume{{Name: "v", Size: 1, Backup: app.BackupNone}},
				Secrets: []app.Secret{{Name: "key", Purpose: text}},
				Files:   []app.File{{Name: "conf", Content: text}},
				Folders: []app.Folder{{Name: "lang", Files: []app.FolderFile{{Path: "a", Content: text}}}},
			})
		})
	}
}

func TestRoundTripOfSEEK(t *testing.T) {
	t.Parallel()
	for _, profile := range seek.Profiles() {
		for name, change := range map[string]func(*seek.Options){
			"minimal":  func(*seek.Options) {},
			"virtuoso": func(o *seek.Options) { o.Virtuoso = true },
			"scaled":   func(o *seek.Options) { o.Replicas, o.SharedStorage = 3, true },
			"mail": func(o *seek.Options) {
				o.Mail = &seek.Mail{Host: "mail.example.org", Port: 587, From: "seek@example.org", User: "seek"}
			},
		} {
			t.Run(profile.Minor+" "+name, func(t *testing.T) {
				t.Parallel()
				options := seek.Options{
					Name: "seek", Version: profile.Minor, Host: "seek.example.org",
					Administrator: seek.Administrator{Email: "admin@example.org"},
				}
				if profile.Preview {
					options.Image = "registry.example.org/seek:1.19.0-1"
				}
				change(&options)
				a, err := seek.New(t.Context(), options)
				require.NoError(t, err)
				source, err := compose.Write(a)
				require.NoError(t, err)
				require.Equal(t, a, load(t, source).App)
				understood(t, a, roundTrip(t, a))
			})
		}
	}
}

func TestWriteSaysWhatComposeCanSay(t *testing.T) {
	t.Parallel()
	source, err := compose.Write(app.App{
		Name: "archive", Version: "4.5",
		Services: []app.Service{
			{
				Name: "db", Image: "postgres:17.2", Aliases: []string{"sql"}, Replicas: 1, Role: app.RoleDatabase,
				ReadOnlyRoot: true, User: app.User{UID: 999, GID: 999},
				Ports:  []app.Port{{Name: "tcp-5432", Number: 5432, Protocol: app.TCP}},
				Env:    []app.EnvVar{{Name: "POSTGRES_PASSWORD", Secret: "db"}},
				Mounts: []app.Mount{{Path: "/var/lib/postgresql/data", Volume: "db", SubPath: "data"}},
				Health: &app.Health{
					Exec: []string{"pg_isready", "-U", "$USER"}, Interval: time.Second, Timeout: time.Second, Retries: 3,
				},
				WritablePaths: []app.WritablePath{{Path: "/run", Memory: true, Size: 64 << 20}},
			},
			{
				Name: "web", Image: "archive:1.2.3", Replicas: 2, Role: app.RoleWeb, WritableRootReason: "caches beside its code",
				Ports: []app.Port{
					{Name: "http", Number: 80, Protocol: app.TCP},
					{Name: "mail", Number: 2525, Protocol: app.TCP},
				},
				Args: []string{"/bin/sh", "-c", "set -e\nexec serve \"$PORT\"\n"},
				Mounts: []app.Mount{
					{Path: "/etc/lang", Folder: "lang", ReadOnly: true},
					{Path: "/etc/x", File: "x", ReadOnly: true},
				},
				DependsOn: []app.Dependency{{Service: "db", Condition: app.Healthy}},
				Resources: app.Resources{CPULimit: 1500, MemoryLimit: 2 << 30},
				Placement: []app.Label{{Key: "kubernetes.io/arch", Value: "amd64"}},
			},
		},
		Volumes: []app.Volume{{Name: "db", Size: 20 << 30, Data: true, Backup: app.BackupPostgres}},
		Secrets: []app.Secret{{Name: "db", Generate: &app.Generate{Length: 32, Alphabet: app.Hexadecimal}}},
		Files:   []app.File{{Name: "x", Content: "x", Mode: 0o440}},
		Folders: []app.Folder{{Name: "lang"}},
		Routes: []app.Route{
			{Name: "site", Host: "a.example.org", Path: "/", Service: "web", Port: 80, Timeout: time.Minute},
		},
		Openings: []app.Opening{
			{Name: "mail", Service: "web", Port: 2525, Protocol: app.TCP, From: []string{"192.0.2.0/24"}},
		},
	})
	require.NoError(t, err)
	assert.Equal(t, `# Written by dmcloud: changes are lost.
name: archive
services:
  db:
    image: postgres:17.2
    user: "999:999"
    read_only: true
    cap_drop: [ALL]
    security_opt: ['no-new-privileges:true']
    networks:
      to_db:
        aliases: [sql]
    expose: ["5432"]
    volumes:
      - type: volume
        source: db
        target: /var/lib/postgresql/data
        volume:
          subpath: data
    tmpfs: ["/run:size=64M"]
    healthcheck:
      test: [CMD, pg_isready, "-U", "$$USER"]
      interval: "1s"
      timeout: "1s"
      retries: 3
    restart: unless-stopped
    x-dmcloud:
      role: database
      secret-environment:
        POSTGRES_PASSWORD: db
  web:
    image: archive:1.2.3
    platform: linux/amd64
    command:
      - /bin/sh
      - "-c"
      - |
        set -e
        exec serve "$$PORT"
    cap_drop: [ALL]
    security_opt: ['no-new-privileges:true']
    depends_on:
      db:
        condition: service_healthy
    networks: [to_db]
    expose: ["80"]
    ports:
      - name: mail
        target: 2525
        published: "2525"
        protocol: tcp
    volumes:
      - type: bind
        source: ./folders/lang
        target: /etc/lang
        read_only: true
        bind:
          create_host_path: false
    configs:
      - source: x
        target: /etc/x
    restart: unless-stopped
    deploy:
      replicas: 2
      resources:
        limits:
          cpus: "1.5"
          memory: "2G"
    x-dmcloud:
      role: web
      writable-root: caches beside its code
      port-names:
        http: "80"
      routes:
        - name: site
          port: 80
          path: /
          timeout: "1m0s"
      openings:
        - name: mail
          port: 2525
          protocol: tcp
networks:
  to_db:
    x-dmcloud:
      edge: true
volumes:
  db:
    x-dmcloud:
      size: "20Gi"
      data: true
      backup: postgres
configs:
  x:
    file: ./files/x
    x-dmcloud:
      mode: "0440"
secrets:
  db:
    environment: SECRET_DB
    x-dmcloud:
      generate:
        length: 32
        alphabet: hexadecimal
x-dmcloud:
  version: "4.5"
  folders:
    lang:
      path: folders/lang
`, string(source.Files[0].Content))
	assert.Equal(t, map[string]string{"web/site": "a.example.org"}, source.Expose)
	assert.Equal(t, map[string][]string{"web/mail": {"192.0.2.0/24"}}, source.Open)
	require.NoError(t, fstest.TestFS(source.Assets, "files/x", "folders/lang"))
	info, err := fs.Stat(source.Assets, "files/x")
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o440), info.Mode())
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	sound := func() app.App {
		return app.App{Name: "archive", Services: []app.Service{
			{Name: "web", Image: "a:1", Replicas: 1, Role: app.RoleWorker, ReadOnlyRoot: true},
		}}
	}
	for _, c := range []struct {
		change func(*app.App)
		want   string
	}{
		{func(a *app.App) { a.Name = "A" }, "name: A: must be a DNS label"},
		{
			func(a *app.App) { a.Services[0].Networks = []string{"x-a"} },
			"services.web.networks: x-a: Compose takes a name that starts with x- for an extension; choose another name",
		},
		{
			func(a *app.App) { a.Services[0].Resources.CPULimit = 1 << 40 },
			"services.web.resources.cpu: must be at most 16000000",
		},
		{
			func(a *app.App) { a.Folders = []app.Folder{{Name: "f", Files: []app.FolderFile{{Path: "."}}}} },
			`folders.f.files: ".": can't be the path of a file`,
		},
		{
			func(a *app.App) {
				a.Folders = []app.Folder{{Name: "f", Files: []app.FolderFile{{Path: "a"}, {Path: "a/b/c"}}}}
			},
			"folders.f.files: a/b/c: is below something that is a file itself",
		},
		{func(a *app.App) { a.Services[0].Args = []string{"\xff"} }, "UTF-8"},
	} {
		a := sound()
		c.change(&a)
		_, err := compose.Write(a)
		require.ErrorContains(t, err, "writing the Compose file of")
		require.ErrorContains(t, err, c.want)
	}
}

func TestWhatWrittenFilesNeedIsReadStrictly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ keys, want string }{
		{"x-dmcloud: {read-write: [/x]}", "services.web.x-dmcloud.read-write[0]: /x: nothing is mounted there"},
		{
			"x-dmcloud: {port-names: {http: '80'}}",
			"services.web.x-dmcloud.port-names.http: 80: the service has no such port; add",
		},
		{"user: '5:6'\nx-dmcloud: {group: 7}", "services.web.x-dmcloud.group: the service has a user; write the group there"},
		{"x-dmcloud: {routes: [{prt: 80}]}", "services.web.x-dmcloud.routes[0].prt: unknown key"},
		{"x-dmcloud: {openings: [{from: []}]}", "services.web.x-dmcloud.openings[0].from: unknown key"},
		{
			"x-dmcloud: {health: {exec: ['http://u:CANARY-url@db'], interval: 1s, timeout: 1s, retries: 1}}",
			"services.web.x-dmcloud.health.exec: a secret on a command line is seen by every process",
		},
		{"x-dmcloud: {init: [{name: i, folders: [{source: f, target: /f}]}]}", "no such folder"},
	} {
		_, err := compose.Load(t.Context(), embedded(service(c.keys)))
		require.ErrorContains(t, err, c.want)
	}
	const web = "services: {web: {image: 'a:1', expose: ['80'], x-dmcloud: {role: web, " +
		"routes: [{name: site, port: 80}], openings: [{name: dns, port: 80}]}}}\n"
	for top, want := range map[string]string{
		"x-dmcloud: {folders: {f: {path: ../f}}}":             "x-dmcloud.folders.f.path: must be a folder inside",
		"x-dmcloud: {folders: {f: {path: nowhere}}}":          "x-dmcloud.folders.f.path: nowhere: the folder cannot be read",
		"x-dmcloud: {folders: {f: {path: conf, mode: '9'}}}":  "x-dmcloud.folders[f].mode: must be a file mode such as",
		"x-dmcloud: {folders: {f: {path: large}}}":            "x-dmcloud.folders.f.path: large: configuration can hold",
		"x-dmcloud: {folders: {f: {path: secret}}}":           "x-dmcloud.folders.f.path: key.pem: the content looks like",
		"networks: {n: {x-dmcloud: {edges: true}}}":           "networks.n.x-dmcloud.edges: unknown key; did you mean edge?",
		"configs: {c: {content: x, x-dmcloud: {mode: 0440}}}": "configs.c",
	} {
		file := web + top
		if strings.HasPrefix(top, "configs") {
			file = strings.Replace(file, "image: 'a:1'", "image: 'a:1', configs: [c]", 1)
		}
		source := embedded(file)
		source.Assets = fstest.MapFS{
			"conf/app.ini": {}, "large/file": {Data: make([]byte, app.MaximumFile+1)},
			"secret/key.pem": {Data: []byte("-----BEGIN PRIVATE KEY-----CANARY")},
		}
		_, err := compose.Load(t.Context(), source)
		require.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "CANARY")
	}
	source := embedded(web)
	loaded := load(t, source)
	assert.Empty(t, loaded.App.Routes)
	assert.Empty(t, loaded.App.Openings)
	assert.Equal(t, []string{
		"services.web.x-dmcloud: kept",
		"services.web.x-dmcloud.openings[0]: ignored the environment does not say who may connect",
		"services.web.x-dmcloud.routes[0]: ignored the environment gives the route no host",
	}, verdicts(loaded.Verdicts, "services.web.x-dmcloud"))
	source.Expose = map[string]string{"web/site": "a.example.org", "web/other": "b.example.org", "wbe/site": "c.org"}
	source.Open = map[string][]string{"web/dns": {"192.0.2.0/24"}, "web/other": nil}
	_, err := compose.Load(t.Context(), source)
	var problems *problem.Error
	require.ErrorAs(t, err, &problems)
	assert.Equal(t, "3 problems:\n  1. expose.wbe/site: no such active service\n"+
		"  2. expose.web/other: the service has nothing of that name\n"+
		"  3. open.web/other: the service has nothing of that name", problems.Error())
}

func TestFoldersThatAFileDeclares(t *testing.T) {
	t.Parallel()
	loaded := load(t, embedded("x-dmcloud: {folders: {settings: {path: conf, mode: '0400'}}}\n"+
		"services: {web: {image: 'a:1', volumes: ['./conf:/etc/app:ro']}}\n"))
	assert.Equal(t, []app.Folder{{
		Name: "settings", Mode: 0o400, Files: []app.FolderFile{{Path: "app.ini", Content: "mode=fast\n"}},
	}}, loaded.App.Folders)
	assert.Equal(t, []app.Mount{{Path: "/etc/app", Folder: "settings", ReadOnly: true}}, loaded.App.Services[0].Mounts)
}
