package rules

import "github.com/dekcd/dmcloud/policies/settings"

// NewCheckerOf is NewChecker over another table.
var NewCheckerOf = newChecker

// Crashing is a rule that crashes with a text that quotes a value.
func Crashing(scope Scope) Rule {
	r := Rule{
		ID: "crashing", Title: "Crashes", Level: settings.Advisory, Scope: scope, Applies: []string{
			"core/ConfigMap",
		}, Fix: "none",
	}
	var list []string
	r.check = func(o *object) []verdict {
		data, _ := o.root.get("data").members()
		text, _ := data[0].text()
		return []verdict{{problem: list[len(text)]}}
	}
	r.checkStack = func(objects []*object) []verdict { return r.check(objects[0]) }
	return r
}
