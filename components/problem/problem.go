// Package problem is how dmcloud says what is wrong with an input: every problem at once, each as path, value, rule and
// what to do about it.
package problem

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong with an input.
type Problem struct {
	// Path is where: "platforms[0].replicas".
	Path string
	// Value is what stands there, as text; empty when nothing does. Never a secret.
	Value string
	// Rule is what must hold.
	Rule string
	// Fix is what to write instead; may be empty when the rule says it.
	Fix string
}

// Error renders the problem on one line: "path: value: rule; fix".
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Path)
	if p.Value != "" {
		b.WriteString(": " + p.Value)
	}
	b.WriteString(": " + p.Rule)
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// List collects problems. The zero value is empty and ready to use.
type List []Problem

// Addf adds a problem; rule is a format.
func (l *List) Addf(path string, value any, fix, rule string, args ...any) {
	text := ""
	if value != nil {
		text = fmt.Sprint(value)
	}
	*l = append(*l, Problem{Path: path, Value: text, Rule: fmt.Sprintf(rule, args...), Fix: fix})
}

// Under adds the problems of another list, their paths put below prefix.
func (l *List) Under(prefix string, other List) {
	for _, p := range other {
		switch {
		case p.Path == "":
			p.Path = prefix
		case strings.HasPrefix(p.Path, "["):
			p.Path = prefix + p.Path
		default:
			p.Path = prefix + "." + p.Path
		}
		*l = append(*l, p)
	}
}

// Err is nil for an empty list, else an error that prints every problem on a line of its own.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	return &Error{Problems: l}
}

// Error is an error made of problems.
type Error struct {
	Problems List
}

// Error lists the problems, one a line, numbered when there are several.
func (e *Error) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d problems:", len(e.Problems))
	for i, p := range e.Problems {
		fmt.Fprintf(&b, "\n  %d. %s", i+1, p.Error())
	}
	return b.String()
}
