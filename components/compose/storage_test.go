package compose_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/compose"
)

// mounting is a source whose service web has mounts, with files beside it.
func mounting(t *testing.T, mounts string, files map[string]string) compose.Source {
	t.Helper()
	return beside(t, web+"    volumes: "+mounts+"\n", files)
}

func TestFilesBesideTheComposeFileAreCarriedAlong(t *testing.T) {
	t.Parallel()
	binary := "\x00\xff\xfe"
	for name, c := range map[string]struct {
		mounts string
		files  map[string]string
		want   app.File
	}{
		"a text": {
			"['./conf/app.ini:/etc/app.ini:ro']", map[string]string{"conf/app.ini": "a=1\n"},
			app.File{Name: "conf-app-ini", Content: "a=1\n"},
		},
		"what is not text": {
			"[./logo.png:/logo.png]", map[string]string{"logo.png": binary}, app.File{Name: "logo-png", Content: binary},
		},
		"a file of any name": {
			"[./My_File:/f]", map[string]string{"My_File": "x"}, app.File{Name: "my-file", Content: "x"},
		},
		"an empty file": {"[./f.txt:/f]", map[string]string{"f.txt": ""}, app.File{Name: "f-txt"}},
		"the largest": {
			"[./f:/f]", map[string]string{"f": strings.Repeat("x", 1<<20)},
			app.File{Name: "f", Content: strings.Repeat("x", 1<<20)},
		},
		"in the longer writing": {
			"[{type: bind, source: ./f, target: /f}]", map[string]string{"f": "x"}, app.File{Name: "f", Content: "x"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loaded := load(t, mounting(t, c.mounts, c.files))
			assert.Equal(t, []app.File{c.want}, loaded.App.Files)
			mounts := loaded.App.Service("web").Mounts
			require.Len(t, mounts, 1)
			assert.Equal(t, app.Mount{Path: mounts[0].Path, File: c.want.Name, ReadOnly: true}, mounts[0])
			assert.Equal(t, []string{
				"services.web.volumes: kept",
				"services.web.volumes[0]: hardened the file is carried along, and can't be changed from inside",
			}, verdicts(loaded.Verdicts, "services.web.volumes"))
		})
	}
}

func TestAProgramBesideTheComposeFileCanBeRun(t *testing.T) {
	t.Parallel()
	source := mounting(t, "[./start.sh:/start.sh, ./scripts:/etc/scripts]", map[string]string{
		"start.sh": "#!/bin/sh\n", "scripts/a.sh": "#!/bin/sh\n", "scripts/b.txt": "b",
	})
	require.NoError(t, os.Chmod(filepath.Join(source.Dir, "start.sh"), 0o755))
	require.NoError(t, os.Chmod(filepath.Join(source.Dir, "scripts/a.sh"), 0o755))
	a := load(t, source).App
	assert.Equal(t, 0o555, a.Files[0].Mode)
	assert.Equal(t, 0o555, a.Folders[0].Mode)
}

func TestFilesNameServicesThatResolve(t *testing.T) {
	t.Parallel()
	source := beside(t, "services:\n  proxy: {image: 'nginx:1.28.0', volumes: "+
		"['./nginx.conf:/etc/nginx/nginx.conf', './d:/etc/d']}\n"+
		"  my_app: {image: 'a:1', user: '1:1'}\n", map[string]string{
		"nginx.conf": "proxy_pass http://my_app:8000; # my_app", "d/x.conf": "upstream u { server my_app:9000; }",
	})
	a := load(t, source).App
	assert.Equal(t, "proxy_pass http://my-app:8000; # my_app", a.Files[0].Content)
	assert.Equal(t, "upstream u { server my-app:9000; }", a.Folders[0].Files[0].Content)
	assert.NotNil(t, a.Service("my-app").Port(8000))
	assert.NotNil(t, a.Service("my-app").Port(9000))
	assert.Equal(t, []string{"my-app"}, a.Service("proxy").ConnectsTo)
}

func TestMountsThatAreRefused(t *testing.T) {
	t.Parallel()
	const source = "mounts a folder of the host with more than configuration in it; " +
		"source code belongs into the image, data on a volume, configuration into a folder of its own"
	const socket = "gives control over the container engine, and with it the host; remove it, and the service where " +
		"that is all it is for: the cluster runs containers, and expose makes routes"
	const outside = "mounts a folder of the host; " +
		"use a volume and copy the data into it, or keep a configuration file beside the Compose file"
	for name, c := range map[string]struct {
		mounts string
		files  map[string]string
		want   string
	}{
		"a file that is too large": {
			"[./f:/f]", map[string]string{"f": strings.Repeat("x", 1<<20+1)},
			"f: holds 1048577 bytes, and configuration can hold 1048576 at most; put it into the image or on a volume",
		},
		"a file that is missing": {
			"[./conf/app.ini:/etc/app.ini]", nil, "conf/app.ini: is not there; write this file beside the Compose file",
		},
		"what is missing and only read": {
			"[./data:/data:ro]", nil, "data: is not there; write this file beside the Compose file",
		},
		"a folder of the host":    {"[/etc:/host]", nil, "/host: " + outside},
		"the folder above":        {"[../:/up]", nil, "/up: " + outside},
		"a way out of the folder": {"[./conf/../../x:/x]", nil, "/x: " + outside},
		"the home":                {"['~/x:/x']", nil, "/x: " + outside},
		"the folder itself": {
			"['.:/app']", nil, ".: mounts the folder of the Compose file itself; " +
				"source code belongs into the image, data on a volume, configuration into a folder of its own",
		},
		"the Docker socket": {
			"['/var/run/docker.sock:/var/run/docker.sock:ro']", nil,
			"/var/run/docker.sock: " + socket,
		},
		"another engine's socket": {
			"['/run/podman/podman.sock:/s']", nil, "/s: " + socket,
		},
		"source code": {
			"['./src:/opt/conf']", map[string]string{"src/a.conf": "x", "src/main.py": "x"},
			"src: " + strings.Replace(source, "in it", "in it, src/main.py", 1),
		},
		"source code further in": {
			"['./src:/opt/conf']", map[string]string{"src/a/b/main.go": "x"},
			"src: " + strings.Replace(source, "in it", "in it, src/a/b/main.go", 1),
		},
		"a part of the host's system": {
			"['/proc:/host/proc:ro']", nil, "/host/proc: mounts a folder of the host's system; remove it, and the service " +
				"where that is all it is for: the cluster watches its own machines",
		},
		"a file that asks Docker's name server": {
			"['./nginx.conf:/etc/nginx/nginx.conf']", map[string]string{"nginx.conf": "# 127.0.0.11\nresolver 127.0.0.11;\n"},
			"nginx.conf: names Docker's own DNS server, 127.0.0.11, which a cluster does not have; write " +
				"kube-dns.kube-system.svc.cluster.local, and full names such as <service>.archive.svc.cluster.local for what is " +
				"looked up there",
		},
		"files where a program may write": {
			"['./data:/var/lib/data']", map[string]string{"data/a.json": "{}"}, "data: " + source,
		},
		"a folder that is too large": {
			"['./conf:/etc/conf']", map[string]string{"conf/a.txt": strings.Repeat("x", 1<<20), "conf/b.txt": "x"},
			"conf: holds 1048577 bytes, and configuration can hold 1048576 at most; " +
				"source code belongs into the image, data on a volume, configuration into a folder of its own",
		},
		"a pipe": {
			"[{type: npipe, source: '\\\\.\\pipe\\x', target: /x}]", nil,
			"npipe: this type of mount is not supported; use a volume",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compose.Load(t.Context(), mounting(t, c.mounts, c.files))
			assert.Equal(t, []string{"services.web.volumes[0]: " + c.want}, problems(t, err))
		})
	}
}

func TestAFolderOfTooManyFilesIsRefused(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 200 {
		files["conf/"+strings.Repeat("a", i+1)] = "x"
	}
	a := load(t, mounting(t, "['./conf:/etc/conf']", files)).App
	assert.Len(t, a.Folders[0].Files, 200)
	files["conf/b"] = "x"
	_, err := compose.Load(t.Context(), mounting(t, "['./conf:/etc/conf']", files))
	require.ErrorContains(t, err, "mounts a folder of the host with more than configuration in it")
}

func TestLinksDontLeadOutOfTheFolder(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "hosts.txt"), []byte("CANARY"), 0o600))
	const leaves = "cannot be read, or is a link that leads out of the folder of the Compose file; put the file " +
		"itself there"
	for name, c := range map[string]struct {
		keys, link, to string
		want           string
	}{
		"a file": {
			"volumes: ['./l.txt:/l.txt']", "l.txt", outside + "/hosts.txt", "services.web.volumes[0]: l.txt: " + leaves,
		},
		"a folder": {"volumes: ['./l:/etc/l']", "l", outside, "services.web.volumes[0]: l: " + leaves},
		"a file in such a folder": {
			"volumes: ['./l/hosts.txt:/l.txt']", "l", outside, "services.web.volumes[0]: l/hosts.txt: " + leaves,
		},
		"a file in a folder": {
			"volumes: ['./conf:/etc/conf']", "conf/l.txt", outside + "/hosts.txt",
			"services.web.volumes[0]: conf: mounts a folder of the host with more than configuration in it; " +
				"source code belongs into the image, data on a volume, configuration into a folder of its own",
		},
		"a config": {
			"configs: [c]\nconfigs: {c: {file: l.txt}}", "l.txt", outside + "/hosts.txt",
			"configs.c.file: l.txt: the file cannot be read; write it, readable for you, beside the Compose file",
		},
		"a secret": {
			"secrets: [c]\nsecrets: {c: {file: l.txt}}", "l.txt", outside + "/hosts.txt",
			"secrets.c.file: l.txt: the file cannot be read; write it, readable for you, beside the Compose file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := beside(t, web+"    "+c.keys+"\n", map[string]string{"conf/a.txt": "a"})
			require.NoError(t, os.Symlink(c.to, filepath.Join(source.Dir, c.link)))
			loaded, err := compose.Load(t.Context(), source)
			assert.Equal(t, []string{c.want}, problems(t, err))
			nowhere(t, loaded)
		})
	}

	source := mounting(t, "['./l.txt:/l.txt']", map[string]string{"conf/a.txt": "a"})
	require.NoError(t, os.Symlink("conf/a.txt", filepath.Join(source.Dir, "l.txt")))
	a := load(t, source).App
	assert.Equal(t, []app.File{{Name: "l-txt", Content: "a"}}, a.Files, "one that stays inside is followed")
}

func TestFoldersOfConfigurationAreCarriedAlong(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"conf/b.yml": "b", "conf/a/deep/x.conf": "x", "conf/.gitkeep": "", "conf/a/.gitignore": "*", "conf/logo.png": "\xff",
	}
	want := app.Folder{Name: "conf", Files: []app.FolderFile{
		{Path: "a/deep/x.conf", Content: "x"}, {Path: "b.yml", Content: "b"}, {Path: "logo.png", Content: "\xff"},
	}}
	for _, mounts := range []string{
		"['./conf:/etc/web']", "['./conf:/anything:ro']", "['./conf:/docker-entrypoint-initdb.d']",
		"['./conf:/srv/my-config/']",
	} {
		t.Run(mounts, func(t *testing.T) {
			t.Parallel()
			loaded := load(t, mounting(t, mounts, files))
			assert.Equal(t, []app.Folder{want}, loaded.App.Folders)
			mount := loaded.App.Service("web").Mounts[0]
			assert.Equal(t, app.Mount{Path: mount.Path, Folder: "conf", ReadOnly: true}, mount)
			assert.False(t, strings.HasSuffix(mount.Path, "/"))
			assert.Contains(t, verdicts(loaded.Verdicts, "services.web.volumes"),
				"services.web.volumes[0]: hardened the 3 files are carried along, and can't be changed from inside")
		})
	}
}

func TestFoldersOfDataBecomeVolumes(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"that are not there yet":    nil,
		"that are empty":            {"data/files/.gitkeep": ""},
		"with nothing but a keeper": {"data/files/.keep": "", "data/files/.gitignore": "*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := beside(t, "services:\n"+
				"  a: {image: 'a:1', user: '1:1', volumes: ['./data/files:/files']}\n"+
				"  b: {image: 'a:1', user: '1:1', volumes: ['./data/files/:/other', './data/own:/own']}\n", files)
			loaded := load(t, source)
			a := loaded.App
			assert.Equal(t, []app.Volume{
				{Name: "data-files", Size: 10 << 30, Shared: true, Data: true, Backup: app.BackupFiles},
				{Name: "data-own", Size: 10 << 30, Data: true, Backup: app.BackupFiles},
			}, a.Volumes)
			assert.Equal(t, []app.Mount{{Path: "/files", Volume: "data-files"}}, a.Service("a").Mounts)
			assert.Equal(t, []app.Mount{{Path: "/other", Volume: "data-files"}, {Path: "/own", Volume: "data-own"}},
				a.Service("b").Mounts)
			assert.Contains(t, verdicts(loaded.Verdicts, "services.a.volumes"),
				"services.a.volumes[0]: hardened the folder is a volume, data-files, empty at first")
		})
	}
}

func TestTheTimeOfTheHostIsLeftOut(t *testing.T) {
	t.Parallel()
	loaded := load(t, mounting(t, "['/etc/localtime:/etc/localtime:ro', '/etc/timezone:/etc/timezone']", nil))
	assert.Empty(t, loaded.App.Service("web").Mounts)
	assert.Equal(t, []string{
		"services.web.volumes: kept",
		"services.web.volumes[0]: ignored the time zone of the host; set the variable TZ instead",
		"services.web.volumes[1]: ignored the time zone of the host; set the variable TZ instead",
	}, verdicts(loaded.Verdicts, "services.web.volumes"))
}

func TestDeclaredVolumesThatAreSomethingElse(t *testing.T) {
	t.Parallel()
	declared := func(options string) string {
		return web + "    volumes: ['vol:/etc/v']\nvolumes: {vol: {driver: local, driver_opts: " + options + "}}\n"
	}
	t.Run("a folder in memory", func(t *testing.T) {
		t.Parallel()
		loaded := load(t, beside(t, declared("{type: tmpfs, device: tmpfs, o: 'size=100m,uid=1000'}"), nil))
		assert.Equal(
			t, []app.WritablePath{{Path: "/etc/v", Memory: true, Size: 100 << 20}}, loaded.App.Service("web").WritablePaths,
		)
		assert.Empty(t, loaded.App.Volumes)
		assert.Equal(t, []string{"volumes.vol: hardened a folder in memory, one for each instance that mounts it"},
			verdicts(loaded.Verdicts, "volumes.vol"))
	})
	for _, device := range []string{"./conf", "conf"} {
		t.Run("a folder of configuration: "+device, func(t *testing.T) {
			t.Parallel()
			loaded := load(
				t, beside(t, declared("{type: none, o: bind, device: "+device+"}"), map[string]string{"conf/a.conf": "a"}),
			)
			assert.Equal(t, []app.Mount{{Path: "/etc/v", Folder: "conf", ReadOnly: true}}, loaded.App.Service("web").Mounts)
			assert.Empty(t, loaded.App.Volumes)
			assert.Equal(t,
				[]string{"volumes.vol: hardened the folder it stands for is carried along, see where it is mounted"},
				verdicts(loaded.Verdicts, "volumes.vol"))
		})
	}
	for name, options := range map[string]string{
		"a folder of the host": "{type: none, o: bind, device: /srv/data}",
		"a file server":        "{type: nfs, o: 'addr=192.0.2.1,rw', device: ':/exports'}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compose.Load(t.Context(), beside(t, declared(options), nil))
			assert.Equal(t, []string{
				"volumes.vol.driver_opts: driver options mount folders of the host, or of a server that only it knows; " +
					"remove them; the environment's storage class says where data is",
			}, problems(t, err))
		})
	}
}

const key = "-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n"

func TestFilesWithSecretsBecomeSecrets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mounts string
		files  map[string]string
		// secrets are the names by the paths where they are mounted, and others what else is mounted.
		secrets map[string]string
		others  []app.Mount
	}{
		"a key": {
			"['./tls/key.pem:/key.pem']", map[string]string{"tls/key.pem": key}, map[string]string{"/key.pem": "tls-key-pem"},
			nil,
		},
		"a setting": {
			"['./app.ini:/app.ini']", map[string]string{"app.ini": "user = a\npassword = CANARY\n"},
			map[string]string{"/app.ini": "app-ini"}, nil,
		},
		"a setting in YAML": {
			"['./a.yml:/a.yml']", map[string]string{"a.yml": "db:\n  api_key: 'CANARY'\n"},
			map[string]string{"/a.yml": "a-yml"}, nil,
		},
		"a setting in JSON": {
			"['./a.json:/a.json']", map[string]string{"a.json": "{\n \"client_secret\": \"CANARY\"\n}"},
			map[string]string{"/a.json": "a-json"}, nil,
		},
		"an address": {
			"['./a.txt:/a.txt']", map[string]string{"a.txt": "amqp://u:CANARY@mq\n"}, map[string]string{"/a.txt": "a-txt"},
			nil,
		},
		"a folder": {
			"['./tls:/etc/tls']", map[string]string{"tls/key.pem": key, "tls/sub/cert.pem": "c"},
			map[string]string{"/etc/tls/key.pem": "tls-key-pem", "/etc/tls/sub/cert.pem": "tls-sub-cert-pem"}, nil,
		},
		"two mounts of one": {
			"['./k:/a', './k:/b']", map[string]string{"k": key}, map[string]string{"/a": "k", "/b": "k"}, nil,
		},
		"two files that match": {
			"['./k:/a', './l:/b']", map[string]string{"k": key, "l": key}, map[string]string{"/a": "k", "/b": "k"}, nil,
		},
		"one of two": {
			"['./k:/a', './l:/b']", map[string]string{"k": key, "l": "x"}, map[string]string{"/a": "k"},
			[]app.Mount{{Path: "/b", File: "l", ReadOnly: true}},
		},
		"no reference": {
			"['./a.ini:/a']", map[string]string{
				"a.ini": "password = ${PASSWORD}\ntoken: {{ token }}\nsecret = /run/secrets/x\n",
			},
			map[string]string{}, []app.Mount{{Path: "/a", File: "a-ini", ReadOnly: true}},
		},
		"no switch": {
			"['./a.ini:/a']", map[string]string{"a.ini": "password_auth = true\ntoken_lifetime = 300\n"},
			map[string]string{}, []app.Mount{{Path: "/a", File: "a-ini", ReadOnly: true}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loaded := load(t, mounting(t, c.mounts, c.files))
			nowhere(t, loaded)
			found, others := map[string]string{}, []app.Mount(nil)
			for _, m := range loaded.App.Service("web").Mounts {
				if m.Secret == "" {
					others = append(others, m)
					continue
				}
				assert.True(t, m.ReadOnly)
				found[m.Path] = m.Secret
				assert.NotEmpty(t, loaded.SecretValues[m.Secret].Reveal())
				assert.NotNil(t, loaded.App.Secret(m.Secret))
			}
			assert.Equal(t, c.secrets, found)
			assert.Equal(t, c.others, others)
			if len(found) > 0 {
				assert.Empty(t, loaded.App.Folders)
			}
		})
	}
}

func TestConfigsWithSecretsBecomeSecrets(t *testing.T) {
	t.Parallel()
	loaded := load(
		t, beside(t, web+"    configs: [{source: c, target: /etc/c}]\nconfigs: {c: {content: 'password: CANARY'}}\n", nil),
	)
	nowhere(t, loaded)
	assert.Equal(t, []app.Mount{{Path: "/etc/c", Secret: "c", ReadOnly: true}}, loaded.App.Service("web").Mounts)
	assert.Equal(t, map[string]string{"c": "password: CANARY"}, values(loaded))
	assert.Empty(t, loaded.App.Files)
	assert.Contains(t, verdicts(loaded.Verdicts, "configs.c"), "configs.c: moved it holds a secret and became one, c")
}

func TestWhatTwoServicesMountIsOneThing(t *testing.T) {
	t.Parallel()
	source := beside(t, "services:\n"+
		"  a: {image: 'a:1', user: '1:1', volumes: ['./f.ini:/a', './conf:/etc/a', './k:/k', './d:/d']}\n"+
		"  b: {image: 'a:1', user: '1:1', volumes: ['./conf/../f.ini:/b', './conf/:/etc/b', './k:/k', './d:/d']}\n",
		map[string]string{"f.ini": "x", "conf/a.conf": "a", "k": key})
	a := load(t, source).App
	assert.Len(t, a.Files, 1)
	assert.Len(t, a.Folders, 1)
	assert.Len(t, a.Secrets, 1)
	assert.Len(t, a.Volumes, 1)
	mounted := func(s string) []string {
		var names []string
		for _, m := range a.Service(s).Mounts {
			names = append(names, m.File+m.Folder+m.Secret+m.Volume)
		}
		return names
	}
	assert.Equal(t, []string{"f-ini", "d", "conf", "k"}, mounted("a"))
	assert.Equal(t, []string{"f-ini", "d", "conf", "k"}, mounted("b"))
}

func TestNamesOfWhatIsMountedAreNobodyElses(t *testing.T) {
	t.Parallel()
	loaded := load(t, beside(t, web+`    volumes:
      ['./data:/data', 'data:/declared', './conf:/conf', './a.b:/ab', './a_b:/ab2', './key:/key']
    configs: [{source: conf, target: /c}]
    secrets: [{source: key, target: /k}]
volumes: {data: {}}
configs: {conf: {content: x}}
secrets: {key: {external: true}}
`, map[string]string{"conf": "text", "a.b": "1", "a_b": "2", "key": key}))
	found := map[string]string{}
	for _, m := range loaded.App.Service("web").Mounts {
		found[m.Path] = m.File + m.Volume + m.Secret
	}
	assert.Equal(t, "data", found["/declared"])
	assert.Regexp(t, `^data-[0-9a-f]{5}$`, found["/data"])
	assert.Equal(t, "conf", found["/c"])
	assert.Regexp(t, `^conf-[0-9a-f]{5}$`, found["/conf"])
	assert.Equal(t, "a-b", found["/ab"])
	assert.Regexp(t, `^a-b-[0-9a-f]{5}$`, found["/ab2"])
	assert.Equal(t, "key", found["/k"])
	assert.Regexp(t, `^key-[0-9a-f]{5}$`, found["/key"])
}

func TestEmbeddedFilesCanBeMountedToo(t *testing.T) {
	t.Parallel()
	source := embedded(web + "    volumes: ['./conf:/etc/conf', './key.txt:/key.txt']\n")
	source.Assets = fstest.MapFS{"conf/a.ini": {Data: []byte("a")}, "key.txt": {Data: []byte("plain")}}
	source.Adopt = true
	a := load(t, source).App
	assert.Equal(t, "a", a.Folders[0].Files[0].Content)
	assert.Equal(t, "plain", a.Files[0].Content)
}

func TestFilesForDmcloudMountNothingOfTheHost(t *testing.T) {
	t.Parallel()
	source := mounting(t, "['./gone:/gone', './empty:/etc/empty']", map[string]string{"conf.ini": "x"})
	require.NoError(t, os.Mkdir(filepath.Join(source.Dir, "empty"), 0o755))
	source.Adopt = false
	_, err := compose.Load(t.Context(), source)
	assert.Equal(t, []string{
		"services.web.volumes[0]: /gone: mounts a folder of the host; use a volume, or configs for files",
		"services.web.volumes[1]: empty: is empty; use a volume",
	}, problems(t, err))
}

func TestFoldersInMemory(t *testing.T) {
	t.Parallel()
	a := load(t, mounting(t, "[{type: tmpfs, target: /t, tmpfs: {size: 64m}}, {type: volume, target: /anonymous}]\n"+
		"    read_only: true\n    shm_size: 128m\n    tmpfs: [/run/]", nil)).App
	s := a.Service("web")
	assert.Equal(t, []app.WritablePath{
		{Path: "/dev/shm", Size: 128 << 20, Memory: true}, {Path: "/run", Memory: true}, {
			Path: "/t", Size: 64 << 20, Memory: true,
		},
	}, s.WritablePaths)
	assert.Equal(t, []app.Mount{{Path: "/anonymous", Scratch: "scratch-anonymous"}}, s.Mounts)
}
