package pullrequest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/components/catalog/images"
)

// renovatePatterns are the matchStrings of renovate.json5. Renovate and Go share a syntax of regular expressions, RE2.
func renovatePatterns(t *testing.T) []*regexp.Regexp {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(root, "renovate.json5"))
	require.NoError(t, err)
	var patterns []*regexp.Regexp
	for _, match := range regexp.MustCompile(`matchStrings: \[\s*'(.*)',\s*\]`).FindAllSubmatch(config, -1) {
		pattern := strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(string(match[1]))
		patterns = append(patterns, regexp.MustCompile(pattern))
	}
	require.Len(t, patterns, 3)
	return patterns
}

// pins are what Renovate finds in a text: "datasource depName version digest".
func pins(patterns []*regexp.Regexp, text string) []string {
	var found []string
	for _, pattern := range patterns {
		for _, match := range pattern.FindAllStringSubmatch(text, -1) {
			group := func(name string) string {
				if i := pattern.SubexpIndex(name); i >= 0 {
					return match[i]
				}
				return ""
			}
			found = append(found, strings.TrimSpace(strings.Join([]string{
				group("datasource"), group("depName"), group("currentValue"), group("currentDigest"),
			}, " ")))
		}
	}
	slices.Sort(found)
	return found
}

func TestRenovateReadsPinsInEveryLanguage(t *testing.T) {
	t.Parallel()
	digest := "sha256:" + strings.Repeat("0a", 32)
	tests := map[string]struct{ text, want string }{
		"Go image": {
			"// renovate: datasource=docker depName=fairdom/seek\nImage = \"fairdom/seek:1.18.1\"\n",
			"docker fairdom/seek 1.18.1",
		},
		"Go image with digest": {
			"\t// renovate: datasource=docker depName=docker.io/library/mysql\n\tmysql = \"mysql:8.4.6@" + digest + "\"\n",
			"docker docker.io/library/mysql 8.4.6 " + digest,
		},
		"image behind a registry port": {
			"# renovate: datasource=docker depName=registry:5000/solr\nimage: registry:5000/solr:9.8\n",
			"docker registry:5000/solr 9.8",
		},
		"default of a Compose variable": {
			"# renovate: datasource=docker depName=fairdom/seek\nimage: &seek ${SEEK_IMAGE:-fairdom/seek:1.18.1}\n",
			"docker fairdom/seek 1.18.1",
		},
		"image with a leading v": {
			"# renovate: datasource=docker depName=golangci/golangci-lint\nimage: golangci/golangci-lint:v2.15.0\n",
			"docker golangci/golangci-lint v2.15.0",
		},
		"Go version": {
			"// renovate: datasource=go depName=sigs.k8s.io/kwok\nconst kwok = \"v0.8.0\"\n",
			"go sigs.k8s.io/kwok 0.8.0",
		},
		"YAML version": {
			"# renovate: datasource=github-releases depName=pulumi/pulumi\npulumi-version: 3.259.0\n",
			"github-releases pulumi/pulumi 3.259.0",
		},
		"entry of the known images": {
			"\tentry(\"grafana/grafana\", \"11.6.0\", 472, 0, 3000).named(\"grafana\"),\n",
			"grafana/grafana 11.6.0",
		},
		"Make version": {
			"# renovate: datasource=github-releases depName=golangci/golangci-lint\nGOLANGCI_LINT=v2.15.0\n",
			"github-releases golangci/golangci-lint 2.15.0",
		},
	}
	patterns := renovatePatterns(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, []string{test.want}, pins(patterns, test.text))
		})
	}
}

func TestRenovateReadsEveryPinOfThisRepository(t *testing.T) {
	t.Parallel()
	all := renovatePatterns(t)
	patterns := all[:2] // the third has no comments
	comment := regexp.MustCompile(`(?m)^\s*(?://|#) renovate: `)
	files := regexp.MustCompile(`\.go$|\.ya?ml$|(^|/)Makefile$|^\.ci/`)
	total := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", ".dmcloud", "bin"}, relative) {
			return filepath.SkipDir
		}
		if !entry.Type().IsRegular() || !files.MatchString(filepath.ToSlash(relative)) {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		wanted := len(comment.FindAll(content, -1))
		if found := pins(patterns, string(content)); wanted > 0 {
			total += wanted
			assert.Len(t, found, wanted, "%s: a renovate comment is not followed by a version: found %q", relative, found)
		}
		return nil
	}))
	assert.Positive(t, total)
}

func TestRenovateReadsEveryVersionOfTheKnownImages(t *testing.T) {
	t.Parallel()
	table := renovatePatterns(t)[2:]
	files, err := filepath.Glob(filepath.Join(root, "components/catalog/images/*.go"))
	require.NoError(t, err)
	var found []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		found = append(found, pins(table, string(content))...)
	}
	assert.Greater(t, len(found), 100)
	for _, pin := range found {
		repository, version, _ := strings.Cut(pin, " ")
		facts, known := images.Find(repository + ":" + version)
		assert.True(t, known, pin)
		assert.Equal(t, repository, facts.Repository)
	}
}
