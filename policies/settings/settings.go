// Package settings is the typed form of an environment's policy settings: the stack configuration key "dmcloud:policy".
//
// It depends on neither Pulumi nor the rules, so that whoever reads a stack file can validate the same key.
package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/dekcd/dmcloud/components/problem"
)

// Key is the full name of the stack configuration key that holds the settings, whatever the project is called.
const Key = "dmcloud:policy"

// dateLayout is how an expiry date is written.
const dateLayout = time.DateOnly

// Level says what a violation of a rule does to a deployment.
type Level string

const (
	// Mandatory stops previews and updates.
	Mandatory Level = "mandatory"
	// Advisory prints a warning.
	Advisory Level = "advisory"
	// Disabled does not run the rule.
	Disabled Level = "disabled"
)

// Levels are all levels, strictest first.
func Levels() []Level {
	return []Level{Mandatory, Advisory, Disabled}
}

// Settings are what an environment decides about the rules. The zero value runs every rule at its own level, without
// exceptions.
type Settings struct {
	// Exceptions are the violations the environment lives with for a time.
	Exceptions []Exception `json:"exceptions,omitempty"`
	// Levels changes the level of rules by rule id. An advisory rule may be made mandatory or disabled. A mandatory rule
	// stays mandatory: the way around one is an exception, because that has a reason, an owner and an end.
	Levels map[string]Level `json:"levels,omitempty"`
}

// Exception lets resources violate one rule until a date.
type Exception struct {
	// Rule is the id of the rule.
	Rule string `json:"rule"`
	// Resource selects what the exception is for: "namespace/name", or "kind/namespace/name" for one kind only. Each part
	// is a pattern as of path.Match ("mysql-*"). The namespace is "-" for what has none, such as a ClusterRole or any
	// OpenStack resource; name is the object's name or its Pulumi name.
	Resource string `json:"resource"`
	// Reason is why the violation is acceptable, for the person who reviews it.
	Reason string `json:"reason"`
	// Owner is who answers for it.
	Owner string `json:"owner"`
	// Expires is the last day (UTC) it holds, as YYYY-MM-DD. From the next day on the violation counts again.
	Expires string `json:"expires"`
}

// Expired says whether the exception no longer holds at a moment. An exception whose date can't be read is expired.
func (e Exception) Expired(now time.Time) bool {
	last, err := time.Parse(dateLayout, e.Expires)
	return err != nil || !now.UTC().Before(last.AddDate(0, 0, 1))
}

// Decode reads settings from JSON, the form in which Pulumi hands over a structured configuration value. It is strict:
// unknown keys, wrong types and anything after the value are errors. Empty data are the zero settings.
// It does not validate; see [Settings.Problems].
func Decode(data []byte) (Settings, error) {
	var s Settings
	if len(bytes.TrimSpace(data)) == 0 {
		return s, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return Settings{}, fmt.Errorf("decode policy settings: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Settings{}, errors.New("decode policy settings: unexpected text after the value")
	}
	return s, nil
}

// Problems lists everything wrong with the settings. Paths are relative to the settings: "exceptions[0].expires".
//
// rules maps the id of every known rule to its own level; nil leaves rule ids and the direction of level changes
// unchecked, for callers that don't know the rules.
func (s Settings) Problems(rules map[string]Level) problem.List {
	var list problem.List
	known := strings.Join(slices.Sorted(maps.Keys(rules)), ", ")
	for i, e := range s.Exceptions {
		list.Under(fmt.Sprintf("exceptions[%d]", i), e.problems(rules, known))
	}
	for _, id := range slices.Sorted(maps.Keys(s.Levels)) {
		level := s.Levels[id]
		at := "levels." + id
		if !slices.Contains(Levels(), level) {
			list.Addf(at, string(level), "", "must be mandatory, advisory or disabled")
			continue
		}
		if rules == nil {
			continue
		}
		switch own, ok := rules[id]; {
		case !ok:
			list.Addf(at, nil, "known rules: "+known, "names no rule")
		case own == Mandatory && level != Mandatory:
			list.Addf(at, string(level), "grant an exception with a reason, an owner and an end instead",
				"a mandatory rule stays mandatory")
		}
	}
	return list
}

func (e Exception) problems(rules map[string]Level, known string) problem.List {
	var list problem.List
	switch _, ok := rules[e.Rule]; {
	case e.Rule == "":
		list.Addf("rule", nil, "", "must name a rule")
	case rules != nil && !ok:
		list.Addf("rule", e.Rule, "known rules: "+known, "names no rule")
	}
	parts := strings.Split(e.Resource, "/")
	if _, err := path.Match(e.Resource, ""); err != nil || len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		list.Addf("resource", e.Resource, `for example "seek/mysql-*" or "StatefulSet/seek/mysql"`,
			"must be namespace/name or kind/namespace/name")
	}
	if strings.TrimSpace(e.Reason) == "" {
		list.Addf("reason", nil, "", "must say why the violation is acceptable")
	}
	if strings.TrimSpace(e.Owner) == "" {
		list.Addf("owner", nil, "", "must say who answers for it")
	}
	if _, err := time.Parse(dateLayout, e.Expires); err != nil {
		list.Addf("expires", e.Expires, `for example "2027-06-30"`, "must be a date, YYYY-MM-DD")
	}
	return list
}
