package pullrequest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// previewTimeout is how long a preview may take.
const previewTimeout = 30 * time.Minute

const usage = `preview-comment shows on a pull request what a change would do to an environment.

  preview-comment render -stack STACK -policy-pack PATH -out FILE [-commit COMMIT]
      Runs pulumi preview (the CLI named by PULUMI, or found on PATH), prints its output, writes the comment to FILE
      and ends with pulumi's exit code.

  preview-comment post FILE
      Creates or edits the comment of that stack on the pull request whose GitHub Actions or GitLab CI job this is.
      Needs GITHUB_TOKEN, or COMMENT_TOKEN in GitLab.
`

// Exit codes of the command itself; render otherwise ends with pulumi's.
const (
	exitFailed = 1
	exitUsage  = 2
)

// Command is preview-comment: args are the arguments after the program's name, env its environment. It returns the exit
// code.
func Command(ctx context.Context, args, env []string, stdout, stderr io.Writer) int {
	fail := func(code int, err error) int {
		_, _ = fmt.Fprintf(stderr, "preview-comment: %v\n", err)
		return code
	}
	if len(args) == 0 {
		_, _ = io.WriteString(stderr, usage)
		return exitUsage
	}
	switch name, rest := args[0], args[1:]; name {
	case "render":
		code, err := renderCommand(ctx, rest, env, stdout, stderr)
		if err != nil {
			return fail(code, err)
		}
		return code
	case "post":
		if len(rest) != 1 {
			return fail(exitUsage, errors.New("post needs one file"))
		}
		if err := postCommand(ctx, rest[0], env); err != nil {
			return fail(exitFailed, err)
		}
		return 0
	default:
		return fail(exitUsage, fmt.Errorf("unknown command %q\n\n%s", name, usage))
	}
}

func renderCommand(ctx context.Context, args, env []string, stdout, stderr io.Writer) (int, error) {
	flags := flag.NewFlagSet("render", flag.ContinueOnError)
	flags.SetOutput(stderr)
	stack := flags.String("stack", "", "the stack to preview")
	pack := flags.String("policy-pack", "", "the policy pack to check it with")
	out := flags.String("out", "", "the file to write the comment to")
	commit := flags.String("commit", "", "the commit to name in the comment")
	if err := flags.Parse(args); err != nil {
		return exitUsage, fmt.Errorf("reading the arguments: %w", err)
	}
	if *out == "" {
		return exitUsage, errors.New("render needs -out, the file to write the comment to")
	}
	ctx, cancel := context.WithTimeout(ctx, previewTimeout)
	defer cancel()
	result, err := Preview(ctx, PreviewOptions{
		Stack: *stack, PolicyPack: *pack, Commit: *commit, Pulumi: lookup(env)("PULUMI"), Env: env,
	})
	if err != nil {
		return exitFailed, err
	}
	if _, err := io.WriteString(stdout, result.Output); err != nil {
		return exitFailed, fmt.Errorf("printing the preview: %w", err)
	}
	const private = 0o600
	if err := os.WriteFile(*out, []byte(result.Markdown), private); err != nil {
		return exitFailed, fmt.Errorf("writing the comment: %w", err)
	}
	return result.ExitCode, nil
}

func postCommand(ctx context.Context, file string, env []string) error {
	markdown, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading the comment: %w", err)
	}
	forge, err := ForgeFromEnvironment(lookup(env))
	if err != nil {
		return err
	}
	return forge.Post(ctx, string(markdown))
}

// lookup is os.Getenv on a given environment; as there, the last of equal names counts.
func lookup(env []string) func(string) string {
	return func(name string) string {
		for _, variable := range slices.Backward(env) {
			if value, ok := strings.CutPrefix(variable, name+"="); ok {
				return value
			}
		}
		return ""
	}
}
