package manifest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/app"
	"github.com/dekcd/dmcloud/components/kubernetes/internal/lab"
	"github.com/dekcd/dmcloud/components/kubernetes/manifest"
)

func BenchmarkRender(b *testing.B) {
	a, c := seekApp(b, "1.18.1"), lab.Cluster()
	b.ReportAllocs()
	for b.Loop() {
		_, err := manifest.Render(a, c)
		require.NoError(b, err)
	}
}

func BenchmarkRenderHundredPlatforms(b *testing.B) {
	c := lab.Cluster()
	var apps []app.App
	for i := range 100 {
		a := seekApp(b, "1.18.1")
		a.Name = fmt.Sprintf("seek-%d", i)
		apps = append(apps, a)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, a := range apps {
			_, err := manifest.Render(a, c)
			require.NoError(b, err)
		}
	}
}
