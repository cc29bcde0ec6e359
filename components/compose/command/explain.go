package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/dekcd/dmcloud/components/compose"
)

// row is a verdict as it is printed.
type row struct {
	Path     string          `json:"path"`
	Outcome  compose.Outcome `json:"outcome"`
	Detail   string          `json:"detail,omitempty"`
	Fix      string          `json:"fix,omitempty"`
	Position string          `json:"position,omitempty"`
}

// report is what explain prints as JSON.
type report struct {
	Name     string `json:"name"`
	Verdicts []row  `json:"verdicts"`
	Refused  int    `json:"refused"`
}

func explain(ctx context.Context, p Process) int {
	var r request
	f := r.flags("explain", p.Stderr)
	asJSON := f.Bool("json", false, "print JSON")
	files, code, ok := parse(f, p)
	if !ok {
		return code
	}
	read, err := r.read(ctx, p, files)
	if err != nil {
		fmt.Fprintln(p.Stderr, "compose explain:", err)
		return exitUsage
	}
	out := report{Name: read.source.Name, Refused: len(read.refused), Verdicts: []row{}}
	locator := compose.Locate(read.source)
	for _, v := range read.verdicts {
		out.Verdicts = append(out.Verdicts, row{
			Path: v.Path, Outcome: v.Outcome, Detail: v.Detail, Fix: v.Fix, Position: locator.Position(v.Path),
		})
	}
	if *asJSON {
		encoder := json.NewEncoder(p.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(out)
	} else {
		err = out.table(p.Stdout)
	}
	switch {
	case err != nil:
		fmt.Fprintln(p.Stderr, "compose explain: print the verdicts:", err)
		return exitRefused
	case out.Refused > 0:
		return exitRefused
	}
	return exitOK
}

// table prints a line per verdict, and a summary; what is refused comes once more at the end, where one looks first.
func (r report) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tVERDICT\tWHY OR HOW")
	counts := map[compose.Outcome]int{}
	for _, v := range r.Verdicts {
		counts[v.Outcome]++
		fmt.Fprintf(t, "%s\t%s\t%s\n", v.Path, v.Outcome, oneLine(v.Detail))
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	fmt.Fprintf(w, "\n%s: %d verdicts: %d kept, %d hardened, %d moved, %d ignored, %d refused\n", r.Name, len(r.Verdicts),
		counts[compose.Kept], counts[compose.Hardened], counts[compose.Moved], counts[compose.Ignored],
		counts[compose.Refused])
	for _, v := range r.Verdicts {
		if v.Outcome == compose.Refused {
			fmt.Fprintln(w, "  "+strings.TrimSpace(v.line()))
		}
	}
	return nil
}

// line is a refusal in full: where, what, why, and what to do.
func (v row) line() string {
	text := v.Path + ": " + oneLine(v.Detail)
	if v.Position != "" {
		text = v.Position + ": " + text
	}
	if v.Fix != "" {
		text += "; " + oneLine(v.Fix)
	}
	return text
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
