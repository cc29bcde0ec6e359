package kubelet_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/dekcd/dmcloud/components/internal/kubelet"
)

func TestExpand(t *testing.T) {
	t.Parallel()
	variables := map[string]string{"A": "one", "B": "$(A)", "EMPTY": ""}
	for word, want := range map[string]string{
		"":               "",
		"plain":          "plain",
		"$(A)":           "one",
		"x$(A)y$(A)":     "xoneyone",
		"$(B)":           "$(A)",
		"a$(EMPTY)b":     "ab",
		"$(UNKNOWN)":     "$(UNKNOWN)",
		"$$(A)":          "$(A)",
		"$$$(A)":         "$one",
		"$$$$(A)":        "$$(A)",
		"$A ${A}":        "$A ${A}",
		"$(A":            "$(A",
		"$(A$(A)":        "$(A$(A)",
		"$((1+1))":       "$((1+1))",
		"$()":            "$()",
		"costs 5$":       "costs 5$",
		"$$":             "$",
		"$(A)$(UNKNOWN)": "one$(UNKNOWN)",
	} {
		assert.Equal(t, want, kubelet.Expand(word, variables), word)
	}
}
