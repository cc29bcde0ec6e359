// Package rules is the security rules of the policy pack: what is checked, why, and how to fix it, as data in one table
// (see [Table]), and their evaluation over Pulumi resources.
//
// The rules look at resources as the Pulumi engine sees them, whatever program made them, and need neither the engine
// nor a cloud. Three things hold for every rule:
//   - It never fails to answer: unknown, secret, null and malformed values have defined verdicts, and a rule that
//     crashes counts as violated.
//   - A value that is not known yet makes it [Undetermined], unless what is known already violates it.
//   - What it says never contains a value of the resource, because any value may be a secret.
package rules

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/property"

	"github.com/dekcd/dmcloud/policies/settings"
)

// Resource is one Pulumi resource as the engine shows it to a policy pack.
type Resource struct {
	// Type is the type token, such as "kubernetes:apps/v1:Deployment".
	Type string
	// Name is the Pulumi name and URN the full name; only Type is needed.
	Name string
	URN  string
	// Properties are the inputs, or the outputs for rules over a stack.
	Properties property.Map
	// Dependencies are the URNs this resource depends on, for rules over a stack.
	Dependencies []string
}

// Scope says what a rule looks at.
type Scope string

const (
	// ResourceScope rules look at one resource, before it is created or changed.
	ResourceScope Scope = "resource"
	// StackScope rules look at all resources of a stack together.
	StackScope Scope = "stack"
)

// References are the ids under which other catalogues know a rule.
type References struct {
	// PodSecurity are check ids of the Kubernetes Pod Security Standards (k8s.io/pod-security-admission/policy).
	PodSecurity []string
	// CIS are sections of the CIS Kubernetes Benchmark.
	CIS []string
	// NSACISA are the Kubescape controls for the NSA/CISA Kubernetes Hardening Guide.
	NSACISA []string
	// KubeLinter, Checkov and Trivy are check ids of these tools.
	KubeLinter []string
	Checkov    []string
	Trivy      []string
	// BSI are requirements of the IT-Grundschutz-Kompendium, edition 2023.
	BSI []string
}

// Rule is one row of the table.
type Rule struct {
	// ID names the rule in output, settings and documentation; it never changes.
	ID string
	// Title is one line: what must hold.
	Title string
	// Checks says exactly which fields are looked at.
	Checks string
	// Why is what goes wrong otherwise.
	Why string
	// Fix is a snippet that satisfies the rule: YAML for Kubernetes, Pulumi YAML for everything else.
	Fix string
	// Level is the rule's own level; an environment's settings may change it.
	Level settings.Level
	// Scope is what the rule looks at.
	Scope Scope
	// Applies are the kinds it looks at: "group/Kind" for Kubernetes, in every API version and including their Patch and
	// List forms, else a type token.
	Applies []string
	// References map the rule to other catalogues.
	References References

	check      func(*object) []verdict
	checkStack func([]*object) []verdict
}

// Outcome is the result of a rule for a place in a resource.
type Outcome string

const (
	// Violated: the rule does not hold.
	Violated Outcome = "violated"
	// Undetermined: it can't be said, because a value is not known before the update runs.
	Undetermined Outcome = "undetermined"
	// Excepted: the rule does not hold, and the environment grants an exception.
	Excepted Outcome = "excepted"
)

// Finding is what a rule found.
type Finding struct {
	// Rule is the id, Level the level in force.
	Rule  string
	Level settings.Level
	// Outcome says what kind of finding it is.
	Outcome Outcome
	// Kind, Resource and URN say where: the kind of object, the Pulumi name and the URN.
	Kind     string
	Resource string
	URN      string
	// Path is the offending field: "spec.template.spec.containers[0].securityContext.privileged".
	Path string
	// Problem is what is wrong; it never contains values of the resource.
	Problem string
	// Fix is how to repair it: the snippet of the rule.
	Fix string
	// Exception is the exception that was granted: in force when Outcome is Excepted, run out otherwise.
	Exception *settings.Exception
}

// String is the whole finding on one line, for logs and tests.
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s %q: %s", f.Rule, f.Kind, f.Resource, f.line())
}

// Message is the finding for people who see it under the name of the rule and the resource, as the Pulumi CLI shows it.
// It is one line that says where the fix is described; a mandatory violation brings the fix itself. An exception is
// shown under a name of its own, so it says from which rule.
func (f Finding) Message() string {
	switch {
	case f.Outcome == Excepted:
		return f.Rule + ": " + f.line()
	case f.Level == settings.Mandatory:
		return f.line() + "\nFix:\n  " + strings.ReplaceAll(strings.TrimRight(f.Fix, "\n"), "\n", "\n  ")
	}
	return f.line() + " (fix: policies/README.md)"
}

// line is where and what, and what became of the exception.
func (f Finding) line() string {
	var b strings.Builder
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Problem)
	if f.Outcome == Undetermined {
		b.WriteString(" (not known yet)")
	}
	if e := f.Exception; e != nil {
		held := "until"
		if f.Outcome == Violated {
			held = "expired on"
		}
		fmt.Fprintf(&b, "; exception (%s %s, owner %s): %s", held, e.Expires, e.Owner, e.Reason)
	}
	return b.String()
}

// verdict is a finding before levels and exceptions.
type verdict struct {
	on      *object
	path    string
	problem string
	// open says that the verdict waits for an unknown value, crash that the rule crashed.
	open, crash bool
}

// Checker evaluates rules under the settings of an environment. It is safe for concurrent use.
type Checker struct {
	// rules are all rules, resourceRules and stackRules those of one scope.
	rules, resourceRules, stackRules []Rule

	exceptions []settings.Exception
	now        func() time.Time
}

// NewChecker prepares the rules of the table for an environment. Settings that don't fit the table are an error that
// lists every problem. now is the clock that exceptions expire by; nil means time.Now.
func NewChecker(s settings.Settings, now func() time.Time) (*Checker, error) {
	return newChecker(Table(), s, now)
}

func newChecker(table []Rule, s settings.Settings, now func() time.Time) (*Checker, error) {
	own := make(map[string]settings.Level, len(table))
	for _, rule := range table {
		own[rule.ID] = rule.Level
	}
	if err := s.Problems(own).Err(); err != nil {
		return nil, fmt.Errorf("policy settings (%s): %w", settings.Key, err)
	}
	for i, rule := range table {
		if level, ok := s.Levels[rule.ID]; ok {
			table[i].Level = level
		}
	}
	if now == nil {
		now = time.Now
	}
	c := &Checker{rules: table, exceptions: slices.Clone(s.Exceptions), now: now}
	for _, rule := range table {
		if rule.Scope == StackScope {
			c.stackRules = append(c.stackRules, rule)
		} else {
			c.resourceRules = append(c.resourceRules, rule)
		}
	}
	return c, nil
}

// Rules are the rules with the levels in force, disabled ones included.
func (c *Checker) Rules() []Rule {
	return slices.Clone(c.rules)
}

// Exceptions are the exceptions granted, expired ones included.
func (c *Checker) Exceptions() []settings.Exception {
	return slices.Clone(c.exceptions)
}

// Check evaluates every rule that is not disabled over resources: resource rules on each, stack rules on all together.
func (c *Checker) Check(resources ...Resource) []Finding {
	return c.run(c.rules, resources)
}

// CheckResource evaluates the resource rules that are not disabled.
func (c *Checker) CheckResource(r Resource) []Finding {
	return c.run(c.resourceRules, []Resource{r})
}

// CheckStack evaluates the stack rules that are not disabled.
func (c *Checker) CheckStack(resources ...Resource) []Finding {
	return c.run(c.stackRules, resources)
}

// Check evaluates every rule of the table at its own level, without exceptions.
func Check(resources ...Resource) []Finding {
	c := Checker{rules: Table(), now: time.Now}
	return c.Check(resources...)
}

func (c *Checker) run(table []Rule, resources []Resource) []Finding {
	var objects []*object
	for i := range resources {
		objects = append(objects, objectsOf(&resources[i])...)
	}
	var findings []Finding
	for _, rule := range table {
		if rule.Level == settings.Disabled {
			continue
		}
		var verdicts []verdict
		if rule.Scope == StackScope {
			verdicts = rule.onStack(objects)
		} else {
			for _, o := range objects {
				if slices.Contains(rule.Applies, o.kind.String()) {
					verdicts = append(verdicts, rule.on(o)...)
				}
			}
		}
		for _, v := range verdicts {
			findings = append(findings, c.finding(rule, v))
		}
	}
	return findings
}

// on evaluates a resource rule. A crash is a violation: what could not be checked must not pass.
func (r Rule) on(o *object) (verdicts []verdict) {
	defer func() {
		if recover() != nil {
			verdicts = []verdict{crashed(o)}
		}
	}()
	return r.check(o)
}

// onStack evaluates a stack rule, likewise.
func (r Rule) onStack(objects []*object) (verdicts []verdict) {
	defer func() {
		if recover() != nil {
			verdicts = []verdict{crashed(&object{resource: &Resource{Name: "stack"}, kind: groupKind{kind: "Stack"}})}
		}
	}()
	return r.checkStack(objects)
}

// crashed says where a rule crashed, not with what: the text of a panic may quote values.
func crashed(o *object) verdict {
	return verdict{
		on: o, crash: true,
		problem: "the rule crashed at " + CrashSite() + " and counts as violated; please report this",
	}
}

// CrashSite is the file and line of the panic that is being recovered, "rules.go:12", for a deferred function that has
// called recover.
func CrashSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for panicked := false; ; {
		frame, more := frames.Next()
		switch {
		case frame.Function == "runtime.gopanic":
			panicked = true
		case panicked && !strings.HasPrefix(frame.Function, "runtime."):
			return fmt.Sprintf("%s:%d", path.Base(frame.File), frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

func (c *Checker) finding(rule Rule, v verdict) Finding {
	f := Finding{
		Rule: rule.ID, Level: rule.Level, Outcome: Violated,
		Kind: v.on.kind.kind, Resource: v.on.resource.Name, URN: v.on.resource.URN,
		Path: v.path, Problem: v.problem, Fix: rule.Fix,
	}
	switch {
	case v.crash:
		// Neither an advisory level nor an exception covers what was never checked.
		f.Level = settings.Mandatory
		return f
	case v.open:
		f.Outcome = Undetermined
		return f
	}
	for _, e := range c.exceptions {
		if e.Rule != rule.ID {
			continue
		}
		matched := v.on.matches(e.Resource)
		if matched == no {
			continue
		}
		f.Exception = &e
		switch {
		case e.Expired(c.now()):
			continue
		case matched == maybe:
			f.Outcome = Undetermined
			continue
		}
		f.Outcome = Excepted
		return f
	}
	return f
}

// answer is a three-valued truth.
type answer int

const (
	no answer = iota
	maybe
	yes
)

// both is the conjunction of two answers.
func both(a, b answer) answer {
	return min(a, b)
}

// collector gathers the verdicts of a rule on one object.
type collector struct {
	on       *object
	verdicts []verdict
}

// violated notes that the rule does not hold at a place.
func (c *collector) violated(at, format string, args ...any) {
	c.verdicts = append(c.verdicts, verdict{on: c.on, path: at, problem: fmt.Sprintf(format, args...)})
}

// other notes what a state other than present and absent means: waiting for the value, or a violation, because a value
// of the wrong type says nothing about what the resource will do.
func (c *collector) other(f field, s state) {
	switch s {
	case unknown:
		c.verdicts = append(c.verdicts, verdict{on: c.on, path: f.path, problem: "depends on a value", open: true})
	case malformed:
		c.violated(f.path, "has a value of the wrong type")
	case absent, present:
	}
}
