package pullrequest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	// requestTimeout is for one request to a forge.
	requestTimeout = 30 * time.Second
	// pageSize is the most both forges return at once.
	pageSize = 100
	// maxPages ends the search for an earlier comment.
	maxPages = 100
	// maxResponse is the most that is read of one response, in bytes.
	maxResponse = 32 << 20
)

// githubActions is who comments with the token of a GitHub Actions job.
const githubActions = "github-actions[bot]"

// Forge is one pull or merge request on GitHub or GitLab.
type Forge struct {
	client     *http.Client
	token      string
	comments   string                // lists and creates
	comment    func(id int64) string // edits
	editMethod string
	author     string // whose comments may be edited; empty: ask userURL
	userURL    string
}

var pullRequestRef = regexp.MustCompile(`^refs/pull/([0-9]+)/`)

// ForgeFromEnvironment reads what GitHub Actions or GitLab CI put into a job's environment, and the token to comment
// with: GITHUB_TOKEN, or COMMENT_TOKEN in GitLab, where a job's own token may not write notes. COMMENT_AUTHOR names who
// a GitHub token of another app or person comments as.
func ForgeFromEnvironment(getenv func(string) string) (*Forge, error) {
	var missing []string
	need := func(name string) string {
		value := getenv(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	forge := &Forge{client: &http.Client{
		Timeout: requestTimeout,
		// A redirected request could carry the token elsewhere, and a redirected POST becomes a GET.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	switch {
	case getenv("GITHUB_ACTIONS") == "true":
		api, repository, ref := need("GITHUB_API_URL"), need("GITHUB_REPOSITORY"), need("GITHUB_REF")
		forge.token = need("GITHUB_TOKEN")
		number := pullRequestRef.FindStringSubmatch(ref)
		if ref != "" && number == nil {
			return nil, fmt.Errorf("GITHUB_REF is %q: this job does not run for a pull request", ref)
		}
		if len(missing) > 0 {
			break
		}
		issues := api + "/repos/" + repository + "/issues"
		forge.comments = issues + "/" + number[1] + "/comments"
		forge.comment = func(id int64) string { return issues + "/comments/" + strconv.FormatInt(id, 10) }
		forge.editMethod = http.MethodPatch
		forge.author = getenv("COMMENT_AUTHOR")
		if forge.author == "" {
			forge.author = githubActions
		}
	case getenv("GITLAB_CI") == "true":
		api, project, number := need("CI_API_V4_URL"), need("CI_PROJECT_ID"), need("CI_MERGE_REQUEST_IID")
		forge.token = need("COMMENT_TOKEN")
		request := api + "/projects/" + url.PathEscape(project) + "/merge_requests/" + url.PathEscape(number)
		forge.comments = request + "/notes"
		forge.comment = func(id int64) string { return forge.comments + "/" + strconv.FormatInt(id, 10) }
		forge.editMethod = http.MethodPut
		forge.userURL = api + "/user"
	default:
		return nil, errors.New("neither GITHUB_ACTIONS nor GITLAB_CI is \"true\": this is not a job of a known forge")
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("these environment variables are empty: %s", strings.Join(missing, ", "))
	}
	return forge, nil
}

// comment is what both forges say about a comment, each under its own names.
type comment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
	} `json:"user"`
	Author struct {
		Username string `json:"username"`
	} `json:"author"`
}

var markerLine = regexp.MustCompile(`^<!-- dmcloud-preview:([A-Za-z0-9][A-Za-z0-9._/-]*) -->\n`)

// Post puts a comment rendered by [Preview] onto the request: it edits the comment of the same stack, or creates it.
// Comments by others are never edited, whatever they start with.
func (f *Forge) Post(ctx context.Context, markdown string) error {
	match := markerLine.FindStringSubmatch(markdown)
	if match == nil {
		return errors.New("the comment does not start with the marker of a stack; render it with preview-comment")
	}
	stack := match[1]
	id, err := f.find(ctx, marker(stack))
	if err != nil {
		return fmt.Errorf("looking for the comment of stack %s: %w", stack, err)
	}
	body := map[string]string{"body": markdown}
	if id == 0 {
		if err := f.do(ctx, http.MethodPost, f.comments, body, nil); err != nil {
			return fmt.Errorf("creating the comment of stack %s: %w", stack, err)
		}
		return nil
	}
	if err := f.do(ctx, f.editMethod, f.comment(id), body, nil); err != nil {
		return fmt.Errorf("editing the comment of stack %s: %w", stack, err)
	}
	return nil
}

// find returns the id of our own first comment that starts with the marker, or 0.
func (f *Forge) find(ctx context.Context, marker string) (int64, error) {
	author := f.author
	if author == "" {
		var user struct {
			Username string `json:"username"`
		}
		if err := f.do(ctx, http.MethodGet, f.userURL, nil, &user); err != nil {
			return 0, fmt.Errorf("asking whose token this is: %w", err)
		}
		author = user.Username
	}
	for page := 1; page <= maxPages; page++ {
		var comments []comment
		address := fmt.Sprintf("%s?per_page=%d&page=%d", f.comments, pageSize, page)
		if err := f.do(ctx, http.MethodGet, address, nil, &comments); err != nil {
			return 0, err
		}
		for _, c := range comments {
			if c.User.Login+c.Author.Username == author && strings.HasPrefix(c.Body, marker) {
				return c.ID, nil
			}
		}
		if len(comments) < pageSize {
			break
		}
	}
	return 0, nil
}

// do sends one request and decodes the answer into result, unless that is nil.
func (f *Forge) do(ctx context.Context, method, address string, body, result any) error {
	var content io.Reader = http.NoBody
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encoding the request: %w", err)
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, content)
	if err != nil {
		return fmt.Errorf("making the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+f.token)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Content-Type", "application/json")
	response, err := f.client.Do(request)
	if err != nil {
		return fmt.Errorf("sending the request: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // the answer has been read, or its failure reported
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return fmt.Errorf("reading the answer to %s %s: %w", method, address, err)
	}
	if response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusMultipleChoices {
		var reason struct {
			Message any `json:"message"`
		}
		if json.Unmarshal(answer, &reason) != nil || reason.Message == nil {
			reason.Message = "no reason given"
		}
		return fmt.Errorf("%s %s: %s: %v", method, address, response.Status, reason.Message)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return fmt.Errorf("decoding the answer to %s %s: %w", method, address, err)
	}
	return nil
}
