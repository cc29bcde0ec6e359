// Package pullrequest shows reviewers what a change would do: it runs `pulumi preview` of an environment under the
// policy pack and keeps the result in one comment per stack on a GitHub pull request or a GitLab merge request.
package pullrequest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxComment is how long a comment may be, in bytes. GitHub refuses bodies above 65536 characters; GitLab takes more.
const maxComment = 60_000

// stopGrace is how long an interrupted pulumi has to end by itself.
const stopGrace = 30 * time.Second

// PreviewOptions say what to preview.
type PreviewOptions struct {
	// Stack is the name of a stack: letters, digits, "_", "-", "." and "/".
	Stack string
	// PolicyPack is the path of the policy pack, relative to Dir unless absolute; a preview without one is refused.
	PolicyPack string
	// Dir is the folder with Pulumi.yaml; the current one unless set.
	Dir string
	// Pulumi is the CLI, "pulumi" from PATH unless set.
	Pulumi string
	// Env is the environment of the CLI as "NAME=value". Values of variables that sound like credentials never get into
	// the comment.
	Env []string
	// Commit, when set, is shown in the comment.
	Commit string
}

// Result is the outcome of a preview.
type Result struct {
	// Markdown is the comment.
	Markdown string
	// Output is what pulumi printed; empty when it was withheld.
	Output string
	// ExitCode is pulumi's own, or 1 when it was stopped or its output withheld.
	ExitCode int
}

var stackName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]*$`)

// Preview runs `pulumi preview --diff` and renders the comment. A failing preview is a result, not an error.
func Preview(ctx context.Context, o PreviewOptions) (Result, error) {
	if !stackName.MatchString(o.Stack) {
		return Result{}, fmt.Errorf("stack name %q: use letters, digits, \"_\", \"-\", \".\" and \"/\"", o.Stack)
	}
	if o.PolicyPack == "" {
		return Result{}, errors.New("no policy pack: a preview that isn't checked must not look like one that is")
	}
	if o.Pulumi == "" {
		o.Pulumi = "pulumi"
	}
	// The engine would look for a relative path in the program's folder.
	pack := o.PolicyPack
	if !filepath.IsAbs(pack) {
		var err error
		if pack, err = filepath.Abs(filepath.Join(o.Dir, pack)); err != nil {
			return Result{}, fmt.Errorf("find the policy pack: %w", err)
		}
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, o.Pulumi, "preview", "--diff", "--non-interactive", "--color", "never",
		"--stack", o.Stack, "--policy-pack", pack)
	cmd.Dir, cmd.Env = o.Dir, o.Env
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopGrace

	err := cmd.Run()
	result := Result{Output: out.String(), ExitCode: cmd.ProcessState.ExitCode()}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		result.ExitCode = 1
		result.Output += fmt.Sprintf("\nThe preview was stopped: %v.\n", ctx.Err())
	case errors.As(err, &exit):
		if result.ExitCode < 0 { // ended by a signal
			result.ExitCode = 1
		}
	case err != nil:
		return Result{}, fmt.Errorf("running %s preview of stack %s: %w", o.Pulumi, o.Stack, err)
	}

	if leaked := leakedVariables(result.Output, o.Env); len(leaked) > 0 {
		result = Result{ExitCode: 1}
		result.Markdown = heading(o) + fmt.Sprintf(
			"**Withheld:** the output contains the value of %s. Find what prints it, then change that credential.\n",
			strings.Join(leaked, ", "))
		return result, nil
	}
	result.Markdown = render(o, result)
	return result, nil
}

// marker is the first line of a comment; it tells which stack the comment is of.
func marker(stack string) string { return "<!-- dmcloud-preview:" + stack + " -->" }

func heading(o PreviewOptions) string {
	of := ""
	if o.Commit != "" {
		of = " at " + o.Commit
	}
	return fmt.Sprintf("%s\n### Preview of `%s`%s\n\n", marker(o.Stack), o.Stack, of)
}

// render writes the comment within [maxComment].
func render(o PreviewOptions, result Result) string {
	changes := summary(result.Output)
	open := ""
	if result.ExitCode != 0 {
		changes = fmt.Sprintf("**Failed** with exit code %d. %s", result.ExitCode, changes)
		open = " open"
	}
	diff := align(result.Output)
	fence := strings.Repeat("`", max(3, longestRun(diff, '`')+1))
	head := fmt.Sprintf("%s%s\n\n<details%s><summary>Diff</summary>\n\n%sdiff\n",
		heading(o), strings.TrimSpace(changes), open, fence)
	tail := "\n" + fence + "\n\n</details>\n"
	note := fmt.Sprintf("\n... cut here; the job's log and `pulumi preview --diff --stack %s` show all ...\n", o.Stack)
	return head + cut(strings.TrimSpace(diff), maxComment-len(head)-len(tail), note) + tail
}

// summary is the list of counts that closes the output: "+ 3 to create, ~ 1 to update, 12 unchanged".
func summary(output string) string {
	const header = "Resources:\n"
	at := strings.LastIndex("\n"+output, "\n"+header)
	if at < 0 {
		return "No summary of changes."
	}
	var counts []string
	for line := range strings.Lines(output[at+len(header):]) {
		if !strings.HasPrefix(line, "    ") {
			break
		}
		counts = append(counts, strings.Join(strings.Fields(line), " "))
	}
	if len(counts) == 0 {
		return "**Changes:** none"
	}
	return "**Changes:** " + strings.Join(counts, ", ")
}

var indentedSign = regexp.MustCompile(`(?m)^( +)(\+\+|\+-|-\+|--|[-+~])([ \w])`)

// align puts the signs of changed lines first, where Markdown's diff colouring looks for them.
func align(diff string) string { return indentedSign.ReplaceAllString(diff, "$2$1$3") }

// cut shortens a text to at most limit bytes. It keeps whole lines from the start and, as summary and errors are there,
// from the end.
func cut(text string, limit int, note string) string {
	if len(text) <= limit {
		return text
	}
	room := limit - len(note)
	head, tail := text[:room*3/4], text[len(text)-room/4:]
	if i := strings.LastIndexByte(head, '\n'); i > 0 {
		head = head[:i]
	}
	if i := strings.IndexByte(tail, '\n'); i >= 0 && i < len(tail)-1 {
		tail = tail[i+1:]
	}
	return strings.ToValidUTF8(head, "") + note + strings.ToValidUTF8(tail, "")
}

func longestRun(text string, of rune) int {
	longest, run := 0, 0
	for _, r := range text {
		if r != of {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// minSecret is the length below which a value is too common to search for.
const minSecret = 8

var credentialVariable = regexp.MustCompile(
	`(?i)(PASSWORD|PASSPHRASE|SECRET|TOKEN|PRIVATE_KEY|ACCESS_KEY|CREDENTIAL|KUBECONFIG)`)

var pathVariable = regexp.MustCompile(`(?i)_(FILE|PATH|DIR|URL|ID|NAME)$`)

// leakedVariables names the variables whose credentials a text holds, whole or, for those of several lines such as a
// kubeconfig, one long line of them.
func leakedVariables(text string, env []string) []string {
	var leaked []string
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		if !credentialVariable.MatchString(name) || pathVariable.MatchString(name) {
			continue
		}
		needles := []string{strings.TrimSpace(value)}
		if strings.Contains(needles[0], "\n") {
			needles = slices.DeleteFunc(strings.Fields(value), func(word string) bool { return len(word) < 4*minSecret })
		} else if strings.HasPrefix(value, "/") { // KUBECONFIG is most often a path
			continue
		}
		if slices.ContainsFunc(needles, func(n string) bool { return len(n) >= minSecret && strings.Contains(text, n) }) {
			leaked = append(leaked, name)
		}
	}
	slices.Sort(leaked)
	return leaked
}
