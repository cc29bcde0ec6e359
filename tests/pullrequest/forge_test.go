package pullrequest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/dekcd/dmcloud/tests/pullrequest"
)

const token = "token-of-the-job-1234"

// dialect is how one forge spells the same API.
type dialect struct {
	name     string
	author   string // who the token is of
	comments string // path that lists and creates
	edit     string // path prefix that edits
	method   string
	env      func(api string) []string
	render   func(n note) any
}

type note struct {
	id     int64
	author string
	body   string
}

func dialects() []dialect {
	return []dialect{{
		name: "GitHub", author: "github-actions[bot]",
		comments: "/repos/institute/dmcloud/issues/7/comments", edit: "/repos/institute/dmcloud/issues/comments/",
		method: http.MethodPatch,
		env: func(api string) []string {
			return []string{
				"GITHUB_ACTIONS=true", "GITHUB_API_URL=" + api, "GITHUB_REPOSITORY=institute/dmcloud",
				"GITHUB_REF=refs/pull/7/merge", "GITHUB_TOKEN=" + token,
			}
		},
		render: func(n note) any {
			return map[string]any{"id": n.id, "body": n.body, "user": map[string]any{"login": n.author}}
		},
	}, {
		name: "GitLab", author: "project_3_bot",
		comments: "/projects/3/merge_requests/7/notes", edit: "/projects/3/merge_requests/7/notes/",
		method: http.MethodPut,
		env: func(api string) []string {
			return []string{
				"GITLAB_CI=true", "CI_API_V4_URL=" + api, "CI_PROJECT_ID=3", "CI_MERGE_REQUEST_IID=7",
				"COMMENT_TOKEN=" + token,
			}
		},
		render: func(n note) any {
			return map[string]any{"id": n.id, "body": n.body, "author": map[string]any{"username": n.author}}
		},
	}}
}

// forge keeps notes as GitHub or GitLab does.
type forge struct {
	dialect
	*httptest.Server

	t     *testing.T
	mu    sync.Mutex
	notes []note
	edits int
}

func newForge(t *testing.T, d dialect, notes ...note) *forge {
	t.Helper()
	f := &forge{dialect: d, t: t, notes: notes}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *forge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer := func(status int, value any) {
		w.WriteHeader(status)
		assert.NoError(f.t, json.NewEncoder(w).Encode(value))
	}
	if r.Header.Get("Authorization") != "Bearer "+token {
		answer(http.StatusUnauthorized, map[string]string{"message": "Bad credentials"})
		return
	}
	var sent struct {
		Body string `json:"body"`
	}
	_ = json.NewDecoder(r.Body).Decode(&sent)
	switch id, editing := strings.CutPrefix(r.URL.Path, f.edit); {
	case r.Method == http.MethodGet && r.URL.Path == "/user":
		answer(http.StatusOK, map[string]string{"username": f.author})
	case r.Method == http.MethodGet && r.URL.Path == f.comments:
		size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		from := min((page-1)*size, len(f.notes))
		rendered := []any{}
		for _, n := range f.notes[from:min(from+size, len(f.notes))] {
			rendered = append(rendered, f.render(n))
		}
		answer(http.StatusOK, rendered)
	case r.Method == http.MethodPost && r.URL.Path == f.comments:
		f.notes = append(f.notes, note{id: int64(1000 + len(f.notes)), author: f.author, body: sent.Body})
		answer(http.StatusCreated, f.render(f.notes[len(f.notes)-1]))
	case r.Method == f.method && editing:
		for i := range f.notes {
			if strconv.FormatInt(f.notes[i].id, 10) == id {
				f.notes[i].body = sent.Body
				f.edits++
				answer(http.StatusOK, f.render(f.notes[i]))
				return
			}
		}
		answer(http.StatusNotFound, map[string]string{"message": "Not Found"})
	default:
		answer(http.StatusMethodNotAllowed, map[string]string{"message": r.Method + " " + r.URL.Path})
	}
}

// post renders nothing: it posts the text as the comment of a stack.
func (f *forge) post(t *testing.T, stack, text string) (int, string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "preview.md")
	content := fmt.Sprintf("<!-- dmcloud-preview:%s -->\n%s\n", stack, text)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	var stderr bytes.Buffer
	code := pullrequest.Command(t.Context(), []string{"post", file}, f.env(f.URL), &bytes.Buffer{}, &stderr)
	return code, stderr.String()
}

func eachDialect(t *testing.T, check func(t *testing.T, d dialect)) {
	t.Helper()
	for _, d := range dialects() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			check(t, d)
		})
	}
}

func TestThereIsOneCommentPerStack(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, d dialect) {
		f := newForge(t, d)
		for _, push := range []string{"first", "second", "third"} {
			for _, stack := range []string{"institute", "institute-2"} {
				code, stderr := f.post(t, stack, push)
				require.Equal(t, 0, code, stderr)
			}
		}
		require.Len(t, f.notes, 2)
		assert.Equal(t, 4, f.edits)
		assert.Equal(t, "<!-- dmcloud-preview:institute -->\nthird\n", f.notes[0].body)
		assert.Equal(t, "<!-- dmcloud-preview:institute-2 -->\nthird\n", f.notes[1].body)
	})
}

func TestAnEarlierCommentIsFoundOnALaterPage(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, d dialect) {
		var notes []note
		for i := range 250 {
			notes = append(notes, note{id: int64(i + 1), author: "reviewer", body: "looks good"})
		}
		notes[230] = note{id: 231, author: d.author, body: "<!-- dmcloud-preview:institute -->\nold"}
		f := newForge(t, d, notes...)
		code, stderr := f.post(t, "institute", "new")
		require.Equal(t, 0, code, stderr)
		assert.Len(t, f.notes, 250)
		assert.Equal(t, "<!-- dmcloud-preview:institute -->\nnew\n", f.notes[230].body)
	})
}

func TestCommentsByOthersAreNeverEdited(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, d dialect) {
		bait := note{id: 1, author: "somebody", body: "<!-- dmcloud-preview:institute -->\nbait"}
		f := newForge(t, d, bait)
		code, stderr := f.post(t, "institute", "new")
		require.Equal(t, 0, code, stderr)
		require.Len(t, f.notes, 2)
		assert.Equal(t, bait, f.notes[0])
	})
}

func TestARefusalIsReportedWithoutTheToken(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, d dialect) {
		f := newForge(t, d)
		good := d.env
		f.env = func(api string) []string {
			return append(good(api), "GITHUB_TOKEN=wrong-token", "COMMENT_TOKEN=wrong-token")
		}
		code, stderr := f.post(t, "institute", "new")
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "looking for the comment of stack institute: ")
		assert.Contains(t, stderr, "401 Unauthorized: Bad credentials")
		assert.NotContains(t, stderr, "wrong-token")
		assert.Empty(t, f.notes)
	})
}

func TestTheTokenDoesNotFollowARedirect(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, d dialect) {
		asked := false
		elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
		defer elsewhere.Close()
		f := &forge{dialect: d, Server: httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))}
		defer f.Close()
		code, stderr := f.post(t, "institute", "new")
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr, "302 Found")
		assert.False(t, asked)
	})
}

func TestAFileWithoutMarkerIsNotPosted(t *testing.T) {
	t.Parallel()
	eachDialect(t, func(t *testing.T, d dialect) {
		f := newForge(t, d)
		file := filepath.Join(t.TempDir(), "preview.md")
		require.NoError(t, os.WriteFile(file, []byte("hello\n"), 0o600))
		var stderr bytes.Buffer
		code := pullrequest.Command(t.Context(), []string{"post", file}, d.env(f.URL), &bytes.Buffer{}, &stderr)
		assert.Equal(t, 1, code)
		assert.Contains(t, stderr.String(), "does not start with the marker")
		assert.Empty(t, f.notes)
	})
}

func TestAnIncompleteEnvironmentIsRefused(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		env  map[string]string
		want string
	}{
		"no forge": {nil, "neither GITHUB_ACTIONS nor GITLAB_CI"},
		"GitHub without anything": {
			map[string]string{"GITHUB_ACTIONS": "true"},
			"empty: GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_REF, GITHUB_TOKEN",
		},
		"GitHub on a branch": {
			map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"},
			`GITHUB_REF is "refs/heads/main": this job does not run for a pull request`,
		},
		"GitLab without anything": {
			map[string]string{"GITLAB_CI": "true"},
			"empty: CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID, COMMENT_TOKEN",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pullrequest.ForgeFromEnvironment(func(key string) string { return test.env[key] })
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestWrongUsageEndsWithTwo(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"no command": nil, "unknown command": {"up"}, "post without file": {"post"},
		"render without out": {"render", "-stack", "institute"}, "unknown flag": {"render", "-yes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			assert.Equal(t, 2, pullrequest.Command(t.Context(), args, nil, &bytes.Buffer{}, &stderr))
			assert.NotEmpty(t, stderr.String())
		})
	}
}
