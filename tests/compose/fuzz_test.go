package compose_test

import (
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/compose"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
	"github.com/dekcd/dmcloud/components/problem"
)

// FuzzConvert converts anything: it never crashes, says what is wrong as problems, and what it accepts is as safe as
// everything else.
func FuzzConvert(f *testing.F) {
	for _, c := range cases(f) {
		for _, path := range c.Paths() {
			content, err := os.ReadFile(path)
			require.NoError(f, err)
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		source := compose.Source{
			Name: "fuzz", Adopt: true, Expose: map[string]string{"web": "web.example.org"},
			Files: []compose.File{{Path: "compose.yaml", Content: content}},
			Assets: fstest.MapFS{
				"nginx.conf": {Data: []byte("proxy_pass http://app_1:80;")}, "conf/a.ini": {Data: []byte("password = x")},
			},
		}
		loaded, err := compose.Load(t.Context(), source)
		var problems *problem.Error
		if err != nil {
			require.ErrorAs(t, err, &problems)
			assert.Empty(t, loaded.App)
			return
		}
		assert.Empty(t, loaded.App.Validate())
		c := cluster()
		c.IngressClass, c.IngressNamespace, c.IngressController = "class", "entry", manifest.OtherController
		c.TLS.Issuer = "issuer"
		m, err := manifest.Render(loaded.App, c)
		if err != nil {
			require.ErrorAs(t, err, &problems)
			return
		}
		if len(loaded.App.Services) > 0 {
			hardened(t, m)
		}
	})
}
